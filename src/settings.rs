//! The settings of `jackfield.yaml` that a server starts with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::compile::Compiled;
use crate::config::scalar::Text;

/// Where the server listens and stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub data: PathBuf,
}

/// Receiving, unless said otherwise.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
/// For the operator, unless said otherwise.
const ADMIN: ([u8; 4], u16) = ([127, 0, 0, 1], 8081);

impl ServerSettings {
    /// From a compiled workspace in `root`, which has proved the addresses.
    pub fn of(compiled: &Compiled, root: &Path) -> Self {
        let settings = compiled.settings.as_ref();
        let data = settings.and_then(|s| s.data.as_ref()).map_or("data", |data| &data.value);
        ServerSettings {
            listen: address(settings.and_then(|s| s.listen.as_ref()), LISTEN),
            admin: address(settings.and_then(|s| s.admin.as_ref()), ADMIN),
            data: root.join(data),
        }
    }
}

fn address(text: Option<&Text>, default: ([u8; 4], u16)) -> SocketAddr {
    text.and_then(|text| text.value.parse().ok()).unwrap_or_else(|| default.into())
}

//! The settings of `jackfield.yaml` that a server starts with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::compile::Compiled;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic};

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
    /// From a compiled workspace in `root`.
    pub fn of(compiled: &Compiled, root: &Path) -> Result<Self, Box<Diagnostic>> {
        let settings = compiled.settings.as_ref();
        let data = settings.and_then(|s| s.data.as_ref()).map_or("data", |data| &data.value);
        Ok(ServerSettings {
            listen: address(settings.and_then(|s| s.listen.as_ref()), LISTEN)?,
            admin: address(settings.and_then(|s| s.admin.as_ref()), ADMIN)?,
            data: root.join(data),
        })
    }
}

fn address(text: Option<&Text>, default: ([u8; 4], u16)) -> Result<SocketAddr, Box<Diagnostic>> {
    let Some(text) = text else { return Ok(default.into()) };
    text.value.parse().map_err(|_| {
        let message = format!("`{}` is not an address to listen on", text.value);
        let help =
            "write an IP address and a port: `127.0.0.1:8080`, or `0.0.0.0:8080` for every network of the machine";
        Box::new(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help))
    })
}

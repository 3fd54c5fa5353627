//! The settings of `jackfield.yaml` that a server starts with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::compile::{Compiled, Entrance};
use crate::config::scalar::Text;
use crate::config::settings::{self, Settings};
use crate::ingress::Most;
use crate::store::Retention;

/// Where the server listens and stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    /// How the page is entered; nothing when there is none.
    pub page: Option<Entrance>,
    pub data: PathBuf,
    /// What is taken on at once.
    pub most: Most,
    pub retention: Retention,
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
            page: compiled.page.clone(),
            data: root.join(data),
            most: Most { head: compiled.set.head, ..settings.map_or_else(Most::default, most) },
            retention: retention(settings.and_then(|s| s.retention.as_ref())),
        }
    }
}

fn address(text: Option<&Text>, default: ([u8; 4], u16)) -> SocketAddr {
    text.and_then(|text| text.value.parse().ok()).unwrap_or_else(|| default.into())
}

/// How long events are kept, unless said otherwise.
const AGE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long an identity is known, unless said otherwise.
const IDENTITIES: Duration = Duration::from_secs(30 * 24 * 3600);

fn retention(written: Option<&settings::Retention>) -> Retention {
    Retention {
        age: Some(written.and_then(|r| Some(r.age.as_ref()?.value)).unwrap_or(AGE)),
        routes: BTreeMap::new(),
        sizes: BTreeMap::new(),
        size: written.and_then(|r| Some(r.size.as_ref()?.value.0)),
        identity_window: written.and_then(|r| Some(r.identities.as_ref()?.value)).unwrap_or(IDENTITIES),
    }
}

fn most(settings: &Settings) -> Most {
    let (limits, usual) = (settings.limits.as_ref(), Most::default());
    let whole = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    Most {
        connections: whole(limits.and_then(|l| Some(l.connections.as_ref()?.value))).unwrap_or(usual.connections),
        requests: whole(limits.and_then(|l| Some(l.requests.as_ref()?.value))).unwrap_or(usual.requests),
        bodies: whole(limits.and_then(|l| Some(l.bodies.as_ref()?.value.0))).unwrap_or(usual.bodies),
        head: usual.head,
    }
}

//! What makes a captured request verify, tried out: the address that it was sent to, and the secret that it names.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{RawRequest, capture};
use crate::route::RouteSet;
use crate::secret::Secret;
use crate::source::Source;
use crate::test_case::ending;
use crate::value::Value;
use crate::verify::Verify;

/// Headers with the name by which the sender called.
const HOSTS: [&str; 3] = ["x-forwarded-host", "x-original-host", "host"];

/// A captured request that is refused.
pub(super) struct Trial<'a> {
    pub source: &'a Source,
    pub raw: &'a Arc<RawRequest>,
    pub params: &'a Value,
    pub set: &'a RouteSet,
    pub now: Timestamp,
    /// Whether `public_url` is still to be said.
    pub is_address_open: bool,
}

/// What was found to make it right.
#[derive(Default)]
pub(super) struct Tried {
    /// The line break at the end of the file goes.
    pub ending: bool,
    /// `public_url` is this.
    pub address: Option<String>,
    /// The secret is the one that the file names in its first line.
    pub secret: Option<String>,
}

impl Trial<'_> {
    pub(super) fn run(&self, bytes: &[u8]) -> Tried {
        let own = &self.set.public_url;
        if ending::is_to_blame(self.source, self.raw, self.params, own, self.now) {
            return Tried { ending: true, ..Tried::default() };
        }
        let addresses = self.addresses();
        if let Some(address) = addresses.iter().find(|address| self.is_right(&self.source.verify, address)) {
            return Tried { address: Some(address.clone()), ..Tried::default() };
        }
        let told = capture::secret(bytes).map(Secret::new);
        let Some((told, verify)) = told.and_then(|told| Some((told.clone(), self.source.verify.by(&told)?))) else {
            return Tried::default();
        };
        let secret = Some(told.expose().to_owned());
        if self.is_right(&verify, own) {
            return Tried { secret, ..Tried::default() };
        }
        match addresses.into_iter().find(|address| self.is_right(&verify, address)) {
            Some(address) => Tried { secret, address: Some(address), ending: false },
            None => Tried::default(),
        }
    }

    fn is_right(&self, verify: &Verify, address: &str) -> bool {
        verify.verify(&self.source.context(self.raw, self.params, address, self.now)).is_ok()
    }

    /// What `public_url` may be, by the headers of the request.
    fn addresses(&self) -> Vec<String> {
        let hosts = HOSTS.iter().filter(|_| self.is_address_open).filter_map(|name| self.raw.header(name));
        hosts.flat_map(|host| ["https", "http"].map(|scheme| format!("{scheme}://{}", host.trim()))).collect()
    }
}

//! How an account is reached: through which proxy, by which certificates, and to which addresses.

use std::net::SocketAddr;
use std::sync::Arc;

use url::Url;

use super::address;
use crate::secret::Secret;

/// What a connection says about the way to its provider. Connections that say the same share one HTTP client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub private: Private,
    /// The proxy's address, which may hold a password.
    pub proxy: Option<Secret>,
    /// Authorities beside those of the machine, as PEM.
    pub ca: Option<Arc<str>>,
    pub client_certificate: Option<ClientCertificate>,
}

/// Whether addresses that are not of the public internet may be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Private {
    #[default]
    Refused,
    /// This one alone: the sandbox's own.
    Only(SocketAddr),
    Allowed,
}

/// How we prove ourselves to the provider: both as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: Arc<str>,
    pub key: Secret,
}

impl Link {
    /// To the sandbox and nowhere else.
    pub fn to_sandbox(address: Option<SocketAddr>) -> Self {
        Link { private: address.map_or(Private::Refused, Private::Only), ..Link::default() }
    }

    /// Whether the address that a URL names itself may be reached. A name is looked at when it is resolved.
    pub fn allows(&self, url: &Url) -> bool {
        let literal = address::literal(url);
        match self.private {
            Private::Allowed => true,
            Private::Only(only) => literal == Some(only.ip()) && url.port_or_known_default() == Some(only.port()),
            Private::Refused => literal.is_none_or(address::is_public),
        }
    }
}

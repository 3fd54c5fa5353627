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

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(link: &Link, url: &str) -> bool {
        link.allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_sandbox_is_reached_and_nothing_beside_it() {
        let link = Link::to_sandbox("127.0.0.1:8090".parse().ok());
        assert!(allowed(&link, "http://127.0.0.1:8090/acme"));
        for other in
            ["http://127.0.0.1:8091/", "http://127.0.0.2:8090/", "http://localhost:8090/", "https://api.example.com/"]
        {
            assert!(!allowed(&link, other), "{other}");
        }
    }

    #[test]
    fn a_number_is_looked_at_here_and_a_name_when_it_is_resolved() {
        let link = Link::default();
        assert!(allowed(&link, "https://8.8.8.8/") && allowed(&link, "http://localhost/"));
        assert!(
            !allowed(&link, "http://169.254.169.254/latest") && !allowed(&link, "http://[::ffff:169.254.169.254]/")
        );
        assert!(allowed(&Link { private: Private::Allowed, ..link }, "http://10.0.0.1/"));
    }
}

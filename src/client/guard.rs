//! Names become addresses here, and what is not of the public internet is left out before anything connects to it. The
//! addresses that pass are those that are connected to: nobody asks a second time.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::pack::address::is_public;
use crate::pack::link::{Link, Private};

/// A name that has no address but such as are refused.
#[derive(Debug, thiserror::Error)]
#[error("the address is not of the public internet")]
pub(super) struct PrivateAddress;

/// Looks names up by the machine's own means.
pub(super) struct Resolver {
    is_open: bool,
    /// The proxy is chosen in the settings and may stand anywhere.
    proxy: Option<Arc<str>>,
}

impl Resolver {
    pub(super) fn of(link: &Link) -> Self {
        let proxy = link.proxy.as_ref().and_then(|proxy| Url::parse(proxy.expose()).ok());
        let proxy = proxy.as_ref().and_then(Url::host_str).map(Arc::from);
        Resolver { is_open: link.private == Private::Allowed, proxy }
    }

    fn is_free(&self, name: &str) -> bool {
        self.is_open || self.proxy.as_deref().is_some_and(|proxy| proxy.eq_ignore_ascii_case(name))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_free = self.is_free(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(passed(found, is_free)?)
        })
    }
}

/// Those that may be connected to; an error when that is none of several.
fn passed(found: Vec<SocketAddr>, is_free: bool) -> Result<Addrs, PrivateAddress> {
    let had_some = !found.is_empty();
    let passed: Vec<SocketAddr> = found.into_iter().filter(|address| is_free || is_public(address.ip())).collect();
    match had_some && passed.is_empty() {
        true => Err(PrivateAddress),
        false => Ok(Box::new(passed.into_iter())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_of_a_name_pass() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = addresses(&["10.0.0.1:0", "[::1]:0", "8.8.8.8:0", "[::ffff:8.8.8.8]:0"]);
        let left: Vec<_> = passed(mixed.clone(), false).unwrap().collect();
        assert_eq!(left, addresses(&["8.8.8.8:0"]));
        assert!(passed(addresses(&["127.0.0.1:0", "[64:ff9b::808:808]:0"]), false).is_err());
        assert_eq!(passed(mixed, true).unwrap().count(), 4);
        assert_eq!(passed(Vec::new(), false).unwrap().count(), 0, "a name without addresses is another trouble");
    }

    #[test]
    fn a_proxy_may_stand_anywhere_and_no_other_name() {
        let proxy = Some(crate::secret::Secret::new("socks5://user:word@Proxy.Home:1080"));
        let resolver = Resolver::of(&Link { proxy, ..Link::default() });
        assert!(resolver.is_free("proxy.home"));
        assert!(!resolver.is_free("localhost"));
    }
}

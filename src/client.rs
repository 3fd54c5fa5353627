//! HTTP clients, all made the same way: rustls, no redirects, no proxy of the environment, one name for the user agent.

mod answer;
mod cache;
mod fetch;
mod grant;
mod guard;
mod target;
mod token;
mod trouble;

use std::time::Duration;

use crate::pack::link::Link;

pub use answer::answer;
pub use cache::Clients;
pub use fetch::Fetcher;
pub use target::{Unsendable, headers, target};
pub use token::Tokens;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(60);
/// How many headers an answer may have.
const MOST_HEADERS: usize = 100;

/// The client could not be made: the machine's certificates can't be read, or the like.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made on this machine")]
pub struct ClientError;

/// The beginnings of a client.
pub fn builder() -> reqwest::ClientBuilder {
    // A second client in one process finds the first one's provider in place, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("jackfield/", env!("CARGO_PKG_VERSION")))
}

/// How long making a connection may take for a call that may take so long altogether. It ends before the call does, so that a
/// connection that never came about is told from an answer that did not come.
fn connect_within(timeout: Duration) -> Duration {
    CONNECT.min(timeout.mul_f64(0.9))
}

/// What every client of a connection has: its proxy, and the guard of what a name leads to.
fn guarded(link: &Link) -> Result<reqwest::ClientBuilder, ClientError> {
    let builder = builder()
        .connect_timeout(CONNECT)
        .http1_only()
        .http1_max_headers(MOST_HEADERS)
        .dns_resolver(guard::Resolver::of(link));
    let Some(proxy) = &link.proxy else { return Ok(builder) };
    // A proxy resolves the names of providers, whatever its kind: it may be the only one that can.
    let address = proxy.expose().replacen("socks5://", "socks5h://", 1);
    Ok(builder.proxy(reqwest::Proxy::all(address).map_err(|_| ClientError)?))
}

/// A client that reaches a provider as the connection says, and nothing else.
fn of_link(link: &Link, connect: Duration) -> Result<reqwest::Client, ClientError> {
    let mut builder = guarded(link)?.connect_timeout(connect).pool_idle_timeout(IDLE);
    if let Some(ca) = &link.ca {
        let authorities = reqwest::Certificate::from_pem_bundle(ca.as_bytes()).map_err(|_| ClientError)?;
        builder = builder.tls_certs_merge(authorities);
    }
    if let Some(own) = &link.client_certificate {
        let both = format!("{}\n{}\n", own.certificate, own.key.expose());
        builder = builder.identity(reqwest::Identity::from_pem(both.as_bytes()).map_err(|_| ClientError)?);
    }
    builder.build().map_err(|_| ClientError)
}

//! HTTP clients, all made the same way: rustls, no redirects, one name for the user agent.

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
        .user_agent(concat!("jackfield/", env!("CARGO_PKG_VERSION")))
}

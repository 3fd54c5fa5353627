//! Files that a request names by their address, fetched when it goes out. Whoever wrote the address may be a stranger, so
//! only the public internet is asked, whatever the connection allows for its provider.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::{Attempt, Policy};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::trouble::trouble;
use super::{CONNECT, ClientError, MOST_HEADERS, builder, guard};
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::link::{Link, Private};
use crate::request::{File, Files};

/// The files of one request are not larger together.
const LARGEST: usize = 40 * 1024 * 1024;
/// How long one file may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An address may lead to another so often.
const REDIRECTS: usize = 5;
/// The files of so many requests are in memory at a time.
const ROOM: usize = 4;

/// Fetches files.
#[derive(Clone, Debug)]
pub struct Fetcher {
    room: Arc<Semaphore>,
}

/// The files of one request, and their place in memory.
#[derive(Debug, Default)]
pub struct Fetched {
    pub files: Files,
    _room: Option<OwnedSemaphorePermit>,
}

impl Default for Fetcher {
    fn default() -> Self {
        Fetcher { room: Arc::new(Semaphore::new(ROOM)) }
    }
}

impl Fetcher {
    /// The files at these addresses, by the way that a connection has to the internet.
    pub async fn fetch(&self, links: Vec<Arc<str>>, link: &Link) -> Result<Fetched, Trouble> {
        let mut fetched = Fetched::default();
        if links.is_empty() {
            return Ok(fetched);
        }
        fetched._room = self.room.clone().acquire_owned().await.ok();
        let mut left = LARGEST;
        for address in links {
            let file = match link.private {
                Private::Only(_) => stand_in(),
                Private::Refused | Private::Allowed => {
                    let public = Link { private: Private::Refused, client_certificate: None, ..link.clone() };
                    one(&address, &public, left).await?
                }
            };
            left = left.saturating_sub(file.bytes.len());
            fetched.files.insert(address, file);
        }
        Ok(fetched)
    }
}

/// What stands for a file where nothing real is at stake.
fn stand_in() -> File {
    File { content_type: Some("text/plain".to_owned()), bytes: b"a file of the sandbox".to_vec() }
}

async fn one(address: &str, link: &Link, most: usize) -> Result<File, Trouble> {
    let url = Url::parse(address).ok().filter(is_web).ok_or(Trouble::NoFile)?;
    if !link.allows(&url) {
        return Err(Trouble::PrivateAddress);
    }
    let client = client(link).map_err(|_| Trouble::NoFile)?;
    let failed = |error: reqwest::Error| match trouble(&error) {
        AttemptResult::NotSent(Trouble::PrivateAddress) => Trouble::PrivateAddress,
        _ => Trouble::NoFile,
    };
    let mut response = client.get(url).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(Trouble::NoFile);
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            return Err(Trouble::NoFile);
        }
    }
    if bytes.is_empty() { Err(Trouble::NoFile) } else { Ok(File { content_type, bytes }) }
}

fn client(link: &Link) -> Result<reqwest::Client, ClientError> {
    let (own, resolver) = (link.clone(), guard::Resolver::of(link));
    let mut builder = builder()
        .connect_timeout(CONNECT)
        .timeout(TIMEOUT)
        .http1_only()
        .http1_max_headers(MOST_HEADERS)
        .redirect(Policy::custom(move |attempt| next(attempt, &own)))
        .dns_resolver(resolver);
    if let Some(proxy) = &link.proxy {
        let address = proxy.expose().replacen("socks5://", "socks5h://", 1);
        builder = builder.proxy(reqwest::Proxy::all(address).map_err(|_| ClientError)?);
    }
    builder.build().map_err(|_| ClientError)
}

/// Whether an address that a file's address leads to is asked.
fn next(attempt: Attempt<'_>, link: &Link) -> reqwest::redirect::Action {
    match (link.allows(attempt.url()), is_web(attempt.url()) && attempt.previous().len() <= REDIRECTS) {
        (false, _) => attempt.error(guard::PrivateAddress),
        (true, false) => attempt.stop(),
        (true, true) => attempt.follow(),
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Serves answers by their path, as often as they are asked for.
    fn served(answers: &'static [(&'static str, &'static str)]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let answer = answers.iter().find(|(known, _)| *known == path).map_or("404 x\r\n", |(_, answer)| answer);
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
            }
        });
        address
    }

    #[tokio::test]
    async fn a_file_is_fetched_within_its_bounds() {
        let base = served(&[
            ("/good", "200 x\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\nfile"),
            ("/moved", "302 x\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n"),
            ("/round", "302 x\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n"),
            ("/away", "302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
            ("/gone", "404 x\r\nContent-Length: 4\r\n\r\ngone"),
            ("/empty", "200 x\r\nContent-Length: 0\r\n\r\n"),
            ("/half", "200 x\r\nContent-Length: 9\r\n\r\nfile"),
        ]);
        let open = Link { private: Private::Allowed, ..Link::default() };
        let good = File { content_type: Some("image/png".to_owned()), bytes: b"file".to_vec() };
        for path in ["/good", "/moved"] {
            assert_eq!(one(&format!("{base}{path}"), &open, 4).await, Ok(good.clone()), "{path}");
        }
        assert_eq!(one(&format!("{base}/good"), &open, 3).await, Err(Trouble::NoFile), "too large");
        for path in ["/round", "/away", "/gone", "/empty", "/half"] {
            assert_eq!(one(&format!("{base}{path}"), &open, 99).await, Err(Trouble::NoFile), "{path}");
        }
        assert_eq!(one("file:///etc/passwd", &open, 99).await, Err(Trouble::NoFile));
    }

    #[tokio::test]
    async fn only_the_public_internet_is_asked_whatever_the_connection_allows() {
        let base = served(&[("/good", "200 x\r\nContent-Length: 4\r\n\r\nfile")]);
        let open = Link { private: Private::Allowed, ..Link::default() };
        let by_name = base.replace("127.0.0.1", "localhost");
        for address in [base, by_name, "http://[::1]:1".to_owned(), "http://169.254.169.254".to_owned()] {
            let links = vec![format!("{address}/good").into()];
            assert_eq!(Fetcher::default().fetch(links, &open).await.unwrap_err(), Trouble::PrivateAddress, "{address}");
        }
    }
}

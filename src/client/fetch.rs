//! Files that a request names by their address, fetched when it goes out. Whoever wrote the address may be a stranger, so
//! only the public internet is asked, whatever the connection allows for its provider.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

use super::trouble::trouble;
use super::{CONNECT, ClientError, guarded};
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::address;
use crate::pack::link::{Link, Private};
use crate::request::{File, Files};

/// The files of one request are not larger together.
const LARGEST: usize = 40 * 1024 * 1024;
/// How long one file may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An address may lead to another so often.
const REDIRECTS: usize = 5;
/// The files of so many requests of a connection are fetched at a time.
const PLACES: usize = 4;
/// How long a request waits for a place; after that it makes room for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// A part of the memory for files.
const PART: usize = 1024;
/// So many parts are in memory at a time, for all connections together.
const ROOM: usize = 256 * 1024;

/// Fetches files.
#[derive(Clone, Debug)]
pub struct Fetcher {
    /// The places of each connection: a slow server holds up no other.
    places: Arc<Mutex<BTreeMap<Arc<str>, Arc<Semaphore>>>>,
    room: Arc<Semaphore>,
}

/// The files of one request, and their place in memory.
#[derive(Debug, Default)]
pub struct Fetched {
    pub files: Files,
    _room: Option<OwnedSemaphorePermit>,
}

/// What the files of one request take of the memory.
struct Room {
    all: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
    parts: usize,
    bytes: usize,
}

impl Default for Fetcher {
    fn default() -> Self {
        Fetcher { places: Arc::default(), room: Arc::new(Semaphore::new(ROOM)) }
    }
}

impl Fetcher {
    /// The files at these addresses, by the way that a connection has to the internet.
    pub async fn fetch(&self, connection: &Arc<str>, links: Vec<Arc<str>>, link: &Link) -> Result<Fetched, Trouble> {
        let mut fetched = Fetched::default();
        if links.is_empty() {
            return Ok(fetched);
        }
        // The place is for the fetching; what is fetched has its room in memory until the provider has answered.
        let place = tokio::time::timeout(PATIENCE, self.places(connection).acquire_owned()).await;
        let _place = place.map_err(|_| Trouble::NoRoom)?;
        let mut room = Room { all: self.room.clone(), taken: None, parts: 0, bytes: 0 };
        for address in links {
            let file = match link.private {
                Private::Only(_) => stand_in(),
                Private::Refused | Private::Allowed => {
                    let public = Link { private: Private::Refused, client_certificate: None, ..link.clone() };
                    one(&address, &public, &mut room).await?
                }
            };
            fetched.files.insert(address, file);
        }
        fetched._room = room.taken;
        Ok(fetched)
    }

    fn places(&self, connection: &Arc<str>) -> Arc<Semaphore> {
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(connection.clone()).or_insert_with(|| Arc::new(Semaphore::new(PLACES))).clone()
    }
}

impl Room {
    /// Room for so many bytes more.
    fn grow(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.bytes += bytes;
        if self.bytes > LARGEST {
            return Err(Trouble::NoFile);
        }
        let more = self.bytes.div_ceil(PART).saturating_sub(self.parts);
        let asked = u32::try_from(more).map_err(|_| Trouble::NoFile)?;
        let more_room = self.all.clone().try_acquire_many_owned(asked).map_err(|_| Trouble::NoRoom)?;
        self.parts += more;
        match &mut self.taken {
            Some(taken) => taken.merge(more_room),
            None => self.taken = Some(more_room),
        }
        Ok(())
    }
}

/// What stands for a file where nothing real is at stake.
fn stand_in() -> File {
    File { content_type: Some("text/plain".to_owned()), bytes: b"a file of the sandbox".to_vec() }
}

async fn one(address: &str, link: &Link, room: &mut Room) -> Result<File, Trouble> {
    let url = Url::parse(address).map_err(|_| Trouble::NoFile)?;
    let client = client(link).map_err(|_| Trouble::NoFile)?;
    let fetched = async {
        let mut response = answered(&client, url, link).await?;
        if !response.status().is_success() {
            return Err(Trouble::NoFile);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            room.grow(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        if bytes.is_empty() { Err(Trouble::NoFile) } else { Ok(File { content_type, bytes }) }
    };
    tokio::time::timeout(TIMEOUT, fetched).await.map_err(|_| Trouble::NoFile)?
}

/// The answer at an address, or where it leads to: each is looked at before it is asked.
async fn answered(client: &Client, mut url: Url, link: &Link) -> Result<Response, Trouble> {
    for _ in 0..=REDIRECTS {
        may_be_asked(&url, link).await?;
        let response = client.get(url.clone()).send().await.map_err(failed)?;
        match response.status().is_redirection().then(|| leads_to(&response, &url)).flatten() {
            Some(next) => url = next,
            None => return Ok(response),
        }
    }
    Err(Trouble::NoFile)
}

fn leads_to(response: &Response, from: &Url) -> Option<Url> {
    from.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()
}

/// Whether an address is asked. Without a proxy names are looked at again when they are resolved; a proxy resolves them
/// itself, in a network that we don't see, so that they must lead to the public internet from here as well.
async fn may_be_asked(url: &Url, link: &Link) -> Result<(), Trouble> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Trouble::NoFile);
    }
    if link.private == Private::Allowed {
        return Ok(());
    }
    if !link.allows(url) || address::is_plainly_private(url) || is_of_the_house(url) {
        return Err(Trouble::PrivateAddress);
    }
    match url.host() {
        Some(Host::Domain(name)) if link.proxy.is_some() => leads_outside(name).await,
        _ => Ok(()),
    }
}

/// A name of one word is known inside of a network only.
fn is_of_the_house(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(name)) if !name.trim_end_matches('.').contains('.'))
}

/// Whether all addresses of a name are of the public internet. What can't be looked up is not asked for.
async fn leads_outside(name: &str) -> Result<(), Trouble> {
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((name, 0))).await;
    let found: Vec<_> = found.map_err(|_| Trouble::NoFile)?.map_err(|_| Trouble::NoFile)?.collect();
    match (found.is_empty(), found.iter().all(|found| address::is_public(found.ip()))) {
        (true, _) => Err(Trouble::NoFile),
        (false, true) => Ok(()),
        (false, false) => Err(Trouble::PrivateAddress),
    }
}

fn failed(error: reqwest::Error) -> Trouble {
    match trouble(&error) {
        AttemptResult::NotSent(Trouble::PrivateAddress) => Trouble::PrivateAddress,
        _ => Trouble::NoFile,
    }
}

fn client(link: &Link) -> Result<Client, ClientError> {
    guarded(link)?.timeout(TIMEOUT).build().map_err(|_| ClientError)
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

    /// Fetches one file where so many bytes have room.
    async fn got(address: &str, link: &Link, most: usize) -> Result<File, Trouble> {
        let room = Room { all: Arc::new(Semaphore::new(ROOM)), taken: None, parts: 0, bytes: LARGEST - most };
        one(address, link, &mut Room { parts: room.bytes.div_ceil(PART), ..room }).await
    }

    fn fetch<'f>(
        fetcher: &'f Fetcher,
        address: &str,
        link: &'f Link,
    ) -> impl Future<Output = Result<Fetched, Trouble>> + 'f {
        let links = vec![Arc::from(address)];
        async move { fetcher.fetch(&"acme".into(), links, link).await }
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
            assert_eq!(got(&format!("{base}{path}"), &open, 4).await, Ok(good.clone()), "{path}");
        }
        assert_eq!(got(&format!("{base}/good"), &open, 3).await, Err(Trouble::NoFile), "too large");
        for path in ["/round", "/away", "/gone", "/empty", "/half"] {
            assert_eq!(got(&format!("{base}{path}"), &open, 99).await, Err(Trouble::NoFile), "{path}");
        }
        assert_eq!(got("file:///etc/passwd", &open, 99).await, Err(Trouble::NoFile));
    }

    #[tokio::test]
    async fn only_the_public_internet_is_asked_whatever_the_connection_allows() {
        let base = served(&[("/good", "200 x\r\nContent-Length: 4\r\n\r\nfile")]);
        let open = Link { private: Private::Allowed, ..Link::default() };
        let by_name = base.replace("127.0.0.1", "localhost");
        for address in [base, by_name, "http://[::1]:1".to_owned(), "http://169.254.169.254".to_owned()] {
            let refused = fetch(&Fetcher::default(), &format!("{address}/good"), &open).await.unwrap_err();
            assert_eq!(refused, Trouble::PrivateAddress, "{address}");
        }
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_nothing_of_its_own_network() {
        // It answers whatever it is asked for, and the one public address leads inside.
        let proxy = served(&[
            ("http://8.8.8.8/good", "200 x\r\nContent-Length: 4\r\n\r\nfile"),
            ("http://8.8.8.8/moved", "302 x\r\nLocation: http://localhost/in\r\nContent-Length: 0\r\n\r\n"),
            ("http://8.8.8.8/other", "307 x\r\nLocation: http://intranet/in\r\nContent-Length: 0\r\n\r\n"),
            ("http://localhost/in", "200 x\r\nContent-Length: 6\r\n\r\nsecret"),
            ("http://intranet/in", "200 x\r\nContent-Length: 6\r\n\r\nsecret"),
            ("http://10.0.0.1/in", "200 x\r\nContent-Length: 6\r\n\r\nsecret"),
            ("http://nobody.invalid/in", "200 x\r\nContent-Length: 6\r\n\r\nsecret"),
        ]);
        let link = Link { proxy: Some(crate::secret::Secret::new(proxy)), ..Link::default() };
        let good = File { content_type: None, bytes: b"file".to_vec() };
        assert_eq!(got("http://8.8.8.8/good", &link, 4).await, Ok(good));
        for address in
            ["8.8.8.8/moved", "8.8.8.8/other", "localhost/in", "a.localhost./in", "intranet/in", "10.0.0.1/in"]
        {
            let refused = got(&format!("http://{address}"), &link, 99).await;
            assert_eq!(refused, Err(Trouble::PrivateAddress), "{address}");
        }
        assert_eq!(
            got("http://nobody.invalid/in", &link, 99).await,
            Err(Trouble::NoFile),
            "it can't be looked up here"
        );
    }

    #[tokio::test]
    async fn a_connection_with_slow_files_holds_no_other_up() {
        let (fetcher, link) = (Fetcher::default(), Link::to_sandbox("127.0.0.1:1".parse().ok()));
        let taken = fetcher.places(&"acme".into()).acquire_many_owned(PLACES as u32).await.unwrap();
        let waited = fetch(&fetcher, "http://files.example/a", &link).await.unwrap_err();
        assert_eq!(waited, Trouble::NoRoom, "it makes room for others instead of waiting");
        let other = fetcher.fetch(&"other".into(), vec!["http://files.example/a".into()], &link).await;
        assert_eq!(other.unwrap().files.len(), 1);
        drop(taken);
        let fetched = fetch(&fetcher, "http://files.example/a", &link).await.unwrap();
        assert_eq!(fetcher.places(&"acme".into()).available_permits(), PLACES, "the place is for the fetching alone");
        drop(fetched);
    }

    #[test]
    fn what_is_in_memory_is_bounded_for_all_together() {
        let all = Arc::new(Semaphore::new(3));
        let room = || Room { all: all.clone(), taken: None, parts: 0, bytes: 0 };
        let (mut one, mut other) = (room(), room());
        assert_eq!((one.grow(1), one.grow(PART - 1), one.grow(1)), (Ok(()), Ok(()), Ok(())));
        assert_eq!((other.grow(PART), other.grow(1)), (Ok(()), Err(Trouble::NoRoom)));
        drop(one);
        assert_eq!(other.grow(0), Ok(()));
    }
}

//! Tokens from a service on a real socket, kept in a real store.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::pack::link::{Link, Private};
use crate::pack::{HeaderPart, OAuth2, Pack, TokenAddress};
use crate::value::Value;

/// A token service that answers in turn, the last answer for ever, and remembers what it was asked.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start(answers: &[(u16, &str)]) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, answers) = (asked.clone(), answers.iter().map(|(s, b)| (*s, (*b).to_owned())).collect::<Vec<_>>());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let form = form(&mut stream);
                let number = seen.lock().unwrap().len();
                seen.lock().unwrap().push(form);
                // Whoever else wants a token has the time to ask.
                std::thread::sleep(Duration::from_millis(50));
                let (status, body) = &answers[number.min(answers.len() - 1)];
                let head =
                    format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Service { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn form(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return body.to_owned();
            }
        }
        let read = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn connection(service: &Service, refresh: &str) -> Arc<Connection> {
    let secret = |name: &str| vec![HeaderPart::Secret(name.into())];
    let oauth2 = OAuth2 {
        token: "access_token".into(),
        address: TokenAddress::Path("/oauth/token".into()),
        client_id: vec![HeaderPart::Text("id".into())],
        client_secret: secret("client_secret"),
        refresh_token: Some("refresh_token".into()),
        fields: vec![("user_type".into(), vec![HeaderPart::Text("Location".into())])],
        needs: Vec::new(),
    };
    let secrets = [("client_secret", "s3cret"), ("refresh_token", refresh)];
    Arc::new(Connection {
        name: "crm".into(),
        pack: Arc::new(Pack {
            name: "crm".into(),
            title: "CRM".into(),
            secrets: Default::default(),
            operations: Default::default(),
            oauth2: None,
            sandbox_errors: Default::default(),
        }),
        base_url: format!("http://{}", service.address).into(),
        settings: Value::Null,
        secrets: secrets.map(|(name, value)| (name.into(), Secret::new(value))).into(),
        timeout: Duration::from_secs(5),
        traceparent: false,
        link: Arc::new(Link { private: Private::Allowed, ..Link::default() }),
        backoff: Default::default(),
        rate_limits: Vec::new(),
        oauth2: Some(Arc::new(oauth2)),
    })
}

/// A store of its own that goes away with the test, and a clock that stands still.
struct Bench {
    folder: std::path::PathBuf,
    clock: Clock,
    store: Arc<dyn Store>,
}

impl Bench {
    fn new() -> Bench {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("jackfield-token-{}-{count}", std::process::id()));
        let store = crate::store::open(&folder).unwrap();
        Bench { folder, clock: Clock::fixed(Timestamp(1_000_000)), store }
    }

    fn tokens(&self) -> Tokens {
        Tokens::new(Clients::default(), self.store.clone(), self.clock.clone())
    }

    fn pass(&self, seconds: i64) {
        let Clock::Fixed(at) = &self.clock else { return };
        at.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const FIRST: (u16, &str) = (200, r#"{"access_token":"a1","refresh_token":"r1","expires_in":86400}"#);
const SECOND: (u16, &str) = (200, r#"{"access_token":"a2","refresh_token":"r2","expires_in":86400}"#);

fn token(text: &str) -> Result<Option<Secret>, Trouble> {
    Ok(Some(Secret::new(text)))
}

#[tokio::test]
async fn all_who_wait_share_one_token_and_it_is_on_disk() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST, SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    let all = futures_util::future::join_all((0..100).map(|_| tokens.bearer(&connection))).await;
    assert!(all.iter().all(|one| *one == token("a1")), "{all:?}");
    let form = "grant_type=refresh_token&client_id=id&client_secret=s3cret&user_type=Location&refresh_token=r0";
    assert_eq!(service.asked(), [form]);
    // Another process, or the next start, has it without asking.
    assert_eq!(bench.tokens().bearer(&connection).await, token("a1"));
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_token_that_was_not_taken_is_replaced_once_with_the_rotated_one() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST, SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    let stale = tokens.bearer(&connection).await.unwrap().unwrap();
    bench.pass(10);
    let all = futures_util::future::join_all((0..50).map(|_| tokens.refresh(&connection, &stale))).await;
    assert!(all.iter().all(|one| *one == token("a2")), "{all:?}");
    assert_eq!(service.asked().len(), 2);
    assert!(service.asked()[1].ends_with("&refresh_token=r1"));
    // The new one is not taken either: nobody asks again in the same moment.
    assert_eq!(tokens.refresh(&connection, &Secret::new("a2")).await, Err(Trouble::NoToken));
    assert_eq!(service.asked().len(), 2);
}

#[tokio::test]
async fn a_token_is_replaced_before_its_end() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST, SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    assert_eq!(tokens.bearer(&connection).await, token("a1"));
    bench.pass(86_400 - 61);
    assert_eq!(tokens.bearer(&connection).await, token("a1"));
    bench.pass(2);
    assert_eq!(tokens.bearer(&connection).await, token("a2"));
}

#[tokio::test]
async fn a_refusal_waits_for_a_person_and_other_settings_mend_it() {
    let (bench, service) = (Bench::new(), Service::start(&[(400, r#"{"error":"invalid_grant"}"#), FIRST]));
    let (tokens, old) = (bench.tokens(), connection(&service, "r0"));
    for _ in 0..3 {
        assert_eq!(tokens.bearer(&old).await, Err(Trouble::TokenRefused));
    }
    assert_eq!(service.asked().len(), 1, "a service that refuses is not asked by each delivery");
    assert_eq!(tokens.bearer(&connection(&service, "r9")).await, token("a1"));
    assert!(service.asked()[1].ends_with("&refresh_token=r9"));
}

#[tokio::test]
async fn a_service_that_is_down_is_asked_again() {
    let (bench, service) = (Bench::new(), Service::start(&[(503, ""), FIRST]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    assert_eq!(tokens.bearer(&connection).await, Err(Trouble::NoToken));
    assert_eq!(tokens.bearer(&connection).await, Err(Trouble::NoToken));
    assert_eq!(service.asked().len(), 1);
    bench.pass(3);
    assert_eq!(tokens.bearer(&connection).await, token("a1"));
}

#[tokio::test]
async fn a_token_comes_home_when_nobody_waits_any_more() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST, SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    let cut_off = tokio::time::timeout(Duration::from_millis(20), tokens.bearer(&connection)).await;
    assert!(cut_off.is_err());
    assert_eq!(tokens.bearer(&connection).await, token("a1"));
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_stop_waits_for_the_token_that_is_being_fetched_and_begins_no_other() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST, SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    let cut_off = tokio::time::timeout(Duration::from_millis(20), tokens.bearer(&connection)).await;
    assert!(cut_off.is_err());
    tokens.stop().await;
    let kept = bench.store.token("crm").await.unwrap().unwrap();
    assert_eq!((kept.access, kept.refresh), (Secret::new("a1"), Some(Secret::new("r1"))));
    bench.pass(86_400);
    assert_eq!(tokens.bearer(&connection).await, Err(Trouble::NoToken));
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_refresh_token_is_kept_also_when_the_access_token_beside_it_is_no_good() {
    let half = (200, r#"{"access_token":"","refresh_token":"r1"}"#);
    let (bench, service) = (Bench::new(), Service::start(&[half, SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    assert_eq!(tokens.bearer(&connection).await, Err(Trouble::NoToken));
    // The next start asks with it.
    assert_eq!(bench.tokens().bearer(&connection).await, token("a2"));
    assert!(service.asked()[1].ends_with("&refresh_token=r1"), "{:?}", service.asked());
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nobody_from_asking() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST, (400, ""), SECOND]));
    let (tokens, connection) = (bench.tokens(), connection(&service, "r0"));
    bench.pass(900_000);
    assert_eq!(tokens.bearer(&connection).await, token("a1"));
    bench.pass(-100_000);
    assert_eq!(tokens.refresh(&connection, &Secret::new("a1")).await, Err(Trouble::TokenRefused));
    bench.pass(-100_000);
    assert_eq!(tokens.refresh(&connection, &Secret::new("a1")).await, token("a2"));
}

#[tokio::test]
async fn the_sandbox_gives_tokens_itself_and_connections_without_tokens_ask_nobody() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST]));
    let plain = connection(&service, "r0");
    let link = Arc::new(Link::to_sandbox(Some(service.address)));
    let oauth2 = plain.oauth2.as_deref().cloned().map(|own| {
        let address = TokenAddress::Url("https://login.vendor.example/oauth/token?v=1".into());
        Arc::new(OAuth2 { address, ..own })
    });
    let in_sandbox = Arc::new(Connection { link, oauth2, ..Arc::into_inner(plain).unwrap() });
    assert_eq!(bench.tokens().bearer(&in_sandbox).await, token("a1"), "the vendor's own address is not asked");
    let without = Arc::new(Connection { oauth2: None, ..Arc::into_inner(in_sandbox).unwrap() });
    assert_eq!(bench.tokens().bearer(&without).await, Ok(None));
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_private_service_is_not_asked() {
    let (bench, service) = (Bench::new(), Service::start(&[FIRST]));
    let allowed = connection(&service, "r0");
    let refused = Arc::new(Connection { link: Arc::default(), ..Arc::into_inner(allowed).unwrap() });
    assert_eq!(bench.tokens().bearer(&refused).await, Err(Trouble::PrivateAddress));
    assert!(service.asked().is_empty());
}

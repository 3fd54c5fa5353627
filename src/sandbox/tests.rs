//! The sandbox over a real socket, with the packs of this repository.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::clock::Timestamp;
use crate::compile::{Input, Secrets, compile, every_pack, with_stack};
use crate::config::{Decode, pack as written};
use crate::document::reference::Environment;
use crate::document::{Document, Node};
use crate::pack::outcome::Outcome;
use crate::pack::{HeaderPart, PathPart};
use crate::value::json;

const PROVIDERS: [&str; 6] = ["chat2desk", "chatwoot", "cloudchat", "gohighlevel", "omnivibe", "partoo"];

type Files = BTreeMap<Arc<str>, Arc<str>>;

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    let mut folders = vec![root.join("schemas")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "json") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.insert(name.into(), std::fs::read_to_string(&path).unwrap().into());
            }
        }
    }
    files.insert("jackfield.yaml".into(), std::fs::read_to_string(root.join("jackfield.yaml")).unwrap().into());
    files
});

static PACKS: LazyLock<BTreeMap<Arc<str>, Arc<Pack>>> = LazyLock::new(|| packs(FILES.clone()));

fn packs(files: Files) -> BTreeMap<Arc<str>, Arc<Pack>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("sandbox.env")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let variables = lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into()));
    let input = Input {
        files,
        environment: Environment { variables: variables.collect(), files: BTreeMap::new() },
        secrets: Secrets::Required,
        listen: None,
        sandbox: Some("http://127.0.0.1:1".into()),
        samples: Vec::new(),
        read: &|file| std::fs::read(root.join(file)).ok(),
        now: Timestamp(0),
        tests: false,
    };
    let compiled = with_stack(|| compile(&input)).unwrap();
    assert!(compiled.is_good(), "{:#?}", compiled.diagnostics);
    with_stack(|| every_pack(&input)).unwrap()
}

struct Running {
    sandbox: Sandbox,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(remember: usize) -> Running {
    start_with(remember, PACKS.clone()).await
}

async fn start_with(remember: usize, packs: BTreeMap<Arc<str>, Arc<Pack>>) -> Running {
    let sandbox = Sandbox::new(Config { packs, remember });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(sandbox.clone().serve(listener, async {
        let _ = stopped.await;
    }));
    Running { sandbox, address, stop, task }
}

#[derive(Clone)]
struct Call {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Call {
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{}", self.body.len(), self.body));
        text.into_bytes()
    }

    fn without(&self, header: &str) -> Call {
        let mut call = self.clone();
        call.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
        call
    }

    fn with_body(&self, body: &str) -> Call {
        Call { body: body.to_owned(), ..self.clone() }
    }

    fn at(&self, path: &str) -> Call {
        Call { path: path.to_owned(), ..self.clone() }
    }
}

impl Running {
    /// Everything that comes back until the connection closes.
    async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    }

    async fn send(&self, call: &Call) -> Answer {
        answer_of(&self.raw(&call.bytes()).await)
    }

    async fn control(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let call = Call { method: method.into(), path: path.into(), headers: Vec::new(), body: body.into() };
        let answer = self.send(&call).await;
        (answer.status, json::parse(&answer.body, &json::Limits::default()).unwrap_or_default())
    }

    fn last(&self) -> Received {
        self.sandbox.received().pop().unwrap()
    }

    fn order(&self, provider: &str, error: &str, times: u32) {
        self.sandbox.fail(Failure { provider: provider.into(), operation: None, error: error.into(), times }).unwrap();
    }
}

fn answer_of(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
    Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
}

fn json_of(answer: &Answer) -> Value {
    json::parse(&answer.body, &json::Limits::default()).unwrap()
}

/// The call of a provider that delivers a message.
fn operation(provider: &str) -> Arc<Operation> {
    let name = match provider {
        "chat2desk" => "messages_inbox",
        "cloudchat" => "create_conversation",
        "chatwoot" | "omnivibe" => "create_message",
        "gohighlevel" => "inbound_message",
        _ => "ingest_message",
    };
    PACKS[provider].operations[name].clone()
}

/// The example that the pack gives for that operation, as a call.
fn example(provider: &str) -> Call {
    let file = format!("schemas/{provider}/pack.yaml");
    let (document, _) = Document::parse(&file, &FILES[file.as_str()]);
    let pack = written::Pack::decode(document.root.as_ref().unwrap(), &mut Vec::new()).unwrap();
    let example = pack.operations.get(&operation(provider).name).unwrap().value.example.clone().unwrap();
    let params = example.params.as_ref().map(Node::to_value).unwrap_or_default();
    let operation = operation(provider);
    let path = operation.path.iter().map(|part| match part {
        PathPart::Text(text) => text.to_string(),
        PathPart::Param(name) => params.get(name).map_or("1".into(), |value| crate::convert::text(value).unwrap()),
    });
    let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    for (name, parts) in &operation.headers {
        let words = parts.iter().map(|part| match part {
            HeaderPart::Text(text) => &**text,
            _ => "s3cret",
        });
        headers.push((name.to_string(), words.collect()));
    }
    Call {
        method: operation.method.to_string(),
        path: format!("/{provider}{}", path.collect::<String>()),
        headers,
        body: example.body.as_ref().map(Node::to_value).unwrap_or_default().to_json(),
    }
}

#[tokio::test]
async fn every_example_is_good_and_is_answered_as_a_success() {
    let running = start(10).await;
    for provider in PROVIDERS {
        let answer = running.send(&example(provider)).await;
        let wanted = if provider == "partoo" { Outcome::Accepted } else { Outcome::Delivered };
        assert_eq!(operation(provider).outcomes.of(&answer).unwrap(), wanted, "{provider}: {answer:?}");
        let received = running.last();
        assert_eq!(received.verdict, Verdict::Good, "{provider}");
        assert_eq!((&*received.provider, received.status), (provider, 200));
        assert_eq!(received.operation, Some(operation(provider).name.clone()));
        let end = received.path.rsplit("/***").next().unwrap_or_default();
        assert!(example(provider).path.ends_with(end) && received.path.starts_with('/'), "{received:?}");
        assert_eq!(received.path.matches("***").count(), if provider == "omnivibe" { 2 } else { 0 }, "{received:?}");
        assert!(matches!(received.body, Some(Content::Json(_))));
    }
}

#[tokio::test]
async fn replies_are_filled_in_from_the_request() {
    let running = start(10).await;
    let answer = running.send(&example("omnivibe")).await;
    let body = json_of(&answer);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(body.get("id"), Some(&Value::from(1)));
    assert_eq!(body.get("conversation_id"), Some(&Value::from(42)));
    assert_eq!(body.get("content").and_then(Value::as_str), Some("The invoice of order 1001 was paid."));
    let body = json_of(&running.send(&example("gohighlevel")).await);
    assert_eq!(body.get("messageId").and_then(Value::as_str), Some("message-2"));
    assert_eq!(body.get("contactId"), None, "what is absent drops its key");
}

#[tokio::test]
async fn a_body_that_breaks_the_schema_is_told_what_is_wrong() {
    let running = start(10).await;
    let statuses = HashMap::from([
        ("chat2desk", 200),
        ("chatwoot", 422),
        ("cloudchat", 422),
        ("gohighlevel", 422),
        ("omnivibe", 422),
        ("partoo", 400),
    ]);
    for provider in PROVIDERS {
        for body in ["{\"nonsense\":1}", "{", "", "[]", "\u{feff}null"] {
            let answer = running.send(&example(provider).with_body(body)).await;
            assert_eq!(answer.status, statuses[provider], "{provider} {body}");
            assert_eq!(operation(provider).outcomes.of(&answer).unwrap(), Outcome::Reject, "{provider} {body}");
            let Verdict::Invalid(violations) = running.last().verdict else { panic!("{provider} {body}") };
            let text = String::from_utf8(answer.body).unwrap();
            let shown = text.contains(Value::from(violations[0].as_str()).to_json().trim_matches('"'));
            assert!(shown, "{provider}: {text} lacks {violations:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_or_wrong_header_is_unauthorized() {
    let running = start(10).await;
    for provider in PROVIDERS {
        for (name, _) in &operation(provider).headers {
            let answer = running.send(&example(provider).without(name)).await;
            assert_eq!(answer.status, 401, "{provider} {name}");
            assert_eq!(running.last().verdict, Verdict::Unauthorized(format!("the header `{name}` is missing")));
        }
    }
    let mut call = example("gohighlevel").without("Authorization");
    call.headers.push(("authorization".into(), "s3cret".into()));
    let answer = running.send(&call).await;
    assert_eq!(json_of(&answer).get("message").and_then(Value::as_str), Some("Invalid JWT"));
    let wanted = "the header `Authorization` is not of the form `Bearer ***`";
    assert_eq!(running.last().verdict, Verdict::Unauthorized(wanted.into()));
}

#[tokio::test]
async fn secrets_in_headers_are_not_kept() {
    let running = start(10).await;
    for provider in PROVIDERS {
        running.send(&example(provider)).await;
        let mut elsewhere = example(provider).at("/nobody");
        elsewhere.headers.push(("X-Other".into(), "kept".into()));
        running.send(&elsewhere).await;
    }
    let (_, listed) = running.control("GET", "/_sandbox/requests", "").await;
    let open: String = listed.to_json().replace("\"version\":\"s3cret\"", "");
    assert!(!open.contains("s3cret"), "{open}");
    assert!(open.contains("\"authorization\":\"***\"") && open.contains("\"x-other\":\"kept\""));
    assert_eq!(running.last().provider.as_ref(), NOBODY);
}

#[tokio::test]
async fn a_body_that_does_not_say_it_is_json_is_not_taken() {
    let running = start(10).await;
    for provider in PROVIDERS {
        let mut call = example(provider).without("content-type");
        assert_eq!(running.send(&call).await.status, 415, "{provider}");
        call.headers.push(("content-type".into(), "text/plain".into()));
        assert_eq!(running.send(&call).await.status, 415, "{provider}");
        let mut call = example(provider).without("content-type");
        call.headers.push(("content-type".into(), "Application/JSON; charset=utf-8".into()));
        assert_eq!(running.send(&call).await.status, 200, "{provider}");
    }
}

#[tokio::test]
async fn what_nobody_serves_is_not_found() {
    let running = start(10).await;
    for provider in PROVIDERS {
        let call = example(provider);
        for path in [format!("/{provider}"), format!("/{provider}/x?y=1"), format!("{}/", call.path)] {
            let answer = running.send(&call.at(&path)).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(json_of(&answer).as_object().is_some_and(|body| !body.is_empty()), "{path}: the pack's own error");
            assert_eq!(running.last().verdict, Verdict::NotFound);
            assert_eq!(running.last().path.as_ref(), path.strip_prefix(&format!("/{provider}")).unwrap());
        }
        let get = Call { method: "GET".into(), ..call };
        assert_eq!(running.send(&get).await.status, 404);
    }
    let unknown = Call { method: "POST".into(), path: "/nobody/x".into(), headers: Vec::new(), body: String::new() };
    assert_eq!(running.send(&unknown).await.status, 404);
    let call = example("gohighlevel").at("/gohighlevel/contacts?x=1");
    let message = json_of(&running.send(&call).await);
    assert_eq!(message.get("message").and_then(Value::as_str), Some("Cannot POST /contacts"));
}

#[tokio::test]
async fn every_error_is_there_on_demand() {
    let running = start(10).await;
    for provider in PROVIDERS {
        let (pack, operation) = (&PACKS[provider], operation(provider));
        for (name, reply) in pack.sandbox_errors.iter().chain(&operation.sandbox_errors) {
            running.order(provider, name, 2);
            for _ in 0..2 {
                let answer = running.send(&example(provider)).await;
                assert_eq!(answer.status, reply.status, "{provider} {name}");
                assert!(!operation.outcomes.of(&answer).unwrap().word().is_empty());
                let success =
                    [Outcome::Delivered, Outcome::Accepted].contains(&operation.outcomes.of(&answer).unwrap());
                assert!(!success, "{provider} {name}: {answer:?}");
                assert_eq!(running.last().verdict, Verdict::Failed(name.clone()));
                for (header, _) in &reply.headers {
                    assert!(answer.header(&header.to_ascii_lowercase()).is_some(), "{provider} {name} {header}");
                }
                let listed = matches!(&reply.body, Some(crate::pack::Body::Value(Value::String(_))));
                assert_eq!(listed, answer.header("content-type").is_some_and(|media| media.starts_with("text/plain")));
            }
            assert_eq!(running.send(&example(provider)).await.status, 200, "{provider} {name}: only twice");
        }
    }
    running.order("partoo", "503", 1);
    assert_eq!(running.send(&example("partoo")).await.status, 503);
}

const OMNIVIBE: [&str; 5] =
    ["create_attachments", "create_contact", "create_conversation", "create_message", "list_conversations"];

#[tokio::test]
async fn orders_that_nobody_can_fulfil_are_refused() {
    let running = start(10).await;
    let refused = |provider: &str, operation: Option<&str>, error: &str| {
        let (provider, error) = (provider.into(), error.into());
        let order = Failure { provider, operation: operation.map(Into::into), error, times: 1 };
        running.sandbox.fail(order).unwrap_err()
    };
    assert_eq!(refused("nobody", None, "503").known, PROVIDERS);
    assert_eq!(refused("twilio", None, "503").what, "provider");
    assert_eq!(refused("omnivibe", Some("x"), "503").known, OMNIVIBE);
    let unknown = refused("omnivibe", None, "forbidden");
    assert!(
        unknown
            .to_string()
            .starts_with("there is no error `forbidden`; there is: bad_phone, too_long, too_many_messages")
    );
    for error in ["199", "600", "-1", "", "HANG"] {
        assert_eq!(refused("partoo", None, error).what, "error");
    }
}

#[tokio::test]
async fn a_repeated_idempotency_key_is_noticed() {
    let running = start(10).await;
    let call = example("partoo");
    for verdict in [Verdict::Good, Verdict::Duplicate, Verdict::Duplicate] {
        let answer = running.send(&call).await;
        assert_eq!(operation("partoo").outcomes.of(&answer).unwrap(), Outcome::Accepted);
        assert_eq!(running.last().verdict, verdict);
    }
    running.send(&call.with_body(&call.body.replace("call-9f2", "call-9f3"))).await;
    assert_eq!(running.last().verdict, Verdict::Good);
    running.send(&call.at(&call.path.replace("chn_1", "chn_2"))).await;
    assert_eq!(running.last().verdict, Verdict::Good, "another channel");
    running.order("partoo", "503", 1);
    running.send(&call.with_body(&call.body.replace("call-9f2", "call-9f4"))).await;
    let (_, stats) = running.control("GET", "/_sandbox/stats", "").await;
    let partoo = stats.get("providers").unwrap().get("partoo").unwrap();
    for (name, count) in [("requests", 6), ("good", 3), ("duplicate", 2), ("failed", 1), ("idempotency_keys", 3)] {
        assert_eq!(partoo.get(name), Some(&Value::from(count)), "{name}");
        assert_eq!(stats.get(name), Some(&Value::from(count)), "{name}");
    }
}

#[tokio::test]
async fn connections_hang_close_and_bring_garbage() {
    let running = start(10).await;
    let call = example("chat2desk");
    running.order("chat2desk", "close", 1);
    assert_eq!(running.raw(&call.bytes()).await, b"");
    assert_eq!((running.last().status, running.last().verdict), (0, Verdict::Failed("close".into())));
    running.order("chat2desk", "garbage", 1);
    let answer = running.send(&call).await;
    assert_eq!(answer.status, 200);
    assert!(json::parse(&answer.body, &json::Limits::default()).is_err());
    assert_eq!(operation("chat2desk").outcomes.of(&answer), None);
    running.order("chat2desk", "hang", 1);
    let bytes = call.bytes();
    assert!(timeout(Duration::from_millis(300), running.raw(&bytes)).await.is_err(), "nothing comes");
    assert_eq!(running.last().verdict, Verdict::Failed("hang".into()));
    assert_eq!(running.send(&call).await.status, 200);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_hangs() {
    let running = start(10).await;
    running.order("chat2desk", "hang", 1);
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut hanging = TcpStream::connect(running.address).await.unwrap();
    hanging.write_all(&example("chat2desk").bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.send(()).unwrap();
    timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    let _ = hanging.read_to_end(&mut rest).await;
    let _ = idle.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn only_so_many_are_kept_and_all_are_counted() {
    let running = start(2).await;
    for _ in 0..5 {
        running.send(&example("omnivibe")).await;
    }
    let numbers: Vec<u64> = running.sandbox.received().iter().map(|received| received.number).collect();
    assert_eq!(numbers, [4, 5]);
    let (_, stats) = running.control("GET", "/_sandbox/stats", "").await;
    assert_eq!((stats.get("requests"), stats.get("kept")), (Some(&Value::from(5)), Some(&Value::from(2))));
    let nothing = start(0).await;
    let mut arrivals = nothing.sandbox.subscribe();
    nothing.send(&example("omnivibe")).await;
    assert!(nothing.sandbox.received().is_empty());
    assert_eq!(arrivals.recv().await.unwrap().verdict, Verdict::Good);
}

#[tokio::test]
async fn the_control_api_lists_filters_forgets_and_orders() {
    let running = start(10).await;
    running.send(&example("omnivibe")).await;
    running.send(&example("partoo")).await;
    let (_, all) = running.control("GET", "/_sandbox/requests", "").await;
    let providers: Vec<_> = all.as_array().unwrap().iter().filter_map(|r| r.get("provider")?.as_str()).collect();
    assert_eq!(providers, ["omnivibe", "partoo"]);
    let (_, some) = running.control("GET", "/_sandbox/requests?provider=partoo", "").await;
    assert_eq!(some.at(0).unwrap().get("operation").unwrap().as_str(), Some("ingest_message"));
    assert!(some.at(1).is_none());

    let order = r#"{"provider":"omnivibe","operation":"create_message","error":"too_many_messages","times":3}"#;
    assert_eq!(running.control("POST", "/_sandbox/fail", order).await.0, 200);
    let answer = running.send(&example("omnivibe")).await;
    assert_eq!(operation("omnivibe").outcomes.of(&answer).unwrap(), Outcome::Retry);

    let (_, errors) = running.control("GET", "/_sandbox/errors", "").await;
    let omnivibe = errors.get("providers").unwrap().get("omnivibe").unwrap().get("create_message").unwrap();
    assert_eq!(omnivibe.get("too_many_messages"), Some(&Value::from(422)));
    assert_eq!(omnivibe.get("rate_limited"), Some(&Value::from(429)));

    assert_eq!(running.control("DELETE", "/_sandbox/requests", "").await.0, 204);
    assert!(running.sandbox.received().is_empty());
    running.send(&example("partoo")).await;
    assert_eq!(running.last().verdict, Verdict::Good, "its key is forgotten, too");
}

#[tokio::test]
async fn the_control_api_refuses_what_it_does_not_know() {
    let running = start(10).await;
    for (body, wanted) in [
        (r#"{"provider":"x","error":"503"}"#, "there is no provider `x`"),
        (r#"{"provider":"partoo","operation":"x","error":"503"}"#, "there is no operation `x`"),
        (r#"{"provider":"partoo","error":"x"}"#, "there is no error `x`"),
        (r#"{"provider":"partoo"}"#, "an order needs `error`"),
        (r#"{"error":"503"}"#, "an order needs `provider`"),
        (r#"{"provider":"partoo","error":503,"times":0}"#, "`times` is a whole number from 1"),
        (r#"{"provider":"partoo","error":503,"count":1}"#, "an order has no field `count`"),
        ("[]", "an order is an object"),
        ("{", "line 1"),
        ("", "line 1"),
    ] {
        let (status, answer) = running.control("POST", "/_sandbox/fail", body).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer.get("error").unwrap().as_str().unwrap().starts_with(wanted), "{body}: {answer}");
    }
    assert_eq!(running.control("PUT", "/_sandbox/fail", "").await.0, 405);
    assert_eq!(running.control("GET", "/_sandbox", "").await.0, 404);
    assert_eq!(running.control("GET", "/_sandboxes", "").await.0, 404);
    assert!(running.control("GET", "/_sandbox/x", "").await.1.get("known").is_some());
}

#[tokio::test]
async fn no_request_brings_the_sandbox_down() {
    let running = start(10).await;
    let call = example("partoo");
    let large = call.with_body(&" ".repeat(LARGEST_BODY + 1));
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let _ = stream.write_all(&large.bytes()).await;
    let deep = call.with_body(&"[".repeat(100_000));
    assert_eq!(running.send(&deep).await.status, 400);
    for bytes in [
        &b"GET * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"[..],
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"HEAD /partoo/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST http://a/partoo/%FF%00/%2e%2e HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST /partoo/custom-channels/%FF/messages?%FF=%FF HTTP/1.0\r\nx-apikey: \xE9\r\ncontent-length: 1\r\n\r\n\xFF",
        b"\x16\x03\x01\r\n\r\n",
    ] {
        timeout(Duration::from_secs(5), running.raw(bytes)).await.unwrap();
    }
    let odd = example("omnivibe").at("/omnivibe/public/api/v1/inboxes/a/contacts/b/conversations/x/messages");
    assert_eq!(running.send(&odd).await.status, 500, "the pack's reply wants a number");
    assert_eq!(running.last().verdict, Verdict::Failed("reply".into()));
    assert_eq!(running.send(&call).await.status, 200);
    assert!(!running.task.is_finished());
}

#[tokio::test]
async fn too_large_a_body_is_413() {
    let running = start(10).await;
    let call = example("partoo");
    let head = String::from_utf8(call.with_body("").bytes()).unwrap();
    let announced = head.replace("content-length: 0", &format!("content-length: {}", LARGEST_BODY + 1));
    let mut chunked = head.replace("content-length: 0", "transfer-encoding: chunked");
    chunked.push_str(&format!("{:x}\r\n{}", LARGEST_BODY + 1, " ".repeat(LARGEST_BODY + 1)));
    for request in [announced, chunked] {
        let answer = timeout(Duration::from_secs(20), running.raw(request.as_bytes())).await.unwrap();
        assert_eq!(answer_of(&answer).status, 413);
        assert!(matches!(running.last().verdict, Verdict::Invalid(_)));
    }
}

#[tokio::test]
async fn the_most_literal_path_wins_and_packs_can_be_swapped() {
    let mut files = FILES.clone();
    let pack =
        "title: Vendor\nbase_url: https://x.test\nsandbox:\n  errors:\n    not_found: { status: 410 }\noperations:\n";
    let operation = |name: &str, path: &str| {
        let line =
            "    sandbox: { reply: { status: 201, headers: { X-Path: \"{{ request.path }}\", Content-Length: \"7\" }";
        format!(
            "  {name}:\n    path: {path}\n{line}, body: {{ name: {name}, id: \"{{{{ request.params.id }}}}\" }} }} }}\n"
        )
    };
    let operations = [("any", "/a/{id}"), ("file", "/a/{id}.json"), ("early", "/{id}/{x}"), ("exact", "/a/b")];
    let body: String = operations.iter().map(|(n, p)| operation(n, p)).collect();
    files.insert("schemas/vendor/pack.yaml".into(), format!("{pack}{body}").into());
    let running = start(10).await;
    let call = |path: &str| Call {
        method: "POST".into(),
        path: format!("/vendor{path}"),
        headers: Vec::new(),
        body: "free text".into(),
    };
    assert_eq!(running.send(&call("/a/b")).await.status, 404);
    running.sandbox.set_packs(packs(files));
    for (path, name, id) in [
        ("/a/b?x=1", "exact", None),
        ("/a/c", "any", Some("c")),
        ("/a/c%2Fd", "any", Some("c/d")),
        ("/a/c.json", "file", Some("c")),
        ("/b/c", "early", Some("b")),
    ] {
        let answer = running.send(&call(path)).await;
        assert_eq!(answer.status, 201, "{path}");
        assert_eq!(answer.header("x-path"), Some(path.split('?').next().unwrap()));
        let body = json_of(&answer);
        assert_eq!(body.get("name").and_then(Value::as_str), Some(name), "{path}");
        assert_eq!(body.get("id").and_then(Value::as_str), id, "{path}");
        assert_eq!(running.last().body, Some(Content::Text("free text".into())));
    }
    let gone = running.send(&call("/")).await;
    assert_eq!((gone.status, gone.body.len(), gone.header("content-type")), (410, 0, None));
}

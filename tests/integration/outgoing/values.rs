//! Whatever an event brings, the request is the one that was meant: one, to its target, with its headers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::provider::{Answers, Provider, Received};
use super::{ALLOWED, workspace};
use crate::support::{Server, post, wait_for};

const CASES: usize = 400;

/// Text of any kind, and such as would break out of an address or a header.
fn text() -> impl Strategy<Value = String> {
    let signs = "[\r\n\\x00\t :/?#@%&=.;,\\\\\"'<>|^`{}\\[\\]a\u{a0}é\u{2028}]{0,12}";
    let words = [
        ".",
        "..",
        "../..",
        "%2e%2e",
        "%2e%2e/x",
        "a/../b",
        "//evil.example",
        "@evil.example",
        ":80",
        "#",
        "?",
        "",
        " a ",
        "a\r\nHost: evil.example",
        "a\r\n\r\nGET /x HTTP/1.1\r\nHost: b\r\n\r\n",
        "a\nX-Other: b",
        "a\0b",
        "{{ connection.token }}",
        "${env:PATH}",
        "\u{feff}",
        "\u{202e}abc",
        "%00",
        "%0d%0aX-Other:%20b",
    ];
    prop_oneof![
        any::<String>(),
        signs.prop_map(|text: String| text),
        proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
    ]
}

#[derive(Clone, Debug)]
struct Case {
    id: String,
    q: String,
    header: String,
    text: String,
}

impl Case {
    /// No address holds a segment that is folded or nothing; no header more than one line.
    fn is_sendable(&self) -> bool {
        !matches!(self.id.as_str(), "." | "..") && !self.id.trim().is_empty() && !self.header.contains(char::is_control)
    }

    fn target(&self) -> String {
        format!("/v1/notes/{}?q={}", encoded(&self.id), encoded(&self.q))
    }
}

/// As RFC 3986 has it, written here once more.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn cases() -> Vec<Case> {
    let mut runner = TestRunner::deterministic();
    let case = (text(), text(), text(), text()).prop_map(|(id, q, header, text)| Case { id, q, header, text });
    (0..CASES).map(|_| case.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn nothing_that_an_event_brings_reaches_host_or_headers() {
    let provider = Provider::start(Answers::Good);
    let folder = workspace("values", &format!("base_url: \"http://{}/v1/\", {ALLOWED}", provider.address));
    let server = Server::start(folder.path(), &[], &[]);
    let cases = cases();
    for (number, case) in cases.iter().enumerate() {
        let Case { id, q, header, text } = case;
        let event = json!({ "number": number, "id": id, "q": q, "header": header, "text": text });
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", event.to_string().as_bytes()).status, 202);
    }
    let sendable = cases.iter().filter(|case| case.is_sendable()).count();
    assert!((100..CASES).contains(&sendable), "{sendable}");
    wait_for("every delivery", || {
        let status = server.status();
        let of = |state: &str| status["deliveries"][state].as_u64().unwrap_or(0) as usize;
        (of("delivered") + of("dead") >= CASES).then_some(())
    });
    let received = provider.received();
    assert_eq!(received.len(), sendable, "no request more than was meant, and none less");
    let by_number: BTreeMap<usize, &Received> = received.iter().map(|request| (number(request), request)).collect();
    for (number, case) in cases.iter().enumerate() {
        match by_number.get(&number) {
            Some(request) => is_as_meant(case, number, request, &provider.address.to_string()),
            None => assert!(!case.is_sendable(), "{case:?}"),
        }
    }
}

fn number(request: &Received) -> usize {
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    body["number"].as_u64().unwrap() as usize
}

fn is_as_meant(case: &Case, number: usize, request: &Received, host: &str) {
    let line = request.head.split("\r\n").next().unwrap();
    assert_eq!(line, format!("POST {} HTTP/1.1", case.target()), "{case:?}");
    assert_eq!(request.header("host"), [host], "{case:?}");
    assert_eq!(request.header_bytes("x-note"), Some(case.header.trim_matches(' ').as_bytes()), "{case:?}");
    let names: Vec<String> =
        request.head.split("\r\n").skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_lowercase())).collect();
    let mut sorted = names.clone();
    sorted.sort();
    let expected = ["accept", "authorization", "content-length", "content-type", "host", "user-agent", "x-note"];
    assert_eq!(sorted, expected, "{case:?}");
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({ "number": number, "text": case.text }), "{case:?}");
}

//! The captured requests of real senders, byte for byte over a socket, through a running server to the provider.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Folder, Server, exchange, root, wait_for};

const SETTINGS: &str = "connections:\n  omnivibe: { provider: omnivibe, inbox_identifier: inbox-1, contact_identifier: \
                        contact-1, conversation_id: 1 }\n";

/// A captured request, and what must come of it.
struct Capture {
    name: String,
    bytes: Vec<u8>,
    method: String,
    path: String,
    /// The keys of its source.
    keys: String,
    payloads: Vec<Value>,
}

/// Those that a sender really sends: the index tells which were written to show one thing.
fn captures() -> Vec<Capture> {
    let folder = root().join("tests/payloads");
    let index = std::fs::read_to_string(folder.join("INDEX.md")).unwrap();
    let rows = index.lines().filter(|line| line.starts_with("| `") && !line.contains("| written for this test |"));
    rows.map(|row| capture(folder.join(row.split('`').nth(1).unwrap()))).collect()
}

fn capture(file: PathBuf) -> Capture {
    let file = |ending: &str| file.with_extension(ending);
    let bytes = std::fs::read(file("http")).unwrap();
    let line = String::from_utf8_lossy(bytes.split(|byte| *byte == b'\r').next().unwrap()).into_owned();
    let words: Vec<&str> = line.split(' ').collect();
    let path = words[1].split('?').next().unwrap();
    // Some went to an address of the vendor's example; the prefix is all that is added.
    let (path, bytes) = match path.strip_prefix("/hooks") {
        Some(path) => (path.to_owned(), bytes),
        None => {
            let at = words[0].len() + 1;
            (path.to_owned(), [&bytes[..at], b"/hooks", &bytes[at..]].concat())
        }
    };
    let expected: Value = serde_json::from_slice(&std::fs::read(file("json")).unwrap()).unwrap();
    let keys = std::fs::read_to_string(file("yaml")).unwrap_or_default();
    let payloads = match expected {
        Value::Array(events) if keys.contains("split:") => events,
        payload => vec![payload],
    };
    let name = file("http").file_stem().unwrap().to_string_lossy().into_owned();
    Capture { name, bytes, method: words[0].to_owned(), path, keys, payloads }
}

fn route(capture: &Capture) -> String {
    let Capture { name, method, path, keys, .. } = capture;
    let keys: String = keys.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "source:\n  path: {path}\n  methods: [{method}]\n  verify: none\n{keys}send:\n  - to: omnivibe.create_message\n    \
         body: {{ content: \"{name} {{{{ payload | json }}}}\" }}\n"
    )
}

/// As many as have an address of their own; the others wait for the next server.
fn apart(captures: Vec<Capture>) -> (Vec<Capture>, Vec<Capture>) {
    let mut taken = BTreeSet::new();
    captures.into_iter().partition(|capture| taken.insert((capture.method.clone(), capture.path.clone())))
}

#[test]
fn every_captured_request_arrives_through_a_running_server() {
    let mut waiting = captures();
    assert!(waiting.len() >= 50, "there are only {}", waiting.len());
    while !waiting.is_empty() {
        let (now, later) = apart(waiting);
        through_a_server(&now);
        waiting = later;
    }
}

fn through_a_server(captures: &[Capture]) {
    let folder = Folder::with("live", &[("jackfield.yaml", SETTINGS)]);
    for capture in captures {
        folder.write(&format!("routes/{}.yaml", capture.name), &route(capture));
    }
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for capture in captures {
        let answer = exchange(&server.listen, &capture.bytes).unwrap();
        assert_eq!(answer.status, 202, "{}: {}", capture.name, answer.text());
    }
    let expected: usize = captures.iter().map(|capture| capture.payloads.len()).sum();
    let received = wait_for("every delivery", || Some(server.received()).filter(|all| all.len() >= expected));
    let contents: Vec<&str> = received.iter().filter_map(|one| one["body"]["content"].as_str()).collect();
    for capture in captures {
        let start = format!("{} ", capture.name);
        let found: Vec<Value> = contents
            .iter()
            .filter_map(|content| content.strip_prefix(&start))
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        // Without a lane, the parts of one request go out side by side.
        let all_there = capture.payloads.iter().all(|payload| found.contains(payload));
        assert!(found.len() == capture.payloads.len() && all_there, "{}: {found:#?}", capture.name);
    }
}

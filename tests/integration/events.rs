//! From a request of a sender that nobody knows, kept by `capture`, to a route of one's own.

use crate::support::{Folder, Server, get, post, run, transcript};

const SETTINGS: &str = "
connections: { partoo: { provider: partoo, api_key: 4f9a1c, channel_id: chn, business_id: b1 } }
sources:
  unknown: { path: /unknown, verify: { token: { query: key } }, secret: k3y, capture: true }
";
const ROUTE: &str = "
source: unknown
extract: { caller: { path: $.from, as: phone } }
send:
  - to: partoo.ingest_message
    body: { external_conversation_id: c, external_message_id: m, content: \"{{ caller }} called\", sender_type: Consumer }
tests:
  - name: a captured call
    request: samples/call.http
    expect: [{ to: partoo.ingest_message, body: { content: \"+5511999990000 called\" } }]
";

#[test]
fn a_captured_request_becomes_the_sample_of_a_route() {
    let folder = Folder::with("events", &[("jackfield.yaml", SETTINGS)]);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let sent = "{\"from\":\"+55 11 99999-0000\",\"note\":\"é\"}";
    let path = "/hooks/unknown?key=k3y";
    assert_eq!(post(&server.listen, path, "application/json", sent.as_bytes()).status, 202);
    server.wait_for("the event", |status| status["events"]["unmatched"] == 1);
    let listed = transcript(&run(folder.path(), &["events", "--admin", &server.admin]));
    assert!(listed.ends_with("  unknown  no route took it\n--- exit 0\n"), "{listed}");
    let id = listed.split_whitespace().nth(1).unwrap();
    let request = run(folder.path(), &["events", id, "--admin", &server.admin]);
    let text = String::from_utf8(request.stdout.clone()).unwrap();
    assert!(text.starts_with("POST /hooks/unknown?key=*** HTTP/1.1\r\n") && text.ends_with(sent), "{text}");
    assert!(String::from_utf8_lossy(&request.stderr).contains("`***` stands for what proved the request"));

    std::fs::create_dir_all(folder.path().join("samples")).unwrap();
    std::fs::write(folder.path().join("samples/call.http"), &request.stdout).unwrap();
    folder.write("routes/call.yaml", ROUTE);
    assert_eq!(transcript(&run(folder.path(), &["check"])), "1 route, 1 test: all good\n--- exit 0\n");
}

#[test]
fn events_are_told_to_nobody_who_asks_by_a_name() {
    let folder = Folder::with("events-by-name", &[("jackfield.yaml", SETTINGS)]);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert!(get(&server.admin, "/events").text().starts_with("{\n  \"events\": [],\n"));
    let rebound = crate::support::exchange(
        &server.admin,
        b"GET /events HTTP/1.1\r\nHost: evil.example:8081\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(rebound.unwrap().status, 403);
    let unknown = run(folder.path(), &["events", "evt_1", "--admin", &server.admin]);
    assert_eq!(
        transcript(&unknown),
        "--- standard error\nthere is no event `evt_1`; `jackfield events` lists the newest\n--- exit 2\n"
    );
    let none = run(folder.path(), &["events", "--admin", &server.admin, "--source", "unknown"]);
    assert_eq!(transcript(&none), "no events\n--- exit 0\n");
}

//! From a request of a sender that nobody knows, kept by `capture`, to a route of one's own.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, get, post, run, transcript};

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
    let request = run(folder.path(), &["events", id, "--request", "--admin", &server.admin]);
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

const ROUTES: [(&str, &str); 2] = [
    (
        "routes/lead.yaml",
        "
source: in
match: \"{{ payload.kind == 'lead' }}\"
extract: { phone: { path: $.phone, as: phone, region: BR } }
send: [{ to: acme.note, body: { key: \"{{ event.id }}\", text: \"call {{ phone }}\" } }]
",
    ),
    (
        "routes/sale.yaml",
        "
source: in
match: \"{{ payload.kind == 'sale' }}\"
send: [{ to: acme.note, body: { key: \"{{ event.id }}\", text: sold } }]
",
    ),
];

#[test]
fn the_story_of_an_event_is_told_in_the_terminal() {
    let folder = Folder::with("events-story", ACME);
    ROUTES.iter().for_each(|(file, text)| folder.write(file, text));
    folder.write(
        "jackfield.yaml",
        &format!("{}sources: {{ in: {{ path: /in, verify: none }} }}\n", folder.read("jackfield.yaml")),
    );
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = br#"{"provider":"acme","error":"403"}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    let sent = br#"{"kind":"lead","phone":"(11) 99999-0000"}"#;
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", sent).status, 202);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let of_server = ["--admin", &server.admin].map(str::to_owned).to_vec();
    let said = |args: &[&str], whom: &[String]| {
        let whom: Vec<&str> = whom.iter().map(String::as_str).collect();
        transcript(&run(folder.path(), &[args, &whom[..]].concat()))
    };
    let listed = said(&["events"], &of_server);
    let id = listed.split_whitespace().find(|word| word.starts_with("evt_")).unwrap().to_owned();
    let story = said(&["events", &id], &of_server);
    for wanted in [
        &*format!("{id}  dead\n  received "),
        " from source in",
        "\n  POST /hooks/in\n",
        "    {\"kind\":\"lead\",\"phone\":\"(11) 99999-0000\"}\n",
        "\nroute lead: taken\n  match: yes  payload.kind == 'lead'\n",
        "    phone: \"+5511999990000\"  from $.phone, where \"(11) 99999-0000\" stood  routes/lead.yaml:",
        " dead to acme.note",
        "    sends acme.note: POST ",
        "      text: \"call +5511999990000\"  from $.phone  routes/lead.yaml:",
        "  call 1: reject 403, ",
        "\n      content-type: ",
        "\nnot taken by\n  sale, match: no  payload.kind == 'sale'\n      payload.kind is \"lead\"\n",
    ] {
        assert!(story.contains(wanted), "{wanted}\n{story}");
    }
    let json = |whom: &[String]| -> Value {
        let told = said(&["events", &id, "--format", "json"], whom);
        serde_json::from_str(told.strip_suffix("--- exit 0\n").unwrap()).unwrap()
    };
    let of_running = json(&of_server);
    assert_eq!(of_running["routes"][0]["deliveries"][0]["attempts"][0]["status"], 403);
    let answer = get(&server.admin, &format!("/events/{id}"));
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), of_running);
    assert_eq!(get(&server.admin, "/events/evt_0").status, 404);

    assert_eq!(server.terminate(), 0);
    let stopped = ["--sandbox".to_owned()];
    let told = said(&["events", &id], &stopped);
    for wanted in ["match: yes  payload.kind == 'lead'", "  call 1: reject 403, ", "  sale, match: no  "] {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
    assert_eq!(json(&stopped)["routes"][0]["trace"], of_running["routes"][0]["trace"]);
    let unknown = said(&["events", "evt_0"], &stopped);
    assert!(unknown.contains("there is no event `evt_0`; `jackfield events` lists the newest"), "{unknown}");
}

//! Events are found by what was sent, whose they are and what became of them; what privacy masks is not shown.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, post, run, transcript};

const ROUTE: &str = "
source: { path: /in, verify: none }
match: \"{{ payload.kind != 'other' }}\"
extract:
  id: $.id
  text: $.text
identity: \"{{ id }}\"
lane: \"{{ payload.phone }}\"
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"{{ text }}\" }
";

const SENT: [&str; 5] = [
    r#"{"id":"1","text":"hi","phone":"+55 (11) 97777-1234","name":"Zoé Souza","email":"Zoe@Example.com"}"#,
    r#"{"id":"2","text":"hi","phone":"5511977771234"}"#,
    r#"{"id":"3","phone":"+55 11 98888-0000","name":"Bob","email":"bob@example.com"}"#,
    r#"{"kind":"other","from":"97777-1234"}"#,
    r#"{"id":"1","text":"again","phone":"+44 20 7946 0000"}"#,
];

fn workspace(name: &str, settings: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{}{settings}", folder.read("jackfield.yaml")));
    folder.write("routes/in.yaml", ROUTE);
    folder
}

fn filled(folder: &Folder) -> Server {
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for body in SENT {
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
    server.wait_for("all of them", |status| {
        let events = &status["events"];
        status["deliveries"]["delivered"] == 2
            && (&events["failed"], &events["unmatched"], &events["duplicates"]) == (&1.into(), &1.into(), &1.into())
    });
    server
}

/// The places of the events in what was sent, the newest first.
fn found(folder: &Folder, whom: &[&str], asked: &[&str]) -> Vec<usize> {
    let list = |asked: &[&str]| -> Vec<String> {
        let args = [&["events", "--format", "json"], whom, asked].concat();
        let output = run(folder.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{asked:?}: {}", transcript(&output));
        let body: Value = serde_json::from_slice(&output.stdout).unwrap();
        body["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = list(&[]);
    all.reverse();
    list(asked).iter().map(|id| all.iter().position(|known| known == id).unwrap() + 1).collect()
}

/// What is asked for, and what is found.
const CASES: &[(&[&str], &[usize])] = &[
    (&["--value", "+55 11 97777-1234"], &[4, 2, 1]),
    (&["--value", "1234"], &[4, 2, 1]),
    (&["--value", "zoe@EXAMPLE.com"], &[1]),
    (&["--value", "souza zoe"], &[1]),
    (&["--value", "Zoë Nobody"], &[]),
    (&["--value", "example", "--state", "failed"], &[3]),
    (&["--source", "in", "--last", "2"], &[5, 4]),
    (&["--route", "in"], &[5, 3, 2, 1]),
    (&["--connection", "acme"], &[2, 1]),
    (&["--identity", "1"], &[5, 1]),
    (&["--lane", "5511977771234"], &[2]),
    (&["--state", "delivered"], &[2, 1]),
    (&["--state", "unmatched,duplicate"], &[5, 4]),
    (&["--before", "3"], &[2, 1]),
    (&["--until", "2020-01-01T00:00:00Z"], &[]),
    (&["--since", "2020-01-01T00:00:00Z", "--value", "bob"], &[3]),
];

#[test]
fn events_are_found_in_a_running_server_and_in_a_stopped_store() {
    let folder = workspace("search", "");
    let server = filled(&folder);
    for (asked, wanted) in CASES {
        assert_eq!(found(&folder, &["--admin", &server.admin], asked), *wanted, "{asked:?}");
    }
    let admin = ["--admin", &server.admin];
    let says = |args: &[&str]| transcript(&run(folder.path(), &[args, &admin].concat()));
    let one = says(&["events", "--value", "example", "--last", "1"]);
    assert!(one.ends_with("\n1 of 2 events; --last 2 lists them all\n--- exit 0\n"), "{one}");
    assert_eq!(says(&["events", "--value", "***"]), "no events\n--- exit 0\n");
    let unknown = says(&["events", "--state", "gone"]);
    assert!(unknown.contains("there is no state `gone`: unrouted, unmatched, failed, dismissed,"), "{unknown}");
    assert_eq!(says(&["deliveries", "--value", "97777-1234"]).matches("dlv_").count(), 2);
    assert_eq!(says(&["deliveries", "--value", "zoe@example.com"]).matches("dlv_").count(), 1);
    assert_eq!(says(&["dead-letters", "--value", "zoe@example.com"]), "nothing failed\n--- exit 0\n");
    assert_eq!(says(&["dead-letters", "--value", "bob"]).matches("  failed  in  ").count(), 1);
    let again = says(&["replay", "--value", "bob@example.com", "--through-routes", "--dry-run"]);
    assert!(again.starts_with("1 event would go through the routes as they are now\n"), "{again}");
    let none = says(&["replay", "--value", "zoe@example.com", "--through-routes", "--dry-run"]);
    assert!(none.starts_with("0 events would go through"), "{none}");
    assert_eq!(server.terminate(), 0);

    let index = folder.path().join("data/sandbox/jackfield.search.db");
    for text in ["as it is", "damaged", "gone"] {
        match text {
            "damaged" => std::fs::write(&index, "no index").unwrap(),
            "gone" => std::fs::remove_file(&index).unwrap(),
            _ => {}
        }
        for (asked, wanted) in CASES {
            assert_eq!(found(&folder, &["--sandbox"], asked), *wanted, "{asked:?}, the index {text}");
        }
    }
}

const PRIVACY: &str = "privacy: { mask: [emails, $.name] }\n";

#[test]
fn what_is_masked_is_delivered_whole_and_shown_to_nobody() {
    let folder = workspace("privacy", PRIVACY);
    let source = "source: { path: /in, verify: none, privacy: { mask: [phones] } }";
    let route = ROUTE.replace("source: { path: /in, verify: none }", source);
    folder.write(
        "routes/in.yaml",
        &route.replace("\"{{ text }}\"", "\"{{ payload.name }} {{ payload.phone }} {{ text }}\""),
    );
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(
        post(&server.listen, "/hooks/in?from=%2B5511977771234", "application/json", SENT[0].as_bytes()).status,
        202
    );
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    assert_eq!(server.received()[0]["body"]["text"], "Zoé Souza +55 (11) 97777-1234 hi");
    let shown = |whom: &[&str]| {
        let listed = transcript(&run(folder.path(), &[&["deliveries"], whom].concat()));
        let id = listed.split_whitespace().find(|word| word.starts_with("dlv_")).unwrap();
        let story = transcript(&run(folder.path(), &[&["deliveries", id], whom].concat()));
        assert!(story.contains("\"text\": \"••• ••• hi\"") && story.contains("\n  lane •••\n"), "{story}");
        let listed = transcript(&run(folder.path(), &[&["events"], whom].concat()));
        let id = listed.split_whitespace().find(|word| word.starts_with("evt_")).unwrap();
        let request = run(folder.path(), &[&["events", id, "--request"], whom].concat());
        assert!(String::from_utf8_lossy(&request.stderr).contains("`•••` stands for what `privacy` masks"));
        let request = String::from_utf8(request.stdout).unwrap();
        let body = "\r\n\r\n{\"id\":\"1\",\"text\":\"hi\",\"phone\":\"•••\",\"name\":\"•••\",\"email\":\"•••\"}";
        assert!(request.starts_with("POST /hooks/in?from=%E2%80%A2%E2%80%A2%E2%80%A2 HTTP"), "{request}");
        assert!(request.ends_with(body), "{request}");
    };
    shown(&["--admin", &server.admin]);
    assert_eq!(server.terminate(), 0);
    shown(&["--sandbox"]);
}

#[test]
fn what_is_written_within_a_text_is_found() {
    let folder = workspace("search-within", "");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let form = "application/x-www-form-urlencoded";
    let sent = [
        // JSON in a field of a form, with a name that JSON escapes.
        (form, "raw=%7B%22who%22%3A%22Zo%5Cu00e9%22%2C%22tel%22%3A%22%2B55+11+97777-1234%22%7D"),
        // A form in a field of JSON.
        ("application/json", r#"{"query":"tel=%2B5521966665555&mail=bob%40example.com"}"#),
        // JSON in base64.
        ("application/json", r#"{"data":"eyJ0ZWwiOiIrNDQgMjAgNzk0NiAwMDAwIiwibmFtZSI6IlF1aW50YW5hIn0="}"#),
    ];
    for (kind, body) in sent {
        assert_eq!(post(&server.listen, "/hooks/in", kind, body.as_bytes()).status, 202);
    }
    server.wait_for("all of them", |status| status["events"]["accepted"] == 3 && status["events"]["unrouted"] == 0);
    let cases = [
        ("zoé", 1),
        ("+55 (11) 97777-1234", 1),
        ("21 96666-5555", 2),
        ("bob@example.com", 2),
        ("+44 (0)20 7946 0000", 3),
        ("quintana", 3),
    ];
    for (asked, wanted) in cases {
        assert_eq!(found(&folder, &["--admin", &server.admin], &["--value", asked]), [wanted], "{asked}");
    }
    assert_eq!(server.terminate(), 0);
    for (asked, wanted) in cases {
        assert_eq!(found(&folder, &["--sandbox"], &["--value", asked]), [wanted], "{asked}");
    }
}

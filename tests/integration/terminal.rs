//! What the commands that ask a server tell a person, and what they say to do next.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, get, post, run, transcript};

const ROUTE: &str = "
source: { path: /in, verify: none }
match: \"{{ payload.id is defined }}\"
extract: { text: $.text }
send:
  - to: acme.note
    steps:
      - call: acme.note
        body: { key: \"first {{ payload.id }}\", text: hello }
        save: { number: $.id }
    body: { key: \"{{ payload.id }}\", text: \"{{ text }} {{ number }}\" }
";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    let settings = folder.read("jackfield.yaml");
    folder.write(
        "jackfield.yaml",
        &settings.replace("retry: { first: 100ms, longest: 500ms }", "retry: { attempts: 1 }"),
    );
    folder.write("routes/in.yaml", ROUTE);
    folder
}

fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    transcript(&run(folder.path(), &[args, &["--admin", &server.admin]].concat()))
}

fn send(server: &Server, body: &str) {
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
}

fn fail(server: &Server, times: usize) {
    let order = format!("{{\"provider\":\"acme\",\"error\":\"403\",\"times\":{times}}}");
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
}

fn first(server: &Server, path: &str, key: &str) -> String {
    let listed: Value = serde_json::from_slice(&get(&server.admin, path).body).unwrap();
    listed[key][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_state_is_told_in_words() {
    let folder = workspace("status");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":"1","text":"hello"}"#);
    send(&server, r#"{"none":1}"#);
    server.wait_for("the first", |status| status["deliveries"]["delivered"] == 1);
    fail(&server, 1);
    send(&server, r#"{"id":"2","text":"hello"}"#);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    assert_eq!(post(&server.listen, "/hooks/none", "text/plain", b"").status, 404);
    let told = said(&folder, &server, &["status"]);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with(&format!("server      jackfield {}, since 20", env!("CARGO_PKG_VERSION"))), "{told}");
    assert!(lines[1].starts_with("routes      1, of revision "), "{told}");
    let rest = [
        "events      3 accepted, 1 that no route took",
        "deliveries  1 delivered, 1 dead",
        "refused     1 not-found",
        "store       takes events",
        "changes     none since the start",
        "--- exit 0",
    ];
    assert_eq!(lines[2..], rest, "{told}");
    folder.write("routes/in.yaml", &ROUTE.replace("match:", "mach:"));
    server.wait_for("the refusal", |status| status["reloads"]["refused"] == 1);
    let told = said(&folder, &server, &["status"]);
    assert!(told.contains("\nchanges     1 refused; the last, at 20") && told.contains(", was refused\n"), "{told}");
    assert!(told.contains("\n  routes/in.yaml:3: error[unknown-key]: a route has no key `mach`\n"), "{told}");
    let json: Value =
        serde_json::from_slice(&run(folder.path(), &["status", "--format", "json", "--admin", &server.admin]).stdout)
            .unwrap();
    assert_eq!(json["events"], server.status()["events"]);
}

#[test]
fn the_plain_form_is_called_text_everywhere() {
    let folder = workspace("plain");
    for command in ["check", "test"] {
        let plain = transcript(&run(folder.path(), &[command]));
        for word in ["text", "human"] {
            assert_eq!(transcript(&run(folder.path(), &[command, "--format", word])), plain, "{command} {word}");
        }
        let help = transcript(&run(folder.path(), &[command, "--help"]));
        assert!(help.contains("[default: text] [possible values: text, json,"), "{help}");
    }
}

#[test]
fn what_failed_says_what_to_do_next() {
    let folder = workspace("next");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n--- exit 0\n");
    send(&server, r#"{"id":"1"}"#);
    server.wait_for("the failure", |status| status["events"]["failed"] == 1);
    let dead = said(&folder, &server, &["dead-letters"]);
    assert!(dead.contains("\n`jackfield events evt_…` shows one that failed; `replay evt_…` sends it"), "{dead}");
    assert!(!dead.contains("dlv_…"), "{dead}");
    let event = first(&server, "/events", "events");
    let why = said(&folder, &server, &["events"]);
    assert!(why.contains("  in: failed: `text` found no value, and is required"), "{why}");

    // Through routes of which none takes it, it has failed no more.
    folder.write("routes/in.yaml", &ROUTE.replace("payload.id is defined", "payload.id == 'other'"));
    server.wait_for("the edit", |status| status["reloads"]["taken"] == 1);
    assert!(said(&folder, &server, &["replay", &event]).starts_with("1 event went to the routes"));
    server.wait_for("the event", |status| status["events"]["unmatched"] == 1);
    assert!(said(&folder, &server, &["events"]).ends_with("  in  no route took it\n--- exit 0\n"));
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n--- exit 0\n");
}

#[test]
fn a_chain_that_is_done_does_not_wait_for_its_steps() {
    let folder = workspace("chain");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":"1","text":"hello"}"#);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    let story = said(&folder, &server, &["deliveries", &first(&server, "/deliveries", "deliveries")]);
    assert!(story.contains("  step 1, acme.note, secrets named: POST /notes\n"), "{story}");
    assert!(story.contains("  step 2, acme.note: made of what the steps before it found; it is not kept\n"), "{story}");
    fail(&server, 1);
    send(&server, r#"{"id":"2","text":"hello"}"#);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let dead = first(&server, "/deliveries?state=dead", "deliveries");
    let story = said(&folder, &server, &["deliveries", &dead]);
    assert!(story.contains("  step 2, acme.note: not called\n"), "{story}");
}

#[test]
fn what_a_replay_advises_can_be_done() {
    let folder = workspace("advice");
    // A header that no template can give fails when the request is made, and is a dead letter of its delivery.
    let broken = ROUTE.replace(
        "    body: { key: \"{{ payload.id }}\"",
        "    headers: { X-Note: \"{{ text }}\" }\n    body: { key: \"{{ payload.id }}\"",
    );
    folder.write("routes/in.yaml", &broken.replace("    steps:\n      - call: acme.note\n        body: { key: \"first {{ payload.id }}\", text: hello }\n        save: { number: $.id }\n", "").replace(" {{ number }}", ""));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, "{\"id\":\"1\",\"text\":\"a\\nb\"}");
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let told = said(&folder, &server, &["replay", "--connection", "acme", "--dry-run"]);
    let advice = "mend the route, then say `jackfield replay --through-routes --route NAME`";
    assert!(told.contains(&format!("  1 delivery could not be made into a request: {advice}\n")), "{told}");
    let told = said(&folder, &server, &["replay", "--through-routes", "--route", "in", "--dry-run"]);
    assert!(told.starts_with("1 event would go through the routes as they are now\n"), "{told}");
    let told = said(&folder, &server, &["replay", "--route", "in", "--dry-run"]);
    assert!(
        told.contains("1 delivery could not be made into a request: mend the route, then add --through-routes\n"),
        "{told}"
    );
}

#[test]
fn deliveries_are_found_by_source_lane_identity_and_time() {
    let folder = workspace("found-by");
    let route = |kind: &str| {
        format!(
            "source: {kind}\nidentity: \"{{{{ payload.id }}}}\"\nlane: \"{{{{ payload.lane }}}}\"\nextract: {{ id: $.id }}\nsend: \
             [{{ to: acme.note, body: {{ key: \"{{{{ id }}}}\", text: {kind} }} }}]\n"
        )
    };
    let sources = "sources:\n  forms: { path: /forms, verify: none }\n  calls: { path: /calls, verify: none }\n";
    folder.write("jackfield.yaml", &format!("{}{sources}", folder.read("jackfield.yaml")));
    std::fs::remove_file(folder.path().join("routes/in.yaml")).unwrap();
    ["forms", "calls"].iter().for_each(|kind| folder.write(&format!("routes/{kind}.yaml"), &route(kind)));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = br#"{"provider":"acme","error":"403","times":3}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    for (path, id, lane) in [("forms", "f1", "a"), ("forms", "f2", "b"), ("calls", "c1", "a")] {
        let body = format!("{{\"id\":\"{id}\",\"lane\":\"{lane}\"}}");
        assert_eq!(post(&server.listen, &format!("/hooks/{path}"), "application/json", body.as_bytes()).status, 202);
    }
    server.wait_for("all dead", |status| status["deliveries"]["dead"] == 3);
    let server_or_store = |whom: &[&str]| {
        for command in ["deliveries", "dead-letters"] {
            let count = |asked: &[&str]| {
                let told = transcript(&run(folder.path(), &[&[command], asked, whom].concat()));
                told.lines().filter(|line| line.contains("dlv_") && line.contains("acme.note")).count()
            };
            for (asked, wanted) in [
                (&["--source", "forms"][..], 2),
                (&["--source", "calls"], 1),
                (&["--source", "forms", "--lane", "a"], 1),
                (&["--lane", "a"], 2),
                (&["--identity", "f2"], 1),
                (&["--since", "2026-01-01T00:00:00Z"], 3),
                (&["--until", "2026-01-01T00:00:00Z"], 0),
                (&["--since", "2199-01-01T00:00:00Z"], 0),
                (&["--route", "calls", "--source", "forms"], 0),
            ] {
                assert_eq!(count(asked), wanted, "{command} {asked:?}");
            }
        }
    };
    server_or_store(&["--admin", &server.admin]);
    assert_eq!(server.terminate(), 0);
    server_or_store(&["--sandbox"]);
}

#[test]
fn a_name_that_nobody_knows_is_told() {
    let folder = workspace("unknown-names");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":"1","text":"hi"}"#);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    let cases: [(&[&str], &str); 7] = [
        (&["events", "--route", "inn"], "there is no route `inn`; did you mean `in`?"),
        (&["deliveries", "--connection", "acmee"], "there is no connection `acmee`; did you mean `acme`?"),
        (&["deliveries", "--source", "inn"], "there is no source `inn`; did you mean `in`?"),
        (&["dead-letters", "--route", "elsewhere"], "there is no route `elsewhere`\n"),
        (&["replay", "--route", "inn", "--dry-run"], "there is no route `inn`; did you mean `in`?"),
        (&["release", "--connection", "acmee", "--dry-run"], "there is no connection `acmee`; did you mean `acme`?"),
        (&["dismiss", "--route", "inn", "--dry-run"], "there is no route `inn`; did you mean `in`?"),
    ];
    let asked = |args: &[&str]| {
        let output = run(folder.path(), &[args, &["--admin", &server.admin]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (args, wanted) in cases {
        assert!(asked(args).contains(wanted), "{args:?}: {}", asked(args));
    }
    // A route without anything that failed is known, and so is one that is gone and has left something.
    assert_eq!(asked(&["dead-letters", "--route", "in"]), "");
    folder.write("routes/other.yaml", &folder.read("routes/in.yaml").replace("/in", "/other"));
    std::fs::remove_file(folder.path().join("routes/in.yaml")).unwrap();
    assert_eq!(asked(&["dead-letters", "--route", "in"]), "");
    assert_eq!(asked(&["events", "--route", "in", "--format", "json"]), "");
    let json = run(folder.path(), &["events", "--route", "inn", "--format", "json", "--admin", &server.admin]);
    assert!(serde_json::from_slice::<Value>(&json.stdout).is_ok(), "a warning is no part of what a script reads");
}

#[test]
fn status_says_why_a_change_was_refused_for_what_came_in_before() {
    let folder = workspace("clean-diff");
    folder.write("jackfield.yaml", &format!("reload: require_clean_diff\n{}", folder.read("jackfield.yaml")));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":"1","text":"hi"}"#);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    folder.write("routes/in.yaml", &folder.read("routes/in.yaml").replace("$.text", "$.nowhere"));
    server.wait_for("the refusal", |status| status["reloads"]["refused"] == 1);
    let told = said(&folder, &server, &["status"]);
    assert!(
        told.contains(", which came in before, fails by this change; `jackfield diff` shows all of them"),
        "{told}"
    );
}

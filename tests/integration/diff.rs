//! What an edit changes, on what came in: beside a running server, and when it has stopped.

use crate::support::{ACME, Folder, Server, post, run, transcript};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id, text?: $.text }
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"{{ text | default('-') }}\" }
";

fn send(server: &Server, body: &str) {
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
}

/// A workspace whose server has routed three events.
fn served(name: &str) -> (Folder, Server) {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":1,"text":"hello"}"#);
    send(&server, r#"{"id":2,"text":"good morning"}"#);
    send(&server, r#"{"id":3}"#);
    server.wait_for("three deliveries", |status| status["deliveries"]["delivered"] == 3);
    (folder, server)
}

/// What `diff` says, ids and moments left out.
fn diff(folder: &Folder, more: &[&str]) -> String {
    let text = transcript(&run(folder.path(), &[&["diff", "--sandbox"], more].concat()));
    let word = |word: &str| match word.get(..4) {
        Some("evt_") => "evt_…".to_owned(),
        Some("2026" | "2027" | "2028") => "(moment)".to_owned(),
        _ => word.to_owned(),
    };
    let words = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(|line| words(line) + "\n").collect()
}

#[test]
fn an_edit_is_shown_on_what_came_in() {
    let (folder, server) = served("diff-edit");
    insta::assert_snapshot!("diff_nothing", diff(&folder, &[]));
    folder.write("routes/in.yaml", &ROUTE.replace("text?:", "text:").replace("\"m{{ id }}\"", "\"n{{ id }}\""));
    // Live already, or not yet: either way the edit is seen.
    insta::assert_snapshot!("diff_edit", diff(&folder, &["--against", "sent"]));
    drop(server);
    folder.write("routes/in.yaml", &folder.read("routes/in.yaml").replace("default('-')", "default('+')"));
    insta::assert_snapshot!("diff_stopped", diff(&folder, &["--against", "sent"]));
    let json = run(folder.path(), &["diff", "--sandbox", "--against", "sent", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (told["events"].as_u64(), told["changed"].as_u64(), told["worse"].as_u64()),
        (Some(3), Some(3), Some(1))
    );
    assert_eq!(told["changes"][1]["fields"][0]["path"], "body.key");
    assert_eq!(told["changes"][1]["fields"][0]["before"], "m2");
    assert_eq!(told["changes"][1]["fields"][0]["after"], "n2");
    assert_eq!(told["changes"][0]["problem"]["code"], "value-not-found");
}

#[test]
fn what_was_sent_again_is_no_change() {
    let (folder, server) = served("diff-again");
    let before = diff(&folder, &["--against", "sent"]);
    let listed: serde_json::Value =
        serde_json::from_slice(&crate::support::get(&server.admin, "/deliveries").body).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    run(folder.path(), &["replay", id, "--again", "--admin", &server.admin]);
    server.wait_for("the copy", |status| status["deliveries"]["delivered"] == 4);
    assert_eq!(diff(&folder, &["--against", "sent"]), before);
}

#[test]
fn requests_appear_and_vanish() {
    let (folder, _server) = served("diff-appear");
    let shared = |route: &str| route.replace("source: { path: /in, verify: none }", "source: in");
    folder.write("jackfield.yaml", &(folder.read("jackfield.yaml") + "sources: { in: { path: /in, verify: none } }\n"));
    folder.write("routes/other.yaml", &(shared(ROUTE) + "match: \"{{ payload.id > 1 }}\"\n"));
    let some = ROUTE.replace("to: acme.note\n", "to: acme.note\n    when: \"{{ id != 2 }}\"\n");
    folder.write("routes/in.yaml", &shared(&some));
    insta::assert_snapshot!("diff_appear", diff(&folder, &["--against", "sent"]));
    insta::assert_snapshot!("diff_of_one_route", diff(&folder, &["--against", "sent", "--route", "routes/other.yaml"]));
}

#[test]
fn what_a_source_reads_no_more_is_told() {
    let (folder, _server) = served("diff-unread");
    folder.write("routes/in.yaml", &ROUTE.replace("path: /in,", "path: /in, format: xml,"));
    insta::assert_snapshot!("diff_unread", diff(&folder, &["--against", "sent"]));
    folder.write("routes/in.yaml", &ROUTE.replace("$.id,", "$.id"));
    let said = diff(&folder, &[]);
    assert!(said.contains("the workspace does not compile, so nothing was compared\n--- exit 1"), "{said}");
}

#[test]
fn there_must_be_something_to_compare() {
    let folder = Folder::with("diff-nothing", ACME);
    folder.write("routes/in.yaml", ROUTE);
    let said = diff(&folder, &[]);
    assert!(said.contains("there is no event store in ") && said.ends_with("--- exit 3\n"), "{said}");
}

#[test]
fn a_change_goes_live_only_when_what_came_in_still_works() {
    let folder = Folder::with("diff-proof", ACME);
    let settings = folder.read("jackfield.yaml");
    folder.write("jackfield.yaml", &format!("{settings}reload: require_clean_diff\n"));
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":1,"text":"hello"}"#);
    send(&server, r#"{"id":3}"#);
    server.wait_for("two deliveries", |status| status["deliveries"]["delivered"] == 2);

    let stricter = ROUTE.replace("text?:", "text:");
    folder.write("routes/in.yaml", &stricter);
    let refused = server.wait_for("the refusal", |status| status["reloads"]["refused"] == 1);
    let problems = refused["reloads"]["last"]["problems"].as_array().unwrap();
    let problem = problems.iter().find(|problem| problem["code"] == "value-not-found").unwrap();
    assert_eq!(problem["places"][0]["line"], 3, "{problem:#}");
    let help = problem["help"].as_str().unwrap();
    assert!(
        help.starts_with("the event evt_") && help.contains("which came in before, fails by this change"),
        "{help}"
    );

    folder.write("routes/in.yaml", &ROUTE.replace("\"m{{ id }}\"", "\"n{{ id }}\""));
    server.wait_for("a change by which nothing fails", |status| status["reloads"]["taken"] == 1);
    folder.write("jackfield.yaml", &settings);
    server.wait_for("the rule is gone", |status| status["reloads"]["taken"] == 2);
    folder.write("routes/in.yaml", &stricter);
    server.wait_for("every change goes live", |status| status["reloads"]["taken"] == 3);
}

#[test]
fn what_privacy_masks_is_not_shown() {
    let folder = Folder::with("diff-private", ACME);
    let private = "privacy: { mask: [phones, $.text] }\n";
    folder.write("jackfield.yaml", &format!("{}{private}reload: require_clean_diff\n", folder.read("jackfield.yaml")));
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"id":"+55 11 97777-1234","text":"Zoe is ill","more":"Quintana"}"#);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    // A number that is none fails with what was found.
    let stricter = ROUTE.replace("text?: $.text", "text: { path: $.text, as: integer }");
    let stricter = stricter.replace("text | default('-')", "text | string");
    folder.write("routes/in.yaml", &stricter);
    server.wait_for("the refusal", |status| status["reloads"]["refused"] == 1);
    let mut told = vec![server.status().to_string(), folder.read("serve.log")];
    told.push(diff(&folder, &["--against", "sent", "--format", "json"]));
    let text = diff(&folder, &["--against", "sent"]);
    assert!(told.iter().all(|told| told.contains("unfit-value")), "{told:#?}");
    assert!(text.contains("fails: routes/in.yaml:3"), "{text}");
    told.push(text);
    folder.write("routes/in.yaml", &ROUTE.replace("m{{ id }}", "n{{ id }}"));
    let text = diff(&folder, &["--against", "sent"]);
    assert!(text.contains("body.key: \"m•••\" → \"n•••\""), "{text}");
    told.extend([text, diff(&folder, &["--against", "sent", "--format", "json"])]);
    for told in told {
        assert!(!told.contains("97777") && !told.contains("Zoe is"), "{told}");
    }
}

//! From a captured request to a route of one's own, by commands alone.

use crate::support::{Folder, Server, post, run, transcript};

const SETTINGS: &str = "
connections:
  omnivibe: { provider: omnivibe, inbox_identifier: inbox-123, contact_identifier: contact-123, conversation_id: 42 }
  partoo: { provider: partoo, api_key: 4f9a1c77, channel_id: chn, business_id: b1 }
sources:
  unknown: { path: /unknown, verify: { token: { query: key } }, secret: k3y, capture: true }
";

const CALL: &str = "POST /hooks/acme/calls HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
    {\"event\":\"call.missed\",\"call\":{\"id\":\"c-9\",\"caller\":\"(11) 99999-0000\",\"nome\":\"Ana Souza\",\"correo\":\"ana@example.com\",\"Observa\u{e7}\u{e3}o\":\"\"}}";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, &[("jackfield.yaml", SETTINGS), ("samples/call.http", CALL)]);
    std::fs::create_dir_all(folder.path().join("routes")).unwrap();
    folder
}

fn said(folder: &Folder, args: &[&str]) -> String {
    transcript(&run(folder.path(), args))
}

#[test]
fn a_draft_is_refused_until_its_guesses_are_confirmed() {
    let folder = workspace("draft");
    insta::assert_snapshot!(
        "draft_made",
        said(&folder, &["new", "route", "--from", "samples/call.http", "--to", "partoo.ingest_message"])
    );
    insta::assert_snapshot!("draft_route", folder.read("routes/call.yaml"));
    insta::assert_snapshot!("draft_check", said(&folder, &["check"]));
    let dry_run = said(&folder, &["dry-run", "call"]);
    assert!(dry_run.contains("+5511999990000"), "{dry_run}");
    let left = "--- standard error\n3 guesses of routes/call.yaml to be confirmed: delete `guess` where the value is right\n--- exit 1\n";
    assert!(dry_run.ends_with(left), "{dry_run}");
    let draft = folder.read("routes/call.yaml");
    let confirmed: Vec<&str> =
        draft.lines().map(|line| line.split_once(", guess:").map_or(line, |(line, _)| line)).collect();
    let confirmed: Vec<String> =
        confirmed
            .iter()
            .map(|line| {
                if line.contains("{ path: $") && !line.contains('}') {
                    format!("{line} }}")
                } else {
                    (*line).to_owned()
                }
            })
            .collect();
    folder.write("routes/call.yaml", &(confirmed.join("\n") + "\n"));
    let said_then = said(&folder, &["test"]);
    assert!(said_then.starts_with("ok     call: the captured request\n"), "{said_then}");
    let again = said(&folder, &["new", "route", "--from", "samples/call.http", "--to", "partoo.ingest_message"]);
    assert_eq!(
        again,
        "--- standard error\n`routes/call.yaml` is there already; name the route otherwise\n--- exit 2\n"
    );
}

#[test]
fn an_event_that_no_route_took_becomes_a_route() {
    let folder = workspace("draft-event");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let body =
        "{\"lead\":{\"Prénom\":\"Ana\",\"téléphone\":\"+33 6 12 34 56 78\",\"mensaje\":\"Quiero saber el precio\"}}";
    assert_eq!(post(&server.listen, "/hooks/unknown?key=k3y", "application/json", body.as_bytes()).status, 202);
    server.wait_for("the event", |status| status["events"]["unmatched"] == 1);
    let listed = said(&folder, &["events", "--admin", &server.admin]);
    let id = listed.split_whitespace().nth(1).unwrap();
    let made = said(&folder, &["new", "route", "lead", "--from", id, "--to", "omnivibe.create_message", "--sandbox"]);
    assert!(made.starts_with("made    samples/lead.http\nmade    routes/lead.yaml\n"), "{made}");
    insta::assert_snapshot!("draft_event", folder.read("routes/lead.yaml"));
    let dry_run = said(&folder, &["dry-run", "lead"]);
    assert!(dry_run.contains("`***` stands where the proof stood when the request was captured"), "{dry_run}");
    let listed = said(&folder, &["events", "--admin", &server.admin, "--format", "json"]);
    assert!(listed.contains("\"source\": \"unknown\""), "{listed}");
    // The running server is asked, as by `events`.
    folder.write("jackfield.yaml", &format!("admin: {}\n{SETTINGS}", server.admin));
    let asked = said(&folder, &["new", "route", "asked", "--from", id, "--to", "omnivibe.create_message", "--print"]);
    assert!(asked.contains("Prénom") && asked.ends_with("--- exit 0\n"), "{asked}");
    server.terminate();
    let elsewhere = said(&folder, &["events"]);
    assert!(elsewhere.contains("`--sandbox` looks into the store that `serve --sandbox` has left"), "{elsewhere}");
    let elsewhere = said(&folder, &["new", "route", "other", "--from", id, "--to", "omnivibe.create_message"]);
    assert!(elsewhere.contains("`serve --sandbox` has left one: add `--sandbox`"), "{elsewhere}");
    assert!(said(&folder, &["events", "--sandbox"]).ends_with("  unknown  no route took it\n--- exit 0\n"));
}

#[test]
fn what_can_t_be_drafted_is_told() {
    let folder = workspace("draft-wrong");
    let cases = [
        (vec!["--from", "samples/call.http", "--to", "partoo.ingest_mesage"], "did you mean `partoo.ingest_message`?"),
        (vec!["--from", "samples/none.http", "--to", "partoo.ingest_message"], "`samples/none.http` can't be read"),
        (
            vec!["a b", "--from", "samples/call.http", "--to", "partoo.ingest_message"],
            "`a b` can't be the name of a route",
        ),
        (
            vec!["../x", "--from", "samples/call.http", "--to", "partoo.ingest_message"],
            "`../x` can't be the name of a route",
        ),
    ];
    for (args, wanted) in cases {
        let told = said(&folder, &[&["new", "route"], &args[..]].concat());
        assert!(told.contains(wanted) && told.ends_with("--- exit 2\n"), "{told}");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("routes")).unwrap().count(), 0);
}

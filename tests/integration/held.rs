//! What waits for a person, from the terminal: it goes on, or nothing more is wanted of it.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, get, jackfield, post, run};

const ROUTE: &str = "
source: { path: /in, verify: none }
on_unknown: hold
send:
  - to: acme.note
    body: { key: \"{{ payload.id }}\", text: hello }
";

fn workspace(name: &str, connection: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", ROUTE);
    // The provider would not know a repetition.
    let pack = folder.read("schemas/acme/pack.yaml").replace("    idempotency: { field: key }\n", "");
    folder.write("schemas/acme/pack.yaml", &pack);
    folder
        .write("jackfield.yaml", &format!("connections:\n  acme: {{ provider: acme, token: t0ken, {connection} }}\n"));
    folder
}

fn send(server: &Server, ids: std::ops::Range<usize>) {
    for id in ids {
        let body = format!("{{\"id\":\"m{id}\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
}

/// What a command says on both ways.
fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    let output =
        jackfield(folder.path(), &[args, &["--admin", &server.admin]].concat()).env("USER", "ana").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The ids of deliveries, the oldest first.
fn ids(server: &Server) -> Vec<String> {
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let ids = listed["deliveries"].as_array().unwrap().iter().rev();
    ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_nobody_knows_goes_on_or_is_dismissed_as_a_person_says() {
    let folder = workspace("held", "timeout: 300ms");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = br#"{"provider":"acme","error":"hang","times":4}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    send(&server, 0..4);
    server.wait_for("four held", |status| status["deliveries"]["held"] == 4);
    let ids = ids(&server);
    let [first, second, third, fourth] = [&ids[0], &ids[1], &ids[2], &ids[3]];
    let listed = said(&folder, &server, &["dead-letters"]);
    assert_eq!(listed.matches("  held  acme.note  in  (1 attempt, unknown timeout)\n").count(), 4, "{listed}");

    assert_eq!(
        said(&folder, &server, &["release", first, "--dry-run"]),
        format!("1 delivery would go on\n  {first}\n")
    );
    assert_eq!(server.status()["deliveries"]["held"], 4, "a trial changes nothing");
    assert_eq!(said(&folder, &server, &["release", first]), format!("1 delivery goes on\n  {first}\n"));
    server.wait_for("the first", |status| status["deliveries"]["delivered"] == 1);
    let story = said(&folder, &server, &["deliveries", first]);
    assert!(story.starts_with(&format!("{first}  delivered  (2 attempts)\n")), "the same delivery: {story}");

    let args = ["dismiss", second, "--note", "it is in the inbox"];
    assert_eq!(said(&folder, &server, &args), format!("1 delivery dismissed\n  {second}\n"));
    let story = said(&folder, &server, &["deliveries", second]);
    let noted = format!("{second}  skipped  (1 attempt, dismissed by ana: it is in the inbox)\n");
    assert!(story.starts_with(&noted), "{story}");
    let again = said(&folder, &server, &["replay", second]);
    assert_eq!(again, format!("`{second}` was dismissed; to send it all the same, add --again\n"));

    let trial = said(&folder, &server, &["dismiss", "--route", "in", "--dry-run"]);
    assert_eq!(trial, format!("2 deliveries would be dismissed\n  {third}\n  {fourth}\n"));
    assert_eq!(
        said(&folder, &server, &["release", "--route", "other"]),
        "0 deliveries go on\nthere is no route `other`\n"
    );
    let left_out =
        "left out: 2 of which nobody knows whether the provider has them; look, then name them, or add --unknown";
    for more in [&["--route", "in"][..], &["--all", "--dry-run"]] {
        let none = said(&folder, &server, &[&["release"], more].concat());
        let word = if more.contains(&"--dry-run") { "would go on" } else { "go on" };
        assert_eq!(none, format!("0 deliveries {word}\n  {left_out}\n"));
    }
    assert_eq!(server.status()["deliveries"]["held"], 2);
    let both = said(&folder, &server, &["release", "--route", "in", "--unknown"]);
    assert_eq!(both, format!("2 deliveries go on\n  {third}\n  {fourth}\n"));
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3);
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n");
    assert_eq!(server.received().len(), 7, "each was sent once more, and the one that was dismissed was not");
}

#[test]
fn nothing_is_decided_by_mistake() {
    let folder = workspace("held-mistake", "retry: { attempts: 1 }");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    post(server.sandbox(), "/_sandbox/fail", "application/json", br#"{"provider":"acme","error":"403"}"#);
    send(&server, 0..1);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    send(&server, 1..2);
    server.wait_for("a delivery", |status| status["deliveries"]["delivered"] == 1);
    let ids = ids(&server);
    let (dead, delivered) = (&ids[0], &ids[1]);
    let meant = "say which are meant: ids, route, connection, since, until, or all\n";
    assert_eq!(said(&folder, &server, &["release"]), meant);
    assert_eq!(said(&folder, &server, &["dismiss"]), meant);
    let cases = [
        (
            ["release", dead],
            format!("`{dead}` is dead, and does not go on; `jackfield replay {dead}` sends it again\n"),
        ),
        (["release", delivered], format!("the provider has `{delivered}` already\n")),
        (["dismiss", delivered], format!("the provider has `{delivered}` already\n")),
        (
            ["dismiss", "dlv_x"],
            "`dlv_x` is no whole id: copy all of it; `jackfield deliveries` lists them\n".to_owned(),
        ),
    ];
    for (args, wanted) in cases {
        assert_eq!(said(&folder, &server, &args), wanted);
    }
    let wrong = said(&folder, &server, &["dismiss", "--all", "--state", "delivered"]);
    assert_eq!(wrong, "what is delivered is not meant by this\n");
    assert_eq!(said(&folder, &server, &["dismiss", "--all"]), format!("1 delivery dismissed\n  {dead}\n"));
    assert_eq!(said(&folder, &server, &["replay", "--all"]), "0 deliveries on the way again\n");
    assert_eq!(server.status()["deliveries"]["delivered"], 1);
}

#[test]
fn a_mended_connection_lets_what_it_held_go_on() {
    let folder = workspace("held-mended", "base_url: \"http://127.0.0.1:1\"");
    let stand_in = crate::support::StandIn::start(&folder, &[]);
    let connection = |more: &str| {
        format!(
            "connections:\n  acme: {{ provider: acme, token: t0ken, base_url: \"http://localhost:{}/acme\"{more} }}\n",
            stand_in.address.rsplit(':').next().unwrap()
        )
    };
    folder.write("jackfield.yaml", &connection(""));
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..3);
    server.wait_for("three held", |status| status["deliveries"]["held"] == 3);
    let listed = said(&folder, &server, &["dead-letters"]);
    assert_eq!(listed.matches("(1 attempt, not-sent private-address)").count(), 3, "{listed}");
    folder.write("jackfield.yaml", &connection(", allow_private_addresses: true"));
    server.wait_for("the mended connection", |status| status["reloads"]["taken"] == 1);
    assert!(said(&folder, &server, &["release", "--connection", "acme"]).starts_with("3 deliveries go on\n"));
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3);
    assert_eq!(server.status()["deliveries"]["held"], 0);
}

#[test]
fn what_goes_on_finds_a_connection_that_is_gone() {
    let folder = workspace("held-gone", "timeout: 300ms");
    let server = Server::start(folder.path(), &["--sandbox", "--data", "store"], &[]);
    let order = br#"{"provider":"acme","error":"hang"}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    send(&server, 0..1);
    server.wait_for("one held", |status| status["deliveries"]["held"] == 1);
    let id = ids(&server)[0].clone();
    assert_eq!(server.terminate(), 0);
    folder.write("jackfield.yaml", &folder.read("jackfield.yaml").replace("  acme: {", "  other: {"));
    folder.write("routes/in.yaml", &ROUTE.replace("acme.note", "other.note"));
    let server = Server::start(folder.path(), &["--sandbox", "--data", "store"], &[]);
    assert_eq!(said(&folder, &server, &["release", &id]), format!("1 delivery goes on\n  {id}\n"));
    // It is tried, and says what is wrong.
    crate::support::wait_for("the second attempt", || {
        let story = said(&folder, &server, &["deliveries", &id]);
        story.contains("not-sent (no-connection)").then_some(())
    });
}

#[test]
fn a_store_that_no_server_has_is_looked_into() {
    let folder = workspace("stopped", "retry: { attempts: 1 }");
    let server = Server::start(folder.path(), &["--sandbox", "--data", "store"], &[]);
    let admin = server.admin.clone();
    let settings = folder.read("jackfield.yaml");
    folder.write("jackfield.yaml", &format!("admin: {admin}\ndata: store/sandbox\n{settings}"));
    let order = br#"{"provider":"acme","error":"403"}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    send(&server, 0..1);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let plain = |args: &[&str]| {
        let output = run(folder.path(), args);
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    // Nothing is named: jackfield.yaml says where the operator is answered. An address with its scheme is as good.
    let (listed, nothing) = plain(&["dead-letters"]);
    assert!(listed.contains("  dead  acme.note  in  (1 attempt, 403 reject)\n"), "{listed}");
    assert_eq!(nothing, "");
    assert_eq!(plain(&["dead-letters", "--admin", &format!("http://{admin}/")]).0, listed);
    assert_eq!(plain(&["dead-letters", "--admin", &admin]).0, listed);
    assert!(plain(&["status"]).0.contains("\ndeliveries  1 dead\n"));
    assert!(plain(&["status", "--format", "json"]).0.contains("\"dead\": 1"));
    assert_eq!(plain(&["status", "--admin", &format!("http://{admin}")]).1, "");
    let (events, _) = plain(&["events"]);
    let id = ids(&server)[0].clone();

    // A server has the store, and answers somewhere else.
    folder.write("jackfield.yaml", &format!("admin: 127.0.0.1:1\ndata: store/sandbox\n{settings}"));
    let elsewhere = "no server answers on http://127.0.0.1:1, but one has the store in `store/sandbox`: say where it answers the \
                     operator, with --admin ADDRESS\n";
    assert_eq!(plain(&["dead-letters"]), (String::new(), elsewhere.to_owned()));
    let has = "a server has the store in `store/sandbox`: ask it, without --data\n";
    assert_eq!(plain(&["dead-letters", "--data", "store/sandbox"]).1, has);
    assert_eq!(server.terminate(), 0);

    let note = "no server answers on http://127.0.0.1:1; this is from the store in `store/sandbox`\n";
    assert_eq!(plain(&["dead-letters"]), (listed.clone(), note.to_owned()));
    assert_eq!(plain(&["dead-letters", "--data", "store/sandbox"]), (listed, String::new()));
    assert_eq!(plain(&["events"]).0, events);
    let event = events.split_whitespace().nth(1).unwrap();
    assert!(plain(&["events", event, "--request"]).0.ends_with("{\"id\":\"m0\"}"));
    assert!(plain(&["deliveries", &id]).0.contains(": reject 403, "));
    assert!(plain(&["deliveries", "--state", "ded"]).1.contains("there is no state `ded`"));
    assert!(
        plain(&["deliveries", "dlv_0"])
            .1
            .ends_with("there is no delivery `dlv_0`; `jackfield deliveries` lists the newest\n")
    );
    // What is asked of a server by its address is not answered by a file.
    let nobody = "no server answers on http://127.0.0.1:1; is `jackfield serve` running?\n";
    assert_eq!(plain(&["deliveries", "--admin", "127.0.0.1:1"]), (String::new(), nobody.to_owned()));
    let trial = plain(&["replay", "--all", "--dry-run"]);
    assert!(trial.0.contains(&id) && trial.1 == note, "{trial:?}");
    assert_eq!(
        plain(&["events", "--data", "nowhere"]).1,
        "there is no event store in `nowhere`; `--data DIR` says where it is\n"
    );
    // Nothing was changed by looking.
    let verified = run(folder.path(), &["store", "verify", "--data", "store/sandbox"]);
    assert_eq!(String::from_utf8(verified.stdout).unwrap(), "1 event, 1 delivery: all good\n");
}

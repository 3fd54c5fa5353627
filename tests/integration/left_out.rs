//! What a list leaves out, what a diff goes through, what a log repeats, and what is taken off the list.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, get, post, run};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id }
identity: \"{{ id }}\"
send:
  - to: acme.note
    body: { key: \"{{ id }}\", text: hello }
";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", ROUTE);
    folder
}

fn send(server: &Server, path: &str, body: &str) {
    assert_eq!(post(&server.listen, path, "application/json", body.as_bytes()).status, 202);
}

fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    let output = run(folder.path(), &[args, &["--admin", &server.admin]].concat());
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn a_list_says_how_many_it_leaves_out() {
    let folder = workspace("left-out");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = br#"{"provider":"acme","error":"403","times":25}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    (0..25).for_each(|id| send(&server, "/hooks/in", &format!("{{\"id\":\"m{id}\"}}")));
    // An event that the route can make nothing of.
    (0..22).for_each(|_| send(&server, "/hooks/in", "{}"));
    server.wait_for("all", |status| status["deliveries"]["dead"] == 25 && status["events"]["failed"] == 22);

    let listed = said(&folder, &server, &["dead-letters"]);
    assert!(
        listed.contains(
            "20 of 22 events that failed; --last 22 lists them all\n20 of 25 deliveries; --last 25 lists them all\n`jackfield \
             deliveries dlv_…` shows one; `replay dlv_…` sends it again, `dismiss dlv_…` takes it off the list\n`jackfield events \
             evt_…` shows one that failed;"
        ),
        "{listed}"
    );
    assert_eq!(listed.lines().count(), 44);
    assert_eq!(said(&folder, &server, &["dead-letters", "--last", "25"]).lines().count(), 49);
    let deliveries = "20 of 25 deliveries; --last 25 lists them all";
    for more in [&[][..], &["--state", "dead"], &["--route", "in"], &["--connection", "acme"]] {
        assert_eq!(last_line(&said(&folder, &server, &[&["deliveries"], more].concat())), deliveries, "{more:?}");
    }
    assert_eq!(said(&folder, &server, &["deliveries", "--last", "25"]).lines().count(), 25);
    for more in [&[][..], &["--source", "in"]] {
        let listed = said(&folder, &server, &[&["events"], more].concat());
        assert_eq!(last_line(&listed), "20 of 47 events; --last 47 lists them all", "{more:?}");
    }
    assert_eq!(said(&folder, &server, &["events", "--last", "47"]).lines().count(), 47);
    let json: Value = serde_json::from_slice(&get(&server.admin, "/dead-letters").body).unwrap();
    assert_eq!(json["total"]["deliveries"], serde_json::json!({ "count": 25, "or_more": false }));
}

#[test]
fn an_event_that_a_route_failed_on_is_dismissed_and_comes_back_by_a_replay_only() {
    let folder = workspace("dismiss-event");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (0..3).for_each(|_| send(&server, "/hooks/in", "{}"));
    send(&server, "/hooks/in", "{\"id\":\"good\"}");
    server.wait_for("all", |status| status["events"]["failed"] == 3 && status["deliveries"]["delivered"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/events").body).unwrap();
    let ids: Vec<&str> = listed["events"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let [good, event, ..] = ids.as_slice() else { panic!("{ids:?}") };
    let trial = said(&folder, &server, &["dismiss", event, "--dry-run"]);
    assert_eq!(trial, format!("1 event would be dismissed\n  {event}\n"));
    assert_eq!(server.status()["events"]["failed"], 3);
    let args = ["dismiss", event, "--note", "a test of the form"];
    assert_eq!(said(&folder, &server, &args), format!("1 event dismissed\n  {event}\n"));
    assert_eq!(server.status()["events"]["failed"], 2);
    assert!(!said(&folder, &server, &["dead-letters"]).contains(event));
    let events = said(&folder, &server, &["events"]);
    assert!(
        events.lines().any(|line| line.contains(event)
            && line.ends_with(": a test of the form")
            && line.contains("  in: dismissed by ")),
        "{events}"
    );
    let not = format!("no route failed on `{good}`: its deliveries are dismissed by `dlv_…`\n");
    assert_eq!(said(&folder, &server, &["dismiss", good]), not);
    let not = "this is said of deliveries: name them by `dlv_…`, or by their connection or route\n";
    assert_eq!(said(&folder, &server, &["release", event]), not);

    assert!(said(&folder, &server, &["dismiss", "--route", "in"]).starts_with("2 events dismissed\n"));
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n");
    assert_eq!(server.status()["events"]["failed"], 0);
    folder.write(
        "routes/in.yaml",
        &ROUTE
            .replace("extract: { id: $.id }", "extract: { id?: $.id }")
            .replace("\"{{ id }}\", text", "\"{{ id | default('none') }}\", text"),
    );
    server.wait_for("the mended route", |status| status["reloads"]["taken"] == 1);
    said(&folder, &server, &["replay", event]);
    server.wait_for("the event", |status| status["deliveries"]["delivered"] == 2);
    assert_eq!(server.terminate(), 0);
    let verified = run(folder.path(), &["store", "verify", "--sandbox"]);
    assert_eq!(String::from_utf8(verified.stdout).unwrap(), "4 events, 2 deliveries: all good\n");
}

#[test]
fn an_identity_is_the_same_whatever_spaces_stand_around_it() {
    let folder = workspace("identity-spaces");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for id in ["IDENT", " IDENT ", "IDENT\\n", "IDENT 2"] {
        send(&server, "/hooks/in", &format!("{{\"id\":\"{id}\"}}"));
    }
    server.wait_for("all", |status| status["events"]["duplicates"] == 2 && status["deliveries"]["delivered"] == 2);
}

#[test]
fn a_diff_of_one_route_goes_through_as_many_events_of_its_source() {
    let folder = workspace("diff-route");
    folder.write("routes/other.yaml", &ROUTE.replace("/in", "/other"));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (0..3).for_each(|id| send(&server, "/hooks/in", &format!("{{\"id\":\"in-{id}\"}}")));
    (0..9).for_each(|id| send(&server, "/hooks/other", &format!("{{\"id\":\"other-{id}\"}}")));
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 12);
    assert_eq!(server.terminate(), 0);
    folder.write("routes/in.yaml", &ROUTE.replace("text: hello", "text: good morning"));
    for (more, wanted) in [
        (&["--route", "in", "--last", "2"][..], ("2 events,", "0 as before, 2 otherwise")),
        (&["--route", "in"], ("3 events,", "0 as before, 3 otherwise")),
        (&["--last", "10"], ("10 events,", "9 as before, 1 otherwise")),
        (&["--source", "in", "--last", "2"], ("2 events,", "0 as before, 2 otherwise")),
    ] {
        let output = run(folder.path(), &[&["diff", "--sandbox"], more].concat());
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.starts_with(wanted.0) && last_line(&told) == wanted.1, "{more:?}: {told}");
    }
}

#[test]
fn a_reload_tells_of_new_warnings_only() {
    let folder = workspace("warnings");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let warnings = || folder.read("serve.log").lines().filter(|line| line.contains("warning[")).count();
    let at_start = warnings();
    assert_eq!(at_start, 1, "anybody may send: {}", folder.read("serve.log"));
    folder.write("routes/in.yaml", &format!("# A line more.\n{ROUTE}"));
    server.wait_for("the first", |status| status["reloads"]["taken"] == 1);
    assert_eq!(warnings(), at_start);
    folder.write("routes/other.yaml", &ROUTE.replace("/in", "/other"));
    server.wait_for("the second", |status| status["reloads"]["taken"] == 2);
    assert_eq!(warnings(), at_start + 1, "{}", folder.read("serve.log"));
    std::fs::remove_file(folder.path().join("routes/other.yaml")).unwrap();
    server.wait_for("the third", |status| status["reloads"]["taken"] == 3);
    folder.write("routes/other.yaml", &ROUTE.replace("/in", "/other"));
    server.wait_for("the fourth", |status| status["reloads"]["taken"] == 4);
    assert_eq!(warnings(), at_start + 2, "it was gone, and is new again");
    let told = server.status()["reloads"]["last"]["problems"].as_array().unwrap().len();
    assert_eq!(told, 2, "`status` has all of them");
}

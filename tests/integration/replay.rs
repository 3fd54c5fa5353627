//! What failed is seen, mended and sent again: from the terminal, against a running server.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, exchange, get, post, run, wait_for};

const ROUTE: &str = "
source: { path: /in, verify: none }
match: \"{{ payload.kind == 'lead' }}\"
extract: { id: $.id }
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"{{ payload.text }}\" }
";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", ROUTE);
    folder
}

fn send(server: &Server, body: &str) {
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
}

/// What a command says, ids and moments left out.
fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    let all = [args, &["--admin", &server.admin]].concat();
    let output = run(folder.path(), &all);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let mut plain = String::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| match word {
            word if word.starts_with("dlv_") => "dlv_…",
            word if word.starts_with("evt_") => {
                if word.ends_with(',') {
                    "evt_…,"
                } else {
                    "evt_…"
                }
            }
            word if word.starts_with("20") && word.trim_end_matches([')', ',']).ends_with('Z') => "…",
            word => word,
        });
        plain.push_str(words.collect::<Vec<_>>().join(" ").trim_end());
        plain.push('\n');
    }
    plain
}

#[test]
fn a_dead_letter_is_listed_shown_and_sent_again() {
    let folder = workspace("replay");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n");
    let order = r#"{"provider":"acme","error":"403","times":2}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    send(&server, r#"{"kind":"lead","id":1,"text":"one"}"#);
    send(&server, r#"{"kind":"lead","id":2,"text":"two"}"#);
    server.wait_for("two dead letters", |status| status["deliveries"]["dead"] == 2);
    let dead = "…  dlv_…  dead  acme.note  in  (1 attempt, 403 reject)\n";
    let next =
        "`jackfield deliveries dlv_… shows one; `replay dlv_… sends it again, `dismiss dlv_… takes it off the list\n";
    assert_eq!(said(&folder, &server, &["dead-letters"]), dead.repeat(2) + next);
    assert_eq!(said(&folder, &server, &["deliveries", "--state", "delivered"]), "no deliveries\n");

    let trial = "2 deliveries would be sent again\n  dlv_…\n  dlv_…\n";
    assert_eq!(said(&folder, &server, &["replay", "--all", "--dry-run"]), trial);
    assert_eq!(server.status()["deliveries"]["dead"], 2, "a trial sends nothing");
    let again = "2 deliveries on the way again\n  dlv_… as dlv_…\n  dlv_… as dlv_…\n";
    assert_eq!(said(&folder, &server, &["replay", "--route", "in"]), again);
    server.wait_for("both delivered", |status| status["deliveries"]["delivered"] == 2);
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n");
    assert_eq!(said(&folder, &server, &["replay", "--all"]), "0 deliveries on the way again\n");
    assert_eq!(server.status()["deliveries"]["replayed"], 2);
    let texts: Vec<_> = server.received().iter().map(|request| request["body"]["text"].clone()).collect();
    assert_eq!(texts.len(), 4, "each was tried twice: {texts:?}");
}

#[test]
fn what_is_of_a_route_a_time_or_a_state_is_listed_whole() {
    let folder = workspace("replay-narrow");
    folder.write("routes/other.yaml", &ROUTE.replace("lead", "other").replace("{ path: /in, verify: none }", "in"));
    folder.write("routes/in.yaml", &ROUTE.replace("source: { path: /in, verify: none }", "source: in"));
    folder.write(
        "jackfield.yaml",
        &format!("{}sources:\n  in: {{ path: /in, verify: none }}\n", folder.read("jackfield.yaml")),
    );
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for (kind, id) in [("lead", 1), ("other", 2), ("lead", 3), ("none", 4), ("lead", 5)] {
        send(&server, &format!("{{\"kind\":\"{kind}\",\"id\":{id},\"text\":\"a text\"}}"));
    }
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 4 && status["events"]["unmatched"] == 1);
    let listed = |query: &str| {
        let answer = get(&server.admin, &format!("/deliveries?{query}"));
        let all: Value = serde_json::from_slice(&answer.body).unwrap();
        let listed = all["deliveries"].as_array().unwrap();
        (listed.len(), all["total"]["deliveries"].to_string())
    };
    let all = |count: usize| (count, format!("{{\"count\":{count},\"or_more\":false}}"));
    for (query, count) in [
        ("route=in", 3),
        ("route=other", 1),
        ("route=none", 0),
        ("route=in&state=delivered", 3),
        ("route=in&connection=none", 0),
        ("state=skipped", 0),
        ("state=leased", 0),
        ("since=2026-01-01T00:00:00Z", 4),
        ("until=2026-01-01T00:00:00Z", 0),
        ("since=2199-01-01T00:00:00Z", 0),
        ("route=other&until=2199-01-01T00:00:00Z", 1),
    ] {
        assert_eq!(listed(query), all(count), "{query}");
    }
    assert_eq!(listed("route=in&last=1"), (1, "{\"count\":3,\"or_more\":false}".to_owned()));
    // What no route took, of a source: known by its words, and no more when a route has taken it.
    let meant = |source: &str| {
        said(&folder, &server, &["replay", "--unmatched", "--through-routes", "--source", source, "--dry-run"])
    };
    assert_eq!(meant("in").matches("evt_…").count(), 1, "{}", meant("in"));
    assert_eq!(meant("none").matches("evt_…").count(), 0);
    folder.write("routes/other.yaml", &folder.read("routes/other.yaml").replace("'other'", "'none'"));
    server.wait_for("the change", |status| status["reloads"]["taken"] == 1);
    said(&folder, &server, &["replay", "--unmatched", "--through-routes", "--source", "in"]);
    server.wait_for("the route", |status| status["events"]["unmatched"] == 0 && status["deliveries"]["delivered"] == 5);
    assert_eq!(meant("in").matches("evt_…").count(), 0, "{}", meant("in"));
    assert_eq!(listed("route=other"), all(2));
}

#[test]
fn one_delivery_tells_its_whole_story() {
    let folder = workspace("story");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(&server, r#"{"kind":"lead","id":7,"text":"hello"}"#);
    server.wait_for("a delivery", |status| status["deliveries"]["delivered"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    let story = said(&folder, &server, &["deliveries", id]);
    assert!(story.starts_with("dlv_…  delivered  (1 attempt)\n  of event evt_…, route in, to acme.note\n"), "{story}");
    assert!(story.contains("\"text\": \"hello\""), "{story}");
    assert!(story.contains("what it sends, secrets named: POST /notes\n"), "{story}");
    assert!(!story.contains("t0ken"), "{story}");
    assert!(said(&folder, &server, &["deliveries", "dlv_0"]).contains("there is no delivery"));

    // One that was refused shows why, and is sent again by its id.
    let order = r#"{"provider":"acme","error":"422"}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    send(&server, r#"{"kind":"lead","id":8,"text":"refused"}"#);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries?state=dead").body).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    let story = said(&folder, &server, &["deliveries", id]);
    assert!(story.starts_with("dlv_…  dead  (1 attempt)\n") && story.contains("call 1: reject 422, "), "{story}");
    assert_eq!(said(&folder, &server, &["replay", id]), "1 delivery on the way again\n  dlv_… as dlv_…\n");
    server.wait_for("the other", |status| status["deliveries"]["delivered"] == 2);
}

#[test]
fn events_go_through_the_mended_route() {
    let folder = workspace("mended");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    // The route can make nothing of these two, and takes the third not at all.
    send(&server, r#"{"kind":"lead","text":"one"}"#);
    send(&server, r#"{"kind":"lead","text":"two"}"#);
    send(&server, r#"{"kind":"call","id":3,"text":"three"}"#);
    server.wait_for("three routed", |status| status["events"]["failed"] == 2 && status["events"]["unmatched"] == 1);
    let listed = said(&folder, &server, &["dead-letters", "--route", "in"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed
            .lines()
            .take(2)
            .all(|line| line.starts_with("…  evt_…  failed  in  in  (routes/in.yaml:4: `id` found no value")),
        "{listed}"
    );

    folder.write(
        "routes/in.yaml",
        &ROUTE.replace("extract: { id: $.id }", "extract: { id: { path: $.id, default: none } }"),
    );
    server.wait_for("the mended route", |status| status["reloads"]["taken"] == 1);
    let trial = "2 events would go through the routes as they are now\n  evt_…\n  evt_…\n";
    let same = "0 deliveries on the way again\n  2 events failed before they became requests: mend the route, then add \
                --through-routes\n";
    assert_eq!(said(&folder, &server, &["replay", "--route", "in"]), same);
    let through = ["replay", "--route", "in", "--through-routes"];
    assert_eq!(said(&folder, &server, &[&through[..], &["--dry-run"]].concat()), trial);
    assert!(said(&folder, &server, &through).starts_with("2 events went to the routes as they are now\n"));
    server.wait_for("both delivered", |status| status["deliveries"]["delivered"] == 2);
    assert_eq!(said(&folder, &server, &["dead-letters"]), "nothing failed\n");

    folder.write("routes/in.yaml", &ROUTE.replace("== 'lead'", "in ['lead', 'call']"));
    server.wait_for("a wider route", |status| status["reloads"]["taken"] == 2);
    assert!(said(&folder, &server, &["replay", "--unmatched"]).starts_with("1 event went to the routes"));
    server.wait_for("the third delivered", |status| status["deliveries"]["delivered"] == 3);
    wait_for("no unmatched event", || (server.status()["events"]["unmatched"] == 0).then_some(()));
}

#[test]
fn what_failed_is_listed_beside_what_died_and_what_died_again() {
    let folder = workspace("beside");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = r#"{"provider":"acme","error":"403","times":5}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    for id in 1..4 {
        send(&server, &format!(r#"{{"kind":"lead","id":{id},"text":"x"}}"#));
    }
    server.wait_for("three dead letters", |status| status["deliveries"]["dead"] == 3);
    send(&server, r#"{"kind":"lead","text":"no id"}"#);
    server.wait_for("one failed", |status| status["events"]["failed"] == 1);
    let listed = said(&folder, &server, &["dead-letters", "--last", "2"]);
    assert_eq!(listed.lines().filter(|line| line.contains("  failed  ")).count(), 1, "{listed}");

    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    assert!(said(&folder, &server, &["replay", id]).starts_with("1 delivery on the way again\n"));
    server
        .wait_for("it died again", |status| status["deliveries"]["dead"] == 3 && status["deliveries"]["replayed"] == 1);
    let trial = said(&folder, &server, &["replay", "--all", "--through-routes", "--dry-run"]);
    assert!(trial.starts_with("4 events would go through"), "{trial}");
}

#[test]
fn nothing_that_is_said_is_passed_over() {
    let folder = workspace("passed-over");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    post(server.sandbox(), "/_sandbox/fail", "application/json", br#"{"provider":"acme","error":"403"}"#);
    send(&server, r#"{"kind":"lead","id":1,"text":"one"}"#);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let named = format!(r#""ids":["{}"]"#, listed["deliveries"][0]["id"].as_str().unwrap());
    let whole = "an event goes through its routes whole, so connection and state can't be said with that; say route, \
                 source, since or until\n";
    let both = "say what is meant by ids, or by what it is of, not both at once\n";
    let cases = [
        (
            r#""source":"in""#,
            "what is of a source is sent again through the routes as they are now: add --through-routes (over HTTP, \
             routes)\n",
        ),
        (r#""routes":true,"connection":"acme""#, whole),
        (r#""routes":true,"state":"held""#, whole),
        (r#""unmatched":true,"connection":"acme""#, whole),
        (r#""unmatched":true,"route":"in""#, "no route took what is unmatched, so route can't be said with that\n"),
        (&format!(r#"{named},"routes":true,"route":"other""#), both),
        (&format!(r#"{named},"unmatched":true"#), both),
        (
            r#""state":"delivered","dry_run":true"#,
            "what is delivered is not sent again by this: name it by its id, with --again\n",
        ),
    ];
    for (asked, wanted) in cases {
        let head = "POST /replay HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{{{asked}}}", asked.len() + 2);
        let answer = exchange(&server.admin, request.as_bytes()).unwrap();
        assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (400, wanted), "{asked}");
    }
    assert_eq!(server.status()["deliveries"]["dead"], 1);
}

#[test]
fn nothing_is_sent_again_by_mistake() {
    let folder = workspace("by-mistake");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let meant = "say which are meant: ids, route, connection, source, state, value, since, until, or all\n";
    assert!(said(&folder, &server, &["replay"]).ends_with(meant));
    send(&server, r#"{"kind":"lead","id":1,"text":"one"}"#);
    server.wait_for("a delivery", |status| status["deliveries"]["delivered"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    let has = format!("the provider has `{id}` already; to send it once more, add --again\n");
    for more in [&[][..], &["--through-routes"], &["--dry-run"]] {
        let output = run(folder.path(), &[&["replay", id, "--admin", &server.admin], more].concat());
        assert!(String::from_utf8_lossy(&output.stderr).ends_with(&has), "{output:?}");
    }
    let nothing = "0 events went to the routes as they are now\n";
    assert_eq!(said(&folder, &server, &["replay", "--all", "--through-routes"]), nothing);
    let unknown = id.replace(char::is_numeric, "0");
    assert!(said(&folder, &server, &["replay", &unknown]).contains("there is no delivery"));
    let told = said(&folder, &server, &["replay", "x-1"]);
    assert!(told.ends_with("an id begins with `dlv_` or `evt_`\n"), "{told}");
    for (id, list) in [("dlv_12", "deliveries"), ("evt_123", "events")] {
        let told = String::from_utf8(run(folder.path(), &["replay", id, "--admin", &server.admin]).stderr).unwrap();
        let wanted = format!("`{id}` is no whole id: copy all of it; `jackfield {list}` lists them\n");
        assert!(told.ends_with(&wanted), "{told}");
    }
    assert!(said(&folder, &server, &["deliveries", "--state", "ded"]).contains("there is no state `ded`: pending, "));
    // A form of a page that somebody else made can't order it, and a name that points here hears nothing.
    let ordered = |host: &str, kind: &str| {
        let head = format!("POST /replay HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: 12");
        exchange(&server.admin, format!("{head}\r\n\r\n{{\"all\":true}}").as_bytes()).unwrap().status
    };
    assert_eq!(ordered("localhost", "application/x-www-form-urlencoded"), 415);
    assert_eq!(ordered("evil.example", "application/json"), 403);
    assert_eq!(ordered("localhost", "application/json"), 200);
    let looked = |host: &str, path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        exchange(&server.admin, head.as_bytes()).unwrap().status
    };
    assert_eq!(["/status", "/events", "/readyz"].map(|path| looked("evil.example", path)), [403, 403, 200]);
    assert_eq!(looked("localhost", "/status"), 200);
}

#[test]
fn what_is_left_out_of_all_is_told() {
    let folder = workspace("left-out");
    folder.write("routes/in.yaml", &format!("on_unknown: hold{ROUTE}"));
    // The provider would not know a repetition.
    let pack = folder.read("schemas/acme/pack.yaml").replace("    idempotency: { field: key }\n", "");
    folder.write("schemas/acme/pack.yaml", &pack);
    folder.write("jackfield.yaml", "connections: { acme: { provider: acme, token: t0ken, timeout: 300ms } }\n");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = r#"{"provider":"acme","error":"hang","times":1}"#;
    assert_eq!(post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes()).status, 200);
    send(&server, r#"{"kind":"lead","id":1,"text":"one"}"#);
    server.wait_for("one held", |status| status["deliveries"]["held"] == 1);
    // The body of this one is none that the provider takes.
    send(&server, r#"{"kind":"lead","id":2,"text":{"no":"text"}}"#);
    server.wait_for("one dead", |status| status["deliveries"]["dead"] == 1);

    let rest = "  left out: 1 of which nobody knows whether the provider has it; look, then name it, or add --unknown\n  \
                1 delivery could not be made into a request: mend the route, then add --through-routes\n";
    for args in [&["replay", "--all", "--dry-run"][..], &["replay", "--route", "in", "--dry-run"]] {
        assert_eq!(said(&folder, &server, args), format!("0 deliveries would be sent again\n{rest}"), "{args:?}");
    }
    assert_eq!(said(&folder, &server, &["replay", "--all"]), format!("0 deliveries on the way again\n{rest}"));
    assert_eq!(server.status()["deliveries"]["held"], 1);
    let told = said(&folder, &server, &["replay", "--all", "--unknown"]);
    assert!(told.starts_with("1 delivery on the way again\n  1 delivery could not be made"), "{told}");
    server.wait_for("it is there", |status| status["deliveries"]["delivered"] == 1);
}

#[test]
fn what_failed_is_sent_again_from_a_store_that_no_server_has() {
    let folder = workspace("replay-stopped");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = r#"{"provider":"acme","error":"403","times":2}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    send(&server, r#"{"kind":"lead","id":1,"text":"one"}"#);
    send(&server, r#"{"kind":"lead","id":2,"text":"two"}"#);
    send(&server, r#"{"kind":"other","id":3,"text":"three"}"#);
    server.wait_for("all", |status| status["deliveries"]["dead"] == 2 && status["events"]["unmatched"] == 1);
    assert_eq!(server.terminate(), 0);
    let stopped = |args: &[&str]| {
        let output = run(folder.path(), &[&["replay"], args].concat());
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let trial = stopped(&["--all", "--dry-run", "--sandbox"]);
    assert!(trial.starts_with("2 deliveries would be sent again\n  dlv_") && !trial.contains("next start"), "{trial}");
    let data = folder.path().join("data/sandbox");
    let data = data.to_str().unwrap();
    assert!(stopped(&["--all", "--dry-run", "--data", data]).starts_with("2 deliveries would be sent again\n"));
    let first = trial.split_whitespace().find(|word| word.starts_with("dlv_")).unwrap();
    let again = stopped(&[first, "--sandbox"]);
    assert!(again.starts_with("1 delivery on the way again\n"), "{again}");
    assert!(again.ends_with("\n  no server runs: the next start goes on with that\n"), "{again}");
    assert!(stopped(&["--through-routes", "--all", "--sandbox"]).starts_with("1 event went to the routes"));
    folder.write("routes/in.yaml", &ROUTE.replace("payload.kind == 'lead'", "payload.kind in ['lead', 'other']"));
    assert!(stopped(&["--unmatched", "--sandbox"]).starts_with("1 event went to the routes as they are now\n"));

    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    server.wait_for("all three", |status| status["deliveries"]["delivered"] == 3 && status["deliveries"]["dead"] == 0);
    let mut texts: Vec<String> = server.received().iter().map(|one| one["body"]["text"].to_string()).collect();
    texts.sort();
    assert_eq!(texts, ["\"one\"", "\"three\"", "\"two\""]);
}

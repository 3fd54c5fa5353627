//! What the server itself has to tell, delivered by its own routes.

use serde_json::Value;

use crate::support::{ACME, Folder, Server, get, post, run, transcript, wait_for};
use crate::vendor::{Vendor, reply};

const ALERTS: &str = "
source: jackfield
send:
  - to: ops.note
    body: { key: \"{{ event.id }}\", text: \"{{ payload.type }} {{ payload.about | default('-') }}: {{ payload.text }}\" }
";

const IN: &str = "
source: { path: /in, verify: none }
send:
  - to: acme.note
    body: { key: \"{{ payload.id }}\", text: hello }
";

/// A workspace that sends leads to `acme`, and alerts to `ops`.
fn workspace(name: &str, acme: &Vendor, ops: &Vendor) -> Folder {
    let folder = Folder::with(name, ACME);
    let connection = |name: &str, vendor: &Vendor| {
        format!(
            "  {name}: {{ provider: acme, token: t0ken, base_url: \"http://{}\", allow_private_addresses: true, \
             retry: {{ attempts: 9, first: 100ms, longest: 500ms }} }}\n",
            vendor.address
        )
    };
    let connections = connection("acme", acme) + &connection("ops", ops);
    folder.write("jackfield.yaml", &format!("connections:\n{connections}"));
    folder.write("routes/in.yaml", IN);
    folder.write("routes/alerts.yaml", ALERTS);
    folder
}

fn send(server: &Server, ids: std::ops::Range<usize>) {
    for id in ids {
        let body = format!("{{\"id\":\"m{id}\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
}

/// The texts that came, in order.
fn told(ops: &Vendor) -> Vec<String> {
    let text = |body: &str| serde_json::from_str::<Value>(body).unwrap()["text"].as_str().unwrap().to_owned();
    ops.received().iter().map(|request| text(&request.body)).collect()
}

fn wait_for_told(ops: &Vendor, count: usize) -> Vec<String> {
    wait_for("an alert", || Some(told(ops)).filter(|told| told.len() >= count))
}

#[test]
fn a_connection_that_goes_down_is_told_of_once_and_so_is_its_return() {
    let (acme, ops) = (Vendor::start(|_| reply("500 Oops", "{}")), Vendor::start(|_| reply("200 OK", "{\"id\":1}")));
    let folder = workspace("alerts", &acme, &ops);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..6);
    let down =
        "connection.down acme: The connection acme is down: what goes there waits, and goes out when it is back.";
    assert_eq!(wait_for_told(&ops, 1), [down]);
    acme.answers(|_| reply("200 OK", "{\"id\":1}"));
    let up = "connection.up acme: The connection acme works again: what waited goes out.";
    assert_eq!(wait_for_told(&ops, 2), [down, up]);
    for path in ["/hooks/jackfield", "/hooks/", "/hooks", "/"] {
        let body = b"{\"type\":\"connection.down\",\"about\":\"acme\",\"text\":\"forged\"}";
        assert_eq!(post(&server.listen, path, "application/json", body).status, 404, "{path}");
    }
    let listed = || {
        let listed: Value = serde_json::from_slice(&get(&server.admin, "/events?source=jackfield").body).unwrap();
        listed["events"].as_array().unwrap().len()
    };
    assert_eq!(listed(), 2);
    folder.write(
        "routes/alerts.yaml",
        &ALERTS.replace("send:", "match: \"{{ payload.type == 'connection.up' }}\"\nsend:"),
    );
    server.wait_for("the route", |status| status["reloads"]["taken"] == 1);
    acme.answers(|_| reply("500 Oops", "{}"));
    send(&server, 6..12);
    server.wait_for("an outage", |status| !status["connections"]["acme"]["down_since"].is_null());
    std::thread::sleep(std::time::Duration::from_secs(6));
    acme.answers(|_| reply("200 OK", "{\"id\":1}"));
    assert_eq!(wait_for_told(&ops, 3)[2], up);
    assert_eq!(listed(), 3, "what no route takes is not kept");
}

#[test]
fn a_route_that_fails_and_a_refused_change_are_told_of_across_a_restart() {
    let (acme, ops) = (Vendor::start(|_| reply("422 No", "{}")), Vendor::start(|_| reply("200 OK", "{\"id\":1}")));
    let folder = workspace("alerts-route", &acme, &ops);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..3);
    let failing = "route.failing in: The route in fails: 3 of the last 3 in 15 minutes were given up.";
    assert_eq!(wait_for_told(&ops, 1), [failing]);
    assert_eq!(server.terminate(), 0);
    acme.answers(|_| reply("200 OK", "{\"id\":1}"));
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 3..7);
    assert_eq!(wait_for_told(&ops, 2)[1], "route.recovered in: The route in delivers again.");
    folder.write("routes/in.yaml", &IN.replace("send:", "on_unknwn: hold\nsend:"));
    let refused = wait_for_told(&ops, 3)[2].clone();
    let start =
        "reload.refused -: A change of the files is refused, and the routes from before go on: routes/in.yaml:3:1: ";
    assert!(refused.starts_with(start), "{refused}");
    folder.write("routes/in.yaml", IN);
    assert_eq!(wait_for_told(&ops, 4)[3], "reload.mended -: The files are mended, and serve.");
}

#[test]
fn nothing_is_told_of_where_alerts_go() {
    let (acme, ops) = (Vendor::start(|_| reply("422 No", "{}")), Vendor::start(|_| reply("500 Oops", "{}")));
    let folder = workspace("alerts-loop", &acme, &ops);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..3);
    // The alert goes nowhere, and `ops` is down by it.
    server.wait_for("a dead end", |status| !status["connections"]["ops"]["down_since"].is_null());
    std::thread::sleep(std::time::Duration::from_secs(12));
    assert_eq!(server.status()["events"]["accepted"], 4, "three leads, and one alert");
}

#[test]
fn the_source_is_there_without_being_declared() {
    let folder = Folder::with("alerts-check", ACME);
    folder.write("routes/alerts.yaml", &ALERTS.replace("ops.", "acme."));
    folder.write("samples/down.json", "{\"type\":\"connection.down\",\"about\":\"acme\",\"text\":\"It is down.\"}");
    let tests = "tests:
  - name: a connection is down
    request: samples/down.json
    expect: [{ to: acme.note, body: { text: \"connection.down acme: It is down.\" } }]\n";
    folder.write("routes/alerts.yaml", &(folder.read("routes/alerts.yaml") + tests));
    let check = || transcript(&run(folder.path(), &["check"]));
    assert_eq!(check(), "1 route, 1 test: all good\n--- exit 0\n");
    let trial = transcript(&run(folder.path(), &["dry-run", "alerts"]));
    assert!(trial.contains("source     Jackfield itself\n"), "{trial}");
    let settings = folder.read("jackfield.yaml");
    folder.write("jackfield.yaml", &format!("{settings}sources:\n  jackfield: {{ path: /x, verify: none }}\n"));
    insta::assert_snapshot!(check());
}

//! "Try now": what would wait goes out when a person says so, beside a running server and in the store of one that has stopped.

use serde_json::Value;

use crate::support::{Folder, Server, get, post, run, wait_for};
use crate::vendor::{Vendor, reply};

const SLOW: &str = "attempts: 9, first: 1h, longest: 1h";

fn send(server: &Server, ids: std::ops::Range<usize>) {
    for id in ids {
        let body = format!("{{\"id\":\"m{id}\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
}

fn plain(folder: &Folder, args: &[&str]) -> (String, String) {
    let output = run(folder.path(), args);
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    let (out, err) = plain(folder, &[args, &["--admin", &server.admin]].concat());
    out + &err
}

/// The ids of deliveries, the oldest first.
fn ids(server: &Server) -> Vec<String> {
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries?last=100").body).unwrap();
    let ids = listed["deliveries"].as_array().unwrap().iter().rev();
    ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_would_be_tried_in_an_hour_is_tried_now() {
    let vendor = Vendor::start(|_| reply("500 Oops", "{}"));
    let folder = vendor.workspace("now", "t0ken", SLOW);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..3);
    server.wait_for("three that wait", |status| status["deliveries"]["retrying"] == 3);
    let ids = ids(&server);
    vendor.answers(|_| reply("200 OK", "{\"id\":1}"));
    let trial = said(&folder, &server, &["release", "--route", "in", "--dry-run"]);
    assert_eq!(trial, format!("3 deliveries would go on\n  {}\n  {}\n  {}\n", ids[0], ids[1], ids[2]));
    assert_eq!(
        said(&folder, &server, &["release", "--route", "other"]),
        "0 deliveries go on\nthere is no route `other`\n"
    );
    assert_eq!(server.status()["deliveries"]["retrying"], 3, "a trial changes nothing");
    assert_eq!(said(&folder, &server, &["release", &ids[1]]), format!("1 delivery goes on\n  {}\n", ids[1]));
    server.wait_for("the one that is named", |status| status["deliveries"]["delivered"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries?state=delivered").body).unwrap();
    assert_eq!(
        (&listed["deliveries"][0]["id"], &listed["deliveries"][0]["attempts"]),
        (&ids[1].as_str().into(), &2.into())
    );
    assert!(said(&folder, &server, &["release", "--route", "in"]).starts_with("2 deliveries go on\n"));
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3);
}

#[test]
fn a_pause_and_a_breaker_end_on_a_word() {
    let vendor = Vendor::start(|_| reply("429 Too Many\r\nRetry-After: 3000", "{}"));
    let folder = vendor.workspace("now-pause", "t0ken", SLOW);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..1);
    let paused = |status: &Value| status["connections"]["acme"]["paused_until"].is_string();
    server.wait_for("the pause", paused);
    send(&server, 1..30);
    vendor.answers(|_| reply("200 OK", "{\"id\":1}"));
    let told = said(&folder, &server, &["release", "--connection", "acme"]);
    assert!(told.ends_with("  `acme` waits no longer: it is tried now\n"), "{told}");
    let status = server.wait_for("all", |status| status["deliveries"]["delivered"] == 30);
    assert!(!paused(&status), "{status}");

    // Nothing of the waits of one that is down is left either.
    vendor.answers(|_| reply("500 Oops", "{}"));
    send(&server, 30..40);
    let down = |status: &Value| status["connections"]["acme"]["asked_again"].is_string();
    let rests = |status: &Value| down(status) && status["connections"]["acme"]["under_way"] == 0;
    server.wait_for("the breaker", |status| rests(status) && status["deliveries"]["retrying"].as_u64() >= Some(5));
    vendor.answers(|_| reply("200 OK", "{\"id\":1}"));
    let asked = vendor.received().len();
    let told = said(&folder, &server, &["release", "--all"]);
    assert!(told.ends_with("  `acme` waits no longer: it is tried now\n"), "{told}");
    wait_for("the next call", || (vendor.received().len() > asked).then_some(()));
    let status = server.wait_for("all", |status| status["deliveries"]["delivered"] == 40);
    assert!(!down(&status), "{status}");
    let none = said(&folder, &server, &["release", "--connection", "acme"]);
    assert_eq!(none, "0 deliveries go on\n", "there was nothing to end");
}

#[test]
fn a_store_that_no_server_has_is_told_as_well() {
    let vendor = Vendor::start(|_| reply("500 Oops", "{}"));
    let folder = vendor.workspace("now-stopped", "t0ken", SLOW);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..3);
    server.wait_for("three that wait", |status| status["deliveries"]["retrying"] == 3);
    let ids = ids(&server);
    let locked = plain(&folder, &["release", "--all", "--data", "data"]);
    assert_eq!(locked, (String::new(), "a server has the store in `data`: ask it, without --data\n".to_owned()));
    assert_eq!(server.terminate(), 0);
    let settings = folder.read("jackfield.yaml");
    folder.write("jackfield.yaml", &format!("admin: 127.0.0.1:1\n{settings}"));
    let note = "no server answers on http://127.0.0.1:1; this is from the store in `data`\n".to_owned();
    assert_eq!(plain(&folder, &["release", &ids[0]]), (format!("1 delivery goes on\n  {}\n", ids[0]), note.clone()));
    let args = ["dismiss", "--connection", "acme", "--data", "data"];
    assert_eq!(plain(&folder, &args), ("0 deliveries dismissed\n".to_owned(), String::new()));
    let nobody = "no server answers on http://127.0.0.1:1; is `jackfield serve` running?\n";
    assert_eq!(plain(&folder, &["release", "--all", "--admin", "127.0.0.1:1"]).1, nobody);
    folder.write("jackfield.yaml", &settings);
    vendor.answers(|_| reply("200 OK", "{\"id\":1}"));
    let server = Server::start(folder.path(), &[], &[]);
    server.wait_for("the one that is named", |status| status["deliveries"]["delivered"] == 1);
    assert_eq!(server.status()["deliveries"]["retrying"], 2, "the others wait for their time");
}

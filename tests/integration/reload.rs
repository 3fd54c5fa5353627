//! Files that change while requests come in: good ones go live, bad ones never do, and no request notices.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::{ACME, Folder, Server, post, post_bytes, read_answer, run};

fn route(revision: usize) -> String {
    format!(
        "
source: {{ path: /in, verify: none }}
extract: {{ id: $.id }}
identity: \"{{{{ id }}}}\"
send:
  - to: acme.note
    body: {{ key: \"m{{{{ id }}}}\", text: \"revision {revision}\" }}
"
    )
}

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", &route(1));
    folder
}

fn reloads(status: &Value, what: &str) -> u64 {
    status["reloads"][what].as_u64().unwrap()
}

/// Sends until told to stop; how many were sent. Every one of them must be taken. A disk that others keep busy may be too slow
/// for one, which is then sent again, as senders do.
fn load(server: &Server, stop: &AtomicBool, thread: usize) -> usize {
    let mut stream = TcpStream::connect(&server.listen).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let (mut sent, mut is_slow) = (0, false);
    while is_slow || !stop.load(Ordering::Relaxed) {
        let body = format!("{{\"id\":\"{thread}-{sent}\"}}");
        stream.write_all(&post_bytes("/hooks/in", "application/json", body.as_bytes())).unwrap();
        let answer = read_answer(&mut answers).unwrap();
        is_slow = answer.status == 503 && answer.text().contains("store-unavailable");
        assert!(answer.status == 202 || is_slow, "{} {}", answer.status, answer.text());
        sent += usize::from(!is_slow);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    sent
}

#[test]
fn two_hundred_reloads_under_load_lose_and_refuse_no_request() {
    let folder = workspace("reloads");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let stop = AtomicBool::new(false);
    let sent: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn({
                    let (server, stop) = (&server, &stop);
                    move || load(server, stop, thread)
                })
            })
            .collect();
        for number in 1..=100 {
            let broken = if number % 2 == 0 { "send: [\n" } else { "source: { path: /in }\nsned: []\n" };
            folder.write("routes/in.yaml", broken);
            server.wait_for("a refused change", |status| reloads(status, "refused") == number as u64);
            folder.write("routes/in.yaml", &route(number));
            server.wait_for("a change that is live", |status| reloads(status, "taken") == number as u64);
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let status = server.wait_for("every event delivered", |status| status["deliveries"]["delivered"] == sent);
    let events = |what: &str| status["events"][what].as_u64().unwrap();
    assert_eq!(events("accepted") - events("duplicates"), sent as u64);
    assert_eq!(status["deliveries"]["dead"], 0);
    assert!(sent > 1000, "the load was only {sent} requests");
    let last = post(&server.listen, "/hooks/in", "application/json", b"{\"id\":\"last\"}");
    assert_eq!(last.status, 202);
    let delivered = crate::support::wait_for("the last event", || {
        server.received().into_iter().find(|request| request["body"]["key"] == "mlast")
    });
    assert_eq!(delivered["body"]["text"], "revision 100");
}

#[test]
fn a_route_that_is_renamed_so_that_nothing_would_read_it_stays_in_service() {
    let folder = workspace("renamed");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    std::fs::rename(folder.path().join("routes/in.yaml"), folder.path().join("routes/in.yml")).unwrap();
    server.wait_for("a refused change", |status| reloads(status, "refused") == 1);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{\"id\":\"1\"}").status, 202);
    server.wait_for("its delivery", |status| status["deliveries"]["delivered"] == 1);
}

#[test]
fn a_bad_change_says_why_and_a_server_that_comes_back_serves_the_last_good_one() {
    let folder = workspace("last-good");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    folder.write("routes/in.yaml", &route(2).replace("acme.note", "acme.nots"));
    let status = server.wait_for("the refusal", |status| reloads(status, "refused") == 1);
    let problems = status["reloads"]["last"]["problems"].as_array().unwrap();
    let problem = problems.iter().find(|problem| problem["severity"] == "error").unwrap();
    assert_eq!((problem["code"].as_str(), problem["places"][0]["line"].as_u64()), (Some("unknown-operation"), Some(6)));
    assert_eq!(problem["help"], "did you mean `note`?");
    assert!(folder.read("serve.log").contains("routes/in.yaml:6:"), "{}", folder.read("serve.log"));
    server.kill();

    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{\"id\":1}").status, 202);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    folder.write("routes/in.yaml", &route(3));
    server.wait_for("the mended file", |status| reloads(status, "taken") == 1);
}

#[test]
fn a_route_that_goes_away_is_never_answered_by_404() {
    let folder = workspace("gone");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    std::fs::remove_file(folder.path().join("routes/in.yaml")).unwrap();
    server.wait_for("the change", |status| reloads(status, "taken") == 1);
    let answer = post(&server.listen, "/hooks/in", "application/json", b"{}");
    assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("5")));
    assert_eq!(post(&server.listen, "/hooks/never", "application/json", b"{}").status, 404);
    assert_eq!(server.terminate(), 0);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{}").status, 503);
}

#[test]
fn an_event_whose_source_goes_away_while_it_arrives_waits_until_it_is_back() {
    let folder = workspace("arrives");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let whole = post_bytes("/hooks/in", "application/json", b"{\"id\":\"late\"}");
    let (first, rest) = whole.split_at(whole.len() - 5);
    let mut stream = TcpStream::connect(&server.listen).unwrap();
    stream.write_all(first).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    std::fs::remove_file(folder.path().join("routes/in.yaml")).unwrap();
    server.wait_for("the change", |status| reloads(status, "taken") == 1);
    stream.write_all(rest).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(stream)).unwrap().status, 202);
    server.wait_for("the event", |status| status["events"]["unrouted"] == 1);
    folder.write("routes/in.yaml", &route(2));
    server.wait_for("its delivery", |status| status["deliveries"]["delivered"] == 1);
}

#[test]
fn events_that_their_source_reads_no_more_are_told_of_once() {
    let folder = workspace("unread");
    let as_source = |more: &str| route(1).replace("verify: none", &format!("verify: none, {more}"));
    let whole = as_source("split: \"$.all[*]\"");
    folder.write("routes/in.yaml", &whole);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let body = br#"{"all":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#;
    let request = post_bytes("/hooks/in", "application/json", body);
    let (first, rest) = request.split_at(request.len() - 5);
    let mut stream = TcpStream::connect(&server.listen).unwrap();
    stream.write_all(first).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    folder.write("routes/in.yaml", &as_source("format: xml"));
    server.wait_for("the change", |status| reloads(status, "taken") == 1);
    stream.write_all(rest).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(stream)).unwrap().status, 202);
    let told = |why: &str| folder.read("serve.log").matches(why).count();
    // What can't be read at all does not wait: it is a dead letter, and a person sends it through the routes again.
    server.wait_for("the dead letters", |status| status["events"]["unrouted"] == 0);
    crate::support::wait_for("the word of it", || (told("the request can't be read") == 3).then_some(()));
    // Without `split` there is one event, and the other two are not to be found.
    folder.write("routes/in.yaml", &as_source("format: json"));
    server.wait_for("the change", |status| reloads(status, "taken") == 2);
    run(folder.path(), &["replay", "--through-routes", "--route", "in", "--admin", &server.admin]);
    server.wait_for("the first", |status| status["events"]["unrouted"] == 2);
    crate::support::wait_for("the word of it", || (told("`split` finds") > 0).then_some(()));
    assert_eq!(told("events wait"), 1);
    folder.write("routes/in.yaml", &whole);
    server.wait_for("the others", |status| status["events"]["unrouted"] == 0);
}

#[test]
fn the_last_good_revision_serves_without_its_samples_and_on_its_own_addresses() {
    let folder = workspace("no-samples");
    let test = "tests:\n  - name: t\n    request: samples/t.json\n    expect: [{ to: acme.note }]\n";
    folder.write("samples/t.json", "{\"id\":1}");
    folder.write("routes/in.yaml", &format!("{}{test}", route(1)));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(server.terminate(), 0);
    std::fs::remove_file(folder.path().join("samples/t.json")).unwrap();
    folder.write("jackfield.yaml", "connections: [\n");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{\"id\":1}").status, 202);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
}

#[test]
fn connections_and_new_packs_go_live_too() {
    let folder = workspace("packs");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    folder.write(
        "schemas/other/pack.yaml",
        "title: Other\nbase_url: https://api.other.example\noperations:\n  log: { path: /log }\n",
    );
    folder.write("jackfield.yaml", &format!("{}  other: {{ provider: other }}\n", folder.read("jackfield.yaml")));
    folder.write("routes/notes.yaml", "source: { path: /notes, verify: none }\nsend:\n  - to: other.log\n    body: { text: \"{{ payload.text }}\" }\n");
    server.wait_for("the new route", |status| status["routes"].as_array().unwrap().len() == 2);
    assert_eq!(post(&server.listen, "/hooks/notes", "application/json", b"{\"text\":\"hi\"}").status, 202);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    let received = server.received();
    assert_eq!((received[0]["provider"].as_str(), &received[0]["body"]["text"]), (Some("other"), &Value::from("hi")));
}

#[test]
fn routes_that_are_away_for_a_moment_go_on_serving() {
    let folder = workspace("routes-away");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let (routes, away) = (folder.path().join("routes"), folder.path().join("away"));
    std::fs::rename(&routes, &away).unwrap();
    let refused = server.wait_for("the refusal", |status| reloads(status, "refused") == 1);
    let problems = refused["reloads"]["last"]["problems"].as_array().unwrap();
    assert!(
        problems
            .iter()
            .any(|problem| problem["message"] == "the folder `routes` is gone; the routes from before go on serving")
    );
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{\"id\":1}").status, 202);
    std::fs::rename(&away, &routes).unwrap();
    server.wait_for("the routes are back", |status| reloads(status, "taken") == 1);
}

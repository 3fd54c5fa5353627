//! What was accepted is delivered, whatever happens to the process in between.

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::{ACME, Folder, Server, get, post, post_bytes, read_answer, wait_for};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id }
identity: \"{{ id }}\"
lane: \"{{ payload.lane }}\"
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"event {{ id }}\" }
";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", ROUTE);
    folder
}

/// Sends numbered events over some connections; those that were accepted are returned.
fn send(server: &Server, numbers: std::ops::Range<usize>, stop_after: Option<&AtomicUsize>) -> BTreeSet<usize> {
    let next = AtomicUsize::new(numbers.start);
    let work = || {
        let mut accepted = BTreeSet::new();
        let mut stream = TcpStream::connect(&server.listen).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= numbers.end {
                return accepted;
            }
            let body = format!("{{\"id\":{number},\"lane\":\"l{}\"}}", number % 50);
            let sent = stream.write_all(&post_bytes("/hooks/in", "application/json", body.as_bytes()));
            match sent.and_then(|()| read_answer(&mut answers)) {
                Ok(answer) => {
                    assert_eq!(answer.status, 202, "{}", answer.text());
                    accepted.insert(number);
                    stop_after.map(|count| count.fetch_add(1, Ordering::SeqCst));
                }
                // The process was killed: what was not answered was not accepted.
                Err(_) => return accepted,
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn ids(received: &[Value]) -> Vec<usize> {
    let id = |request: &Value| request["body"]["key"].as_str()?.strip_prefix('m')?.parse().ok();
    received.iter().filter_map(id).collect()
}

#[test]
fn a_kill_in_the_middle_of_a_thousand_events_loses_none() {
    let folder = workspace("kill");
    // A sandbox of its own outlives the server, and sees both of its lives.
    let stand_in = StandIn::start(&folder);
    let with_address = format!("{{ base_url: \"http://{}/acme\", allow_private_addresses: true, provider", stand_in.0);
    folder.write("jackfield.yaml", &folder.read("jackfield.yaml").replace("{ provider", &with_address));
    let server = Server::start(folder.path(), &[], &[]);
    let accepted_so_far = AtomicUsize::new(0);
    let accepted = std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(&server, 0..1000, Some(&accepted_so_far)));
        wait_for("some events to be accepted", || (accepted_so_far.load(Ordering::SeqCst) >= 400).then_some(()));
        kill(server.pid());
        sending.join().unwrap()
    });
    drop(server);
    assert!(accepted.len() >= 400 && accepted.len() < 1000, "{} were accepted before the kill", accepted.len());

    let server = Server::start(folder.path(), &[], &[]);
    let rest: BTreeSet<usize> = (0..1000).filter(|number| !accepted.contains(number)).collect();
    for number in &rest {
        let body = format!("{{\"id\":{number},\"lane\":\"l\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
    let delivered = wait_for("every event at the provider", || {
        let delivered: BTreeSet<usize> = ids(&stand_in.received()).into_iter().collect();
        (delivered.len() == 1000).then_some(delivered)
    });
    assert_eq!(delivered, (0..1000).collect());
    server.wait_for("an empty backlog", |status| {
        status["deliveries"]["pending"] == 0 && status["deliveries"]["leased"] == 0 && status["events"]["unrouted"] == 0
    });
    // The provider knows a repetition by its key: what was in flight at the kill may come twice, and counts once.
    let stats: Value = serde_json::from_slice(&get(&stand_in.0, "/_sandbox/stats").body).unwrap();
    assert_eq!(stats["idempotency_keys"], 1000, "{stats}");
}

#[test]
fn a_stop_lets_requests_end_and_a_start_goes_on() {
    let folder = workspace("stop");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = r#"{"provider":"acme","error":"503","times":100000}"#;
    assert_eq!(post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes()).status, 200);
    assert_eq!(send(&server, 0..100, None).len(), 100);
    server.wait_for("retries", |status| status["deliveries"]["retrying"].as_u64() > Some(0));
    assert_eq!(server.terminate(), 0);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    server.wait_for("all delivered", |status| status["deliveries"]["delivered"] == 100);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); 50];
    for id in ids(&server.received()) {
        order[id % 50].push(id);
    }
    assert!(order.iter().all(|lane| lane.is_sorted()), "a lane lost its order: {order:?}");
}

#[test]
fn a_sender_that_breaks_off_leaves_no_event_half_on_its_way() {
    let folder = workspace("breaks-off");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for number in 0..200 {
        let body = format!("{{\"id\":{number},\"lane\":\"l\"}}");
        let mut stream = TcpStream::connect(&server.listen).unwrap();
        stream.write_all(&post_bytes("/hooks/in", "application/json", body.as_bytes())).unwrap();
    }
    // Whatever was accepted, and only that, arrives without a restart.
    let settled = |status: &Value| {
        let accepted = status["events"]["accepted"].as_u64().unwrap();
        accepted > 0 && status["events"]["unrouted"] == 0 && status["deliveries"]["delivered"] == accepted
    };
    server.wait_for("every accepted event delivered", settled);
}

#[test]
fn a_blank_identity_tells_no_events_apart() {
    let folder = workspace("blank");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for number in 0..2 {
        let body = format!("{{\"id\":{number},\"lane\":\"\",\"none\":\"\"}}");
        folder.write("routes/in.yaml", &ROUTE.replace("identity: \"{{ id }}\"", "identity: \"{{ payload.none }}\""));
        server.wait_for("the change", |status| status["reloads"]["taken"] == 1);
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
    server.wait_for("both", |status| status["deliveries"]["delivered"] == 2);
}

#[test]
fn what_waits_for_its_next_try_is_tried_by_nobody_else() {
    let folder = workspace("tries");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = r#"{"provider":"acme","error":"503","times":60}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    assert_eq!(send(&server, 0..100, None).len(), 100);
    server.wait_for("all delivered", |status| status["deliveries"]["delivered"] == 100);
    assert_eq!(server.received().len(), 160, "each of 100 deliveries arrives, after 60 failures in all");
}

#[test]
fn a_provider_that_refuses_or_fails_is_seen() {
    let folder = workspace("fails");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let order = r#"{"provider":"acme","error":"503","times":2}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    assert_eq!(send(&server, 0..1, None).len(), 1);
    server.wait_for("a delivery after two failures", |status| status["deliveries"]["delivered"] == 1);
    let order = r#"{"provider":"acme","error":"403","times":1}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes());
    assert_eq!(send(&server, 1..2, None).len(), 1);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let verdicts: Vec<_> = server.received().iter().map(|request| request["status"].as_u64().unwrap()).collect();
    assert_eq!(verdicts, [503, 503, 200, 403]);
}

fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}

/// `jackfield sandbox`, in a process of its own.
struct StandIn(String, std::process::Child);

impl StandIn {
    fn start(folder: &Folder) -> Self {
        use std::io::BufRead;
        let mut command = crate::support::jackfield(folder.path(), &["sandbox", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        StandIn(first.split("http://").nth(1).unwrap().to_owned(), child)
    }

    fn received(&self) -> Vec<Value> {
        serde_json::from_slice(&get(&self.0, "/_sandbox/requests").body).unwrap()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.1.kill();
        let _ = self.1.wait();
    }
}

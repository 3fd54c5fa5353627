//! A store that can't write, a place that is taken, a reader that reads nothing: the sender is told in time.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{ACME, Answer, Folder, Server, exchange, files_below, post_bytes, read_answer, wait_for};

const IN: &str = "source: { path: /in, verify: { token: { header: X-Key } }, secret: k3y }
extract: { id: $.id }
identity: \"{{ id }}\"
send:
  - to: acme.note
    body: { key: \"{{ id }}\", text: hi }
";

fn started(name: &str, limits: &str, routes: &[(&str, &str)]) -> (Folder, Server) {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{}limits: {limits}\n", folder.read("jackfield.yaml")));
    routes.iter().for_each(|(file, text)| folder.write(file, text));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (folder, server)
}

fn event(path: &str, id: &str) -> Vec<u8> {
    let body = format!("{{\"id\":\"{id}\"}}");
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn sent(server: &Server, path: &str, id: &str) -> (Answer, Duration) {
    let started = Instant::now();
    (exchange(&server.listen, &event(path, id)).unwrap(), started.elapsed())
}

#[test]
fn a_store_that_can_not_write_refuses_in_time_and_writes_no_half() {
    let patient = IN.replace("path: /in,", "path: /ghl, reply: { overload: { status: 429, retry_after: 20s } },");
    let (folder, server) = started("busy-store", "{}", &[("routes/in.yaml", IN), ("routes/ghl.yaml", &patient)]);
    assert_eq!(sent(&server, "/hooks/in", "first").0.status, 202);
    server.wait_for("the first delivery", |status| status["deliveries"]["delivered"] == 1);

    // Another program holds the file, as a disk would that does not answer.
    let file = folder.path().join("data/sandbox/jackfield.db");
    let other = Connection::open(file).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = std::thread::scope(|scope| {
        let begun = scope.spawn(|| sent(&server, "/hooks/in", "begun"));
        std::thread::sleep(Duration::from_millis(300));
        // This one waits behind it and is never begun.
        let (answer, took) = sent(&server, "/hooks/ghl", "waiting");
        assert_eq!((answer.status, answer.header("retry-after").as_deref()), (429, Some("20")), "{}", answer.text());
        assert!(took < Duration::from_secs(2), "it took {took:?}");
        begun.join().unwrap()
    });
    assert_eq!((begun.0.status, begun.0.header("retry-after").as_deref()), (503, Some("5")));
    assert!(begun.0.text().contains("store-unavailable"), "{}", begun.0.text());
    assert!(begun.1 < Duration::from_secs(2), "it took {:?}", begun.1);
    assert_eq!(server.status()["events"]["accepted"], 1);
    other.execute_batch("ROLLBACK").unwrap();

    // What had begun is stored after all: sent again it is a duplicate. What had not is new.
    server.wait_for("what had begun", |status| status["events"]["accepted"] == 2);
    assert_eq!(sent(&server, "/hooks/in", "begun").0.status, 202);
    assert_eq!(sent(&server, "/hooks/ghl", "waiting").0.status, 202);
    let status = server.wait_for("all of them", |status| status["deliveries"]["delivered"] == 3);
    assert_eq!((&status["events"]["accepted"], &status["events"]["duplicates"]), (&4.into(), &1.into()));
    assert_eq!(status["requests"]["refused"]["store-unavailable"], 2);
    assert_eq!(server.received().len(), 3);
}

#[test]
fn requests_under_way_are_bounded() {
    let (folder, server) = started("busy-requests", "{ requests: 1 }", &[("routes/in.yaml", IN)]);
    assert_eq!(sent(&server, "/hooks/in", "first").0.status, 202);
    server.wait_for("the first delivery", |status| status["deliveries"]["delivered"] == 1);
    let other = Connection::open(folder.path().join("data/sandbox/jackfield.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| sent(&server, "/hooks/in", "held").0);
        std::thread::sleep(Duration::from_millis(300));
        let (answer, took) = sent(&server, "/hooks/in", "refused");
        assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("5")));
        assert!(answer.text().contains("overloaded"), "{}", answer.text());
        assert!(took < Duration::from_secs(1), "it took {took:?}");
        assert_eq!(held.join().unwrap().status, 503);
    });
    other.execute_batch("ROLLBACK").unwrap();
    // The place is free again.
    assert_eq!(sent(&server, "/hooks/in", "next").0.status, 202);
}

#[test]
fn a_sender_that_reads_no_answer_holds_nobody_up() {
    let (_folder, server) = started("busy-reader", "{ requests: 2 }", &[("routes/in.yaml", IN)]);
    let mut silent: Vec<TcpStream> = (0..20)
        .map(|number| {
            let mut stream = TcpStream::connect(&server.listen).unwrap();
            stream.write_all(&event("/hooks/in", &format!("silent-{number}"))).unwrap();
            // What is sent one at a time needs no more than one place.
            server.wait_for("the event", |status| status["events"]["accepted"].as_u64() > Some(number));
            stream
        })
        .collect();
    let (answer, took) = sent(&server, "/hooks/in", "good");
    assert_eq!(answer.status, 202);
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    // The answers are there for whoever reads them late.
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(read_answer(&mut BufReader::new(&*stream)).unwrap().status, 202);
    }
}

/// Requests one behind another, of whose answers none is read: the server stops reading, and closes.
#[test]
fn a_connection_that_takes_no_answers_is_closed_after_a_while() {
    let (_folder, server) = started("busy-stalled", "{ connections: 2 }", &[("routes/in.yaml", IN)]);
    let flood = |server: &Server| {
        let mut stream = TcpStream::connect(&server.listen).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let many = b"GET /hooks/nowhere HTTP/1.1\r\nHost: t\r\n\r\n".repeat(1000);
        // Until the buffers of both sides are full.
        while stream.write_all(&many).is_ok() {}
        stream
    };
    let mut stalled = flood(&server);
    assert_eq!(sent(&server, "/hooks/in", "meanwhile").0.status, 202);
    let started = Instant::now();
    wait_for("the end of the connection", || match stalled.write(b"G") {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(_) => Some(()),
        Ok(_) => None,
    });
    assert!(started.elapsed() < Duration::from_secs(50), "it took {:?}", started.elapsed());
}

#[test]
fn a_slash_at_the_end_of_a_path_makes_no_difference() {
    let slashed = IN.replace("path: /in,", "path: /answer/,");
    let (folder, server) = started("slash", "{}", &[("routes/in.yaml", IN), ("routes/answer.yaml", &slashed)]);
    for (id, path) in
        ["/hooks/in", "/hooks/in/", "/hooks/answer/", "/hooks/answer", "/hooks/answer/?a=b"].iter().enumerate()
    {
        assert_eq!(sent(&server, path, &id.to_string()).0.status, 202, "{path}");
    }
    for path in ["/hooks/in//", "/hooks", "/hooks/"] {
        assert_eq!(sent(&server, path, "none").0.status, 404, "{path}");
    }
    // What was served is no 404 either way.
    std::fs::remove_file(folder.path().join("routes/answer.yaml")).unwrap();
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    assert_eq!(["/hooks/answer", "/hooks/answer/"].map(|path| sent(&server, path, "gone").0.status), [503, 503]);
}

#[test]
fn what_a_request_brings_is_no_markup_in_a_reply() {
    let twiml = "source:
  path: /calls
  verify: { token: { field: $.key } }
  secret: k3y
  reply: { status: 200, content_type: text/xml, body: \"<Say>{{ payload.name }}{{ payload.key }}</Say>\" }
send:
  - to: acme.note
    body: { key: \"{{ event.id }}\", text: hi }
";
    let (folder, server) = started("markup", "{}", &[("routes/calls.yaml", twiml)]);
    let request = post_bytes("/hooks/calls", "application/json", br#"{"key":"k3y","name":"</Say><Dial>&"}"#);
    let answer = exchange(&server.listen, &request).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "<Say>&lt;/Say&gt;&lt;Dial&gt;&amp;***</Say>"));
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    // The token of the request is in no file of the store.
    let files = files_below(&folder.path().join("data"));
    let has = |text: &[u8]| files.values().any(|bytes| bytes.windows(text.len()).any(|window| window == text));
    assert!(has(br#"{"key":"***","name""#) && !has(br#""key":"k3y""#));
}

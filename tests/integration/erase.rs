//! A person is erased: from the store of a running server, from one that was stopped, and from their files.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{ACME, Folder, Server, files_below, post, run, transcript};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id, text: $.text }
identity: \"{{ id }}\"
lane: \"{{ payload.phone }}\"
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"{{ text }}\" }
";

/// A provider that is not there: what is for it waits.
const DOWN: &str = "connections:\n  acme: { provider: acme, token: t0ken, base_url: \"http://127.0.0.1:9\", \
                    allow_private_addresses: true, retry: { first: 1h, longest: 2h } }\n";

const SENT: [&str; 3] = [
    r#"{"id":"Q-1","text":"Quintana calls","phone":"+55 (11) 97777-1234","email":"quintana@example.com"}"#,
    r#"{"id":"Q-2","text":"and calls again","phone":"11 97777 1234"}"#,
    r#"{"id":"B-1","text":"Bob calls","phone":"+55 11 98888-0000"}"#,
];

#[test]
fn a_person_is_erased_and_nobody_else() {
    let folder = Folder::with("erase", ACME);
    folder.write("jackfield.yaml", DOWN);
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &[], &[]);
    for body in SENT {
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
    server.wait_for("the first tries", |status| status["deliveries"]["retrying"] == 3);
    let admin = ["--admin", &server.admin];
    let says = |args: &[&str], whom: &[&str]| transcript(&run(folder.path(), &[&["erase"], args, whom].concat()));

    let person = ["--value", "+55 11 97777-1234"];
    let counted = "would be erased: 2 events and 2 deliveries\n  2 have not gone out yet, and would be withdrawn\n";
    assert_eq!(says(&[&person[..], &["--dry-run"]].concat(), &admin), format!("{counted}--- exit 0\n"));
    let unasked =
        "--- standard error\nnobody can be asked here: add --yes to erase, or --dry-run to count\n--- exit 2\n";
    assert_eq!(says(&person, &admin), format!("{counted}{unasked}"));
    let name = says(&["--value", "Quintana", "--yes"], &admin);
    assert!(name.contains("a name may be many people's") && name.ends_with("--- exit 2\n"), "{name}");
    let unknown = says(&["--value", "nobody@example.com", "--yes"], &admin);
    assert_eq!(unknown, "nothing is known of this\n--- exit 0\n");
    assert_eq!(server.status()["events"]["accepted"], 3);

    let erased = "erased: 2 events and 2 deliveries\n  2 had not gone out yet: withdrawn\n";
    let elsewhere = "  backups made before still have it, and so do the providers\n--- exit 0\n";
    assert_eq!(says(&[&person[..], &["--yes"]].concat(), &admin), format!("{erased}{elsewhere}"));
    let status = server.status();
    assert_eq!((&status["events"]["accepted"], &status["deliveries"]["retrying"]), (&1.into(), &1.into()));
    for (file, bytes) in files_below(&folder.path().join("data")) {
        for told in ["Quintana", "quintana", "97777", "77779"] {
            assert!(!bytes.windows(told.len()).any(|part| part == told.as_bytes()), "{told} in {file}");
        }
    }
    // The same event is still known.
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", SENT[0].as_bytes()).status, 202);
    server.wait_for("the duplicate", |status| status["events"]["duplicates"] == 1);
    assert_eq!(server.terminate(), 0);

    let listed = transcript(&run(folder.path(), &["events", "--value", "98888-0000", "--data", "data"]));
    let bob = listed.split_whitespace().find(|word| word.starts_with("evt_")).unwrap();
    let stopped = ["--data", "data"];
    assert!(says(&["--event", "evt_1", "--yes"], &stopped).contains("is no whole id"));
    let told = says(&["--event", bob, "--yes"], &stopped);
    assert_eq!(told, format!("erased: 1 event and 1 delivery\n  1 had not gone out yet: withdrawn\n{elsewhere}"));
    let proved = transcript(&run(folder.path(), &["store", "verify", "--data", "data"]));
    assert_eq!(proved, "1 event, 0 deliveries: all good\n--- exit 0\n");
}

/// The body of the next request to a provider, and the connection on which it waits for an answer.
fn asked(provider: &TcpListener) -> (String, TcpStream) {
    let (stream, _) = provider.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (String::from_utf8(body).unwrap(), stream)
}

fn answer(mut stream: TcpStream) {
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"id\":1}";
    stream.write_all(answer.as_bytes()).unwrap();
}

#[test]
fn what_is_being_sent_when_it_is_erased_holds_up_nobody() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::with("erase-under-way", ACME);
    folder.write("jackfield.yaml", &DOWN.replace("127.0.0.1:9", &provider.local_addr().unwrap().to_string()));
    folder.write("routes/in.yaml", &ROUTE.replace("{{ payload.phone }}", "desk"));
    let server = Server::start(folder.path(), &[], &[]);
    for body in [SENT[0], SENT[2]] {
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
    let (first, under_way) = asked(&provider);
    assert!(first.contains("Quintana calls"), "{first}");
    server.wait_for("the other", |status| status["events"]["unrouted"] == 0);
    let args = ["erase", "--value", "quintana@example.com", "--yes", "--admin", &server.admin];
    let told = transcript(&run(folder.path(), &args));
    assert!(told.contains("  1 was being sent at that moment: the provider may have it\n"), "{told}");
    answer(under_way);
    let (second, under_way) = asked(&provider);
    assert!(second.contains("Bob calls"), "{second}");
    answer(under_way);
    server.wait_for("what stood behind it", |status| status["deliveries"]["delivered"] == 1);
    assert_eq!(server.status()["deliveries"]["leased"], 0);
}

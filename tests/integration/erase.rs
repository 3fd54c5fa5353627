//! A person is erased: from the store of a running server, from one that was stopped, and from their files.

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
    assert!(says(&["--event", "evt_1", "--yes"], &stopped).contains("an id begins with"));
    let told = says(&["--event", bob, "--yes"], &stopped);
    assert_eq!(told, format!("erased: 1 event and 1 delivery\n  1 had not gone out yet: withdrawn\n{elsewhere}"));
    let proved = transcript(&run(folder.path(), &["store", "verify", "--data", "data"]));
    assert_eq!(proved, "1 event, 0 deliveries: all good\n--- exit 0\n");
}

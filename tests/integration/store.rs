//! The event store from outside: copied, proved, kept small, and refused where the disk fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{ACME, Answer, Folder, Server, get, post, run, transcript, wait_for};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id }
identity: \"{{ id }}\"
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: hi }
";

fn workspace(name: &str, settings: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{}{settings}", folder.read("jackfield.yaml")));
    folder.write("routes/in.yaml", ROUTE);
    folder
}

fn send(server: &Server, id: usize, filling: usize) -> u16 {
    let body = format!("{{\"id\":\"{id}\",\"filling\":\"{}\"}}", "x".repeat(filling));
    post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status
}

#[test]
fn a_backup_is_taken_while_the_server_runs_and_serves_in_its_place() {
    let folder = workspace("backup", "");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (0..30).for_each(|id| assert_eq!(send(&server, id, 10), 202));
    server.wait_for("the deliveries", |status| status["deliveries"]["delivered"] == 30);
    let written = transcript(&run(folder.path(), &["backup", "copy.db", "--sandbox"]));
    let size = fs::metadata(folder.path().join("copy.db")).unwrap().len();
    assert_eq!(written, format!("`copy.db` has the store as it was a moment ago, {size} bytes\n--- exit 0\n"));
    let again = transcript(&run(folder.path(), &["backup", "copy.db", "--sandbox"]));
    assert!(again.contains("`copy.db` is there already; name another file\n--- exit 2\n"), "{again}");
    let proved = transcript(&run(folder.path(), &["store", "verify", "--sandbox"]));
    assert_eq!(proved, "30 events, 30 deliveries: all good\n--- exit 0\n");
    let real = transcript(&run(folder.path(), &["store", "verify"]));
    assert!(real.ends_with("/data`; `serve --sandbox` has left one: add `--sandbox`\n--- exit 3\n"), "{real}");
    assert_eq!(server.terminate(), 0);

    fs::remove_dir_all(folder.path().join("data/sandbox")).unwrap();
    fs::create_dir_all(folder.path().join("data/sandbox")).unwrap();
    fs::copy(folder.path().join("copy.db"), folder.path().join("data/sandbox/jackfield.db")).unwrap();
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(send(&server, 7, 10), 202);
    server.wait_for("the same event", |status| status["events"]["duplicates"] == 1);
    assert_eq!(server.status()["events"]["accepted"], 31);
}

#[test]
fn old_events_are_forgotten_and_their_identities_not_yet() {
    let folder = workspace("retention", "retention: { age: 2s, identities: 1d }\n");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(send(&server, 1, 10), 202);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    server.wait_for("the end of the event", |status| status["events"]["accepted"] == 0);
    assert_eq!(server.status()["deliveries"]["delivered"], 0);
    assert_eq!(send(&server, 1, 10), 202);
    server.wait_for("the same event", |status| status["events"]["duplicates"] == 1);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_route_keeps_its_events_for_a_time_of_its_own() {
    let shared = "sources: { in: { path: /in, verify: none } }\nretention: { age: 1h, identities: 1d }\n";
    let folder = workspace("retention-route", shared);
    let route = |to: &str, more: &str| {
        format!(
            "source: in\nmatch: \"{{{{ '{to}' in payload.to }}}}\"\n{more}send:\n  - to: acme.note\n    body: {{ key: \"{to}{{{{ \
             payload.id }}}}\", text: hi }}\n"
        )
    };
    folder.write("routes/in.yaml", &route("s", "retention: { age: 2s }\n"));
    folder.write("routes/long.yaml", &route("l", "retention: { age: 2h }\n"));
    folder.write("routes/usual.yaml", &route("u", ""));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for (id, to) in [(1, "s"), (2, "s l"), (3, "s u"), (4, "l"), (5, "u"), (6, ""), (7, "s")] {
        let body = format!("{{\"id\":{id},\"to\":\"{to}\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
    server.wait_for("the end of two", |status| status["events"]["accepted"] == 5);
    let left = || run(folder.path(), &["events", "--admin", &server.admin]).stdout;
    let listed = String::from_utf8(left()).unwrap();
    assert_eq!(listed.matches("long: delivered").count(), 2, "{listed}");
    assert_eq!(listed.matches("usual: delivered").count(), 2, "{listed}");
    assert_eq!(listed.matches("no route took it").count(), 1, "{listed}");
    // The key goes live with its file, and holds for what came in before.
    folder.write("routes/usual.yaml", &route("u", "retention: { age: 1s }\n"));
    server.wait_for("the end of two more", |status| status["events"]["accepted"] == 3);
    assert_eq!(server.status()["deliveries"]["delivered"], 3);
    assert_eq!(server.terminate(), 0);
    let proved = transcript(&run(folder.path(), &["store", "verify", "--sandbox"]));
    assert_eq!(proved, "3 events, 3 deliveries: all good\n--- exit 0\n");
}

#[test]
fn a_route_keeps_no_more_of_its_events_than_it_says() {
    let folder = workspace("retention-size", "sources: { in: { path: /in, verify: none } }\n");
    let route = |to: &str, more: &str| {
        format!(
            "source: in\nmatch: \"{{{{ '{to}' in payload.to }}}}\"\n{more}send:\n  - to: acme.note\n    body: {{ key: \"{to}{{{{ \
             payload.id }}}}\", text: hi }}\n"
        )
    };
    folder.write("routes/in.yaml", &route("a", "retention: { size: 1MB }\n"));
    folder.write("routes/other.yaml", &route("b", ""));
    // How often is looked follows the shortest time.
    folder.write("routes/short.yaml", &route("c", "retention: { age: 4s }\n"));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let send = |id: u32, to: &str| {
        let body = format!("{{\"id\":{id},\"to\":\"{to}\",\"filling\":\"{}\"}}", "x".repeat(100_000));
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    };
    // The other route keeps what it took, too.
    send(1, "a b");
    send(2, "b");
    (3..33).for_each(|id| send(id, "a"));
    server.wait_for("the end of the oldest", |status| status["events"]["accepted"] == 2 + 10);
    let left = String::from_utf8(run(folder.path(), &["events", "--admin", &server.admin]).stdout).unwrap();
    assert_eq!((left.matches("in: delivered").count(), left.matches("other: delivered").count()), (11, 2), "{left}");
    // More comes in, and as much is forgotten.
    (33..36).for_each(|id| send(id, "a"));
    server.wait_for("the new ones", |status| status["deliveries"]["delivered"] == 13);
    // The key goes live with its file: counted is what there is.
    folder.write("routes/in.yaml", &route("a", "retention: { size: 2MB }\n"));
    server.wait_for("the change", |status| status["reloads"]["taken"] == 1);
    (36..60).for_each(|id| send(id, "a"));
    server.wait_for("what two megabytes hold", |status| status["events"]["accepted"] == 2 + 20);
    server.terminate();
}

#[test]
fn a_full_disk_is_answered_with_503_and_told() {
    let folder = workspace("full", "");
    // No file of the server may be larger: what the log of the store and its file grow to.
    let script = "ulimit -f 3000; trap '' XFSZ; exec \"$0\" serve --sandbox --listen 127.0.0.1:0 --admin 127.0.0.1:0 \
                  --page 127.0.0.1:0 --sandbox-listen 127.0.0.1:0";
    let log = fs::File::create(folder.path().join("serve.log")).unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_jackfield")]).current_dir(folder.path()).stderr(log);
    let server = Server::of(command, folder.path(), true).unwrap();
    let mut answers = Vec::new();
    let mut told = |path: &str, is_told: fn(&Answer) -> bool| {
        wait_for("the refusal", || {
            answers.push(send(&server, answers.len(), 100_000));
            let answer = get(&server.admin, path);
            Some(answer).filter(is_told)
        })
    };
    let ready = told("/readyz", |answer| answer.status == 503);
    let status = told("/status", |answer| !answer.text().contains("\"problem\": null"));
    server.kill();
    assert!(ready.text().starts_with("not ready: "), "{}", ready.text());
    assert!(status.text().contains("\"problem\": \"the "), "{}", status.text());
    assert!(answers.contains(&503) && answers.iter().all(|status| [202, 503].contains(status)), "{answers:?}");
    assert!(folder.read("serve.log").contains("the store did not take an event"), "{}", folder.read("serve.log"));

    let accepted = answers.iter().filter(|status| **status == 202).count();
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let status = server.wait_for("the deliveries", |status| status["deliveries"]["delivered"] == accepted);
    assert_eq!(status["events"]["accepted"], accepted, "nothing is half there");
    assert_eq!(server.terminate(), 0);
    let proved = transcript(&run(folder.path(), &["store", "verify", "--sandbox"]));
    assert_eq!(proved, format!("{accepted} events, {accepted} deliveries: all good\n--- exit 0\n"));
}

#[test]
fn what_the_file_lacks_is_named_by_verify_as_well() {
    for (kind, name) in [("INDEX", "memory_claims"), ("TABLE", "totals")] {
        let folder = workspace("lacking", "");
        let server = Server::start(folder.path(), &["--sandbox"], &[]);
        assert_eq!(send(&server, 1, 10), 202);
        assert_eq!(server.terminate(), 0);
        let file = folder.path().join("data/sandbox/jackfield.db");
        let store = rusqlite::Connection::open(&file).unwrap();
        store.execute_batch(&format!("DROP {kind} {name}")).unwrap();
        drop(store);
        let proved = transcript(&run(folder.path(), &["store", "verify", "--sandbox"]));
        let kind = kind.to_lowercase();
        assert!(proved.contains(&format!("the {kind} {name} is missing: the store does not start")), "{proved}");
        assert!(proved.ends_with("--- exit 1\n"), "{proved}");
        assert!(Server::try_start(folder.path(), &["--sandbox"], &[]).is_err(), "{name}");
    }
}

#[test]
fn a_broken_file_is_told_and_nothing_is_served() {
    let folder = workspace("broken", "");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (0..30).for_each(|id| assert_eq!(send(&server, id, 1000), 202));
    assert_eq!(server.terminate(), 0);
    let file = folder.path().join("data/sandbox/jackfield.db");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let proved = transcript(&run(folder.path(), &["store", "verify", "--sandbox"]));
    assert!(proved.ends_with("keep a copy of its folder, then go back to a backup\n--- exit 1\n"), "{proved}");
    fs::write(&file, "no database at all ".repeat(999)).unwrap();
    let started = Server::try_start(folder.path(), &["--sandbox"], &[]);
    let told = started.err().expect("it does not start");
    assert!(told.contains("can't be opened: the store's file is damaged"), "{told}");
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let folder = workspace("read-only", "");
    let data = folder.path().join("data");
    fs::write(&data, "a file where the folder should be").unwrap();
    let told = Server::try_start(folder.path(), &[], &[("T", "t")]).err().expect("it does not start");
    assert!(told.contains("the event store in `"), "{told}");
    fs::remove_file(&data).unwrap();
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o500)).unwrap();
    let is_root = fs::write(data.join("probe"), "").is_ok();
    let started = Server::try_start(folder.path(), &[], &[]);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    match started {
        Ok(_) => assert!(is_root, "only who may write everywhere may write here"),
        Err(told) => assert!(told.contains("its file may not be written"), "{told}"),
    }
}

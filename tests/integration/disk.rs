//! The store's files in bad hands: taken away under a running server, emptied, damaged, on a disk that is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use crate::support::{ACME, Folder, Server, get, jackfield, post, run, transcript, wait_for};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id }
identity: \"{{ payload.id }}\"
send:
  - to: acme.note
    body: { key: \"mark{{ id }}\", text: hi }
";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", ROUTE);
    folder
}

fn data(folder: &Folder) -> PathBuf {
    folder.path().join("data/sandbox")
}

fn start(folder: &Folder) -> Server {
    Server::start(folder.path(), &["--sandbox"], &[])
}

fn send(server: &Server, id: usize) -> u16 {
    let answer = post(&server.listen, "/hooks/in", "application/json", format!("{{\"id\":\"{id}\"}}").as_bytes());
    assert!(answer.status == 202 || answer.header("retry-after").is_some(), "{}", answer.head);
    answer.status
}

/// Sends until it is taken, as senders do: a disk that others keep busy may be late once.
fn send_in(server: &Server, id: usize) {
    wait_for("an event to be taken", || Some(()).filter(|()| send(server, id) == 202));
}

/// The provider takes nothing, so that what is sent waits.
fn refuse_all(server: &Server) {
    let fail = r#"{"provider":"acme","operation":"note","error":"503","times":100000}"#;
    let asked = post(server.sandbox(), "/_sandbox/fail", "application/json", fail.as_bytes());
    assert_eq!(asked.status / 100, 2, "{}", asked.text());
}

/// A store in which deliveries wait, without a server.
fn left_waiting(folder: &Folder, events: usize) {
    let server = start(folder);
    refuse_all(&server);
    (0..events).for_each(|id| send_in(&server, id));
    server.wait_for("the routes", |status| status["events"]["unrouted"] == 0);
    assert_eq!(server.terminate(), 0);
}

fn told(folder: &Folder, words: &str) -> usize {
    folder.read("serve.log").matches(words).count()
}

fn unready(server: &Server, why: &str) {
    wait_for("readiness to end", || Some(()).filter(|()| get(&server.admin, "/readyz").status == 503));
    assert_eq!(get(&server.admin, "/readyz").text(), format!("not ready: {why}\n"));
}

fn is_ready(server: &Server) -> bool {
    get(&server.admin, "/readyz").status == 200
}

const GONE: &str = "the store's files are gone from their folder, or others are in their place";

fn take_folder(data: &Path) {
    fs::remove_dir_all(data).unwrap();
}

fn take_file(data: &Path) {
    fs::remove_file(data.join("jackfield.db")).unwrap();
}

fn take_log(data: &Path) {
    fs::remove_file(data.join("jackfield.db-wal")).unwrap();
}

/// What is there is a copy, and not what is open.
fn replace_file(data: &Path) {
    fs::copy(data.join("jackfield.db"), data.join("copy")).unwrap();
    fs::rename(data.join("copy"), data.join("jackfield.db")).unwrap();
}

#[test]
fn files_that_are_taken_away_are_noticed() {
    for (name, take) in [
        ("no-folder", take_folder as fn(&Path)),
        ("no-file", take_file),
        ("no-log", take_log),
        ("other-file", replace_file),
    ] {
        let folder = workspace(name);
        let server = start(&folder);
        assert_eq!(send(&server, 1), 202);
        server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
        take(&data(&folder));
        assert_eq!(send(&server, 2), 503, "{name}");
        unready(&server, GONE);
        assert_eq!((send(&server, 3), told(&folder, GONE) >= 1), (503, true), "{name}");
        assert_eq!(told(&folder, "nothing is taken or recorded any more"), 1, "{name}: {}", folder.read("serve.log"));
        assert_eq!(server.terminate(), 0);
    }
}

#[test]
fn it_is_noticed_while_nothing_comes_and_goes_on_when_they_are_back() {
    let folder = workspace("away");
    let server = start(&folder);
    assert_eq!(send(&server, 1), 202);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    let away = folder.path().join("away");
    fs::rename(data(&folder), &away).unwrap();
    let since = std::time::Instant::now();
    unready(&server, GONE);
    assert!(since.elapsed().as_millis() < 2000, "{:?}", since.elapsed());
    fs::rename(&away, data(&folder)).unwrap();
    wait_for("readiness", || Some(()).filter(|()| is_ready(&server)));
    assert_eq!(send(&server, 2), 202);
    server.wait_for("the next delivery", |status| status["deliveries"]["delivered"] == 2);
    assert_eq!(told(&folder, "in their folder again"), 1);
    assert_eq!(server.terminate(), 0);
    assert_eq!(verified(&folder), "2 events, 2 deliveries: all good\n--- exit 0\n");
}

fn verified(folder: &Folder) -> String {
    transcript(&run(folder.path(), &["store", "verify", "--sandbox"]))
}

#[test]
fn what_was_accepted_outlives_the_loss_of_the_log() {
    let folder = workspace("log");
    let server = start(&folder);
    (0..5).for_each(|id| assert_eq!(send(&server, id), 202));
    take_log(&data(&folder));
    assert_eq!(server.terminate(), 0);
    let server = start(&folder);
    assert_eq!(server.status()["events"]["accepted"], 5, "the end has moved the log that was open into the file");
}

#[test]
fn the_end_leaves_files_alone_that_others_have_put_there() {
    let folder = workspace("others");
    let server = start(&folder);
    assert_eq!(send(&server, 1), 202);
    take_folder(&data(&folder));
    fs::create_dir_all(data(&folder)).unwrap();
    let names = ["jackfield.db", "jackfield.db-wal", "jackfield.db-shm"];
    names.iter().for_each(|name| fs::write(data(&folder).join(name), "a backup").unwrap());
    unready(&server, GONE);
    // Whoever reads now for the first time opens what others have put there, and leaves it alone, too.
    let look = || drop(get(&server.admin, "/events?value=anybody"));
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(look))));
    assert_eq!(server.terminate(), 0);
    names.iter().for_each(|name| assert_eq!(fs::read(data(&folder).join(name)).unwrap(), b"a backup", "{name}"));
}

#[test]
fn a_store_that_is_empty_or_gone_is_not_made_anew() {
    let folder = workspace("empty");
    let file = data(&folder).join("jackfield.db");
    // A first start that was cut off leaves this behind.
    fs::create_dir_all(data(&folder)).unwrap();
    fs::write(&file, "").unwrap();
    fs::write(data(&folder).join("jackfield.lock"), "").unwrap();
    let server = start(&folder);
    assert_eq!(send(&server, 1), 202);
    assert_eq!(server.terminate(), 0);

    let whole = fs::read(&file).unwrap();
    for make in [|file: &Path| fs::write(file, "").unwrap(), |file: &Path| fs::remove_file(file).unwrap()] {
        make(&file);
        let told = Server::try_start(folder.path(), &["--sandbox"], &[]).err().expect("it does not start");
        let words = "can't be opened: the store's file is empty or gone, and this folder had one: bring the file back";
        assert!(told.contains(words), "{told}");
        if file.exists() {
            let words = "the store's file is empty or gone, and this folder had one";
            assert!(verified(&folder).contains(words), "{}", verified(&folder));
        }
    }
    fs::write(&file, &whole).unwrap();
    let server = start(&folder);
    assert_eq!(server.status()["events"]["accepted"], 1);
    server.kill();
    // The log knows more than the empty file, and the mark is gone.
    fs::write(&file, "").unwrap();
    fs::write(data(&folder).join("jackfield.lock"), "").unwrap();
    let told = Server::try_start(folder.path(), &["--sandbox"], &[]).err().expect("it does not start");
    assert!(told.contains("the store's file is empty or gone"), "{told}");
}

#[test]
fn a_file_that_lacks_a_table_or_its_end_does_not_start() {
    let folder = workspace("lacking");
    let server = start(&folder);
    (0..30).for_each(|id| send_in(&server, id));
    assert_eq!(server.terminate(), 0);
    let file = data(&folder).join("jackfield.db");
    let whole = fs::read(&file).unwrap();
    let refused = |what: &str| {
        let told = Server::try_start(folder.path(), &["--sandbox"], &[]).err().expect("it does not start");
        assert!(told.contains("can't be opened: the store's file is damaged"), "{what}: {told}");
    };
    fs::write(&file, &whole[..whole.len() * 3 / 4 / 4096 * 4096]).unwrap();
    refused("its last quarter");
    fs::write(&file, &whole[..whole.len() - 1000]).unwrap();
    refused("its last bytes");
    fs::write(&file, &whole).unwrap();
    Connection::open(&file).unwrap().execute_batch("DROP TABLE ledger").unwrap();
    refused("a table");
}

/// Overwrites the page of the table in which these words stand, and gives its place and what it was.
fn spoil_page_with(folder: &Folder, words: &str) -> (u64, Vec<u8>) {
    let bytes = fs::read(data(folder).join("jackfield.db")).unwrap();
    let place = bytes.windows(words.len()).position(|part| part == words.as_bytes()).expect("the words are there");
    let page = place / 4096 * 4096;
    write_page(folder, page as u64, &[0xAB; 4096]);
    (page as u64, bytes[page..page + 4096].to_vec())
}

fn write_page(folder: &Folder, place: u64, page: &[u8]) {
    let file = fs::File::options().write(true).open(data(folder).join("jackfield.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, page, place).unwrap();
}

#[test]
fn what_can_be_read_again_is_damage_no_more() {
    let folder = workspace("passing");
    left_waiting(&folder, 120);
    let (place, page) = spoil_page_with(&folder, "\"mark60\"");
    let server = start(&folder);
    unready(&server, "the store's file is damaged");
    assert_eq!(send(&server, 999), 503);
    write_page(&folder, place, &page);
    wait_for("readiness", || Some(()).filter(|()| is_ready(&server)));
    assert_eq!(told(&folder, "the store's file is damaged: no event is taken any more"), 1);
    assert_eq!(told(&folder, "the store's file can be read again, and is whole; it goes on"), 1);
    send_in(&server, 999);
    let status = server.wait_for("all", |status| status["deliveries"]["delivered"] == 121);
    assert_eq!(status["deliveries"]["dead"], 0, "nothing was given up for what passed");
    assert_eq!(server.terminate(), 0);
    assert_eq!(verified(&folder), "121 events, 121 deliveries: all good\n--- exit 0\n");
}

#[test]
fn damage_in_the_middle_is_told_soon_and_the_rest_goes_out() {
    let folder = workspace("middle");
    left_waiting(&folder, 120);
    spoil_page_with(&folder, "\"mark60\"");
    let server = start(&folder);
    unready(&server, "the store's file is damaged");
    assert_eq!(send(&server, 999), 503);
    let ended = |status: &serde_json::Value| ["delivered", "dead"].map(|state| status["deliveries"][state].as_u64());
    let status = server.wait_for("what can be read", |status| ended(status).iter().flatten().sum::<u64>() == 120);
    assert!(matches!(ended(&status)[1], Some(1..60)), "{status:#}");
    assert_eq!(told(&folder, "the store's file is damaged: no event is taken any more"), 1);
    let listed = transcript(&jackfield(folder.path(), &["dead-letters", "--admin", &server.admin]).output().unwrap());
    assert!(listed.contains("what the store holds of it can't be read"), "{listed}");
    assert_eq!(server.terminate(), 0);
    assert!(verified(&folder).ends_with("--- exit 1\n"), "{}", verified(&folder));
}

#[test]
fn deliveries_whose_state_can_not_be_read_keep_no_other_waiting() {
    let folder = workspace("states");
    left_waiting(&folder, 400);
    let file = Connection::open(data(&folder).join("jackfield.db")).unwrap();
    let page: i64 =
        file.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'deliveries'", [], |row| row.get(0)).unwrap();
    drop(file);
    let mut bytes = fs::read(data(&folder).join("jackfield.db")).unwrap();
    let page = usize::try_from(page).unwrap();
    // The root says where the first of its pages is.
    let root = &bytes[(page - 1) * 4096..page * 4096];
    assert_eq!(root[0], 5, "there are several pages");
    let cell = usize::from(u16::from_be_bytes([root[12], root[13]]));
    let first = u32::from_be_bytes(root[cell..cell + 4].try_into().unwrap()) as usize;
    bytes[(first - 1) * 4096..first * 4096].fill(0xAB);
    fs::write(data(&folder).join("jackfield.db"), bytes).unwrap();
    let server = start(&folder);
    unready(&server, "the store's file is damaged");
    let status = wait_for("those on the other pages", || {
        let status = server.status();
        let delivered = status["deliveries"]["delivered"].as_u64().unwrap();
        Some(status).filter(|_| delivered >= 200)
    });
    assert!(status["deliveries"]["delivered"].as_u64().unwrap() < 400, "{status:#}");
}

#[test]
fn a_damaged_page_that_nobody_needs_is_found_all_the_same() {
    let folder = workspace("unneeded");
    let server = start(&folder);
    (0..120).for_each(|id| send_in(&server, id));
    server.wait_for("the deliveries", |status| status["deliveries"]["delivered"] == 120);
    assert_eq!(server.terminate(), 0);
    spoil_page_with(&folder, "\"mark60\"");
    unready(&start(&folder), "the store's file is damaged");
}

#[test]
fn what_can_not_be_read_ends_by_itself_and_is_seen() {
    let folder = workspace("unreadable");
    left_waiting(&folder, 5);
    let file = Connection::open(data(&folder).join("jackfield.db")).unwrap();
    // Of one what it sends is no text, of the next nothing is there, and the last has no id.
    let spoil = "UPDATE contents SET request = x'ff00' WHERE delivery_seq = 1;
         DELETE FROM contents WHERE delivery_seq = 2; UPDATE contents SET id = x'01' WHERE delivery_seq = 3;";
    file.execute_batch(spoil).unwrap();
    drop(file);
    let server = start(&folder);
    let status = server.wait_for("the others", |status| status["deliveries"]["delivered"] == 2);
    assert_eq!((&status["deliveries"]["dead"], &status["store"]["problem"]), (&3.into(), &serde_json::Value::Null));
    let lines = told(&folder, "deliveries can't be read from the store: they are dead letters");
    assert!((1..=3).contains(&lines), "each is told once: {}", folder.read("serve.log"));
    let asked = |args: &[&str]| {
        let all = [args, &["--admin", server.admin.as_str()]].concat();
        transcript(&jackfield(folder.path(), &all).output().unwrap())
    };
    let listed = asked(&["dead-letters"]);
    assert_eq!(listed.matches("what the store holds of it can't be read").count(), 3, "{listed}");
    let shown = asked(&["deliveries", "dlv_00000000000000000000000000000002"]);
    assert!(shown.contains("what the store holds of it can't be read") && shown.ends_with("exit 0\n"), "{shown}");
    assert_eq!(send(&server, 6), 202);
    server.wait_for("the next", |status| status["deliveries"]["delivered"] == 3);
    assert_eq!(server.terminate(), 0);
}

#[test]
fn an_event_that_can_not_be_read_is_kept_as_failed() {
    let folder = workspace("unreadable-event");
    let server = Server::start(folder.path(), &["--sandbox"], &[("JACKFIELD_DIE_AT", "to-route:1")]);
    let _ = std::net::TcpStream::connect(&server.listen).map(|mut stream| {
        let body = crate::support::post_bytes("/hooks/in", "application/json", b"{\"id\":\"1\"}");
        std::io::Write::write_all(&mut stream, &body)
    });
    wait_for("the end", || Some(()).filter(|()| server.has_ended()));
    drop(server);
    let file = Connection::open(data(&folder).join("jackfield.db")).unwrap();
    assert_eq!(file.execute("UPDATE requests SET headers = '['", []), Ok(1));
    drop(file);
    let server = start(&folder);
    let status = server.wait_for("the event", |status| status["events"]["failed"] == 1);
    assert_eq!(status["events"]["unrouted"], 0);
    assert_eq!(told(&folder, "events can't be read from the store: they are kept as failed count=1"), 1);
    let listed = transcript(&jackfield(folder.path(), &["dead-letters", "--admin", &server.admin]).output().unwrap());
    assert!(listed.contains("what the store holds of it can't be read"), "{listed}");
    assert_eq!(server.terminate(), 0);
    assert_eq!(verified(&folder), "1 event, 0 deliveries: all good\n--- exit 0\n");
}

#[test]
fn the_log_is_short_again_after_a_flood() {
    let folder = workspace("flood");
    let server = start(&folder);
    let body = format!("{{\"id\":\"1\",\"filling\":\"{}\"}}", "x".repeat(900_000));
    let log = data(&folder).join("jackfield.db-wal");
    let length = || fs::metadata(&log).unwrap().len();
    let mut longest = 0;
    for _ in 0..80 {
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
        longest = longest.max(length());
    }
    assert!((4 << 20..64 << 20).contains(&longest), "{longest} bytes");
    wait_for("a short log", || Some(()).filter(|()| length() <= 1 << 20));
    assert_eq!(server.terminate(), 0);
}

/// A small disk under the store, where the machine lets us make one.
struct Disk(PathBuf);

impl Disk {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn under(folder: &Folder, size: &str) -> Option<Disk> {
        let path = data(folder);
        fs::create_dir_all(&path).unwrap();
        let size = format!("size={size},mode=0700");
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(&path).output();
        if !made.is_ok_and(|made| made.status.success()) {
            eprintln!("SKIPPED: no disk can be mounted here, so what a full one does is not tried");
            return None;
        }
        Some(Disk(path))
    }

    /// Leaves no room at all.
    fn fill(&self) {
        let full = Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", self.filling())).output();
        assert!(!full.unwrap().status.success(), "it gets full");
    }

    fn empty(&self) {
        fs::remove_file(self.filling()).unwrap();
    }

    fn filling(&self) -> String {
        self.0.join("filling").display().to_string()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const FULL: &str = "the disk of the store is full";

#[test]
fn a_full_disk_keeps_no_server_from_starting_and_it_goes_on_by_itself() {
    let folder = workspace("full-disk");
    let Some(disk) = Disk::under(&folder, "16m") else { return };
    left_waiting(&folder, 20);
    disk.fill();
    let server = start(&folder);
    unready(&server, FULL);
    assert_eq!(send(&server, 100), 503);
    server.wait_for("what waited", |status| status["deliveries"]["delivered"] == 20);
    assert_eq!(told(&folder, "the disk of the store is full: no event is taken"), 1);
    disk.empty();
    wait_for("readiness", || Some(()).filter(|()| is_ready(&server)));
    assert_eq!(send(&server, 101), 202);
    server.wait_for("the next delivery", |status| status["deliveries"]["delivered"] == 21);
    assert_eq!(told(&folder, "there is room on the disk of the store again"), 1);

    disk.fill();
    let refused = wait_for("the refusal", || Some(send(&server, 102)).filter(|status| *status != 202));
    assert_eq!(refused, 503);
    unready(&server, FULL);
    disk.empty();
    wait_for("readiness", || Some(()).filter(|()| is_ready(&server)));
    assert_eq!(send(&server, 103), 202);
    assert_eq!(server.terminate(), 0);
    assert!(verified(&folder).ends_with(": all good\n--- exit 0\n"), "{}", verified(&folder));
}

/// Leaves a store without its spare room and the words of its search on a disk that has no byte left.
fn leave_no_room(folder: &Folder, disk: &Disk) {
    let files = ["spare", "search.db", "search.db-wal", "search.db-shm"];
    files.iter().for_each(|file| drop(fs::remove_file(data(folder).join(format!("jackfield.{file}")))));
    disk.fill();
}

#[test]
fn a_server_starts_without_any_room_and_takes_up_what_was_under_way_later() {
    let folder = workspace("no-room");
    let Some(disk) = Disk::under(&folder, "16m") else { return };
    let server = start(&folder);
    let hang = r#"{"provider":"acme","operation":"note","error":"hang","times":100000}"#;
    assert_eq!(post(server.sandbox(), "/_sandbox/fail", "application/json", hang.as_bytes()).status / 100, 2);
    let filling = "x".repeat(10_000);
    for id in 0..40 {
        let body = format!("{{\"id\":\"{id}\",\"filling\":\"{filling}\"}}");
        wait_for("an event to be taken", || {
            let status = post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status;
            Some(()).filter(|()| status == 202)
        });
    }
    server.wait_for("leases", |status| status["deliveries"]["leased"].as_u64().unwrap() > 0);
    server.kill();
    leave_no_room(&folder, &disk);

    let server = start(&folder);
    unready(&server, FULL);
    assert_eq!(send(&server, 100), 503);
    assert_eq!(told(&folder, "what was under way at the last end can't be taken up yet"), 1);
    disk.empty();
    wait_for("readiness", || Some(()).filter(|()| is_ready(&server)));
    send_in(&server, 101);
    server.wait_for("what was under way", |status| status["deliveries"]["delivered"] == 41);
    assert_eq!(told(&folder, "what was under way at the last end is taken up"), 1);
    assert_eq!(server.terminate(), 0);
    assert_eq!(verified(&folder), "41 events, 41 deliveries: all good\n--- exit 0\n");
}

#[test]
fn a_full_disk_is_told_once_however_long_it_lasts() {
    let folder = workspace("told-once");
    let Some(disk) = Disk::under(&folder, "16m") else { return };
    let server = Server::start(folder.path(), &["--sandbox"], &[("JACKFIELD_DIE_AT", "to-route:1")]);
    let _ = std::net::TcpStream::connect(&server.listen).map(|mut stream| {
        let body = crate::support::post_bytes("/hooks/in", "application/json", b"{\"id\":\"1\"}");
        std::io::Write::write_all(&mut stream, &body)
    });
    wait_for("the end", || Some(()).filter(|()| server.has_ended()));
    drop(server);
    leave_no_room(&folder, &disk);

    let server = start(&folder);
    unready(&server, FULL);
    // It is looked for what waits each second.
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(server.status()["events"]["unrouted"], 1);
    assert_eq!(told(&folder, "accepted events can't be routed now"), 0, "{}", folder.read("serve.log"));
    assert_eq!(told(&folder, "the disk of the store is full: no event is taken"), 1);
    disk.empty();
    wait_for("readiness", || Some(()).filter(|()| is_ready(&server)));
    server.wait_for("what waited", |status| status["deliveries"]["delivered"] == 1);
    assert_eq!(told(&folder, "there is room on the disk of the store again"), 1);
    assert_eq!(server.terminate(), 0);
}

#[test]
fn broken_settings_are_told_where_they_would_say_whom_to_ask() {
    let folder = workspace("settings");
    folder.write("jackfield.yaml", "admin: 127.0.0.1:9999\nconnections: [\n");
    for args in [&["status"][..], &["deliveries"], &["dead-letters"], &["events"], &["replay", "--all"]] {
        let told = transcript(&run(folder.path(), args));
        assert!(told.contains("jackfield.yaml:") && told.contains("error["), "{args:?}: {told}");
        let last = "`jackfield.yaml` can't be read, so it is not known where the server answers the operator: mend it, or \
                    say --admin ADDRESS\n--- exit 3\n";
        assert!(told.ends_with(last), "{args:?}: {told}");
    }
    let told = transcript(&run(folder.path(), &["events", "--sandbox"]));
    assert!(told.contains("where the event store is: mend it, or say --data DIR"), "{told}");
    let told = transcript(&run(folder.path(), &["status", "--admin", "127.0.0.1:9"]));
    assert!(told.contains("no server answers on http://127.0.0.1:9;"), "{told}");
    folder.write("jackfield.yaml", "admin: nowhere\n");
    let told = transcript(&run(folder.path(), &["status"]));
    assert!(told.contains("jackfield.yaml:1:8: error["), "{told}");
}

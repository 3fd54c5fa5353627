//! Disks that are full, folders that can't be written, files that are broken, and files of another time.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::migration::STEPS;

#[tokio::test]
async fn a_full_disk_is_told_until_there_is_room() {
    let folder = Folder::new();
    let store = Embedded::open_with(&folder.0, Options { max_pages: Some(200), ..Options::default() }).unwrap();
    let mut large = request(1);
    large.raw = Arc::new(RawRequest { body: vec![7; 60_000], ..RawRequest::default() });
    let mut stored = 0;
    let error = loop {
        match store.accept(NewEvents { ids: vec![EventId::new()], ..large.clone() }).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((error, store.trouble()), (StoreError::Full, Some(StoreError::Full)));
    assert_eq!(store.unrouted(0, 999).await.unwrap().len(), stored);
    assert_eq!(store.counts().await.unwrap().events, u64::try_from(stored).unwrap());
    assert_eq!(store.accept(request(1)).await, Err(StoreError::Full), "nothing new is taken until there is room again");
    for _ in 0..1000 {
        match store.trouble() {
            Some(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            None => break,
        }
    }
    let small = accept_one(&store).await;
    assert_eq!(usize::try_from(small).unwrap(), stored + 1, "what is small enough is still taken");
    assert_eq!(store.trouble(), None);
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn what_is_forgotten_makes_room_and_gives_it_back() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..40 {
        let mut large = request(2);
        large.raw = Arc::new(RawRequest { body: vec![7; 200_000], ..RawRequest::default() });
        for seq in store.accept(large).await.unwrap() {
            store.route(routed(seq, vec![])).await.unwrap();
        }
    }
    store.close().await.unwrap();
    let before = fs::metadata(folder.file()).unwrap().len();
    let store = Embedded::open(&folder.0).unwrap();
    let retention = Retention { size: Some(2 << 20), ..kept(None, std::time::Duration::ZERO) };
    let (mut events, mut freed) = (0, 0);
    loop {
        let pruned = store.prune(NOW, retention.clone(), 10).await.unwrap();
        (events, freed) = (events + pruned.events, freed + pruned.freed);
        if !pruned.more {
            break;
        }
    }
    assert!((60..80).contains(&events), "{events}");
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
    assert_eq!(store.recent_events(1).await.unwrap()[0].seq, 80, "the newest stay");
    store.close().await.unwrap();
    let after = fs::metadata(folder.file()).unwrap().len();
    assert!(after < before / 3 && freed > before / 2, "{before} bytes, {freed} freed, {after} left");
}

#[tokio::test]
async fn what_is_not_done_is_never_forgotten() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..4 {
        let seq = accept_one(&store).await;
        if seq < 4 {
            store.route(routed(seq, vec![taken("a", Some(&seq.to_string()), vec![delivery("crm")])])).await.unwrap();
        }
    }
    store.hold(2, "unknown").await.unwrap();
    store.bury(3, "given up").await.unwrap();
    let month = std::time::Duration::from_secs(30 * 24 * 3600);
    let retention = Retention { size: Some(0), ..kept(Some(std::time::Duration::from_secs(1)), month) };
    let later = Timestamp(NOW.0 + 9_000_000);
    let pruned = store.prune(later, retention, 99).await.unwrap();
    assert_eq!((pruned.events, pruned.deliveries), (1, 1), "only the one that is dead");
    let left: Vec<i64> = store.recent_events(9).await.unwrap().iter().map(|event| event.seq).collect();
    assert_eq!(left, [4, 2, 1]);
    let receipt = store.route(routed(4, vec![taken("a", Some("3"), vec![delivery("crm")])])).await.unwrap();
    assert_eq!(receipt.duplicates.len(), 1, "its identity stays for the rest of its window");
    let story = store.event(store.recent_events(1).await.unwrap()[0].id).await.unwrap().unwrap();
    let identity = "3".to_owned();
    assert_eq!(story.outcomes[0].result, StoredResult::Duplicate { identity, first: None });

    let seq = accept_one(&store).await;
    let mut again = routed(seq, vec![taken("a", Some("3"), vec![delivery("crm")])]);
    again.identity_since = Timestamp(NOW.0 + 1);
    assert_eq!(store.route(again).await.unwrap().deliveries.len(), 1, "and not longer");
}

/// Root may write everywhere.
fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_refused() {
    let folder = Folder::new();
    Embedded::open(&folder.0).unwrap().close().await.unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o400)).unwrap();
    let opened = Embedded::open(&folder.0).map(|_| ());
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o600)).unwrap();
    match is_root() {
        true => assert_eq!(opened, Ok(())),
        false => assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}"),
    }
    Embedded::open(&folder.0).unwrap();
}

#[tokio::test]
async fn a_file_without_its_end_is_never_taken_for_whole() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..200 {
        let seq = accept_one(&store).await;
        store.route(routed(seq, vec![taken("a", None, vec![delivery("crm")])])).await.unwrap();
    }
    store.close().await.unwrap();
    let whole = fs::read(folder.file()).unwrap();
    let mut refused = 0;
    for part in [0.2, 0.5, 0.8, 0.95] {
        let length = (whole.len() as f64 * part) as usize;
        fs::write(folder.file(), &whole[..length]).unwrap();
        let found = match Embedded::open(&folder.0) {
            Err(error) => Err(error),
            Ok(store) => store.verify().await,
        };
        match found {
            Err(error) => assert_eq!(error, StoreError::Corrupt),
            Ok(verified) => assert_ne!(verified.problems, [""; 0], "at {part}"),
        }
        refused += 1;
    }
    assert_eq!(refused, 4);
    fs::write(folder.file(), &whole).unwrap();
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn a_log_without_its_end_is_read_up_to_there() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..20 {
        accept_one(&store).await;
    }
    let crashed = folder.as_after_a_crash();
    let log = crashed.0.join("jackfield.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    bytes.truncate(bytes.len() - 700);
    bytes.extend([0x55; 300]);
    fs::write(&log, bytes).unwrap();
    let store = Embedded::open(&crashed.0).unwrap();
    assert_eq!(store.counts().await.unwrap().events, 19, "the last commit is not whole");
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn what_should_not_be_so_is_told() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let seq = accept_one(&store).await;
    store.route(routed(seq, vec![taken("a", None, vec![delivery("crm"), delivery("crm")])])).await.unwrap();
    assert_eq!(store.verify().await.unwrap(), Verified { events: 1, deliveries: 2, problems: vec![] });
    let spoil = "DELETE FROM contents WHERE delivery_seq = 2; UPDATE deliveries SET open = 2 WHERE seq = 1;
         UPDATE totals SET delivered = 9; INSERT INTO ledger VALUES (77, 0, 0, '{}')";
    Connection::open(folder.file()).unwrap().execute_batch(spoil).unwrap();
    let problems = store.verify().await.unwrap().problems;
    let expected = [
        "1 deliveries whose request is missing",
        "1 steps whose delivery is missing",
        "1 deliveries that wait and would never go on",
        "the counter of delivered deliveries says 9, and there are 0",
    ];
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn a_copy_is_whole_while_others_write() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..50 {
        accept_one(&store).await;
    }
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                accept_one(&store).await;
            }
        })
    };
    let copy = Folder::new();
    fs::create_dir_all(&copy.0).unwrap();
    store.backup(copy.file()).await.unwrap();
    writing.await.unwrap();
    assert_eq!(store.backup(copy.file()).await, Err(StoreError::Unavailable(Cause::Exists)));
    assert_eq!(fs::metadata(copy.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!copy.0.join("jackfield.db.part").exists());
    let copied = Embedded::open(&copy.0).unwrap();
    let events = copied.counts().await.unwrap().events;
    assert!((50..=250).contains(&events), "{events}");
    assert_eq!(copied.verify().await.unwrap(), Verified { events, deliveries: 0, problems: vec![] });
}

/// What the version of format 1 left behind: a delivery of each state, a lane, an attempt, an identity.
const OLD: &str = r#"
INSERT INTO requests VALUES (1, 'forms', 1795000000000, 'POST', '/hooks/a', '[]', '{}', x'7b7d');
INSERT INTO events VALUES (1, x'0190000000007000800000000000000a', 1, 0), (2, x'0190000000007000800000000000000b', 1, 1);
INSERT INTO unrouted VALUES (2);
INSERT INTO routings VALUES (1, 'r1', 1795000000000);
INSERT INTO outcomes VALUES (1, 0, 'a', 'taken', 'x', 'lane-1', NULL, 1, 5);
INSERT INTO identities VALUES (x'00', 'a', 1, 1795000000000);
INSERT INTO deliveries VALUES
    (1, 'crm', 1, 3, 2, 1795000005000, 1795000009000, 1, NULL), (2, 'crm', 1, 2, 0, 1795000000000, 1795000000000, 1, NULL),
    (3, 'crm', 1, 4, 1, 1795000007000, 1795000000000, 1, NULL), (4, 'crm', 0, 5, 1, 1795000000000, 1795000000000, 1, NULL),
    (5, 'crm', 0, 7, 0, 1795000000000, 1795000000000, 1, '{}');
INSERT INTO contents SELECT seq, randomblob(16), 'a', seq - 1, 'send', iif(seq = 3, NULL, 'lane-1'), 1795000000000, '{}'
    FROM deliveries;
INSERT INTO attempts VALUES (1, 1, 1795000000000, 5, 'retry', NULL, 503, x''), (1, 2, 1795000000000, 5, 'retry', NULL, 503, x''),
    (3, 1, 1795000000000, 5, 'retry', NULL, 503, x''), (4, 1, 1795000000000, 5, 'delivered', NULL, 200, x'');
UPDATE totals SET last_request = 1, last_event = 2, last_delivery = 5, events = 2, unrouted = 1,
    pending = 1, leased = 1, retrying = 1, delivered = 1, dead = 1;
"#;

#[tokio::test]
async fn a_store_of_the_second_format_gives_its_leases_back() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let old = Connection::open(folder.file()).unwrap();
    let lease = "UPDATE deliveries SET state = 3 WHERE seq = 2; UPDATE totals SET pending = 0, leased = 1";
    old.execute_batch(&format!("{} {OLD} {} {lease}; PRAGMA user_version = 2;", STEPS[0], STEPS[1])).unwrap();
    drop(old);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.verify().await.unwrap(), Verified { events: 2, deliveries: 5, problems: vec![] });
    assert_eq!(store.limited_calls(NOW).await.unwrap(), []);
    assert_eq!(store.release_leases(None).await, Ok(1));
    assert_eq!(store.release_leases(None).await, Ok(0));
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn a_store_of_the_fourth_format_asks_again() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let old = Connection::open(folder.file()).unwrap();
    old.execute_batch(&format!("{} {OLD} {}", STEPS[0], STEPS[1..4].concat())).unwrap();
    let leased = "UPDATE deliveries SET state = 3 WHERE seq = 2; UPDATE totals SET pending = 0, leased = 1;
         INSERT INTO leased_upto VALUES ('crm', 2); INSERT INTO memory VALUES (zeroblob(32), NULL, 'serve/1', 9);
         DELETE FROM waiting WHERE delivery_seq = 1; UPDATE deliveries SET state = 5, open = 0 WHERE seq = 1;
         UPDATE totals SET later = later - 1, retrying = retrying - 1, delivered = delivered + 1; PRAGMA user_version = 4;";
    old.execute_batch(leased).unwrap();
    drop(old);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.verify().await.unwrap(), Verified { events: 2, deliveries: 5, problems: vec![] });
    assert_eq!(store.release_leases(None).await, Ok(1));
    let again = store.lease("crm", 0, 9, "w").await.unwrap().deliveries;
    assert_eq!((again[0].seq, again[0].doubtful, again[0].repeats), (2, true, false), "it was under way");
    let later = store.lease_due("crm", Timestamp(1_795_000_009_000), 9, "w").await.unwrap().deliveries;
    assert_eq!((later[0].seq, later[0].doubtful), (3, false));
}

#[tokio::test]
async fn a_store_of_the_first_format_goes_on() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let old = Connection::open(folder.file()).unwrap();
    old.execute_batch(&format!("PRAGMA journal_mode = WAL; {} {OLD} PRAGMA user_version = 1;", STEPS[0])).unwrap();
    drop(old);
    assert_eq!(crate::store::verify(&folder.0), Err(StoreError::Outdated));

    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.verify().await.unwrap(), Verified { events: 2, deliveries: 5, problems: vec![] });
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.later, counts.deliveries(State::Retrying), counts.deliveries(State::Leased)), (2, 2, 0));
    let calls: Vec<_> =
        store.deliveries(Filter::default(), 9).await.unwrap().iter().map(|d| (d.attempts, d.calls)).collect();
    assert_eq!(calls, [(0, 0), (1, 1), (1, 1), (0, 0), (2, 2)]);
    let leased = store.lease("crm", 0, 9, "w").await.unwrap();
    assert_eq!((leased.deliveries.len(), leased.upto), (0, 5), "the lane waits for its head");
    let due = store.lease_due("crm", Timestamp(1_795_000_006_000), 9, "w").await.unwrap();
    assert_eq!((due.deliveries[0].seq, due.next), (1, Some(Timestamp(1_795_000_007_000))));
    assert!(store.record(attempt(1, 3, State::Delivered)).await.unwrap().parked);
    assert_eq!(store.lease_lane("crm", "lane-1", 9, "w").await.unwrap()[0].seq, 2);
    let file = Connection::open(folder.file()).unwrap();
    let mode: i64 = file.query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, 2, "it gives space back from now on");
}

//! The store's promises, each tried on a real file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conformance;
mod erase;
mod failure;
mod looks;
mod memory;
mod pace;
mod random;
mod search;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;

use super::embedded::{FILE, Options};
use super::*;
use crate::delivery::{Next, State};
use crate::event::RawRequest;
use crate::id::DeliveryId;
use crate::value::Value;

/// A folder of its own, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Folder(std::env::temp_dir().join(format!("jackfield-store-{}", uuid::Uuid::now_v7().simple())))
    }

    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }

    /// What the disk would hold if the program ended this instant.
    fn as_after_a_crash(&self) -> Folder {
        let copy = Folder::new();
        fs::create_dir_all(&copy.0).unwrap();
        for name in [FILE, "jackfield.db-wal"] {
            fs::copy(self.0.join(name), copy.0.join(name)).unwrap();
        }
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn request(parts: usize) -> NewEvents {
    NewEvents {
        source: "forms".into(),
        received_at: NOW,
        raw: Arc::new(RawRequest {
            method: "POST".to_owned(),
            target: "/hooks/a?b=1".to_owned(),
            headers: vec![("x-id".to_owned(), "7".to_owned()), ("x-id".to_owned(), "é".to_owned())],
            body: b"{\"a\":\0\xff}".to_vec(),
        }),
        params: Value::object([("team", "blue")]),
        ids: (0..parts).map(|_| EventId::new()).collect(),
    }
}

fn delivery(connection: &str) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::new(),
        position: 0,
        connection: connection.into(),
        operation: "send".into(),
        request: Ok("{\"to\":1}".to_owned()),
    }
}

fn taken(route: &str, identity: Option<&str>, deliveries: Vec<NewDelivery>) -> NewOutcome {
    let identity = identity.map(str::to_owned);
    let result = NewResult::Taken { identity, lane: Some("lane-1".to_owned()), deliveries };
    NewOutcome { route: route.into(), result }
}

fn routed(event_seq: i64, outcomes: Vec<NewOutcome>) -> RoutedEvent {
    RoutedEvent { event_seq, revision: "r1".into(), at: NOW, outcomes, identity_since: Timestamp(0) }
}

fn attempt(delivery_seq: i64, number: u32, state: State) -> AttemptRecord {
    let due = (state == State::Retrying).then_some(Timestamp(NOW.0 + 5000));
    AttemptRecord {
        delivery_seq,
        number,
        step: 0,
        counts: true,
        saved: None,
        remember: Vec::new(),
        ended: None,
        begun: false,
        doubtful: false,
        held_key: None,
        started_at: NOW,
        took_ms: 12,
        result: "retry",
        trouble: Some("timeout"),
        status: Some(503),
        answer: b"later".to_vec(),
        headers: vec![("retry-after".to_owned(), "5".to_owned())],
        next: Next { state, due },
    }
}

fn of(state: State) -> Filter {
    Filter { states: vec![state], ..Filter::default() }
}

async fn accept_one(store: &Embedded) -> i64 {
    store.accept(request(1)).await.unwrap()[0]
}

/// For so long events are kept, and identities known.
const fn kept(age: Option<std::time::Duration>, identity_window: std::time::Duration) -> Retention {
    Retention { age, routes: BTreeMap::new(), sizes: BTreeMap::new(), size: None, identity_window }
}

#[tokio::test]
async fn an_event_goes_all_the_way() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let new = request(2);
    assert_eq!(store.accept(new.clone()).await, Ok(vec![1, 2]));

    let waiting = store.unrouted(0, 10).await.unwrap();
    assert_eq!(
        waiting.iter().map(|event| (event.id, event.part)).collect::<Vec<_>>(),
        [(new.ids[0], 0), (new.ids[1], 1)]
    );
    assert!(Arc::ptr_eq(&waiting[0].raw, &waiting[1].raw));
    assert_eq!((&waiting[0].raw, &waiting[0].params, waiting[0].received_at), (&new.raw, &new.params, NOW));
    assert_eq!(store.unrouted(1, 10).await.unwrap().len(), 1);

    let problem = NewDelivery { request: Err("{\"code\":1}".to_owned()), position: 1, ..delivery("crm") };
    let sends = vec![delivery("crm"), problem.clone()];
    let receipt = store.route(routed(1, vec![taken("a", Some("x"), sends.clone())])).await.unwrap();
    assert_eq!(receipt.deliveries, [(sends[0].id, 1), (problem.id, 2)]);
    assert_eq!(store.unrouted(0, 10).await.unwrap().len(), 1);

    let leased = store.lease("crm", 0, 10, "w").await.unwrap().deliveries;
    assert_eq!(leased.len(), 1, "the dead one is not leased");
    assert_eq!((leased[0].state, leased[0].attempts, leased[0].due), (State::Leased, 0, None));
    assert_eq!((&*leased[0].route, leased[0].lane.as_deref()), ("a", Some("lane-1")));
    assert_eq!((leased[0].event_id, leased[0].request.as_str()), (new.ids[0], "{\"to\":1}"));
    assert!(store.lease("crm", 0, 10, "w").await.unwrap().deliveries.is_empty());

    store.record(attempt(1, 1, State::Retrying)).await.unwrap();
    let waiting = store.deliveries(of(State::Retrying), 9).await.unwrap();
    assert_eq!((waiting[0].attempts, waiting[0].due), (1, Some(Timestamp(NOW.0 + 5000))));
    assert!(store.lease("crm", 0, 10, "w").await.unwrap().deliveries.is_empty(), "it is due later");
    let due = store.lease_due("crm", Timestamp(NOW.0 + 4999), 10, "w").await.unwrap();
    assert_eq!((due.deliveries.len(), due.next), (0, Some(Timestamp(NOW.0 + 5000))));
    let again = store.lease_due("crm", Timestamp(NOW.0 + 5000), 10, "w").await.unwrap();
    assert_eq!((again.deliveries[0].seq, again.next), (1, None));
    store.record(attempt(1, 2, State::Delivered)).await.unwrap();
    assert!(store.lease("crm", 0, 10, "w").await.unwrap().deliveries.is_empty());

    let story = store.event(new.ids[0]).await.unwrap().unwrap();
    assert_eq!((story.event.revision.as_deref(), story.routed_at), (Some("r1"), Some(NOW)));
    let outcome = &story.outcomes[0];
    let identity = Some("x".to_owned());
    assert_eq!(outcome.result, StoredResult::Taken { identity, lane: Some("lane-1".to_owned()) });
    assert_eq!(outcome.deliveries[0].delivery.state, State::Delivered);
    assert_eq!(outcome.deliveries[0].attempts.len(), 2);
    assert_eq!(outcome.deliveries[0].attempts[1].answer, b"later");
    assert_eq!(outcome.deliveries[1].delivery.state, State::Dead);
    assert_eq!(outcome.deliveries[1].delivery.problem.as_deref(), Some("{\"code\":1}"));
    assert!(store.event(EventId::new()).await.unwrap().is_none());
    store.close().await.unwrap();
    assert_eq!(fs::metadata(folder.0.join("jackfield.db-wal")).map_or(0, |file| file.len()), 0);
}

#[tokio::test]
async fn lists_begin_with_the_newest() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..3 {
        let seq = accept_one(&store).await;
        store.route(routed(seq, vec![taken("a", None, vec![delivery("crm")])])).await.unwrap();
    }
    store.bury(2, "no-connection").await.unwrap();
    let seqs = |list: Vec<StoredDelivery>| list.into_iter().map(|delivery| delivery.seq).collect::<Vec<_>>();
    assert_eq!(store.recent_events(2).await.unwrap().iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(seqs(store.deliveries(Filter::default(), 2).await.unwrap()), [3, 2]);
    assert_eq!(seqs(store.deliveries(of(State::Pending), 9).await.unwrap()), [3, 1]);
    let dead = store.deliveries(of(State::Dead), 9).await.unwrap();
    assert_eq!(dead[0].problem.as_deref(), Some("no-connection"));
    assert_eq!(seqs(dead), [2]);
}

#[tokio::test]
async fn routing_twice_changes_nothing() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let seq = accept_one(&store).await;
    store.route(routed(seq, vec![taken("a", Some("x"), vec![delivery("crm")])])).await.unwrap();
    let before = store.counts().await.unwrap();
    let again = store.route(routed(seq, vec![taken("a", Some("x"), vec![delivery("crm")])])).await.unwrap();
    assert_eq!(again, RouteReceipt::default());
    assert_eq!(store.counts().await.unwrap(), before);
    assert_eq!(store.route(routed(99, vec![])).await, Err(StoreError::NotFound));
}

#[tokio::test]
async fn an_identity_is_delivered_once() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let events = store.accept(request(4)).await.unwrap();
    let route = |seq, route: &str, identity| {
        store.route(routed(seq, vec![taken(route, Some(identity), vec![delivery("crm")])]))
    };
    // Both are in one batch or in two: either way one of them is first.
    let (one, two) = tokio::join!(route(events[0], "a", "x"), route(events[1], "a", "x"));
    assert_eq!((one.unwrap().deliveries.len(), two.unwrap().duplicates), (1, vec!["a".into()]));
    assert_eq!(route(events[2], "b", "x").await.unwrap().deliveries.len(), 1, "another route has its own");

    let crashed = folder.as_after_a_crash();
    let after = Embedded::open(&crashed.0).unwrap();
    let late = after.route(routed(events[3], vec![taken("a", Some("x"), vec![delivery("crm")])])).await.unwrap();
    assert_eq!((late.deliveries.len(), late.duplicates.len()), (0, 1));
    let story = after.event(after.recent_events(1).await.unwrap()[0].id).await.unwrap().unwrap();
    let first = Some(after.recent_events(4).await.unwrap()[3].id);
    assert_eq!(story.outcomes[0].result, StoredResult::Duplicate { identity: "x".to_owned(), first });
    assert_eq!(after.counts().await.unwrap().duplicates, 2);
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_answered() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    store.accept(request(3)).await.unwrap();
    store.route(routed(2, vec![taken("a", None, vec![delivery("crm"), delivery("crm")])])).await.unwrap();
    store.lease("crm", 0, 9, "w").await.unwrap();
    store.record(attempt(2, 1, State::Retrying)).await.unwrap();
    store.lease_due("crm", Timestamp(i64::MAX), 9, "w").await.unwrap();

    let crashed = folder.as_after_a_crash();
    let after = Embedded::open(&crashed.0).unwrap();
    assert_eq!(after.unrouted(0, 9).await.unwrap().iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(after.counts().await, store.counts().await);
    assert_eq!(after.release_leases(None).await, Ok(2));
    let states = after.deliveries(Filter::default(), 9).await.unwrap().iter().map(|d| d.state).collect::<Vec<_>>();
    assert_eq!(states, [State::Retrying, State::Pending]);
    assert_eq!(accept_one(&after).await, 4, "numbers go on");
}

#[tokio::test]
async fn a_drop_without_close_keeps_what_was_asked_for() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let seq = accept_one(&store).await;
    drop(store);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.unrouted(0, 9).await.unwrap()[0].seq, seq);
}

#[tokio::test]
async fn one_store_is_opened_once() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(Embedded::open(&folder.0).map(|_| ()), Err(StoreError::Locked));
    let clone = store.clone();
    store.close().await.unwrap();
    assert_eq!(clone.accept(request(1)).await, Err(StoreError::Closed));
    assert_eq!(clone.unrouted(0, 1).await, Err(StoreError::Closed));
    assert_eq!(clone.close().await, Err(StoreError::Closed));
    Embedded::open(&folder.0).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_open_to_all_holds_files_that_are_not() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let store = open(&folder.0).unwrap();
    store.accept(request(1)).await.unwrap();
    for file in fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let folder = Folder::new();
    Embedded::open(&folder.0).unwrap().close().await.unwrap();
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(folder.file()).unwrap();
    assert_eq!(Embedded::open(&folder.0).map(|_| ()), Err(StoreError::TooNew { found: 99, known: 7 }));
    assert_eq!(fs::read(folder.file()).unwrap(), before);
    fs::write(folder.file(), "a text that is no database, and long enough to be taken for one".repeat(99)).unwrap();
    assert_eq!(Embedded::open(&folder.0).map(|_| ()), Err(StoreError::Corrupt));
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_is_unavailable() {
    let folder = Folder::new();
    fs::write(&folder.0, "a file").unwrap();
    let result = Embedded::open(&folder.0.join("inside")).map(|_| ());
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    fs::remove_file(&folder.0).unwrap();
}

/// A rule in the file which makes one command fail in the middle.
const POISON: &str = "CREATE TRIGGER poison BEFORE INSERT ON contents WHEN new.request = 'poison'
     BEGIN SELECT raise(ABORT, 'poison'); END";

#[tokio::test]
async fn a_command_that_fails_does_not_spoil_its_batch() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let events = store.accept(request(40)).await.unwrap();
    Connection::open(folder.file()).unwrap().execute_batch(POISON).unwrap();
    // All of them are sent before any is waited for, so they meet in batches.
    let tasks = events.iter().map(|seq| {
        let bad = NewDelivery { request: Ok("poison".to_owned()), ..delivery("crm") };
        let last = if seq % 4 == 0 { bad } else { delivery("crm") };
        let event = routed(*seq, vec![taken("a", Some(&seq.to_string()), vec![delivery("crm"), last])]);
        let store = store.clone();
        (*seq, tokio::spawn(async move { store.route(event).await }))
    });
    for (seq, task) in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(receipt) => assert!(seq % 4 != 0 && receipt.deliveries.len() == 2),
            Err(error) => assert!(seq % 4 == 0 && error == StoreError::Refused, "{error}"),
        }
    }
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.unrouted, counts.deliveries(State::Pending)), (10, 60));
    let waiting = store.unrouted(0, 99).await.unwrap();
    assert!(waiting.iter().all(|event| event.seq % 4 == 0), "what failed left nothing behind");
    Connection::open(folder.file()).unwrap().execute_batch("DROP TRIGGER poison").unwrap();
    let event = routed(waiting[0].seq, vec![taken("a", Some("4"), vec![delivery("crm")])]);
    assert_eq!(store.route(event).await.unwrap().deliveries.len(), 1, "nor its identity");
}

#[tokio::test]
async fn a_queue_that_is_too_long_takes_no_more_events() {
    let folder = Folder::new();
    let store = Embedded::open_with(&folder.0, Options { queue_commands: 0, ..Options::default() }).unwrap();
    assert_eq!(store.accept(request(1)).await, Err(StoreError::Busy));
    assert_eq!(store.release_leases(None).await, Ok(0), "other commands are taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_at_once_are_each_stored_once() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let mut ids = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..2000 {
        let (new, store) = (request(1), store.clone());
        ids.extend(new.ids.clone());
        tasks.push(tokio::spawn(async move { store.accept(new).await.unwrap() }));
    }
    let mut seqs = Vec::new();
    for task in tasks {
        seqs.extend(task.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=2000).collect::<Vec<_>>());
    let mut stored: Vec<_> = store.unrouted(0, 9999).await.unwrap().iter().map(|event| event.id).collect();
    stored.sort_unstable();
    ids.sort_unstable();
    assert_eq!(stored, ids);
    assert_eq!(store.event(ids[1234]).await.unwrap().unwrap().event.id, ids[1234]);
}

#[tokio::test]
async fn an_attempt_counts_once_and_a_dead_letter_stays_dead() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let seq = accept_one(&store).await;
    let sends = vec![delivery("crm"), delivery("crm")];
    store.route(routed(seq, vec![taken("a", None, sends)])).await.unwrap();
    store.record(attempt(1, 1, State::Retrying)).await.unwrap();
    store.record(attempt(1, 1, State::Dead)).await.unwrap();
    assert_eq!(store.deliveries(of(State::Retrying), 9).await.unwrap().len(), 1);

    assert_eq!(store.bury(2, "given up").await.map(|done| done.changed), Ok(true));
    assert_eq!(store.bury(2, "given up").await.map(|done| done.changed), Ok(false));
    store.record(attempt(2, 1, State::Retrying)).await.unwrap();
    let dead = store.deliveries(of(State::Dead), 9).await.unwrap();
    assert_eq!((dead[0].attempts, dead[0].problem.as_deref()), (1, Some("given up")));
    store.record(attempt(2, 2, State::Delivered)).await.unwrap();
    let delivered = store.deliveries(of(State::Delivered), 9).await.unwrap();
    assert_eq!((delivered[0].seq, delivered[0].problem.as_deref()), (2, None));
    assert_eq!(store.record(attempt(77, 1, State::Dead)).await, Err(StoreError::NotFound));
    assert_eq!(store.bury(77, "x").await, Err(StoreError::NotFound));
}

#[tokio::test]
async fn paths_and_the_workspace_are_remembered() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.snapshot().await, Ok(None));
    let files = |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), format!("{n}!"))).collect::<Vec<_>>();
    store.save_snapshot("r1", files(&["z.yaml", "a.yaml"])).await.unwrap();
    store.save_snapshot("r2", files(&["z.yaml", "b.yaml"])).await.unwrap();
    store.remember_paths(vec!["/b".to_owned(), "/a".to_owned()]).await.unwrap();
    store.remember_paths(vec!["/b".to_owned()]).await.unwrap();
    drop(store);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.snapshot().await, Ok(Some(("r2".to_owned(), files(&["z.yaml", "b.yaml"])))));
    assert_eq!(store.known_paths().await.unwrap(), ["/a", "/b"]);
    assert_eq!(store.files_of("r1").await, Ok(Some(files(&["a.yaml", "z.yaml"]))));
    for number in 3..=22 {
        store.save_snapshot(&format!("r{number}"), files(&["a.yaml", &format!("{number}.yaml")])).await.unwrap();
    }
    assert_eq!(store.files_of("r2").await, Ok(None));
    assert_eq!(store.files_of("r3").await, Ok(Some(files(&["3.yaml", "a.yaml"]))));
    // What comes back is the newest again.
    store.save_snapshot("r3", files(&["b.yaml"])).await.unwrap();
    store.save_snapshot("r23", files(&["z.yaml"])).await.unwrap();
    assert_eq!(store.files_of("r3").await, Ok(Some(files(&["b.yaml"]))));
    assert_eq!(store.files_of("r4").await, Ok(None));
}

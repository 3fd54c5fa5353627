//! Looks at the file that hold nothing up, and what a file has that is not as it should be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use rusqlite::StatementStatus;

use super::*;
use crate::store::Reply;
use crate::store::reader::{LOOKS, WAITING};
use crate::store::transaction::Tx;
use crate::store::writer::Command;
use crate::store::{connection, filter, story};

#[tokio::test]
async fn an_id_is_found_without_a_long_look() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let mut new = request(3000);
    let ids = new.ids.clone();
    // One came while the clock stood in the past.
    new.ids[2900] = id_of_long_ago();
    store.accept(new.clone()).await.unwrap();
    assert_eq!(store.event(new.ids[2900]).await.unwrap().unwrap().event.seq, 2901);
    let file = connection::reader(&folder.file()).unwrap();
    assert_eq!(story::seq_of(&file, story::EVENTS, &key::of_id(ids[1500])), Ok(Some(1501)));
    let sql = "SELECT seq FROM events WHERE seq BETWEEN ?1 AND ?2 AND id = ?3";
    let steps = file.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
    assert!((1..50).contains(&steps), "{steps}");
}

#[tokio::test]
async fn the_newest_dead_of_a_route_are_found_without_a_look_at_all() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for seq in store.accept(request(200)).await.unwrap() {
        let route = if seq % 2 == 0 { "a" } else { "b" };
        store.route(routed(seq, vec![taken(route, None, vec![delivery("crm")])])).await.unwrap();
        store.record(attempt(seq, 1, State::Dead)).await.unwrap();
    }
    let filter = Filter { states: vec![State::Dead], route: Some("a".into()), ..Filter::default() };
    let seqs = |found: Vec<StoredDelivery>| found.iter().map(|one| one.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.deliveries(filter.clone(), 3).await.unwrap()), [200, 198, 196]);
    let older = Filter { before_seq: Some(198), ..filter.clone() };
    assert_eq!(seqs(store.deliveries(older, 2).await.unwrap()), [196, 194]);
    let file = connection::reader(&folder.file()).unwrap();
    assert_eq!(filter::newest(&file, &filter, 3, false).unwrap().len(), 3);
    let sql = filter::narrowed(filter::DEAD);
    let steps = file.prepare_cached(&sql).unwrap().get_status(StatementStatus::VmStep);
    assert!((1..400).contains(&steps), "{steps}");
}

fn id_of_long_ago() -> EventId {
    key::to_id([1; 16])
}

/// Looks that go on until they are let go, and what lets them.
fn slow_looks(store: &Embedded, many: usize) -> (Vec<Sender<()>>, Vec<Reply<'_, bool>>) {
    let slow = || {
        let (go_on, wait) = channel::<()>();
        (go_on, store.look(move |_| Ok(wait.recv().is_ok())))
    };
    (0..many).map(|_| slow()).unzip()
}

const MOMENT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn who_looks_holds_up_nobody() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    accept_one(&store).await;
    let (go_on, mut slow) = slow_looks(&store, LOOKS);
    let mut last = slow.pop().unwrap();
    for look in &mut slow {
        assert!(tokio::time::timeout(MOMENT, look).await.is_err());
    }
    assert_eq!(store.recent_events(9).await.unwrap().len(), 1, "a long look does not hold up another");
    assert!(tokio::time::timeout(MOMENT, &mut last).await.is_err());
    let ran = Arc::new(AtomicBool::new(false));
    let noted = ran.clone();
    let mut given_up = store.look(move |_| {
        noted.store(true, Ordering::Relaxed);
        Ok(())
    });
    assert!(tokio::time::timeout(MOMENT, &mut given_up).await.is_err());
    assert_eq!(store.unrouted(0, 9).await.unwrap().len(), 1, "what is under way goes on");
    drop(given_up);
    go_on.iter().for_each(|go_on| go_on.send(()).unwrap());
    slow.push(last);
    for look in slow {
        assert_eq!(look.await, Ok(true));
    }
    assert_eq!(store.recent_events(9).await.unwrap().len(), 1);
    assert!(!ran.load(Ordering::Relaxed), "nobody waited for it");
}

#[tokio::test]
async fn who_looks_when_too_many_do_is_told_so() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    accept_one(&store).await;
    let (go_on, mut slow) = slow_looks(&store, LOOKS + WAITING);
    for look in &mut slow {
        // Each is asked once, so that it looks or waits.
        assert!(tokio::time::timeout(Duration::ZERO, look).await.is_err());
    }
    assert_eq!(store.recent_events(9).await, Err(StoreError::Busy));
    assert_eq!(store.unrouted(0, 9).await.unwrap().len(), 1, "what is under way goes on");
    drop(slow.pop());
    let mut next = store.recent_events(9);
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut next).await.is_err(),
        "one has given up, so that another may wait"
    );
    for go_on in go_on {
        let _ = go_on.send(());
    }
    for look in slow {
        assert_eq!(look.await, Ok(true));
    }
    assert_eq!(next.await.unwrap().len(), 1);
}

struct Defect;

impl Command for Defect {
    type Answer = ();

    fn run(&self, _: &mut Tx<'_>) -> Result<(), StoreError> {
        panic!("a defect")
    }
}

#[tokio::test]
async fn a_store_that_writes_no_more_says_so() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(store.put(Defect).await, Err(StoreError::Closed));
    for _ in 0..200 {
        match store.trouble() {
            Some(_) => break,
            None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
    assert_eq!(store.trouble(), Some(StoreError::Closed));
}

const RETENTION: Retention = kept(Some(Duration::from_secs(60)), Duration::from_secs(60));

#[tokio::test]
async fn calls_that_count_no_more_are_forgotten() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let call = LimitedCall { connection: "crm".into(), operation: "send".into(), limit_keys: vec!["ana".into()] };
    let second = Duration::from_secs(1);
    store.begin_call(call, NOW, NOW.plus(second), second).await.unwrap();
    let kept = || {
        let file = Connection::open(folder.file()).unwrap();
        file.query_row("SELECT count(*) FROM limited_calls", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    store.prune(NOW.plus(second), RETENTION, 9).await.unwrap();
    assert_eq!(kept(), 1, "it counts");
    store.prune(NOW.plus(2 * second), RETENTION, 9).await.unwrap();
    assert_eq!(kept(), 0);
}

#[tokio::test]
async fn what_is_not_as_it_should_be_keeps_nothing_else() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let later = NOW.plus(Duration::from_secs(3600));
    // The second came while the clock stood in 2036; of the third the delivery is missing.
    for at in [NOW, Timestamp(NOW.0 + 315_360_000_000), NOW, NOW] {
        let seq = store.accept(NewEvents { received_at: at, ..request(1) }).await.unwrap()[0];
        store.route(routed(seq, vec![taken("a", None, vec![delivery("crm")])])).await.unwrap();
        store.record(attempt(seq, 1, State::Delivered)).await.unwrap();
    }
    Connection::open(folder.file()).unwrap().execute("DELETE FROM deliveries WHERE seq = 3", []).unwrap();
    for _ in 0..3 {
        store.prune(later, RETENTION, 9).await.unwrap();
    }
    let left: Vec<i64> = store.recent_events(9).await.unwrap().iter().map(|event| event.seq).collect();
    assert_eq!(left, [2]);
}

#[tokio::test]
async fn a_row_that_can_not_be_read_stops_only_itself() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for _ in 0..4 {
        accept_one(&store).await;
    }
    store.route(routed(1, vec![taken("a", None, vec![delivery("crm")])])).await.unwrap();
    let damage = "UPDATE contents SET id = x'00'; UPDATE requests SET headers = '[' WHERE seq IN (2, 3)";
    Connection::open(folder.file()).unwrap().execute_batch(damage).unwrap();
    let waiting = |limit| store.unrouted(0, limit);
    assert_eq!(waiting(9).await.unwrap().iter().map(|event| event.seq).collect::<Vec<_>>(), [4]);
    assert_eq!(waiting(1).await.unwrap().len(), 1, "those before it are no end");
    let failed = |counts: Counts| (counts.failed, counts.unrouted);
    assert_eq!(failed(store.counts().await.unwrap()), (2, 1), "and are seen");
    // Both meet in one batch, or not: either way the event is accepted.
    let (leased, accepted) = tokio::join!(store.lease("crm", 0, 9, "w"), store.accept(request(1)));
    assert_eq!((leased.unwrap().deliveries.len(), accepted, store.trouble()), (0, Ok(vec![5]), None));
    let dead = store.deliveries(of(State::Dead), 9).await.unwrap();
    assert_eq!(dead[0].problem.as_deref(), Some("what the store holds of it can't be read"));
    let story = store.delivery(dead[0].id).await.unwrap().unwrap();
    assert_eq!(
        (story.delivery.seq, story.delivery.state),
        (1, State::Dead),
        "it is found by the id that it is shown with"
    );
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
}

#[tokio::test]
async fn a_store_of_the_third_format_finds_what_failed() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let old = Connection::open(folder.file()).unwrap();
    let [first, second, third, ..] = super::super::migration::STEPS else { panic!("four formats") };
    let event = "INSERT INTO requests VALUES (1, 's', 0, 'POST', '/', '[]', 'null', x'');
         INSERT INTO events VALUES (1, zeroblob(16), 1, 0); INSERT INTO routings VALUES (1, 'r', 0, 0);
         INSERT INTO outcomes VALUES (1, 0, 'a', 'failed', NULL, NULL, '{}', 1, 0, 0);
         UPDATE totals SET last_request = 1, last_event = 1, events = 1, failed = 1;";
    old.execute_batch(&format!("{first} {second} {third} {event} PRAGMA user_version = 3;")).unwrap();
    drop(old);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(store.verify().await.unwrap(), Verified { events: 1, deliveries: 0, problems: vec![] });
    let unmade = ReplayEvents { unmade: true, limit: 9, ..ReplayEvents::default() };
    assert_eq!(store.chosen(unmade).await, Ok(vec![1]));
}

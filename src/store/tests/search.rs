//! Finding events by what was sent, whose it is and what became of it.

use super::*;

fn form(source: &str, at: i64, body: &str) -> NewEvents {
    let new = request(1);
    let raw = RawRequest {
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        ..(*new.raw).clone()
    };
    NewEvents { source: source.into(), received_at: Timestamp(NOW.0 + at), raw: Arc::new(raw), ..new }
}

async fn found(store: &Embedded, filter: EventFilter) -> Vec<i64> {
    let page = store.find_events(filter, 50).await.unwrap();
    assert_eq!((page.next, page.not_searched), (None, 0));
    page.events.iter().map(|story| story.event.seq).collect()
}

fn by_value(value: &str) -> EventFilter {
    EventFilter { value: Some(value.to_owned()), ..EventFilter::default() }
}

/// Three forms and a call; the first form goes through the route `lead`, the call through none.
async fn filled(store: &Embedded) {
    let bodies = [
        ("forms", r#"{"name":"Zoé Souza","email":"Ana@Example.com","phone":"(11) 99999-0000"}"#),
        ("forms", r#"{"name":"Bob","email":"bob@example.com","phone":"+55 11 99999-0001"}"#),
        ("forms", r#"{"name":"Eva","note":"call 5511999990000"}"#),
        ("calls", r#"{"from":"551199999-0000","call_id":"CA81f"}"#),
    ];
    for (place, (source, body)) in (0..).zip(bodies) {
        store.accept(form(source, place * 1000, body)).await.unwrap();
    }
    let outcomes = vec![taken("lead", Some("id-1"), vec![delivery("c2d")])];
    store.route(routed(1, outcomes)).await.unwrap();
    for seq in [2, 3] {
        store.route(routed(seq, vec![failed("lead")])).await.unwrap();
    }
    store.route(routed(4, vec![])).await.unwrap();
}

fn failed(route: &str) -> NewOutcome {
    NewOutcome { route: route.into(), result: NewResult::Failed { problem: "{}".to_owned() } }
}

#[tokio::test]
async fn an_event_is_found_by_what_was_sent() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    assert_eq!(found(&store, by_value("ana@example.com")).await, [1]);
    assert_eq!(found(&store, by_value("+55 11 99999-0000")).await, [4, 3, 1]);
    assert_eq!(found(&store, by_value("11999990000")).await, [4, 3, 1], "also without the country");
    assert_eq!(found(&store, by_value("souza zoe")).await, [1], "words in any order, without accents");
    assert_eq!(found(&store, by_value("ca81F")).await, [4]);
    assert_eq!(found(&store, by_value("example")).await, [2, 1]);
    assert_eq!(found(&store, by_value("***")).await, [0; 0]);
    let both = EventFilter { source: Some("calls".into()), ..by_value("99999-0000") };
    assert_eq!(found(&store, both).await, [4]);
}

#[tokio::test]
async fn an_event_is_found_by_whose_it_is_and_what_became_of_it() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    let all = EventFilter::default();
    assert_eq!(found(&store, all.clone()).await, [4, 3, 2, 1]);
    assert_eq!(found(&store, EventFilter { route: Some("lead".into()), ..all.clone() }).await, [3, 2, 1]);
    assert_eq!(found(&store, EventFilter { lane: Some("lane-1".into()), ..all.clone() }).await, [1]);
    assert_eq!(found(&store, EventFilter { identity: Some("id-1".into()), ..all.clone() }).await, [1]);
    assert_eq!(found(&store, EventFilter { connection: Some("c2d".into()), ..all.clone() }).await, [1]);
    let became = |became: Became| EventFilter { became: vec![became], ..EventFilter::default() };
    assert_eq!(found(&store, became(Became::Failed)).await, [3, 2]);
    assert_eq!(found(&store, became(Became::Unmatched)).await, [4]);
    assert_eq!(found(&store, became(Became::Delivery(State::Pending))).await, [1]);
    assert_eq!(found(&store, became(Became::Delivery(State::Dead))).await, [0; 0]);
    let until = Some(Timestamp(NOW.0 + 3000));
    let since = Some(Timestamp(NOW.0 + 1000));
    assert_eq!(found(&store, EventFilter { since, until, ..all }).await, [3, 2]);
}

#[tokio::test]
async fn a_few_last_digits_find_a_number() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    assert_eq!(found(&store, by_value("0001")).await, [2]);
    assert_eq!(found(&store, by_value("999-0000")).await, [4, 3, 1]);
    assert_eq!(found(&store, by_value("0055 11 99999 0001")).await, [2]);
    assert_eq!(found(&store, by_value("99999-0009")).await, [0; 0]);
}

/// No route has seen the events, so that none is in the index.
#[tokio::test]
async fn what_the_index_does_not_know_is_found_all_the_same() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for place in 0..300 {
        let body = format!(r#"{{"name":"Zoé {place}","group":"g{}"}}"#, place % 2);
        store.accept(form("forms", place, &body)).await.unwrap();
    }
    assert_eq!(found(&store, by_value("zoe 17")).await, [18]);
    let page = store.find_events(by_value("g1"), 20).await.unwrap();
    assert_eq!((page.events[0].event.seq, page.next, page.not_searched), (300, Some(262), 261));
    let rest = EventFilter { before: page.next, ..by_value("g1") };
    assert_eq!(store.find_events(rest, 500).await.unwrap().events.len(), 130);
    assert_eq!(found(&store, EventFilter { became: vec![Became::Unrouted], ..by_value("zoe 5") }).await, [6]);
}

#[tokio::test]
async fn an_index_that_is_damaged_is_made_again() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    assert_eq!(found(&store, by_value("bob")).await, [2]);
    drop(store);
    let index = folder.0.join("jackfield.search.db");
    let mut bytes = fs::read(&index).unwrap();
    let end = bytes.len();
    bytes[8192..end].fill(0xa5);
    fs::write(&index, bytes).unwrap();
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(found(&store, by_value("bob")).await, [2], "it is looked through");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.find_events(by_value("bob"), 1).await.unwrap();
        let is_known = rusqlite::Connection::open(&index)
            .and_then(|index| index.query_row("SELECT upto FROM place", [], |row| row.get::<_, i64>(0)));
        if is_known == Ok(4) {
            return;
        }
    }
    panic!("it was not made again");
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    let first = store.find_events(by_value("example"), 1).await.unwrap();
    assert_eq!((first.events[0].event.seq, first.next), (2, Some(2)));
    let rest = EventFilter { before: first.next, ..by_value("example") };
    assert_eq!(found(&store, rest).await, [1]);
}

#[tokio::test]
async fn what_goes_through_other_routes_later_is_found_by_these() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    let other = EventFilter { route: Some("other".into()), ..EventFilter::default() };
    assert_eq!(found(&store, other.clone()).await, [0; 0]);
    store.replay_events(ReplayEvents { unmatched: true, limit: 9, ..ReplayEvents::default() }).await.unwrap();
    let outcomes = vec![taken("other", None, vec![delivery("c2d")])];
    store.route(routed(4, outcomes)).await.unwrap();
    assert_eq!(found(&store, other.clone()).await, [4]);
    assert_eq!(found(&store, EventFilter { became: vec![Became::Unmatched], ..EventFilter::default() }).await, [0; 0]);
    drop(store);
    // A file that is lost is made again, and so is one that is of another store.
    let index = folder.0.join("jackfield.search.db");
    fs::write(&index, b"no such file").unwrap();
    let stopped = Embedded::open_to_read(&folder.0).unwrap();
    assert_eq!(found(&stopped, other.clone()).await, [4]);
    drop(stopped);
    let another = Folder::new();
    drop(Embedded::open(&another.0).unwrap());
    fs::copy(&index, another.0.join("jackfield.search.db")).unwrap();
    let store = Embedded::open(&another.0).unwrap();
    assert_eq!(found(&store, other).await, [0; 0]);
}

#[tokio::test]
async fn the_words_of_what_is_forgotten_by_its_age_go_with_it() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    store.accept(form("forms", 0, r#"{"name":"Quintana"}"#)).await.unwrap();
    store.accept(form("forms", 9_000, r#"{"name":"Xavier"}"#)).await.unwrap();
    for seq in [1, 2] {
        store.route(routed(seq, vec![])).await.unwrap();
    }
    assert_eq!(found(&store, by_value("quintana")).await, [1]);
    let retention = kept(Some(Duration::from_secs(5)), Duration::from_secs(5));
    assert_eq!(store.prune(Timestamp(NOW.0 + 10_000), retention, 9).await.unwrap().events, 1);
    drop(store);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(found(&store, by_value("xavier")).await, [2]);
    drop(store);
    let index = fs::read(folder.0.join("jackfield.search.db")).unwrap();
    assert!(!index.windows(8).any(|part| part == b"quintana"));
    assert!(index.windows(6).any(|part| part == b"xavier"));
    let rights = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(folder.0.join("jackfield.search.db")).unwrap().permissions(),
    );
    assert_eq!(rights & 0o777, 0o600);
}

/// How long the files of a store are, and those of its search.
fn lengths(folder: &Folder) -> [u64; 2] {
    ["jackfield.db", "jackfield.search.db"].map(|file| fs::metadata(folder.0.join(file)).unwrap().len())
}

#[tokio::test]
async fn what_the_search_knows_counts_and_goes_with_its_events() {
    const SIZE: u64 = 1 << 20;
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    for number in 0..300_u64 {
        let words: Vec<String> =
            (0..200_u64).map(|word| format!("w{:x}", (number * 200 + word) * 0x9E37_79B9)).collect();
        store.accept(form("forms", 0, &format!("{{\"text\":\"{}\"}}", words.join(" ")))).await.unwrap();
        store.route(routed(i64::try_from(number).unwrap() + 1, vec![])).await.unwrap();
    }
    store.catch_up_whole().await;
    // At the next start it is known how large the index is.
    drop(store);
    let store = Embedded::open(&folder.0).unwrap();
    assert_eq!(found(&store, by_value("w0")).await, [1]);
    while store.inner.shared.search.bytes_of(1) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let [_, before] = lengths(&folder);
    assert!(before > SIZE, "{before} bytes");
    let retention = Retention {
        age: None,
        size: Some(SIZE),
        routes: Default::default(),
        sizes: Default::default(),
        identity_window: Duration::ZERO,
    };
    while store.prune(NOW, retention.clone(), 10).await.unwrap().more {}
    let left = store.counts().await.unwrap().events;
    assert!((20..200).contains(&left), "{left} are left");
    let begun = std::time::Instant::now();
    let after = loop {
        let after = lengths(&folder);
        if after[1] < before / 2 || begun.elapsed() > Duration::from_secs(60) {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(after.iter().sum::<u64>() < SIZE * 3 / 2, "{after:?} of {before}");
    assert_eq!(found(&store, by_value("w0")).await, [0; 0]);
}

//! Erasing a person: from every table and every file, and nobody else.

use rusqlite::Connection;

use super::*;

fn form(at: i64, body: &str, parts: usize) -> NewEvents {
    let new = request(parts);
    let raw = RawRequest {
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        ..(*new.raw).clone()
    };
    NewEvents { received_at: Timestamp(NOW.0 + at), raw: Arc::new(raw), ..new }
}

fn by_value(value: &str, dry_run: bool) -> Erase {
    Erase { value: Some(value.to_owned()), at: NOW, dry_run, ..Erase::default() }
}

fn made(id: &str, lane: &str, request: &str) -> Vec<NewOutcome> {
    let deliveries = vec![NewDelivery { request: Ok(request.to_owned()), ..delivery("crm") }];
    let result = NewResult::Taken { identity: Some(id.to_owned()), lane: Some(lane.to_owned()), deliveries };
    vec![NewOutcome { route: "lead".into(), result }]
}

/// Two events of Quintana, one of them in two parts, with a call and a step; one of another person with an answer that tells of
/// Quintana; and one of Bob's.
async fn filled(store: &Embedded) {
    let quintana = r#"{"name":"Quintana","phone":"+55 11 97777-1234"}"#;
    store.accept(form(0, quintana, 1)).await.unwrap();
    store.accept(form(1, r#"{"name":"Bob","phone":"+55 11 98888-0000"}"#, 1)).await.unwrap();
    store.accept(form(2, r#"[{"from":"11977771234"},{"from":"Carol"}]"#, 2)).await.unwrap();
    store.accept(form(3, r#"{"contact":4711}"#, 1)).await.unwrap();
    store.accept(form(4, r#"{"phone":"11 97777 1234"}"#, 1)).await.unwrap();
    store.route(routed(1, made("one", "5511977771234", r#"{"to":"5511977771234"}"#))).await.unwrap();
    store.route(routed(2, made("two", "bob", r#"{"to":"bob"}"#))).await.unwrap();
    store.route(routed(3, made("three", "5511977771234", r#"{"to":"5511977771234"}"#))).await.unwrap();
    store.route(routed(4, vec![])).await.unwrap();
    store.route(routed(5, made("five", "4711", r#"{"to":4711}"#))).await.unwrap();
    let mut known = attempt(1, 1, State::Leased);
    known.saved = Some(r#"{"contact":"Quintana-7"}"#.to_owned());
    known.remember = vec![Remember { key: "a key".to_owned(), until: Timestamp(i64::MAX) }];
    store.record(known).await.unwrap();
    store.remember("other", r#"{"contact":"bob"}"#, Timestamp(i64::MAX)).await.unwrap();
    let mut told = attempt(4, 1, State::Delivered);
    told.answer = br#"{"of":"+55 (11) 97777-1234"}"#.to_vec();
    store.record(told).await.unwrap();
    let leased = store.lease("crm", 0, 1, "w").await.unwrap();
    assert_eq!(leased.deliveries[0].seq, 1);
}

#[tokio::test]
async fn a_person_is_erased_from_every_file() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    let counted = Erased { events: 5, deliveries: 3, pending: 2, under_way: 0, remembered: 1 };
    assert_eq!(store.erase(by_value("+55 11 97777-1234", true)).await, Ok(counted));
    assert_eq!(store.counts().await.unwrap().events, 6, "it was only counted");
    let erased = store.erase(by_value("+55 11 97777-1234", false)).await.unwrap();
    assert_eq!(erased, Erased { under_way: 1, ..counted });
    assert_eq!(store.verify().await.unwrap(), Verified { events: 1, deliveries: 1, problems: vec![] });
    assert_eq!(store.recent_events(9).await.unwrap()[0].seq, 2);
    let known = store.claim("a key", "w", Timestamp(i64::MAX), NOW).await.unwrap();
    assert_eq!(known, Claim::Mine);
    let other = store.claim("other", "w", Timestamp(i64::MAX), NOW).await.unwrap();
    assert_eq!(other, Claim::Known(r#"{"contact":"bob"}"#.to_owned()));
    assert_eq!(store.erase(by_value("+55 11 97777-1234", false)).await, Ok(Erased::default()));

    // What was under way goes on to its end, and finds nothing.
    assert_eq!(store.record(attempt(1, 2, State::Delivered)).await, Err(StoreError::NotFound));
    assert_eq!(store.postpone(vec![1], NOW).await, Ok(0));
    // The same identity is not new.
    store.accept(form(9, "{}", 1)).await.unwrap();
    let again = store.route(routed(7, made("one", "lane", "{}"))).await.unwrap();
    assert_eq!(again.duplicates.len(), 1);
    let bob = EventFilter { value: Some("bob".to_owned()), ..EventFilter::default() };
    assert_eq!(store.find_events(bob, 9).await.unwrap().events.len(), 1);
    store
        .erase(Erase { events: vec![store.recent_events(1).await.unwrap()[0].id], at: NOW, ..Erase::default() })
        .await
        .unwrap();

    for file in fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        for told in ["Quintana", "quintana", "97777", "77779", "Carol", "carol"] {
            let is_there = bytes.windows(told.len()).any(|part| part == told.as_bytes());
            assert!(!is_there, "{told} in {}", file.display());
        }
    }
    store.close().await.unwrap();
    let file = Connection::open(folder.file()).unwrap();
    let noted: Vec<(i64, i64)> = file
        .prepare("SELECT events, withdrawn FROM erasures ORDER BY number")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(noted, [(5, 2), (0, 0), (1, 0)]);
}

#[tokio::test]
async fn what_is_too_long_to_be_known_whole_is_erased_too() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let long = format!(r#"{{"text":"{}","mail":"ana@example.com"}}"#, "word ".repeat(20_000));
    store.accept(form(0, &long, 1)).await.unwrap();
    store.accept(form(1, &long.replace("ana@", "bob@"), 1)).await.unwrap();
    for seq in [1, 2] {
        store.route(routed(seq, vec![])).await.unwrap();
    }
    assert_eq!(store.erase(by_value("Ana@example.com", false)).await.unwrap().events, 1);
    assert_eq!(store.recent_events(9).await.unwrap()[0].seq, 2);
}

#[tokio::test]
async fn a_store_of_the_fifth_format_can_erase() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let old = Connection::open(folder.file()).unwrap();
    let [first, second, third, fourth, fifth, ..] = crate::store::migration::STEPS else { panic!("six formats") };
    old.execute_batch(&format!("{first} {second} {third} {fourth} {fifth} PRAGMA user_version = 5;")).unwrap();
    drop(old);
    let store = Embedded::open(&folder.0).unwrap();
    filled(&store).await;
    assert_eq!(store.erase(by_value("11 97777-1234", false)).await.unwrap().events, 5);
    assert_eq!(store.verify().await.unwrap().problems, [""; 0]);
}

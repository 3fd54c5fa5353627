//! Random verbs, restarts and time against two engines: what one answers, the other answers.

use std::time::Duration;

use proptest::prelude::*;

use super::memory::Memory;
use super::*;
use crate::store::key;

/// An outcome: its identity, its lane and its deliveries, good or not; none for a route that failed.
type Given = Option<(Option<u8>, Option<u8>, Vec<bool>)>;

#[derive(Clone, Debug)]
enum Step {
    Accept(usize),
    Route(i64, Vec<Given>),
    Lease(i64, usize, bool),
    LeaseLane(u8, usize),
    LeaseDue(usize),
    LeaseFreed(i64),
    Park(i64),
    Postpone(i64, i64),
    Record(i64, u32, u32, State, bool),
    Note(i64, u32),
    Skip(i64),
    Hold(i64),
    Bury(i64),
    Dismiss,
    DismissEvents,
    Hasten(i64),
    Ahead(i64),
    Undo(i64, u8),
    Free,
    Release(Option<bool>),
    Claim(u8, bool, i64),
    Remember(u8, i64),
    GiveUp(u8, bool, bool),
    Begin(i64, u32, u8),
    CallOff(i64),
    Because(i64, i64),
    Replay(Option<i64>, bool),
    ReplayEvents(bool, bool, Option<u8>),
    Prune,
    Erase(i64, bool),
    Find(Option<u8>, bool),
    Wait(i64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let sends = prop::collection::vec(prop::bool::weighted(0.9), 0..4);
    let outcome = prop::option::weighted(0.9, (prop::option::of(0..4_u8), prop::option::weighted(0.8, 0..3_u8), sends));
    let next = prop::sample::select(vec![
        State::Retrying,
        State::Retrying,
        State::Delivered,
        State::Accepted,
        State::Dead,
        State::Held,
        State::Leased,
    ]);
    let seq = || 1..12_i64;
    prop_oneof![
        4 => (1..3_usize).prop_map(Step::Accept),
        8 => (1..9_i64, prop::collection::vec(outcome, 0..3)).prop_map(|(seq, outcomes)| Step::Route(seq, outcomes)),
        6 => (0..4_i64, 0..6_usize, any::<bool>()).prop_map(|(after, limit, owner)| Step::Lease(after, limit, owner)),
        3 => (0..3_u8, 1..4_usize).prop_map(|(lane, limit)| Step::LeaseLane(lane, limit)),
        4 => (0..4_usize).prop_map(Step::LeaseDue),
        3 => (0..12_i64).prop_map(Step::LeaseFreed),
        4 => seq().prop_map(Step::Park),
        4 => (seq(), 0..3000_i64).prop_map(|(seq, wait)| Step::Postpone(seq, wait)),
        9 => (seq(), 1..5_u32, 0..3_u32, next, any::<bool>())
            .prop_map(|(seq, number, step, state, saved)| Step::Record(seq, number, step, state, saved)),
        1 => (seq(), 0..3_u32).prop_map(|(seq, step)| Step::Note(seq, step)),
        1 => seq().prop_map(Step::Skip),
        1 => seq().prop_map(Step::Hold),
        1 => seq().prop_map(Step::Bury),
        1 => Just(Step::Dismiss),
        1 => Just(Step::DismissEvents),
        1 => (0..3000_i64).prop_map(Step::Hasten),
        1 => seq().prop_map(Step::Ahead),
        1 => (seq(), 0..3_u8).prop_map(|(seq, key)| Step::Undo(seq, key)),
        1 => Just(Step::Free),
        1 => prop::option::of(any::<bool>()).prop_map(Step::Release),
        2 => (0..3_u8, any::<bool>(), 1..5000_i64).prop_map(|(key, owner, wait)| Step::Claim(key, owner, wait)),
        1 => (0..3_u8, 1..5000_i64).prop_map(|(key, wait)| Step::Remember(key, wait)),
        1 => (0..3_u8, any::<bool>(), any::<bool>()).prop_map(|(key, owner, doubt)| Step::GiveUp(key, owner, doubt)),
        2 => (seq(), 1..5_u32, 0..3_u8).prop_map(|(seq, number, key)| Step::Begin(seq, number, key)),
        1 => seq().prop_map(Step::CallOff),
        1 => (seq(), 0..3000_i64).prop_map(|(seq, wait)| Step::Because(seq, wait)),
        2 => (prop::option::of(seq()), any::<bool>()).prop_map(|(seq, steps)| Step::Replay(seq, steps)),
        2 => (any::<bool>(), any::<bool>(), prop::option::of(0..3_u8))
            .prop_map(|(failed, unmatched, route)| Step::ReplayEvents(failed, unmatched, route)),
        2 => Just(Step::Prune),
        1 => (1..9_i64, any::<bool>()).prop_map(|(seq, dry_run)| Step::Erase(seq, dry_run)),
        1 => (prop::option::of(0..3_u8), any::<bool>()).prop_map(|(lane, open)| Step::Find(lane, open)),
        3 => (1..4000_i64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

const RETENTION: Retention = kept(Some(Duration::from_millis(2500)), Duration::from_millis(4000));

/// What one route took is kept for a shorter time, and what another took for longer.
fn retention() -> Retention {
    let routes = [("0", 1000), ("1", 4000)].map(|(route, age)| (Arc::from(route), Duration::from_millis(age)));
    Retention { routes: BTreeMap::from(routes), ..RETENTION }
}

fn owner(one: bool) -> &'static str {
    if one { "one" } else { "other" }
}

/// Ids that an engine makes itself are not compared.
fn plain(delivery: StoredDelivery) -> StoredDelivery {
    StoredDelivery { id: key::to_id([0; 16]), ..delivery }
}

fn all(deliveries: Vec<StoredDelivery>) -> Vec<StoredDelivery> {
    deliveries.into_iter().map(plain).collect()
}

fn plain_story(mut story: EventStory) -> EventStory {
    for story in story.outcomes.iter_mut().flat_map(|outcome| &mut outcome.deliveries) {
        story.delivery = plain(story.delivery.clone());
        story.replayed_as = story.replayed_as.iter().map(|_| story.delivery.id).collect();
    }
    story
}

async fn id_of(store: &dyn Store, seq: i64) -> Option<DeliveryId> {
    let found = store.deliveries(Filter { before_seq: Some(seq + 1), ..Filter::default() }, 1).await.unwrap();
    found.first().filter(|delivery| delivery.seq == seq).map(|delivery| delivery.id)
}

/// What an engine answers, as text. The events and deliveries that come in are made before, the same for all.
async fn apply(store: &dyn Store, step: &Step, now: Timestamp, new: &(NewEvents, Vec<NewOutcome>)) -> String {
    let until = now.plus(Duration::from_millis(3000));
    match step {
        Step::Accept(_) => format!("{:?}", store.accept(new.0.clone()).await),
        Step::Route(seq, _) => {
            let identity_since = crate::store::prune::before(now, RETENTION.identity_window);
            let routed = RoutedEvent {
                event_seq: *seq,
                revision: "r1".into(),
                at: now,
                outcomes: new.1.clone(),
                identity_since,
            };
            format!("{:?}", store.route(routed).await)
        }
        Step::Lease(after, limit, one) => {
            let leased = store.lease("crm", *after, *limit, owner(*one)).await.unwrap();
            format!("{:?}", (all(leased.deliveries), leased.upto, leased.more))
        }
        Step::LeaseLane(lane, limit) => {
            format!("{:?}", all(store.lease_lane("crm", &lane.to_string(), *limit, "one").await.unwrap()))
        }
        Step::LeaseDue(limit) => {
            let due = store.lease_due("crm", now, *limit, "one").await.unwrap();
            format!("{:?}", (all(due.deliveries), due.next))
        }
        Step::LeaseFreed(upto) => {
            format!("{:?}", all(store.lease_freed("crm", *upto, 99, "one").await.unwrap()))
        }
        Step::Park(seq) => format!("{:?}", store.park(vec![*seq]).await),
        Step::Postpone(seq, wait) => format!("{:?}", store.postpone(vec![*seq], Timestamp(now.0 + wait)).await),
        Step::Record(seq, number, step, state, saved) => {
            let mut record = attempt(*seq, *number, *state);
            (record.started_at, record.step, record.counts) = (now, *step, *state != State::Leased);
            record.next.due = record.next.due.map(|_| Timestamp(now.0 + 1000));
            record.saved = saved.then(|| format!("{{\"id\":{number}}}"));
            record.remember = vec![Remember { key: step.to_string(), until }];
            record.held_key = Some(step.to_string());
            (record.begun, record.doubtful) = (number % 2 == 0, *saved);
            format!("{:?}", store.record(record).await)
        }
        Step::Note(seq, step) => format!("{:?}", store.note_step(*seq, *step, "{}", now).await),
        Step::Skip(seq) => format!("{:?}", store.skip(*seq).await),
        Step::Hold(seq) => format!("{:?}", store.hold(*seq, "unknown").await),
        Step::Bury(seq) => format!("{:?}", store.bury(*seq, "reason").await),
        Step::Dismiss => format!("{:?}", store.dismiss(Filter::default(), 1, "not wanted").await),
        Step::Ahead(seq) => format!("{:?}", store.ahead("crm", *seq).await),
        Step::Undo(seq, key) => {
            let remembered = vec![(key.to_string(), "7".to_owned()), (key.to_string(), "{\"id\":1}".to_owned())];
            format!("{:?}", store.undo(*seq, 1, remembered).await)
        }
        Step::DismissEvents => {
            let meant = ReplayEvents { unmade: true, limit: 1, ..ReplayEvents::default() };
            format!("{:?}", store.dismiss_events(meant, "not wanted").await)
        }
        Step::Hasten(wait) => {
            let at = now.plus(Duration::from_millis(u64::try_from(*wait).unwrap()));
            format!("{:?}", store.hasten(Filter::default(), 2, at).await)
        }
        Step::Erase(seq, dry_run) => {
            let events = store.briefs(vec![*seq]).await.unwrap().iter().map(|story| story.event.id).collect();
            format!("{:?}", store.erase(Erase { value: None, events, at: now, dry_run: *dry_run }).await)
        }
        Step::Find(lane, open) => {
            let became = if *open { vec![Became::Delivery(State::Pending), Became::Failed] } else { Vec::new() };
            let filter = EventFilter { lane: lane.map(|lane| lane.to_string()), became, ..EventFilter::default() };
            let page = store.find_events(filter, 3).await.unwrap();
            format!("{:?}", (page.events.into_iter().map(plain_story).collect::<Vec<_>>(), page.next))
        }
        Step::Free => format!("{:?}", store.release_held(Filter::default(), 2, now).await),
        Step::Release(one) => format!("{:?}", store.release_leases(one.map(owner)).await),
        Step::Claim(key, one, wait) => {
            let claim = store.claim(&key.to_string(), owner(*one), Timestamp(now.0 + wait), now).await.unwrap();
            match claim {
                Claim::Held(_) => "held".to_owned(),
                claim => format!("{claim:?}"),
            }
        }
        Step::Remember(key, wait) => {
            format!("{:?}", store.remember(&key.to_string(), "7", Timestamp(now.0 + wait)).await)
        }
        Step::GiveUp(key, one, doubt) => {
            format!("{:?}", store.release_claim(&key.to_string(), owner(*one), *doubt).await)
        }
        Step::Begin(delivery_seq, number, key) => {
            let key = (*key > 0).then(|| key.to_string());
            let call = UnsureCall { delivery_seq: *delivery_seq, number: *number, step: 1, at: now, key };
            format!("{:?}", store.begin_unsure(call).await)
        }
        Step::CallOff(seq) => format!("{:?}", store.call_off(*seq, None).await),
        Step::Because(seq, wait) => {
            format!("{:?}", store.postpone_because(*seq, Timestamp(now.0 + wait), "a reason").await)
        }
        Step::Replay(seq, with_steps) => {
            let ids = match seq {
                Some(seq) => Some(id_of(store, *seq).await.into_iter().collect()),
                None => None,
            };
            let filter = Filter { ids, route: Some("0".into()), ..Filter::default() };
            let replayed = store.replay(Replay { filter, limit: 99, with_steps: *with_steps, at: now }).await.unwrap();
            format!("{:?}", replayed.into_iter().map(|replayed| replayed.connection).collect::<Vec<_>>())
        }
        Step::ReplayEvents(failed, unmatched, route) => {
            let route = route.map(|route| route.to_string().into());
            let asked =
                ReplayEvents { failed: *failed, unmatched: *unmatched, route, limit: 2, ..ReplayEvents::default() };
            format!("{:?}", store.replay_events(asked).await)
        }
        Step::Prune => {
            let pruned = store.prune(now, retention(), 99).await.unwrap();
            format!("{:?}", (pruned.events, pruned.deliveries))
        }
        Step::Wait(_) | Step::Reopen => String::new(),
    }
}

/// All that can be seen of a store.
async fn seen(store: &dyn Store) -> String {
    let mut stories = Vec::new();
    for event in store.recent_events(999).await.unwrap() {
        stories.push(plain_story(store.event(event.id).await.unwrap().unwrap()));
    }
    let mut lists = vec![all(store.deliveries(Filter::default(), 999).await.unwrap())];
    for state in State::ALL {
        lists.push(all(store.deliveries(of(state), 999).await.unwrap()));
    }
    lists.push(all(store
        .deliveries(Filter { states: vec![State::Dead, State::Held], ..Filter::default() }, 2)
        .await
        .unwrap()));
    let unrouted = store.unrouted(0, 999).await.unwrap();
    format!(
        "{:#?}",
        (stories, lists, unrouted, store.open_connections().await, store.backlog().await, store.verify().await)
    )
}

fn outcomes(given: &[Given]) -> Vec<NewOutcome> {
    let send = |good: &bool| match good {
        true => delivery("crm"),
        false => NewDelivery { request: Err("{}".to_owned()), ..delivery("crm") },
    };
    let outcome = |(route, given): (usize, &Given)| match given {
        None => NewOutcome { route: route.to_string().into(), result: NewResult::Failed { problem: "{}".to_owned() } },
        Some((identity, lane, sends)) => {
            let (identity, lane) = (identity.map(|it| it.to_string()), lane.map(|lane| lane.to_string()));
            let result = NewResult::Taken { identity, lane, deliveries: sends.iter().map(send).collect() };
            NewOutcome { route: route.to_string().into(), result }
        }
    };
    given.iter().enumerate().map(outcome).collect()
}

/// Some deliveries in few lanes are there before, and most of them leased, so that more happens to them.
fn prelude() -> Vec<Step> {
    let two = |lane| vec![Some((None, Some(lane), vec![true, true]))];
    let mut steps = vec![Step::Accept(2), Step::Accept(2), Step::Accept(2)];
    steps.extend((1..5_i64).zip([0, 1, 0, 0]).map(|(seq, lane)| Step::Route(seq, two(lane))));
    steps.push(Step::Lease(0, 6, true));
    steps
}

async fn run(steps: Vec<Step>) {
    let folder = Folder::new();
    let mut store = Embedded::open(&folder.0).unwrap();
    let model = Memory::default();
    let mut now = NOW;
    for step in prelude().into_iter().chain(steps) {
        let new = match &step {
            Step::Accept(parts) => (NewEvents { received_at: now, ..request(*parts) }, Vec::new()),
            Step::Route(_, given) => (request(0), outcomes(given)),
            _ => (request(0), Vec::new()),
        };
        match step {
            Step::Wait(wait) => now = Timestamp(now.0 + wait),
            Step::Reopen => {
                drop(store);
                store = Embedded::open(&folder.0).unwrap();
            }
            _ => {}
        }
        let (answered, expected) = (apply(&store, &step, now, &new).await, apply(&model, &step, now, &new).await);
        assert_eq!(answered, expected, "{step:?}");
        assert_eq!(store.counts().await, model.counts().await, "{step:?}");
        assert_eq!(store.kept(1000).await, model.kept(1000).await, "{step:?}");
    }
    let (file, expected) = (seen(&store).await, seen(&model).await);
    assert!(file == expected, "{file}\n--- but the model says\n{expected}");
    store.close().await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_answers_as_the_model(steps in prop::collection::vec(step(), 1..80)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(steps));
    }
}

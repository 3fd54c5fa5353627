//! What every engine promises beyond the way of a plain event, told as stories and tried on each.

use std::time::Duration;

use super::memory::Memory;
use super::*;
use crate::secret::Secret;

/// Tries a story on every engine.
macro_rules! on_every_engine {
    ($($story:ident)*) => {$(
        #[tokio::test]
        async fn $story() {
            let folder = Folder::new();
            stories::$story(&Embedded::open(&folder.0).unwrap()).await;
            stories::$story(&Memory::default()).await;
        }
    )*};
}

on_every_engine! {
    a_retry_holds_its_own_lane_and_no_other
    what_is_left_in_a_lane_is_found
    leases_have_an_owner
    a_call_counts_until_its_window_is_over
    what_is_given_back_comes_when_it_is_due
    a_step_that_is_done_is_done
    what_is_held_keeps_its_key
    a_call_of_which_nobody_knows_is_held
    a_call_that_is_called_off_counts_nothing
    what_waits_for_something_says_so_until_it_goes_on
    a_key_is_found_out_by_one
    what_is_held_waits_for_a_person
    a_step_is_undone_with_what_it_remembered
    those_ahead_are_counted
    deliveries_are_sent_again
    what_nobody_knows_is_left_out
    what_would_wait_is_due_when_a_person_says_so
    what_died_again_is_found
    what_a_wrong_clock_put_off_is_due
    events_go_through_the_routes_again
    tokens_are_kept
}

/// Deliveries to `crm`, each with the lane given, of one event each.
async fn deliveries(store: &dyn Store, lanes: &[Option<&str>]) {
    for lane in lanes {
        let seq = store.accept(request(1)).await.unwrap()[0];
        let deliveries = vec![delivery("crm")];
        let result = NewResult::Taken { identity: None, lane: lane.map(str::to_owned), deliveries };
        store.route(routed(seq, vec![NewOutcome { route: "a".into(), result }])).await.unwrap();
    }
}

fn seqs(deliveries: &[StoredDelivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.seq).collect()
}

fn in_ms(wait: i64) -> Timestamp {
    Timestamp(NOW.0 + wait)
}

mod stories {
    use super::*;

    pub async fn a_retry_holds_its_own_lane_and_no_other(store: &dyn Store) {
        deliveries(store, &[Some("a"), Some("b"), Some("a"), None]).await;
        let leased = store.lease("crm", 0, 2, "w").await.unwrap();
        assert_eq!((seqs(&leased.deliveries), leased.upto, leased.more), (vec![1, 2], 2, true));
        assert_eq!(
            store.record(attempt(1, 1, State::Retrying)).await.unwrap(),
            Changed { changed: true, parked: false }
        );
        let leased = store.lease("crm", 2, 9, "w").await.unwrap();
        assert_eq!((seqs(&leased.deliveries), leased.upto, leased.more), (vec![4], 4, false));
        assert_eq!((store.counts().await.unwrap().parked, store.counts().await.unwrap().later), (1, 1));
        assert!(store.lease_lane("crm", "a", 9, "w").await.unwrap().is_empty(), "its head is due later");
        assert!(store.lease_freed("crm", 9, 9, "w").await.unwrap().is_empty());
        let due = store.lease_due("crm", in_ms(5000), 9, "w").await.unwrap();
        assert_eq!((seqs(&due.deliveries), due.next), (vec![1], None));
        assert!(store.record(attempt(1, 2, State::Dead)).await.unwrap().parked);
        assert!(!store.record(attempt(2, 1, State::Delivered)).await.unwrap().parked);
        assert_eq!(seqs(&store.lease_lane("crm", "a", 9, "w").await.unwrap()), [3]);
        assert!(!store.record(attempt(3, 1, State::Delivered)).await.unwrap().parked);
    }

    pub async fn what_is_left_in_a_lane_is_found(store: &dyn Store) {
        deliveries(store, &[Some("a"), Some("a"), Some("b"), Some("b")]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        assert_eq!(store.park(vec![2, 4]).await, Ok(2));
        assert_eq!(store.park(vec![2]).await, Ok(0), "it is parked");
        store.record(attempt(1, 1, State::Delivered)).await.unwrap();
        assert!(store.lease_freed("crm", 1, 9, "w").await.unwrap().is_empty(), "the cursor is not there");
        assert_eq!(seqs(&store.lease_freed("crm", 4, 9, "w").await.unwrap()), [2], "3 is before 4");
        deliveries(store, &[Some("b")]).await;
        let leased = store.lease("crm", 4, 9, "w").await.unwrap();
        assert_eq!(seqs(&leased.deliveries), [0; 0], "4 is parked before it");
        store.skip(3).await.unwrap();
        assert_eq!(seqs(&store.lease_lane("crm", "b", 1, "w").await.unwrap()), [4]);
        assert_eq!(seqs(&store.lease_lane("crm", "b", 1, "w").await.unwrap()), [5]);
    }

    pub async fn leases_have_an_owner(store: &dyn Store) {
        deliveries(store, &[None, None, None]).await;
        store.lease("crm", 0, 1, "one").await.unwrap();
        store.lease("crm", 0, 1, "two").await.unwrap();
        assert_eq!(seqs(&store.lease("crm", 2, 9, "one").await.unwrap().deliveries), [3]);
        assert_eq!(store.release_leases(Some("two")).await, Ok(1));
        assert_eq!(seqs(&store.lease("crm", 0, 9, "one").await.unwrap().deliveries), [2]);
        assert_eq!(store.release_leases(None).await, Ok(3));
        assert_eq!(seqs(&store.lease("crm", 0, 9, "one").await.unwrap().deliveries), [1, 2, 3]);
        store.postpone(vec![3], in_ms(5)).await.unwrap();
        assert_eq!(store.release_leases(None).await, Ok(2));
        assert_eq!(seqs(&store.lease_due("crm", in_ms(5), 9, "one").await.unwrap().deliveries), [3]);
        assert_eq!(store.release_leases(Some("one")).await, Ok(1), "one that no cursor came by");
    }

    pub async fn a_call_counts_until_its_window_is_over(store: &dyn Store) {
        let call = |operation: &str| LimitedCall {
            connection: "crm".into(),
            operation: operation.into(),
            limit_keys: vec!["7".into(), "\"é".into()],
        };
        let window = Duration::from_millis(100);
        let first = store.begin_call(call("first"), NOW, in_ms(800), window).await.unwrap();
        let second = store.begin_call(call("second"), NOW, in_ms(800), window).await.unwrap();
        deliveries(store, &[None]).await;
        let ended = Some(EndedCall { call: second, at: in_ms(20), window });
        store.record(AttemptRecord { ended, ..attempt(1, 1, State::Delivered) }).await.unwrap();
        let counts = [(call("second"), in_ms(20)), (call("first"), in_ms(50))];
        assert_eq!(store.limited_calls(in_ms(50)).await.unwrap(), counts, "one was under way");
        assert_eq!(store.limited_calls(in_ms(119)).await.unwrap(), counts, "it ended then");
        assert_eq!(store.limited_calls(in_ms(120)).await.unwrap(), counts[1..]);
        assert_eq!(store.limited_calls(in_ms(150)).await.unwrap(), []);
        let third = store.begin_call(call("third"), in_ms(200), in_ms(900), window).await.unwrap();
        assert_eq!(store.limited_calls(in_ms(950)).await.unwrap(), [(call("third"), in_ms(900))], "no later than that");
        assert!(first != second && second != third);
    }

    pub async fn what_is_given_back_comes_when_it_is_due(store: &dyn Store) {
        deliveries(store, &[Some("a"), Some("a"), None]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        assert_eq!(store.postpone(vec![1, 3], in_ms(500)).await, Ok(2));
        assert_eq!(store.park(vec![2, 3]).await, Ok(1));
        let waiting = store.deliveries(of(State::Pending), 9).await.unwrap();
        let shown: Vec<_> = waiting.iter().map(|delivery| (delivery.seq, delivery.due, delivery.parked)).collect();
        assert_eq!(shown, [(3, Some(in_ms(500)), false), (2, None, true), (1, Some(in_ms(500)), false)]);
        assert_eq!(store.open_connections().await.unwrap(), ["crm"]);
        let due = store.lease_due("crm", in_ms(500), 1, "w").await.unwrap();
        assert_eq!((seqs(&due.deliveries), due.next), (vec![1], Some(in_ms(500))));
        assert_eq!((due.deliveries[0].attempts, due.deliveries[0].calls), (0, 0), "no attempt was used up");
    }

    pub async fn a_step_that_is_done_is_done(store: &dyn Store) {
        deliveries(store, &[None]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        let remember = vec![Remember { key: "crm/contact/7".to_owned(), until: in_ms(1000) }];
        let step = AttemptRecord {
            counts: false,
            saved: Some("{\"id\":7}".to_owned()),
            remember,
            ..attempt(1, 1, State::Leased)
        };
        assert!(store.record(step.clone()).await.unwrap().changed);
        let later = AttemptRecord { saved: Some("{\"id\":8}".to_owned()), number: 2, ..step };
        store.record(later).await.unwrap();
        store.note_step(1, 2, "{\"known\":1}", NOW).await.unwrap();
        let steps = vec![(0, "{\"id\":7}".to_owned()), (2, "{\"known\":1}".to_owned())];
        assert_eq!(store.ledger(1).await.unwrap(), steps);
        let shown = store.deliveries(of(State::Leased), 9).await.unwrap();
        assert_eq!((shown[0].attempts, shown[0].calls), (0, 2));
        let known = store.claim("crm/contact/7", "w", in_ms(10), NOW).await.unwrap();
        assert_eq!(known, Claim::Known("{\"id\":8}".to_owned()));
        let last = AttemptRecord { step: 1, ..attempt(1, 3, State::Delivered) };
        store.record(last).await.unwrap();
        let story = store.delivery(shown[0].id).await.unwrap().unwrap();
        assert_eq!((story.steps, story.delivery.attempts), (steps, 1));
        assert_eq!(
            story.attempts.iter().map(|call| (call.number, call.step)).collect::<Vec<_>>(),
            [(1, 0), (2, 0), (3, 1)]
        );
        assert_eq!(store.note_step(9, 0, "{}", NOW).await, Err(StoreError::NotFound));
    }

    pub async fn a_key_is_found_out_by_one(store: &dyn Store) {
        let claim = async |owner, until, now| store.claim("k", owner, in_ms(until), in_ms(now)).await.unwrap();
        assert_eq!(claim("w/1", 100, 0).await, Claim::Mine);
        assert_eq!(claim("w/1", 100, 1).await, Claim::Mine, "the same delivery after a restart");
        assert_eq!(claim("w/2", 200, 1).await, Claim::Busy(in_ms(100)));
        assert_eq!(claim("w/2", 200, 100).await, Claim::Mine, "its time is over");
        store.release_claim("k", "w/1", false).await.unwrap();
        assert_eq!(claim("w/1", 300, 101).await, Claim::Busy(in_ms(200)));
        store.release_claim("k", "w/2", false).await.unwrap();
        assert_eq!(claim("w/1", 300, 102).await, Claim::Mine);
        store.release_leases(Some("other")).await.unwrap();
        assert_eq!(claim("w/2", 300, 103).await, Claim::Busy(in_ms(300)));
        store.release_leases(Some("w")).await.unwrap();
        assert_eq!(claim("w/2", 300, 103).await, Claim::Doubtful, "nobody knows how far the first came");
        store.release_claim("k", "w/2", true).await.unwrap();
        assert_eq!(claim("w/1", 310, 104).await, Claim::Doubtful);
        store.release_claim("k", "w/1", false).await.unwrap();
        assert_eq!(claim("w/2", 320, 105).await, Claim::Mine);
        store.remember("k", "7", in_ms(400)).await.unwrap();
        store.release_leases(None).await.unwrap();
        assert_eq!(claim("w/1", 500, 399).await, Claim::Known("7".to_owned()));
        assert_eq!(claim("w/1", 500, 400).await, Claim::Mine, "it is forgotten");
    }

    pub async fn what_is_held_waits_for_a_person(store: &dyn Store) {
        deliveries(store, &[Some("a"), Some("a")]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        store.park(vec![2]).await.unwrap();
        assert_eq!(store.hold(1, "unknown").await.unwrap(), Changed { changed: true, parked: true });
        assert_eq!(store.hold(1, "unknown").await.unwrap(), Changed::default());
        let held = store.deliveries(of(State::Held), 9).await.unwrap();
        assert_eq!((held[0].seq, held[0].problem.as_deref()), (1, Some("unknown")));
        assert_eq!(seqs(&store.lease_lane("crm", "a", 9, "w").await.unwrap()), [2], "its lane goes on");
        let of_b = Filter { route: Some("b".into()), ..Filter::default() };
        assert_eq!(store.release_held(of_b, 9, NOW).await, Ok(vec![]));
        assert_eq!(store.release_held(Filter::default(), 9, NOW).await, Ok(vec!["crm".into()]));
        let due = store.lease_due("crm", NOW, 9, "w").await.unwrap();
        assert_eq!((seqs(&due.deliveries), due.deliveries[0].problem.as_deref()), (vec![1], None));
        store.hold(1, "unknown").await.unwrap();
        assert!(store.bury(1, "not wanted").await.unwrap().changed);
        assert_eq!(store.deliveries(of(State::Dead), 9).await.unwrap()[0].problem.as_deref(), Some("not wanted"));
        assert_eq!(store.dismiss(of(State::Held), 9, "by ana").await, Ok(0));
        assert_eq!(store.dismiss(Filter::default(), 9, "by ana").await, Ok(1), "only what is dead or held");
        assert_eq!(store.deliveries(of(State::Skipped), 9).await.unwrap()[0].problem.as_deref(), Some("by ana"));
        assert_eq!(store.release_held(Filter::default(), 9, NOW).await, Ok(vec![]), "nothing more is wanted of it");
    }

    pub async fn what_is_held_keeps_its_key(store: &dyn Store) {
        deliveries(store, &[None, None, None, None]).await;
        let leased = store.lease("crm", 0, 9, "w").await.unwrap().deliveries;
        let claim = async |owner: &str| store.claim("k", owner, in_ms(99), NOW).await.unwrap();
        let held = async |seq, number| {
            claim("w/1").await;
            let held_key = Some("k".to_owned());
            let call = AttemptRecord { held_key, doubtful: true, ..attempt(seq, number, State::Held) };
            store.record(call).await.unwrap();
            store.release_claim("k", "w/1", true).await.unwrap();
            store.release_leases(None).await.unwrap();
            assert_eq!(claim("w/2").await, Claim::Held(leased[usize::try_from(seq).unwrap() - 1].id));
        };
        let is_free = async || {
            assert_eq!(claim("w/3").await, Claim::Doubtful);
            store.release_claim("k", "w/3", false).await.unwrap();
        };
        held(1, 1).await;
        store.release_held(Filter::default(), 9, NOW).await.unwrap();
        is_free().await;
        let due = store.lease_due("crm", NOW, 9, "w").await.unwrap().deliveries;
        assert!(due[0].doubtful, "what it did not find is asked for again");
        held(1, 2).await;
        store.dismiss(Filter::default(), 9, "by ana").await.unwrap();
        is_free().await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        held(2, 1).await;
        store.bury(2, "x").await.unwrap();
        is_free().await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        held(3, 1).await;
        store.replay(Replay { filter: of(State::Held), limit: 9, with_steps: true, at: NOW }).await.unwrap();
        is_free().await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        held(4, 1).await;
        store.record(attempt(4, 2, State::Delivered)).await.unwrap();
        is_free().await;
    }

    pub async fn a_call_of_which_nobody_knows_is_held(store: &dyn Store) {
        deliveries(store, &[None, Some("a"), Some("a"), None]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        store.park(vec![3]).await.unwrap();
        let call = |delivery_seq| UnsureCall { delivery_seq, number: 1, step: 1, at: NOW, key: Some("k".to_owned()) };
        for seq in [1, 2, 4] {
            store.begin_unsure(call(seq)).await.unwrap();
        }
        store.record(AttemptRecord { begun: true, ..attempt(1, 1, State::Delivered) }).await.unwrap();
        store.call_off(4, None).await.unwrap();
        assert_eq!(store.release_leases(None).await, Ok(2));
        let held = store.deliveries(of(State::Held), 9).await.unwrap();
        assert_eq!((seqs(&held), held[0].attempts, held[0].calls), (vec![2], 1, 1));
        let story = store.delivery(held[0].id).await.unwrap().unwrap();
        let calls: Vec<_> = story.attempts.iter().map(|call| (call.step, &*call.result, call.started_at)).collect();
        assert_eq!(calls, [(1, "unknown", NOW)]);
        assert_eq!(store.claim("k", "w", in_ms(9), NOW).await, Ok(Claim::Held(held[0].id)));
        assert_eq!(store.release_leases(None).await, Ok(0));
        let again = store.lease("crm", 0, 9, "w").await.unwrap().deliveries;
        assert_eq!((seqs(&again), again[0].doubtful), (vec![4], true));
        assert_eq!(seqs(&store.lease_lane("crm", "a", 9, "w").await.unwrap()), [3], "it does not hold its lane");
        store.record(AttemptRecord { saved: Some("{}".to_owned()), ..attempt(4, 1, State::Leased) }).await.unwrap();
        assert!(!store.deliveries(Filter::default(), 1).await.unwrap()[0].doubtful, "what it asks is known");
    }

    pub async fn a_call_that_is_called_off_counts_nothing(store: &dyn Store) {
        let call = LimitedCall { connection: "crm".into(), operation: "a".into(), limit_keys: Vec::new() };
        let begun = store.begin_call(call, NOW, in_ms(800), Duration::from_secs(9)).await.unwrap();
        store.call_off(1, Some(begun)).await.unwrap();
        assert_eq!(store.limited_calls(in_ms(1)).await.unwrap(), []);
    }

    pub async fn what_waits_for_something_says_so_until_it_goes_on(store: &dyn Store) {
        deliveries(store, &[None]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        assert_eq!(store.postpone_because(1, in_ms(50), "waits").await, Ok(1));
        assert_eq!(store.postpone_because(1, in_ms(50), "waits").await, Ok(0), "it waits already");
        let shown = store.deliveries(of(State::Pending), 9).await.unwrap();
        assert_eq!((shown[0].problem.as_deref(), shown[0].due), (Some("waits"), Some(in_ms(50))));
        assert_eq!(store.lease_due("crm", in_ms(50), 9, "w").await.unwrap().deliveries[0].problem, None);
        assert_eq!(store.deliveries(of(State::Leased), 9).await.unwrap()[0].problem, None);
    }

    pub async fn a_step_is_undone_with_what_it_remembered(store: &dyn Store) {
        deliveries(store, &[None]).await;
        for step in 0..3 {
            store.note_step(1, step, "{\"id\":7}", NOW).await.unwrap();
        }
        store.remember("old", "{\"id\":7}", in_ms(99)).await.unwrap();
        store.remember("new", "{\"id\":8}", in_ms(99)).await.unwrap();
        let stale = ["old", "new"].map(|key| (key.to_owned(), "{\"id\":7}".to_owned()));
        store.undo(1, 1, stale.to_vec()).await.unwrap();
        assert_eq!(store.ledger(1).await.unwrap(), [(0, "{\"id\":7}".to_owned())]);
        assert_eq!(store.claim("old", "w", in_ms(9), NOW).await, Ok(Claim::Mine));
        assert_eq!(store.claim("new", "w", in_ms(9), NOW).await, Ok(Claim::Known("{\"id\":8}".to_owned())));
    }

    pub async fn those_ahead_are_counted(store: &dyn Store) {
        deliveries(store, &[None, None, Some("a"), None]).await;
        store.lease("crm", 0, 2, "w").await.unwrap();
        store.postpone(vec![1], in_ms(50)).await.unwrap();
        assert_eq!(store.ahead("crm", 4).await, Ok(2), "what is due later is not ahead");
        assert_eq!(store.ahead("crm", 1).await, Ok(0));
        assert_eq!(store.ahead("desk", 4).await, Ok(0));
    }

    pub async fn deliveries_are_sent_again(store: &dyn Store) {
        deliveries(store, &[Some("a"), Some("a"), None, None]).await;
        store.note_step(1, 0, "{\"id\":7}", NOW).await.unwrap();
        store.bury(1, "x").await.unwrap();
        store.hold(2, "x").await.unwrap();
        store.record(attempt(3, 1, State::Delivered)).await.unwrap();
        let all = Replay { filter: Filter::default(), limit: 9, with_steps: true, at: in_ms(7) };
        let replayed = store.replay(all.clone()).await.unwrap();
        assert_eq!(replayed.len(), 2);
        assert_eq!(store.replay(all.clone()).await.unwrap(), [], "they are replayed");
        let old = store.delivery(replayed[0].old).await.unwrap().unwrap();
        assert_eq!((old.delivery.state, &old.replayed_as), (State::Replayed, &vec![replayed[0].new]));
        assert_eq!(store.ledger(5).await.unwrap(), [(0, "{\"id\":7}".to_owned())]);
        let leased = store.lease("crm", 4, 9, "w").await.unwrap().deliveries;
        assert_eq!((seqs(&leased), leased[0].created_at), (vec![5, 6], in_ms(7)));
        assert_eq!((leased[0].id, leased[0].request.as_str()), (replayed[0].new, "{\"to\":1}"));
        let delivered = store.deliveries(of(State::Delivered), 9).await.unwrap()[0].id;
        let open = store.deliveries(of(State::Pending), 9).await.unwrap()[0].id;
        let named = Filter { ids: Some(vec![delivered, open]), ..Filter::default() };
        let again = store.replay(Replay { filter: named, with_steps: false, ..all }).await.unwrap();
        assert_eq!((again.len(), again[0].old), (1, delivered), "what is open is left alone");
        assert_eq!(store.delivery(delivered).await.unwrap().unwrap().delivery.state, State::Delivered);
        let events = store.recent_events(9).await.unwrap();
        let story = store.event(events[3].id).await.unwrap().unwrap();
        let shown: Vec<_> = story.outcomes[0].deliveries.iter().map(|story| story.delivery.seq).collect();
        assert_eq!(shown, [1, 5]);
    }

    pub async fn what_nobody_knows_is_left_out(store: &dyn Store) {
        deliveries(store, &[None, None, None]).await;
        let held = |seq, number, result| AttemptRecord { result, ..attempt(seq, number, State::Held) };
        store.record(held(1, 1, "unknown")).await.unwrap();
        store.record(AttemptRecord { result: "unknown", ..attempt(2, 1, State::Retrying) }).await.unwrap();
        store.record(held(2, 2, "not-sent")).await.unwrap();
        store.hold(3, "x").await.unwrap();
        let unknown = |unknown| Filter { unknown: Some(unknown), ..of(State::Held) };
        assert_eq!(seqs(&store.deliveries(unknown(true), 9).await.unwrap()), [1]);
        assert_eq!(seqs(&store.deliveries(unknown(false), 9).await.unwrap()), [3, 2]);
        assert_eq!(store.release_held(unknown(false), 9, NOW).await, Ok(vec!["crm".into()]));
        assert_eq!(seqs(&store.deliveries(of(State::Held), 9).await.unwrap()), [1]);
        let calls = store.last_calls(vec![3, 2, 1]).await.unwrap();
        let last: Vec<_> = calls.iter().map(|(seq, call)| (*seq, call.number, &*call.result)).collect();
        assert_eq!(last, [(2, 2, "not-sent"), (1, 1, "unknown")]);
        let numbered = Filter { seqs: Some(vec![3, 1]), ..Filter::default() };
        assert_eq!(store.release_held(numbered, 9, NOW).await, Ok(vec!["crm".into()]), "it is named");
        assert_eq!(store.deliveries(of(State::Held), 9).await.unwrap(), []);
    }

    pub async fn what_would_wait_is_due_when_a_person_says_so(store: &dyn Store) {
        deliveries(store, &[None, None, None]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        let later = NOW.plus(Duration::from_secs(60));
        store.postpone(vec![1, 2], later).await.unwrap();
        let only = |seq| Filter { seqs: Some(vec![seq]), ..Filter::default() };
        assert_eq!(store.hasten(only(3), 9, NOW).await, Ok(vec![]), "it is leased");
        assert_eq!(
            seqs(&store.deliveries(Filter { due_after: Some(NOW), ..Filter::default() }, 9).await.unwrap()),
            [2, 1]
        );
        assert_eq!(store.hasten(only(1), 9, NOW).await, Ok(vec!["crm".into()]));
        assert_eq!(store.hasten(only(1), 9, NOW).await, Ok(vec![]), "it is due already");
        let due = store.lease_due("crm", NOW, 9, "w").await.unwrap();
        assert_eq!((seqs(&due.deliveries), due.next), (vec![1], Some(later)));
        let refused = |trouble| Filter { trouble, ..of(State::Held) };
        let held = AttemptRecord { trouble: Some("token-refused"), ..attempt(1, 1, State::Held) };
        store.record(held).await.unwrap();
        store.hold(3, "x").await.unwrap();
        assert_eq!(seqs(&store.deliveries(refused(Some("token-refused")), 9).await.unwrap()), [1]);
        assert_eq!(seqs(&store.deliveries(refused(None), 9).await.unwrap()), [3, 1]);
    }

    pub async fn what_died_again_is_found(store: &dyn Store) {
        deliveries(store, &[None, None]).await;
        let failed = NewOutcome { route: "b".into(), result: NewResult::Failed { problem: "{}".to_owned() } };
        for _ in 0..2 {
            let seq = store.accept(request(1)).await.unwrap()[0];
            store.route(routed(seq, vec![failed.clone()])).await.unwrap();
        }
        store.bury(1, "x").await.unwrap();
        let all = Replay { filter: Filter::default(), limit: 9, with_steps: true, at: NOW };
        assert_eq!(store.replayable(all.clone()).await.unwrap().len(), 1);
        assert_eq!(store.replay(all.clone()).await.unwrap().len(), 1);
        assert_eq!(store.replayable(all).await.unwrap(), []);
        let asked = ReplayEvents { failed: true, limit: 9, ..ReplayEvents::default() };
        assert_eq!(store.chosen(asked.clone()).await, Ok(vec![3, 4]), "it is on the way");
        store.bury(3, "x").await.unwrap();
        assert_eq!(store.chosen(asked.clone()).await, Ok(vec![1, 3, 4]));
        let of_a = ReplayEvents { route: Some("a".into()), ..asked.clone() };
        assert_eq!(store.chosen(of_a).await, Ok(vec![1]));
        let unmade = ReplayEvents { unmade: true, newest: true, limit: 1, ..ReplayEvents::default() };
        assert_eq!(store.chosen(unmade).await, Ok(vec![4]), "the newest, and not what has a dead delivery");
        let briefs = store.briefs(vec![4, 1, 99]).await.unwrap();
        assert_eq!(briefs.iter().map(|story| story.event.seq).collect::<Vec<_>>(), [4, 1]);
        assert_eq!(briefs[0].event.raw.body, b"", "a list holds no bodies");
        assert_eq!(briefs[1].outcomes[0].deliveries.len(), 2);
        assert_eq!(store.recent_events(1).await.unwrap()[0].raw.body, b"");
        assert_eq!(store.replay_events(asked).await.unwrap().len(), 3);
        assert_eq!(store.counts().await.unwrap().deliveries(State::Dead), 0);
    }

    pub async fn what_a_wrong_clock_put_off_is_due(store: &dyn Store) {
        const DAY: i64 = 24 * 3_600_000;
        deliveries(store, &[None, None, None]).await;
        store.lease("crm", 0, 9, "w").await.unwrap();
        store.postpone(vec![1, 3], in_ms(3650 * DAY)).await.unwrap();
        store.postpone(vec![2], in_ms(3 * DAY)).await.unwrap();
        let due = store.lease_due("crm", NOW, 1, "w").await.unwrap();
        assert_eq!((seqs(&due.deliveries), due.next), (vec![1], Some(in_ms(3 * DAY))));
        let due = store.lease_due("crm", NOW, 9, "w").await.unwrap();
        assert_eq!((seqs(&due.deliveries), due.next), (vec![3], Some(in_ms(3 * DAY))));
        store.postpone(vec![1, 3], in_ms(3650 * DAY)).await.unwrap();
        assert_eq!(seqs(&store.lease_due("crm", in_ms(3 * DAY), 1, "w").await.unwrap().deliveries), [2]);
        let due = store.lease_due("crm", in_ms(3 * DAY), 1, "w").await.unwrap();
        assert_eq!(due.next, Some(in_ms(3 * DAY)), "the other is not forgotten");
    }

    pub async fn events_go_through_the_routes_again(store: &dyn Store) {
        let seqs = store.accept(request(3)).await.unwrap();
        store.route(routed(seqs[0], vec![taken("a", Some("x"), vec![delivery("crm")])])).await.unwrap();
        let failed = NewOutcome { route: "b".into(), result: NewResult::Failed { problem: "{}".to_owned() } };
        store.route(routed(seqs[1], vec![failed])).await.unwrap();
        store.route(routed(seqs[2], vec![])).await.unwrap();
        store.bury(1, "x").await.unwrap();
        let asked = ReplayEvents { limit: 9, ..ReplayEvents::default() };
        let of_b = ReplayEvents { failed: true, route: Some("b".into()), ..asked.clone() };
        assert_eq!(store.replay_events(of_b.clone()).await.unwrap().len(), 1);
        assert_eq!(store.replay_events(of_b).await.unwrap().len(), 0, "it waits to be routed");
        let others = ReplayEvents { failed: true, unmatched: true, ..asked.clone() };
        assert_eq!(store.replay_events(others).await.unwrap().len(), 2);
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.unrouted, counts.failed, counts.unmatched), (3, 0, 0));
        assert_eq!(counts.deliveries(State::Replayed), 1);
        let waiting = store.unrouted(0, 9).await.unwrap();
        assert_eq!(waiting.iter().map(|event| event.generation).collect::<Vec<_>>(), [1, 1, 1]);
        let receipt = store.route(routed(1, vec![taken("a", Some("x"), vec![delivery("crm")])])).await.unwrap();
        assert_eq!((receipt.deliveries.len(), receipt.duplicates.len()), (1, 0), "its identity is not in the way");
        let story = store.event(waiting[0].id).await.unwrap().unwrap();
        let shown = story.outcomes.iter().map(|outcome| (outcome.generation, outcome.deliveries[0].delivery.state));
        assert_eq!(shown.collect::<Vec<_>>(), [(0, State::Replayed), (1, State::Pending)]);
    }

    pub async fn tokens_are_kept(store: &dyn Store) {
        assert_eq!(store.token("crm").await, Ok(None));
        let token = StoredToken {
            access: Secret::new("a1"),
            refresh: Some(Secret::new("r1")),
            expires_at: Some(in_ms(Duration::from_secs(60).as_millis() as i64)),
            fingerprint: "f".to_owned(),
        };
        store.save_token("crm", token.clone()).await.unwrap();
        let newer = StoredToken { refresh: None, expires_at: None, ..token };
        store.save_token("crm", newer.clone()).await.unwrap();
        assert_eq!(store.token("crm").await, Ok(Some(newer)));
        assert_eq!(store.token("other").await, Ok(None));
    }
}

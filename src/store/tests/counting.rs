//! Random commands against a simple model in memory: the counters, the rows and the model always say the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// An outcome: its identity and its deliveries, good or not; none for a route that failed.
type Given = Option<(Option<u8>, Vec<bool>)>;

#[derive(Clone, Debug)]
enum Step {
    Accept(usize),
    Route(i64, Vec<Given>),
    Lease(i64, usize),
    Record(i64, u32, State),
    Bury(i64),
    Release,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let sends = prop::collection::vec(prop::bool::weighted(0.8), 0..3);
    let outcome = prop::option::weighted(0.8, (prop::option::of(0..4_u8), sends));
    let next = prop::sample::select(vec![State::Retrying, State::Delivered, State::Accepted, State::Dead]);
    prop_oneof![
        2 => (1..3_usize).prop_map(Step::Accept),
        4 => (1..9_i64, prop::collection::vec(outcome, 0..3)).prop_map(|(seq, outcomes)| Step::Route(seq, outcomes)),
        2 => (0..5_i64, 0..4_usize).prop_map(|(after, limit)| Step::Lease(after, limit)),
        4 => (1..9_i64, 1..4_u32, next).prop_map(|(seq, number, state)| Step::Record(seq, number, state)),
        1 => (1..9_i64).prop_map(Step::Bury),
        1 => Just(Step::Release),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    events: i64,
    unrouted: BTreeSet<i64>,
    unmatched: u64,
    failed: u64,
    duplicates: u64,
    owners: BTreeMap<(usize, u8), i64>,
    /// State and numbers of the attempts.
    deliveries: Vec<(State, BTreeSet<u32>)>,
}

impl Model {
    fn counts(&self) -> Counts {
        let in_state = |state| self.deliveries.iter().filter(|delivery| delivery.0 == state).count();
        Counts {
            events: u64::try_from(self.events).unwrap(),
            unrouted: u64::try_from(self.unrouted.len()).unwrap(),
            unmatched: self.unmatched,
            failed: self.failed,
            duplicates: self.duplicates,
            deliveries: State::ALL.map(|state| u64::try_from(in_state(state)).unwrap()),
        }
    }

    fn delivery(&mut self, seq: i64) -> Option<&mut (State, BTreeSet<u32>)> {
        self.deliveries.get_mut(usize::try_from(seq - 1).unwrap())
    }

    /// How many deliveries routing makes; none when there is no such event.
    fn route(&mut self, seq: i64, outcomes: &[Given]) -> Option<usize> {
        if seq > self.events {
            return None;
        }
        let before = self.deliveries.len();
        if self.unrouted.remove(&seq) {
            self.unmatched += u64::from(outcomes.is_empty());
            for (route, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    None => self.failed += 1,
                    Some((Some(identity), _)) if *self.owners.entry((route, *identity)).or_insert(seq) != seq => {
                        self.duplicates += 1;
                    }
                    Some((_, sends)) => self.deliveries.extend(
                        sends.iter().map(|good| (if *good { State::Pending } else { State::Dead }, BTreeSet::new())),
                    ),
                }
            }
        }
        Some(self.deliveries.len() - before)
    }

    fn lease(&mut self, after: i64, limit: usize) -> Vec<i64> {
        let ready = (1_i64..)
            .zip(&mut self.deliveries)
            .filter(|(seq, delivery)| *seq > after && matches!(delivery.0, State::Pending | State::Retrying));
        ready
            .take(limit)
            .map(|(seq, delivery)| {
                delivery.0 = State::Leased;
                seq
            })
            .collect()
    }

    fn record(&mut self, seq: i64, number: u32, next: State) -> bool {
        let Some((state, numbers)) = self.delivery(seq) else { return false };
        if numbers.insert(number) && (!state.is_final() || (*state == State::Dead && next.is_final())) {
            *state = next;
        }
        true
    }

    fn release(&mut self) -> usize {
        let leased = self.deliveries.iter_mut().filter(|delivery| delivery.0 == State::Leased);
        leased
            .map(|(state, numbers)| {
                *state = if numbers.is_empty() { State::Pending } else { State::Retrying };
            })
            .count()
    }
}

fn outcomes(given: &[Given]) -> Vec<NewOutcome> {
    let send = |good: &bool| match good {
        true => delivery("crm"),
        false => NewDelivery { request: Err("{}".to_owned()), ..delivery("crm") },
    };
    let outcome = |(route, given): (usize, &Given)| match given {
        None => NewOutcome { route: "x".into(), result: NewResult::Failed { problem: "{}".to_owned() } },
        Some((identity, sends)) => {
            let identity = identity.map(|identity| identity.to_string());
            taken(&route.to_string(), identity.as_deref(), sends.iter().map(send).collect())
        }
    };
    given.iter().enumerate().map(outcome).collect()
}

async fn run(steps: Vec<Step>) {
    let folder = Folder::new();
    let mut store = Store::open(&folder.0).unwrap();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Accept(parts) => {
                store.accept(request(parts)).await.unwrap();
                for _ in 0..parts {
                    model.events += 1;
                    model.unrouted.insert(model.events);
                }
            }
            Step::Route(seq, given) => {
                let receipt = store.route(routed(seq, outcomes(&given))).await;
                assert_eq!(receipt.ok().map(|receipt| receipt.deliveries.len()), model.route(seq, &given));
            }
            Step::Lease(after, limit) => {
                let leased = store.lease("crm", after, limit, NOW).await.unwrap();
                let seqs: Vec<_> = leased.iter().map(|delivery| delivery.seq).collect();
                assert_eq!(seqs, model.lease(after, limit));
            }
            Step::Record(seq, number, state) => {
                let known = store.record(attempt(seq, number, state)).await.is_ok();
                assert_eq!(known, model.record(seq, number, state));
            }
            Step::Bury(seq) => {
                let buried = store.bury(seq, "reason").await.ok();
                let expected = model.delivery(seq).map(|delivery| !delivery.0.is_final());
                assert_eq!(buried, expected);
                if expected == Some(true) {
                    model.delivery(seq).unwrap().0 = State::Dead;
                }
            }
            Step::Release => assert_eq!(store.release_leases().await.unwrap(), model.release()),
            Step::Reopen => {
                drop(store);
                store = Store::open(&folder.0).unwrap();
            }
        }
        assert_eq!(store.counts().await.unwrap(), model.counts());
    }
    let rows = store.deliveries(None, 999).await.unwrap();
    let states: Vec<_> = rows.iter().rev().map(|delivery| delivery.state).collect();
    assert_eq!(states, model.deliveries.iter().map(|delivery| delivery.0).collect::<Vec<_>>());
    for state in State::ALL {
        let listed = store.deliveries(Some(state), 999).await.unwrap().len();
        assert_eq!(u64::try_from(listed).unwrap(), model.counts().deliveries(state));
    }
    let unrouted: Vec<_> = store.unrouted(0, 999).await.unwrap().iter().map(|event| event.seq).collect();
    assert_eq!(unrouted, model.unrouted.into_iter().collect::<Vec<_>>());
    store.close().await.unwrap();
    let sound: String =
        Connection::open(folder.file()).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counters_rows_and_model_agree(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}

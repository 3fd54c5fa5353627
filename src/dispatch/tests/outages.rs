//! What an outage and a defect of ours do to a delivery: neither uses it up, and neither makes a second effect.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::plan::{OnUnknown, Plan};

const SETTINGS: &str = "connections:\n  acme: { provider: acme, retry: { attempts: 7, first: 1ms, longest: 5ms } }\n";
const UP: AttemptResult = AttemptResult::Answered { outcome: Outcome::Delivered, status: 200, retry_after: None };
const FAULT: AttemptResult = AttemptResult::Answered { outcome: Outcome::Retry, status: 500, retry_after: None };

/// A provider that answers its first calls with something else than the rest; no result stands for a defect of ours.
struct Moody {
    calls: AtomicUsize,
    first: usize,
    begins: Option<AttemptResult>,
}

impl Caller for Moody {
    fn call<'c>(&'c self, _: Call<'c>) -> Called<'c> {
        Box::pin(async move {
            let result = match self.calls.fetch_add(1, Ordering::Relaxed) < self.first {
                true => self.begins.clone().expect("a defect of ours"),
                false => UP,
            };
            let status = if result == UP { 200 } else { 0 };
            (result, Answer { status, ..Answer::default() })
        })
    }
}

/// In which state one delivery ends, and after how many calls.
fn ends(first: usize, begins: Option<AttemptResult>, created_at: Timestamp, on_unknown: OnUnknown) -> (State, usize) {
    let files = [FILES[0], FILES[1], ("jackfield.yaml", SETTINGS)];
    let Compiled { set, documents, .. } = compiled(&files);
    let live = Live::new(Revision { set, documents });
    let caller = Arc::new(Moody { calls: AtomicUsize::new(0), first, begins });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let state = runtime.block_on(async {
        let folder = Folder::new();
        let store = store::open(&folder.0).unwrap();
        let plan = |number| {
            let plan = Plan::from_json(request(number).to_value().to_json().as_bytes()).unwrap();
            Plan { on_unknown, ..plan }.to_json(&|place| place.file.to_string())
        };
        brought_at(&store, 0..1, created_at, plan).await;
        let tokens = Tokens::new(Default::default(), store.clone(), Clock::System);
        let mut running = Dispatch::with(live, store.clone(), Clock::System, caller.clone(), tokens, Wake::default());
        running.ensure([Arc::from("acme")]);
        let started = Instant::now();
        loop {
            let counts = store.counts().await.unwrap();
            let ended =
                [State::Delivered, State::Dead, State::Held].into_iter().find(|state| counts.deliveries(*state) > 0);
            if let Some(state) = ended {
                running.stop(Duration::from_secs(9)).await;
                return state;
            }
            assert!(started.elapsed() < Duration::from_secs(40), "{counts:?}");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    });
    (state, caller.calls.load(Ordering::Relaxed))
}

#[test]
fn the_one_that_tries_whether_a_provider_is_back_uses_up_no_attempt_either() {
    let (now, down) = (Clock::System.now(), Some(AttemptResult::NotSent(Trouble::Connect)));
    assert_eq!(ends(40, down.clone(), now, OnUnknown::Retry), (State::Delivered, 41));
    let days_ago = Timestamp(now.0 - 4 * 24 * 3_600_000);
    assert_eq!(ends(40, down, days_ago, OnUnknown::Retry), (State::Dead, 7), "not for ever");
    assert_eq!(ends(40, Some(FAULT), now, OnUnknown::Retry), (State::Dead, 7), "what may have an effect is bounded");
}

#[test]
fn a_defect_during_a_call_is_a_call_that_nobody_knows_the_end_of() {
    let now = Clock::System.now();
    assert_eq!(ends(1, None, now, OnUnknown::Hold), (State::Held, 1));
    assert_eq!(ends(1, None, now, OnUnknown::Retry), (State::Delivered, 2));
}

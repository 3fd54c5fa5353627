//! Dispatch as a whole, with the real store and a provider of the test: whatever fails and whenever it is stopped, lanes
//! keep their order, nothing is lost, nothing that was delivered goes out again, and no budget is exceeded.

mod flights;
mod outages;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use proptest::prelude::*;

use super::caller::{Call, Called};
use super::*;
use crate::compile::{Compiled, Input, Secrets, compile, with_stack};
use crate::delivery::{AttemptResult, Trouble};
use crate::document::reference::Environment;
use crate::event::RawRequest;
use crate::live::Revision;
use crate::pack::outcome::{Answer, Outcome};
use crate::request::Request;
use crate::store::{self, NewDelivery, NewEvents, NewOutcome, NewResult, RoutedEvent};
use crate::value::Value;

const PACK: &str = "
title: Acme
base_url: https://api.acme.example
rate_limit: { requests: 9, per: 20ms }
operations:
  note:
    path: /notes
    request: { json: note.json }
";
const SCHEMA: &str = "{\"type\":\"object\",\"properties\":{\"key\":{}}}";
const SETTINGS: &str = "connections:\n  acme: { provider: acme, retry: { attempts: 500, first: 1ms, longest: 5ms } }\n";

const FILES: &[(&str, &str)] =
    &[("schemas/acme/pack.yaml", PACK), ("schemas/acme/note.json", SCHEMA), ("jackfield.yaml", SETTINGS)];

fn compiled(files: &[(&str, &str)]) -> Compiled {
    let input = Input {
        files: files.iter().map(|(file, text)| ((*file).into(), (*text).into())).collect(),
        environment: Environment::default(),
        secrets: Secrets::Optional,
        sandbox: None,
        listen: None,
        samples: Vec::new(),
        read: &|_| None,
        now: Timestamp(0),
        tests: true,
    };
    let compiled = with_stack(|| compile(&input)).unwrap();
    assert!(compiled.is_good(), "{:?}", compiled.diagnostics);
    compiled
}

/// A provider that does as the seed says, and looks at what it gets.
#[derive(Default)]
struct Provider {
    seed: Mutex<u64>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// By lane, what it has, in order.
    taken: BTreeMap<u64, Vec<u64>>,
    under_way: BTreeSet<u64>,
    counted: Vec<i64>,
    wrong: Vec<String>,
}

const LANES: u64 = 7;

impl Provider {
    fn random(&self, below: u64) -> u64 {
        let mut seed = self.seed.lock().unwrap();
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed % below
    }

    /// A request arrives: all before it in its lane must have been taken, and nothing of the lane be under way.
    fn arrives(&self, key: u64, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap();
        seen.counted.push(now.0);
        let lane = key % LANES;
        let expected = seen.taken.get(&lane).and_then(|taken| taken.last()).map_or(lane, |last| last + LANES);
        if key != expected || !seen.under_way.insert(lane) {
            seen.wrong.push(format!("{key} came where {expected} was next"));
        }
    }

    fn ends(&self, key: u64, taken: bool) {
        let mut seen = self.seen.lock().unwrap();
        seen.under_way.remove(&(key % LANES));
        if taken {
            seen.taken.entry(key % LANES).or_default().push(key);
        }
    }
}

/// A call that is broken off has ended as well, and was not taken.
struct Arrived<'p>(&'p Provider, u64);

impl Drop for Arrived<'_> {
    fn drop(&mut self) {
        self.0.ends(self.1, false);
    }
}

impl Caller for Provider {
    fn call<'c>(&'c self, call: Call<'c>) -> Called<'c> {
        Box::pin(async move {
            if self.random(12) == 0 {
                return (AttemptResult::NotSent(Trouble::Connect), Answer::default());
            }
            let key = call.request.body.as_ref().and_then(|body| body.get("key")?.as_str()?.parse().ok()).unwrap();
            tokio::time::sleep(Duration::from_millis(self.random(3))).await;
            self.arrives(key, call.clock.now());
            let arrived = Arrived(self, key);
            tokio::time::sleep(Duration::from_millis(self.random(4))).await;
            drop(arrived);
            let answered = |outcome, status, wait: Option<u64>| {
                let headers = wait.map(|wait| ("retry-after".to_owned(), format!("0.00{wait}"))).into_iter().collect();
                let result = AttemptResult::Answered { outcome, status, retry_after: None };
                (result, Answer { status, headers, body: Vec::new() })
            };
            match self.random(12) {
                0 => answered(Outcome::Retry, 503, None),
                1 => answered(Outcome::Retry, 429, Some(self.random(9))),
                2 => answered(Outcome::Retry, 500, None),
                3 => (AttemptResult::Unknown(Trouble::Timeout), Answer::default()),
                4 => answered(Outcome::Retry, 408, None),
                _ => {
                    self.ends(key, true);
                    answered(Outcome::Delivered, 200, None)
                }
            }
        })
    }
}

pub(super) struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("jackfield-dispatch-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Puts numbered deliveries into the store, in lanes by their number.
async fn brought(store: &Arc<dyn Store>, numbers: std::ops::Range<u64>) {
    let plan = |number| request(number).to_value().to_json();
    brought_at(store, numbers, Timestamp(0), plan).await;
}

async fn brought_at(
    store: &Arc<dyn Store>,
    numbers: std::ops::Range<u64>,
    at: Timestamp,
    plan: impl Fn(u64) -> String,
) {
    let raw = RawRequest { method: "POST".into(), target: "/".into(), headers: Vec::new(), body: Vec::new() };
    let ids: Vec<EventId> = numbers.clone().map(|_| EventId::new()).collect();
    let (source, params) = ("source".into(), Value::Null);
    let new = NewEvents { source, received_at: Timestamp(0), raw: Arc::new(raw), params, ids };
    let seqs = store.accept(new).await.unwrap();
    let routed = seqs.into_iter().zip(numbers).map(|(event_seq, number)| {
        let delivery = NewDelivery {
            id: DeliveryId::new(),
            position: 0,
            connection: "acme".into(),
            operation: "note".into(),
            request: Ok(plan(number)),
        };
        let lane = Some(format!("lane {}", number % LANES));
        let result = NewResult::Taken { identity: None, lane, deliveries: vec![delivery] };
        let outcomes = vec![NewOutcome { route: format!("route {}", number % 3).into(), result }];
        let (revision, identity_since) = ("r".into(), Timestamp(0));
        store.route(RoutedEvent { event_seq, revision, at, outcomes, identity_since })
    });
    join_all(routed).await.into_iter().for_each(|routed| drop(routed.unwrap()));
}

fn request(number: u64) -> Request {
    Request {
        to: "acme.note".into(),
        connection: "acme".into(),
        operation: "note".into(),
        method: "POST".into(),
        path: Vec::new(),
        headers: Vec::new(),
        body: Some(Value::object([("key", Value::from(number.to_string()))])),
        idempotency_key: None,
        encoding: Default::default(),
        limit_keys: Vec::new(),
    }
}

/// What every worker needs, with a store of its own.
pub(super) fn shared(clock: &Clock) -> (Shared, Folder) {
    let Compiled { set, documents, .. } = compiled(FILES);
    let (live, folder) = (Live::new(Revision { set, documents }), Folder::new());
    let store = store::open(&folder.0).unwrap();
    let tokens = Tokens::new(Default::default(), store.clone(), clock.clone());
    let caller = Arc::new(Provider::default());
    (Dispatch::with(live, store, clock.clone(), caller, tokens, Wake::default()).shared, folder)
}

async fn dispatch(live: &Live, store: &Arc<dyn Store>, provider: &Arc<Provider>, wake: &Wake) -> Dispatch {
    let tokens = Tokens::new(Default::default(), store.clone(), Clock::System);
    let mut dispatch =
        Dispatch::with(live.clone(), store.clone(), Clock::System, provider.clone(), tokens, wake.clone());
    dispatch.recall().await.unwrap();
    dispatch.ensure([Arc::from("acme")]);
    dispatch
}

/// Delivers in two parts, with stops in between.
async fn delivered(live: &Live, provider: &Arc<Provider>, count: u64, stops: &[u64]) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    let store = store::open(&folder.0).unwrap();
    brought(&store, 0..count / 2).await;
    let mut running = dispatch(live, &store, provider, &Wake::default()).await;
    for after in stops {
        tokio::time::sleep(Duration::from_millis(*after)).await;
        // Some calls end in time, others are broken off.
        running.stop(Duration::from_millis(after % 5)).await;
        store.release_leases(None).await.unwrap();
        running = dispatch(live, &store, provider, &Wake::default()).await;
    }
    let wake = Wake::default();
    running.stop(Duration::from_secs(9)).await;
    store.release_leases(None).await.unwrap();
    running = dispatch(live, &store, provider, &wake).await;
    brought(&store, count / 2..count).await;
    wake.route(&"acme".into(), &"route 1".into());
    let started = std::time::Instant::now();
    while store.counts().await.unwrap().deliveries(State::Delivered) < count {
        let wrong = provider.seen.lock().unwrap().wrong.first().cloned();
        prop_assert_eq!(wrong, None);
        let counts = store.counts().await.unwrap();
        prop_assert!(started.elapsed() < Duration::from_secs(50), "stands still: {:?}", counts);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    running.stop(Duration::from_secs(9)).await;
    store.close().await.unwrap();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn lanes_budget_and_order_outlive_every_failure(
        seed in 1_u64..u64::MAX,
        count in 20_u64..120,
        stops in prop::collection::vec(0_u64..60, 0..3),
    ) {
        let Compiled { set, documents, .. } = compiled(FILES);
        let live = Live::new(Revision { set, documents });
        let provider = Arc::new(Provider { seed: Mutex::new(seed), ..Provider::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(delivered(&live, &provider, count, &stops))?;
        let mut seen = provider.seen.lock().unwrap();
        prop_assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        prop_assert_eq!(seen.taken.values().map(Vec::len).sum::<usize>() as u64, count);
        prop_assert_eq!(too_many(&mut seen.counted), None);
    }
}

/// A vendor that counts finds no window with more than its limit, however long the calls take.
#[test]
fn the_budget_is_kept_by_all_workers_together() {
    let Compiled { set, documents, .. } = compiled(FILES);
    let live = Live::new(Revision { set, documents });
    let provider = Arc::new(Provider { seed: Mutex::new(4711), ..Provider::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = Folder::new();
        let store = store::open(&folder.0).unwrap();
        brought(&store, 0..300).await;
        let running = dispatch(&live, &store, &provider, &Wake::default()).await;
        while store.counts().await.unwrap().deliveries(State::Delivered) < 300 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        running.stop(Duration::from_secs(9)).await;
    });
    assert_eq!(too_many(&mut provider.seen.lock().unwrap().counted), None);
}

/// In how many milliseconds there was one more than the limit.
fn too_many(counted: &mut [i64]) -> Option<i64> {
    counted.sort_unstable();
    counted.windows(10).map(|window| window[9] - window[0]).find(|spread| *spread < 20)
}

/// Whoever had the head of a lane may have ended before the next one was asked for.
#[test]
fn a_lane_that_was_left_behind_goes_on_at_the_start() {
    let Compiled { set, documents, .. } = compiled(FILES);
    let live = Live::new(Revision { set, documents });
    let provider = Arc::new(Provider { seed: Mutex::new(1), ..Provider::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = Folder::new();
        let store = store::open(&folder.0).unwrap();
        brought(&store, 0..LANES + 1).await;
        let leased = store.lease("acme", 0, 99, "gone").await.unwrap().deliveries;
        let last = leased.last().unwrap().seq;
        store.park(vec![last]).await.unwrap();
        for delivery in leased.iter().filter(|delivery| delivery.seq != last) {
            store.bury(delivery.seq, "given up").await.unwrap();
        }
        store.release_leases(None).await.unwrap();
        let running = dispatch(&live, &store, &provider, &Wake::default()).await;
        let started = std::time::Instant::now();
        while store.counts().await.unwrap().deliveries(State::Delivered) == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "the lane stands still");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        running.stop(Duration::from_secs(9)).await;
    });
}

#[test]
fn a_store_that_fails_is_said_to_once_for_all() {
    let (failures, now) = (Failures::default(), Instant::now());
    let said = (0..640).filter(|asked| failures.clone().is_news(now + Duration::from_secs(asked / 64))).count();
    assert_eq!((said, failures.is_news(now + SAID)), (1, true));
}

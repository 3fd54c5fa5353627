//! What is remembered is found out once, by whichever worker, whatever fails on the way and whenever it is stopped.

use super::*;
use crate::event::capture;
use crate::pipeline::{self, Prepared, RouteResult};
use crate::test_case;

const CHAINS: &str = "
title: Acme
base_url: https://api.acme.example
operations:
  note: { path: /notes, request: { json: note.json } }
  contact: { path: /contacts, request: { json: note.json } }
  conversation: { path: /conversations, request: { json: note.json } }
  ensure_note:
    request: { json: note.json }
    steps:
      - call: contact
        body: { key: \"{{ body.key }}\" }
        save: { contact: $.id }
        remember: { key: \"{{ body.key }}\", for: 1d }
      - call: conversation
        body: { key: \"{{ contact }}\" }
        save: { conversation: $.id }
        remember: { key: \"{{ contact }}\", for: 1d }
      - call: note
        body: { key: \"{{ conversation }}\" }
";
const TWO: &str = "
connections:
  one: { provider: acme, retry: { attempts: 500, first: 1ms, longest: 5ms } }
  two: { provider: acme, retry: { attempts: 500, first: 1ms, longest: 5ms } }
";
const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { person: { path: $.person, as: string } }
send:
  - to: one.ensure_note
    body: { key: \"{{ person }}\" }
  - to: two.note
    steps:
      - call: one.contact
        body: { key: \"{{ person }}\" }
        save: { contact: $.id }
        remember: { key: \"{{ person }}\", for: 1d }
    body: { key: \"{{ contact }}\" }
";

/// A key and the number that it was given.
type Made = (String, usize);

/// A desk that gives each thing a number, and fails as the seed says.
#[derive(Default)]
struct Desk {
    random: Provider,
    /// What was made, by operation: its key and the number that it has.
    made: Mutex<BTreeMap<Arc<str>, Vec<Made>>>,
    /// How much of it nobody was told of, by operation.
    lost: Mutex<BTreeMap<Arc<str>, usize>>,
    /// What is being made, and what was while the same was being made already.
    under_way: Mutex<BTreeSet<(Arc<str>, String)>>,
    twice: Mutex<Vec<(Arc<str>, String)>>,
}

impl Caller for Desk {
    fn call<'c>(&'c self, call: Call<'c>) -> Called<'c> {
        Box::pin(async move {
            let key = call.request.body.as_ref().and_then(|body| body.get("key")).unwrap();
            let key = key.as_str().map_or_else(|| key.to_json(), str::to_owned);
            let call_of = (call.operation.name.clone(), key.clone());
            let is_remembered = &*call.operation.name != "note";
            if is_remembered && !self.under_way.lock().unwrap().insert(call_of.clone()) {
                self.twice.lock().unwrap().push(call_of.clone());
            }
            tokio::time::sleep(Duration::from_millis(self.random.random(4))).await;
            self.under_way.lock().unwrap().remove(&call_of);
            let failed = |status| AttemptResult::Answered { outcome: Outcome::Retry, status, retry_after: None };
            match self.random.random(9) {
                0 => return (failed(503), Answer { status: 503, ..Answer::default() }),
                1 => return (AttemptResult::NotSent(Trouble::Connect), Answer::default()),
                2 if is_remembered => return (AttemptResult::Unknown(Trouble::Broken), Answer::default()),
                _ => {}
            }
            let id = {
                let mut made = self.made.lock().unwrap();
                let made = made.entry(call.operation.name.clone()).or_default();
                made.push((key, made.len() + 1));
                made.len()
            };
            // It is made, and the answer is lost.
            if is_remembered && self.random.random(6) == 0 {
                *self.lost.lock().unwrap().entry(call.operation.name.clone()).or_default() += 1;
                return (AttemptResult::Unknown(Trouble::Timeout), Answer::default());
            }
            let body = format!("{{\"id\":{id}}}").into_bytes();
            let result = AttemptResult::Answered { outcome: Outcome::Delivered, status: 200, retry_after: None };
            (result, Answer { status: 200, headers: Vec::new(), body })
        })
    }
}

impl Desk {
    fn keys(&self, operation: &str) -> Vec<String> {
        self.made.lock().unwrap().get(operation).into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }
}

/// What the route makes of one person's message.
fn planned(set: &crate::route::RouteSet, person: usize) -> Vec<NewDelivery> {
    let raw = capture::parse(format!("{{\"person\":\"p{person}\"}}").as_bytes()).unwrap();
    let route = set.route("in").unwrap();
    let source = set.sources.get(&route.source).unwrap();
    let event = test_case::events(set, source, raw, Timestamp(0)).unwrap().remove(0);
    let RouteResult::Taken(taken) = pipeline::run_one(set, route, &event).result else { panic!("not taken") };
    let plans = taken.sends.into_iter().map(|send| match send {
        Prepared::Planned(plan) => plan.to_json(&|place| place.file.to_string()),
        other => panic!("{other:?}"),
    });
    let delivery = |(position, request)| {
        let (connection, operation) = [("one", "ensure_note"), ("two", "note")][position as usize];
        NewDelivery {
            id: DeliveryId::new(),
            position,
            connection: connection.into(),
            operation: operation.into(),
            request: Ok(request),
        }
    };
    (0..).zip(plans).map(delivery).collect()
}

async fn found_out(
    live: &Live,
    desk: &Arc<Desk>,
    people: usize,
    messages: usize,
    stops: &[u64],
) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    let store = store::open(&folder.0).unwrap();
    let raw = RawRequest { method: "POST".into(), target: "/".into(), headers: Vec::new(), body: Vec::new() };
    let ids = (0..messages).map(|_| EventId::new()).collect();
    let new =
        NewEvents { source: "source".into(), received_at: Timestamp(0), raw: Arc::new(raw), params: Value::Null, ids };
    let seqs = store.accept(new).await.unwrap();
    let set = &live.now().set;
    let routed = seqs.into_iter().enumerate().map(|(number, event_seq)| {
        let result = NewResult::Taken { identity: None, lane: None, deliveries: planned(set, number % people) };
        let outcomes = vec![NewOutcome { route: "in".into(), result }];
        let (revision, at, identity_since) = ("r".into(), Timestamp(0), Timestamp(0));
        store.route(RoutedEvent { event_seq, revision, at, outcomes, identity_since })
    });
    join_all(routed).await.into_iter().for_each(|routed| drop(routed.unwrap()));
    let start = || {
        let tokens = Tokens::new(Default::default(), store.clone(), Clock::System);
        let mut dispatch =
            Dispatch::with(live.clone(), store.clone(), Clock::System, desk.clone(), tokens, Wake::default());
        dispatch.ensure(["one", "two"].map(Arc::from));
        dispatch
    };
    let mut running = start();
    for after in stops {
        tokio::time::sleep(Duration::from_millis(*after)).await;
        running.stop(Duration::from_secs(9)).await;
        store.release_leases(None).await.unwrap();
        running = start();
    }
    let started = std::time::Instant::now();
    while store.counts().await.unwrap().deliveries(State::Delivered) < 2 * messages as u64 {
        let counts = store.counts().await.unwrap();
        prop_assert!(started.elapsed() < Duration::from_secs(50), "stands still: {:?}", counts);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    running.stop(Duration::from_secs(9)).await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_remembered_is_found_out_once(
        seed in 1_u64..u64::MAX,
        people in 1_usize..9,
        more in 0_usize..40,
        stops in prop::collection::vec(0_u64..40, 0..3),
    ) {
        let files = [("schemas/acme/pack.yaml", CHAINS), ("schemas/acme/note.json", SCHEMA), ("jackfield.yaml", TWO), ("routes/in.yaml", ROUTE)];
        let Compiled { set, documents, .. } = compiled(&files);
        let live = Live::new(Revision { set, documents });
        let desk = Arc::new(Desk { random: Provider { seed: Mutex::new(seed), ..Provider::default() }, ..Desk::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let messages = people + more;
        runtime.block_on(found_out(&live, &desk, people, messages, &stops))?;
        for operation in ["contact", "conversation"] {
            let keys = desk.keys(operation);
            let different: BTreeSet<&String> = keys.iter().collect();
            let lost = desk.lost.lock().unwrap().get(operation).copied().unwrap_or_default();
            prop_assert_eq!((keys.len(), different.len()), (people + lost, people), "{}: {:?}", operation, keys);
        }
        prop_assert_eq!(desk.keys("note").len(), 2 * messages);
        prop_assert!(desk.twice.lock().unwrap().is_empty(), "{:?}", desk.twice.lock().unwrap());
    }
}

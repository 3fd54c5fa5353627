//! Takes what the server has to tell into its own store, from where the routes of the source `jackfield` deliver it.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::alert::{Alert, MINUTES, Sight, Stand, Told};
use crate::clock::{Clock, Timestamp};
use crate::dispatch::Outlook;
use crate::event::RawRequest;
use crate::figures::Figures;
use crate::id::EventId;
use crate::live::Live;
use crate::pack::Connection;
use crate::pipeline::{self, RouteResult};
use crate::reload::Reloads;
use crate::route::{Route, RouteSet};
use crate::source::{OWN_SOURCE, Source};
use crate::store::{NewEvents, Store};
use crate::test_case;
use crate::value::Value;

/// How often is looked.
const LOOKS: Duration = Duration::from_secs(5);
/// So many wait for the store at the most; older ones are of no use by then.
const MOST: usize = 100;
/// In the data folder: what was told and is not over.
const FILE: &str = "alerts.json";

/// Looks now and then whether there is something to tell.
pub(super) struct Alerts {
    pub live: Live,
    pub store: Arc<dyn Store>,
    pub figures: Arc<Figures>,
    pub outlook: Outlook,
    pub reloads: Reloads,
    pub clock: Clock,
    pub accepted: Arc<Notify>,
    pub data: PathBuf,
}

impl Alerts {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut told = self.told_before();
        let mut waiting: VecDeque<Alert> = VecDeque::new();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOKS) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            let revision = self.live.now();
            // Where nobody listens nothing is kept, and whoever begins to listen hears how things stand.
            if revision.set.routes.get(OWN_SOURCE).is_none_or(Vec::is_empty) {
                if std::mem::take(&mut told) != Told::default() {
                    self.write(&told);
                }
                waiting.clear();
                continue;
            }
            let before = told.clone();
            waiting.extend(told.look(&self.sight(&revision.set)));
            if told != before {
                self.write(&told);
            }
            while waiting.len() > MOST {
                waiting.pop_front();
            }
            self.accept(&mut waiting, &revision.set).await;
        }
    }

    /// What is so now. Nothing is seen of the routes of alerts and of where these send to, so that no alert makes another.
    fn sight(&self, set: &RouteSet) -> Sight {
        let now = self.clock.now();
        let own = set.routes.get(OWN_SOURCE).map(Vec::as_slice).unwrap_or_default();
        let quiet: BTreeSet<&Arc<str>> = own
            .iter()
            .flat_map(|route| route.lookup.iter().map(|step| &step.connection).chain(connections(route)))
            .map(|connection| &connection.name)
            .collect();
        let routes = set.all_routes().filter(|route| *route.source != *OWN_SOURCE);
        let routes = routes.map(|route| (route.name.clone(), self.figures.route_lately(&route.name, MINUTES, now)));
        let connections = set.connections.keys().filter(|name| !quiet.contains(name));
        Sight {
            now,
            routes: routes.collect(),
            connections: connections.map(|name| (name.clone(), self.stand(name))).collect(),
            refused: self.refused(),
            trouble: self.store.trouble().map(|trouble| trouble.to_string()),
        }
    }

    fn stand(&self, name: &Arc<str>) -> Stand {
        let outlook = self.outlook.of(name);
        let shut = outlook.down.map(|(since, _)| (since, false)).or(outlook.refused.map(|(since, _)| (since, true)));
        Stand { shut, answered: self.figures.connection_totals(name).answered() }
    }

    fn refused(&self) -> Option<(u64, String)> {
        let (_, _, last) = self.reloads.so_far();
        let problems = last.filter(|last| !last.taken)?.problems;
        let problems = problems.as_array()?;
        let errors: Vec<_> =
            problems.iter().filter(|one| one.get("severity").is_some_and(|it| it == "error")).collect();
        let first = errors.first().map(|problem| described(problem)).unwrap_or_default();
        Some((errors.len() as u64, first))
    }

    async fn accept(&self, waiting: &mut VecDeque<Alert>, set: &RouteSet) {
        while let Some(alert) = waiting.front() {
            let now = self.clock.now();
            let raw = Arc::new(alert.request());
            if is_wanted(set, &raw, now) {
                let source: Arc<str> = OWN_SOURCE.into();
                let (params, id) = (Value::object(Vec::<(&str, Value)>::new()), EventId::new());
                let new = NewEvents { source: source.clone(), received_at: now, raw, params, ids: vec![id] };
                if let Err(error) = self.store.accept(new).await {
                    tracing::warn!(%error, kind = alert.kind, "an alert can't be stored now; it is tried again");
                    return;
                }
                tracing::info!(event = %id, kind = alert.kind, "an alert");
                self.figures.accepted(&source, 1, None, now);
                self.accepted.notify_one();
            }
            waiting.pop_front();
        }
    }

    /// What an earlier life has told. Where it can't be read, it is told again.
    fn told_before(&self) -> Told {
        let text = std::fs::read(self.data.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).map(|value| Told::from_json(&value)).unwrap_or_default()
    }

    fn write(&self, told: &Told) {
        if let Err(error) = std::fs::write(self.data.join(FILE), format!("{}\n", told.to_json())) {
            tracing::warn!(kind = %error.kind(), "what was told can't be written now; after a restart it is told again");
        }
    }
}

/// Whether a route takes it: what none takes is not kept, as it came from nobody.
fn is_wanted(set: &RouteSet, raw: &Arc<RawRequest>, now: Timestamp) -> bool {
    let verified = test_case::assumed(RawRequest::clone(raw));
    let events = Source::own().events(&verified, &Value::Null, now).unwrap_or_default();
    let results = events.iter().flat_map(|event| pipeline::run(set, event));
    results.into_iter().any(|routed| !matches!(routed.result, RouteResult::NotMatched | RouteResult::NotNeeded))
}

/// The connections that a route's deliveries call.
fn connections(route: &Route) -> impl Iterator<Item = &Arc<Connection>> {
    route.sends.iter().flat_map(|send| send.steps.iter().map(|step| &step.connection).chain([&send.connection]))
}

/// A problem of the files in a line: the place and what is wrong there.
fn described(problem: &serde_json::Value) -> String {
    let text =
        |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let message = text(problem.get("message"));
    let Some(place) = problem.get("places").and_then(|places| places.get(0)) else { return message };
    let number = |key: &str| place.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
    format!("{}:{}:{}: {message}", text(place.get("file")), number("line"), number("column"))
}

//! `/metrics`: how the server does, as Prometheus reads it (text format 0.0.4). It is written from what is counted anyway;
//! the names in labels are those of the workspace that serves, so that there are no more of them than it has.

mod process;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State as Given;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{Admin, unavailable};
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::figures::{ConnectionTotals, Ends, RouteTotals};
use crate::refusal::{Reason, TurnedAway};
use crate::route::RouteSet;
use crate::store::{self, Backlog, Counts, StoreError};
use text::Page;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(Given(admin): Given<Admin>) -> Response {
    match written(&admin).await {
        Ok(page) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not say what waits");
            unavailable(error)
        }
    }
}

async fn written(admin: &Admin) -> Result<String, StoreError> {
    let (counts, backlog) = (admin.store.counts().await?, admin.store.backlog().await?);
    let revision = admin.live.now();
    let mut page = Page::default();
    requests(&mut page, admin, &revision.set);
    routes(&mut page, admin, &revision.set);
    connections(&mut page, admin, &revision.set);
    waiting(&mut page, &revision.set, &backlog, admin.clock.now());
    stored(&mut page, admin, &counts);
    server(&mut page, admin, &revision.set);
    process::told(&mut page, admin.started_at);
    Ok(page.into_text())
}

/// What came in, and what its senders were answered.
fn requests(page: &mut Page, admin: &Admin, set: &RouteSet) {
    page.counter("jackfield_events_accepted_total", "Events that were stored and acknowledged, by source.");
    for source in set.sources.keys() {
        page.value(&[("source", source)], admin.figures.source_total(source));
    }
    refused(page, admin, set);
    page.counter("jackfield_handshakes_total", "Challenges of senders that were answered.");
    page.value(&[], admin.tally.handshakes());
    let help = "From the last byte of a request to the answer, for requests that were accepted.";
    page.histogram("jackfield_answer_duration_seconds", help);
    page.classes(&[], &admin.figures.answered());
}

/// What was refused: by source where one was meant that serves, and without a source where none was.
fn refused(page: &mut Page, admin: &Admin, set: &RouteSet) {
    page.counter("jackfield_requests_refused_total", "Requests that were not taken, by reason and source.");
    let of_sources: Vec<_> = set.sources.keys().map(|source| (source, admin.tally.turned_away(source))).collect();
    for reason in Reason::ALL {
        let all = admin.tally.counts().find(|(known, _)| known == reason).map_or(0, |(_, count)| count);
        let of = |own: &Option<TurnedAway>| own.as_ref().map_or(0, |own| own.of(*reason));
        let owned: u64 = of_sources.iter().map(|(_, own)| of(own)).sum();
        page.value(&[("reason", reason.word())], all.saturating_sub(owned));
        // A series that begins with its first refusal would hide it; the others are too many to be there from the start.
        let is_told = |own: &Option<TurnedAway>| *reason == Reason::VerificationFailed || of(own) > 0;
        for (source, own) in of_sources.iter().filter(|(_, own)| is_told(own)) {
            page.value(&[("reason", reason.word()), ("source", source)], of(own));
        }
    }
}

/// What routes made of events, and what became of their deliveries.
fn routes(page: &mut Page, admin: &Admin, set: &RouteSet) {
    let all: Vec<_> = set.all_routes().map(|route| (route, admin.figures.route_totals(&route.name))).collect();
    page.counter("jackfield_events_routed_total", "Events that a route took, by what it made of them.");
    for (route, totals) in &all {
        let RouteTotals { taken, duplicates, failed, .. } = totals;
        for (result, count) in [("taken", taken), ("duplicate", duplicates), ("failed", failed)] {
            page.value(&[("route", &route.name), ("result", result)], *count);
        }
    }
    page.counter("jackfield_events_unmatched_total", "Events that no route took.");
    page.value(&[], admin.figures.unmatched_total());
    page.counter("jackfield_deliveries_total", "Deliveries that ended, or came to wait for a person, by their state.");
    for (route, totals) in &all {
        let connections: BTreeSet<&Arc<str>> = route.sends.iter().map(|send| &send.connection.name).collect();
        for connection in connections {
            let known = totals.deliveries.iter().find(|(name, _)| name == connection);
            let Ends { delivered, accepted, dead, held } = known.map(|(_, ends)| *ends).unwrap_or_default();
            let states =
                [(State::Delivered, delivered), (State::Accepted, accepted), (State::Dead, dead), (State::Held, held)];
            for (state, count) in states {
                let labels = [("route", &*route.name), ("connection", connection), ("state", state.word())];
                page.value(&labels, count);
            }
        }
    }
}

/// What the calls of each connection came to, and how it stands.
fn connections(page: &mut Page, admin: &Admin, set: &RouteSet) {
    let totals = |name: &Arc<str>| (name.clone(), admin.figures.connection_totals(name));
    let all: Vec<(Arc<str>, ConnectionTotals)> = set.connections.keys().map(totals).collect();
    page.counter("jackfield_attempts_total", "Calls of providers, by what they came to.");
    for (name, totals) in &all {
        for (outcome, count) in &totals.calls {
            page.value(&[("connection", name), ("outcome", outcome)], *count);
        }
    }
    page.histogram("jackfield_attempt_duration_seconds", "What a call of a provider takes.");
    all.iter().for_each(|(name, totals)| page.classes(&[("connection", name)], &totals.calling));
    page.histogram("jackfield_delivery_duration_seconds", "From accepting an event to its delivery.");
    all.iter().for_each(|(name, totals)| page.classes(&[("connection", name)], &totals.delivering));
    page.gauge("jackfield_connection_state", "How a connection stands: 1 for the state that it is in.");
    let stands = (admin.connections)();
    for (name, _) in &all {
        let now = state(stands.get(&**name));
        for state in ["works", "paused", "down", "refused"] {
            page.value(&[("connection", name), ("state", state)], u64::from(state == now));
        }
    }
}

/// The state of a connection as it is shown to the operator.
fn state(stands: Option<&serde_json::Value>) -> &'static str {
    let has = |key: &str| stands.and_then(|stands| stands.get(key)).is_some_and(|value| !value.is_null());
    match (has("refused_since"), has("down_since"), has("paused_until")) {
        (true, _, _) => "refused",
        (_, true, _) => "down",
        (_, _, true) => "paused",
        _ => "works",
    }
}

/// What waits, and for how long.
fn waiting(page: &mut Page, set: &RouteSet, backlog: &Backlog, now: Timestamp) {
    let of = |name: &Arc<str>| backlog.connections.get(name);
    page.gauge("jackfield_backlog_deliveries", "Deliveries that are not done and go on by themselves.");
    for name in set.connections.keys() {
        page.value(&[("connection", name)], of(name).map_or(0, |waiting| waiting.count));
    }
    page.gauge("jackfield_backlog_oldest_age_seconds", "How old the oldest of these is; 0 where there is none.");
    for name in set.connections.keys() {
        let age = of(name).map_or(0.0, |waiting| waiting.since.until(now).as_secs_f64());
        page.value(&[("connection", name)], age);
    }
    page.gauge(
        "jackfield_unrouted_oldest_age_seconds",
        "How old the oldest event is that is not routed; 0 without any.",
    );
    page.value(&[], backlog.unrouted_since.map_or(0.0, |since| since.until(now).as_secs_f64()));
}

/// What the store holds, and how it does.
fn stored(page: &mut Page, admin: &Admin, counts: &Counts) {
    page.gauge("jackfield_unrouted_events", "Events that no routes have seen yet.");
    page.value(&[], counts.unrouted);
    page.gauge("jackfield_stored_events", "Events in the store.");
    page.value(&[], counts.events);
    page.gauge("jackfield_stored_deliveries", "Deliveries in the store, by their state.");
    State::ALL.into_iter().for_each(|state| page.value(&[("state", state.word())], counts.deliveries(state)));
    page.gauge("jackfield_dead_letters", "What failed and is kept until a person looks, by its kind.");
    let letters =
        [("dead", counts.deliveries(State::Dead)), ("held", counts.deliveries(State::Held)), ("failed", counts.failed)];
    letters.into_iter().for_each(|(kind, count)| page.value(&[("kind", kind)], count));
    page.gauge("jackfield_store_size_bytes", "The files of the store, its log included.");
    page.value(&[], store::size(&admin.data));
    page.gauge("jackfield_store_trouble", "1 while the store takes no event, or the last write failed.");
    page.value(&[], u64::from(admin.store.trouble().is_some()));
}

/// What serves, and how the changes of its files went.
fn server(page: &mut Page, admin: &Admin, set: &RouteSet) {
    let (taken, refused, last) = admin.reloads.so_far();
    page.counter("jackfield_reloads_total", "Changes of the files, by whether they went live.");
    page.value(&[("result", "taken")], taken);
    page.value(&[("result", "refused")], refused);
    page.gauge("jackfield_reload_refused", "1 while the files have problems, and the routes from before serve.");
    page.value(&[], u64::from(last.as_ref().is_some_and(|last| !last.taken)));
    page.gauge("jackfield_reload_timestamp_seconds", "When the files were read last after a change; 0 before any.");
    page.value(&[], last.map_or(0.0, |last| seconds(last.at)));
    page.gauge("jackfield_routes", "Routes that serve.");
    page.value(&[], set.all_routes().count() as u64);
    page.gauge("jackfield_ready", "1 while the server is ready, as /readyz says it.");
    let is_ready = admin.ready.load(Ordering::Relaxed) && admin.store.trouble().is_none();
    page.value(&[], u64::from(is_ready));
    page.gauge("jackfield_build_info", "The version that runs.");
    page.value(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
}

/// A moment as Prometheus writes it.
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1000.0
}

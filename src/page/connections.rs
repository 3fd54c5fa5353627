//! The connections and how each stands, and the addresses for senders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::standing::Stand;
use super::{Asked, Page, senders};
use crate::clock::Timestamp;
use crate::delivery;
use crate::figures::Window;
use crate::pack::Connection;
use crate::route::{Route, RouteSet};
use crate::source::{OWN_SOURCE, Source};

/// So many of the newest events are looked at, for when each source brought one.
const NEWEST: usize = 500;
/// A connection has failures when a try of the last minutes failed: so many.
const LATELY: u32 = 10;
/// The same when fewer of what is done went well.
const WELL: f64 = 0.95;

pub(super) fn router() -> Router<Page> {
    Router::new().route("/connections", get(connections))
}

/// How one connection stands, and what it did within a window.
pub(super) struct Health {
    pub name: Arc<str>,
    provider: Arc<str>,
    /// `down`, `paused`, `slow`, `works` or `unused`.
    pub state: &'static str,
    /// Since when it is down.
    pub since: Option<String>,
    asked_again: Option<String>,
    paused_until: Option<String>,
    waiting: u64,
    oldest: Option<Timestamp>,
    delivered: u32,
    success: Option<f64>,
    latency_ms: Option<u64>,
}

impl Health {
    /// Those of the revision that serves, in alphabetical order.
    pub fn of_all(page: &Page, stand: &Stand, window: Window) -> Vec<Health> {
        let (stands, revision) = ((page.admin.connections)(), page.admin.live.now());
        let one =
            |connection: &Arc<Connection>| Health::of(page, stand, connection, &stands[&*connection.name], window);
        revision.set.connections.values().map(one).collect()
    }

    fn of(page: &Page, stand: &Stand, connection: &Connection, stands: &Json, window: Window) -> Health {
        let (figures, now) = (&page.admin.figures, page.admin.clock.now());
        let at = |key: &str| stands[key].as_str().map(str::to_owned);
        let since = at("down_since").or_else(|| at("refused_since"));
        let done = figures.connection(&connection.name, window, now);
        let (waiting, oldest) = stand.waiting_for(&connection.name);
        let is_slow = || {
            let lately = figures.connection_lately(&connection.name, LATELY, now).counts.failed > 0;
            lately || done.success().is_some_and(|share| share < WELL)
        };
        let state = match () {
            () if since.is_some() => "down",
            () if at("paused_until").is_some() => "paused",
            () if is_slow() => "slow",
            () if done.last_at.is_none() && waiting == 0 => "unused",
            () => "works",
        };
        Health {
            name: connection.name.clone(),
            provider: connection.pack.title.clone(),
            state,
            asked_again: at("asked_again").filter(|_| since.is_some()),
            since,
            paused_until: at("paused_until"),
            waiting,
            oldest,
            delivered: done.counts.delivered,
            success: done.success(),
            latency_ms: done.latency.map(|latency| latency.half_ms),
        }
    }

    /// For the overview.
    pub fn brief(&self) -> Json {
        json!({
            "name": &*self.name,
            "provider": &*self.provider,
            "state": self.state,
            "since": self.since,
            "waiting": self.waiting,
            "success": self.success,
            "latency_ms": self.latency_ms,
        })
    }
}

async fn connections(State(page): State<Page>, asked: Asked) -> Response {
    let stand = match page.stand().await {
        Ok(stand) => stand,
        Err(error) => return page.not_told(&asked, error),
    };
    let revision = page.admin.live.now();
    let health = Health::of_all(&page, &stand, Window::Day);
    let shown = health.iter().filter_map(|one| whole(one, &stand, &revision.set)).collect::<Vec<_>>();
    let last = last_events(&page, &revision.set).await;
    let sources = revision.set.sources.values().filter(|source| &*source.name != OWN_SOURCE);
    let sources: Vec<Json> =
        sources.map(|source| address(&page, source, &revision.set, last.get(&source.name))).collect();
    page.show(&asked, "connections.html", "connections", json!({ "connections": shown, "sources": sources }))
}

fn whole(health: &Health, stand: &Stand, set: &RouteSet) -> Option<Json> {
    let connection = set.connections.get(&health.name)?;
    let mut shown = health.brief();
    let routes = set.all_routes().filter(|route| uses(route, &health.name)).map(|route| &*route.name);
    let more = json!({
        "base_url": &*connection.base_url,
        "asked_again": health.asked_again,
        "paused_until": health.paused_until,
        "oldest": health.oldest.map(|at| at.to_string()),
        "delivered": health.delivered,
        "limits": connection.rate_limits.iter().map(limit).collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
        "dead": stand.kept_of(&health.name, delivery::State::Dead),
        "held": stand.kept_of(&health.name, delivery::State::Held),
    });
    if let (Some(shown), Json::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    Some(shown)
}

/// Whether a route sends to a connection, or asks it for something first.
fn uses(route: &Route, connection: &str) -> bool {
    let steps = route.lookup.iter().chain(route.sends.iter().flat_map(|send| &send.steps));
    let mut all = steps.map(|step| &step.connection).chain(route.sends.iter().map(|send| &send.connection));
    all.any(|used| &*used.name == connection)
}

/// So many requests in `amount` of a `unit`, as a provider says it: ten a `second`, or 200 in 10 `seconds`.
fn limit((requests, per): &(u64, Duration)) -> Json {
    let seconds = per.as_secs_f64();
    let units =
        [("day", "days", 86_400.0), ("hour", "hours", 3600.0), ("minute", "minutes", 60.0), ("second", "seconds", 1.0)];
    let whole = units.iter().find(|(_, _, size)| seconds >= *size && (seconds / size).fract() == 0.0);
    let (unit, amount) = match whole {
        Some((one, _, size)) if seconds == *size => (*one, 1.0),
        Some((_, many, size)) => (*many, seconds / size),
        None => ("seconds", seconds),
    };
    let amount = if amount.fract() == 0.0 { json!(amount as u64) } else { json!(amount) };
    json!({ "requests": requests, "amount": amount, "unit": unit })
}

fn address(page: &Page, source: &Source, set: &RouteSet, last_at: Option<&Timestamp>) -> Json {
    let routes = set.routes.get(&source.name).into_iter().flatten().map(|route| &*route.name);
    json!({
        "address": senders::address(set, source),
        "key": senders::secret_in_query(&source.verify),
        "name": &*source.name,
        "routes": routes.collect::<Vec<_>>(),
        "proof": senders::proof(&source.verify),
        "turned_away": senders::turned_away(page, source),
        "last_at": last_at.map(|at| at.to_string()),
    })
}

/// When the newest event of each source came: as the figures know it, which are younger than some stores; else among the
/// newest events.
async fn last_events(page: &Page, set: &RouteSet) -> BTreeMap<Arc<str>, Timestamp> {
    let counted = |source: &Arc<str>| Some((source.clone(), page.admin.figures.source_last(source)?));
    let mut found: BTreeMap<_, _> = set.sources.keys().filter_map(counted).collect();
    if found.len() < set.sources.len() {
        for event in page.admin.store.recent_events(NEWEST).await.unwrap_or_default() {
            found.entry(event.source).or_insert(event.received_at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_providers_tell_them() {
        let cases = [
            ((10, 1), (1, "second")),
            ((60, 60), (1, "minute")),
            ((200, 10), (10, "seconds")),
            ((1, 3600), (1, "hour")),
            ((500, 7200), (2, "hours")),
        ];
        for ((requests, seconds), (amount, unit)) in cases {
            let wanted = json!({ "requests": requests, "amount": amount, "unit": unit });
            assert_eq!(limit(&(requests, Duration::from_secs(seconds))), wanted);
        }
        assert_eq!(limit(&(3, Duration::from_millis(1500)))["amount"], 1.5);
    }
}

//! What needs a person, the worst first.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::delivery::State;
use crate::figures::Window;
use crate::page::Page;
use crate::page::connections::Health;
use crate::page::standing::Stand;
use crate::refusal::TurnedAway;

/// So many routes and connections are named of those that fail.
const NAMED: usize = 10;
/// What was refused longer ago is forgotten.
const LATELY: Duration = Duration::from_secs(24 * 3600);

/// All that does. `last` is the last reload.
pub(super) fn all(page: &Page, stand: &Stand, health: &[Health], last: &Json) -> Vec<Json> {
    let mut found: Vec<Json> = Vec::new();
    found.extend(page.admin.store.trouble().map(|_| need("store", "bad", 1, None, None, "/api/status")));
    found.extend(reload(last));
    found.extend(connections(health));
    found.extend(failing(page));
    found.extend(turned_away(page));
    found.extend(kept(stand, State::Dead, "dead", "bad", "/dead-letters"));
    let failed = stand.counts.failed;
    found.extend((failed > 0).then(|| need("failed", "bad", failed, None, None, "/dead-letters?kind=failed")));
    found.extend(kept(stand, State::Held, "held", "warn", "/dead-letters?kind=held"));
    found
}

fn need(what: &str, tone: &str, count: u64, name: Option<&str>, since: Option<&str>, href: &str) -> Json {
    json!({ "what": what, "tone": tone, "count": count, "name": name, "since": since, "href": href })
}

fn reload(last: &Json) -> Option<Json> {
    let problems = last["problems"].as_array().filter(|_| last["taken"] == false)?;
    Some(need("reload", "bad", problems.len() as u64, None, last["at"].as_str(), "#reload"))
}

fn connections(health: &[Health]) -> impl Iterator<Item = Json> {
    let down = health.iter().filter(|one| one.state == "down").take(NAMED);
    down.map(|one| {
        need("connection", "bad", 1, Some(&one.name), one.since.as_deref(), &format!("/connections#{}", one.name))
    })
}

/// Routes of which most deliveries of the last hour were given up.
fn failing(page: &Page) -> Vec<Json> {
    let (revision, now) = (page.admin.live.now(), page.admin.clock.now());
    let fails = |name: &str| page.admin.figures.route(name, Window::Hour, now).mostly_fails();
    let failing = revision.set.all_routes().filter(|route| fails(&route.name)).take(NAMED);
    failing.map(|route| need("route", "bad", 1, Some(&route.name), None, &format!("/routes/{}", route.name))).collect()
}

/// Sources at which nothing came in since something was refused, lately: a sender that is well set up is not among them, whoever
/// else knocks there.
fn turned_away(page: &Page) -> Vec<Json> {
    let (revision, now) = (page.admin.live.now(), page.admin.clock.now());
    let is_unheard = |source: &str, away: &TurnedAway| {
        let last = page.admin.figures.source_last(source);
        away.at.until(now) < LATELY && last.is_none_or(|last| last < away.at)
    };
    let found = revision.set.sources.keys().filter_map(|name| Some((name, page.admin.tally.turned_away(name)?)));
    // Too much to do is no fault of the sender.
    let found = found.filter(|(name, away)| !away.reason.is_for_now() && is_unheard(name, away)).take(NAMED);
    let told = |(name, away): (&Arc<str>, TurnedAway)| {
        need("turned_away", "warn", away.count(), Some(name), Some(&away.at.to_string()), "/connections#addresses")
    };
    found.map(told).collect()
}

fn kept(stand: &Stand, state: State, what: &str, tone: &str, href: &str) -> Option<Json> {
    let count = stand.counts.deliveries(state);
    let since = stand.since(state).map(|at| at.to_string());
    (count > 0).then(|| need(what, tone, count, None, since.as_deref(), href))
}

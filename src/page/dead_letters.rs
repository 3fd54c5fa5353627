//! What failed, and what waits for a person.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::places::{Place, with_fields};
use super::story::{delivery_to, stored_problem};
use super::{Asked, Fields, Page, became, events};
use crate::admin::reason;
use crate::delivery::State as Where;
use crate::store::{
    Counts, EventStory, Filter, ReplayEvents, StoreError, StoredAttempt, StoredDelivery, StoredOutcome, StoredResult,
};

/// So many stand on a page.
const ON_A_PAGE: usize = 50;
/// No more are counted one by one.
const MOST: usize = 10_000;
/// So many of what only a look at each can tell.
const COUNTED: usize = 1_000;

pub(super) fn router() -> Router<Page> {
    Router::new().route("/dead-letters", get(list))
}

/// What is shown.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dead,
    Held,
    /// Events that a route could not use.
    Failed,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Dead, Kind::Held, Kind::Failed];

    fn word(self) -> &'static str {
        match self {
            Kind::Dead => "dead",
            Kind::Held => "held",
            Kind::Failed => "failed",
        }
    }

    fn of(word: Option<&str>) -> Self {
        Kind::ALL.into_iter().find(|kind| Some(kind.word()) == word).unwrap_or(Kind::Dead)
    }

    fn href(self) -> String {
        with_fields("/dead-letters", [("kind", if self == Kind::Dead { "" } else { self.word() })])
    }

    fn count(self, counts: &Counts) -> u64 {
        match self {
            Kind::Dead => counts.deliveries(Where::Dead),
            Kind::Held => counts.deliveries(Where::Held),
            Kind::Failed => counts.failed,
        }
    }

    fn actions(self) -> &'static [&'static str] {
        match self {
            Kind::Dead | Kind::Failed => &["replay", "dismiss"],
            Kind::Held => &["release", "replay", "dismiss"],
        }
    }
}

/// Those of a page, how many there are in all, and where the next page begins.
struct Letters {
    listed: Vec<Json>,
    total: usize,
    /// There are more than that.
    more: bool,
    next: Option<i64>,
}

async fn list(State(page): State<Page>, asked: Asked) -> Response {
    match view(&page, &asked.query()).await {
        Ok(view) => page.show(&asked, "dead-letters.html", "dead_letters", view),
        Err(error) => page.not_told(&asked, error),
    }
}

async fn view(page: &Page, fields: &Fields) -> Result<Json, StoreError> {
    let kind = Kind::of(fields.get("kind"));
    let [route, connection] = ["route", "connection"].map(|key| fields.get(key).unwrap_or(""));
    let connection = if kind == Kind::Failed { "" } else { connection };
    let place = Place::of(fields.get("before"));
    let counts = page.admin.store.counts().await?;
    let letters = match kind {
        Kind::Failed => failed(page, route, place.before()).await?,
        _ => deliveries(page, kind, [route, connection], place.before(), kind.count(&counts)).await?,
    };
    let kinds = Kind::ALL.map(|kind| json!({ "kind": kind.word(), "count": kind.count(&counts), "href": kind.href() }));
    let through = if kind == Kind::Failed { "on" } else { "" };
    let all = |action: &str| {
        let through = if action == "replay" { through } else { "" };
        let fields =
            [("state", kind.word()), ("through_routes", through), ("route", route), ("connection", connection)];
        with_fields(&format!("/{action}"), fields)
    };
    let actions = kind.actions().iter();
    let actions = actions.map(|action| json!({ "action": action, "path": format!("/{action}"), "all": all(action) }));
    let said =
        [("kind", if kind == Kind::Dead { "" } else { kind.word() }), ("route", route), ("connection", connection)];
    Ok(json!({
        "kind": kind.word(),
        "kinds": kinds,
        "filter": { "route": route, "connection": connection },
        "routes": events::routes(page),
        "connections": events::connections(page),
        "total": letters.total,
        "more": letters.more,
        "letters": letters.listed,
        "actions": actions.collect::<Vec<_>>(),
        "pages": place.pages(&with_fields("/dead-letters", said), letters.next),
    }))
}

fn name(text: &str) -> Option<std::sync::Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

async fn deliveries(
    page: &Page,
    kind: Kind,
    [route, connection]: [&str; 2],
    before: Option<i64>,
    all: u64,
) -> Result<Letters, StoreError> {
    let store = &page.admin.store;
    let state = if kind == Kind::Held { Where::Held } else { Where::Dead };
    let filter = Filter {
        states: vec![state],
        route: name(route),
        connection: name(connection),
        before_seq: before,
        ..Filter::default()
    };
    let mut found = store.deliveries(filter.clone(), ON_A_PAGE + 1).await?;
    let is_more = found.len() > ON_A_PAGE;
    found.truncate(ON_A_PAGE);
    let is_all = route.is_empty() && connection.is_empty();
    let total = match (is_all, is_more || before.is_some()) {
        (true, _) => usize::try_from(all).unwrap_or(usize::MAX),
        (false, true) => store.deliveries(Filter { before_seq: None, ..filter }, COUNTED + 1).await?.len(),
        (false, false) => found.len(),
    };
    let asked = found.iter().map(|delivery| delivery.seq).collect();
    let calls: std::collections::HashMap<i64, StoredAttempt> = store.last_calls(asked).await?.into_iter().collect();
    let listed = found.iter().map(|delivery| letter(delivery, calls.get(&delivery.seq))).collect();
    let more = !is_all && total > COUNTED;
    let total = if more { COUNTED } else { total };
    Ok(Letters { listed, total, more, next: found.last().map(|delivery| delivery.seq).filter(|_| is_more) })
}

fn letter(delivery: &StoredDelivery, call: Option<&StoredAttempt>) -> Json {
    let last = call.map(|call| {
        json!({ "result": call.result, "status": call.status, "reason": reason::of_answer(&call.answer),
            "trouble": call.trouble })
    });
    json!({
        "id": delivery.id.to_string(),
        "state": delivery.state.word(),
        "route": &*delivery.route,
        "to": delivery_to(delivery),
        "at": delivery.created_at.to_string(),
        "attempts": delivery.attempts,
        "last": last,
        "problem": delivery.problem.as_deref().map(stored_problem),
        "href": format!("/deliveries/{}", delivery.id),
    })
}

/// Events of which a route could make nothing.
async fn failed(page: &Page, route: &str, before: Option<i64>) -> Result<Letters, StoreError> {
    let store = &page.admin.store;
    let meant = ReplayEvents { unmade: true, newest: true, limit: MOST, route: name(route), ..ReplayEvents::default() };
    let mut seqs = store.chosen(meant).await?;
    let total = seqs.len();
    seqs.retain(|seq| before.is_none_or(|before| *seq < before));
    let is_more = seqs.len() > ON_A_PAGE;
    seqs.truncate(ON_A_PAGE);
    let next = seqs.last().copied().filter(|_| is_more);
    let stories = store.briefs(seqs).await?;
    let listed = stories.iter().filter_map(|story| failure(story, route)).collect();
    Ok(Letters { listed, total, more: total >= MOST, next })
}

/// An event with the first route that could not use it.
fn failure(story: &EventStory, route: &str) -> Option<Json> {
    let of_route = |outcome: &&StoredOutcome| route.is_empty() || *outcome.route == *route;
    let (route, problem) = became::current(story).filter(of_route).find_map(|outcome| match &outcome.result {
        StoredResult::Failed { problem } => Some((&outcome.route, problem)),
        _ => None,
    })?;
    Some(json!({
        "id": story.event.id.to_string(),
        "state": "failed",
        "route": &**route,
        "to": null,
        "at": story.event.received_at.to_string(),
        "attempts": 0,
        "last": null,
        "problem": stored_problem(problem),
        "href": format!("/events/{}", story.event.id),
    }))
}

//! What is sent again, let go on or dismissed: counted first, and done when whoever asked has seen the count.

mod groups;
mod meant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::{Asked, Fields, Notice, Page};
use crate::admin::{Deed, asked_for, deed};
use crate::store::StoreError;
use groups::Groups;
use meant::Meant;

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route("/replay", get(ask_replay).post(do_replay))
        .route("/release", get(ask_release).post(do_release))
        .route("/dismiss", get(ask_dismiss).post(do_dismiss))
}

async fn ask_replay(State(page): State<Page>, headers: HeaderMap, asked: Asked) -> Response {
    ask(&page, &asked, Deed::Replay, &headers).await
}

async fn ask_release(State(page): State<Page>, headers: HeaderMap, asked: Asked) -> Response {
    ask(&page, &asked, Deed::Release, &headers).await
}

async fn ask_dismiss(State(page): State<Page>, headers: HeaderMap, asked: Asked) -> Response {
    ask(&page, &asked, Deed::Dismiss, &headers).await
}

async fn do_replay(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    done(&page, &asked, Deed::Replay, fields).await
}

async fn do_release(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    done(&page, &asked, Deed::Release, fields).await
}

async fn do_dismiss(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    done(&page, &asked, Deed::Dismiss, fields).await
}

pub(super) async fn api_replay(State(page): State<Page>, headers: HeaderMap, body: Bytes) -> Response {
    asked_for(page.admin.clone(), Deed::Replay, headers, body).await
}

pub(super) async fn api_release(State(page): State<Page>, headers: HeaderMap, body: Bytes) -> Response {
    asked_for(page.admin.clone(), Deed::Release, headers, body).await
}

pub(super) async fn api_dismiss(State(page): State<Page>, headers: HeaderMap, body: Bytes) -> Response {
    asked_for(page.admin.clone(), Deed::Dismiss, headers, body).await
}

/// What is meant, counted.
#[derive(Debug)]
struct Counted {
    /// Events, and no deliveries.
    is_of_events: bool,
    ids: Vec<String>,
    /// Of events: how many of their deliveries the provider has.
    delivered: u64,
    /// Those that stay held, since nobody knows whether the provider has them.
    left_out: u64,
}

impl Counted {
    fn of(told: &Json) -> Self {
        let number = |key: &str| told[key].as_u64().unwrap_or(0);
        let ids = told["ids"].as_array().into_iter().flatten();
        Counted {
            is_of_events: number("deliveries") == 0 && told["events"].is_number(),
            ids: ids.filter_map(Json::as_str).map(str::to_owned).collect(),
            delivered: number("delivered"),
            left_out: number("left_out"),
        }
    }

    fn count(&self) -> u64 {
        self.ids.len() as u64
    }
}

async fn ask(page: &Page, asked: &Asked, what: Deed, headers: &HeaderMap) -> Response {
    let fields = asked.query();
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let back = meant::back(&fields, from, host);
    match view(page, what, &fields, &back).await {
        Ok(view) => page.show(asked, "confirm.html", "dead_letters", view),
        Err(error) => page.not_told(asked, error),
    }
}

async fn view(page: &Page, what: Deed, fields: &Fields, back: &str) -> Result<Json, StoreError> {
    match counted(page, what, &Meant::of(what, fields)).await? {
        Ok(counted) => shown(page, what, fields, back, &counted).await,
        Err(problem) => Ok(refused(what, back, &problem)),
    }
}

/// How many are meant; or why it can't be done.
async fn counted(page: &Page, what: Deed, meant: &Meant) -> Result<Result<Counted, String>, StoreError> {
    let body = match meant {
        Meant::Nothing => return Ok(Ok(Counted::of(&Json::Null))),
        Meant::Wrong(problem) => return Ok(Err(problem.clone())),
        Meant::These(body) => body.clone(),
        // The events of deliveries that are meant by what they are of.
        Meant::EventsOf(body) => match deed(&page.admin, what, &with(body, "dry_run", true.into())).await? {
            Ok(told) => through_routes(&Counted::of(&told)),
            Err(problem) => return Ok(Err(problem)),
        },
    };
    if body.get("ids").and_then(Json::as_array).is_some_and(Vec::is_empty) {
        return Ok(Ok(Counted::of(&Json::Null)));
    }
    let told = deed(&page.admin, what, &with(&body, "dry_run", true.into())).await?;
    Ok(told.as_ref().map(Counted::of).map_err(|problem| meant::for_page(problem)))
}

/// These deliveries' events, through the routes as they are now.
fn through_routes(deliveries: &Counted) -> Json {
    json!({ "ids": deliveries.ids, "routes": true })
}

fn with(body: &Json, key: &str, value: Json) -> Json {
    let mut body = body.clone();
    body[key] = value;
    body
}

async fn shown(page: &Page, what: Deed, fields: &Fields, back: &str, counted: &Counted) -> Result<Json, StoreError> {
    let groups = Groups::of(page, counted).await?;
    let (is_replay, is_of_events) = (what == Deed::Replay, counted.is_of_events);
    let mut says: Vec<Json> = Vec::new();
    let mut say = |what: &str, count: u64, tone: &str| says.push(json!({ "what": what, "count": count, "tone": tone }));
    if is_replay && counted.delivered > 0 {
        say("delivered_before", counted.delivered, "warn");
    }
    if is_replay && !is_of_events && groups.all_know_repetition() {
        say("knows_repetition", 0, "info");
    }
    if counted.left_out > 0 {
        say("unknown", counted.left_out, "warn");
    }
    let mut told = meant::fields(fields);
    if counted.left_out > 0 {
        told.push(["left_out".to_owned(), counted.left_out.to_string()]);
    }
    Ok(json!({
        "action": word(what),
        "of": if is_of_events { "events" } else { "deliveries" },
        "count": counted.count(),
        "back": back,
        "problem": null,
        "has_steps": is_replay && !is_of_events && groups.any_has_steps(),
        "has_unknown": counted.left_out,
        "says": says,
        "groups": groups.to_json(),
        "fields": told,
    }))
}

fn refused(what: Deed, back: &str, problem: &str) -> Json {
    json!({
        "action": word(what), "of": "deliveries", "count": 0, "back": back, "problem": problem, "has_steps": false,
        "has_unknown": 0, "says": [], "groups": [], "fields": [],
    })
}

fn word(what: Deed) -> &'static str {
    match what {
        Deed::Replay => "replay",
        Deed::Release => "release",
        Deed::Dismiss => "dismiss",
    }
}

async fn done(page: &Page, asked: &Asked, what: Deed, fields: Fields) -> Response {
    match carried_out(page, asked, what, &fields).await {
        Ok(Ok(notice)) => page.done(asked, fields.get("back").unwrap_or("/"), notice),
        Ok(Err(view)) => page.show(asked, "confirm.html", "dead_letters", view),
        Err(error) => page.not_told(asked, error),
    }
}

/// Does what was confirmed, to no more than were counted then; or shows it again.
async fn carried_out(
    page: &Page,
    asked: &Asked,
    what: Deed,
    fields: &Fields,
) -> Result<Result<Notice, Json>, StoreError> {
    let back = super::back::safe(fields.get("back").unwrap_or("/"));
    let number = |key: &str| fields.get(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let (seen, seen_left_out) = (number("count"), number("left_out"));
    let now = match counted(page, what, &Meant::of(what, fields)).await? {
        Ok(now) => now,
        Err(problem) => return Ok(Err(refused(what, back, &problem))),
    };
    let is_chosen = |key: &str| fields.all(key).any(|value| value == "on");
    let is_unknown = what != Deed::Dismiss && is_chosen("unknown");
    let is_none = now.count() == 0 && !(is_unknown && now.left_out > 0);
    if is_none || now.count() > seen || now.left_out > seen_left_out {
        return Ok(Err(shown(page, what, fields, back, &now).await?));
    }
    let mut body = match Meant::of(what, fields) {
        Meant::These(body) => body,
        _ => json!({ "ids": now.ids }),
    };
    body["last"] = (seen + if is_unknown { seen_left_out } else { 0 }).into();
    body["unknown"] = is_unknown.into();
    body["repeat_steps"] = is_chosen("repeat_steps").into();
    if let Some(note) = fields.get("note") {
        body["note"] = note.into();
    }
    if let Some(who) = &asked.who {
        body["by"] = who.as_str().into();
    }
    Ok(match deed(&page.admin, what, &body).await? {
        Ok(told) => Ok(notice(what, &told)),
        Err(problem) => Err(refused(what, back, &meant::for_page(&problem))),
    })
}

fn notice(what: Deed, told: &Json) -> Notice {
    let number = |key: &str| told[key].as_u64();
    let (deliveries, events) = (number("deliveries").unwrap_or(0), number("events").unwrap_or(0));
    match what {
        Deed::Replay if number("deliveries").is_none() => Notice::good("replayed_events").count(events),
        Deed::Replay => Notice::good("replayed").count(deliveries),
        Deed::Release => Notice::good("released").count(deliveries),
        Deed::Dismiss => Notice::good("dismissed").count(deliveries + events),
    }
}

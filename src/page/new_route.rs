//! A draft of a route, made of an event that nobody knew what to do with. Nothing of it is stored before it is saved.

use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::routes::{Action, Form, Target, drafted, look, text_of, work};
use super::rows::Rows;
use super::{Asked, Fields, Inner, Page};
use crate::compile::{Compiled, Documents};
use crate::event::capture;
use crate::first_draft::{self, Wanted};
use crate::id::EventId;
use crate::load::{self, Options};
use crate::pack::{Connection, Operation};
use crate::payload::{self, Format};
use crate::route::{Lookup, RouteSet};
use crate::store::EventStory;
use crate::value::Value;

pub(super) fn router() -> Router<Page> {
    Router::new().route("/new-route", get(ask).post(make))
}

/// What the form says.
#[derive(Clone, Debug, Default)]
struct Chosen {
    name: Option<String>,
    to: Option<String>,
    /// Why there is no draft.
    problem: Option<Hindrance>,
}

/// Why a draft can't be made.
#[derive(Clone, Debug)]
enum Hindrance {
    /// A file of that name is there already.
    Taken(String),
    /// Told in English, as diagnostics are.
    Other(String),
}

impl Hindrance {
    fn to_json(&self) -> Json {
        match self {
            Hindrance::Taken(file) => json!({ "taken": file, "message": null }),
            Hindrance::Other(message) => json!({ "taken": null, "message": message }),
        }
    }
}

async fn ask(State(page): State<Page>, asked: Asked) -> Response {
    // Without an event there is nothing to make a route of; where those are that wait for one is the place to begin.
    if asked.query().get("from").is_none() {
        return page.to("/unmatched");
    }
    let from = asked.query().get("from").unwrap_or_default().to_owned();
    shown(&page, &asked, &from, Chosen::default()).await
}

/// The event that a draft is made of.
async fn story(page: &Page, asked: &Asked, from: &str) -> Result<EventStory, Response> {
    let nothing = || page.refuse(asked, StatusCode::NOT_FOUND, "not_found");
    let id: EventId = from.parse().map_err(|_| nothing())?;
    let story = page.admin.store.event(id).await.map_err(|error| page.not_told(asked, error))?;
    story.ok_or_else(nothing)
}

async fn shown(page: &Page, asked: &Asked, from: &str, chosen: Chosen) -> Response {
    let story = match story(page, asked, from).await {
        Ok(story) => story,
        Err(answer) => return answer,
    };
    match look(page, move |page| view(page, &story, &chosen)).await {
        Some(view) => page.show(asked, "new-route.html", "unmatched", view),
        None => page.unavailable(asked),
    }
}

fn view(page: &Inner, story: &EventStory, chosen: &Chosen) -> Json {
    let revision = page.admin.live.now();
    let connections: Vec<Json> =
        revision.set.connections.values().map(|one| of_connection(one, &revision.documents)).collect();
    let payload = payload_of(&revision.set, story);
    let privacy = revision.set.sources.get(&story.event.source).map(|source| revision.set.privacy.and(&source.privacy));
    let privacy = privacy.unwrap_or_else(|| revision.set.privacy.clone());
    let rows = Rows::masked(&payload, 1, &privacy.masks(&payload));
    let name = chosen.name.clone().unwrap_or_else(|| free_name(&page.workspace.root, &story.event.source));
    let first = connections.iter().find_map(|one| one["operations"][0]["to"].as_str());
    json!({
        "from": story.event.id.to_string(),
        "name": name,
        "to": chosen.to.as_deref().or(first),
        "source": &*story.event.source,
        "received_at": story.event.received_at.to_string(),
        "problem": chosen.problem.as_ref().map(Hindrance::to_json),
        "payload": rows.to_json(),
        "connections": connections,
    })
}

/// A connection with what can be sent to it; what only asks is no delivery.
fn of_connection(connection: &Connection, documents: &Documents) -> Json {
    let pack = &connection.pack;
    let operation = |operation: &Operation| {
        json!({
            "to": format!("{}.{}", connection.name, operation.name),
            "description": description(documents, &pack.name, &operation.name),
        })
    };
    let sends = pack.operations.values().filter(|operation| !operation.only_asks());
    let operations: Vec<Json> = sends.map(|one| operation(one)).collect();
    json!({ "name": &*connection.name, "provider": &*pack.title, "operations": operations })
}

/// What a pack says of an operation.
fn description(documents: &Documents, pack: &str, operation: &str) -> Option<String> {
    let document = documents.0.get(format!("schemas/{pack}/pack.yaml").as_str())?;
    text_of(document.root.as_ref()?.get("operations")?.get(operation)?, "description")
}

/// The payload as its source reads it, or else as it looks.
fn payload_of(set: &RouteSet, story: &EventStory) -> Value {
    let raw = &story.event.raw;
    let read = match set.find(&raw.method, set.meant(raw.path())) {
        Lookup::Found(source, _) => source.payload(raw),
        Lookup::WrongMethod(_) | Lookup::Nothing => payload::decode(raw, Format::Auto),
    };
    read.unwrap_or_default()
}

/// A name like that of the source, which no route has yet.
fn free_name(root: &Path, source: &str) -> String {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let plain: String = source.to_lowercase().chars().map(|c| if is_good(c) { c } else { '-' }).collect();
    let plain = Some(plain.trim_matches(['-', '_'])).filter(|name| !name.is_empty()).unwrap_or("new-route").to_owned();
    let is_free = |name: &String| Target::route(name).is_some_and(|target| !target.is_taken(root));
    let others = (2..1000).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.clone()).chain(others).find(is_free).unwrap_or(plain)
}

async fn make(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    let text = |name: &str| fields.get(name).unwrap_or_default().trim().to_owned();
    let (from, name, to) = (text("from"), text("name"), text("to"));
    let story = match story(&page, &asked, &from).await {
        Ok(story) => story,
        Err(answer) => return answer,
    };
    let (wanted, given) = ((name.clone(), to.clone()), from.clone());
    let made = work(&page, &asked, move |page| draft_of(page, &wanted.0, &wanted.1, &story)).await;
    match made {
        Some(Ok((target, draft))) => {
            let form =
                Form { draft, from: given.clone(), sample: Some(given), action: Action::Choose, ..Form::default() };
            drafted(&page, &asked, target, form).await
        }
        Some(Err(problem)) => {
            let chosen = Chosen { name: Some(name), to: Some(to), problem: Some(problem) };
            shown(&page, &asked, &from, chosen).await
        }
        None => page.unavailable(&asked),
    }
}

/// The draft, and the file that it is to be; or why there is none.
fn draft_of(page: &Inner, name: &str, to: &str, story: &EventStory) -> Result<(Target, String), Hindrance> {
    first_draft::check_name(name).map_err(Hindrance::Other)?;
    let too_long = || Hindrance::Other(format!("`{name}` can't be the name of a route: it is too long"));
    let target = Target::route(name).ok_or_else(too_long)?;
    let root = &page.workspace.root;
    if target.is_taken(root) {
        return Err(Hindrance::Taken(target.file));
    }
    let compiled = compiled(page);
    let (raw, bytes) = (&*story.event.raw, capture::write(&story.event.raw));
    let sample = sample_file(root, name, &bytes);
    let draft =
        first_draft::make(&compiled, &Wanted { root, name, to, raw, sample: &sample }).map_err(Hindrance::Other)?;
    page.drafts.keep(&sample, bytes);
    Ok((target, draft.text))
}

fn compiled(page: &Inner) -> Compiled {
    load::compile(&page.workspace.root, &Options { tests: false, ..page.workspace.options.clone() })
}

/// The file that the request is to be: one that is not there, or is this request already.
fn sample_file(root: &Path, name: &str, bytes: &[u8]) -> String {
    let numbered = (2..1000).map(|number| first_draft::sample_file(&format!("{name}-{number}"), "http"));
    let first = first_draft::sample_file(name, "http");
    let is_free = |file: &String| load::read_inside(root, file).map_or(true, |there| there == bytes);
    std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or(first)
}

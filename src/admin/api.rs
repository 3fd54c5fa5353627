//! What the operator's address answers, as one table: the server routes by it, and the OpenAPI document is made of it.

#[macro_use]
mod schema;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::{Map, Value as Json, json};

pub use schema::{As, Field, Maybe, Schemas, Several, Shaped, Told, Word, Words};

use super::erase::{self, EraseAsked, WasErased};
use super::events::{Events, EventsAsked};
use super::held::{self, DismissAsked, Dismissed, ReleaseAsked, Released};
use super::replay::{self, ReplayAsked, WasReplayed};
use super::shown::{DeadLetters, DeadLettersAsked, Deliveries, DeliveriesAsked, Delivery};
use super::status::{self, Status};
use super::{Admin, deliveries, look, metrics};

/// One thing that can be asked.
pub(super) struct Operation {
    pub path: &'static str,
    pub serve: MethodRouter<Admin>,
    /// Whether it is told only to who asks by the number of the address.
    pub is_private: bool,
    is_post: bool,
    /// Its name in the document.
    id: &'static str,
    summary: &'static str,
    query: Option<fn(&mut Schemas) -> Vec<Field>>,
    body: Option<fn(&mut Schemas) -> Json>,
    answer: Answer,
    /// What else may be answered.
    others: Vec<u16>,
}

/// What is answered with 200.
#[derive(Clone, Copy)]
enum Answer {
    Json(fn(&mut Schemas) -> Json),
    Text(&'static str),
    File,
}

fn asks(path: &'static str, id: &'static str, summary: &'static str, serve: MethodRouter<Admin>) -> Operation {
    Operation {
        path,
        serve,
        is_private: true,
        is_post: false,
        id,
        summary,
        query: None,
        body: None,
        answer: Answer::Text("text/plain; charset=utf-8"),
        others: vec![403, 503],
    }
}

fn does(path: &'static str, id: &'static str, summary: &'static str, serve: MethodRouter<Admin>) -> Operation {
    Operation { is_post: true, others: vec![400, 403, 413, 415, 503], ..asks(path, id, summary, serve) }
}

impl Operation {
    fn query(self, query: fn(&mut Schemas) -> Vec<Field>) -> Self {
        Operation { query: Some(query), others: vec![400, 403, 503], ..self }
    }

    fn body<T: Shaped>(self) -> Self {
        Operation { body: Some(T::schema), ..self }
    }

    fn json<T: Shaped>(self) -> Self {
        Operation { answer: Answer::Json(T::schema), ..self }
    }

    fn one(self) -> Self {
        Operation { others: vec![403, 404, 503], ..self }
    }

    fn file(self) -> Self {
        Operation { answer: Answer::File, ..self.one() }
    }

    fn open(self, answer: Answer, others: &[u16]) -> Self {
        Operation { is_private: false, answer, others: others.to_vec(), ..self }
    }
}

/// All that can be asked.
pub(super) fn operations() -> Vec<Operation> {
    const TEXT: Answer = Answer::Text("text/plain; charset=utf-8");
    vec![
        asks("/status", "status", "The state of the server.", get(status::status)).json::<Status>(),
        asks("/events", "events", "What was received and what became of it, the newest first.", get(look::at))
            .query(EventsAsked::fields)
            .json::<Events>(),
        asks(
            "/events/{id}/request",
            "event_request",
            "The request of an event, as a file for tests and dry runs.",
            get(look::at),
        )
        .file(),
        asks("/deliveries", "deliveries", "Deliveries and where they stand, the newest first.", get(look::at))
            .query(DeliveriesAsked::fields)
            .json::<Deliveries>(),
        asks("/deliveries/{id}", "delivery", "All of one delivery.", get(deliveries::one)).one().json::<Delivery>(),
        asks("/dead-letters", "dead_letters", "What failed and is kept, the newest first.", get(look::at))
            .query(DeadLettersAsked::fields)
            .json::<DeadLetters>(),
        does("/replay", "replay", "Sends again what failed.", post(replay::replay))
            .body::<ReplayAsked>()
            .json::<WasReplayed>(),
        does("/release", "release", "Lets deliveries go on now.", post(held::release))
            .body::<ReleaseAsked>()
            .json::<Released>(),
        does("/dismiss", "dismiss", "Takes what failed or is held off the list.", post(held::dismiss))
            .body::<DismissAsked>()
            .json::<Dismissed>(),
        does("/erase", "erase", "Forgets for good what is known of a person.", post(erase::erase))
            .body::<EraseAsked>()
            .json::<WasErased>(),
        asks("/metrics", "metrics", "Figures for Prometheus.", get(metrics::metrics))
            .open(Answer::Text("text/plain; version=0.0.4; charset=utf-8"), &[503]),
        asks("/healthz", "healthz", "Whether the process answers.", get(|| async { "ok\n" })).open(TEXT, &[]),
        asks("/readyz", "readyz", "Whether events are taken.", get(super::readyz)).open(TEXT, &[503]),
        asks("/openapi.json", "openapi", "This document.", get(openapi)).open(Answer::Json(Json::schema), &[]),
    ]
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{:#}\n", document())).into_response()
}

/// The OpenAPI document of the operator's address.
pub fn document() -> Json {
    let (mut schemas, mut paths) = (Schemas::default(), Map::new());
    for operation in operations() {
        let method = if operation.is_post { "post" } else { "get" };
        paths.insert(operation.path.to_owned(), json!({ method: described(&operation, &mut schemas) }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jackfield",
            "description": "What the operator asks a running server: what came in, what became of it, and to send it again. The \
                            commands of the terminal ask the same.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:8081", "description": "`admin` of jackfield.yaml. Keep it off the internet." }],
        "paths": paths,
        "components": { "schemas": schemas.into_json() },
    })
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Json {
    let mut told = json!({ "operationId": operation.id, "summary": operation.summary });
    let mut parameters = Vec::new();
    if operation.path.contains("{id}") {
        let what = if operation.path.starts_with("/events") { "`evt_…`" } else { "`dlv_…`" };
        parameters.push(json!({
            "name": "id", "in": "path", "required": true, "description": what, "schema": { "type": "string" },
        }));
    }
    for field in operation.query.map(|fields| fields(schemas)).unwrap_or_default() {
        let Field { key, text, schema, .. } = field;
        parameters.push(json!({ "name": key, "in": "query", "description": text, "schema": schema }));
    }
    if !parameters.is_empty() {
        told["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        let schema = body(schemas);
        told["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    let mut responses = Map::from_iter([("200".to_owned(), answered(operation.answer, schemas))]);
    responses.extend(operation.others.iter().map(|status| (status.to_string(), refused(*status))));
    told["responses"] = responses.into();
    told
}

fn answered(answer: Answer, schemas: &mut Schemas) -> Json {
    let (kind, schema) = match answer {
        Answer::Json(schema) => ("application/json", schema(schemas)),
        Answer::Text(kind) => (kind, json!({ "type": "string" })),
        Answer::File => ("application/octet-stream", json!({})),
    };
    json!({ "description": "What was asked for.", "content": { kind: { "schema": schema } } })
}

/// Why something is not answered is said in one line of text.
fn refused(status: u16) -> Json {
    let why = match status {
        400 => "What is said can't be understood, or can't be done.",
        403 => "Asked by a name: ask by the number of the address, or as `localhost`.",
        404 => "There is nothing of this id.",
        413 => "The body is too large.",
        415 => "The body is no `application/json`.",
        _ => "The event store does not answer, or the server is not ready.",
    };
    let text = json!({ "text/plain; charset=utf-8": { "schema": { "type": "string" } } });
    json!({ "description": why, "content": text })
}

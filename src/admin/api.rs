//! What the operator's address answers, as one table: the server routes by it, and the OpenAPI document is made of it.
//! The page has such a table of its own.

#[macro_use]
mod schema;
mod operation;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value as Json;

pub use operation::{About, Answer, Operation, asks, document_of, does, puts};
pub use schema::{As, Field, Maybe, Schemas, Several, Shaped, Told, Word, Words};

use super::erase::{self, EraseAsked, WasErased};
use super::events::{Events, EventsAsked};
use super::held::{self, DismissAsked, Dismissed, ReleaseAsked, Released};
use super::replay::{self, ReplayAsked, WasReplayed};
use super::shown::{DeadLetters, DeadLettersAsked, Deliveries, DeliveriesAsked, Delivery, Story};
use super::status::{self, Status};
use super::{Admin, deliveries, events, look, metrics};

/// All that can be asked.
pub(super) fn operations() -> Vec<Operation<Admin>> {
    const TEXT: Answer = Answer::Text("text/plain; charset=utf-8");
    vec![
        asks("/status", "status", "The state of the server.", get(status::status)).json::<Status>(),
        asks("/events", "events", "What was received and what became of it, the newest first.", get(look::at))
            .query(EventsAsked::fields)
            .json::<Events>(),
        asks("/events/{id}", "event", "All of one event.", get(events::story)).one().json::<Story>(),
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

/// What can be asked at this path.
pub fn operation(path: &str) -> Option<Operation<Admin>> {
    operations().into_iter().find(|operation| operation.path == path)
}

/// The OpenAPI document of the operator's address.
pub fn document() -> Json {
    let about = About {
        title: "Jackfield",
        description: "What the operator asks a running server: what came in, what became of it, and to send it again. The commands \
                      of the terminal ask the same.",
        url: "http://127.0.0.1:8081",
        address: "`admin` of jackfield.yaml. Keep it off the internet.",
        takes_a_token: false,
        refuses: |status| {
            (status == 403).then_some("Asked by a name: ask by the number of the address, or as `localhost`.")
        },
    };
    document_of(&about, &operations())
}

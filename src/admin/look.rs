//! What can be looked at without a server as well: lists and stories, which the store alone gives.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::{Admin, deliveries, events, unavailable};
use crate::route::RouteSet;
use crate::store::{Store, StoreError};

/// What a question comes to.
pub(super) enum Found {
    Json(serde_json::Value),
    Bytes(Vec<u8>),
    /// There is no such thing.
    Nothing,
    /// What can't be understood, in words.
    Wrong(String),
}

/// Answers a question of the operator, by its path with the query.
pub(super) async fn at(State(admin): State<Admin>, uri: Uri) -> Response {
    let revision = admin.live.now();
    match found(&*admin.store, uri.path(), uri.query().unwrap_or_default(), Some(&revision.set)).await {
        Ok(found) => found.into_response(),
        Err(error) => unavailable(error),
    }
}

/// The same of a store that no server has, with the routes that say what is masked: the status and the body, as a server
/// would answer.
pub async fn look(store: &dyn Store, path: &str, set: Option<&RouteSet>) -> Result<(u16, Vec<u8>), StoreError> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Ok(found(store, path, query, set).await?.plain())
}

impl Found {
    /// The status and the body.
    pub(super) fn plain(self) -> (u16, Vec<u8>) {
        match self {
            Found::Json(body) => (200, format!("{body:#}\n").into_bytes()),
            Found::Bytes(body) => (200, body),
            Found::Nothing => (404, Vec::new()),
            Found::Wrong(problem) => (400, format!("{problem}\n").into_bytes()),
        }
    }
}

async fn found(store: &dyn Store, path: &str, query: &str, set: Option<&RouteSet>) -> Result<Found, StoreError> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["events"] => events::list(store, query, set).await,
        ["events", id, "request"] => events::request(store, id, set).await,
        ["deliveries"] => deliveries::list(store, query, set).await,
        ["deliveries", id] => {
            Ok(deliveries::story(store, id, set).await?.map_or(Found::Nothing, |(_, body)| Found::Json(body)))
        }
        ["dead-letters"] => deliveries::dead_letters(store, query, set).await,
        _ => Ok(Found::Nothing),
    }
}

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        match self {
            Found::Json(body) => ([(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n")).into_response(),
            Found::Bytes(body) => ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response(),
            Found::Nothing => (StatusCode::NOT_FOUND, "there is nothing of this id\n").into_response(),
            Found::Wrong(problem) => super::asked::refused(&problem),
        }
    }
}

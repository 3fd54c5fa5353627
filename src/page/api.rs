//! What programs ask the page for beside what its views are made of.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::Page;
use crate::admin;

pub(super) fn router() -> Router<Page> {
    Router::new().route("/api/status", get(status))
}

async fn status(State(page): State<Page>) -> Response {
    admin::status(State(page.admin.clone())).await
}

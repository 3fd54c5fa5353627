//! A draft of a route, made of an event.

use axum::Router;

use super::Page;

pub(super) fn router() -> Router<Page> {
    Router::new()
}

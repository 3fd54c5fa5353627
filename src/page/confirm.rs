//! What is sent again, let go on or dismissed, counted before it is done.

use axum::Router;

use super::Page;

pub(super) fn router() -> Router<Page> {
    Router::new()
}

//! The connections and how each stands, and the addresses for senders.

use axum::Router;

use super::Page;

pub(super) fn router() -> Router<Page> {
    Router::new()
}

//! The first view: how all goes, and what needs a person.

use axum::Router;

use super::Page;

pub(super) fn router() -> Router<Page> {
    Router::new()
}

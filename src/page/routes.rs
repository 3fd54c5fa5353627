//! The routes: their files, what is wrong in them, trying them out, saving them.

use axum::Router;

use super::Page;

pub(super) fn router() -> Router<Page> {
    Router::new()
}

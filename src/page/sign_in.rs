//! Signing in with the token, signing out, and choosing the language.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use super::cookie::{Cookie, Kept};
use super::guard::LANGUAGE;
use super::session::Proved;
use super::{Asked, Fields, Notice, Page};
use crate::compile::Way;

/// The language is kept for a year.
const YEAR: u32 = 365 * 24 * 3600;

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route("/sign-in", get(ask).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/language", post(language))
}

async fn ask(State(page): State<Page>, asked: Asked) -> Response {
    let back = asked.query().text("back").unwrap_or("/").to_owned();
    match asked.signed_in {
        true => page.to(&back),
        false => form(&page, &asked, &back, None),
    }
}

fn form(page: &Page, asked: &Asked, back: &str, problem: Option<&str>) -> Response {
    page.show(asked, "sign-in.html", "sign_in", json!({ "problem": problem, "back": super::back::safe(back) }))
}

async fn sign_in(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    let back = fields.text("back").unwrap_or("/");
    let Way::Token(wanted) = &page.entrance.way else { return page.to(back) };
    let (status, problem) = match page.sessions.prove(fields.text("token").unwrap_or_default(), wanted) {
        Proved::Right => return signed_in(&page, &asked, back),
        Proved::Wrong => (StatusCode::FORBIDDEN, "wrong"),
        Proved::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
    };
    tracing::warn!(problem, "somebody could not sign in to the page");
    let mut answer = form(&page, &asked, back, Some(problem));
    *answer.status_mut() = status;
    answer
}

/// Who is signed in has an id that was never seen before.
fn signed_in(page: &Page, asked: &Asked, back: &str) -> Response {
    let asked = Asked { id: page.sessions.sign_in(), ..asked.clone() };
    let mut answer = page.done(&asked, back, Notice::good("signed_in"));
    asked.append(&mut answer, &page.sessions.cookie(&asked.id));
    answer
}

async fn sign_out(State(page): State<Page>, asked: Asked) -> Response {
    page.sessions.sign_out(&asked.id);
    page.done(&asked, "/sign-in", Notice::good("signed_out"))
}

async fn language(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    let mut answer = page.to(fields.text("back").unwrap_or("/"));
    let wanted = fields.text("language").unwrap_or_default();
    if page.views.languages().any(|language| &*language.tag == wanted) {
        let cookie = Cookie { name: LANGUAGE.to_owned(), value: wanted.to_owned(), kept: Kept::Seconds(YEAR) };
        asked.append(&mut answer, &cookie);
    }
    answer
}

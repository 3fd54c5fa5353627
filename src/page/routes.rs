//! The routes: their files, what is wrong in them, trying them out, saving them.

pub(super) mod answers;
mod compare;
mod draft;
mod editor;
mod samples;
mod save;
mod standing;
mod target;
mod told;
mod trial;

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::{Asked, Fields, Page};
pub(super) use draft::{Drafts, look, work};
use editor::view;
pub(super) use editor::{Action, Form, text_of};
use standing::Reloaded;
pub(super) use target::Target;

pub(super) fn router() -> Router<Page> {
    Router::new()
        .route("/routes", get(list))
        .route("/routes/{*name}", get(show).post(sent))
        .route("/settings", get(show_settings).post(sent_settings))
}

async fn list(State(page): State<Page>, asked: Asked) -> Response {
    match look(&page, all).await {
        Some(view) => page.show(&asked, "routes.html", "routes", view),
        None => page.unavailable(&asked),
    }
}

/// Every route that serves, and those whose files have problems.
fn all(page: &Page) -> Json {
    let dead = standing::dead(page);
    let (revision, reloaded) = (page.admin.live.now(), Reloaded::of(page));
    let mut names: BTreeSet<String> = revision.set.all_routes().map(|route| route.name.to_string()).collect();
    names.extend(reloaded.routes().map(str::to_owned));
    let route = |name: &String| {
        let (figures, file) = (standing::figures(page, name), format!("routes/{name}.yaml"));
        let sends = revision.set.route(name).map(|route| route.sends.iter().map(|send| &*send.to).collect::<Vec<_>>());
        json!({
            "name": name,
            "description": standing::description(&revision.documents, &file),
            "state": reloaded.state(&file).unwrap_or_else(|| figures.state()),
            "sends": sends.unwrap_or_default(),
            "events": figures.events,
            "success": figures.success,
            "last_at": figures.last_at.map(|at| at.to_string()),
            "dead": dead.get(name.as_str()).copied().unwrap_or(0),
        })
    };
    json!({ "problems": reloaded.refused(), "routes": names.iter().map(route).collect::<Vec<_>>() })
}

async fn show(State(page): State<Page>, Path(name): Path<String>, asked: Asked) -> Response {
    opened(&page, &asked, Target::route(&name)).await
}

async fn show_settings(State(page): State<Page>, asked: Asked) -> Response {
    opened(&page, &asked, Some(Target::settings())).await
}

/// The file as it is on disk.
async fn opened(page: &Page, asked: &Asked, target: Option<Target>) -> Response {
    let Some(target) = target else { return page.refuse(asked, StatusCode::NOT_FOUND, "not_found") };
    let entry = entry(&target);
    let found = work(page, asked, move |page| Form::of_disk(page, &target).map(|form| view(page, &target, form))).await;
    match found {
        Some(Some(view)) => page.show(asked, "route.html", entry, view),
        Some(None) => page.refuse(asked, StatusCode::NOT_FOUND, "not_found"),
        None => page.unavailable(asked),
    }
}

async fn sent(State(page): State<Page>, Path(name): Path<String>, asked: Asked, fields: Fields) -> Response {
    edited(&page, &asked, Target::route(&name), &fields).await
}

async fn sent_settings(State(page): State<Page>, asked: Asked, fields: Fields) -> Response {
    edited(&page, &asked, Some(Target::settings()), &fields).await
}

/// The form as it was sent, and what came of it.
async fn edited(page: &Page, asked: &Asked, target: Option<Target>, fields: &Fields) -> Response {
    let Some(target) = target else { return page.refuse(asked, StatusCode::NOT_FOUND, "not_found") };
    let form = Form::sent(fields);
    drafted(page, asked, target, form).await
}

/// The view of a draft.
pub(super) async fn drafted(page: &Page, asked: &Asked, target: Target, form: Form) -> Response {
    let entry = entry(&target);
    match work(page, asked, move |page| view(page, &target, form)).await {
        Some(view) => page.show(asked, "route.html", entry, view),
        None => page.unavailable(asked),
    }
}

/// The settings are about connections more than about anything else.
fn entry(target: &Target) -> &'static str {
    if target.route.is_some() { "routes" } else { "connections" }
}

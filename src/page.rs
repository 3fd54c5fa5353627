//! The page in the browser: views rendered from what the server knows, and what its script asks for.

mod api;
mod asked;
mod assets;
mod back;
mod became;
mod confirm;
mod connections;
mod cookie;
mod dead_letters;
mod events;
mod fields;
mod guard;
mod language;
mod listed;
mod new_route;
mod overview;
mod places;
pub mod problem;
mod routes;
mod rows;
mod senders;
mod session;
mod sign_in;
mod standing;
mod stories;
mod story;
mod stream;
mod traced;
mod unmatched;
mod views;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::admin::{self, Admin};
use crate::compile::Entrance;
use crate::load::Options;
use crate::store::StoreError;
pub use asked::{Asked, Notice};
pub use fields::Fields;
use session::Sessions;
pub use standing::Stand;
use standing::Standing;
pub use stories::Stories;
use stream::News;
pub use stream::look;
pub use views::{Views, json_value};

/// The files that the page shows and changes.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub root: PathBuf,
    pub options: Options,
    /// The folder of the event store.
    pub data: PathBuf,
}

impl Workspace {
    /// As its folder is called.
    pub fn name(&self) -> String {
        let root = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// What the answers are made of.
pub struct Inner {
    pub admin: Admin,
    pub workspace: Workspace,
    pub views: Views,
    drafts: routes::Drafts,
    sessions: Sessions,
    entrance: Entrance,
    news: News,
    standing: Standing,
}

/// The page; a clone is the same.
#[derive(Clone)]
pub struct Page(Arc<Inner>);

impl Deref for Page {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What a part of the page is about when it can't be shown: `message.html` has the words for each.
const MESSAGES: [&str; 4] = ["not_found", "forbidden", "unavailable", "busy"];

impl Page {
    /// `entrance` says where it really listens. Streams end when the server stops.
    pub fn new(admin: Admin, workspace: Workspace, entrance: Entrance, stopped: watch::Receiver<bool>) -> Self {
        let news = News::new(stopped);
        let views = Views::new(&admin.clock);
        let sessions = Sessions::new(admin.clock.clone(), entrance.listen.port());
        let (drafts, standing) = Default::default();
        Page(Arc::new(Inner { admin, workspace, views, drafts, sessions, entrance, news, standing }))
    }

    /// A whole view: its template, which entry of the menu it belongs to, and what it shows. A program that asks for JSON
    /// gets what it shows alone.
    pub fn show(&self, asked: &Asked, template: &str, entry: &str, view: Json) -> Response {
        if asked.wants_json() {
            return ([(header::CONTENT_TYPE, "application/json")], format!("{view:#}\n")).into_response();
        }
        let page = asked.page(self, entry);
        let mut answer = self.rendered(asked, template, &[("page", page), ("view", view)]);
        if asked.notice.is_some() {
            asked.append(&mut answer, &self.sessions.forget_notice());
        }
        answer
    }

    /// A part of a view alone, as the script puts it into a page: what it is given are names of its own.
    pub fn part(&self, template: &str, asked: &Asked, given: Json) -> Response {
        let given: Vec<(&str, Json)> = match &given {
            Json::Object(given) => given.iter().map(|(name, value)| (name.as_str(), value.clone())).collect(),
            _ => Vec::new(),
        };
        self.rendered(asked, template, &given)
    }

    fn rendered(&self, asked: &Asked, template: &str, given: &[(&str, Json)]) -> Response {
        match self.views.render(&asked.language, template, given) {
            Ok(text) => Html(text).into_response(),
            Err(error) => {
                tracing::error!(template, %error, "a view of the page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "this view could not be made; the log says why\n").into_response()
            }
        }
    }

    /// What can't be had or done: `not_found`, `forbidden` or `unavailable`, as a page or, under `/api/`, as JSON.
    pub fn refuse(&self, asked: &Asked, status: StatusCode, what: &str) -> Response {
        let what = if MESSAGES.contains(&what) { what } else { "unavailable" };
        let mut answer = match asked.is_api() {
            true => {
                let message = self.views.text(&asked.language, &format!("message.{what}_text"));
                let body = json!({ "error": what, "message": message });
                ([(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n")).into_response()
            }
            false => self.show(asked, "message.html", "message", json!({ "what": what, "detail": null, "href": "/" })),
        };
        *answer.status_mut() = status;
        answer
    }

    /// Something that is needed does not answer.
    pub fn unavailable(&self, asked: &Asked) -> Response {
        self.refuse(asked, StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    }

    /// The store does not answer, or too many look at once.
    pub fn not_told(&self, asked: &Asked, error: StoreError) -> Response {
        if error != StoreError::Busy {
            return self.unavailable(asked);
        }
        let mut answer = self.refuse(asked, StatusCode::SERVICE_UNAVAILABLE, "busy");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(admin::ASK_AGAIN));
        answer
    }

    /// Goes back to where the form was, or to another path of this page, which shows what has been done.
    pub fn done(&self, asked: &Asked, back: &str, notice: Notice) -> Response {
        let mut answer = self.to(back);
        asked.append(&mut answer, &self.sessions.notice(asked, &notice));
        answer
    }

    /// 303 to a path of this page.
    pub fn to(&self, back: &str) -> Response {
        let place = HeaderValue::from_str(back::safe(back)).unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
    }
}

/// Every address of the page.
pub fn router(page: Page) -> Router {
    Router::new()
        .merge(overview::router())
        .merge(events::router())
        .merge(dead_letters::router())
        .merge(confirm::router())
        .merge(routes::router())
        .merge(new_route::router())
        .merge(unmatched::router())
        .merge(connections::router())
        .merge(api::router())
        .merge(sign_in::router())
        .route("/assets/{*name}", get(assets::file))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(guard::LARGEST))
        .layer(from_fn_with_state(page.clone(), guard::guard))
        .with_state(page)
}

async fn nothing(State(page): State<Page>, asked: Asked) -> Response {
    page.refuse(&asked, StatusCode::NOT_FOUND, "not_found")
}

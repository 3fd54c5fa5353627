//! Who asks for what: what every view and every answer needs to know of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::Page;
use super::cookie::Cookie;
use crate::delivery::State;

/// What has just been done, told once on the next view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `good`, `warn` or `bad`.
    pub tone: String,
    /// A text of `notice`.
    pub text: String,
    pub count: Option<u64>,
    pub name: Option<String>,
}

impl Notice {
    /// Something went well.
    pub fn good(text: &str) -> Self {
        Notice { tone: "good".to_owned(), text: text.to_owned(), count: None, name: None }
    }

    pub fn count(self, count: u64) -> Self {
        Notice { count: Some(count), ..self }
    }
}

/// What is known of a request once it was let in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tag of the language that is answered in.
    pub language: Arc<str>,
    pub signed_in: bool,
    pub can_sign_out: bool,
    /// What forms and script send back.
    pub csrf: String,
    /// Path and query.
    pub address: String,
    pub notice: Option<Notice>,
    /// Who asks, where a proxy says so.
    pub who: Option<String>,
    /// The id in the cookie.
    pub(super) id: String,
    pub(super) is_https: bool,
    pub(super) accept: String,
    pub(super) waiting: Waiting,
}

/// What the menu counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    dead_letters: u64,
    route_problems: u64,
    connections_down: u64,
}

impl Asked {
    pub(super) fn new(headers: &HeaderMap, language: Arc<str>, address: String, is_https: bool) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("").to_owned();
        Asked {
            language,
            signed_in: false,
            can_sign_out: false,
            csrf: String::new(),
            address,
            notice: None,
            who: None,
            id: String::new(),
            is_https,
            accept,
            waiting: Waiting::default(),
        }
    }

    /// The path that was asked for.
    pub fn path(&self) -> &str {
        self.address.split('?').next().unwrap_or_default()
    }

    /// What stands behind the `?`.
    pub fn query(&self) -> super::Fields {
        super::Fields::of(self.address.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    pub fn is_api(&self) -> bool {
        self.path().starts_with("/api/")
    }

    /// Whether a part of a page is wanted, and no JSON.
    pub fn wants_html(&self) -> bool {
        self.accept.contains("text/html")
    }

    /// Whether a program asks, which takes what a view shows as JSON.
    pub fn wants_json(&self) -> bool {
        self.accept.contains("application/json") && !self.wants_html()
    }

    pub(super) fn append(&self, answer: &mut Response, cookie: &Cookie) {
        if let Some(value) = cookie.header(self.is_https) {
            answer.headers_mut().append(header::SET_COOKIE, value);
        }
    }

    /// What is common to all views.
    pub(super) fn page(&self, page: &Page, entry: &str) -> Json {
        let revision = page.admin.live.now().set.revision.clone();
        let workspace = page.workspace.name();
        let languages: Vec<Json> =
            page.views.languages().map(|one| json!({ "tag": &*one.tag, "name": one.name })).collect();
        let notice = self.notice.as_ref().map(
            |notice| json!({ "tone": notice.tone, "text": notice.text, "count": notice.count, "name": notice.name }),
        );
        json!({
            "view": entry,
            "csrf": self.csrf,
            "signed_in": self.signed_in,
            "can_sign_out": self.can_sign_out,
            "workspace": self.signed_in.then_some(workspace),
            "sandbox": page.workspace.options.sandbox.is_some(),
            "revision": self.signed_in.then_some(&*revision),
            "version": env!("CARGO_PKG_VERSION"),
            "now": page.admin.clock.now().to_string(),
            "waiting": {
                "dead_letters": self.waiting.dead_letters,
                "route_problems": self.waiting.route_problems,
                "connections_down": self.waiting.connections_down,
            },
            "notice": notice,
            "address": self.address,
            "language": &*self.language,
            "languages": languages,
        })
    }
}

impl FromRequestParts<Page> for Asked {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, page: &Page) -> Result<Self, StatusCode> {
        let asked = parts.extensions.get::<Asked>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        let waiting = if asked.signed_in && !asked.is_api() { waiting(page).await } else { Waiting::default() };
        Ok(Asked { waiting, ..asked })
    }
}

/// What waits for a person. The counters are kept by the store, so that this costs nothing.
async fn waiting(page: &Page) -> Waiting {
    let counts = page.admin.store.counts().await.unwrap_or_default();
    let connections = (page.admin.connections)();
    let is_down = |stands: &&Json| !stands["down_since"].is_null() || !stands["refused_since"].is_null();
    let down = connections.as_object().map_or(0, |all| all.values().filter(is_down).count());
    let reloads = page.admin.reloads.to_json();
    let problems = reloads["last"]["problems"]
        .as_array()
        .map_or(0, |all| all.iter().filter(|problem| problem["severity"] == "error").count());
    Waiting {
        dead_letters: counts.deliveries(State::Dead) + counts.deliveries(State::Held) + counts.failed,
        route_problems: problems as u64,
        connections_down: down as u64,
    }
}

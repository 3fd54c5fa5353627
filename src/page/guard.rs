//! Who comes in: by which name the page is asked for, who is signed in, and whether a form came from this page.

use std::net::IpAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::session::Proved;
use super::{Asked, Fields, Page, cookie};
use crate::compile::Way;

/// What a browser may do with an answer: nothing that is not of this page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The longest body: a file of the workspace with a request to try it on.
pub(super) const LARGEST: usize = 8 << 20;

/// The cookie with the language.
pub(super) const LANGUAGE: &str = "jackfield_language";

/// Lets a request in, or answers why not.
pub(super) async fn guard(State(page): State<Page>, request: Request, next: Next) -> Response {
    let mut answer = match is_known_name(&page, request.headers()) {
        false => (
            StatusCode::FORBIDDEN,
            "ask for this page by another name: `page: { hosts: … }` in jackfield.yaml has those that count\n",
        )
            .into_response(),
        true if request.uri().path().starts_with("/assets/") => next.run(request).await,
        true => let_in(&page, request, next).await,
    };
    harden(answer.headers_mut());
    answer
}

/// Nobody keeps an answer, shows it in a frame or takes it for something else.
fn harden(headers: &mut HeaderMap) {
    let policies = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, policy) in policies {
        headers.insert(name, HeaderValue::from_static(policy));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Where nobody signs in here, a page of somebody else could give this address a name of its own and read what is here: then
/// only names that are known count. A token is not sent to such a name.
fn is_known_name(page: &Page, headers: &HeaderMap) -> bool {
    let entrance = &page.entrance;
    if matches!(entrance.way, Way::Token(_)) && entrance.hosts.is_empty() {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_own = name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok();
    is_own || entrance.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Who a request is from.
enum Who {
    SignedIn(Option<String>),
    /// A program that has brought the token itself: no page of somebody else could make it do so.
    Program,
    Nobody,
    /// The proxy does not say who it is.
    NotByProxy,
    TooMany,
}

fn who(page: &Page, headers: &HeaderMap, id: &str) -> Who {
    match &page.entrance.way {
        Way::Open => Who::SignedIn(None),
        Way::Proxy(name) => match headers.get(&**name).and_then(|who| who.to_str().ok()).map(str::trim) {
            Some(who) if !who.is_empty() => Who::SignedIn(Some(who.to_owned())),
            _ => Who::NotByProxy,
        },
        Way::Token(wanted) => match bearer(headers).map(|token| page.sessions.prove(token, wanted)) {
            Some(Proved::Right) => Who::Program,
            Some(Proved::TooMany) => Who::TooMany,
            Some(Proved::Wrong) => Who::Nobody,
            None if page.sessions.is_signed_in(id) => Who::SignedIn(None),
            None => Who::Nobody,
        },
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn let_in(page: &Page, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let (id, is_new) = page.sessions.id(&parts.headers);
    let who = who(page, &parts.headers, &id);
    let asked = asked(page, &parts, &id, &who);
    let turned_away = match &who {
        Who::NotByProxy => {
            Some((StatusCode::FORBIDDEN, "the proxy before this page does not say who you are\n").into_response())
        }
        Who::TooMany => Some((StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; wait a minute\n").into_response()),
        _ if is_foreign(&parts) => Some(page.refuse(&asked, StatusCode::FORBIDDEN, "forbidden")),
        Who::Nobody if !is_open(asked.path()) => Some(sign_in_first(page, &asked)),
        _ => None,
    };
    let mut answer = match (turned_away, to_bytes(body, LARGEST).await) {
        (Some(answer), _) => answer,
        (None, Err(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n").into_response(),
        (None, Ok(body)) if !may_change(&parts, &body, &asked, &who) => {
            page.refuse(&asked, StatusCode::FORBIDDEN, "forbidden")
        }
        (None, Ok(body)) => {
            parts.extensions.insert(asked.clone());
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
    };
    if is_new && is_html(answer.headers()) {
        asked.append(&mut answer, &page.sessions.cookie(&id));
    }
    answer
}

/// What is known of a request, without what waits.
fn asked(page: &Page, parts: &Parts, id: &str, who: &Who) -> Asked {
    let headers = &parts.headers;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let language = page.views.choose(cookie::find(headers, LANGUAGE), text(header::ACCEPT_LANGUAGE));
    let address = parts.uri.path_and_query().map_or("/", |address| address.as_str()).to_owned();
    let is_https = text(HeaderName::from_static("x-forwarded-proto")).eq_ignore_ascii_case("https");
    let name = if let Who::SignedIn(Some(name)) = who { Some(name.clone()) } else { None };
    let signed_in = matches!(who, Who::SignedIn(_) | Who::Program);
    Asked {
        signed_in,
        can_sign_out: signed_in && matches!(page.entrance.way, Way::Token(_)),
        csrf: page.sessions.csrf(id, name.as_deref()),
        notice: page.sessions.noticed(headers, id),
        who: name,
        id: id.to_owned(),
        ..Asked::new(headers, language, address, is_https)
    }
}

/// A request that another site had the browser make. A link there may lead here; that shows a view and changes nothing.
fn is_foreign(parts: &Parts) -> bool {
    let said = |name: &'static str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_link = matches!(parts.method, Method::GET | Method::HEAD)
        && said("sec-fetch-mode") == Some("navigate")
        && said("sec-fetch-dest") == Some("document");
    said("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) && !is_link
}

fn is_open(path: &str) -> bool {
    matches!(path, "/sign-in" | "/language")
}

fn sign_in_first(page: &Page, asked: &Asked) -> Response {
    if asked.is_api() {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "sign in first\n").into_response();
    }
    let back: String = url::form_urlencoded::byte_serialize(asked.address.as_bytes()).collect();
    page.to(&format!("/sign-in?back={back}"))
}

/// Whether a request may change something: it brings what this page gave this browser, or is from no browser at all.
fn may_change(parts: &Parts, body: &Bytes, asked: &Asked, who: &Who) -> bool {
    if matches!(parts.method, Method::GET | Method::HEAD) || matches!(who, Who::Program) {
        return true;
    }
    let is_ours = |token: &str| bool::from(token.as_bytes().ct_eq(asked.csrf.as_bytes()));
    let header = parts.headers.get("x-csrf-token").and_then(|token| token.to_str().ok());
    if let Some(token) = header {
        return is_ours(token);
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Fields::of(body).text("csrf").is_some_and(is_ours);
    }
    asked.signed_in && is_program(parts, kind)
}

/// JSON that no browser sends: one always says where a request with a body is from.
fn is_program(parts: &Parts, kind: &str) -> bool {
    let is_silent = |name: &'static str| !parts.headers.contains_key(name);
    parts.uri.path().starts_with("/api/")
        && kind.starts_with("application/json")
        && ["origin", "sec-fetch-site", "cookie", "referer"].into_iter().all(is_silent)
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

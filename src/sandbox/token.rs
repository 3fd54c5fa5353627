//! The token service of a provider whose pack has one: a refresh token is good once, and access tokens run out when they
//! are told to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::answer;
use super::journal::locked;
use crate::event::RawRequest;
use crate::pack::outcome::Answer;
use crate::pack::{HeaderPart, OAuth2, Operation, Pack};
use crate::payload::form;
use crate::value::Value;

/// What a request for a token is noted down as.
pub(super) const OPERATION: &str = "token";
/// How it can be told to refuse, with the status of each.
pub(super) const ERRORS: &[(&str, u16)] =
    &[("invalid_grant", 400), ("invalid_client", 401), ("invalid_request", 400), ("access_denied", 403)];
/// How long an access token is good that is not told to run out, in seconds.
const LIFETIME: u64 = 86_399;

/// The tokens of all providers.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<Arc<str>, Book>>);

/// The tokens of one provider.
#[derive(Default)]
struct Book {
    /// The refresh tokens that were used up.
    used: HashSet<String>,
    /// The access tokens that were given, and whether each is still good.
    given: HashMap<String, bool>,
    refused: u64,
}

/// The status of a refusal that it can be told to make.
pub(super) fn status_of(error: &str) -> Option<u16> {
    ERRORS.iter().find(|(word, _)| *word == error).map(|(_, status)| *status)
}

/// A refusal, as it was told to.
pub(super) fn refusal(status: u16, error: &str) -> Answer {
    answer::json(status, &Value::object([("error", error)]))
}

/// Whether a request is for a token.
pub(super) fn is_asked(pack: &Pack, path: &str, request: &RawRequest) -> bool {
    let is_service = |oauth2: &Arc<OAuth2>| *oauth2.address.path() == *path;
    request.method.eq_ignore_ascii_case("POST") && pack.oauth2.as_ref().is_some_and(is_service)
}

impl Tokens {
    /// Gives a token for a refresh token that was not used before, or for the client's own credentials.
    pub(super) fn answer(&self, pack: &Pack, request: &RawRequest) -> Answer {
        let asked = form::decode_lenient(&String::from_utf8_lossy(&request.body));
        let text = |key: &str| asked.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut books = locked(&self.0);
        let book = books.entry(pack.name.clone()).or_default();
        if text("client_id").is_none() || text("client_secret").is_none() {
            return book.refuse(401, "invalid_client");
        }
        match (text("grant_type"), text("refresh_token")) {
            (Some("refresh_token"), Some(refresh)) if book.used.insert(refresh.to_owned()) => book.give(pack, true),
            (Some("refresh_token"), Some(_)) => book.refuse(400, "invalid_grant"),
            (Some("client_credentials"), _) => book.give(pack, false),
            (Some("refresh_token"), None) => book.refuse(400, "invalid_request"),
            _ => book.refuse(400, "unsupported_grant_type"),
        }
    }

    /// Whether a call carries a token of ours that has run out. One that was never given is a setting, and good.
    pub(super) fn has_run_out(&self, pack: &Pack, operation: &Operation, request: &RawRequest) -> bool {
        let Some(oauth2) = &pack.oauth2 else { return false };
        let is_token = |part: &HeaderPart| matches!(part, HeaderPart::Secret(name) if *name == oauth2.token);
        let books = locked(&self.0);
        let Some(book) = books.get(&pack.name) else { return false };
        let carrying = operation.headers.iter().filter(|(_, parts)| parts.iter().any(is_token));
        carrying.filter_map(|(name, _)| request.header(&name.to_ascii_lowercase())).any(|value| {
            let word = value.rsplit(' ').next().unwrap_or_default();
            book.given.get(word) == Some(&false)
        })
    }

    /// Lets the access tokens of this provider run out, or of all; says how many.
    pub(super) fn run_out(&self, provider: Option<&str>) -> usize {
        let mut books = locked(&self.0);
        let meant = books.iter_mut().filter(|(name, _)| provider.is_none_or(|wanted| ***name == *wanted));
        let good = meant.flat_map(|(_, book)| book.given.values_mut()).filter(|good| **good);
        good.map(|good| *good = false).count()
    }

    /// How many were given, are still good, and were refused, for each provider.
    pub(super) fn counts(&self) -> Value {
        let counts = |book: &Book| {
            let good = book.given.values().filter(|good| **good).count();
            Value::object([
                ("given", Value::from(book.given.len() as u64)),
                ("good", Value::from(good as u64)),
                ("refused", Value::from(book.refused)),
            ])
        };
        Value::object(locked(&self.0).iter().map(|(name, book)| (name.clone(), counts(book))))
    }
}

impl Book {
    fn give(&mut self, pack: &Pack, with_refresh: bool) -> Answer {
        let number = self.given.len() + 1;
        let access = format!("sandbox-{}-access-{number}", pack.name);
        self.given.insert(access.clone(), true);
        let mut fields = vec![
            ("access_token", Value::from(access)),
            ("token_type", Value::from("Bearer")),
            ("expires_in", Value::from(LIFETIME)),
        ];
        if with_refresh {
            fields.push(("refresh_token", Value::from(format!("sandbox-{}-refresh-{number}", pack.name))));
        }
        answer::json(200, &Value::object(fields))
    }

    fn refuse(&mut self, status: u16, error: &str) -> Answer {
        self.refused += 1;
        refusal(status, error)
    }
}

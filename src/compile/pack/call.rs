//! What a pack says of its calls beside address and body: repetitions, budgets, tokens.

use std::sync::Arc;

use super::{is_secret, pack_reach};
use crate::compile::Compiler;
use crate::compile::template::{Kind, Known, Reach};
use crate::config::pack as written;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Place, Severity, suggest};
use crate::pack::{HeaderPart, Idempotency, Limit, OAuth2, TokenAddress};
use crate::request::Encoding;

/// How the body of a call is written.
pub(super) fn encoding(operation: &written::Operation) -> Encoding {
    let word = operation.request.as_ref().map(|shape| shape.encoding);
    word.and_then(Encoding::from_word).unwrap_or_default()
}

impl Compiler<'_> {
    /// A call without `method` is a `POST`; one that has no body, and all that a question has, was hardly meant so.
    pub(super) fn check_method(&mut self, place: &Place, name: &str, operation: &written::Operation) {
        let has_answer = operation.example.as_ref().is_some_and(|example| example.answer.is_some());
        let asks = has_answer || !operation.query.is_empty();
        let is_open = operation.method.is_none() && operation.request.is_none() && operation.defaults.is_empty();
        if !is_open || !asks || self.was_tried(&operation.place, "method") {
            return;
        }
        let what = if has_answer { "an `answer` in its example" } else { "`query`" };
        let message = format!("`{name}` is a POST without a body, and has {what} as a call that only asks");
        let mut problem = Diagnostic::new(Code::MissingKey, place.on_key(), message);
        problem.severity = Severity::Warning;
        self.report(problem.help("add `method: GET`; or, if it is meant to be a POST, say so: `method: POST`"));
    }

    /// What a repetition does. A `GET` changes nothing, the first time or the second.
    pub(super) fn idempotency(&mut self, operation: &written::Operation) -> Idempotency {
        let is_get = operation.method.as_ref().is_some_and(|method| &*method.value == "GET");
        match &operation.idempotency {
            None if is_get => Idempotency::Safe,
            None | Some(written::Idempotency::None) => Idempotency::None,
            Some(written::Idempotency::Safe) => Idempotency::Safe,
            Some(written::Idempotency::Key(key)) => match (&key.field, &key.header) {
                (Some(field), None) => Idempotency::Field(field.value.clone()),
                (None, Some(header)) => self.key_header(header),
                (Some(_), Some(header)) => {
                    let message = "the key stands in a field of the body or in a header, not in both";
                    let diagnostic = Diagnostic::new(Code::ConflictingKeys, header.place.on_key(), message);
                    self.report(diagnostic.help("keep one of `field` and `header`"));
                    Idempotency::None
                }
                (None, None) => {
                    let message = "it is not said what carries the key";
                    let help = "write `{ field: … }` with a field of the body, `{ header: Idempotency-Key }`, `safe` or `none`";
                    let diagnostic = Diagnostic::new(Code::MissingKey, key.place.on_key(), message).help(help);
                    self.report_missing(&key.place, "field", diagnostic);
                    Idempotency::None
                }
            },
        }
    }

    fn key_header(&mut self, header: &Text) -> Idempotency {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if header.is_empty() || !header.chars().all(is_name) {
            let message = format!("`{}` is not the name of a header", header.value);
            let help = "the key is made for each call by itself; write the header's name, such as `Idempotency-Key`";
            self.report(Diagnostic::new(Code::InvalidValue, header.place.clone(), message).help(help));
        }
        Idempotency::Header(header.value.clone())
    }

    /// The budgets of a call: its own, and those of the pack that are for each of something apart.
    pub(super) fn budgets(&mut self, pack: &written::Pack, operation: &written::Operation) -> Vec<Limit> {
        let keyed = pack.rate_limit.iter().flat_map(|limits| &limits.0).filter(|limit| limit.key.is_some());
        let own = operation.rate_limit.iter().flat_map(|limits| &limits.0);
        let all: Vec<_> = keyed.map(|limit| (limit, true)).chain(own.map(|limit| (limit, false))).collect();
        all.into_iter().map(|(limit, is_shared)| self.limit(limit, is_shared, pack)).collect()
    }

    fn limit(&mut self, limit: &written::RateLimit, is_shared: bool, pack: &written::Pack) -> Limit {
        let mut reach = Reach { within: Some("a limit"), ..pack_reach(pack) };
        reach.names.extend(["params", "body"].map(Known::new));
        let key = limit.key.as_ref().and_then(|key| self.placed(key, Kind::Value, &mut reach));
        if let Some(key) = limit.key.as_ref().filter(|key| !key.contains("{{")) {
            let message = "the `key` of a limit is the same for every call";
            let help = "write what each budget is for, such as `\"{{ params.conversation_id }}\"`, or leave `key` out";
            self.report(Diagnostic::new(Code::InvalidValue, key.place.clone(), message).help(help));
        }
        Limit { requests: limit.requests.value, per: limit.per.value, key, is_shared }
    }

    /// Where the pack's tokens come from.
    pub(super) fn oauth2(&mut self, auth: &written::Auth, pack: &written::Pack) -> Option<Arc<OAuth2>> {
        let oauth2 = auth.oauth2.get()?;
        let address = match (&oauth2.token_url, &oauth2.path) {
            (Some(url), None) => {
                self.check_token_url(url);
                TokenAddress::Url(url.value.clone())
            }
            (None, Some(path)) => {
                self.check_path(path);
                TokenAddress::Path(path.value.clone())
            }
            (Some(_), Some(path)) => {
                let message = "the address for tokens is `token_url` or `path`, not both";
                let diagnostic = Diagnostic::new(Code::ConflictingKeys, path.place.on_key(), message);
                self.report(diagnostic.help("keep `token_url`; `path` is for an address behind `base_url`"));
                return None;
            }
            (None, None) => {
                let message = "it is not said where tokens come from";
                let diagnostic = Diagnostic::new(Code::MissingKey, oauth2.place.on_key(), message);
                let help = "add `token_url: https://…`, or `path: /…` where it stands behind `base_url`";
                self.report_missing(&oauth2.place, "token_url", diagnostic.help(help));
                return None;
            }
        };
        let token = oauth2.token.get()?;
        self.check_secret_name(token, pack);
        let refresh_token = match &oauth2.refresh_token {
            Some(text) => Some(self.only_secret_of(text, pack)?),
            None => None,
        };
        let (client_id, client_secret) = (oauth2.client_id.get()?, oauth2.client_secret.get()?);
        let fields = oauth2.fields.iter();
        let compiled = OAuth2 {
            token: token.value.clone(),
            address,
            client_id: self.header(client_id, pack),
            client_secret: self.header(client_secret, pack),
            refresh_token,
            fields: fields.map(|field| (field.name.value.clone(), self.header(&field.value, pack))).collect(),
            needs: Vec::new(),
        };
        let needs = needed(&compiled);
        Some(Arc::new(OAuth2 { needs, ..compiled }))
    }

    fn check_token_url(&mut self, url: &Text) {
        if crate::compile::connection::web_address(url).is_none() {
            let message = "this is not an address of the web";
            let help = crate::compile::connection::address_help(url, "https://api.example.com/oauth/token");
            self.report(Diagnostic::new(Code::InvalidAddress, url.place.clone(), message).help(help));
        }
    }

    /// What stands for the token is a setting that is secret.
    fn check_secret_name(&mut self, name: &Text, pack: &written::Pack) {
        if is_secret(pack, name) {
            return;
        }
        let secrets = pack.settings.names().filter(|setting| is_secret(pack, setting));
        let message = format!("the pack has no secret setting `{}`", name.value);
        let help = suggest::did_you_mean(name, secrets)
            .unwrap_or_else(|| format!("add it under `settings:`: `{}: {{ secret: true }}`", name.value));
        self.report(Diagnostic::new(Code::UnknownName, name.place.clone(), message).help(help));
    }

    /// The setting that a text consists of.
    fn only_secret_of(&mut self, text: &Text, pack: &written::Pack) -> Option<Arc<str>> {
        match self.header(text, pack).as_slice() {
            [HeaderPart::Secret(name)] => Some(name.clone()),
            _ => {
                let message = "`refresh_token` must name one secret setting";
                let help = "write `refresh_token: \"{{ connection.refresh_token }}\"`, and describe it under `settings:` with \
                            `secret: true`";
                self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
                None
            }
        }
    }
}

/// The settings without which no token can be had.
fn needed(oauth2: &OAuth2) -> Vec<Arc<str>> {
    let parts =
        [&oauth2.client_id, &oauth2.client_secret].into_iter().chain(oauth2.fields.iter().map(|(_, parts)| parts));
    let mut names: Vec<Arc<str>> = oauth2.refresh_token.iter().cloned().collect();
    for part in parts.flatten() {
        match part {
            HeaderPart::Secret(name) => names.push(name.clone()),
            HeaderPart::Template(template) => {
                let fields = template.uses().iter().filter(|used| &*used.name == "connection");
                names.extend(fields.filter_map(|used| used.fields.first().cloned()));
            }
            HeaderPart::Text(_) => {}
        }
    }
    names
}

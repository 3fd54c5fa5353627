//! A dry run of a handshake: which one the request is, and what is answered.

use std::sync::Arc;

use super::text::{indented, row};
use super::why;
use crate::cli::terminal::{self, DIM, GREEN, RED, line, paint};
use crate::cli::{DryRunFormat, Exit};
use crate::clock::Clock;
use crate::compile::Compiled;
use crate::event::RawRequest;
use crate::route::{Lookup, Route, RouteSet};
use crate::source::{Answer, Handshake, HandshakeError, Source};
use crate::template::Scope;
use crate::test_case;
use crate::value::Value;
use crate::verify::{Context, VerifyError};

/// A request that is a handshake of the route's source.
pub(super) struct Asked<'c> {
    compiled: &'c Compiled,
    route: &'c Route,
    source: &'c Source,
    handshake: &'c Handshake,
    request: String,
    scope: Scope,
    /// How the source verifies, and with what outcome; nothing where the handshake does not ask for it.
    verified: Option<(String, Result<(), VerifyError>)>,
    answer: Result<Answer, HandshakeError>,
}

/// The handshake that a request is, if it is one.
pub(super) fn asked<'c>(
    compiled: &'c Compiled,
    route: &'c Route,
    input: &super::Input,
    no_verify: bool,
) -> Option<Asked<'c>> {
    let source = compiled.set.sources.get(&route.source)?;
    let raw = Arc::new(input.raw.clone());
    let params = params(&compiled.set, source, &raw)?;
    let sent = test_case::sent_at(source, &raw, &compiled.set.public_url, &params);
    let at = sent.unwrap_or_else(|| Clock::System.now());
    let context = source.context(&raw, &params, &compiled.set.public_url, at);
    let (scope, handshake) = [false, true].into_iter().find_map(|verified| find(source, &context, verified))?;
    let verify = || (source.verify.describe(), source.verify.verify(&context).map(|_| ()));
    let verified = (handshake.verified && !input.is_bare() && !no_verify).then(verify);
    let answer = handshake.answer(&context, &scope, &source.settings);
    Some(Asked { compiled, route, source, handshake, request: input.name.clone(), scope, verified, answer })
}

/// The `{named}` segments, where the request goes to this source.
fn params(set: &RouteSet, source: &Source, raw: &RawRequest) -> Option<Value> {
    if raw.path() == "/" {
        return Some(Value::object(Vec::<(&str, Value)>::new()));
    }
    match set.find(&raw.method, set.meant(raw.path())) {
        Lookup::Found(found, params) if found.name == source.name => Some(params),
        _ => None,
    }
}

fn find<'s>(source: &'s Source, context: &Context<'_>, verified: bool) -> Option<(Scope, &'s Handshake)> {
    let scope = source.handshake_scope(context, verified)?;
    let handshake = source.handshake(&context.raw.method, verified, &scope)?;
    Some((scope, handshake))
}

impl Asked<'_> {
    pub(super) fn show(&self, format: DryRunFormat) -> Exit {
        match format {
            DryRunFormat::Text => self.show_text(),
            DryRunFormat::Json => terminal::line(format!("{:#}", self.to_json())),
            DryRunFormat::Curl => terminal::error_line("the request is a handshake: it is answered, and sends nothing"),
        }
        if let Err(HandshakeError::Unanswerable(problem)) = &self.answer {
            terminal::error_diagnostics(std::slice::from_ref(problem), &self.compiled.documents);
        }
        if self.is_good() { Exit::Fine } else { Exit::ProblemsFound }
    }

    fn is_good(&self) -> bool {
        self.answer.is_ok() && self.verified.as_ref().is_none_or(|(_, outcome)| outcome.is_ok())
    }

    fn show_text(&self) {
        row("route", &self.route.name);
        row(
            "source",
            &format!("{} {}{}", self.handshake.methods.join(", "), self.compiled.set.prefix, self.source.path),
        );
        row("request", &self.request);
        row("handshake", &format!("{}, which makes no event", self.handshake.name));
        row("verified", &self.verified_text());
        why::show("when       ", &self.handshake.when, &self.handshake.when.template.explain(&self.scope));
        match &self.answer {
            Ok(answer) => show_answer(answer),
            Err(error) => row("answer", &format!("{}: {error}", paint(RED, "refused"))),
        }
    }

    fn verified_text(&self) -> String {
        match &self.verified {
            None if self.handshake.verified => "not asked, or the file holds a body only".to_owned(),
            None => "not asked: this handshake has `verified: false`".to_owned(),
            Some((how, Ok(()))) => format!("{}, {how}", paint(GREEN, "yes")),
            Some((how, Err(error))) => {
                format!("{}, {how}: {error}; `serve` would refuse this request with 401", paint(RED, "no"))
            }
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let verified = self.verified.as_ref().map(|(_, outcome)| outcome.is_ok());
        let answer = self.answer.as_ref().ok().map(|answer| {
            let headers: serde_json::Map<_, _> =
                answer.headers.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect();
            let content_type = answer.content_type.as_deref();
            serde_json::json!({
                "status": answer.status, "content_type": content_type, "headers": headers, "body": answer.body,
            })
        });
        serde_json::json!({
            "route": &*self.route.name,
            "request": self.request,
            "handshake": &*self.handshake.name,
            "verified": verified,
            "answer": answer,
            "refused": self.answer.as_ref().err().map(ToString::to_string),
        })
    }
}

fn show_answer(answer: &Answer) {
    let body = if answer.body.is_empty() { ", with no body" } else { "" };
    row("answer", &format!("{}{body}", answer.status));
    let content_type = answer.content_type.iter().map(|value| ("content-type", &**value));
    let headers = answer.headers.iter().map(|(name, value)| (&**name, value.as_str()));
    for (name, value) in content_type.chain(headers) {
        line(format!("  {} {value}", paint(DIM, &format!("{name}:"))));
    }
    if !answer.body.is_empty() {
        line("");
        indented(&answer.body);
    }
}

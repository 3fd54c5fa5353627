//! A request that is a handshake of its source: which one, and what is answered.

use std::sync::Arc;

use super::Input;
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
pub struct Asked<'c> {
    pub compiled: &'c Compiled,
    pub route: &'c Route,
    pub source: &'c Source,
    pub handshake: &'c Handshake,
    pub request: String,
    pub scope: Scope,
    /// How the source verifies, and with what outcome; nothing where the handshake does not ask for it.
    pub verified: Option<(String, Result<(), VerifyError>)>,
    pub answer: Result<Answer, HandshakeError>,
}

/// The handshake that a request is, if it is one.
pub fn asked<'c>(compiled: &'c Compiled, route: &'c Route, input: &Input, no_verify: bool) -> Option<Asked<'c>> {
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
    pub fn is_good(&self) -> bool {
        self.answer.is_ok() && self.verified.as_ref().is_none_or(|(_, outcome)| outcome.is_ok())
    }

    /// For programs.
    pub fn to_json(&self) -> serde_json::Value {
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

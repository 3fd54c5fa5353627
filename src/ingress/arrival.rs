//! A request whose body is there: verified, decoded, stored, and only then answered.

use std::sync::Arc;

use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;

use super::Ingress;
use super::answer::{self, Refusal};
use crate::clock::Timestamp;
use crate::event::{Event, RawRequest, Verified};
use crate::live::Revision;
use crate::pipeline;
use crate::source::{Answer, Source};
use crate::store::NewEvents;
use crate::value::Value;
use crate::verify::Context;

/// One request at a source.
pub(super) struct Arrival<'a> {
    pub ingress: &'a Ingress,
    pub revision: &'a Revision,
    pub source: &'a Source,
    pub raw: Arc<RawRequest>,
    pub params: Value,
    pub at: Timestamp,
}

impl Arrival<'_> {
    pub(super) async fn answer(self) -> Result<Response<Full<Bytes>>, Refusal> {
        if let Some(answer) = self.handshake(false)? {
            return Ok(answer::response(answer));
        }
        let source = self.source;
        // A handshake's method makes no events.
        let is_taken = source.takes(&self.raw.method);
        if !is_taken && !source.may_shake(&self.raw.method) {
            return Err(Refusal::wrong_method(&source.methods));
        }
        let verified = source.verify.verify(self.raw.clone(), &self.context());
        let verified = verified.map_err(|error| Refusal::verification(&error))?;
        self.ingress.rates.proved(source).map_err(Refusal::too_many)?;
        if let Some(answer) = self.handshake(true)? {
            return Ok(answer::response(answer));
        }
        if !is_taken {
            return Err(Refusal::wrong_method(&source.methods));
        }
        let (verified, params) = verified.without_credentials(&source.verify, self.params.clone());
        let events = source.events(&verified, params.clone(), self.at).map_err(|error| Refusal::decode(&error))?;
        self.accept(&verified, params, &events).await?;
        Ok(answer::response(self.reply(&events)))
    }

    fn context(&self) -> Context<'_> {
        let public_url = &self.revision.set.public_url;
        Context { public_url, now: self.at, format: self.source.format, params: &self.params }
    }

    /// The answer to a handshake, of those that want the source's verification first or those that do not.
    fn handshake(&self, verified: bool) -> Result<Option<Answer>, Refusal> {
        let source = self.source;
        let Some(scope) = source.handshake_scope(&self.raw, &self.params, self.at, verified) else { return Ok(None) };
        let Some(handshake) = source.handshake(&self.raw.method, verified, &scope) else { return Ok(None) };
        let answer = handshake.answer(&self.raw, &self.context(), &scope, &source.settings);
        let answer = answer.map_err(|error| Refusal::handshake(&error))?;
        self.ingress.guard.tally.handshake();
        tracing::info!(source = %source.name, handshake = %handshake.name, "handshake answered");
        Ok(Some(answer))
    }

    /// Writes the events to disk. Whoever routes is told; should the sender break off before that, it looks by itself.
    async fn accept(&self, verified: &Verified, params: Value, events: &[Event]) -> Result<(), Refusal> {
        let ids = events.iter().map(|event| event.id).collect();
        let (source, raw) = (self.source.name.clone(), verified.raw().clone());
        let new = NewEvents { source, received_at: self.at, raw, params, ids };
        self.ingress.store.accept(new).await.map_err(|error| {
            let refusal = Refusal::store();
            if self.ingress.guard.tally.is_news(refusal.reason, super::STARTED.elapsed().as_secs()) {
                tracing::error!(%error, "the store did not take an event; its sender is told to try again");
            }
            refusal
        })?;
        self.ingress.accepted.notify_one();
        Ok(())
    }

    /// The source's reply to the first of the events. They are on disk: there is an answer, whatever its templates meet.
    fn reply(&self, events: &[Event]) -> Answer {
        let reply = &self.source.reply;
        let first = events.first();
        let rendered = match first.filter(|_| !reply.is_plain()) {
            None => return reply.of_event(first.map(|event| event.id).unwrap_or_default()),
            Some(event) => {
                let scope = pipeline::scope(&self.revision.set, event);
                reply.render(&scope.with("settings", self.source.settings.values.clone()))
            }
        };
        rendered.unwrap_or_else(|problem| {
            let (source, code, message) = (&self.source.name, problem.code.word(), problem.message.as_str());
            tracing::warn!(%source, code, message, "the reply could not be made of an event; its sender gets the status alone");
            Answer { status: reply.status, content_type: None, headers: Vec::new(), body: String::new() }
        })
    }
}

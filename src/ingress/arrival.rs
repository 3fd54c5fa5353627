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
        let (set, source) = (&self.revision.set, self.source);
        let context =
            Context { public_url: &set.public_url, now: self.at, format: source.format, params: &self.params };
        let verified =
            source.verify.verify(self.raw.clone(), &context).map_err(|error| Refusal::verification(&error))?;
        let (verified, params) = verified.without_credentials(&source.verify, self.params.clone());
        let events = source.events(&verified, params.clone(), self.at).map_err(|error| Refusal::decode(&error))?;
        self.accept(&verified, params, &events).await?;
        Ok(answer::response(self.reply(&events)))
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
            Some(event) => reply.render(&pipeline::scope(&self.revision.set, event)),
        };
        rendered.unwrap_or_else(|problem| {
            let (source, code, message) = (&self.source.name, problem.code.word(), problem.message.as_str());
            tracing::warn!(%source, code, message, "the reply could not be made of an event; its sender gets the status alone");
            Answer { status: reply.status, content_type: None, headers: Vec::new(), body: String::new() }
        })
    }
}

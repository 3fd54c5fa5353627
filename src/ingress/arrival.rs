//! A request whose body is there: verified, decoded, stored, and only then answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task;
use tokio::time::timeout_at;

use super::Ingress;
use super::answer::{self, Refusal};
use super::gauge;
use super::rates::Counted;
use crate::clock::Timestamp;
use crate::death;
use crate::event::{Event, RawRequest, Verified};
use crate::id::EventId;
use crate::live::Revision;
use crate::payload;
use crate::pipeline;
use crate::source::{Answer, NotTaken, Received, Source, Taken};
use crate::span::{Span, Trace};
use crate::store::NewEvents;
use crate::value::Value;
use crate::verify::Context;

/// So long after its body is there a sender has its answer, or nearly: what is being written then is waited for, and the least
/// patient ones wait for two seconds in all.
pub(super) const IN_TIME: Duration = Duration::from_millis(1200);

/// Bytes of a body that are read in no time.
const LITTLE: usize = 64 << 10;

/// What a request turned out to be.
enum Looked {
    Handshake(Answer),
    /// Something to be stored, and the answer once it is.
    Events(NewEvents, Answer),
}

/// Does what takes a while without holding up what else came on this thread.
fn beside_others<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => task::block_in_place(work),
        _ => work(),
    }
}

/// One request at a source.
pub(super) struct Arrival<'a> {
    pub ingress: &'a Ingress,
    pub revision: &'a Revision,
    pub source: &'a Source,
    pub raw: Arc<RawRequest>,
    pub params: Value,
    pub at: Timestamp,
    pub peer: IpAddr,
    /// As what it counts already.
    pub counted: Counted,
    /// When there must be an answer.
    pub until: Instant,
}

impl Arrival<'_> {
    pub(super) async fn answer(self) -> Result<Response<Full<Bytes>>, Refusal> {
        let began = Instant::now();
        let (new, answer) = match self.looked_at().await? {
            Looked::Handshake(answer) => return Ok(answer::response(answer)),
            Looked::Events(new, answer) => (new, answer),
        };
        let (raw, ids) = (new.raw.clone(), new.ids.clone());
        self.accept(new).await?;
        self.ingress.figures.accepted(&self.source.name, ids.len(), Some(began.elapsed()), self.at);
        ids.into_iter().for_each(|id| self.tell(&raw, id));
        Ok(answer::response(answer))
    }

    /// Much work is done beside the others: a large body must not hold up what else came on this thread, and only so many
    /// are worked on at once as there are processors.
    async fn looked_at(&self) -> Result<Looked, Refusal> {
        if self.raw.body.len() <= LITTLE && !payload::is_compressed(&self.raw) {
            return self.look(None);
        }
        // What is forged is known before it is read, wherever the proof is of the bytes as they came.
        let turn = self.in_time(self.ingress.guard.turns.prove(&self.source.name)).await?;
        let proof = beside_others(|| self.proof())?;
        drop(turn);
        let turn = self.ingress.guard.turns.take(&self.source.name, proof.is_some());
        let _turn = self.in_time(turn).await?;
        let _memory = self.memory().ok_or_else(Refusal::overloaded)?;
        beside_others(|| self.look(proof))
    }

    async fn in_time<T>(&self, turn: impl Future<Output = Option<T>>) -> Result<T, Refusal> {
        timeout_at(self.until.into(), turn).await.ok().flatten().ok_or_else(Refusal::overloaded)
    }

    /// The request as a verified one, where its payload need not be known for that.
    fn proof(&self) -> Result<Option<Verified>, Refusal> {
        let proved = self.source.proved_unread(&self.context());
        proved.transpose().map_err(|error| Refusal::not_taken(NotTaken::Unproved(error), self.source))
    }

    fn context(&self) -> Context<'_> {
        self.source.context(&self.raw, &self.params, &self.revision.set.public_url, self.at)
    }

    /// The memory for what a compressed body may become, while it is looked at. No single one takes more than half of what
    /// there is beside it, or it might never be taken.
    fn memory(&self) -> Option<gauge::Taken> {
        let length = self.raw.body.len();
        let more = payload::most_bytes(&self.raw, &self.source.limits.of_payload()).saturating_sub(length);
        let guard = &self.ingress.guard;
        guard.bodies.take(more.min(guard.most.bodies.saturating_sub(length) / 2))
    }

    /// What the request is, and what is to be stored of it. What was decoded is gone by the time it waits for the disk.
    fn look(&self, proof: Option<Verified>) -> Result<Looked, Refusal> {
        let (ingress, source) = (self.ingress, self.source);
        let received = source.receive(self.context(), proof, || ingress.rates.proved(source, self.peer, self.counted));
        match received.map_err(|why| Refusal::not_taken(why, source))? {
            Received::Handshake(handshake, answer) => {
                ingress.guard.tally.handshake();
                tracing::info!(source = %source.name, handshake = %handshake.name, "handshake answered");
                Ok(Looked::Handshake(answer))
            }
            Received::Events(Taken { raw, params, events, unread }) => {
                if let (Some(error), Some(event)) = (unread, events.first()) {
                    tracing::warn!(source = %source.name, event = %event.id, why = %error,
                        "the request can't be read; it is kept as a dead letter");
                }
                let ids = events.iter().map(|event| event.id).collect();
                let new = NewEvents { source: source.name.clone(), received_at: self.at, raw, params, ids };
                Ok(Looked::Events(new, self.reply(&events)))
            }
        }
    }

    /// Writes the events to disk. Whoever routes is told; should the sender break off before that, it looks by itself.
    async fn accept(&self, new: NewEvents) -> Result<(), Refusal> {
        death::moment("received");
        self.ingress.store.accept_until(new, self.until).await.map_err(|error| {
            let refusal = Refusal::store();
            // Once a minute: a disk that is full is so for a while.
            if self.ingress.guard.tally.is_news(refusal.reason, super::STARTED.elapsed().as_secs() / 60) {
                tracing::error!(%error, "the store did not take an event; its sender is told to try again");
            }
            refusal
        })?;
        death::moment("accepted");
        self.ingress.accepted.notify_one();
        Ok(())
    }

    /// Tells the log, and whoever follows traces, of an event that is on disk.
    fn tell(&self, raw: &RawRequest, event: EventId) {
        let (source, trace) = (&self.source.name, Trace::of(raw, event));
        tracing::debug!(%event, %source, trace = %trace.id, "accepted");
        self.ingress.spans.put(trace.sampled, || Span {
            name: format!("accept {source}"),
            began: self.at,
            ended: self.ingress.clock.now(),
            attributes: vec![("jackfield.event", event.to_string()), ("jackfield.source", source.to_string())],
            ..trace.accepting(event)
        });
    }

    /// The source's reply to the first of the events, once they are on disk: there is one, whatever its templates meet.
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

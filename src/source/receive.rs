//! What a request at a source is, a challenge or events: the one order of receiving, for the server and for tests.

use std::sync::Arc;
use std::time::Duration;

use super::reply::Answer;
use super::{Handshake, HandshakeError, Source};
use crate::event::{Event, RawRequest, Verified};
use crate::id::EventId;
use crate::payload::{self, DecodeError, Fault};
use crate::value::Value;
use crate::verify::{Context, VerifyError};

/// What a request turned out to be.
#[derive(Debug)]
pub enum Received<'s> {
    Handshake(&'s Handshake, Answer),
    Events(Taken),
}

/// What is kept of a request, and the events that it makes.
#[derive(Debug)]
pub struct Taken {
    /// Without what only proves where it is from.
    pub raw: Arc<RawRequest>,
    pub params: Value,
    /// At least one.
    pub events: Vec<Event>,
    /// Why its body can't be read. Then there is one event without a payload, so that nothing which its sender has proved is
    /// lost: a sender that hears no is gone for good, or tries for ever.
    pub unread: Option<DecodeError>,
}

/// Why a request is not taken.
#[derive(Debug)]
pub enum NotTaken {
    WrongMethod,
    Unproved(VerifyError),
    /// It is from whom it should be, and more than may come; how long until there is a place.
    TooMany(Duration),
    Handshake(HandshakeError),
    /// There is more in its body than the limits allow.
    TooLarge(DecodeError),
}

impl Source {
    /// Looks at a request: challenges that ask for no proof, the proof, the challenges that ask for one, and the body.
    /// `proof` is there where it is verified already, and `proved` counts what is from whom it should be.
    pub fn receive(
        &self,
        context: Context<'_>,
        proof: Option<Verified>,
        proved: impl FnOnce() -> Result<(), Duration>,
    ) -> Result<Received<'_>, NotTaken> {
        if let Some(shaken) = self.shaken(&context, false)? {
            return Ok(shaken);
        }
        let method = &context.raw.method;
        // A handshake's method makes no events.
        let is_taken = self.takes(method);
        if !is_taken && !self.may_shake(method, true) {
            return Err(NotTaken::WrongMethod);
        }
        let verified = proof.map_or_else(|| self.verify.verify(&context), Ok).map_err(NotTaken::Unproved)?;
        proved().map_err(NotTaken::TooMany)?;
        if let Some(shaken) = self.shaken(&context, true)? {
            return Ok(shaken);
        }
        if !is_taken {
            return Err(NotTaken::WrongMethod);
        }
        let (verified, params) = self.without_credentials(verified, context.params.clone());
        let raw = verified.raw().clone();
        // What was read to verify is the payload, unless the token was in what is read.
        let is_same = raw.query() == context.raw.query() && raw.body == context.raw.body;
        let read = context.payload.into_inner().filter(|_| is_same);
        let whole = read.map_or_else(|| self.payload(&raw), |read| read.and_then(|payload| self.nested(payload)));
        let events = whole.and_then(|whole| self.events_of(whole, &raw, &params, context.now));
        let (events, unread) = match events {
            Ok(events) => (events, None),
            Err(error) if error.fault == Fault::TooLarge => return Err(NotTaken::TooLarge(error)),
            Err(error) => {
                let nothing = Value::Null;
                let event = self.event(EventId::new(), &raw, 0, nothing.clone(), &nothing, &params, context.now);
                (vec![event], Some(error))
            }
        };
        Ok(Received::Events(Taken { raw, params, events, unread }))
    }

    /// The request as a verified one, or why not, where that is seen without reading its body. A challenge that asks for no
    /// proof comes before it.
    pub fn proved_unread(&self, context: &Context<'_>) -> Option<Result<Verified, VerifyError>> {
        let is_first = self.is_proved_first(&context.raw.method);
        (is_first && !self.verify.reads_payload()).then(|| self.verify.verify(context))
    }

    /// Whether nothing is done for a request of this method before it is proved.
    pub fn is_proved_first(&self, method: &str) -> bool {
        !self.may_shake(method, false) && (self.takes(method) || self.may_shake(method, true))
    }

    /// A request, and the segments of its path, as they are kept. Of a compressed body nothing is masked but what is beside it.
    pub fn without_credentials(&self, verified: Verified, params: Value) -> (Verified, Value) {
        let limits = self.limits.of_payload();
        let read = |raw: &RawRequest| payload::decode_within(raw, self.format, &limits).ok();
        verified.without_credentials(&self.verify, params, &read)
    }

    /// The answer to a challenge, of those that want the source's verification first or those that do not.
    fn shaken(&self, context: &Context<'_>, verified: bool) -> Result<Option<Received<'_>>, NotTaken> {
        let Some(scope) = self.handshake_scope(context, verified) else { return Ok(None) };
        let Some(handshake) = self.handshake(&context.raw.method, verified, &scope) else { return Ok(None) };
        let answer = handshake.answer(context, &scope, &self.settings).map_err(NotTaken::Handshake)?;
        Ok(Some(Received::Handshake(handshake, answer)))
    }
}

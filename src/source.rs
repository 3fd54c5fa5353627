//! A source, compiled: where events arrive and what their requests must be.

mod handshake;
mod rate;
mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Event, RawRequest, Verified};
use crate::id::EventId;
use crate::path::Path;
use crate::payload::{self, DecodeError, Format};
use crate::secret::Secret;
use crate::value::Value;
use crate::verify::Verify;
pub use handshake::{Echo, Handshake, HandshakeError};
pub use rate::Rate;
pub use reply::{Answer, Overload, Reply, ReplyBody};

/// No request becomes more events than this.
const MOST_PARTS: usize = 1000;

/// A named place where events arrive.
#[derive(Debug)]
pub struct Source {
    /// The name in `jackfield.yaml`, or the name of the one route that declares it.
    pub name: Arc<str>,
    /// Under `/hooks`, with `{named}` segments: `/twilio/calls/{contact_id}`.
    pub path: Arc<str>,
    pub methods: Vec<Arc<str>>,
    pub format: Format,
    pub split: Option<Path>,
    pub verify: Verify,
    pub settings: Settings,
    pub handshakes: Vec<Handshake>,
    pub reply: Reply,
    pub limits: Limits,
    /// How fast requests may come.
    pub rate: Option<Rate>,
}

/// What a source gives for the settings that its webhook describes, by name. What could not be had is not there.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// An object of those that are not secret.
    pub values: Value,
    pub secrets: BTreeMap<Arc<str>, Secret>,
}

/// How much one request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// How long a body may take to arrive.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { body: 1024 * 1024, time: Duration::from_secs(10) }
    }
}

impl Source {
    /// The events of a verified request: one, or one for each match of `split`.
    pub fn events(&self, verified: &Verified, params: Value, at: Timestamp) -> Result<Vec<Event>, DecodeError> {
        let envelope = payload::decode(verified.raw(), self.format)?;
        let parts = self.parts(&envelope)?;
        let numbered = (0u32..).zip(parts);
        Ok(numbered
            .map(|(part, payload)| self.event(EventId::new(), verified.raw(), part, payload, &envelope, &params, at))
            .collect())
    }

    /// One event again, from its stored request.
    pub fn restore(
        &self,
        id: EventId,
        raw: &Arc<RawRequest>,
        part: u32,
        params: Value,
        at: Timestamp,
    ) -> Result<Option<Event>, DecodeError> {
        let envelope = payload::decode(raw, self.format)?;
        let payload = self.parts(&envelope)?.into_iter().nth(part as usize);
        Ok(payload.map(|payload| self.event(id, raw, part, payload, &envelope, &params, at)))
    }

    /// Whether `split` looks for parts in this payload and finds none.
    pub fn splits_nothing(&self, envelope: &Value) -> bool {
        self.split.as_ref().is_some_and(|path| path.first(envelope).is_none())
    }

    /// What finds nothing to split is one event: it is kept and seen rather than lost.
    fn parts(&self, envelope: &Value) -> Result<Vec<Value>, DecodeError> {
        let found = self.split.as_ref().map(|path| path.all(envelope, MOST_PARTS + 1)).unwrap_or_default();
        match found.len() {
            0 => Ok(vec![envelope.clone()]),
            1..=MOST_PARTS => Ok(found.into_iter().cloned().collect()),
            _ => Err(DecodeError::TooManyParts(MOST_PARTS)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts of an event")]
    fn event(
        &self,
        id: EventId,
        raw: &Arc<RawRequest>,
        part: u32,
        payload: Value,
        envelope: &Value,
        params: &Value,
        received_at: Timestamp,
    ) -> Event {
        let (source, raw, params) = (self.name.clone(), raw.clone(), params.clone());
        Event { id, source, received_at, raw, part, payload, envelope: envelope.clone(), params }
    }
}

//! A source, compiled: where events arrive and what their requests must be.

mod handshake;
mod rate;
mod receive;
mod reply;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{Event, RawRequest, Verified};
use crate::id::EventId;
use crate::path::Path;
use crate::payload::nested::{self, Nested};
use crate::payload::{self, DecodeError, Format};
use crate::privacy::Privacy;
use crate::secret::Secret;
use crate::value::Value;
use crate::verify::{Context, Verify};
pub use handshake::{Echo, Handshake, HandshakeError};
pub use rate::{Bucket, Rate};
pub use receive::{NotTaken, Received, Taken};
pub use reply::{Answer, Overload, Reply, ReplyBody};

/// An address with the segments of the path in it.
fn filled_in(url: &str, params: &Value) -> String {
    let params = params.as_object().into_iter().flat_map(|params| params.iter());
    params.fold(url.to_owned(), |url, (name, value)| {
        url.replace(&format!("{{{name}}}"), &crate::request::encode(value.as_str().unwrap_or_default()))
    })
}

/// The name of the source of what the server itself has to tell. It has no address.
pub const OWN_SOURCE: &str = "jackfield";

/// So many times the limit of a body is what a compressed one may hold.
const INFLATION: usize = 10;

/// A named place where events arrive.
#[derive(Debug)]
pub struct Source {
    /// The name in `jackfield.yaml`, or the name of the one route that declares it.
    pub name: Arc<str>,
    /// Under `/hooks`, with `{named}` segments: `/twilio/calls/{contact_id}`.
    pub path: Arc<str>,
    /// The address that the sender knows, without its query, where it is not that of the workspace and the path.
    pub public_url: Option<Arc<str>>,
    pub methods: Vec<Arc<str>>,
    pub format: Format,
    /// Text inside the payload that is read further, in this order.
    pub decode: Vec<Nested>,
    pub split: Option<Path>,
    pub verify: Verify,
    pub settings: Settings,
    pub handshakes: Vec<Handshake>,
    pub reply: Reply,
    pub limits: Limits,
    /// How fast requests may come.
    pub rate: Option<Rate>,
    /// What people are not shown of its payloads.
    pub privacy: Privacy,
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
    /// Parts of a multipart body, and events that `split` makes of one request.
    pub parts: usize,
    /// Lists and objects inside one another.
    pub depth: usize,
    /// Values of every kind, counted together.
    pub nodes: usize,
}

/// The payload of a request, and of each of its events.
#[derive(Debug)]
pub struct Whole {
    pub envelope: Value,
    pub parts: Vec<Value>,
}

impl Default for Limits {
    fn default() -> Self {
        let payload::Limits { parts, depth, nodes, .. } = payload::Limits::default();
        Limits { body: 1024 * 1024, time: Duration::from_secs(10), parts, depth, nodes }
    }
}

impl Limits {
    /// Those that concern the payload.
    pub fn of_payload(&self) -> payload::Limits {
        let Limits { body, parts, depth, nodes, .. } = *self;
        payload::Limits { inflated: body.saturating_mul(INFLATION), parts, depth, nodes }
    }
}

impl Source {
    /// The source of what the server itself has to tell: nobody can send there.
    pub fn own() -> Self {
        Source {
            name: OWN_SOURCE.into(),
            path: "".into(),
            public_url: None,
            methods: vec!["POST".into()],
            format: Format::Json,
            decode: Vec::new(),
            split: None,
            verify: Verify::Open,
            settings: Settings::default(),
            handshakes: Vec::new(),
            reply: Reply::default(),
            limits: Limits::default(),
            rate: None,
            privacy: Privacy::default(),
        }
    }

    /// What verification looks at in a request to this source.
    pub fn context<'a>(
        &self,
        raw: &'a Arc<RawRequest>,
        params: &'a Value,
        public_url: &'a str,
        now: Timestamp,
    ) -> Context<'a> {
        let (format, limits) = (self.format, self.limits.of_payload());
        let address = self.public_url.as_ref().map(|url| filled_in(url, params));
        Context { public_url, address, now, format, limits, raw, params, payload: OnceLock::new() }
    }

    /// The whole payload of a request.
    pub fn payload(&self, raw: &RawRequest) -> Result<Value, DecodeError> {
        self.nested(payload::decode_within(raw, self.format, &self.limits.of_payload())?)
    }

    /// A payload with the texts inside it read.
    fn nested(&self, payload: Value) -> Result<Value, DecodeError> {
        nested::decode(payload, &self.decode, &self.limits.of_payload())
    }

    /// The events of a verified request: one, or one for each match of `split`.
    pub fn events(&self, verified: &Verified, params: &Value, at: Timestamp) -> Result<Vec<Event>, DecodeError> {
        self.events_of(self.payload(verified.raw())?, verified.raw(), params, at)
    }

    fn events_of(
        &self,
        envelope: Value,
        raw: &Arc<RawRequest>,
        params: &Value,
        at: Timestamp,
    ) -> Result<Vec<Event>, DecodeError> {
        let parts = (0u32..).zip(self.parts(&envelope)?);
        let event = |(part, payload)| self.event(EventId::new(), raw, part, payload, &envelope, params, at);
        Ok(parts.map(event).collect())
    }

    /// A stored request as it is read now.
    pub fn whole(&self, raw: &RawRequest) -> Result<Whole, DecodeError> {
        let envelope = self.payload(raw)?;
        let parts = self.parts(&envelope)?;
        Ok(Whole { envelope, parts })
    }

    /// One event again, from its stored request.
    pub fn restore(
        &self,
        whole: &Whole,
        id: EventId,
        raw: &Arc<RawRequest>,
        part: u32,
        params: Value,
        at: Timestamp,
    ) -> Option<Event> {
        let payload = whole.parts.get(part as usize)?.clone();
        Some(self.event(id, raw, part, payload, &whole.envelope, &params, at))
    }

    /// Whether `split` looks for parts in this payload and finds none.
    pub fn splits_nothing(&self, envelope: &Value) -> bool {
        self.split.as_ref().is_some_and(|path| path.first(envelope).is_none())
    }

    /// What finds nothing to split is one event: it is kept and seen rather than lost.
    fn parts(&self, envelope: &Value) -> Result<Vec<Value>, DecodeError> {
        let most = self.limits.parts;
        let found = self.split.as_ref().map(|path| path.all(envelope, most.saturating_add(1))).unwrap_or_default();
        match found.len() {
            0 => Ok(vec![envelope.clone()]),
            count if count <= most => Ok(found.into_iter().cloned().collect()),
            _ => Err(DecodeError::too_large(format!("`split` finds more than {most} parts in the body"))),
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

//! Traces: from a sender's request over the routes to each call of a provider, as W3C Trace Context and OpenTelemetry know
//! them. All ids follow from those of events and deliveries, so that a trace goes on after a restart and nothing more is
//! stored; only what a sender gave itself is kept with a delivery's request.

mod export;

use std::fmt;

use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::id::{DeliveryId, EventId};

pub use export::{Exporter, Spans, from_environment};

/// The trace of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: TraceId,
    /// The sender's span, where it gave one.
    parent: Option<SpanId>,
    /// Whether its spans are wanted.
    pub sampled: bool,
}

/// 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

/// 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a finished piece of work tells. Nothing in it is of a payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace: TraceId,
    pub id: SpanId,
    pub parent: Option<SpanId>,
    pub name: String,
    pub kind: Kind,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub failed: bool,
    pub attributes: Vec<(&'static str, String)>,
}

/// Whose work it is, by the numbers of OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// The header by which a trace is handed on.
pub const HEADER: &str = "traceparent";
/// What a stored request begins with whose sender gave a trace.
const NOTE: &str = "{\"traceparent\":\"";
/// Characters of such a header.
const LENGTH: usize = 55;

impl Trace {
    /// The sender's trace, or one of the event's own.
    pub fn of(raw: &RawRequest, event: EventId) -> Self {
        raw.header(HEADER).and_then(Trace::parse).unwrap_or_else(|| Trace::own(event))
    }

    /// The trace of a stored delivery.
    pub fn of_delivery(request: &str, event: EventId) -> Self {
        let noted = request.strip_prefix(NOTE).and_then(|rest| rest.get(..LENGTH)).and_then(Trace::parse);
        noted.unwrap_or_else(|| Trace::own(event))
    }

    fn own(event: EventId) -> Self {
        Trace { id: TraceId(digits(event)), parent: None, sampled: true }
    }

    /// `00-`, the trace, the span and flags, each in lower-case hexadecimal digits; a later version may have more.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (head, rest) = text.split_at_checked(LENGTH)?;
        let is_known = match head.get(..3)? {
            "00-" => rest.is_empty(),
            "ff-" => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let parts: Vec<&str> = head.split('-').collect();
        let [version, id, parent, flags] = parts.as_slice() else { return None };
        let is_hex = |part: &&&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_whole = [version, id, parent, flags].iter().all(is_hex) && id.len() == 32 && parent.len() == 16;
        if !is_known || !is_whole {
            return None;
        }
        let (id, parent) = (u128::from_str_radix(id, 16).ok()?, u64::from_str_radix(parent, 16).ok()?);
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (id != 0 && parent != 0).then_some(Trace { id: TraceId(id), parent: Some(SpanId(parent)), sampled })
    }

    /// As a header, with this span as the one above.
    pub fn header(&self, above: SpanId) -> String {
        format!("00-{}-{above}-{:02x}", self.id, u8::from(self.sampled))
    }

    /// A request to be stored, with the trace where it is the sender's.
    pub fn noted_in(&self, request: String) -> String {
        match (self.parent, request.strip_prefix('{')) {
            (Some(parent), Some(rest)) => format!("{NOTE}{}\",{rest}", self.header(parent)),
            _ => request,
        }
    }

    /// The span of accepting an event.
    pub fn accepting(&self, event: EventId) -> Span {
        self.span(SpanId(mixed(digits(event), 0)), self.parent, Kind::Server)
    }

    /// The span of routing an event.
    pub fn routing(&self, event: EventId) -> Span {
        self.span(SpanId(mixed(digits(event), 1)), Some(SpanId(mixed(digits(event), 0))), Kind::Internal)
    }

    /// The span of a call of a delivery, by its number.
    pub fn calling(&self, event: EventId, delivery: DeliveryId, number: u32) -> Span {
        let above = SpanId(mixed(digits(event), 1));
        self.span(SpanId(mixed(digits(delivery), u64::from(number) + 2)), Some(above), Kind::Client)
    }

    fn span(&self, id: SpanId, parent: Option<SpanId>, kind: Kind) -> Span {
        let (began, ended) = (Timestamp(0), Timestamp(0));
        Span {
            trace: self.id,
            id,
            parent,
            name: String::new(),
            kind,
            began,
            ended,
            failed: false,
            attributes: Vec::new(),
        }
    }
}

/// The digits of an id.
fn digits(id: impl Into<u128>) -> u128 {
    id.into().max(1)
}

/// A number that looks like any other, and is the same again for the same (splitmix64); never zero.
fn mixed(of: u128, salt: u64) -> u64 {
    let half = |shift: u32| (of >> shift) as u64;
    let mut number =
        (half(0) ^ half(64).rotate_left(17)).wrapping_add(salt.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (number ^ (number >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_sender_is_taken_at_its_word_where_it_can_be_read() {
        let trace = Trace::parse(GIVEN).unwrap();
        assert_eq!((trace.id.to_string().as_str(), trace.sampled), ("4bf92f3577b34da6a3ce929d0e0e4736", true));
        assert_eq!(trace.header(trace.parent.unwrap()), GIVEN);
        assert!(!Trace::parse(&GIVEN.replace("-01", "-00")).unwrap().sampled);
        assert!(Trace::parse(&format!("01{}-more", &GIVEN[2..])).is_some());
        let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let wrong =
            ["", "00-1-2-01", &GIVEN.to_uppercase(), &format!("{GIVEN}-x"), &format!("ff{}", &GIVEN[2..]), &zeros];
        assert!(wrong.iter().all(|text| Trace::parse(text).is_none()));
        assert!(Trace::parse(&"é".repeat(55)).is_none());
    }

    #[test]
    fn a_delivery_keeps_its_senders_trace() {
        let event = EventId::new();
        let raw = RawRequest { headers: vec![(HEADER.to_owned(), GIVEN.to_owned())], ..RawRequest::default() };
        let trace = Trace::of(&raw, event);
        let noted = trace.noted_in("{\"to\":1}".to_owned());
        assert_eq!(noted, format!("{{\"traceparent\":\"{GIVEN}\",\"to\":1}}"));
        assert_eq!(Trace::of_delivery(&noted, event), trace);
        let own = Trace::of(&RawRequest::default(), event);
        assert_eq!(format!("evt_{}", own.id), event.to_string());
        assert_eq!(own.noted_in("{}".to_owned()), "{}");
        assert_eq!(Trace::of_delivery("{}", event), own);
    }

    #[test]
    fn spans_hang_together() {
        let (event, delivery) = (EventId::new(), DeliveryId::new());
        let trace = Trace::own(event);
        let [accepting, routing, calling] =
            [trace.accepting(event), trace.routing(event), trace.calling(event, delivery, 1)];
        assert_eq!((accepting.parent, routing.parent, calling.parent), (None, Some(accepting.id), Some(routing.id)));
        assert_ne!(calling.id, trace.calling(event, delivery, 2).id);
    }
}

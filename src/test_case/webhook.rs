//! The tests that a webhook of a pack carries: a captured request, verified and read as the server does it.

use std::sync::Arc;

use super::compare::{self, Finding};
use super::{failed, sent_at};
use crate::clock::Timestamp;
use crate::diagnostic::{Diagnostic, Place, text::count_of};
use crate::event::{Event, RawRequest};
use crate::path;
use crate::pipeline::{self, RouteResult};
use crate::route::{Lookup, RouteSet};
use crate::source::{Answer as Given, HandshakeError, NotTaken, Received as Reception, Taken};
use crate::value::{Value, json};
use crate::verify::cause::Cause;

/// One test of a webhook.
#[derive(Debug)]
pub struct WebhookTest {
    /// `typeform.form_response`; the set that it is run with has a source and a route of this name, and no other.
    pub webhook: Arc<str>,
    pub name: Arc<str>,
    pub request_place: Place,
    pub expected: Expected,
    /// Where `expect` is written.
    pub place: Place,
    /// Where the webhook itself is written.
    pub webhook_place: Place,
}

/// What must come of the request.
#[derive(Debug)]
pub enum Expected {
    Refused,
    Events { identities: Option<Identities>, payload: Option<(Value, Place)> },
    Handshake(Box<Answer>),
}

/// The identities that are expected, and where they are written.
#[derive(Debug)]
pub struct Identities {
    pub texts: Vec<(Arc<str>, Place)>,
    pub place: Place,
}

/// The answer to a challenge.
#[derive(Debug)]
pub struct Answer {
    pub status: Option<u64>,
    pub content_type: Option<Arc<str>>,
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    pub body: Option<Value>,
    pub place: Place,
}

/// What became of a request.
enum Received {
    Events(Vec<Event>),
    /// It was a challenge.
    Answered(Given),
    Refused {
        why: String,
        cause: Option<String>,
    },
    /// It is no request that the source could take.
    Unread(String),
}

impl WebhookTest {
    /// What differs from what the test expects; nothing when it passes.
    pub fn run(&self, set: &RouteSet, raw: RawRequest, now: Timestamp) -> Vec<Diagnostic> {
        let received = receive(set, raw, now);
        if let Some(problem) = self.unsplit(set, &received) {
            return vec![problem];
        }
        match (&self.expected, received) {
            (_, Received::Unread(why)) => vec![failed(&self.name, &self.request_place, why)],
            (Expected::Refused, Received::Refused { .. }) => Vec::new(),
            (Expected::Events { identities, payload }, Received::Events(events)) => {
                let identities = identities.iter().flat_map(|all| self.identities(set, all, &events));
                identities
                    .chain(payload.iter().flat_map(|(wanted, place)| self.payload(wanted, place, &events)))
                    .collect()
            }
            (Expected::Handshake(wanted), Received::Answered(answer)) => self.answer(wanted, &answer),
            (expected, received) => vec![self.other(expected, received)],
        }
    }

    /// A `split` that finds nothing in the request, and nearly the name of something that is there: it is not split at all.
    fn unsplit(&self, set: &RouteSet, received: &Received) -> Option<Diagnostic> {
        let (Expected::Events { .. }, Received::Events(events)) = (&self.expected, received) else { return None };
        let [event] = events.as_slice() else { return None };
        let split = set.sources.values().find_map(|source| source.split.as_ref())?;
        let meant = path::meant(&event.payload, split).filter(|_| split.first(&event.payload).is_none())?;
        let meant = match split.text().ends_with("[*]") {
            true => format!("{}[*]", meant.rsplit_once('[').map_or(&*meant, |(list, _)| list)),
            false => meant,
        };
        let place = self.webhook_place.key("split");
        let message = format!("`split` finds nothing in the request of test `{}`", self.name);
        let diagnostic = failed(&self.name, &place, "").help(format!("did you mean `{meant}`?"));
        let diagnostic = Diagnostic { message, ..diagnostic };
        Some(diagnostic.also(self.place.clone(), "in this test"))
    }

    /// Something else came of the request than what is expected of it.
    fn other(&self, expected: &Expected, received: Received) -> Diagnostic {
        match (expected, received) {
            (_, Received::Refused { why, cause: Some(help) }) => {
                let place = self.webhook_place.key("verify").on_key();
                let message = format!("the request is refused: {why}");
                failed(&self.name, &place, message).also(self.place.clone(), "in this test").help(help)
            }
            (_, Received::Refused { why, .. }) => {
                let help = "see that `signs` says what the sender signs, that `secret`, and `public_url` where the address is \
                            signed, are those of the capture, and that every byte of it is as it was sent";
                self.wrong(&format!("the request is refused: {why}")).help(help)
            }
            (Expected::Refused, Received::Answered(_)) => {
                self.wrong("the request is answered as a handshake, and should be refused")
            }
            (_, Received::Answered(_)) => self.wrong("the request is answered as a handshake, and makes no event"),
            (Expected::Handshake(_), _) => self.wrong("the request is taken for an event, and no handshake answers it"),
            (..) => self.wrong("the request is taken, and should be refused"),
        }
    }

    fn answer(&self, wanted: &Answer, found: &Given) -> Vec<Diagnostic> {
        let place = |key: &str| wanted.place.key(key);
        let status = found.status.to_string();
        let content_type = found.content_type.as_deref();
        // `text/plain` alone asks for no charset.
        let is_short = wanted.content_type.as_ref().is_some_and(|wanted| !wanted.contains(';'));
        let content_type =
            content_type.map(|text| if is_short { text.split(';').next().unwrap_or(text) } else { text });
        let wanted_status = wanted.status.map(|status| status.to_string());
        let mut findings = Vec::new();
        findings
            .extend(wanted_status.and_then(|s| Finding::of_text(&place("status"), "the status", &s, Some(&status))));
        let type_wanted = wanted.content_type.as_ref();
        let of_type =
            |wanted: &Arc<str>| Finding::of_text(&place("content_type"), "the content type", wanted, content_type);
        findings.extend(type_wanted.and_then(of_type));
        for (name, text) in &wanted.headers {
            let value = found.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let place = place("headers").key(name.clone());
            let value = value.map(|(_, value)| value.as_str());
            findings.extend(Finding::of_text(&place, &format!("the header `{name}`"), text, value));
        }
        findings.extend(wanted.body.iter().flat_map(|body| of_body(body, &found.body, &place("body"))));
        findings.into_iter().map(|finding| finding.of(&self.name).problem).collect()
    }

    fn wrong(&self, message: &str) -> Diagnostic {
        failed(&self.name, &self.place, message)
    }

    fn payload(&self, wanted: &Value, place: &Place, events: &[Event]) -> Vec<Diagnostic> {
        let found = events.first().map(|event| event.payload.clone()).unwrap_or_default();
        let findings = compare::within(wanted, &found, place, "payload");
        findings.into_iter().map(|finding| finding.of(&self.name).problem).collect()
    }

    fn identities(&self, set: &RouteSet, wanted: &Identities, events: &[Event]) -> Vec<Diagnostic> {
        let found: Result<Vec<_>, _> = events.iter().map(|event| self.identity(set, event)).collect();
        let found = match found {
            Ok(found) => found,
            Err(problem) => return vec![*problem],
        };
        if found.len() != wanted.texts.len() {
            let shown: Vec<String> = found.iter().flatten().take(5).map(|identity| format!("`{identity}`")).collect();
            let wanted_count = count_of(wanted.texts.len(), "event");
            let message = format!("expected {wanted_count}, found {}: {}", found.len(), shown.join(", "));
            return vec![failed(&self.name, &wanted.place, message.trim_end_matches(": "))];
        }
        let pairs = wanted.texts.iter().zip(found);
        let findings = pairs
            .filter_map(|((wanted, place), found)| Finding::of_text(place, "the identity", wanted, found.as_deref()));
        findings.map(|finding| finding.of(&self.name).problem).collect()
    }

    fn identity(&self, set: &RouteSet, event: &Event) -> Result<Option<String>, Box<Diagnostic>> {
        let Some(route) = set.route(&self.webhook) else { return Ok(None) };
        match pipeline::run_one(set, route, event).result {
            RouteResult::Taken(taken) => Ok(taken.identity),
            RouteResult::Failed(problem) => {
                Err(Box::new(problem.also(self.place.clone(), format!("in test `{}`", self.name))))
            }
            RouteResult::NotMatched | RouteResult::NotNeeded => Ok(None),
        }
    }
}

/// A body that is expected: as a text, or as the fields that the JSON has.
fn of_body(wanted: &Value, found: &str, place: &Place) -> Vec<Finding> {
    match (wanted.as_str(), json::parse(found.as_bytes(), &json::Limits::default())) {
        (None, Ok(found)) => compare::within(wanted, &found, place, "body"),
        (text, _) => {
            let wanted = text.map_or_else(|| wanted.to_json(), str::to_owned);
            Finding::of_text(place, "the body", &wanted, Some(found)).into_iter().collect()
        }
    }
}

/// As the server receives: found, verified at the time when it was sent, and answered as a challenge or read.
fn receive(set: &RouteSet, raw: RawRequest, now: Timestamp) -> Received {
    let path = set.meant(raw.path());
    let (source, params) = match set.find(&raw.method, path) {
        Lookup::Found(source, params) => (source, params),
        Lookup::WrongMethod(_) => return not_taken(&raw),
        Lookup::Nothing => return Received::Unread(format!("the path `{}` can't be served", raw.path())),
    };
    let at = sent_at(&source, &raw, &set.public_url, &params).unwrap_or(now);
    let raw = Arc::new(raw);
    let cause = || match source.verify.refused(&raw, &source.context(&raw, &params, &set.public_url, at))?.cause? {
        Cause::Written(help) => Some(help),
        Cause::NearHeader { found, .. } => Some(format!("did you mean `header: {found}`?")),
    };
    let outcome = source.receive(source.context(&raw, &params, &set.public_url, at), None, || Ok(()));
    match outcome {
        Ok(Reception::Events(Taken { unread: Some(error), .. })) => Received::Unread(error.to_string()),
        Ok(Reception::Events(taken)) => Received::Events(taken.events),
        Ok(Reception::Handshake(_, answer)) => Received::Answered(answer),
        Err(NotTaken::WrongMethod) => not_taken(&raw),
        Err(NotTaken::Unproved(error) | NotTaken::Handshake(HandshakeError::Token(error))) => {
            Received::Refused { why: error.to_string(), cause: cause() }
        }
        Err(NotTaken::Handshake(error)) => Received::Unread(error.to_string()),
        Err(NotTaken::TooLarge(error)) => Received::Unread(error.to_string()),
        Err(NotTaken::TooMany(_)) => Received::Unread("the source takes no more requests".to_owned()),
    }
}

fn not_taken(raw: &RawRequest) -> Received {
    Received::Unread(format!("the webhook does not take {}", raw.method))
}

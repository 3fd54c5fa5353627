//! The tests that a webhook of a pack carries: a captured request, verified and read as the server does it.

use std::sync::Arc;

use super::compare::{self, Finding};
use super::failed;
use crate::clock::Timestamp;
use crate::diagnostic::{Diagnostic, Place, text::count_of};
use crate::event::{Event, RawRequest, sent};
use crate::pipeline::{self, RouteResult};
use crate::route::{Lookup, RouteSet};
use crate::value::Value;
use crate::verify::Context;

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
    Refused(String),
    /// It is no request that the source could take.
    Unread(String),
}

impl WebhookTest {
    /// What differs from what the test expects; nothing when it passes.
    pub fn run(&self, set: &RouteSet, raw: RawRequest, now: Timestamp) -> Vec<Diagnostic> {
        match (&self.expected, receive(set, raw, now)) {
            (_, Received::Unread(why)) => vec![failed(&self.name, &self.request_place, why)],
            (Expected::Refused, Received::Refused(_)) => Vec::new(),
            (Expected::Refused, Received::Events(_)) => {
                vec![self.wrong("the request is taken, and should be refused")]
            }
            (Expected::Events { .. } | Expected::Handshake(_), Received::Refused(why)) => {
                let help = "see that `secret`, and `public_url` where the address is signed, are those of the capture, and \
                            that every byte of it is as it was sent";
                vec![self.wrong(&format!("the request is refused: {why}")).help(help)]
            }
            (Expected::Handshake(_), Received::Events(_)) => {
                vec![self.wrong("the request is taken for an event, and no handshake answers it")]
            }
            (Expected::Events { identities, payload }, Received::Events(events)) => {
                let mut problems =
                    identities.iter().flat_map(|all| self.identities(set, all, &events)).collect::<Vec<_>>();
                problems.extend(payload.iter().flat_map(|(wanted, place)| self.payload(wanted, place, &events)));
                problems
            }
        }
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
        let findings =
            pairs.filter_map(|((wanted, place), found)| Finding::of_identity(place, wanted, found.as_deref()));
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

/// As the server receives: found, verified at the time when it was sent, and read.
fn receive(set: &RouteSet, raw: RawRequest, now: Timestamp) -> Received {
    let path = raw.path().strip_prefix("/hooks").unwrap_or(raw.path());
    let (source, params) = match set.find(&raw.method, path) {
        Lookup::Found(source, params) => (source, params),
        Lookup::WrongMethod(_) => return Received::Unread(format!("the webhook does not take {}", raw.method)),
        Lookup::Nothing => return Received::Unread(format!("the path `{}` can't be served", raw.path())),
    };
    let now = sent::at(&raw).unwrap_or(now);
    let context = Context { public_url: &set.public_url, now, format: source.format, params: &params };
    let verified = match source.verify.verify(Arc::new(raw), &context) {
        Ok(verified) => verified,
        Err(error) => return Received::Refused(error.to_string()),
    };
    let (verified, params) = verified.without_credentials(&source.verify, params);
    match source.events(&verified, params, now) {
        Ok(events) => Received::Events(events),
        Err(error) => Received::Unread(error.to_string()),
    }
}

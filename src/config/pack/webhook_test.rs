//! `tests:` of a pack's webhook as written: a captured request, what a source would give, and what must come of it.

use crate::config::scalar::Text;
use crate::config::shape::keywords::described;
use crate::config::shape::{Shape, Shapes};
use crate::config::{At, Decode, NamedList, Problems};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::Node;
use crate::value::Value;

record! {
    /// One test of a webhook: a captured request, and what must come of it.
    pub struct WebhookTest ("a test of a webhook") {
        /// What the test shows, in your own words.
        name: Text,
        /// The file of a captured request, beside `pack.yaml`: `samples/form.http`. It has a request line with any path under
        /// `/hooks`, headers, an empty line and the body.
        request: Text,
        /// The secret that a source would give, made up for the test: `test_secret`.
        secret: Option<Node>,
        /// The settings that a source would give, by name: `{ verify_token: abc }`.
        settings: Option<Node>,
        /// The public address that the sender was given, where it signs it: `https://ingress.example.test` unless given.
        public_url: Option<Text>,
        /// What must come of the request: `identities`, `payload`, `handshake`; or `refused`.
        expect: WebhookExpect,
    }
}

/// What must come of a request to a webhook.
#[derive(Clone, Debug)]
pub enum WebhookExpect {
    /// It does not prove where it is from.
    Refused(Place),
    Events(WebhookEvents),
    Handshake(ExpectedHandshake),
}

record! {
    /// What must come of a request: its events, or the answer to a challenge.
    pub struct WebhookEvents ("what a test expects") {
        /// The identity of each event that comes of it, in order: `["SM123"]`.
        identities: Option<Vec<Text>>,
        /// Fields that the payload of the first event must have; it may have others.
        payload: Option<Node>,
        /// The answer to a challenge, which makes no event.
        handshake: Option<ExpectedHandshake>,
    }
}

record! {
    /// The answer that a challenge must get.
    pub struct ExpectedHandshake ("an answer") {
        /// The HTTP status: `200`.
        status: Option<At<u64>>,
        /// The content type, as it is sent: `text/plain`.
        content_type: Option<Text>,
        /// Headers that the answer must have.
        headers: NamedList<Text>,
        /// The body, a text or, for JSON, its fields.
        body: Option<Node>,
    }
}

impl Decode for WebhookExpect {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.as_scalar().is_some_and(|scalar| &*scalar.text == "refused") {
            return Some(WebhookExpect::Refused(node.place.clone()));
        }
        let one = node.as_scalar().or_else(|| match node.as_list() {
            Some([item]) => item.as_scalar(),
            _ => None,
        });
        let is_refused = |text: &str| {
            suggest::nearest(text, ["refused", "rejected", "unauthorized", "forbidden", "denied", "401", "403"])
                .is_some()
        };
        if let Some(written) = one.filter(|scalar| is_refused(&scalar.text)) {
            let message = format!("a webhook's request is not `{}`", written.text);
            let problem = Diagnostic::new(Code::InvalidValue, node.place.clone(), message);
            problems.push(problem.help("write `expect: refused`").fix(node.place.clone(), "refused"));
            return None;
        }
        let events = WebhookEvents::decode(node, problems)?;
        match (&events.handshake, events.identities.is_some() || events.payload.is_some()) {
            (None, true) => Some(WebhookExpect::Events(events)),
            (Some(handshake), false) => Some(WebhookExpect::Handshake(handshake.clone())),
            (Some(handshake), true) => {
                let message = "a handshake makes no event, so that `identities` and `payload` can't stand beside it";
                let place = handshake.place.on_key();
                let help = "keep what the request is: a challenge, or an event";
                problems.push(Diagnostic::new(Code::ConflictingKeys, place, message).help(help));
                None
            }
            (None, false) => {
                let message = "the test expects nothing";
                let help = "write `identities: [\"…\"]`, a `payload:` or a `handshake:` below it; or `expect: refused`";
                problems.push(Diagnostic::new(Code::MissingKey, node.place.on_key(), message).help(help));
                None
            }
        }
    }
}

impl Shape for WebhookExpect {
    fn shape(shapes: &mut Shapes) -> Value {
        let refused = Value::object([("type", "string"), ("const", "refused")]);
        let refused =
            described(&["The request does not prove where it is from, and is answered with 401 or 403."], &refused);
        Value::object([("anyOf", Value::array([WebhookEvents::shape(shapes), refused]))])
    }
}

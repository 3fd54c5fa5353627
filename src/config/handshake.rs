//! What a sender is answered, as written.

use std::time::Duration;

use super::scalar::Text;
use super::shape::keywords::described;
use super::shape::{Shape, Shapes};
use super::source::verify::Token;
use super::{At, Decode, NamedList, Problems};
use crate::document::{Kind, Node};
use crate::value::Value;

record! {
    /// What the sender is answered once the event is on disk.
    pub struct Reply ("a reply") {
        /// The HTTP status: 202 unless given.
        status: Option<At<u64>>,
        /// The content type of `body`: `text/xml`. For text `text/plain; charset=utf-8`, for a mapping or list
        /// `application/json` unless given.
        content_type: Option<Text>,
        /// Headers of the answer, by name.
        headers: NamedList<Text>,
        /// The body: text as it is sent, `<Response/>`, or a mapping or list, which is sent as JSON. `{{ event.id }}` may stand
        /// in it, also what is in `payload` and `request`.
        body: Option<Node>,
        /// How the sender is told to send again later: `{ status: 429, retry_after: 10s }`.
        overload: Option<Overload>,
    }
}

record! {
    /// What the sender is answered when there is too much to do, so that it sends the request again.
    pub struct Overload ("an overload") {
        /// The HTTP status. Unless given 429 for more requests than the source's `rate`, and 503 for the rest.
        status: Option<At<u64>>,
        /// When the sender may try again: `5s` unless given.
        retry_after: Option<At<Duration>>,
    }
}

record! {
    /// A challenge that a sender makes before it trusts the address, and its answer. It makes no event.
    pub struct Handshake ("a handshake") {
        /// What it is, for the log: `Meta's subscription`.
        description: Option<Text>,
        /// The HTTP methods by which it comes: those of the source unless given.
        methods: Option<Vec<Text>>,
        /// One expression over `request`, `payload` and `settings`: the request is the handshake when it holds.
        when: Text,
        /// `false` where the sender can't prove itself in this request: `true` unless given, so that the source's `verify` must
        /// pass first.
        verified: Option<At<bool>>,
        /// A token that the request must carry besides: `{ query: hub.verify_token, secret: "{{ settings.verify_token }}" }`.
        token: Option<Token>,
        /// What is answered.
        reply: HandshakeReply,
    }
}

record! {
    /// The answer to a handshake. What it sends back of the request is at most 1,000 letters, digits and `._~+/=:-` or spaces.
    pub struct HandshakeReply ("a handshake's reply") {
        /// The HTTP status: 200 unless given.
        status: Option<At<u64>>,
        /// The content type of `body`. For text `text/plain; charset=utf-8`, for a mapping or list `application/json` unless
        /// given.
        content_type: Option<Text>,
        /// Headers of the answer, by name: `Validation-Token: "{{ request.headers['validation-token'] }}"`.
        headers: NamedList<Text>,
        /// The body: text, `"{{ request.query['hub.challenge'] }}"`, or a mapping, which is sent as JSON. The source's secret
        /// may stand in `hmac(secret)`.
        body: Option<Node>,
    }
}

/// One handshake, or a list of them of which the first whose `when` holds is answered.
#[derive(Clone, Debug)]
pub struct Handshakes(pub Vec<Handshake>);

impl Decode for Handshakes {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => Vec::decode(node, problems).map(Handshakes),
            _ => Handshake::decode(node, problems).map(|handshake| Handshakes(vec![handshake])),
        }
    }
}

impl Shape for Handshakes {
    fn shape(shapes: &mut Shapes) -> Value {
        let list = described(
            &["Several handshakes: the first whose `when` holds is answered."],
            &Vec::<Handshake>::shape(shapes),
        );
        Value::object([("anyOf", Value::array([Handshake::shape(shapes), list]))])
    }
}

//! A pack as written: all that is known of one vendor.

use std::time::Duration;

use super::scalar::Text;
use super::source::{Format, Reply, Verify};
use super::{At, Decode, NamedList, Problems, Required, only_entry};
use crate::document::Node;

record! {
    /// One vendor: the webhooks that it sends and the operations that it takes.
    pub struct Pack ("a pack") {
        /// The vendor's name as people write it.
        title: Required<Text>,
        /// What the vendor is.
        description: Option<Text>,
        /// The address of the vendor's documentation.
        docs: Option<Text>,
        /// The address of the API; without it each connection gives its own.
        base_url: Option<Text>,
        /// Other addresses of the API, chosen by a connection's `environment`.
        environments: NamedList<Text>,
        /// What a connection must or may give.
        settings: NamedList<Setting>,
        /// Headers of every request.
        headers: NamedList<Text>,
        /// How many requests the vendor takes in a time.
        rate_limit: Option<RateLimit>,
        /// Conditions on the answer, common to all operations.
        response: Vec<Condition>,
        /// How the sandbox answers for every operation.
        sandbox: Option<PackSandbox>,
        /// The calls that the vendor takes.
        operations: NamedList<Operation>,
        /// The webhooks that the vendor sends.
        webhooks: NamedList<Webhook>,
    }
}

record! {
    /// One setting of a connection.
    pub struct Setting ("a setting") {
        /// What it is and where the vendor shows it.
        description: Option<Text>,
        /// It must never be shown.
        secret: Option<At<bool>>,
        /// A connection must give it.
        required: Option<At<bool>>,
        /// The value when a connection does not give it.
        default: Option<Text>,
    }
}

record! {
    /// How many requests the vendor takes in a time.
    pub struct RateLimit ("a rate limit") {
        /// So many requests
        requests: At<u64>,
        /// in this time.
        per: At<Duration>,
    }
}

record! {
    /// One call that the vendor takes.
    pub struct Operation ("an operation") {
        /// What the call does.
        description: Option<Text>,
        /// The address of its documentation.
        docs: Option<Text>,
        /// The HTTP method: POST unless given.
        method: Option<Text>,
        /// The path after `base_url`, with `{names}`.
        path: Required<Text>,
        /// What the `{names}` of the path mean.
        params: NamedList<Param>,
        /// Further headers.
        headers: NamedList<Text>,
        /// The shape of the body.
        request: Option<RequestShape>,
        /// Values for fields of the body that a route does not give.
        defaults: NamedList<Node>,
        /// What the answers mean, in the order tried.
        response: Vec<Condition>,
        /// The field that lets the vendor recognise a repetition, or `none`.
        idempotency: Option<Idempotency>,
        /// How to know what we caused ourselves when it comes back as a webhook.
        loop_guard: Option<Text>,
        /// A request that the vendor takes.
        example: Option<Example>,
        /// How the sandbox answers.
        sandbox: Option<Sandbox>,
    }
}

record! {
    /// A `{name}` of an operation's path.
    pub struct Param ("a parameter") {
        /// What it is.
        description: Option<Text>,
    }
}

record! {
    /// The shape of an operation's body.
    pub struct RequestShape ("a request") {
        /// The JSON Schema of a JSON body, beside the pack.
        json: Text,
    }
}

record! {
    /// A request that the vendor takes.
    pub struct Example ("an example") {
        /// Values for the `{names}` of the path.
        params: Option<Node>,
        /// The body.
        body: Option<Node>,
    }
}

/// The field that lets the vendor recognise a repetition.
#[derive(Clone, Debug)]
pub enum Idempotency {
    None,
    Field(Box<IdempotencyField>),
}

record! {
    /// The field of the body that carries the idempotency key.
    pub struct IdempotencyField ("an idempotency key") {
        /// The field.
        field: Text,
    }
}

impl Decode for Idempotency {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.as_scalar().is_some_and(|scalar| &*scalar.text == "none") {
            return Some(Idempotency::None);
        }
        IdempotencyField::decode(node, problems).map(|field| Idempotency::Field(Box::new(field)))
    }
}

/// An outcome and the expression on the answer that means it.
#[derive(Clone, Debug)]
pub struct Condition {
    pub outcome: At<&'static str>,
    pub when: Text,
}

/// The outcomes that a condition can name.
pub const OUTCOMES: &[&str] = &["delivered", "accepted", "duplicate", "retry", "reject"];

impl Decode for Condition {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let (outcome, value) = only_entry(node, "an outcome", OUTCOMES, "none of them", problems)?;
        let when = Text::decode(value, problems)?;
        Some(Condition { outcome: At::new(outcome, value.place.on_key()), when })
    }
}

record! {
    /// How the sandbox answers one operation.
    pub struct Sandbox ("a sandbox") {
        /// The answer to a good request.
        reply: Option<SandboxReply>,
        /// Answers on demand, by name.
        errors: NamedList<SandboxReply>,
    }
}

record! {
    /// How the sandbox answers for every operation of a pack.
    pub struct PackSandbox ("a sandbox") {
        /// Answers on demand, by name.
        errors: NamedList<SandboxReply>,
    }
}

record! {
    /// One answer of the sandbox.
    pub struct SandboxReply ("a reply") {
        /// The HTTP status.
        status: At<u64>,
        /// Its headers.
        headers: NamedList<Text>,
        /// Its body, with templates over `request` and `sequence`: JSON, or a text.
        body: Option<Node>,
    }
}

record! {
    /// One webhook that the vendor sends.
    pub struct Webhook ("a webhook") {
        /// What it tells.
        description: Option<Text>,
        /// The address of its documentation.
        docs: Option<Text>,
        /// The HTTP methods: POST unless given.
        methods: Option<Vec<Text>>,
        /// How the body is read.
        format: Option<At<Format>>,
        /// Text inside the payload that is itself JSON, XML or a form.
        decode: Option<Node>,
        /// One request becomes one event for each match.
        split: Option<Text>,
        /// How the vendor proves itself.
        verify: Option<Verify>,
        /// The challenges that the vendor makes.
        handshake: Option<Node>,
        /// What makes two events the same one.
        identity: Option<Text>,
        /// What the vendor must be answered.
        reply: Option<Reply>,
        /// Captured requests, beside the pack.
        samples: Vec<Text>,
    }
}

//! A pack as written: all that is known of one vendor.

mod call;
mod webhook_test;

use super::handshake::{Handshakes, Reply};
use super::scalar::Text;
use super::shape::{Field, Shape, Shapes};
use super::source::{Format, Layers, Limits, Verify};
use super::step::Step;
use super::{At, Decode, NamedList, Problems, Required, only_entry};
use crate::document::Node;
use crate::value::Value;
pub use call::{Auth, Idempotency, IdempotencyField, Oauth2, RateLimit, RateLimits, RequestShape};
pub use webhook_test::{ExpectedHandshake, WebhookEvents, WebhookExpect, WebhookTest};

record! {
    /// A pack: all that is known of one vendor, the webhooks that it sends and the operations that it takes.
    pub struct Pack ("a pack") {
        /// The vendor's name as people write it: `Cloud Chat`.
        title: Required<Text>,
        /// What the vendor is, in a sentence.
        description: Option<Text>,
        /// The address of the vendor's documentation.
        docs: Option<Text>,
        /// The address of the API: `https://api.example.com/v1`. Leave it out where each account has its own; connections then
        /// give it.
        base_url: Option<Text>,
        /// Other addresses of the API, chosen by a connection's `environment`: `{ sandbox: https://sandbox.example.com }`.
        environments: NamedList<Text>,
        /// What a connection must or may give, by name: `token: { secret: true, required: true }`. Templates of the pack have it
        /// as `{{ connection.token }}`.
        settings: NamedList<Setting>,
        /// Headers of every request: `Authorization: "Bearer {{ connection.token }}"`. A secret stands alone in its `{{ }}`.
        headers: NamedList<Text>,
        /// How a connection gets a token that runs out: `{ oauth2: … }`.
        auth: Option<Auth>,
        /// How many requests the vendor takes in a time: `{ requests: 300, per: 1m }`, or a list of such.
        rate_limit: Option<RateLimits>,
        /// What the answers of every operation mean, tried after the operation's own conditions.
        response: Vec<Condition>,
        /// How the stand-in of `serve --sandbox` answers for every operation.
        sandbox: Option<PackSandbox>,
        /// The calls that the vendor takes, by name. A route says `to: connection.name`.
        operations: NamedList<Operation>,
        /// The webhooks that the vendor sends, by name. A source says `from: vendor.name`.
        webhooks: NamedList<Webhook>,
    }
}

record! {
    /// One setting of a connection or of a source: what it is, and whether it must be given.
    pub struct Setting ("a setting") {
        /// What the setting is, and where the vendor shows it.
        description: Option<Text>,
        /// `true` for what must never be shown, such as a token.
        secret: Option<At<bool>>,
        /// `true` for what every connection, or every source, must give.
        required: Option<At<bool>>,
        /// The value where none is given.
        default: Option<Text>,
        /// What the setting can be: `integer` for the number of an account. Anything that is one value, unless given.
        kind as "type": Option<At<SettingType>>,
    }
}

words! {
    /// What a setting can be.
    pub enum SettingType ("a type of a setting") {
        /// A whole number, with quotes or without, written out or taken from the environment.
        Integer = "integer",
        /// A text of any kind.
        Text = "text",
    }
}

record! {
    /// One call that the vendor takes, or a chain of such calls.
    pub struct Operation ("an operation") {
        /// What the call does.
        description: Option<Text>,
        /// The address of its documentation.
        docs: Option<Text>,
        /// The HTTP method: `POST` unless given.
        method: Option<Text>,
        /// The path after `base_url`: `/customers/{customer_id}/notes`. What stands for a `{name}` comes from the route's
        /// `params`, or from a setting of that name.
        path: Option<Text>,
        /// A chain, in place of `method` and `path`: the calls to other operations of this pack that make one delivery, in
        /// order, the last of which is the delivery's own. Their templates have what the route gives as `body` and `params`.
        steps: Vec<Step>,
        /// What the `{names}` of the path mean, by name; of a chain, what a route may give as `params`.
        params: NamedList<Param>,
        /// The names that can stand behind the `?` of the address, each with what it is: a route that gives another one is told.
        /// Without it a route may give any. `{ email: { description: "The contact's address" } }`.
        query: NamedList<QueryName>,
        /// Further headers, beside those of the pack.
        headers: NamedList<Text>,
        /// The shape of the body: `{ json: note.json }`, `{ form: note.json }` or `{ multipart: note.json }`. Without it the call
        /// has no body that is checked.
        request: Option<RequestShape>,
        /// Values for fields of the body that a route does not give: `channel: "{{ connection.channel }}"`.
        defaults: NamedList<Node>,
        /// What the answers mean: `- delivered: "{{ status == 201 and body.id }}"`. The first condition that holds decides.
        response: Vec<Condition>,
        /// How the vendor recognises a repetition: `{ field: key }` of the body, `{ header: Idempotency-Key }`, `safe` where a
        /// repetition changes nothing, or `none`. A `GET` is safe by itself.
        idempotency: Option<Idempotency>,
        /// How many of these calls the vendor takes in a time, beside the limit of the pack.
        rate_limit: Option<RateLimits>,
        /// How to tell what was sent from here when it comes back as a webhook, in words for the author of a route.
        loop_guard: Option<Text>,
        /// A request that the vendor takes. `check` proves it by the schema.
        example: Option<Example>,
        /// How the stand-in of `serve --sandbox` answers.
        sandbox: Option<Sandbox>,
    }
}

record! {
    /// A `{name}` in the path of an operation.
    pub struct Param ("a parameter") {
        /// What it is, and where the vendor shows it.
        description: Option<Text>,
    }
}

record! {
    /// A name in the query of an operation.
    pub struct QueryName ("a name of the query") {
        /// What it is, and how it is written.
        description: Option<Text>,
        /// `true` for what every call must give.
        required: Option<At<bool>>,
    }
}

record! {
    /// A request that the vendor takes, and what it may answer.
    pub struct Example ("an example") {
        /// Values for the `{names}` in the path.
        params: Option<Node>,
        /// Values for the query.
        query: Option<Node>,
        /// What the vendor answers, of a call that fetches something: it shows what can be saved.
        answer: Option<Node>,
        /// The body, as it would be sent.
        body: Option<Node>,
    }
}

/// An outcome and the expression on the answer that means it.
#[derive(Clone, Debug)]
pub struct Condition {
    pub outcome: At<&'static str>,
    pub when: Text,
}

/// The outcomes that a condition can name.
pub const OUTCOMES: &[&str] = &["delivered", "accepted", "duplicate", "retry", "reject", "refresh", "forget", "hold"];

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
        /// The answer to a request that passes the schema.
        reply: Option<SandboxReply>,
        /// Answers that `jackfield sandbox --fail` gives on demand, by name: `busy: { status: 429 }`.
        errors: NamedList<SandboxReply>,
    }
}

record! {
    /// How the sandbox answers for every operation of a pack.
    pub struct PackSandbox ("a sandbox") {
        /// Answers that `jackfield sandbox --fail` gives on demand, by name: `busy: { status: 429 }`.
        errors: NamedList<SandboxReply>,
    }
}

record! {
    /// One answer of the stand-in.
    pub struct SandboxReply ("a reply") {
        /// The HTTP status: `200`.
        status: At<u64>,
        /// The headers of the answer.
        headers: NamedList<Text>,
        /// The body of the answer, JSON or a text, with templates over `request` and `sequence`.
        body: Option<Node>,
    }
}

record! {
    /// One webhook that the vendor sends.
    pub struct Webhook ("a webhook") {
        /// What the webhook tells, and what must be set at the vendor.
        description: Option<Text>,
        /// The address of its documentation.
        docs: Option<Text>,
        /// The HTTP methods that are used: `[POST]` unless given.
        methods: Option<Vec<Text>>,
        /// How the body is read: `auto` unless given.
        format: Option<At<Format>>,
        /// Text inside the payload that is itself JSON, XML, a form, base64 or percent-encoded: `{ "$.payload": json }`.
        decode: Option<Layers>,
        /// A JSONPath, for webhooks that put several events into one request: `"$.leads[*]"`. Each match becomes an event.
        split: Option<Text>,
        /// How the vendor proves itself; where the pack does not say, each source does.
        verify: Option<Verify>,
        /// What a source of this webhook must or may give, by name: `verify_token: { secret: true, required: true }`. What is
        /// written here has it as `{{ settings.verify_token }}`.
        settings: NamedList<Setting>,
        /// What a source's `secret` is at this vendor, told by `jackfield explain`.
        secret: Option<WebhookSecret>,
        /// The challenges that the vendor makes.
        handshake: Option<Handshakes>,
        /// What makes two events the same one: `"{{ payload.id }}"`.
        identity: Option<Text>,
        /// What the vendor must be answered: 202 and the event's id unless given.
        reply: Option<Reply>,
        /// How much one request of this vendor may bring, where that is not what `jackfield.yaml` says: `{ body: 5MB }`.
        limits: Option<Limits>,
        /// How to tell what was sent from here when it comes back as this webhook, in words for the author of a route.
        loop_guard: Option<Text>,
        /// Which operations of the vendor come back as this webhook, and how a route leaves them out: `check` warns of one that
        /// does not.
        echo: Option<Echo>,
        /// What is not certain of the webhook, and what to know before it is used: `Not confirmed: the body of a file`.
        notes: Option<Text>,
        /// Files with captured requests, beside `pack.yaml`: `samples/form.http`.
        samples: Vec<Text>,
        /// Captured requests and what must come of them. `check` runs those of the packs that lie in the workspace.
        tests: Vec<WebhookTest>,
    }
}

record! {
    /// What comes back as a webhook when a route sends it.
    pub struct Echo ("an echo") {
        /// The operations of this pack whose requests come back: `[create_message]`.
        of: Vec<Text>,
        /// A condition that takes nothing of it: `"{{ payload.direction == 'inbound' }}"`. A route is warned of whose conditions
        /// look at none of these fields.
        guard as "match": Required<Text>,
    }
}

record! {
    /// What a source's `secret` is at this vendor.
    pub struct WebhookSecret ("a secret") {
        /// What it is, and where the vendor shows it, in words; never the secret itself.
        description: Text,
    }
}

impl Shape for Condition {
    fn shape(shapes: &mut Shapes) -> Value {
        let docs = "An outcome, and the expression on the answer that means it.";
        shapes.choice("Condition", &[docs], |shapes| {
            let outcome = |outcome| Field::of::<Option<Text>>(outcome, &[meaning(outcome)], shapes);
            OUTCOMES.iter().copied().map(outcome).collect()
        })
    }
}

/// What it means when the condition of an outcome holds.
fn meaning(outcome: &str) -> &'static str {
    match outcome {
        "delivered" => "When this holds, the provider has it: `\"{{ status == 201 and body.id }}\"`.",
        "accepted" => {
            "When this holds, the provider took it and does not say yet whether it is good: `\"{{ status == 202 }}\"`."
        }
        "duplicate" => {
            "When this holds, the provider had it already, which counts as delivered: `\"{{ status == 409 }}\"`."
        }
        "retry" => "When this holds, it is tried again later: `\"{{ body.error == 'busy' }}\"`.",
        "reject" => "When this holds, it is given up and kept as a dead letter: `\"{{ body.status == 'error' }}\"`.",
        "refresh" => {
            "When this holds, the token has run out: another one is got, and it is tried again: `\"{{ status == 401 }}\"`."
        }
        "forget" => {
            "When this holds, what earlier calls of the chain remembered is not so any more: it is forgotten, and they are made \
             again, once: `\"{{ status == 404 }}\"`."
        }
        "hold" => {
            "When this holds, the provider refuses the account: it is held until a person has mended the connection: \
             `\"{{ status == 403 and body.error == 'token revoked' }}\"`."
        }
        _ => "",
    }
}

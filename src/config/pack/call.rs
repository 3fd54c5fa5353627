//! What a pack says of its calls, as written: the shape of bodies, repetitions, budgets, tokens.

use std::time::Duration;

use crate::config::scalar::Text;
use crate::config::shape::keywords::described;
use crate::config::shape::{Field, Shape, Shapes};
use crate::config::{At, Decode, NamedList, Problems, Required, only_entry, wrong_type};
use crate::diagnostic::suggest;
use crate::document::{Kind, Node};
use crate::value::Value;

/// The shape of an operation's body: how it is written, and the file with its JSON Schema.
#[derive(Clone, Debug)]
pub struct RequestShape {
    pub encoding: &'static str,
    pub file: Text,
}

const ENCODINGS: &[&str] = &["json", "form", "multipart"];

impl Decode for RequestShape {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let (encoding, value) = only_entry(node, "a request", ENCODINGS, "leave `request` out", problems)?;
        Some(RequestShape { encoding, file: Text::decode(value, problems)? })
    }
}

impl Shape for RequestShape {
    fn shape(shapes: &mut Shapes) -> Value {
        let docs = "The shape of an operation's body: a file with its JSON Schema, beside `pack.yaml`.";
        shapes.choice("RequestShape", &[docs], |shapes| {
            let kinds = [
                ("json", "The body goes out as JSON: `note.json`."),
                ("form", "The body goes out as a form, `application/x-www-form-urlencoded`: `note.json`."),
                (
                    "multipart",
                    "The body goes out as `multipart/form-data`, which takes files: `note.json`. A file is a mapping of \
                     `filename`, `content_type` and `base64`, as a multipart payload has it, or of `url`: its address.",
                ),
            ];
            kinds.into_iter().map(|(key, docs)| Field::of::<Option<Text>>(key, &[docs], shapes)).collect()
        })
    }
}

/// How a vendor recognises a repetition.
#[derive(Clone, Debug)]
pub enum Idempotency {
    None,
    Safe,
    Key(Box<IdempotencyField>),
}

record! {
    /// What carries the key by which the vendor recognises a repetition: one of these.
    pub struct IdempotencyField ("an idempotency key") {
        /// The field of the body: `external_id`.
        field: Option<Text>,
        /// The header, which is sent with each call by itself: `Idempotency-Key`.
        header: Option<Text>,
    }
}

impl Decode for Idempotency {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.as_scalar().map(|scalar| &*scalar.text) {
            Some("none") => return Some(Idempotency::None),
            Some("safe") => return Some(Idempotency::Safe),
            Some(other) if !node.is_null() => {
                let known = ["none", "safe"];
                let help = suggest::nearest(other, known).map(|near| format!("did you mean `{near}`?"));
                let help = help.unwrap_or_else(|| {
                    "write `none`, `safe`, `{ field: key }` or `{ header: Idempotency-Key }`".to_owned()
                });
                let wanted = "`none`, `safe` or a group of keys";
                let problem = wrong_type(node, wanted, Some(&help));
                problems.push(problem.fix_opt(node.place.clone(), suggest::certain(other, known)));
                return None;
            }
            _ => {}
        }
        IdempotencyField::decode(node, problems).map(|field| Idempotency::Key(Box::new(field)))
    }
}

impl Shape for Idempotency {
    fn shape(shapes: &mut Shapes) -> Value {
        let word = |word: &str, docs: &str| {
            described(&[docs], &Value::object([("type", Value::from("string")), ("const", Value::from(word))]))
        };
        let none = word("none", "The vendor takes a repetition for a new call.");
        let safe = word("safe", "A repetition changes nothing more.");
        Value::object([("anyOf", Value::array([IdempotencyField::shape(shapes), none, safe]))])
    }
}

record! {
    /// How many requests the vendor takes in a time.
    pub struct RateLimit ("a rate limit") {
        /// So many requests are taken.
        requests: At<u64>,
        /// The time in which they are taken: `10s`, `1m`.
        per: At<Duration>,
        /// For what each such budget is, where there are many: `"{{ params.conversation_id }}"`. Without it all calls of a
        /// connection share one.
        key: Option<Text>,
    }
}

/// One limit, or several that all hold.
#[derive(Clone, Debug)]
pub struct RateLimits(pub Vec<RateLimit>);

impl Decode for RateLimits {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => Vec::decode(node, problems).map(RateLimits),
            _ => RateLimit::decode(node, problems).map(|limit| RateLimits(vec![limit])),
        }
    }
}

impl Shape for RateLimits {
    fn shape(shapes: &mut Shapes) -> Value {
        let several = Vec::<RateLimit>::shape(shapes);
        Value::object([("anyOf", Value::array([RateLimit::shape(shapes), several]))])
    }
}

record! {
    /// How a connection gets a token that runs out.
    pub struct Auth ("an authorization") {
        /// OAuth 2: a refresh token, or the client's own credentials, for an access token.
        oauth2: Required<Oauth2>,
    }
}

record! {
    /// OAuth 2: where tokens come from, and for what. It is used by connections that give all settings that it names.
    pub struct Oauth2 ("a token") {
        /// The secret setting that stands for the token, which headers of the pack name: `access_token`.
        token: Required<Text>,
        /// The address that gives tokens: `https://api.example.com/oauth/token`.
        token_url: Option<Text>,
        /// The same, where it stands behind `base_url`: `/oauth/token`.
        path: Option<Text>,
        /// The client: `"{{ connection.client_id }}"`.
        client_id: Required<Text>,
        /// The client's secret: `"{{ connection.client_secret }}"`.
        client_secret: Required<Text>,
        /// The first refresh token; those that follow are kept by Jackfield: `"{{ connection.refresh_token }}"`. Without it the
        /// client's own credentials are enough.
        refresh_token: Option<Text>,
        /// Further fields of the request for a token: `{ user_type: Location }`.
        fields: NamedList<Text>,
    }
}

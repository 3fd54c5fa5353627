//! `verify:` as written: how a sender proves itself.

use std::time::Duration;

use super::Secrets;
use crate::config::scalar::Text;
use crate::config::shape::keywords::described;
use crate::config::shape::{Field, Shape, Shapes};
use crate::config::{At, Decode, Problems, only_entry};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Node;
use crate::value::Value;

/// How the sender proves itself.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Not at all.
    None(At<()>),
    Hmac(Box<Hmac>),
    Sha256(Sha256),
    Token(Token),
    Basic(Basic),
    /// A kind that the language has and this version can't do yet.
    Later(At<std::sync::Arc<str>>),
}

record! {
    /// A keyed hash over parts of the request, in a header. The key is the source's `secret`.
    pub struct Hmac ("an hmac") {
        /// The header that carries the signature: `X-Signature`.
        header: Option<Text>,
        /// The hash: `sha256` unless given.
        algorithm: Option<At<Algorithm>>,
        /// How the signature is written: `hex` unless given.
        encoding: Option<At<Encoding>>,
        /// What stands before the signature in the header: `"sha256="`.
        prefix: Option<Text>,
        /// What is signed: `"{{ body }}"` unless given. Also `{{ url }}` (the public address with its query), `{{ method }}`,
        /// `{{ timestamp }}`, `{{ headers['X-Name'] }}`, `{{ form.field }}` and `{{ sorted_form }}`.
        signs: Option<Text>,
        /// Where the time of signing is, so that old requests are refused: `{ header: X-Timestamp, unit: s }`. It must be part
        /// of what is signed.
        timestamp: Option<SignedAt>,
        /// How far the time of signing may be from now: `5m` unless given.
        tolerance: Option<At<Duration>>,
        /// The key, where it is not the source's `secret`: `${env:NAME}`.
        secret: Option<Secrets>,
    }
}

record! {
    /// Where the time of signing is, and its unit.
    pub struct SignedAt ("a timestamp") {
        /// The header that carries the time: `X-Timestamp`.
        header: Text,
        /// The unit of the time: `s` unless given.
        unit: Option<At<Unit>>,
    }
}

words! {
    /// The unit of a timestamp.
    pub enum Unit ("a unit of time") {
        /// Seconds since 1970.
        Seconds = "s",
        /// Milliseconds since 1970.
        Milliseconds = "ms",
    }
}

record! {
    /// A plain hash over a text that holds the secret, in a header or in the payload.
    pub struct Sha256 ("a sha256") {
        /// The header that carries the hash: `X-Signature`. Or give `field`.
        header: Option<Text>,
        /// The JSONPath of the hash in the payload: `$.hash`. Or give `header`.
        field: Option<Text>,
        /// How the hash is written: `hex` unless given.
        encoding: Option<At<Encoding>>,
        /// What is hashed, with `{{ secret }}` in it: `"{{ secret }}{{ body }}"`. Also `{{ url }}`, `{{ method }}`,
        /// `{{ headers['X-Name'] }}`, `{{ form.field }}` and `{{ sorted_form }}`.
        signs: Text,
        /// The secret, where it is not the source's: `${env:NAME}`.
        secret: Option<Secrets>,
    }
}

record! {
    /// A fixed text that must be equal to the source's `secret`, in one place: a header, the query, the payload or the path.
    pub struct Token ("a token") {
        /// The header that carries the token: `X-Token`.
        header: Option<Text>,
        /// The parameter of the query that carries the token: `key`, for an address that ends in `?key=…`.
        query: Option<Text>,
        /// The JSONPath of the token in the payload: `$.token`.
        field: Option<Text>,
        /// The `{name}` in the source's path that stands for the token: `key`, for the path `/my-form/{key}`.
        path: Option<Text>,
        /// What stands before the token in the header: `"Bearer "`.
        prefix: Option<Text>,
        /// The token, where it is not the source's `secret`: `${env:NAME}`.
        secret: Option<Secrets>,
    }
}

record! {
    /// HTTP Basic authentication. The source's `secret` is `user:password`.
    pub struct Basic ("basic authentication") {
        /// The user and the password as `user:password`, where they are not the source's `secret`: `${env:NAME}`.
        secret: Option<Secrets>,
    }
}

words! {
    /// A hash function.
    pub enum Algorithm ("a hash") {
        /// SHA-1, as some older vendors still sign.
        Sha1 = "sha1",
        /// SHA-256.
        Sha256 = "sha256",
        /// SHA-512.
        Sha512 = "sha512",
    }
}

words! {
    /// How a signature is written.
    pub enum Encoding ("an encoding") {
        /// Hexadecimal.
        Hex = "hex",
        /// Base64.
        Base64 = "base64",
        /// Base64 of the hexadecimal text.
        Base64OfHex = "base64-of-hex",
    }
}

/// The kinds of verification, as keys of `verify:`.
pub const KINDS: &[&str] = &["hmac", "sha256", "token", "basic", "ed25519", "rsa", "jwt"];

impl Decode for Verify {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.as_scalar().is_some_and(|scalar| &*scalar.text == "none") {
            return Some(Verify::None(At::new((), node.place.clone())));
        }
        if let Some(problem) = without_kind(node) {
            problems.push(problem);
            return None;
        }
        let (kind, value) = only_entry(node, "a verification", KINDS, "`none`", problems)?;
        match kind {
            "hmac" => Hmac::decode(value, problems).map(|hmac| Verify::Hmac(Box::new(hmac))),
            "sha256" => Sha256::decode(value, problems).map(Verify::Sha256),
            "token" => Token::decode(value, problems).map(Verify::Token),
            "basic" => Basic::decode(value, problems).map(Verify::Basic),
            later => Some(Verify::Later(At::new(later.into(), value.place.on_key()))),
        }
    }
}

/// The keys of one kind of verification, without the kind.
fn without_kind(node: &Node) -> Option<Diagnostic> {
    let entries = node.as_map()?;
    let given = |keys: &[&str]| entries.iter().find(|entry| keys.contains(&&*entry.key.name));
    if let Some(kind) = given(KINDS) {
        let other = entries.iter().find(|entry| !KINDS.contains(&&*entry.key.name))?;
        let message = format!("`{}` is not a verification", other.key.name);
        let help = format!("`{}` belongs under `{}:`, indented", other.key.name, kind.key.name);
        return Some(Diagnostic::new(Code::UnknownKey, other.value.place.on_key(), message).help(help));
    }
    let named = given(&["type", "kind", "method", "scheme"]).and_then(|entry| entry.value.as_scalar());
    let named = named.and_then(|scalar| KINDS.iter().copied().find(|kind| scalar.text.eq_ignore_ascii_case(kind)));
    let of_hmac = || given(&["algorithm", "signs", "encoding", "timestamp", "tolerance"]).map(|_| "hmac");
    let of_token = || given(&["header", "query", "field", "path", "prefix"]).map(|_| "token");
    let kind = named.or_else(of_hmac).or_else(of_token)?;
    let first = entries.first()?;
    let help = match given(&["header", "query", "field", "path"]) {
        Some(entry) => {
            let value = entry.value.as_scalar().map_or("…", |scalar| &scalar.text);
            format!("write its keys under the kind: `verify: {{ {kind}: {{ {}: {value} }} }}`", entry.key.name)
        }
        None => format!("write its keys under the kind: `verify: {{ {kind}: {{ … }} }}`"),
    };
    let message = "`verify` does not say the kind of verification";
    Some(Diagnostic::new(Code::UnknownKey, first.value.place.on_key(), message).help(help))
}

impl Shape for Verify {
    fn shape(shapes: &mut Shapes) -> Value {
        let none = Value::object([("type", "string"), ("const", "none")]);
        let none = described(&["Anyone who knows the address may send. `check` warns."], &none);
        let docs = "How the sender proves itself, by one of these kinds; or `none`.";
        let kinds = shapes.choice("Verification", &[docs], |shapes| {
            vec![
                Field::of::<Option<Hmac>>(
                    "hmac",
                    &["A keyed hash over the request, in a header: what most senders call a signature."],
                    shapes,
                ),
                Field::of::<Option<Sha256>>("sha256", &["A plain hash over a text that holds the secret."], shapes),
                Field::of::<Option<Token>>(
                    "token",
                    &["A fixed text in one place: `{ query: key }`, for an address that ends in `?key=…`."],
                    shapes,
                ),
                Field::of::<Option<Basic>>(
                    "basic",
                    &["HTTP Basic authentication: `basic: {}`. The secret is `user:password`."],
                    shapes,
                ),
            ]
        });
        Value::object([("anyOf", Value::array([kinds, none]))])
    }
}

//! `source:` as written, in a route, in `jackfield.yaml` and in a pack's webhook.

use std::time::Duration;

use super::scalar::{Size, Text};
use super::{At, Decode, NamedList, Problems};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Kind, Node};

record! {
    /// Where events arrive, and how their requests are verified and read.
    pub struct Source ("a source") {
        /// A webhook that a pack describes, `vendor.webhook`; what is written beside it overrides the pack.
        from: Option<Text>,
        /// The path under `/hooks`; `{name}` segments become `request.params.name`.
        path: Option<Text>,
        /// The HTTP methods taken; POST unless given.
        methods: Option<Vec<Text>>,
        /// How the body is read: from its content type and bytes unless given.
        format: Option<At<Format>>,
        /// Text inside the payload that is itself JSON, XML or a form: `{$.path: json}`.
        decode: Option<Node>,
        /// A JSONPath; one request becomes one event for each match.
        split: Option<Text>,
        /// How the sender proves itself.
        verify: Option<Verify>,
        /// The secret that verification needs.
        secret: Option<Text>,
        /// The challenges that the sender makes before it trusts the address.
        handshake: Option<Node>,
        /// What the sender is answered once the event is on disk.
        reply: Option<Reply>,
        /// What makes two events the same one.
        identity: Option<Text>,
        /// How much one request may bring.
        limits: Option<Limits>,
    }
}

words! {
    /// How a body is read into a payload.
    pub enum Format ("a format") {
        /// From the content type, then from the bytes.
        Auto = "auto",
        /// JSON.
        Json = "json",
        /// `application/x-www-form-urlencoded`, with brackets.
        Form = "form",
        /// `multipart/form-data`.
        Multipart = "multipart",
        /// XML.
        Xml = "xml",
        /// The query string.
        Query = "query",
        /// The body as one text.
        Text = "text",
        /// A signed JSON Web Token.
        Jwt = "jwt",
    }
}

record! {
    /// How much one request may bring.
    pub struct Limits ("limits") {
        /// The largest body: `1MB` unless given.
        body: Option<At<Size>>,
        /// How long a body may take to arrive: `10s` unless given.
        time: Option<At<Duration>>,
    }
}

record! {
    /// What the sender is answered.
    pub struct Reply ("a reply") {
        /// The status: 202 unless given.
        status: Option<At<u64>>,
        /// The content type of `body`.
        content_type: Option<Text>,
        /// The body as it is sent; `{{ event.id }}` is in reach.
        body: Option<Text>,
    }
}

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
    /// A keyed hash over parts of the request.
    pub struct Hmac ("an hmac") {
        /// The header that carries the signature.
        header: Option<Text>,
        /// The hash: sha256 unless given.
        algorithm: Option<At<Algorithm>>,
        /// How the signature is written: hex unless given.
        encoding: Option<At<Encoding>>,
        /// What stands before the signature in the header: `sha256=`.
        prefix: Option<Text>,
        /// What is signed: a template over `body`, `url`, `method`, `timestamp`, `headers`, `form`, `sorted_form`.
        signs: Option<Text>,
        /// Where the time of signing is.
        timestamp: Option<SignedAt>,
        /// How far the time of signing may be from now: `5m` unless given.
        tolerance: Option<At<Duration>>,
        /// The key, when it is not the source's `secret`.
        secret: Option<Text>,
    }
}

record! {
    /// Where the time of signing is.
    pub struct SignedAt ("a timestamp") {
        /// The header.
        header: Text,
        /// Its unit: s or ms.
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
    /// A plain hash over a text that holds the secret.
    pub struct Sha256 ("a sha256") {
        /// The header that carries it.
        header: Option<Text>,
        /// Or a JSONPath into the payload.
        field: Option<Text>,
        /// How it is written: hex unless given.
        encoding: Option<At<Encoding>>,
        /// What is hashed: a template over `secret`, `body`, `url`, `method`, `headers`, `form`.
        signs: Text,
        /// The secret, when it is not the source's.
        secret: Option<Text>,
    }
}

record! {
    /// A fixed token that must be equal to the secret.
    pub struct Token ("a token") {
        /// In this header,
        header: Option<Text>,
        /// or in this parameter of the query,
        query: Option<Text>,
        /// or in the payload, at this JSONPath,
        field: Option<Text>,
        /// or in this `{segment}` of the path.
        path: Option<Text>,
        /// What stands before the token in the header: `Bearer `.
        prefix: Option<Text>,
        /// The token, when it is not the source's `secret`.
        secret: Option<Text>,
    }
}

record! {
    /// HTTP Basic authentication.
    pub struct Basic ("basic authentication") {
        /// `user:password`, when it is not the source's `secret`.
        secret: Option<Text>,
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
pub(super) const KINDS: &[&str] = &["hmac", "sha256", "token", "basic", "ed25519", "rsa", "jwt"];

impl Decode for Verify {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.as_scalar().is_some_and(|scalar| &*scalar.text == "none") {
            return Some(Verify::None(At::new((), node.place.clone())));
        }
        if let Some(problem) = without_kind(node) {
            problems.push(problem);
            return None;
        }
        let (kind, value) = super::only_entry(node, "a verification", KINDS, "`none`", problems)?;
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

/// A source written out, or the name of one that `jackfield.yaml` declares.
#[derive(Clone, Debug)]
pub enum SourceOrName {
    Here(Box<Source>),
    Named(Text),
}

impl Decode for SourceOrName {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => Text::decode(node, problems).map(SourceOrName::Named),
            _ => Source::decode(node, problems).map(|source| SourceOrName::Here(Box::new(source))),
        }
    }
}

/// Sources that several routes can share, by name.
pub type Sources = NamedList<Source>;

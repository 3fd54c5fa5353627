//! `verify:` as written: how a sender proves itself.

use std::time::Duration;

use super::Secrets;
use crate::config::scalar::Text;
use crate::config::{At, Decode, NamedList, Problems, group, only_entry, wrong_type};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::Node;

/// How the sender proves itself.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Not at all.
    None(At<()>),
    Hmac(Box<Hmac>),
    Hash(Box<PlainHash>, Algorithm),
    Token(Box<Token>),
    Basic(Basic),
    Ed25519(Box<Ed25519>),
    Rsa(Box<Rsa>),
    Jwt(Box<Jwt>),
    /// One of these is enough.
    AnyOf(At<Vec<Verify>>),
}

impl Verify {
    /// Every text that is a secret of its own, or that what is hashed is made of.
    pub fn secrets(&self) -> Vec<&Text> {
        let (own, signs) = match self {
            Verify::Hmac(hmac) => (&hmac.secret, hmac.signs.as_ref()),
            Verify::Hash(hash, _) => (&hash.secret, Some(&hash.signs)),
            Verify::Token(token) => (&token.secret, None),
            Verify::Basic(basic) => (&basic.secret, None),
            Verify::Jwt(jwt) => (&jwt.secret, None),
            Verify::AnyOf(ways) => return ways.value.iter().flat_map(Verify::secrets).collect(),
            Verify::None(_) | Verify::Ed25519(_) | Verify::Rsa(_) => return Vec::new(),
        };
        own.iter().flat_map(Secrets::iter).chain(signs).collect()
    }
}

record! {
    /// A keyed hash over parts of the request. The key is the source's `secret`.
    pub struct Hmac ("an hmac") {
        /// The header that carries the signature: `X-Signature`. Or give `query` or `field`.
        header: Option<Text>,
        /// The parameter of the query that carries the signature: `sig`.
        query: Option<Text>,
        /// The JSONPath of the signature in the payload: `$.sign`.
        field: Option<Text>,
        /// The hash: `sha256` unless given.
        algorithm: Option<At<Algorithm>>,
        /// How the signature is written: `hex` unless given.
        encoding: Option<At<Encoding>>,
        /// What stands before the signature: `"sha256="`.
        prefix: Option<Text>,
        /// What stands between several items, as `","` in `t=…,v1=…`. Each item that begins with `prefix` is tried.
        separator: Option<Text>,
        /// How the signature and the time stand in one item: `"1;{{ timestamp }};{{ signature }}"`.
        item: Option<Text>,
        /// What is signed: `"{{ body }}"` unless given. Also `{{ url }}` (the public address with its query),
        /// `{{ url_without_query }}`, `{{ url_decoded }}`, `{{ method }}`, `{{ timestamp }}`, `{{ headers['X-Name'] }}`,
        /// `{{ query.name }}`, `{{ form.name }}`, `{{ payload.name }}`, `{{ payload.name | default('') }}`, `{{ sorted_form }}`,
        /// `{{ sorted_query }}`, `{{ sorted_url }}`, `{{ sorted_fields }}`, `{{ path }}`, `{{ path_and_query }}` and
        /// `{{ body | sha256 }}`.
        signs: Option<Text>,
        /// Where the SHA-256 of the body is, for senders that sign it in the body's place: `{ query: bodySHA256 }`.
        body_hash: Option<BodyHash>,
        /// Where the time of signing is, so that old requests are refused: `{ header: X-Timestamp, unit: s }`. It must be part
        /// of what is signed.
        timestamp: Option<SignedAt>,
        /// How far the time of signing may be from now: `5m` unless given.
        tolerance: Option<At<Duration>>,
        /// How the secret is read: `text` unless given.
        key: Option<At<KeyFormat>>,
        /// What is cut off the secret before it is read, where it begins so: `whsec_`.
        key_prefix: Option<Text>,
        /// The key, where it is not the source's `secret`: `${env:NAME}`.
        secret: Option<Secrets>,
    }
}

words! {
    /// How a secret is read as a key.
    pub enum KeyFormat ("a kind of key") {
        /// As it is written.
        Text = "text",
        /// The bytes that the secret holds in base64.
        Base64 = "base64",
        /// The bytes that the secret holds in hexadecimal digits.
        Hex = "hex",
    }
}

record! {
    /// Where the SHA-256 of the body is.
    pub struct BodyHash ("a body hash") {
        /// The header that carries it: `Content-Digest`. Or give `query`.
        header: Option<Text>,
        /// The parameter of the query that carries it: `bodySHA256`. Or give `header`.
        query: Option<Text>,
        /// What stands before it: `"sha256="`.
        prefix: Option<Text>,
        /// How it is written: `hex` unless given.
        encoding: Option<At<Encoding>>,
        /// `true` where only some requests carry it: the others are forms, and `signs` has `{{ sorted_form }}`, which counts
        /// for nothing where the hash is there.
        optional: Option<At<bool>>,
    }
}

record! {
    /// Where the time of signing is, and its unit.
    pub struct SignedAt ("a timestamp") {
        /// The header that carries the time: `X-Timestamp`. Or give `query` or `field`.
        header: Option<Text>,
        /// The parameter of the query that carries the time: `timestamp`.
        query: Option<Text>,
        /// The JSONPath of the time in the payload: `$.timestamp`.
        field: Option<Text>,
        /// The unit of the time: `s` unless given.
        unit: Option<At<Unit>>,
        /// What stands before the time: `"t="`.
        prefix: Option<Text>,
        /// What stands between several items, as `","` in `t=…,v1=…`.
        separator: Option<Text>,
    }
}

words! {
    /// The unit of a timestamp.
    pub enum Unit ("a unit of time") {
        /// Seconds since 1970.
        Seconds = "s",
        /// Milliseconds since 1970.
        Milliseconds = "ms",
        /// A date and a time as in ISO 8601: `2026-11-21T09:30:00Z`.
        Iso = "iso",
    }
}

record! {
    /// A plain hash over a text that holds the secret.
    pub struct PlainHash ("a hash") {
        /// The header that carries the hash: `X-Signature`. Or give `query` or `field`.
        header: Option<Text>,
        /// The parameter of the query that carries the hash: `sig`.
        query: Option<Text>,
        /// The JSONPath of the hash in the payload: `$.hash`.
        field: Option<Text>,
        /// How the hash is written: `hex` unless given.
        encoding: Option<At<Encoding>>,
        /// What stands before the hash: `"sha256="`.
        prefix: Option<Text>,
        /// What is hashed, with `{{ secret }}` in it: `"{{ secret }}{{ body }}"`. Also what `hmac` can sign.
        signs: Text,
        /// Where the time of signing is, so that old requests are refused. It must be part of what is hashed.
        timestamp: Option<SignedAt>,
        /// How far the time of signing may be from now: `5m` unless given.
        tolerance: Option<At<Duration>>,
        /// The secret, where it is not the source's: `${env:NAME}`.
        secret: Option<Secrets>,
    }
}

record! {
    /// A signature by a private key that only the sender has, over Ed25519.
    pub struct Ed25519 ("an ed25519") {
        /// The header that carries the signature: `X-Signature-Ed25519`. Or give `query` or `field`.
        header: Option<Text>,
        /// The parameter of the query that carries the signature.
        query: Option<Text>,
        /// The JSONPath of the signature in the payload.
        field: Option<Text>,
        /// The sender's public key, as base64, hexadecimal digits or PEM: `${env:NAME}`.
        public_key: Text,
        /// How the signature is written: `base64` unless given.
        encoding: Option<At<Encoding>>,
        /// What stands before the signature.
        prefix: Option<Text>,
        /// What stands between several items. Each item that begins with `prefix` is tried.
        separator: Option<Text>,
        /// What is signed, as in `hmac`: `"{{ body }}"` unless given.
        signs: Option<Text>,
        /// Where the time of signing is, so that old requests are refused. It must be part of what is signed.
        timestamp: Option<SignedAt>,
        /// How far the time of signing may be from now: `5m` unless given.
        tolerance: Option<At<Duration>>,
    }
}

record! {
    /// A signature by a private key that only the sender has, over RSA (PKCS #1, version 1.5).
    pub struct Rsa ("an rsa") {
        /// The header that carries the signature: `X-Signature`. Or give `query` or `field`.
        header: Option<Text>,
        /// The parameter of the query that carries the signature.
        query: Option<Text>,
        /// The JSONPath of the signature in the payload.
        field: Option<Text>,
        /// The sender's public key, as PEM: `${file:keys/sender.pem}`.
        public_key: Text,
        /// The hash: `sha256` unless given.
        algorithm: Option<At<Algorithm>>,
        /// How the signature is written: `base64` unless given.
        encoding: Option<At<Encoding>>,
        /// What stands before the signature.
        prefix: Option<Text>,
        /// What stands between several items. Each item that begins with `prefix` is tried.
        separator: Option<Text>,
        /// What is signed, as in `hmac`: `"{{ body }}"` unless given.
        signs: Option<Text>,
        /// Where the time of signing is, so that old requests are refused. It must be part of what is signed.
        timestamp: Option<SignedAt>,
        /// How far the time of signing may be from now: `5m` unless given.
        tolerance: Option<At<Duration>>,
    }
}

record! {
    /// A signed JSON Web Token. Without `header`, `query` and `field` the whole body is the token.
    pub struct Jwt ("a jwt") {
        /// The header that carries the token: `Authorization`.
        header: Option<Text>,
        /// The parameter of the query that carries the token.
        query: Option<Text>,
        /// The JSONPath of the token in the payload.
        field: Option<Text>,
        /// What stands before the token: `"Bearer "`.
        prefix: Option<Text>,
        /// The one algorithm that is taken: `HS256` unless given.
        algorithm: Option<At<JwtAlgorithm>>,
        /// The key of the `HS` algorithms, where it is not the source's `secret`: `${env:NAME}`.
        secret: Option<Secrets>,
        /// The sender's public key, for `RS256` and `EdDSA`: `${env:NAME}`.
        public_key: Option<Text>,
        /// How old a token may be by its `iat`. What has expired by its `exp` is refused in any case.
        tolerance: Option<At<Duration>>,
        /// The claim that holds the SHA-256 of the body as hexadecimal digits: `payload_hash`.
        body_hash: Option<Text>,
        /// What claims must say, where one key signs for many receivers: `{ aud: my-address }`. Of a claim that is a list, one
        /// entry must be it.
        claims: Option<NamedList<Text>>,
    }
}

words! {
    /// How a JSON Web Token is signed.
    pub enum JwtAlgorithm ("an algorithm of JSON Web Tokens") {
        /// A keyed hash, SHA-256.
        Hs256 = "HS256",
        /// A keyed hash, SHA-384.
        Hs384 = "HS384",
        /// A keyed hash, SHA-512.
        Hs512 = "HS512",
        /// RSA over SHA-256.
        Rs256 = "RS256",
        /// Ed25519.
        EdDsa = "EdDSA",
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
        /// MD5, as some old systems still sign.
        Md5 = "md5",
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
pub const KINDS: &[&str] =
    &["hmac", "sha256", "sha1", "sha512", "md5", "token", "basic", "ed25519", "rsa", "jwt", "any_of"];

impl Decode for Verify {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.as_scalar().is_some_and(|scalar| &*scalar.text == "none") {
            return Some(Verify::None(At::new((), node.place.clone())));
        }
        if let Some(problem) = without_kind(node) {
            problems.push(problem);
            return None;
        }
        if let Some(scalar) = node.as_scalar().filter(|scalar| KINDS.contains(&&*scalar.text)) {
            let help = group::verification(&scalar.text);
            let place = Place::bytes(node.place.file.clone(), node.span.clone());
            let fixed = (&*scalar.text == "basic").then_some("{ basic: {} }");
            problems.push(wrong_type(node, "a kind with its keys", Some(&help)).fix_opt(place, fixed));
            return None;
        }
        let (kind, value) = only_entry(node, "a verification", KINDS, "`none`", problems)?;
        match kind {
            "hmac" => Hmac::decode(value, problems).map(|hmac| Verify::Hmac(Box::new(hmac))),
            "sha256" => hash(Algorithm::Sha256, value, problems),
            "sha1" => hash(Algorithm::Sha1, value, problems),
            "sha512" => hash(Algorithm::Sha512, value, problems),
            "md5" => hash(Algorithm::Md5, value, problems),
            "token" => Token::decode(value, problems).map(|token| Verify::Token(Box::new(token))),
            "ed25519" => Ed25519::decode(value, problems).map(|key| Verify::Ed25519(Box::new(key))),
            "rsa" => Rsa::decode(value, problems).map(|key| Verify::Rsa(Box::new(key))),
            "jwt" => Jwt::decode(value, problems).map(|jwt| Verify::Jwt(Box::new(jwt))),
            "any_of" => any_of(value, problems),
            _ => Basic::decode(value, problems).map(Verify::Basic),
        }
    }
}

fn hash(algorithm: Algorithm, node: &Node, problems: &mut Problems) -> Option<Verify> {
    PlainHash::decode(node, problems).map(|hash| Verify::Hash(Box::new(hash), algorithm))
}

/// With one of them unread, it is not known by what else a request could prove itself.
fn any_of(node: &Node, problems: &mut Problems) -> Option<Verify> {
    let before = problems.len();
    let ways = Vec::<Verify>::decode(node, problems)?;
    (problems.len() == before).then(|| Verify::AnyOf(At::new(ways, node.place.clone())))
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

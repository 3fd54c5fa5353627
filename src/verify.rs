//! Whether a request is from whom it should be: over the raw bytes, in constant time, refused when in doubt.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::event::{RawRequest, Verified};
use crate::path::Path;
use crate::payload::{self, Format, form};
use crate::secret::{MASK, Secret};
use crate::template::filter::hex;
use crate::value::Value;

/// How a source verifies.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Anyone may send.
    Open,
    Signature(Box<Signature>),
    Token(Box<Token>),
    /// HTTP Basic authentication; the secret is `user:password`.
    Basic(Vec<Secret>),
}

/// A hash over parts of the request.
#[derive(Clone, Debug)]
pub struct Signature {
    pub at: Where,
    pub hash: Hash,
    pub encoding: Encoding,
    /// What stands before the signature: `sha256=`.
    pub prefix: Arc<str>,
    pub signs: Vec<Signed>,
    /// The header with the time of signing, and the milliseconds of its unit.
    pub timestamp: Option<(Arc<str>, i64)>,
    pub tolerance: Duration,
    pub secrets: Vec<Secret>,
}

/// A fixed token.
#[derive(Clone, Debug)]
pub struct Token {
    pub at: Where,
    /// What stands before the token in the header: `Bearer `.
    pub prefix: Arc<str>,
    pub secrets: Vec<Secret>,
}

/// Where a proof is looked for.
#[derive(Clone, Debug)]
pub enum Where {
    /// A header, in lower case.
    Header(Arc<str>),
    Query(Arc<str>),
    /// A place in the payload.
    Field(Path),
    /// A `{named}` segment of the path.
    Segment(Arc<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    Sha256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
    Base64OfHex,
}

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    Text(Arc<str>),
    /// The body's raw bytes.
    Body,
    /// The public address with its query.
    Url,
    Method,
    Secret,
    Timestamp,
    /// A header, in lower case.
    Header(Arc<str>),
    /// One field of the form.
    Field(Arc<str>),
    /// The form's fields sorted by name, name and value with nothing between.
    SortedForm,
}

/// Why a request is refused. Never tells what would have been right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the request carries no {0}")]
    Missing(String),
    #[error("the {0} does not match")]
    Mismatch(&'static str),
    #[error("the request was signed too long ago, or its clock is wrong")]
    Stale,
    #[error("the secret of the source is not known here")]
    NoSecret,
}

/// What verification needs beside the request.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Scheme, host and port that the sender knows: `https://hooks.example.com`.
    pub public_url: &'a str,
    pub now: Timestamp,
    pub format: Format,
    pub params: &'a Value,
}

impl Verify {
    /// The request as a verified one, or why not.
    pub fn verify(&self, raw: Arc<RawRequest>, context: &Context<'_>) -> Result<Verified, VerifyError> {
        match self {
            Verify::Open => {}
            Verify::Signature(signature) => signature.check(&raw, context)?,
            Verify::Token(token) => token.check(&raw, context)?,
            Verify::Basic(secrets) => basic(&raw, secrets)?,
        }
        Ok(Verified::new(raw))
    }

    /// Whether a secret is needed that could not be had.
    pub fn lacks_secret(&self) -> bool {
        match self {
            Verify::Open => false,
            Verify::Signature(signature) => signature.secrets.is_empty(),
            Verify::Token(token) => token.secrets.is_empty(),
            Verify::Basic(secrets) => secrets.is_empty(),
        }
    }

    /// How, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Verify::Open => "not at all (`verify: none`)".to_owned(),
            Verify::Signature(signature) => format!("by the signature in {}", signature.at.describe()),
            Verify::Token(token) => format!("by the token in {}", token.at.describe()),
            Verify::Basic(_) => "by HTTP Basic authentication".to_owned(),
        }
    }
}

impl Verified {
    /// The request and its path's segments without what only proves where it is from, so that no credential is stored.
    pub fn without_credentials(self, verify: &Verify, params: Value) -> (Verified, Value) {
        let at = match verify {
            // A signature is good for one request only; it stays, for whoever looks into it later.
            Verify::Open | Verify::Signature(_) => return (self, params),
            Verify::Token(token) => token.at.clone(),
            Verify::Basic(_) => Where::Header("authorization".into()),
        };
        let mut raw = RawRequest::clone(self.raw());
        let mut params = params;
        match &at {
            Where::Header(name) => {
                raw.headers.iter_mut().filter(|(known, _)| **known == **name).for_each(|header| header.1 = MASK.into());
            }
            Where::Query(name) => raw.target = masked_query(&raw, name),
            Where::Segment(name) => {
                let segment = params.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                raw.target = masked_segment(&raw.target, &segment);
                let fields = params.as_object().into_iter().flat_map(|object| object.iter());
                let masked =
                    |key: &Arc<str>, value: &Value| if key == name { Value::from(MASK) } else { value.clone() };
                params =
                    Value::object(fields.map(|(key, value)| (key.clone(), masked(key, value))).collect::<Vec<_>>());
            }
            // What is in the body is signed over or needed as it came.
            Where::Field(_) => {}
        }
        (Verified::new(Arc::new(raw)), params)
    }
}

fn masked_query(raw: &RawRequest, name: &str) -> String {
    let fields = raw.query().split('&').map(|field| match field.split_once('=') {
        Some((key, _)) if crate::request::decode(key) == name => format!("{key}={MASK}"),
        _ => field.to_owned(),
    });
    format!("{}?{}", raw.path(), fields.collect::<Vec<_>>().join("&"))
}

fn masked_segment(target: &str, segment: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let parts = path.split('/').map(|part| if crate::request::decode(part) == segment { MASK } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

impl Where {
    fn describe(&self) -> String {
        match self {
            Where::Header(name) => format!("header `{name}`"),
            Where::Query(name) => format!("query parameter `{name}`"),
            Where::Field(path) => format!("field `{}`", path.text()),
            Where::Segment(name) => format!("path segment `{{{name}}}`"),
        }
    }

    fn find(&self, raw: &RawRequest, context: &Context<'_>) -> Result<String, VerifyError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let found = match self {
            Where::Header(name) => raw.header(name).map(str::to_owned),
            Where::Query(name) => form::decode_lenient(raw.query()).get(name).and_then(text),
            Where::Segment(name) => context.params.get(name).and_then(text),
            Where::Field(path) => {
                payload::decode(raw, context.format).ok().and_then(|payload| path.first(&payload).and_then(text))
            }
        };
        found.filter(|text| !text.is_empty()).ok_or_else(|| VerifyError::Missing(self.describe()))
    }
}

impl Token {
    fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
        let found = self.at.find(raw, context)?;
        let secrets = known(&self.secrets)?;
        let token = found.strip_prefix(&*self.prefix).ok_or(VerifyError::Mismatch("token"))?;
        any(secrets, |secret| equal(token.as_bytes(), secret.expose().as_bytes())).ok_or(VerifyError::Mismatch("token"))
    }
}

impl Signature {
    fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
        let found = self.at.find(raw, context)?;
        let secrets = known(&self.secrets)?;
        self.check_time(raw, context.now)?;
        let given = found.trim().strip_prefix(&*self.prefix).ok_or(VerifyError::Mismatch("signature"))?;
        let given = match self.encoding {
            Encoding::Hex => given.to_ascii_lowercase(),
            Encoding::Base64 | Encoding::Base64OfHex => given.to_owned(),
        };
        for secret in secrets {
            let message = self.message(raw, context, secret)?;
            let wanted = self.encode(&self.digest(&message, secret).ok_or(VerifyError::NoSecret)?);
            let same = equal(given.as_bytes(), wanted.as_bytes());
            let unpadded = equal(given.as_bytes(), wanted.trim_end_matches('=').as_bytes());
            if same.or(unpadded.filter(|()| self.encoding == Encoding::Base64)).is_some() {
                return Ok(());
            }
        }
        Err(VerifyError::Mismatch("signature"))
    }

    fn check_time(&self, raw: &RawRequest, now: Timestamp) -> Result<(), VerifyError> {
        let Some((header, unit)) = &self.timestamp else { return Ok(()) };
        let text = raw.header(header).ok_or_else(|| VerifyError::Missing(format!("header `{header}`")))?;
        let number: i64 = text.trim().parse().map_err(|_| VerifyError::Stale)?;
        let apart = now.0.abs_diff(number.saturating_mul(*unit));
        match u128::from(apart) <= self.tolerance.as_millis() {
            true => Ok(()),
            false => Err(VerifyError::Stale),
        }
    }

    fn message(&self, raw: &RawRequest, context: &Context<'_>, secret: &Secret) -> Result<Vec<u8>, VerifyError> {
        let mut message = Vec::with_capacity(raw.body.len() + 64);
        for piece in &self.signs {
            match piece {
                Signed::Text(text) => message.extend_from_slice(text.as_bytes()),
                Signed::Body => message.extend_from_slice(&raw.body),
                Signed::Url => message.extend_from_slice(format!("{}{}", context.public_url, raw.target).as_bytes()),
                Signed::Method => message.extend_from_slice(raw.method.as_bytes()),
                Signed::Secret => message.extend_from_slice(secret.expose().as_bytes()),
                Signed::Timestamp => {
                    let name = self.timestamp.as_ref().map(|(name, _)| &**name).unwrap_or_default();
                    message.extend_from_slice(raw.header(name).unwrap_or_default().as_bytes());
                }
                Signed::Header(name) => {
                    let value = raw.header(name).ok_or_else(|| VerifyError::Missing(format!("header `{name}`")))?;
                    message.extend_from_slice(value.as_bytes());
                }
                Signed::Field(name) => message.extend_from_slice(field(raw, name).as_bytes()),
                Signed::SortedForm => sorted_form(raw, &mut message),
            }
        }
        Ok(message)
    }

    fn digest(&self, message: &[u8], secret: &Secret) -> Option<Vec<u8>> {
        let key = secret.expose().as_bytes();
        match self.hash {
            Hash::HmacSha1 => keyed::<Hmac<Sha1>>(key, message),
            Hash::HmacSha256 => keyed::<Hmac<Sha256>>(key, message),
            Hash::HmacSha512 => keyed::<Hmac<Sha512>>(key, message),
            Hash::Sha256 => Some(Sha256::digest(message).to_vec()),
        }
    }

    fn encode(&self, digest: &[u8]) -> String {
        match self.encoding {
            Encoding::Hex => hex(digest),
            Encoding::Base64 => BASE64_STANDARD.encode(digest),
            Encoding::Base64OfHex => BASE64_STANDARD.encode(hex(digest)),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

fn field(raw: &RawRequest, name: &str) -> String {
    form::pairs(&raw.body).into_iter().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

/// Twilio's and Plivo's order: by name, then by value, a repeated pair once.
fn sorted_form(raw: &RawRequest, message: &mut Vec<u8>) {
    let mut pairs = form::pairs(&raw.body);
    pairs.sort();
    pairs.dedup();
    for (name, value) in pairs {
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(value.as_bytes());
    }
}

fn basic(raw: &RawRequest, secrets: &[Secret]) -> Result<(), VerifyError> {
    let missing = || VerifyError::Missing("header `authorization`".to_owned());
    let given = raw.header("authorization").ok_or_else(missing)?;
    let secrets = known(secrets)?;
    let (scheme, encoded) = given.split_once(' ').ok_or_else(missing)?;
    let encoded = encoded.trim().trim_end_matches('=');
    let decoded = BASE64_STANDARD_NO_PAD.decode(encoded).unwrap_or_default();
    let same = any(secrets, |secret| equal(&decoded, secret.expose().as_bytes()));
    same.filter(|()| scheme.eq_ignore_ascii_case("basic")).ok_or(VerifyError::Mismatch("user or password"))
}

/// Secrets that can prove something: an empty one proves nothing.
fn known(secrets: &[Secret]) -> Result<&[Secret], VerifyError> {
    let is_given = !secrets.is_empty() && secrets.iter().all(|secret| !secret.expose().is_empty());
    is_given.then_some(secrets).ok_or(VerifyError::NoSecret)
}

/// Whether one of the secrets fits; each is tried.
fn any(secrets: &[Secret], fits: impl Fn(&Secret) -> Option<()>) -> Option<()> {
    secrets.iter().filter_map(fits).fold(None, |_, ()| Some(()))
}

/// Compares in a time that depends on the lengths alone. An empty secret equals nothing.
fn equal(given: &[u8], wanted: &[u8]) -> Option<()> {
    (!wanted.is_empty() && bool::from(given.ct_eq(wanted))).then_some(())
}

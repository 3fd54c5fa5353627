//! Whether a request is from whom it should be: over the raw bytes, in constant time, refused when in doubt.

mod canonical;
pub mod cause;
mod credentials;
pub mod hash;
pub mod jwt;
pub mod key;
mod other;
pub mod piece;
pub mod place;
pub mod signature;
mod spelling;
pub mod time;
pub mod token;

use std::sync::{Arc, OnceLock};

use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::event::{RawRequest, Verified};
use crate::payload::{self, DecodeError, Format, Limits};
use crate::secret::Secret;
use crate::value::Value;
use jwt::Jwt;
use signature::Signature;
use token::Token;

/// How a source verifies.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Anyone may send.
    Open,
    Signature(Box<Signature>),
    Token(Box<Token>),
    /// HTTP Basic authentication; the secret is `user:password`. It needs a secret that is known.
    Basic(Vec<Secret>),
    Jwt(Box<Jwt>),
    /// One of these must say that the request is good.
    AnyOf(Vec<Verify>),
}

/// Why a request is refused. Never tells what would have been right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the request carries no {0}")]
    Missing(String),
    #[error("the request carries more than one {0}")]
    Several(String),
    #[error("the {0} does not match")]
    Mismatch(&'static str),
    #[error("the request was signed too long ago, or its clock is wrong")]
    Stale,
    /// A time, and how it would be written.
    #[error("{0} is not written as {1}")]
    Miswritten(String, &'static str),
    #[error("its proof can't be looked for in its body: {0}")]
    Unreadable(DecodeError),
    #[error("the secret of the source is not known here")]
    NoSecret,
}

/// A request, and what its verification needs beside it.
#[derive(Debug)]
pub struct Context<'a> {
    /// Scheme, host and port that the sender knows: `https://hooks.example.com`.
    pub public_url: &'a str,
    /// The whole address without its query, where that is not the public address and the path.
    pub address: Option<String>,
    pub now: Timestamp,
    pub format: Format,
    /// How much may come of the body.
    pub limits: Limits,
    pub raw: &'a Arc<RawRequest>,
    pub params: &'a Value,
    /// Read when it is first asked for, and not again: nothing is proved yet, so a request must not make much work.
    pub payload: OnceLock<Result<Value, DecodeError>>,
}

impl Context<'_> {
    pub fn payload(&self) -> Result<&Value, &DecodeError> {
        self.payload.get_or_init(|| payload::decode_within(self.raw, self.format, &self.limits)).as_ref()
    }

    /// The payload, for whoever can't do without it.
    fn readable(&self) -> Result<&Value, VerifyError> {
        self.payload().map_err(|error| VerifyError::Unreadable(error.clone()))
    }
}

impl Verify {
    /// The request as a verified one, or why not.
    pub fn verify(&self, context: &Context<'_>) -> Result<Verified, VerifyError> {
        self.check(context.raw, context)?;
        Ok(Verified::new(context.raw.clone()))
    }

    fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
        match self {
            Verify::Open => Ok(()),
            Verify::Signature(signature) => signature.check(raw, context),
            Verify::Token(token) => token.check(raw, context),
            Verify::Basic(secrets) => token::basic(raw, secrets),
            Verify::Jwt(jwt) => jwt.check(raw, context),
            Verify::AnyOf(ways) => any_of(ways, raw, context),
        }
    }

    /// When the request was signed, as it says itself: what was captured is old by now. Nothing is verified by this.
    pub fn signed_at(&self, context: &Context<'_>) -> Option<Timestamp> {
        let raw = context.raw;
        match self {
            Verify::Open | Verify::Token(_) | Verify::Basic(_) => None,
            Verify::Signature(signature) => signature.signed_at(raw, context),
            Verify::Jwt(jwt) => jwt.signed_at(raw, context),
            Verify::AnyOf(ways) => ways.iter().find_map(|way| way.signed_at(context)),
        }
    }

    /// Whether the proof is of the body and leaves the query, or part of it, to whoever sends the body again.
    pub fn covers_body_alone(&self) -> bool {
        match self {
            Verify::Open | Verify::Token(_) | Verify::Basic(_) => false,
            Verify::Signature(signature) => signature.covers_body_alone(),
            Verify::Jwt(jwt) => jwt.body_hash.is_some(),
            Verify::AnyOf(ways) => ways.iter().any(Verify::covers_body_alone),
        }
    }

    /// Whether a request without its body is good, or why not, where its head alone tells: that costs next to nothing.
    pub fn by_head(&self, context: &Context<'_>) -> Option<Result<(), VerifyError>> {
        let head = context.raw;
        match self {
            Verify::AnyOf(ways) => {
                let good = ways.iter().filter(|way| way.is_in_head()).any(|way| way.check(head, context).is_ok());
                if good { Some(Ok(())) } else { self.is_in_head().then(|| self.check(head, context)) }
            }
            way => way.is_in_head().then(|| way.check(head, context)),
        }
    }

    /// Whether the head of a request is enough to verify it.
    fn is_in_head(&self) -> bool {
        match self {
            Verify::Open | Verify::Basic(_) => true,
            Verify::Signature(_) => false,
            Verify::Token(token) => token.at.is_in_head(),
            Verify::Jwt(jwt) => jwt.is_in_head(),
            Verify::AnyOf(ways) => ways.iter().all(Verify::is_in_head),
        }
    }

    /// Whether anybody's body has to be read before it is known whether it is good.
    pub fn reads_payload(&self) -> bool {
        match self {
            Verify::Open => true,
            Verify::Basic(_) => false,
            Verify::Signature(signature) => signature.reads_payload(),
            Verify::Token(token) => token.at.is_in_payload(),
            Verify::Jwt(jwt) => jwt.at.is_in_payload(),
            Verify::AnyOf(ways) => ways.iter().any(Verify::reads_payload),
        }
    }

    /// Whether user and password are enough.
    pub fn takes_login(&self) -> bool {
        match self {
            Verify::Basic(_) => true,
            Verify::AnyOf(ways) => ways.iter().any(Verify::takes_login),
            Verify::Open | Verify::Signature(_) | Verify::Token(_) | Verify::Jwt(_) => false,
        }
    }

    /// How, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Verify::Open => "not at all (`verify: none`)".to_owned(),
            Verify::Signature(signature) => format!("by the signature in {}", signature.at.describe()),
            Verify::Token(token) => format!("by the token in {}", token.at.describe()),
            Verify::Basic(_) => "by HTTP Basic authentication".to_owned(),
            Verify::Jwt(jwt) => format!("by the JSON Web Token in {}", jwt.at.describe()),
            Verify::AnyOf(ways) => ways.iter().map(Verify::describe).collect::<Vec<_>>().join(", or "),
        }
    }
}

/// One proof is enough; of those that fail, what is told is why the one that the request carries does.
fn any_of(ways: &[Verify], raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
    let lacks = |error: &VerifyError| matches!(error, VerifyError::Missing(_) | VerifyError::Unreadable(_));
    let mut refusal: Option<VerifyError> = None;
    for way in ways {
        match (way.check(raw, context), &refusal) {
            (Ok(()), _) => return Ok(()),
            (Err(error), None) => refusal = Some(error),
            (Err(error), Some(known)) if lacks(known) && !lacks(&error) => refusal = Some(error),
            (Err(_), Some(_)) => {}
        }
    }
    Err(refusal.unwrap_or(VerifyError::NoSecret))
}

/// Secrets that can prove something: an empty one proves nothing.
fn known(secrets: &[Secret]) -> Result<&[Secret], VerifyError> {
    let is_given = !secrets.is_empty() && secrets.iter().all(|secret| !secret.expose().is_empty());
    is_given.then_some(secrets).ok_or(VerifyError::NoSecret)
}

/// Whether one of several is right; each is tried.
fn any<T>(all: impl IntoIterator<Item = T>, mut fits: impl FnMut(T) -> Option<()>) -> Option<()> {
    all.into_iter().fold(None, |found, one| fits(one).or(found))
}

/// Compares in a time that depends on the lengths alone. An empty secret equals nothing.
fn equal(given: &[u8], wanted: &[u8]) -> Option<()> {
    (!wanted.is_empty() && bool::from(given.ct_eq(wanted))).then_some(())
}

//! A signature over parts of the request: by a keyed hash, by a plain hash that holds the secret, or by a private key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::hash::{Encoding, Hash};
use super::key::PublicKey;
use super::piece::{Parts, Signed};
use super::place::Where;
use super::time::{self, SignedAt};
use super::{Context, VerifyError, any, equal};
use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::secret::Secret;

/// No header holds more signatures that are tried.
const MOST_SIGNATURES: usize = 16;

/// A signature over parts of the request.
#[derive(Clone, Debug)]
pub struct Signature {
    pub at: Where,
    /// Where several signatures stand there: what is between them.
    pub separator: Arc<str>,
    /// What stands before each signature: `sha256=`.
    pub prefix: Arc<str>,
    /// How the time stands beside each signature, where it does.
    pub item: Option<Item>,
    pub encoding: Encoding,
    pub proof: Proof,
    pub signs: Vec<Signed>,
    /// A hash of the body, where that is signed in the body's place.
    pub body_hash: Option<BodyHash>,
    pub signed_at: Option<SignedAt>,
    pub tolerance: Duration,
}

/// By what a signature is proved.
#[derive(Clone, Debug)]
pub enum Proof {
    Keyed(Hash, Vec<Key>),
    /// A plain hash; the secret is one of the pieces.
    Plain(Hash, Vec<Key>),
    Public(PublicKey),
    /// The public key can't be had here.
    Unknown,
}

/// A secret, and the bytes that it stands for as a key.
#[derive(Clone)]
pub struct Key {
    pub secret: Secret,
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secret.fmt(f)
    }
}

/// A signature and the time of signing with texts before, between and after them: `hmac;1;{time};{signature}`.
#[derive(Clone, Debug)]
pub struct Item {
    pub before: Arc<str>,
    pub between: Arc<str>,
    pub after: Arc<str>,
    pub is_time_first: bool,
}

/// The SHA-256 of the body in a header or the query.
#[derive(Clone, Debug)]
pub struct BodyHash {
    pub at: Where,
    pub prefix: Arc<str>,
    pub encoding: Encoding,
    /// Whether a request may come without it; the form is signed then.
    pub is_optional: bool,
}

/// One signature of those that the request carries, and the time beside it.
struct Given<'t> {
    signature: &'t str,
    time: Option<&'t str>,
}

impl Item {
    fn read<'t>(&self, item: &'t str) -> Option<Given<'t>> {
        let inner = item.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        let (first, second) = inner.split_once(&*self.between)?;
        let (time, signature) = if self.is_time_first { (first, second) } else { (second, first) };
        Some(Given { signature, time: Some(time) })
    }
}

impl BodyHash {
    /// Whether the request carries the hash of its body.
    fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<bool, VerifyError> {
        let found = match self.at.find(raw, context) {
            Err(VerifyError::Missing(_)) if self.is_optional => return Ok(false),
            found => found?,
        };
        let given = found.strip_prefix(&*self.prefix).ok_or(VerifyError::Mismatch("hash of the body"))?;
        let wanted = self.encoding.write(&Hash::Sha256.digest(&raw.body));
        let same = equal(self.encoding.normal(given).as_bytes(), wanted.as_bytes());
        same.map(|()| true).ok_or(VerifyError::Mismatch("hash of the body"))
    }
}

impl Signature {
    pub(super) fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
        let found = self.at.find(raw, context)?;
        self.known()?;
        let has_body_hash = self.body_hash.as_ref().map_or(Ok(false), |hash| hash.check(raw, context))?;
        let common = self.time(raw, context)?;
        let mut refusal = VerifyError::Mismatch("signature");
        for given in self.given(&found) {
            let time = given.time.or(common.as_deref());
            match self.check_one(raw, context, given.signature, time, has_body_hash) {
                Ok(()) => return Ok(()),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// A proof needs a key that is known and holds something.
    pub(super) fn known(&self) -> Result<(), VerifyError> {
        let is_known = match &self.proof {
            Proof::Keyed(_, keys) | Proof::Plain(_, keys) => {
                !keys.is_empty() && keys.iter().all(|key| !key.bytes.is_empty() && !key.secret.expose().is_empty())
            }
            Proof::Public(_) => true,
            Proof::Unknown => false,
        };
        is_known.then_some(()).ok_or(VerifyError::NoSecret)
    }

    fn time(&self, raw: &RawRequest, context: &Context<'_>) -> Result<Option<String>, VerifyError> {
        self.signed_at.as_ref().map_or(Ok(None), |signed_at| signed_at.find(raw, context))
    }

    fn given<'t>(&'t self, found: &'t str) -> Vec<Given<'t>> {
        let items = time::items(found.trim(), &self.separator, &self.prefix);
        let read = |item: &'t str| match &self.item {
            Some(pattern) => pattern.read(item),
            None => Some(Given { signature: item, time: None }),
        };
        items.filter_map(read).filter(|given| !given.signature.is_empty()).take(MOST_SIGNATURES).collect()
    }

    fn check_one(
        &self,
        raw: &RawRequest,
        context: &Context<'_>,
        signature: &str,
        time: Option<&str>,
        has_body_hash: bool,
    ) -> Result<(), VerifyError> {
        if let Some(signed_at) = &self.signed_at {
            let then = time.and_then(|time| signed_at.unit.read(time)).ok_or(VerifyError::Stale)?;
            time::is_near(context.now, then, self.tolerance)?;
        }
        let parts = Parts { raw, context, timestamp: time, without: self.at.name(), has_body_hash };
        let same = match &self.proof {
            Proof::Keyed(hash, keys) => {
                let messages = parts.messages(&self.signs, None)?;
                any(keys, |key| any(&messages, |message| self.is(&hash.keyed(&key.bytes, message)?, signature)))
            }
            Proof::Plain(hash, keys) => {
                let mut same = None;
                for key in keys {
                    let messages = parts.messages(&self.signs, Some(&key.secret))?;
                    same = any(&messages, |message| self.is(&hash.digest(message), signature)).or(same);
                }
                same
            }
            Proof::Public(key) => {
                let messages = parts.messages(&self.signs, None)?;
                let bytes = self.encoding.read(signature).ok_or(VerifyError::Mismatch("signature"))?;
                any(&messages, |message| key.verify(message, &bytes))
            }
            Proof::Unknown => None,
        };
        same.ok_or(VerifyError::Mismatch("signature"))
    }

    fn is(&self, digest: &[u8], signature: &str) -> Option<()> {
        equal(self.encoding.normal(signature).as_bytes(), self.encoding.write(digest).as_bytes())
    }

    pub(super) fn signed_at(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Timestamp> {
        let signed_at = self.signed_at.as_ref()?;
        let found = self.at.find(raw, context).ok()?;
        let common = self.time(raw, context).ok()?;
        let time = self.given(&found).first()?.time.map(str::to_owned).or(common)?;
        signed_at.unit.read(&time)
    }
}

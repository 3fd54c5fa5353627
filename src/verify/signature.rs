//! A signature over parts of the request: by a keyed hash, by a plain hash that holds the secret, or by a private key.

use std::collections::BTreeMap;
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

/// No more times of signing beside them, for each of which all that is signed is put together.
const MOST_MOMENTS: usize = 4;

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

/// What signatures are held against.
enum Wanted {
    /// Each is good; as the sender writes them.
    Texts(Vec<String>),
    /// For a public key.
    Messages(Vec<Vec<u8>>),
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
        let without_query = matches!(self.at, Where::Query(_));
        let mut refusal = VerifyError::Mismatch("signature");
        let mut moments: BTreeMap<Option<&str>, Result<Wanted, VerifyError>> = BTreeMap::new();
        for given in self.given(&found) {
            let timestamp = given.time.or(common.as_deref());
            if moments.len() == MOST_MOMENTS && !moments.contains_key(&timestamp) {
                continue;
            }
            let parts = Parts { raw, context, timestamp, without: self.at.name(), without_query, has_body_hash };
            match moments.entry(timestamp).or_insert_with(|| self.wanted(&parts)) {
                Ok(wanted) if self.fits(wanted, given.signature).is_some() => return Ok(()),
                Ok(_) => refusal = VerifyError::Mismatch("signature"),
                Err(error) => refusal = error.clone(),
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

    pub(super) fn covers_body_alone(&self) -> bool {
        let has_body = self.body_hash.is_some() || self.signs.iter().any(Signed::has_body);
        has_body && !self.signs.iter().any(Signed::has_query)
    }

    /// Whether the body must be read to put together what is signed.
    pub(super) fn reads_payload(&self) -> bool {
        let time = self.signed_at.as_ref().and_then(|signed_at| signed_at.at.as_ref());
        let hash = self.body_hash.as_ref().map(|hash| &hash.at);
        [Some(&self.at), time, hash].into_iter().flatten().any(Where::is_in_payload)
            || self.signs.iter().any(Signed::reads_payload)
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

    /// What a good signature of this moment is; put together once, however many signatures are tried.
    fn wanted(&self, parts: &Parts<'_>) -> Result<Wanted, VerifyError> {
        if let Some(signed_at) = &self.signed_at {
            let miswritten = || signed_at.unit.miswritten("the time of signing".to_owned());
            let then = parts.timestamp.and_then(|time| signed_at.unit.read(time)).ok_or_else(miswritten)?;
            time::is_near(parts.context.now, then, self.tolerance)?;
        }
        let mut texts = Vec::new();
        match &self.proof {
            Proof::Keyed(hash, keys) => {
                let messages = parts.messages(&self.signs, None)?;
                let digests =
                    keys.iter().flat_map(|key| messages.iter().map(|message| hash.keyed(&key.bytes, message)));
                texts.extend(digests.flatten().map(|digest| self.encoding.write(&digest)));
            }
            Proof::Plain(hash, keys) => {
                for key in keys {
                    let messages = parts.messages(&self.signs, Some(&key.secret))?;
                    texts.extend(messages.iter().map(|message| self.encoding.write(&hash.digest(message))));
                }
            }
            Proof::Public(_) => return parts.messages(&self.signs, None).map(Wanted::Messages),
            Proof::Unknown => {}
        }
        Ok(Wanted::Texts(texts))
    }

    fn fits(&self, wanted: &Wanted, signature: &str) -> Option<()> {
        match (wanted, &self.proof) {
            (Wanted::Texts(texts), _) => {
                let given = self.encoding.normal(signature);
                any(texts, |text| equal(given.as_bytes(), text.as_bytes()))
            }
            (Wanted::Messages(messages), Proof::Public(key)) => {
                let bytes = self.encoding.read(signature)?;
                any(messages, |message| key.verify(message, &bytes))
            }
            (Wanted::Messages(_), _) => None,
        }
    }

    pub(super) fn signed_at(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Timestamp> {
        let signed_at = self.signed_at.as_ref()?;
        let found = self.at.find(raw, context).ok()?;
        let common = self.time(raw, context).ok()?;
        let time = self.given(&found).first()?.time.map(str::to_owned).or(common)?;
        signed_at.unit.read(&time)
    }
}

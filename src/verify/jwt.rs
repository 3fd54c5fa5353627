//! JSON Web Tokens: in a header, or the whole body. The algorithm is the source's, and never the token's.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;

use super::hash::{Encoding, Hash};
use super::key::{BASE64_URL, PublicKey};
use super::place::Where;
use super::time::{LATEST_SECOND, Unit, is_near};
use super::{Context, VerifyError, any, equal, known};
use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::secret::Secret;
use crate::template::filter::hex;
use crate::value::{Value, json};

const WRONG: VerifyError = VerifyError::Mismatch("JSON Web Token");

/// A signed JSON Web Token.
#[derive(Clone, Debug)]
pub struct Jwt {
    pub at: Where,
    /// What stands before the token in the header: `Bearer `.
    pub prefix: Arc<str>,
    pub proof: JwtProof,
    /// Whether the time of issue may be long ago.
    pub is_age_checked: bool,
    /// How far clocks may be apart, and how old a token may be.
    pub tolerance: Duration,
    /// The claim with the hexadecimal SHA-256 of the body.
    pub body_hash: Option<Arc<str>>,
    /// Claims, and what each must say.
    pub claims: Vec<(Arc<str>, Arc<str>)>,
}

/// By what a token is proved; this pins its algorithm.
#[derive(Clone, Debug)]
pub enum JwtProof {
    Keyed(Hash, Vec<Secret>),
    /// The word of the algorithm; no key where it can't be had.
    Public(&'static str, Option<PublicKey>),
}

impl JwtProof {
    /// As a token's header names it.
    fn algorithm(&self) -> &'static str {
        match self {
            JwtProof::Keyed(Hash::Sha512, _) => "HS512",
            JwtProof::Keyed(Hash::Sha384, _) => "HS384",
            JwtProof::Keyed(_, _) => "HS256",
            JwtProof::Public(word, _) => word,
        }
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        match self {
            JwtProof::Keyed(hash, secrets) => {
                let is_it = |secret: &Secret| equal(signature, &hash.keyed(secret.expose().as_bytes(), message)?);
                any(known(secrets)?, is_it).ok_or(WRONG)
            }
            JwtProof::Public(_, Some(key)) => key.verify(message, signature).ok_or(WRONG),
            JwtProof::Public(_, None) => Err(VerifyError::NoSecret),
        }
    }
}

impl Jwt {
    pub(super) fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
        let found = self.at.find(raw, context)?;
        let token = self.token(&found)?;
        let (message, signature) = token.rsplit_once('.').ok_or(WRONG)?;
        let (head, claims) = message.split_once('.').ok_or(WRONG)?;
        let head = part(head)?;
        // What is critical is not known here, so it can't be heeded.
        let is_pinned = head.get("alg").and_then(Value::as_str) == Some(self.proof.algorithm());
        if !is_pinned || head.get("crit").is_some() {
            return Err(WRONG);
        }
        let signature = BASE64_URL.decode(signature).map_err(|_| WRONG)?;
        self.proof.check(message.as_bytes(), &signature)?;
        let claims = part(claims)?;
        self.check_times(&claims, context.now)?;
        self.check_claims(&claims)?;
        self.check_body(&claims, raw)
    }

    /// Whether a few bytes beside the body tell; a public key makes more work.
    pub(super) fn is_in_head(&self) -> bool {
        self.at.is_in_head() && self.body_hash.is_none() && matches!(self.proof, JwtProof::Keyed(..))
    }

    fn token<'t>(&self, found: &'t str) -> Result<&'t str, VerifyError> {
        // The names of schemes, as `Bearer`, have no case.
        let prefix = found.get(..self.prefix.len()).filter(|start| start.eq_ignore_ascii_case(&self.prefix));
        prefix.and_then(|_| found.get(self.prefix.len()..)).map(str::trim).ok_or(WRONG)
    }

    fn check_times(&self, claims: &Value, now: Timestamp) -> Result<(), VerifyError> {
        let (expires, from, issued) = (moment(claims, "exp")?, moment(claims, "nbf")?, moment(claims, "iat")?);
        let is_over = expires.is_some_and(|expires| now > expires.plus(self.tolerance));
        let is_early = from.into_iter().chain(issued).any(|from| now.plus(self.tolerance) < from);
        if is_over || is_early {
            return Err(VerifyError::Stale);
        }
        if self.is_age_checked && issued.or(expires).is_none() {
            return Err(VerifyError::Missing("claim `iat` or `exp`".to_owned()));
        }
        match issued.filter(|_| self.is_age_checked) {
            Some(issued) => is_near(now, issued, self.tolerance),
            None => Ok(()),
        }
    }

    fn check_claims(&self, claims: &Value) -> Result<(), VerifyError> {
        let is = |value: &Value, wanted: &str| match value {
            Value::String(text) => &**text == wanted,
            Value::Number(_) | Value::Bool(_) => value.to_json() == wanted,
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        };
        let holds = |(name, wanted): &(Arc<str>, Arc<str>)| match claims.get(name) {
            Some(Value::Array(items)) => items.iter().any(|item| is(item, wanted)),
            Some(value) => is(value, wanted),
            None => false,
        };
        self.claims.iter().all(holds).then_some(()).ok_or(VerifyError::Mismatch("claim of the JSON Web Token"))
    }

    fn check_body(&self, claims: &Value, raw: &RawRequest) -> Result<(), VerifyError> {
        let Some(claim) = &self.body_hash else { return Ok(()) };
        let missing = || VerifyError::Missing(format!("claim `{claim}`"));
        let given = claims.get(claim).and_then(Value::as_str).ok_or_else(missing)?;
        let wanted = hex(&Hash::Sha256.digest(&raw.body));
        equal(Encoding::Hex.normal(given).as_bytes(), wanted.as_bytes())
            .ok_or(VerifyError::Mismatch("hash of the body"))
    }

    pub(super) fn signed_at(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Timestamp> {
        let found = self.at.find(raw, context).ok()?;
        let claims = part(self.token(&found).ok()?.split('.').nth(1)?).ok()?;
        ["iat", "nbf"].iter().find_map(|name| moment(&claims, name).ok().flatten())
    }
}

/// One of the first two parts of a token.
fn part(text: &str) -> Result<Value, VerifyError> {
    let bytes = BASE64_URL.decode(text).map_err(|_| WRONG)?;
    let value = json::parse(&bytes, &json::Limits::default()).map_err(|_| WRONG)?;
    value.as_object().is_some().then_some(()).ok_or(WRONG)?;
    Ok(value)
}

/// A claim of a time, in seconds. One that can't be read is no reason to let a token pass.
fn moment(claims: &Value, name: &str) -> Result<Option<Timestamp>, VerifyError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds: Option<f64> = value.as_number().and_then(|number| number.to_string().parse().ok());
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float to an integer stops at the ends")]
    let at = seconds
        .filter(|seconds| seconds.abs() <= LATEST_SECOND as f64)
        .map(|seconds| Timestamp((seconds * 1000.0) as i64));
    at.map(Some).ok_or_else(|| Unit::Seconds.miswritten(format!("the claim `{name}`")))
}

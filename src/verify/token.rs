//! A fixed token, and HTTP Basic authentication.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::place::{Where, header};
use super::{Context, VerifyError, any, equal, known};
use crate::event::RawRequest;
use crate::secret::Secret;

/// A fixed token.
#[derive(Clone, Debug)]
pub struct Token {
    pub at: Where,
    /// What stands before the token in the header: `Bearer `.
    pub prefix: Arc<str>,
    /// Each is good; none where they can't be had.
    pub secrets: Vec<Secret>,
}

impl Token {
    pub(super) fn check(&self, raw: &RawRequest, context: &Context<'_>) -> Result<(), VerifyError> {
        let found = self.at.find(raw, context)?;
        let secrets = known(&self.secrets)?;
        let token = found.strip_prefix(&*self.prefix).ok_or(VerifyError::Mismatch("token"))?;
        let is_it = |secret: &Secret| equal(token.as_bytes(), secret.expose().as_bytes());
        any(secrets, is_it).ok_or(VerifyError::Mismatch("token"))
    }
}

pub(super) fn basic(raw: &RawRequest, secrets: &[Secret]) -> Result<(), VerifyError> {
    let given = header(raw, "authorization")?;
    let secrets = known(secrets)?;
    let (scheme, encoded) = given.split_once(' ').unwrap_or((given, ""));
    let decoded = BASE64_STANDARD_NO_PAD.decode(encoded.trim().trim_end_matches('=')).unwrap_or_default();
    let same = any(secrets, |secret| equal(&decoded, secret.expose().as_bytes()));
    same.filter(|()| scheme.eq_ignore_ascii_case("basic")).ok_or(VerifyError::Mismatch("user or password"))
}

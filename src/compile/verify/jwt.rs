//! JSON Web Tokens, and public keys.

use std::time::Duration;

use super::place::Places;
use super::plain;
use super::signature::text;
use crate::compile::Compiler;
use crate::compile::setting::Given;
use crate::config::scalar::Text;
use crate::config::source::Source as Written;
use crate::config::source::verify::{Jwt as WrittenJwt, JwtAlgorithm};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::reference;
use crate::verify::Verify;
use crate::verify::hash::Hash;
use crate::verify::jwt::{Jwt, JwtProof};
use crate::verify::key::{KeyError, Kind, PublicKey};
use crate::verify::place::Where;

/// How far the clocks of sender and receiver may be apart.
const LEEWAY: Duration = Duration::from_secs(300);

impl Compiler<'_> {
    pub(super) fn jwt(&mut self, jwt: &WrittenJwt, source: &Written, given: &Given) -> Option<Verify> {
        let places =
            Places { header: jwt.header.as_ref(), query: jwt.query.as_ref(), field: jwt.field.as_ref(), path: None };
        let at = match places.is_empty() && !self.has_unknown_key(&jwt.place) {
            true => Some(Where::Body),
            false => self.place_of(places, &jwt.place, "`header`, `query` or `field`", source),
        };
        let proof = self.jwt_proof(jwt, source, given);
        let at = at?;
        if let Some(claim) = jwt.body_hash.as_ref().filter(|_| matches!(at, Where::Body)) {
            let message = "the whole body is the token, which can't hold a hash of itself";
            let help = "name the header that carries the token, `header: Authorization`; or remove `body_hash`";
            self.report(Diagnostic::new(Code::ConflictingKeys, claim.place.on_key(), message).help(help));
            return None;
        }
        let claims = jwt.claims.iter().flat_map(|claims| claims.iter());
        let claims = claims.map(|claim| (claim.name.value.clone(), claim.value.value.clone()));
        Some(Verify::Jwt(Box::new(Jwt {
            at,
            prefix: text(jwt.prefix.as_ref()),
            proof: proof?,
            is_age_checked: jwt.tolerance.is_some(),
            tolerance: jwt.tolerance.as_ref().map_or(LEEWAY, |tolerance| tolerance.value),
            body_hash: jwt.body_hash.as_ref().map(|claim| claim.value.clone()),
            claims: claims.collect(),
        })))
    }

    fn jwt_proof(&mut self, jwt: &WrittenJwt, source: &Written, given: &Given) -> Option<JwtProof> {
        let algorithm = jwt.algorithm.as_ref().map_or(JwtAlgorithm::Hs256, |algorithm| algorithm.value);
        let (hash, kind) = match algorithm {
            JwtAlgorithm::Hs256 => (Hash::Sha256, None),
            JwtAlgorithm::Hs384 => (Hash::Sha384, None),
            JwtAlgorithm::Hs512 => (Hash::Sha512, None),
            JwtAlgorithm::Rs256 => (Hash::Sha256, Some(Kind::Rsa(Hash::Sha256))),
            JwtAlgorithm::EdDsa => (Hash::Sha512, Some(Kind::Ed25519)),
        };
        match (kind, &jwt.public_key) {
            (None, None) => {
                let secrets = self.secrets_of(jwt.secret.as_ref(), source, &jwt.place, "the signing key", given)?;
                Some(JwtProof::Keyed(hash, plain(secrets)))
            }
            (Some(kind), Some(key)) => {
                if let Some(secret) = &jwt.secret {
                    let message = format!("`{}` has no secret: `public_key` proves it", algorithm.word());
                    let place = secret.first.place.on_key();
                    self.report(Diagnostic::new(Code::ConflictingKeys, place, message).help("remove `secret`"));
                }
                let key = self.public_key(key, kind, given)?;
                Some(JwtProof::Public(algorithm.word(), key))
            }
            (None, Some(key)) => {
                let message = format!("`{}` is proved by `secret`, and not by a public key", algorithm.word());
                let help =
                    "write `algorithm: RS256` or `algorithm: EdDSA`, as the sender signs; or remove `public_key`";
                self.report(Diagnostic::new(Code::ConflictingKeys, key.place.on_key(), message).help(help));
                None
            }
            (Some(_), None) => {
                let message = format!("`{}` is proved by the sender's public key, and none is given", algorithm.word());
                let help = "add `public_key: ${env:NAME}`, and set that variable where Jackfield is started";
                let diagnostic = Diagnostic::new(Code::MissingKey, jwt.place.on_key(), message).help(help);
                self.report_missing(&jwt.place, "public_key", diagnostic);
                None
            }
        }
    }

    /// A public key: outer nothing after a problem, inner nothing where it can't be had here.
    pub(super) fn public_key(&mut self, written: &Text, kind: Kind, given: &Given) -> Option<Option<PublicKey>> {
        if !reference::is_in(written) && !written.contains("{{") && self.check_reference(written) {
            return None;
        }
        let filled = self.filled(written, given)?;
        let Some(text) = filled.text else { return Some(None) };
        match PublicKey::parse(&text, kind) {
            Ok(key) => Some(Some(key)),
            Err(error) => {
                let what = match kind {
                    Kind::Ed25519 => "an Ed25519 key is 32 bytes in base64 or hexadecimal digits, or a PEM",
                    Kind::Rsa(_) => "an RSA key is a PEM that begins with `-----BEGIN PUBLIC KEY-----`",
                };
                let help = match error {
                    KeyError::Private => {
                        "take it out, make the sender a new one, and give its public key here".to_owned()
                    }
                    KeyError::TooShort => "ask the sender for a longer one".to_owned(),
                    _ => format!("copy it whole from the sender: {what}"),
                };
                // The line with a private key is not shown.
                let place = if error == KeyError::Private { filled.place.on_key() } else { filled.place };
                self.report(Diagnostic::new(Code::InvalidValue, place, error.to_string()).help(help));
                None
            }
        }
    }
}

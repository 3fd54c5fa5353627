//! Verification: which proof a source asks for, and that it proves something.

mod jwt;
mod place;
mod signature;
mod signs;

use super::Compiler;
use super::setting::{Filled, Given};
use crate::config::At;
use crate::config::scalar::Text;
use crate::config::source::verify::{Basic, Token as WrittenToken, Verify as WrittenVerify};
use crate::config::source::{Secrets, Source as Written};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::secret::Secret;
use crate::verify::Verify;
use crate::verify::token::Token;
use place::Places;

impl Compiler<'_> {
    pub(super) fn verify(&mut self, verify: Option<&WrittenVerify>, source: &Written, given: &Given) -> Option<Verify> {
        match verify {
            None => {
                let message = "the source does not say how its requests are verified";
                let help = "add `verify:` (a signature, a token, basic authentication), or `verify: none` to take \
                            requests from anyone";
                let diagnostic = Diagnostic::new(Code::MissingVerify, source.place.on_key(), message).help(help);
                // The pack may have said it, had the webhook been named where it belongs.
                if !self.was_tried(&source.place, "from") {
                    self.report_missing(&source.place, "verify", diagnostic);
                }
                None
            }
            Some(WrittenVerify::None(at)) => {
                let message = "anyone who knows the address can send to this source";
                let help = "where the sender can't sign, let it send a token: `verify: { token: { query: key } }`";
                self.report(Diagnostic::new(Code::UnverifiedSource, at.place.clone(), message).help(help));
                Some(Verify::Open)
            }
            Some(WrittenVerify::AnyOf(ways)) => self.any_of(ways, source, given),
            Some(way) => self.proof(way, source, given),
        }
    }

    fn proof(&mut self, way: &WrittenVerify, source: &Written, given: &Given) -> Option<Verify> {
        match way {
            WrittenVerify::Hmac(hmac) => self.hmac(hmac, source, given),
            WrittenVerify::Hash(hash, algorithm) => self.plain_hash(hash, *algorithm, source, given),
            WrittenVerify::Ed25519(ed25519) => self.ed25519(ed25519, source, given),
            WrittenVerify::Rsa(rsa) => self.rsa(rsa, source, given),
            WrittenVerify::Jwt(jwt) => self.jwt(jwt, source, given),
            WrittenVerify::Token(token) => self.token(token, source, given),
            WrittenVerify::Basic(basic) => self.basic(basic, source, given),
            WrittenVerify::None(_) | WrittenVerify::AnyOf(_) => None,
        }
    }

    fn any_of(&mut self, ways: &At<Vec<WrittenVerify>>, source: &Written, given: &Given) -> Option<Verify> {
        let mut compiled = Vec::new();
        let mut is_whole = true;
        for way in &ways.value {
            let (place, message, help) = match way {
                WrittenVerify::None(at) => (
                    &at.place,
                    "with `none` among them, anyone could send",
                    "remove it; or write `verify: none` to take requests from anyone",
                ),
                WrittenVerify::AnyOf(inner) => {
                    (&inner.place, "`any_of` stands within `any_of`", "write all of them in one list")
                }
                way => {
                    let way = self.proof(way, source, given);
                    is_whole &= way.is_some();
                    compiled.extend(way);
                    continue;
                }
            };
            is_whole = false;
            self.report(Diagnostic::new(Code::InvalidValue, place.clone(), message).help(help));
        }
        if ways.value.is_empty() {
            let message = "`any_of` names no verification, so no request would be taken";
            let help = "write each below it, indented, as `- hmac: { header: X-Signature }`";
            self.report(Diagnostic::new(Code::InvalidValue, ways.place.clone(), message).help(help));
        }
        (is_whole && !compiled.is_empty()).then_some(Verify::AnyOf(compiled))
    }

    pub(super) fn token(&mut self, token: &WrittenToken, source: &Written, given: &Given) -> Option<Verify> {
        let secrets = self.secrets_of(token.secret.as_ref(), source, &token.place, "the token", given)?;
        let places = Places {
            header: token.header.as_ref(),
            query: token.query.as_ref(),
            field: token.field.as_ref(),
            path: token.path.as_ref(),
        };
        let at = self.place_of(places, &token.place, "`header`, `query`, `field` or `path`", source)?;
        let prefix = token.prefix.as_ref().map_or_else(|| "".into(), |prefix| prefix.value.clone());
        Some(Verify::Token(Box::new(Token { at, prefix, secrets: plain(secrets) })))
    }

    fn basic(&mut self, basic: &Basic, source: &Written, given: &Given) -> Option<Verify> {
        let secrets = basic.secret.as_ref().or(source.secret.as_ref());
        // Of a reference the colon may be part of what it stands for.
        if let Some(text) = secrets.and_then(|secrets| secrets.iter().find(|text| !text.contains([':', '{']))) {
            self.no_password(text);
            return None;
        }
        let secrets = self.secrets_of(basic.secret.as_ref(), source, &basic.place, "user:password", given)?;
        for (secret, place) in secrets.iter().filter(|(secret, _)| !secret.expose().is_empty()) {
            if !secret.expose().contains(':') {
                self.report(no_colon(place));
                return None;
            }
        }
        Some(Verify::Basic(plain(secrets)))
    }

    fn no_password(&mut self, text: &Text) {
        if !self.check_reference(text) {
            self.report(no_colon(&text.place));
        }
    }

    /// The secrets of a verification with their places, without those that can't be had here; nothing when none is
    /// written at all.
    fn secrets_of(
        &mut self,
        own: Option<&Secrets>,
        source: &Written,
        at: &Place,
        what: &str,
        given: &Given,
    ) -> Option<Vec<(Secret, Place)>> {
        let Some(secrets) = own.or(source.secret.as_ref()) else {
            let place = if at.file == source.place.file { at.on_key() } else { source.place.on_key() };
            let message = format!("the source has no `secret`, which its verification needs ({what})");
            let help = "add `secret: ${env:NAME}` to the source, and set that variable where Jackfield is started";
            if !self.was_tried(at, "secret") {
                let diagnostic = Diagnostic::new(Code::MissingKey, place, message).help(help);
                self.report_missing(&source.place, "secret", diagnostic);
            }
            return None;
        };
        let filled: Vec<Option<Filled>> = secrets.iter().map(|text| self.filled_secret(text, given)).collect();
        let filled = filled.into_iter().collect::<Option<Vec<_>>>()?;
        Some(filled.into_iter().filter_map(|one| Some((Secret::new(one.text?), one.place))).collect())
    }
}

fn plain(secrets: Vec<(Secret, Place)>) -> Vec<Secret> {
    secrets.into_iter().map(|(secret, _)| secret).collect()
}

fn no_colon(place: &Place) -> Diagnostic {
    let message = "the secret of basic authentication is a user and a password";
    let help = "write both with a colon between, `user:password`, in one variable: `${env:NAME}`";
    Diagnostic::new(Code::InvalidValue, place.clone(), message).help(help)
}

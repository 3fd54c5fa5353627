//! Verification: which proof a source asks for, and that it proves something.

use std::sync::Arc;
use std::time::Duration;

use super::Compiler;
use super::setting::Given;
use crate::config::At;
use crate::config::scalar::Text;
use crate::config::source::verify::{
    Algorithm, Encoding as WrittenEncoding, Hmac, Sha256, Token as WrittenToken, Unit, Verify as WrittenVerify,
};
use crate::config::source::{Secrets, Source as Written};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::secret::Secret;
use crate::verify::{Encoding, Hash, Signature, Signed, Token, Verify, Where};

/// How far a signature's time may be from now unless said otherwise.
const TOLERANCE: Duration = Duration::from_secs(300);

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
            Some(WrittenVerify::Later(kind)) => {
                let help = "this version has `hmac`, `sha256`, `token` and `basic`";
                self.not_supported(&format!("the verification `{}`", kind.value), &kind.place, help);
                None
            }
            Some(WrittenVerify::Hmac(hmac)) => self.hmac(hmac, source, given),
            Some(WrittenVerify::Sha256(sha256)) => self.sha256(sha256, source, given),
            Some(WrittenVerify::Token(token)) => self.token(token, source, given),
            Some(WrittenVerify::Basic(basic)) => {
                let written = basic.secret.as_ref().or(source.secret.as_ref());
                if let Some(text) = written.and_then(|secrets| secrets.iter().find(|text| !text.contains([':', '{']))) {
                    self.no_password(text);
                    return None;
                }
                let secret = self.secret_of(basic.secret.as_ref(), source, &basic.place, "user:password", given)?;
                Some(Verify::Basic(secret))
            }
        }
    }

    fn no_password(&mut self, text: &Text) {
        if !self.check_reference(text) {
            let message = "the secret of basic authentication is a user and a password";
            let help = "write both with a colon between, `user:password`, in one variable: `${env:NAME}`";
            self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
        }
    }

    /// The secrets of a verification, without those that can't be had here; nothing when none is written at all.
    fn secret_of(
        &mut self,
        own: Option<&Secrets>,
        source: &Written,
        at: &Place,
        what: &str,
        given: &Given,
    ) -> Option<Vec<Secret>> {
        let Some(secrets) = own.or(source.secret.as_ref()) else {
            let place = if at.file == source.place.file { at.on_key() } else { source.place.on_key() };
            let message = format!("the source has no `secret`, which its verification needs ({what})");
            let help = "add `secret: ${env:NAME}` to the source, and set that variable where Jackfield is started";
            let own = self.was_tried(at, "secret");
            if !own {
                self.report_missing(
                    &source.place,
                    "secret",
                    Diagnostic::new(Code::MissingKey, place, message).help(help),
                );
            }
            return None;
        };
        let secrets: Vec<_> = secrets.iter().map(|text| self.filled_secret(text, given)).collect();
        let secrets = secrets.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
        Some(secrets.filter_map(|filled| filled.text).map(Secret::new).collect())
    }

    fn hmac(&mut self, hmac: &Hmac, source: &Written, given: &Given) -> Option<Verify> {
        let secret = self.secret_of(hmac.secret.as_ref(), source, &hmac.place, "the signing key", given)?;
        let Some(header) = &hmac.header else {
            let message = "`hmac` does not say which header carries the signature";
            let diagnostic = Diagnostic::new(Code::MissingKey, hmac.place.on_key(), message);
            self.report_missing(&hmac.place, "header", diagnostic.help("add `header: X-Signature`"));
            return None;
        };
        let header = self.header_name(header);
        let signs = match &hmac.signs {
            Some(text) => self.signed(text)?,
            None => vec![Signed::Body],
        };
        self.check_signed_at(hmac, &signs);
        let timestamp = hmac.timestamp.as_ref().map(|at| {
            let unit = at.unit.as_ref().map_or(Unit::Seconds, |unit| unit.value);
            (lower(&at.header), if unit == Unit::Seconds { 1000 } else { 1 })
        });
        if let Some((name, _)) = &timestamp
            && !self.was_tried(&hmac.place, "signs")
            && !signs.iter().any(|piece| *piece == Signed::Timestamp || *piece == Signed::Header(name.clone()))
        {
            let place = hmac.signs.as_ref().map_or_else(|| hmac.place.on_key(), |signs| signs.place.clone());
            let diagnostic = Diagnostic::new(Code::InvalidValue, place, "the signature does not cover the timestamp");
            let help =
                "as the sender does it, for instance `signs: \"{{ timestamp }}.{{ body }}\"`; or leave `timestamp` out";
            self.report(diagnostic.found("anyone could send an old request with a new time").help(help));
            return None;
        }
        Some(Verify::Signature(Box::new(Signature {
            at: Where::Header(header),
            hash: match hmac.algorithm.as_ref().map(|algorithm| algorithm.value) {
                Some(Algorithm::Sha1) => Hash::HmacSha1,
                Some(Algorithm::Sha512) => Hash::HmacSha512,
                Some(Algorithm::Sha256) | None => Hash::HmacSha256,
            },
            encoding: encoding(hmac.encoding.as_ref()),
            prefix: hmac.prefix.as_ref().map_or_else(|| "".into(), |prefix| prefix.value.clone()),
            signs,
            timestamp,
            tolerance: hmac.tolerance.as_ref().map_or(TOLERANCE, |tolerance| tolerance.value),
            secrets: secret,
        })))
    }

    fn sha256(&mut self, sha256: &Sha256, source: &Written, given: &Given) -> Option<Verify> {
        let secret = self.secret_of(sha256.secret.as_ref(), source, &sha256.place, "the shared secret", given)?;
        let at = match (&sha256.header, &sha256.field) {
            (Some(header), None) => Where::Header(self.header_name(header)),
            (None, Some(field)) => Where::Field(self.json_path(field)?),
            _ => return self.one_place(&sha256.place, "`header` or `field`"),
        };
        let signs = self.signed(&sha256.signs)?;
        if !signs.contains(&Signed::Secret) {
            let message = "the hash does not cover the secret, so anyone could make it";
            let help = "begin with `{{ secret }}`";
            self.report(Diagnostic::new(Code::InvalidValue, sha256.signs.place.clone(), message).help(help));
            return None;
        }
        let encoding = encoding(sha256.encoding.as_ref());
        let (hash, prefix, tolerance) = (Hash::Sha256, "".into(), TOLERANCE);
        Some(Verify::Signature(Box::new(Signature {
            at,
            hash,
            encoding,
            prefix,
            signs,
            timestamp: None,
            tolerance,
            secrets: secret,
        })))
    }

    fn token(&mut self, token: &WrittenToken, source: &Written, given: &Given) -> Option<Verify> {
        let secret = self.secret_of(token.secret.as_ref(), source, &token.place, "the token", given)?;
        let at = match (&token.header, &token.query, &token.field, &token.path) {
            (Some(header), None, None, None) => Where::Header(self.header_name(header)),
            (None, Some(query), None, None) => Where::Query(self.query_name(query)),
            (None, None, Some(field), None) => Where::Field(self.json_path(field)?),
            (None, None, None, Some(segment)) => {
                self.check_segment(segment, source);
                Where::Segment(segment.value.clone())
            }
            _ => return self.one_place(&token.place, "`header`, `query`, `field` or `path`"),
        };
        let prefix = token.prefix.as_ref().map_or_else(|| "".into(), |prefix| prefix.value.clone());
        Some(Verify::Token(Box::new(Token { at, prefix, secrets: secret })))
    }

    /// The name of a header; in lower case, as headers are kept.
    pub(super) fn header_name(&mut self, text: &Text) -> Arc<str> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if text.is_empty() || !text.chars().all(is_name) {
            let (name, rest) = text.split_once(':').unwrap_or((text, ""));
            let (name, rest) = (name.trim().replace(' ', "-"), rest.trim());
            let message = format!("`{}` is not the name of a header", text.value);
            let help = match (name.chars().all(is_name) && !name.is_empty(), rest) {
                (true, "") => format!("write `{name}`"),
                (true, _) => {
                    format!("write the name alone, `{name}`; what stands before the value is `prefix: \"{rest}\"`")
                }
                (false, _) => "a header's name is one word, such as `X-Signature`".to_owned(),
            };
            self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
        }
        lower(text)
    }

    /// The name of a parameter of the query, without the signs around it.
    fn query_name(&mut self, text: &Text) -> Arc<str> {
        if text.contains(['?', '&', '=', ' ']) {
            let name = text.trim_start_matches(['?', '&', ' ']).split('=').next().unwrap_or_default().trim();
            let message = format!("`{}` is not the name of a parameter", text.value);
            let help = format!("write the name alone: `{name}`");
            self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
        }
        text.value.clone()
    }

    /// The segment of the path that holds the token must be one.
    fn check_segment(&mut self, segment: &Text, source: &Written) {
        let Some(path) = &source.path else { return };
        let name = segment.trim_matches(['{', '}', '/']);
        if !path.contains(&format!("{{{name}}}")) || name != &*segment.value {
            let message = format!("the path of this source has no part `{{{name}}}`");
            let help = match path.contains(&format!("{{{name}}}")) {
                true => format!("write the name alone: `{name}`"),
                false => format!(
                    "write `path: {}/{{{name}}}` for the source, or name a part that it has",
                    path.trim_end_matches('/')
                ),
            };
            self.report(Diagnostic::new(Code::InvalidValue, segment.place.clone(), message).help(help));
        }
    }

    /// What says when a request was signed, and what needs it.
    fn check_signed_at(&mut self, hmac: &Hmac, signs: &[Signed]) {
        if hmac.timestamp.is_some() || self.was_tried(&hmac.place, "timestamp") {
            return;
        }
        let help = "add `timestamp: { header: X-Timestamp }`, with the header that holds it";
        if let Some(tolerance) = &hmac.tolerance {
            let message = "`tolerance` does nothing without `timestamp`";
            let help = format!("{help}; or remove `tolerance`");
            self.report(Diagnostic::new(Code::ConflictingKeys, tolerance.place.on_key(), message).help(help));
        } else if let Some(text) = hmac.signs.as_ref().filter(|_| signs.contains(&Signed::Timestamp)) {
            let message = "`{{ timestamp }}` is signed, and nothing says where it is";
            self.report(Diagnostic::new(Code::ConflictingKeys, text.place.clone(), message).help(help));
        }
    }

    fn one_place<T>(&mut self, place: &Place, all: &str) -> Option<T> {
        if self.has_unknown_key(place) {
            return None;
        }
        let message = format!("a verification looks in exactly one place: {all}");
        let help = "keep one of these keys";
        self.report(Diagnostic::new(Code::ConflictingKeys, place.on_key(), message).help(help));
        None
    }

    /// The pieces of what is signed; only plain ones exist here, since a body is bytes and not text.
    fn signed(&mut self, text: &Text) -> Option<Vec<Signed>> {
        let mut pieces = Vec::new();
        let mut from = 0;
        while let Some(open) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
            let close = text.get(open..).and_then(|rest| rest.find("}}")).map(|at| open + at)?;
            if open > from {
                pieces.push(Signed::Text(text.get(from..open)?.into()));
            }
            let inner = text.get(open + 2..close)?.trim();
            let Some(piece) = signed_piece(inner) else {
                let message = format!("`{inner}` is nothing that a signature covers");
                let help = "write `body`, `url`, `method`, `secret`, `timestamp`, `headers['Name']`, `form.name` or `sorted_form`";
                let place = text.place.part(open..close + 2);
                self.report(Diagnostic::new(Code::InvalidTemplate, place, message).help(help));
                return None;
            };
            pieces.push(piece);
            from = close + 2;
        }
        let rest = text.get(from..).unwrap_or_default();
        if !rest.is_empty() {
            pieces.push(Signed::Text(rest.into()));
        }
        Some(pieces)
    }
}

fn signed_piece(inner: &str) -> Option<Signed> {
    match inner {
        "body" => Some(Signed::Body),
        "url" => Some(Signed::Url),
        "method" => Some(Signed::Method),
        "secret" => Some(Signed::Secret),
        "timestamp" => Some(Signed::Timestamp),
        "sorted_form" => Some(Signed::SortedForm),
        _ => {
            let field = inner.strip_prefix("form.").map(|name| Signed::Field(name.into()));
            field.or_else(|| {
                let name = inner.strip_prefix("headers[")?.strip_suffix(']')?.trim_matches(['\'', '"']);
                Some(Signed::Header(name.to_ascii_lowercase().into()))
            })
        }
    }
}

fn lower(text: &Text) -> Arc<str> {
    text.to_ascii_lowercase().into()
}

fn encoding(written: Option<&At<WrittenEncoding>>) -> Encoding {
    match written.map(|encoding| encoding.value) {
        Some(WrittenEncoding::Base64) => Encoding::Base64,
        Some(WrittenEncoding::Base64OfHex) => Encoding::Base64OfHex,
        Some(WrittenEncoding::Hex) | None => Encoding::Hex,
    }
}

//! Sources: what the pack says of a webhook, overridden by what is written beside it.

use std::sync::Arc;
use std::time::Duration;

use super::Compiler;
use super::pack::Packs;
use crate::config::At;
use crate::config::pack::Webhook;
use crate::config::scalar::Text;
use crate::config::source::{
    Algorithm, Encoding as WrittenEncoding, Format as WrittenFormat, Hmac, Limits as WrittenLimits,
    Reply as WrittenReply, Sha256, Source as Written, Token as WrittenToken, Unit, Verify as WrittenVerify,
};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::path::Path;
use crate::payload::Format;
use crate::secret::Secret;
use crate::source::{Limits, Reply, Source};
use crate::template::Template;
use crate::verify::{Encoding, Hash, Signature, Signed, Token, Verify, Where};

/// How far a signature's time may be from now unless said otherwise.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A source with the identity that its pack gives to its events.
pub(super) struct CompiledSource {
    pub source: Arc<Source>,
    pub identity: Option<Text>,
    pub place: Place,
}

impl Compiler<'_> {
    pub(super) fn source(
        &mut self,
        name: &str,
        written: &Written,
        packs: &Packs,
        limits: Option<&WrittenLimits>,
    ) -> Option<CompiledSource> {
        let webhook = match &written.from {
            Some(from) => Some(self.webhook(from, packs)?),
            None => None,
        };
        self.unsupported(written, webhook);
        let path = self.source_path(written)?;
        let format = self.format(written.format.as_ref().or(webhook.and_then(|w| w.format.as_ref())));
        let split = written.split.as_ref().or(webhook.and_then(|w| w.split.as_ref()));
        let split = split.and_then(|split| self.json_path(split));
        let verify = written.verify.as_ref().or(webhook.and_then(|w| w.verify.as_ref()));
        let verify = self.verify(verify, written)?;
        let methods = written.methods.as_ref().or(webhook.and_then(|w| w.methods.as_ref()));
        let reply = written.reply.as_ref().or(webhook.and_then(|w| w.reply.as_ref()));
        let source = Source {
            name: name.into(),
            path,
            methods: self.methods(methods),
            format,
            split,
            verify,
            reply: self.source_reply(reply),
            limits: merged(written.limits.as_ref(), limits),
        };
        let identity = written.identity.clone().or_else(|| webhook.and_then(|w| w.identity.clone()));
        Some(CompiledSource { source: Arc::new(source), identity, place: written.place.clone() })
    }

    fn webhook<'p>(&mut self, from: &Text, packs: &'p Packs) -> Option<&'p Webhook> {
        let Some((vendor, webhook)) = from.split_once('.') else {
            let message = format!("`{}` does not name a webhook", from.value);
            let help = "write the vendor and the webhook with a dot between: `typeform.form_response`";
            self.report(Diagnostic::new(Code::UnknownWebhook, from.place.clone(), message).help(help));
            return None;
        };
        if self.is_broken(vendor, "") {
            return None;
        }
        let Some(pack) = packs.get(vendor) else {
            let message = format!("there is no pack `{vendor}`");
            let senders = packs.0.iter().filter(|(_, pack)| !pack.written.webhooks.is_empty());
            let help = suggest::did_you_mean(vendor, senders.map(|(name, _)| &**name));
            let place = from.place.part(0..vendor.len());
            self.report(Diagnostic::new(Code::UnknownPack, place, message).help_opt(help));
            return None;
        };
        let found = pack.written.webhooks.get(webhook);
        if found.is_none() {
            let message = format!("the pack `{vendor}` has no webhook `{webhook}`");
            let help = suggest::did_you_mean(webhook, pack.written.webhooks.names());
            let place = from.place.part(vendor.len() + 1..from.len());
            let help = help.unwrap_or_else(|| "leave `from` out, and write `path` and `verify` here".to_owned());
            self.report(Diagnostic::new(Code::UnknownWebhook, place, message).help(help));
        }
        found.map(|named| &named.value)
    }

    fn unsupported(&mut self, written: &Written, webhook: Option<&Webhook>) {
        let decode = written.decode.as_ref().or(webhook.and_then(|w| w.decode.as_ref()));
        let handshake = written.handshake.as_ref().or(webhook.and_then(|w| w.handshake.as_ref()));
        for (key, node) in [("decode", decode), ("handshake", handshake)] {
            if let Some(node) = node {
                self.not_supported(&format!("`{key}`"), &node.place.on_key(), "remove it");
            }
        }
    }

    pub(super) fn not_supported(&mut self, what: &str, place: &Place, help: &str) {
        let message = format!("{what} is part of the language and not of this version yet");
        self.report(Diagnostic::new(Code::NotSupported, place.clone(), message).help(help));
    }

    fn source_path(&mut self, written: &Written) -> Option<Arc<str>> {
        let Some(path) = &written.path else {
            if self.is_beside(&written.place, "path") {
                return None;
            }
            let message = "the source has no `path`";
            let help = "add a line such as `path: /my-form`; the sender then calls `/hooks/my-form`";
            self.report(Diagnostic::new(Code::MissingKey, written.place.on_key(), message).help(help));
            return None;
        };
        if let Some(rest) = path.strip_prefix("/hooks").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            let help = format!("write `path: {}`", if rest.is_empty() { "/" } else { rest });
            let message = "every path is under `/hooks` already";
            self.report(Diagnostic::new(Code::InvalidAddress, path.place.clone(), message).help(help));
            return None;
        }
        let trial = matchit::Router::new().insert(path.to_string(), ());
        // A segment is a name or stands for any text; half of each could not be told from other paths later.
        let whole = |part: &str| !part.contains(['{', '}']) || (part.starts_with('{') && part.ends_with('}'));
        let plain = path.split('/').all(whole)
            && path.starts_with('/')
            && !path.contains(['?', '#', ' ', '*'])
            && (path.len() == 1 || !path.ends_with('/'));
        if trial.is_err() || !plain {
            let diagnostic = Diagnostic::new(Code::InvalidAddress, path.place.clone(), "this path can't be served");
            self.report(diagnostic.help(path_help(path)));
            return None;
        }
        Some(path.value.clone())
    }

    fn format(&mut self, written: Option<&At<WrittenFormat>>) -> Format {
        let Some(written) = written else { return Format::Auto };
        match written.value {
            WrittenFormat::Auto => Format::Auto,
            WrittenFormat::Json => Format::Json,
            WrittenFormat::Form => Format::Form,
            WrittenFormat::Query => Format::Query,
            WrittenFormat::Text => Format::Text,
            later @ (WrittenFormat::Multipart | WrittenFormat::Xml | WrittenFormat::Jwt) => {
                let help = "this version reads `json`, `form`, `query` and `text`";
                self.not_supported(&format!("the format `{}`", later.word()), &written.place, help);
                Format::Auto
            }
        }
    }

    pub(super) fn json_path(&mut self, text: &Text) -> Option<Path> {
        if text.contains("{{") {
            let inner = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
            let message = "this is a template, and a JSONPath is wanted here";
            let help = match inner.strip_prefix("payload.") {
                Some(rest) => format!("write `$.{rest}`"),
                None => "write where the value stands in the payload: `$.contact.name`".to_owned(),
            };
            self.report(Diagnostic::new(Code::InvalidPath, text.place.clone(), message).help(help));
            return None;
        }
        Path::parse(text)
            .map_err(|error| {
                let place = text.place.part(error.range.clone());
                self.report(Diagnostic::new(Code::InvalidPath, place, error.message).help_opt(error.help));
            })
            .ok()
    }

    fn methods(&mut self, written: Option<&Vec<Text>>) -> Vec<Arc<str>> {
        const KNOWN: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
        let Some(written) = written.filter(|methods| !methods.is_empty()) else { return vec!["POST".into()] };
        for method in written.iter().filter(|method| !KNOWN.contains(&&*method.value)) {
            let message = format!("`{}` is not an HTTP method", method.value);
            let help = suggest::did_you_mean(&method.value.to_uppercase(), KNOWN.iter().copied());
            self.report(Diagnostic::new(Code::InvalidValue, method.place.clone(), message).help_opt(help));
        }
        written.iter().map(|method| method.value.clone()).collect()
    }

    fn source_reply(&mut self, written: Option<&WrittenReply>) -> Reply {
        let Some(written) = written else { return Reply::default() };
        let status = written.status.as_ref().map_or(202, |status| self.status(status));
        let body = written
            .body
            .as_ref()
            .and_then(|body| Template::compile(body).map_err(|errors| self.template_errors(errors, &body.place)).ok());
        Reply { status, content_type: written.content_type.as_ref().map(|text| text.value.clone()), body }
    }

    fn verify(&mut self, verify: Option<&WrittenVerify>, source: &Written) -> Option<Verify> {
        match verify {
            None if self.is_beside(&source.place, "verify") => None,
            None => {
                let message = "the source does not say how its requests are verified";
                let help = "add `verify:` (a signature, a token, basic authentication), or `verify: none` to take \
                            requests from anyone";
                self.report(Diagnostic::new(Code::MissingVerify, source.place.on_key(), message).help(help));
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
            Some(WrittenVerify::Hmac(hmac)) => self.hmac(hmac, source),
            Some(WrittenVerify::Sha256(sha256)) => self.sha256(sha256, source),
            Some(WrittenVerify::Token(token)) => self.token(token, source),
            Some(WrittenVerify::Basic(basic)) => {
                self.secret_of(basic.secret.as_ref(), source, &basic.place, "user:password").map(Verify::Basic)
            }
        }
    }

    /// The secret of a verification: outer nothing when none is written at all.
    fn secret_of(&mut self, own: Option<&Text>, source: &Written, at: &Place, what: &str) -> Option<Option<Secret>> {
        let Some(text) = own.or(source.secret.as_ref()) else {
            if self.is_beside(&source.place, "secret") {
                return None;
            }
            let place = if at.file == source.place.file { at.on_key() } else { source.place.on_key() };
            let message = format!("the source has no `secret`, which its verification needs ({what})");
            let help = "add `secret: ${env:NAME}` to the source, and set that variable where Jackfield is started";
            self.report(Diagnostic::new(Code::MissingKey, place, message).help(help));
            return None;
        };
        Some(self.source_secret(text))
    }

    fn hmac(&mut self, hmac: &Hmac, source: &Written) -> Option<Verify> {
        let secret = self.secret_of(hmac.secret.as_ref(), source, &hmac.place, "the signing key")?;
        let Some(header) = &hmac.header else {
            let message = "`hmac` does not say which header carries the signature";
            let help = "add `header: X-Signature`";
            self.report(Diagnostic::new(Code::MissingKey, hmac.place.on_key(), message).help(help));
            return None;
        };
        let signs = match &hmac.signs {
            Some(text) => self.signed(text)?,
            None => vec![Signed::Body],
        };
        let timestamp = hmac.timestamp.as_ref().map(|at| {
            let unit = at.unit.as_ref().map_or(Unit::Seconds, |unit| unit.value);
            (lower(&at.header), if unit == Unit::Seconds { 1000 } else { 1 })
        });
        if let Some((name, _)) = &timestamp
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
            at: Where::Header(lower(header)),
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
            secret,
        })))
    }

    fn sha256(&mut self, sha256: &Sha256, source: &Written) -> Option<Verify> {
        let secret = self.secret_of(sha256.secret.as_ref(), source, &sha256.place, "the shared secret")?;
        let at = match (&sha256.header, &sha256.field) {
            (Some(header), None) => Where::Header(lower(header)),
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
            secret,
        })))
    }

    fn token(&mut self, token: &WrittenToken, source: &Written) -> Option<Verify> {
        let secret = self.secret_of(token.secret.as_ref(), source, &token.place, "the token")?;
        let at = match (&token.header, &token.query, &token.field, &token.path) {
            (Some(header), None, None, None) => Where::Header(lower(header)),
            (None, Some(query), None, None) => Where::Query(query.value.clone()),
            (None, None, Some(field), None) => Where::Field(self.json_path(field)?),
            (None, None, None, Some(segment)) => Where::Segment(segment.value.clone()),
            _ => return self.one_place(&token.place, "`header`, `query`, `field` or `path`"),
        };
        let prefix = token.prefix.as_ref().map_or_else(|| "".into(), |prefix| prefix.value.clone());
        Some(Verify::Token(Box::new(Token { at, prefix, secret })))
    }

    fn one_place<T>(&mut self, place: &Place, all: &str) -> Option<T> {
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

/// What to write for a path that can't be served.
fn path_help(path: &str) -> String {
    let host = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let bare = host.unwrap_or(path).trim_start_matches("hooks/").trim_matches('/');
    let plain = !bare.is_empty() && bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    if path.matches('{').count() != path.matches('}').count() {
        return "close each `{` with `}`: `/calls/{line}`".to_owned();
    }
    match (plain, host) {
        (true, None) => format!("write `/{bare}`"),
        (true, Some(_)) => format!("write only what comes after the host: `/{bare}`"),
        (false, _) => "a path begins with `/` and holds no spaces, `?` or `*`: `/calls/{line}`".to_owned(),
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

fn merged(own: Option<&WrittenLimits>, common: Option<&WrittenLimits>) -> Limits {
    let default = Limits::default();
    let body = |limits: &WrittenLimits| limits.body.as_ref().map(|size| size.value.0);
    let time = |limits: &WrittenLimits| limits.time.as_ref().map(|time| time.value);
    let body = own.and_then(body).or_else(|| common.and_then(body));
    Limits {
        body: body.map_or(default.body, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        time: own.and_then(time).or_else(|| common.and_then(time)).unwrap_or(default.time),
    }
}

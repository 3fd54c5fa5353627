//! Handshakes: conditions and answers compiled, and proved to give away nothing that is secret.

use std::sync::Arc;

use super::Compiler;
use super::setting::Given;
use super::template::{Kind, Known, Reach};
use crate::config::At;
use crate::config::handshake::{Handshake as Written, HandshakeReply, Handshakes};
use crate::config::source::verify::Verify as WrittenVerify;
use crate::config::source::{Secrets, Source as WrittenSource};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::pack::Body;
use crate::payload::Format;
use crate::route::Placed;
use crate::secret::Secret;
use crate::source::{Echo, Handshake, Overload, Reply, ReplyBody};
use crate::template::{Template, Use};
use crate::types::Type;
use crate::verify::Verify;

/// The source to which handshakes belong.
pub(super) struct Shaking<'a> {
    pub written: &'a WrittenSource,
    pub given: &'a Given,
    pub verify: Option<&'a Verify>,
    /// The same as written, here or in the pack.
    pub written_verify: Option<&'a WrittenVerify>,
    pub methods: &'a [Arc<str>],
}

/// What a handshake has not: it is answered before there is an event, and by the source alone.
const WITHOUT: &[&str] = &["envelope", "event", "vars"];

impl Given {
    /// What templates of a source may use.
    pub(super) fn reach(&self, path: &Option<Arc<str>>, methods: &[Arc<str>], format: Format) -> Reach {
        Reach {
            fields: vec![("settings", self.open.clone())],
            secrets: self.secret.clone(),
            form: matches!(format, Format::Form | Format::Query),
            methods: methods.to_vec(),
            segments: path.as_ref().map(|path| super::route::segments(path)),
            ..Reach::default()
        }
    }
}

impl Compiler<'_> {
    pub(super) fn handshakes(&mut self, written: &Handshakes, of: &Shaking<'_>, reach: &Reach) -> Vec<Handshake> {
        let numbered = (1..).zip(&written.0);
        numbered.filter_map(|(number, written)| self.handshake(number, written, of, reach)).collect()
    }

    fn handshake(&mut self, number: usize, written: &Written, of: &Shaking<'_>, reach: &Reach) -> Option<Handshake> {
        let methods = written.methods.as_ref().map(|methods| self.methods(Some(methods)));
        let methods = methods.unwrap_or_else(|| of.methods.to_vec());
        // Whatever its methods say, what is asked of a handshake is asked of a request.
        let reach = Reach { without: WITHOUT, methods: methods.clone(), ..reach.clone() };
        let when = self.placed(&written.when, Kind::Lenient, &mut reach.clone());
        let token = written.token.as_ref().map(|token| self.token(token, of.written, of.given));
        let reply = self.handshake_reply(&written.reply, of, reach);
        let (verified, has_token) = (written.verified.as_ref(), written.token.is_some());
        if let (Some(verified), Some(reply)) = (verified.filter(|verified| !verified.value && !has_token), &reply) {
            self.check_not_an_oracle(reply, of, &verified.place);
        }
        let templates = reply.as_ref().map(templates).unwrap_or_default();
        let needs_secret =
            templates.iter().any(|(template, _)| template.uses().iter().any(|used| &*used.name == "secret"));
        let secret = needs_secret.then(|| self.handshake_secret(of, &written.reply.place)).flatten();
        let echoes = templates.iter().flat_map(|(template, _)| template.uses()).filter_map(echo).collect();
        let (when, reply) = (when?, reply?);
        let reads_payload =
            templates_of(&when, &reply).any(|template| template.uses().iter().any(|used| &*used.name == "payload"));
        Some(Handshake {
            name: written
                .description
                .as_ref()
                .map_or_else(|| format!("handshake {number}").into(), |text| text.value.clone()),
            methods,
            when,
            verified: verified.is_none_or(|verified| verified.value),
            token: token.map_or(Some(None), |token| token.map(Some))?,
            reply,
            secret,
            echoes,
            reads_payload,
        })
    }

    fn handshake_reply(&mut self, written: &HandshakeReply, of: &Shaking<'_>, reach: Reach) -> Option<Reply> {
        // Secrets are in reach here, as far as `check_given_away` lets them.
        let mut reach = reach;
        reach.names.push(Known { name: "secret".into(), ty: Type::unknown() });
        reach.fields = vec![("settings", of.given.open.iter().chain(&of.given.secret).cloned().collect())];
        reach.secrets.clear();
        let before = self.problems.len();
        let reply = Reply {
            status: written.status.as_ref().map_or(200, |status| self.handshake_status(status)),
            content_type: written.content_type.as_ref().map(|text| text.value.clone()),
            headers: self.reply_headers(&written.headers, &mut reach),
            body: written.body.as_ref().and_then(|body| self.reply_body(body, &mut reach)),
            overload: Overload::default(),
        };
        for (template, place) in templates(&reply) {
            template
                .uses()
                .iter()
                .for_each(|used| self.check_given_away(used, template.text(), place, &of.given.secret));
        }
        let is_good = self.problems.iter().skip(before).all(|problem| !problem.is_error());
        is_good.then_some(reply)
    }

    fn handshake_status(&mut self, status: &At<u64>) -> u16 {
        if !(200..300).contains(&status.value) {
            let message = format!("{} does not tell the sender that the handshake is right", status.value);
            let diagnostic = Diagnostic::new(Code::InvalidValue, status.place.clone(), message);
            self.report(
                diagnostic
                    .help("write the status that the sender wants, such as 200; what is wrong is refused by itself"),
            );
            return 200;
        }
        self.status(status)
    }

    /// An answer is public: a secret may be the key of a hash in it, and of the request single values are sent back.
    fn check_given_away(&mut self, used: &Use, text: &str, place: &Place, secrets: &[Arc<str>]) {
        let at = place.part(used.range.clone());
        let field = used.fields.first();
        let is_secret = match &*used.name {
            "secret" => true,
            "settings" => field.is_some_and(|field| secrets.contains(field)),
            _ => false,
        };
        if is_secret && !is_key(used, text) {
            let written = text.get(used.range.clone()).unwrap_or(&used.name);
            let message = format!("`{written}` is secret, and an answer is public");
            let help = format!("it can be the key of a hash: `{{{{ payload.token | hmac({written}) }}}}`");
            self.report(Diagnostic::new(Code::InvalidTemplate, at, message).help(help));
            return;
        }
        let single = match (&*used.name, field.map(|field| &**field)) {
            ("request", Some("query" | "headers" | "params")) => used.fields.len() > 1,
            ("request" | "payload" | "settings", field) => field.is_some(),
            _ => true,
        };
        if !single {
            let written = text.get(used.range.clone()).unwrap_or(&used.name);
            let message = format!("`{written}` as a whole can't be part of an answer");
            let help = match &*used.name {
                "payload" => "name the value that the sender wants back: `payload.challenge`",
                "settings" => "name one of the settings: `settings.name`",
                _ => "name the value that the sender wants back: `request.query.challenge`",
            };
            self.report(Diagnostic::new(Code::InvalidTemplate, at, message).help(help));
        }
    }

    /// Whoever is hashed a text of his choice, by the key that proves a request, can forge one.
    fn check_not_an_oracle(&mut self, reply: &Reply, of: &Shaking<'_>, place: &Place) {
        let used = templates(reply).into_iter().flat_map(|(template, _)| template.uses());
        let Some(key) = used.filter_map(|used| of.proving_key(used)).next() else { return };
        let message =
            format!("anyone may make this handshake, and its `hmac({key})` has the key that `verify` goes by");
        let help = "leave `verified` out, or add a `token`, or give the hash a secret setting of its own";
        let diagnostic = Diagnostic::new(Code::ConflictingKeys, place.clone(), message);
        self.report(diagnostic.found("with such hashes anyone could forge requests").help(help));
    }

    /// The source's own secret. What is wrong with it has been said where `verify` asked for it.
    fn handshake_secret(&mut self, of: &Shaking<'_>, place: &Place) -> Option<Secret> {
        let Some(secrets) = &of.written.secret else {
            let message = "the handshake's answer needs the source's `secret`, which it has not";
            let help = "add `secret: ${env:NAME}` to the source, and set that variable where Jackfield is started";
            let place = if place.file == of.written.place.file { place.on_key() } else { of.written.place.on_key() };
            let diagnostic = Diagnostic::new(Code::MissingKey, place, message).help(help);
            // Where the verification lacks it, too, that is one problem.
            if of.verify.is_some() {
                self.report_missing(&of.written.place, "secret", diagnostic);
            }
            return None;
        };
        let before = self.problems.len();
        let filled = self.filled_secret(&secrets.first, of.given);
        if !matches!(of.verify, Some(Verify::Open)) {
            self.problems.truncate(before);
        }
        filled?.text.map(Secret::new)
    }
}

impl Shaking<'_> {
    /// The name as written, where it is a secret by which the source's requests are proved.
    fn proving_key(&self, used: &Use) -> Option<String> {
        if matches!(self.verify, Some(Verify::Open)) {
            return None;
        }
        let setting = match (&*used.name, used.fields.first()) {
            ("secret", _) => return Some("secret".to_owned()),
            ("settings", Some(setting)) if self.given.secret.contains(setting) => setting,
            _ => return None,
        };
        let given = self.written.settings.get(setting).map(|given| &*given.value.text.value);
        let own = self.written.secret.iter().flat_map(Secrets::iter);
        let mut keys = own.chain(self.written_verify.iter().flat_map(|verify| verify.secrets()));
        let is_key = keys.any(|key| given == Some(&*key.value) || names_setting(key, setting));
        is_key.then(|| format!("settings.{setting}"))
    }
}

/// Whether a text is made of this setting: `{{ settings.name }}`.
fn names_setting(text: &str, setting: &str) -> bool {
    let after = |part: &str| part.strip_prefix(setting).is_some_and(|rest| !rest.starts_with(is_part_of_a_name));
    text.split("settings.").skip(1).any(after)
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a name is the key of a hash, and nothing else: `hmac(secret)`.
fn is_key(used: &Use, text: &str) -> bool {
    let before = text.get(..used.range.start).unwrap_or_default().trim_end();
    let after = text.get(used.range.end..).unwrap_or_default().trim_start();
    let filter = before.strip_suffix('(').map(str::trim_end).and_then(|before| before.strip_suffix("hmac"));
    filter.is_some_and(|before| before.trim_end().ends_with('|')) && after.starts_with(')')
}

fn echo(used: &Use) -> Option<Echo> {
    let is_sent = matches!(&*used.name, "payload" | "request");
    is_sent.then(|| Echo { name: used.name.clone(), fields: used.fields.clone(), guarded: used.guarded })
}

fn templates_of<'a>(when: &'a Placed, reply: &'a Reply) -> impl Iterator<Item = &'a Template> {
    [&when.template].into_iter().chain(templates(reply).into_iter().map(|(template, _)| template))
}

/// Every template of an answer, with its place.
fn templates(reply: &Reply) -> Vec<(&Template, &Place)> {
    let mut all: Vec<_> = reply.headers.iter().map(|(_, placed)| (&placed.template, &placed.place)).collect();
    match &reply.body {
        Some(ReplyBody::Text(placed)) => all.push((&placed.template, &placed.place)),
        Some(ReplyBody::Json(body)) => of_body(body, &mut all),
        None => {}
    }
    all
}

fn of_body<'b>(body: &'b Body, all: &mut Vec<(&'b Template, &'b Place)>) {
    match body {
        Body::Value(_) => {}
        Body::Template { template, place } => all.push((template, place)),
        Body::Array(items) => items.iter().for_each(|item| of_body(item, all)),
        Body::Object(fields) => fields.iter().for_each(|(_, field)| of_body(field, all)),
    }
}

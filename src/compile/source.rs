//! Sources: what the pack says of a webhook, overridden by what is written beside it.

mod decoding;

use std::sync::Arc;

use super::extract::flat;
use super::handshake::Shaking;
use super::pack::Packs;
use super::{Compiler, SETTINGS};
use crate::config::pack::{Echo, Webhook};
use crate::config::scalar::Text;
use crate::config::source::{Limits as WrittenLimits, Source as Written};
use crate::diagnostic::{Code, Diagnostic, On, Place, Segment, suggest};
use crate::path::Path;
use crate::source::Source;

/// A source with the identity that its pack gives to its events.
pub(super) struct CompiledSource {
    pub source: Arc<Source>,
    pub identity: Option<Text>,
    /// The vendor, and what of its operations comes back here.
    pub echo: Option<(Arc<str>, Echo)>,
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
        let from = written.from.as_ref().map(|from| self.webhook(from, packs));
        let webhook = from.flatten();
        let path = self.source_path(written);
        let public_url = written.public_url.as_ref().and_then(|url| self.source_url(url, path.as_deref()));
        let decode = written.decode.as_ref().or(webhook.and_then(|w| w.decode.as_ref()));
        let decode = decode.map(|layers| self.nested(layers));
        let split = written.split.as_ref().or(webhook.and_then(|w| w.split.as_ref()));
        let split = split.map(|split| self.json_path(split));
        if let (Some(secret), Some(from)) = (&written.secret, &written.from) {
            secret.iter().for_each(|secret| self.check_sender(secret, from));
        }
        self.check_guessed_proof(written);
        let given = self.source_settings(written, webhook);
        let verify = written.verify.as_ref().or(webhook.and_then(|w| w.verify.as_ref()));
        // Of a webhook that is not known it isn't known either how it is verified.
        let written_verify = verify;
        let verify = match (verify, from) {
            (None, Some(None)) => None,
            (verify, _) => self.verify(verify, written, &given),
        };
        let format = written.format.as_ref().or(webhook.and_then(|w| w.format.as_ref()));
        let format = self.read_as(format, verify.as_ref());
        let methods = written.methods.as_ref().or(webhook.and_then(|w| w.methods.as_ref()));
        let methods = self.methods(methods);
        let reply = written.reply.as_ref().or(webhook.and_then(|w| w.reply.as_ref()));
        let reply = self.source_reply(reply, &mut given.reach(&path, &methods, format));
        let handshakes = written.handshake.as_ref().or(webhook.and_then(|w| w.handshake.as_ref()));
        let context = Shaking { written, given: &given, verify: verify.as_ref(), written_verify, methods: &methods };
        let reach = given.reach(&path, &methods, format);
        let handshakes = handshakes.map(|written| self.handshakes(written, &context, &reach)).unwrap_or_default();
        let own_limits = [written.limits.as_ref(), webhook.and_then(|w| w.limits.as_ref())];
        let rate = own_limits.into_iter().flatten().find_map(|limits| limits.rate.as_ref());
        let rate = rate.map(|rate| self.rate(rate));
        let own_privacy = self.privacy(written.privacy.as_ref());
        flat(from)?;
        let source = Source {
            name: name.into(),
            path: path?,
            public_url,
            methods,
            format,
            decode: flat(decode)?.unwrap_or_default(),
            split: flat(split)?,
            verify: verify?,
            settings: given.settings,
            handshakes,
            reply,
            limits: self.limits([own_limits[0], own_limits[1], limits]),
            rate: rate.flatten(),
            privacy: own_privacy.and(&self.privacy_of_all),
        };
        let identity = written.identity.clone().or_else(|| webhook.and_then(|w| w.identity.clone()));
        let vendor = written.from.as_ref().and_then(|from| from.split_once('.')).map(|(vendor, _)| vendor.into());
        let echo = vendor.zip(webhook.and_then(|webhook| webhook.echo.clone()));
        Some(CompiledSource { source: Arc::new(source), identity, echo, place: written.place.clone() })
    }

    /// Whether a sender proves itself is no thing to be assumed.
    fn check_guessed_proof(&mut self, written: &Written) {
        let Some(guess) = &written.guess else { return };
        let message = format!("`verify` is a guess: {}", guess.value);
        let help = "ask the sender's documentation what is signed, and write it under `verify`; or delete `guess` where \
                    anyone may send";
        self.report(Diagnostic::new(Code::UnconfirmedGuess, guess.place.on_key(), message).help(help));
    }

    /// Whether a text names a source that jackfield.yaml declares.
    fn is_shared(&self, text: &Text) -> bool {
        let place = Place::file(SETTINGS).key("sources").key(text.value.clone());
        let settings = self.documents.0.get(&place.file);
        *text.place.file != *SETTINGS && settings.is_some_and(|settings| settings.node(&place.path).is_some())
    }

    fn webhook<'p>(&mut self, from: &Text, packs: &'p Packs) -> Option<&'p Webhook> {
        let Some((vendor, webhook)) = from.split_once('.') else {
            let message = format!("`{}` does not name a webhook", from.value);
            let names = webhooks_of(from, packs);
            let list = suggest::one_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let help = match (self.is_shared(from), list) {
                (true, _) => format!("`{0}` is a source of jackfield.yaml: write `source: {0}`", from.value),
                (false, Some(list)) => format!("write {list}"),
                (false, None) => {
                    "write the vendor and the webhook with a dot between: `typeform.form_response`".to_owned()
                }
            };
            let diagnostic = Diagnostic::new(Code::UnknownWebhook, from.place.clone(), message).help(help);
            let only = names.first().filter(|_| names.len() == 1 && !self.is_shared(from));
            self.report(diagnostic.fix_opt(from.place.clone(), only.cloned()));
            return None;
        };
        if self.is_broken(vendor, "") {
            return None;
        }
        let Some(pack) = packs.get(vendor) else {
            let message = format!("there is no pack `{vendor}`");
            let senders = packs.senders();
            let senders = senders.iter().map(|name| &**name);
            let help = suggest::did_you_mean(vendor, senders.clone());
            let place = from.place.part(0..vendor.len());
            let near = suggest::certain(vendor, senders);
            self.report(Diagnostic::new(Code::UnknownPack, place.clone(), message).help_opt(help).fix_opt(place, near));
            return None;
        };
        let found = pack.written.webhooks.get(webhook);
        if found.is_none() && !pack.written.webhooks.unread.iter().any(|name| **name == *webhook) {
            let message = format!("the pack `{vendor}` has no webhook `{webhook}`");
            let help = suggest::did_you_mean(webhook, pack.written.webhooks.names());
            let place = from.place.part(vendor.len() + 1..from.len());
            let help = help.unwrap_or_else(|| "leave `from` out, and write `path` and `verify` here".to_owned());
            let near = suggest::certain(webhook, pack.written.webhooks.names());
            self.report(Diagnostic::new(Code::UnknownWebhook, place.clone(), message).help(help).fix_opt(place, near));
        }
        found.map(|named| &named.value)
    }

    fn source_path(&mut self, written: &Written) -> Option<Arc<str>> {
        let Some(path) = &written.path else {
            if written.from.as_ref().is_some_and(|from| self.is_shared(from)) {
                return None;
            }
            let message = "the source has no `path`";
            let help = format!("add a line such as `path: /my-form`; the sender then calls `{}/my-form`", self.prefix);
            let diagnostic = Diagnostic::new(Code::MissingKey, written.place.on_key(), message).help(help);
            self.report_missing(&written.place, "path", diagnostic);
            return None;
        };
        let prefix = self.prefix.clone();
        let under = path.strip_prefix(&*prefix).filter(|_| !prefix.is_empty());
        if let Some(rest) = under.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            let help = format!("write `path: {}`", if rest.is_empty() { "/" } else { rest });
            let message = format!("every path is under `{prefix}` already");
            let diagnostic = Diagnostic::new(Code::InvalidAddress, path.place.clone(), message).help(help);
            self.report(diagnostic.fix(path.place.clone(), if rest.is_empty() { "/" } else { rest }));
            return None;
        }
        let trial = matchit::Router::new().insert(path.to_string(), ());
        if let Some((message, help)) = path_problem(path) {
            let diagnostic = Diagnostic::new(Code::InvalidAddress, path.place.clone(), message).help(help);
            self.report(diagnostic.fix_opt(path.place.clone(), path_fix(path)));
            return None;
        }
        if trial.is_err() {
            let diagnostic = Diagnostic::new(Code::InvalidAddress, path.place.clone(), "this path can't be served");
            self.report(diagnostic.help(path_help(path)).fix_opt(path.place.clone(), path_fix(path)));
            return None;
        }
        Some(path.value.clone())
    }

    pub(super) fn json_path(&mut self, text: &Text) -> Option<Path> {
        if text.contains("{{") {
            let inner = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
            let message = "this is a template, and a JSONPath is wanted here";
            let (path, filters) = inner.split_once('|').unwrap_or((inner, ""));
            let help = match path.trim().strip_prefix("payload.") {
                Some(rest) if filters.is_empty() => format!("write `$.{rest}`"),
                Some(rest) => format!("write `$.{rest}`; the filter goes into the template that uses the name"),
                None => "write where the value stands in the payload: `$.contact.name`".to_owned(),
            };
            let path =
                inner.strip_prefix("payload.").map(|rest| format!("$.{rest}")).filter(|path| Path::parse(path).is_ok());
            let diagnostic = Diagnostic::new(Code::InvalidPath, text.place.clone(), message).help(help);
            self.report(diagnostic.fix_opt(text.place.clone(), path));
            return None;
        }
        if let Some(problem) = in_answer(text) {
            self.report(problem);
            return None;
        }
        self.memo
            .path(text)
            .map_err(|error| {
                // Of a path that is a key, the whole key is shown.
                let is_key = text.place.on == On::Key;
                let place = if is_key { text.place.clone() } else { text.place.part(error.range.clone()) };
                let diagnostic = Diagnostic::new(Code::InvalidPath, place, error.message).help_opt(error.help);
                self.report(diagnostic.fix_opt(text.place.clone(), Path::mended(text)));
            })
            .ok()
    }

    pub(super) fn methods(&mut self, written: Option<&Vec<Text>>) -> Vec<Arc<str>> {
        const KNOWN: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let Some(written) = written.filter(|methods| !methods.is_empty()) else { return vec!["POST".into()] };
        for method in written.iter().filter(|method| !KNOWN.contains(&&*method.value)) {
            let message = format!("`{}` is not an HTTP method", method.value);
            let help = suggest::did_you_mean(&method.value.to_uppercase(), KNOWN.iter().copied());
            let near = suggest::certain(method, KNOWN.iter().copied());
            let diagnostic = Diagnostic::new(Code::InvalidValue, method.place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(method.place.clone(), near));
        }
        written.iter().map(|method| method.value.clone()).collect()
    }
}

/// A path of an answer that begins with `payload`: a field of the answer may have that very name.
fn in_answer(text: &Text) -> Option<Diagnostic> {
    let is_saved = text.place.path.segments().iter().any(|step| matches!(step, Segment::Key(key) if &**key == "save"));
    let rest = text.trim().strip_prefix("payload").filter(|rest| rest.starts_with(['.', '[']) && is_saved)?;
    let message = "a path starts with `$`, the whole answer";
    let help = format!("write `$.payload{rest}`, if `payload` is a field of the answer; or `${rest}`");
    Some(Diagnostic::new(Code::InvalidPath, text.place.clone(), message).help(help))
}

/// What is wrong with a path, and what to write.
fn path_problem(path: &str) -> Option<(&'static str, String)> {
    const UNSERVED: &str = "this path can't be served";
    // A segment is a name or stands for any text; half of each could not be told from other paths later.
    let whole = |part: &str| !part.contains(['{', '}']) || (part.starts_with('{') && part.ends_with('}'));
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '%' | '@' | '!' | '+' | '=' | ',');
    let names: Vec<&str> = segment_names(path).collect();
    let is_name = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty();
    let foreign = path.split('/').any(|part| part.starts_with(':') || part.starts_with('<') || part.contains("{{"));
    if let Some(inner) =
        path.split_once("{{").and_then(|(_, rest)| rest.split_once("}}")).map(|(inner, _)| inner.trim())
        && !inner.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        let help = "write it out: `/my-form`; a part that stands for any text is written `{name}`";
        return Some(("a path has no templates: it is the same for every request", help.to_owned()));
    }
    if foreign {
        let written: Vec<String> = path.split('/').map(own_segment).collect();
        return Some((
            "a part of the path that stands for any text is written `{name}`",
            format!("write `{}`", written.join("/")),
        ));
    }
    if let Some(name) = names.iter().find(|name| !is_name(name) && whole(&format!("{{{name}}}"))) {
        let fixed: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let help =
            format!("write `{}`", path.replace(&format!("{{{name}}}"), &format!("{{{}}}", fixed.trim_matches('_'))));
        return Some(("the name of a part of the path has letters, digits and `_`", help))
            .filter(|_| !name.contains('*'));
    }
    if names.iter().enumerate().any(|(at, name)| names.iter().skip(at + 1).any(|other| other == name)) {
        return Some(("two parts of the path have the same name", "give each `{name}` a name of its own".to_owned()));
    }
    if !path.split('/').all(whole) || !path.starts_with('/') {
        return Some((UNSERVED, path_help(path)));
    }
    if path.contains("//") {
        let one = path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        return Some((UNSERVED, format!("write `/{one}`, with one `/` between the parts")));
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Some((UNSERVED, "write the whole path, without `.` and `..`: `/my-form`".to_owned()));
    }
    if !path.chars().all(|c| plain(c) || matches!(c, '/' | '{' | '}')) {
        return Some((UNSERVED, path_help(path)));
    }
    None
}

/// The names of the segments that stand for any text.
pub(super) fn segment_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A segment that stands for any text, however other tools write it.
fn own_segment(part: &str) -> String {
    let bare = part.trim_matches(['{', '}', '<', '>', ':', ' ']);
    let bare = bare.rsplit(['.', ':']).next().unwrap_or(bare);
    match bare == part {
        true => part.to_owned(),
        false => format!("{{{}}}", bare.replace(['-', ' '], "_")),
    }
}

/// The path that was meant, where it is certain.
fn path_fix(path: &str) -> Option<String> {
    let host = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let bare = host.unwrap_or(path).trim_start_matches("hooks/").trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!bare.is_empty() && bare.chars().all(plain) && !bare.contains("//") && !bare.contains(".."))
        .then(|| format!("/{bare}"))
}

/// What to write for a path that can't be served.
fn path_help(path: &str) -> String {
    let host = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let bare = host.unwrap_or(path).trim_start_matches("hooks/").trim_matches(['/', ';', ',']);
    let plain =
        !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    if path.matches('{').count() != path.matches('}').count() {
        return "close each `{` with `}`: `/calls/{line}`".to_owned();
    }
    match (plain, host) {
        (true, None) => format!("write `/{bare}`"),
        (true, Some(_)) => format!("write only what comes after the host: `/{bare}`"),
        (false, _) if !path.is_ascii() => "write it with letters without accents, digits, `-` and `_`".to_owned(),
        (false, _) => "a path begins with `/` and holds no spaces, `?`, `;` or `*`: `/calls/{line}`".to_owned(),
    }
}

/// The webhooks of a vendor that is named without one: `aircall.event`; only the one that is written with another sign.
fn webhooks_of(from: &str, packs: &Packs) -> Vec<String> {
    let (vendor, webhook) = from.split_once(['/', ':']).unwrap_or((from, ""));
    let names = packs.get(vendor).into_iter().flat_map(|pack| pack.written.webhooks.names());
    let all: Vec<&str> = names.collect();
    let is_meant = |name: &&str| !all.contains(&webhook) || **name == *webhook;
    all.iter().copied().filter(is_meant).map(|name| format!("{vendor}.{name}")).collect()
}

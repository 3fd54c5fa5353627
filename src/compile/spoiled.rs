//! Captured requests whose proof proves nothing: as written, the source would refuse its own sender.

mod tried;

use std::sync::Arc;

use super::{Compiler, Secrets};
use crate::diagnostic::{Code, Diagnostic, Label, On, Place, Severity};
use crate::document::Document;
use crate::event::{RawRequest, capture};
use crate::route::{Lookup, RouteSet};
use crate::source::Source;
use crate::test_case;
use crate::value::Value;
use crate::verify::cause::{Cause, Refused};
use crate::verify::{Verify, VerifyError};
use tried::{Trial, Tried};

impl Compiler<'_> {
    /// Whether a sample that carries a proof would be refused, by the clock of the sample itself. With the secrets of a
    /// real run nothing is asked: samples are signed with those of trials.
    pub(super) fn check_proof(&mut self, file: &Arc<str>, bytes: &[u8], set: &RouteSet, source: Option<&Arc<str>>) {
        if self.input.secrets == Secrets::Required || self.unknown_settings {
            return;
        }
        let Ok(raw) = capture::parse(bytes).map(Arc::new) else { return };
        let Some(path) = set.under(raw.path()) else { return };
        let Lookup::Found(found, params) = set.find(&raw.method, path) else { return };
        if source.is_some_and(|source| *source != found.name) || shakes(&found, &raw, &params, set) {
            return;
        }
        let sent = test_case::sent_at(&found, &raw, &set.public_url, &params);
        let now = sent.unwrap_or(self.input.now);
        let context = found.context(&raw, &params, &set.public_url, now);
        if let Some(refused) = found.verify.refused(&raw, &context) {
            let is_address_open = self.is_address_open(&found);
            let trial = Trial { source: &found, raw: &raw, params: &params, set, now, is_address_open };
            let tried = trial.run(bytes);
            self.sample_refused(file, bytes, &found, &refused, &tried);
        }
    }

    fn sample_refused(&mut self, file: &Arc<str>, bytes: &[u8], source: &Source, refused: &Refused, tried: &Tried) {
        let Some((place, is_own)) = self.place_of_verify(source) else { return };
        // What is wrong with the proof as written has been said.
        let secret = self.source_places.get(&source.name).map(|at| at.key("secret"));
        let is_of = |at: &Place, of: &Place| at.file == of.file && at.path.is_within(&of.path);
        let of_verify =
            |problem: &Diagnostic| problem.is_error() && problem.place().is_some_and(|at| is_of(at, &place));
        let of_secret =
            |problem: &Diagnostic| problem.place().zip(secret.as_ref()).is_some_and(|(at, own)| is_of(at, own));
        if self.problems.iter().any(|problem| of_verify(problem) || of_secret(problem)) {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let (range, name) = line_of(&text, refused.header.as_deref());
        let is_token = matches!(source.verify, Verify::Token(_));
        // A user and a password can be read from it, so its line is not shown.
        let is_basic = is_basic(&text, refused.header.as_deref());
        let range = if is_basic { line_of(&text, None).0 } else { range };
        let sample = Place::bytes(file.clone(), range);
        let is_told = |problem: &Diagnostic| problem.labels.iter().any(|label| label.place == sample);
        if self.problems.iter().any(|problem| problem.code == Code::SampleNotVerified && is_told(problem)) {
            return;
        }
        let document = Document { file: file.clone(), text: (&*text).into(), root: None };
        self.documents.0.entry(file.clone()).or_insert_with(|| Arc::new(document));
        let message = format!("the captured request `{file}` would be refused: {}", refused.error);
        let to_mend = self.line_of_proof(source, refused, is_own).unwrap_or_else(|| place.clone());
        let is_same = |problem: &&mut Diagnostic| {
            problem.code == Code::SampleNotVerified
                && problem.place() == Some(&to_mend)
                && problem.message.ends_with(&format!("would be refused: {}", refused.error))
        };
        if let Some(same) = self.problems.iter_mut().find(is_same) {
            same.labels.push(Label { place: sample, text: "and this one".to_owned() });
            return;
        }
        let by_trial = self.help_of(tried, source);
        let is_unknown = refused.cause.is_none() && by_trial.is_none();
        let is_address = tried.address.is_some() || (is_unknown && self.is_address_open(source));
        let help = match &refused.cause {
            _ if by_trial.is_some() => by_trial.unwrap_or_default(),
            Some(Cause::NearHeader { found, .. }) if is_own => {
                format!("did you mean `header: {}`?", name.as_deref().unwrap_or(found))
            }
            Some(Cause::NearHeader { wanted, found }) => {
                format!("the sender writes `{wanted}`, and the sample has `{}`", name.as_deref().unwrap_or(found))
            }
            Some(Cause::Written(help)) if is_own => help.clone(),
            _ if is_address => {
                "the address is signed, and `public_url` is not set: write into jackfield.yaml the address that the sender \
                 called, up to its path: `public_url: https://hooks.example.com`"
                    .to_owned()
            }
            _ if is_own && is_token && is_basic => {
                "the sender writes `Basic`, which is HTTP Basic authentication: write `verify: { basic: {} }`"
                    .to_owned()
            }
            _ if is_token => "see that the secret, which may be that of sandbox.env, is the \
                                                              token of this request; a token that is not to be seen is \
                                                              written `***` in a sample"
                .to_owned(),
            _ => "see that the secret, which may be that of sandbox.env, is the one that the request was signed with, \
                  and that every byte of the sample is as it was sent"
                .to_owned(),
        };
        if is_address {
            // With a sample at hand it is no longer a guess.
            self.problems.retain(|problem| !is_unset_address(problem) || problem.place() != Some(&place));
        }
        let to_mend = if is_address { place } else { to_mend };
        let diagnostic = Diagnostic::new(Code::SampleNotVerified, to_mend, message);
        self.report(diagnostic.also(sample, "the captured request").help(help));
    }

    /// What made the sample right when it was tried.
    fn help_of(&self, tried: &Tried, source: &Source) -> Option<String> {
        if tried.ending {
            return Some(test_case::ending::ADVICE.to_owned());
        }
        let address = tried.address.as_ref().map(|url| format!("write `public_url: {url}` into jackfield.yaml"));
        let secret = tried.secret.as_ref().zip(self.variable_of(source));
        let secret = secret.map(|(secret, name)| format!("for trials, write `{name}={secret}` into sandbox.env"));
        match (secret, address) {
            (None, None) => None,
            (None, Some(address)) => Some(format!("the address is signed, and `public_url` is not set: {address}")),
            (Some(secret), address) => {
                let address = address.map(|address| format!("; and {address}, since the address is signed"));
                let first = "the sample is signed with the secret that its first line names";
                Some(format!("{first}: {secret}{}", address.unwrap_or_default()))
            }
        }
    }

    /// The line of a source that is most likely to be mended: the header that is looked for; or the secret, where a pack
    /// says how the sender signs.
    fn line_of_proof(&self, source: &Source, refused: &Refused, is_own: bool) -> Option<Place> {
        let at = self.source_places.get(&source.name)?;
        let node = |place: &Place| self.documents.0.get(&place.file)?.node(&place.path);
        match (&refused.cause, is_own) {
            (Some(Cause::NearHeader { .. }), true) => {
                let verify = at.key("verify");
                let kind = node(&verify)?.as_map()?.first()?.key.name.clone();
                let header = verify.key(kind).key("header");
                node(&header).map(|_| header)
            }
            (Some(Cause::Written(help)), true) => self.line_of_advice(&at.key("verify"), help),
            (None, false) if matches!(refused.error, VerifyError::Mismatch(_)) => {
                let secret = at.key("secret");
                node(&secret).map(|_| secret)
            }
            _ => None,
        }
    }

    /// The line of a verification that an advice is about: "write `encoding: base64`".
    pub(super) fn line_of_advice(&self, verify: &Place, help: &str) -> Option<Place> {
        let document = self.documents.0.get(&verify.file)?;
        let kind = document.node(&verify.path)?.as_map()?.first()?.key.name.clone();
        let key = help.split('`').nth(1)?.split(':').next()?.trim();
        let of_kind = Place { on: On::Value, ..verify.clone() }.key(kind);
        let written = [of_kind.key(key), of_kind.key("timestamp").key(key)];
        written.into_iter().find(|place| document.node(&place.path).is_some())
    }

    /// The variable of the environment that holds a source's secret.
    fn variable_of(&self, source: &Source) -> Option<String> {
        let place = self.source_places.get(&source.name)?.key("secret");
        let text = &self.documents.0.get(&place.file)?.node(&place.path)?.as_scalar()?.text;
        Some(text.trim().strip_prefix("${env:")?.strip_suffix('}')?.to_owned())
    }

    /// Whether an address is signed, and nothing says which.
    fn is_address_open(&self, source: &Source) -> bool {
        !self.has_public_url && source.public_url.is_none() && source.verify.signs_address()
    }

    /// A signed address is the one that the sender calls, which is not the one that Jackfield listens on.
    pub(super) fn check_address_is_known(&mut self, source: &Source) {
        if self.unknown_settings || !self.is_address_open(source) {
            return;
        }
        let Some((place, _)) = self.place_of_verify(source) else { return };
        let message = "this sender signs the address, and `public_url` is not set";
        let help =
            "write into jackfield.yaml the address that the sender calls: `public_url: https://hooks.example.com`";
        let mut diagnostic = Diagnostic::new(Code::MissingKey, place, message).help(help);
        diagnostic.severity = Severity::Warning;
        self.report(diagnostic);
    }

    /// Where it is written how a source verifies, and whether that is the source itself and no pack.
    pub(super) fn place_of_verify(&self, source: &Source) -> Option<(Place, bool)> {
        let at = self.source_places.get(&source.name)?;
        let written = |key: &str| {
            let place = at.key(key);
            self.documents.0.get(&place.file)?.node(&place.path).map(|_| place)
        };
        match written("verify") {
            Some(place) => Some((place.on_key(), true)),
            None => Some((written("from").unwrap_or_else(|| at.on_key()), false)),
        }
    }
}

/// Whether a problem is that the address is signed and not known.
pub(super) fn is_unset_address(problem: &Diagnostic) -> bool {
    problem.code == Code::MissingKey && !problem.is_error() && problem.message.contains("`public_url`")
}

/// Whether a request is a handshake that asks for no verification.
fn shakes(source: &Source, raw: &Arc<RawRequest>, params: &Value, set: &RouteSet) -> bool {
    let at = test_case::sent_at(source, raw, &set.public_url, params).unwrap_or_default();
    let scope = source.handshake_scope(&source.context(raw, params, &set.public_url, at), false);
    scope.is_some_and(|scope| source.handshake(&raw.method, false, &scope).is_some())
}

/// Whether a header of a captured request is that of HTTP Basic authentication.
fn is_basic(text: &str, header: Option<&str>) -> bool {
    let (range, name) = line_of(text, header);
    let value = text.get(range).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
    name.is_some() && value.is_some_and(|value| value.starts_with("Basic "))
}

/// The bytes of a header in a captured request, with its name as it is written; or its first line.
fn line_of(text: &str, header: Option<&str>) -> (std::ops::Range<usize>, Option<String>) {
    let first = capture::first_line(text.as_bytes());
    let mut at = first.start;
    for line in text.get(at..).unwrap_or_default().split_inclusive('\n') {
        let bare = line.trim_end();
        if at > first.start && bare.is_empty() {
            break;
        }
        let name = bare.split_once(':').map(|(name, _)| name.trim());
        if let Some(name) = name.filter(|name| header.is_some_and(|header| name.eq_ignore_ascii_case(header))) {
            return (at..at + bare.len(), Some(name.to_owned()));
        }
        at += line.len();
    }
    (first, None)
}

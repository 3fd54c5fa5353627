//! The tests of the webhooks of packs that lie in the workspace: each makes a source of its own, and sends it the capture.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::super::Compiler;
use super::super::template::{Kind as TemplateKind, Reach};
use super::Packs;
use crate::config::pack::{ExpectedHandshake, Webhook, WebhookEvents, WebhookExpect, WebhookTest as Written};
use crate::config::scalar::Text;
use crate::config::source::{Source, Verify};
use crate::config::{Decode, Named};
use crate::diagnostic::{Code, Diagnostic, Label, Place};
use crate::document::{Document, Entry, Key, Kind, Node, Scalar, Style};
use crate::event::{RawRequest, capture};
use crate::payload::Format;
use crate::route::{Kept, Route, RouteSet};
use crate::test_case::webhook::{Answer, Expected, Identities, WebhookTest};

/// The address that the sender of a capture was given, unless the test says otherwise.
const PUBLIC_URL: &str = "https://ingress.example.test";

/// What a made-up source of a test may have: its secret stands there for all to read.
const ALLOWED: &[Code] = &[Code::SecretAsText, Code::UnverifiedSource];

impl Compiler<'_> {
    /// Runs the tests of all webhooks, and says how many there were. The built-in packs have been proved before.
    pub(in super::super) fn webhook_tests(&mut self, packs: &Packs) -> usize {
        let mut count = 0;
        for (vendor, pack) in &packs.known {
            if !self.is_own(&format!("schemas/{vendor}/pack.yaml")) {
                continue;
            }
            for webhook in pack.written.webhooks.iter() {
                self.check_captures(vendor, &webhook.value);
                if webhook.value.tests.is_empty() {
                    self.untested(vendor, webhook, packs);
                }
                // What is wrong with the webhook itself would fail its tests once more.
                if self.is_wrong(&webhook.value.place) {
                    continue;
                }
                let before = self.problems.len();
                for test in &webhook.value.tests {
                    count += 1;
                    self.webhook_test(vendor, webhook, test, packs);
                }
                if self.problems.iter().skip(before).any(Diagnostic::is_error) {
                    self.drop_unproved(&format!("{vendor}.{}", &*webhook.name.value));
                }
            }
        }
        count
    }

    /// A webhook that refuses its own capture refuses those of its routes as well: that is mended in the pack.
    fn drop_unproved(&mut self, webhook: &str) {
        let documents = self.documents.clone();
        let is_of_webhook = |problem: &Diagnostic| {
            let place = problem.place().filter(|place| !place.file.starts_with("schemas/"))?;
            let document = documents.0.get(&place.file)?;
            Some(document.text.get(document.resolve(place))?.trim_matches(['"', '\'']) == webhook)
        };
        let follows = |problem: &Diagnostic| {
            problem.code == Code::SampleNotVerified || super::super::spoiled::is_unset_address(problem)
        };
        self.problems.retain(|problem| !(follows(problem) && is_of_webhook(problem).unwrap_or(false)));
    }

    /// A webhook without tests, compiled as for a source that gives it all that it asks for: of what is found, that which is
    /// in the webhook itself.
    fn untested(&mut self, vendor: &str, webhook: &Named<Webhook>, packs: &Packs) {
        let name = format!("{vendor}.{}", &*webhook.name.value);
        let nowhere = Place::file(webhook.value.place.file.clone());
        let before = self.problems.len();
        let given = trial(&webhook.value, &nowhere);
        let source = self.source_of(&name, &webhook.value, &nowhere, "/trial", given);
        source.and_then(|source| self.set_of(&name, &webhook.value, &source, PUBLIC_URL, packs));
        let new = self.problems.split_off(before);
        let is_own = |problem: &Diagnostic| {
            problem.place().is_some_and(|place| place.path.is_within(&webhook.value.place.path))
                && !ALLOWED.contains(&problem.code)
        };
        for problem in new.into_iter().filter(is_own) {
            // A route with this webhook has the same.
            let is_same = |other: &Diagnostic| other.code == problem.code && other.place() == problem.place();
            if !self.problems.iter().any(is_same) {
                self.report(problem);
            }
        }
    }

    fn is_wrong(&self, at: &Place) -> bool {
        let is_within = |place: &Place| place.file == at.file && place.path.is_within(&at.path);
        self.problems.iter().any(|problem| problem.is_error() && problem.place().is_some_and(is_within))
    }

    /// The captured requests that a webhook names must be there.
    fn check_captures(&mut self, vendor: &str, webhook: &Webhook) {
        let named = webhook.samples.iter().chain(webhook.tests.iter().map(|test| &test.request));
        for text in named {
            let path = format!("schemas/{vendor}/{}", text.value);
            if (self.input.read)(&path).is_none() {
                let message = format!("there is no file `{path}`");
                let help = "a captured request of a pack lies beside pack.yaml: `samples/form.http`";
                self.report(Diagnostic::new(Code::MissingFile, text.place.clone(), message).help(help));
            }
        }
    }

    fn webhook_test(&mut self, vendor: &str, webhook: &Named<Webhook>, test: &Written, packs: &Packs) {
        let Some(raw) = self.captured(vendor, test) else { return };
        let name = format!("{vendor}.{}", &*webhook.name.value);
        let before = self.problems.len();
        let set = self.set_of_test(&name, &webhook.value, test, &raw, packs);
        self.keep_problems_of_test(before, test);
        let Some(set) = set else { return };
        let compiled = WebhookTest {
            webhook: name.into(),
            name: test.name.value.clone(),
            request_place: test.request.place.clone(),
            expected: expected(&test.expect),
            place: test.place.key("expect").on_key(),
            webhook_place: webhook.value.place.clone(),
        };
        let verify = webhook.value.place.key("verify");
        for mut problem in compiled.run(&set, raw, self.input.now) {
            let is_verify = problem.place() == Some(&verify.on_key());
            let line =
                problem.help.as_deref().filter(|_| is_verify).and_then(|help| self.line_of_advice(&verify, help));
            if let (Some(line), Some(label)) = (line, problem.labels.first_mut()) {
                label.place = line;
            }
            // What is to be mended in the webhook itself is told once, whatever the number of its tests.
            let is_of_webhook = problem.place() != Some(&compiled.place) && problem.labels.len() > 1;
            let is_same = |other: &Diagnostic| other.code == problem.code && other.place() == problem.place();
            if !(is_of_webhook && self.problems.iter().any(is_same)) {
                self.report(problem);
            }
        }
    }

    /// The request of a test; what is wrong with it is said in its own file.
    fn captured(&mut self, vendor: &str, test: &Written) -> Option<RawRequest> {
        let path = format!("schemas/{vendor}/{}", test.request.value);
        let bytes = (self.input.read)(&path)?;
        let error = match capture::parse(&bytes) {
            Ok(raw) => return Some(raw),
            Err(error) => error,
        };
        let text = String::from_utf8_lossy(&bytes);
        let document = Document { file: path.into(), text: (&*text).into(), root: None };
        let place = Place::bytes(document.file.clone(), error.at);
        self.documents.0.insert(document.file.clone(), Arc::new(document));
        let message = format!("this is no captured request: {}", error.message);
        let diagnostic = Diagnostic::new(Code::TestFailed, place, message).help_opt(error.help.map(str::to_owned));
        self.report(diagnostic.also(test.request.place.clone(), format!("test `{}` reads it", test.name.value)));
        None
    }

    /// The source that a test stands for, at the path of its request, with a route that takes all.
    fn set_of_test(
        &mut self,
        name: &str,
        webhook: &Webhook,
        test: &Written,
        raw: &RawRequest,
        packs: &Packs,
    ) -> Option<RouteSet> {
        let written = self.source_of_test(name, webhook, test, raw)?;
        self.set_of(name, webhook, &written, test.public_url.as_ref().map_or(PUBLIC_URL, |url| url), packs)
    }

    fn set_of(
        &mut self,
        name: &str,
        webhook: &Webhook,
        written: &Source,
        public_url: &str,
        packs: &Packs,
    ) -> Option<RouteSet> {
        let compiled = self.source(name, written, packs, None)?;
        let mut reach = Reach::of_route(None);
        reach.methods = compiled.source.methods.clone();
        reach.form = matches!(compiled.source.format, Format::Form | Format::Query);
        reach.segments = Some(Vec::new());
        let identity = match &compiled.identity {
            Some(text) => Some(self.placed(text, TemplateKind::Value, &mut reach)?),
            None => None,
        };
        let mut set = RouteSet::new("", public_url.trim_end_matches('/'));
        set.add_source(compiled.source.clone()).ok()?;
        set.add_route(Arc::new(Route {
            name: name.into(),
            source: compiled.source.name.clone(),
            matcher: None,
            fallback: false,
            extracts: Vec::new(),
            identity,
            lane: None,
            lookup: Vec::new(),
            sends: Vec::new(),
            on_unknown: crate::plan::OnUnknown::Retry,
            retention: Kept::default(),
            place: webhook.place.clone(),
        }));
        Some(set)
    }

    /// The source as it would be written, so that all that a source means holds for a test as well.
    fn source_of_test(&mut self, name: &str, webhook: &Webhook, test: &Written, raw: &RawRequest) -> Option<Source> {
        let path = raw.path().strip_prefix("/hooks").filter(|path| !path.is_empty()).unwrap_or(raw.path());
        let given = [("secret", &test.secret), ("settings", &test.settings)];
        let given = given.into_iter().filter_map(|(key, node)| Some(entry(key, node.clone()?))).collect();
        let mut source = self.source_of(name, webhook, &test.request.place, path, given);
        if let Some(source) = &mut source {
            source.place = test.place.clone();
        }
        source
    }

    /// A source of the webhook, with what such a source gives.
    fn source_of(
        &mut self,
        name: &str,
        webhook: &Webhook,
        at: &Place,
        path: &str,
        given: Vec<Entry>,
    ) -> Option<Source> {
        let mut entries = vec![entry("from", scalar(name, at)), entry("path", scalar(path, at))];
        if webhook.verify.is_none() {
            entries.push(entry("verify", scalar("none", at)));
        }
        entries.extend(given);
        Source::decode(&Node { place: at.clone(), span: 0..0, kind: Kind::Map(entries) }, &mut self.problems)
    }

    /// Of what is wrong with the source of a test, that which is not so of a source alone.
    fn keep_problems_of_test(&mut self, before: usize, test: &Written) {
        let new = self.problems.split_off(before);
        for problem in new.into_iter().filter(|problem| !ALLOWED.contains(&problem.code)) {
            let problem = of_test(problem, test);
            // A route with this webhook, or a test before, has the same.
            let is_same = |other: &Diagnostic| other.code == problem.code && other.place() == problem.place();
            if !self.problems.iter().any(is_same) {
                self.report(problem);
            }
        }
    }
}

/// What is missing in a source is missing in its test; all else is so in this test.
fn of_test(mut problem: Diagnostic, test: &Written) -> Diagnostic {
    if matches!(problem.code, Code::MissingKey | Code::MissingSetting) {
        problem.labels.clear();
        problem.labels.push(Label { place: test.name.place.clone(), text: String::new() });
        problem.message = problem.message.replacen("the source", &format!("test `{}`", test.name.value), 1);
        return problem.help("add it below the name, as the source had it whose request this is");
    }
    let label = format!("in test `{}`", test.name.value);
    problem.also(test.name.place.clone(), label)
}

/// A secret and settings that any webhook can do with.
fn trial(webhook: &Webhook, at: &Place) -> Vec<Entry> {
    let is_password = |way: &Verify| match way {
        Verify::Basic(_) => true,
        Verify::AnyOf(ways) => ways.value.iter().any(|way| matches!(way, Verify::Basic(_))),
        _ => false,
    };
    // As long as a public key, and no two alike.
    let key = |name: &str| BASE64_STANDARD.encode(Sha256::digest(name));
    let is_password = webhook.verify.as_ref().is_some_and(is_password);
    let secret = if is_password { "user:password".to_owned() } else { key("") };
    let settings = webhook.settings.iter().map(|setting| &*setting.name.value);
    let settings = settings.map(|name| entry(name, scalar(&key(name), at)));
    let settings = Node { place: at.clone(), span: 0..0, kind: Kind::Map(settings.collect()) };
    vec![entry("secret", scalar(&secret, at)), entry("settings", settings)]
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: Key { name: key.into(), span: 0..0, style: Style::Plain }, value }
}

fn scalar(text: &str, place: &Place) -> Node {
    let kind = Kind::Scalar(Scalar { text: text.into(), style: Style::DoubleQuoted });
    Node { place: place.clone(), span: 0..0, kind }
}

fn expected(written: &WebhookExpect) -> Expected {
    match written {
        WebhookExpect::Refused(_) => Expected::Refused,
        WebhookExpect::Events(events) => events_expected(events),
        WebhookExpect::Handshake(handshake) => Expected::Handshake(Box::new(answer(handshake))),
    }
}

fn events_expected(written: &WebhookEvents) -> Expected {
    let texts = |all: &[Text]| all.iter().map(|text| (text.value.clone(), text.place.clone())).collect();
    let place = written.place.key("identities").on_key();
    let identities = written.identities.as_ref().map(|all| Identities { texts: texts(all), place });
    let payload = written.payload.as_ref().map(|node| (node.to_value(), node.place.clone()));
    Expected::Events { identities, payload }
}

fn answer(written: &ExpectedHandshake) -> Answer {
    let headers = written.headers.iter();
    Answer {
        status: written.status.as_ref().map(|status| status.value),
        content_type: written.content_type.as_ref().map(|text| text.value.clone()),
        headers: headers.map(|header| (header.name.value.clone(), header.value.value.clone())).collect(),
        body: written.body.as_ref().map(Node::to_value),
        place: written.place.clone(),
    }
}

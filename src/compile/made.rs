//! A test that failed, with the line of the route that makes what it found, and with the sample that it names.

use std::sync::Arc;

use super::Compiler;
use crate::diagnostic::{Code, Diagnostic, Label, Place, Segment, suggest};
use crate::document::Document;
use crate::event::{Event, capture};
use crate::pack::Body;
use crate::pipeline::{self, RouteResult};
use crate::route::{Route, RouteSet, Send};
use crate::source::Source;
use crate::template::Template;
use crate::test_case::{self, Difference, TestCase};

impl Compiler<'_> {
    /// The line that makes the value which differs.
    pub(super) fn beside_making(
        &self,
        mut problem: Diagnostic,
        differences: &[Difference],
        test: &TestCase,
        set: &RouteSet,
    ) -> Diagnostic {
        let made = || {
            let difference = differences.first()?;
            let route = set.route(&test.route)?;
            let expected =
                test.expected.iter().find(|expected| difference.place.path.is_within(&expected.place.path))?;
            let send = send_of(test, route, &expected.to, &expected.place)?;
            let body = expected.place.key("body");
            let steps = difference.place.path.segments().get(body.path.segments().len()..)?.to_vec();
            self.maker(send, &steps, route)
        };
        if problem.code == Code::TestFailed
            && let Some(label) = made()
        {
            problem.labels.push(label);
        }
        problem
    }

    /// Where a field of a body is written, and the names that it is made of.
    fn maker(&self, send: &Send, steps: &[&Segment], route: &Route) -> Option<Label> {
        let mut body = send.draft.body.as_ref()?;
        let mut place = send.draft.body_place.clone();
        for step in steps {
            body = match (body, step) {
                (Body::Object(fields), Segment::Key(key)) => &fields.iter().find(|(name, _)| name == key)?.1,
                (Body::Array(items), Segment::Index(index)) => items.get(*index)?,
                (Body::Template { .. }, _) => break,
                _ => return None,
            };
            place = match step {
                Segment::Key(key) => place.key(key.clone()),
                Segment::Index(index) => place.index(*index),
            };
        }
        match body {
            Body::Template { template, place } => Some(Label { place: place.clone(), text: made_of(template, route) }),
            Body::Value(_) => Some(Label { place, text: "it is written here".to_owned() }),
            _ => None,
        }
    }

    /// A sample that another route takes, where this one takes another sample: the line to mend is the test's.
    pub(super) fn of_other_sample(
        &mut self,
        problem: Diagnostic,
        test: &TestCase,
        bytes: &[u8],
        set: &RouteSet,
    ) -> Diagnostic {
        let of_match =
            problem.code == Code::TestFailed && problem.message.contains("the route does not take the sample");
        let Some(route) = set.route(&test.route).filter(|_| of_match) else { return problem };
        let events = test.events(set, bytes, self.input.now).unwrap_or_default();
        let problem = problem.also(test.request_place.clone(), "this is the sample");
        let others = set.routes.get(&route.source).into_iter().flatten();
        let other = others.filter(|other| other.name != route.name).find(|other| takes(set, other, &events));
        let own = self.input.samples.iter().filter(|sample| **sample != test.request).find(|sample| {
            let source = set.sources.get(&route.source);
            let raw = (self.input.read)(sample).and_then(|bytes| capture::parse(&bytes).ok());
            let events =
                source.zip(raw).and_then(|(source, raw)| test_case::events(set, source, raw, self.input.now).ok());
            takes(set, route, &events.unwrap_or_default())
        });
        let (Some(other), Some(own)) = (other, own) else { return problem };
        let mut problem = problem;
        let place = test.request_place.clone();
        problem.labels.retain(|label| label.place != place);
        if let Some(first) = problem.labels.first_mut() {
            first.text = "this is not true".to_owned();
        }
        problem.labels.insert(0, Label { place, text: format!("this sample is for `{}`", other.name) });
        problem.message = format!("test `{}`: the route does not take `{}`", test.name, test.request);
        let saw = problem.help.take().map(|saw| format!("; {saw}")).unwrap_or_default();
        problem.help = Some(format!("`{own}` is one that this route takes{saw}"));
        problem
    }

    /// A sample that goes to another address than its source: the address is in its first line.
    pub(super) fn at_first_line(
        &mut self,
        problem: Diagnostic,
        test: &TestCase,
        bytes: &[u8],
        set: &RouteSet,
    ) -> Option<Diagnostic> {
        let source = set.route(&test.route).and_then(|route| set.sources.get(&route.source));
        let is_lost = problem.code == Code::TestFailed
            && problem.place() == Some(&test.request_place)
            && problem.message.contains(", where no source is;");
        let (Some(source), true) = (source, is_lost && problem.help.is_none()) else { return Some(problem) };
        let text = String::from_utf8_lossy(bytes);
        let range = capture::first_line(bytes);
        let first = text.get(range.clone()).unwrap_or_default();
        let place = Place::bytes(test.request.clone(), range);
        // Each test of the sample fails at the same line.
        let is_told = |known: &Diagnostic| {
            known.code == Code::TestFailed && known.labels.iter().any(|label| label.place == place)
        };
        if self.problems.iter().any(is_told) {
            return None;
        }
        let document = || Arc::new(Document { file: test.request.clone(), text: (&*text).into(), root: None });
        self.documents.0.entry(test.request.clone()).or_insert_with(document);
        let method = first.split(' ').next().unwrap_or("POST");
        let own = match source.path.contains('{') {
            true => format!("write an address of this source into the first line of `{}`", test.request),
            false => {
                let query = first.split(' ').nth(1).and_then(|target| target.split_once('?'));
                let query = query.map(|(_, query)| format!("?{query}")).unwrap_or_default();
                let address = format!("{}{}{query}", set.prefix, source.path);
                format!("write `{method} {address} HTTP/1.1` as the first line of `{}`", test.request)
            }
        };
        let mut problem = problem.also(place, "it goes there");
        if is_cut(first, source, set) || near_path(first, source, set).is_some() {
            problem.labels.reverse();
        }
        // Which of the two is wrong is not known, and senders call the one of a source that is live.
        Some(match near_path(first, source, set) {
            Some(path) => {
                problem.help(format!("{own}; or, if that is what the sender calls, `path: {path}` in the source"))
            }
            None => problem.help(own),
        })
    }
}

/// Whether the path of a request line is the beginning of the source's.
fn is_cut(first: &str, source: &Source, set: &RouteSet) -> bool {
    let target = first.split(' ').nth(1).and_then(|target| target.split('?').next()).unwrap_or_default();
    let path = set.meant(target).trim_end_matches('/');
    !path.is_empty() && source.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
}

/// The path of a request line, where the source's differs from it by a slip of the fingers.
fn near_path(first: &str, source: &Source, set: &RouteSet) -> Option<String> {
    let target = first.split(' ').nth(1)?;
    let path = set.meant(target.split('?').next()?);
    suggest::certain(path, [&*source.path]).map(|_| path.to_owned())
}

/// The delivery that an expectation is of, where it is the only one.
fn send_of<'r>(test: &TestCase, route: &'r Route, to: &str, place: &Place) -> Option<&'r Send> {
    let sends: Vec<&Send> = route.sends.iter().filter(|send| *send.to == *to).collect();
    let expected: Vec<&Place> = test.expected.iter().filter(|e| *e.to == *to).map(|e| &e.place).collect();
    match sends.as_slice() {
        [one] => Some(one),
        _ if sends.len() == expected.len() => sends.get(expected.iter().position(|known| *known == place)?).copied(),
        _ => None,
    }
}

/// `made here of `first` (`$.First_Name`)`
fn made_of(template: &Template, route: &Route) -> String {
    let mut names: Vec<String> = Vec::new();
    for used in template.uses() {
        let extract = route.extracts.iter().find(|extract| extract.name == used.name);
        if let Some([(path, _)]) = extract.map(|extract| extract.paths.as_slice()) {
            let name = format!("`{}`, which is `{}`", used.name, path.text());
            if !names.contains(&name) && names.len() < 3 {
                names.push(name);
            }
        }
    }
    if names.is_empty() { "it is made here".to_owned() } else { format!("made here of {}", names.join(", and ")) }
}

fn takes(set: &RouteSet, route: &Arc<Route>, events: &[Event]) -> bool {
    let is_taken = |event: &Event| matches!(pipeline::run_one(set, route, event).result, RouteResult::Taken(_));
    !route.fallback && events.iter().any(is_taken)
}

//! Tests of routes: what they name must be there, and what they expect must be something that can be compared.

use std::sync::Arc;

use super::Compiler;
use crate::config::route::Route as WrittenRoute;
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::config::test_case::{Expected as WrittenExpected, TestCase as WrittenTest};
use crate::config::{At, Named};
use crate::diagnostic::{Code, Diagnostic, Severity, suggest};
use crate::document::Node;
use crate::pack::{HeaderPart, Operation};
use crate::route::RouteSet;
use crate::test_case::{Expected, TestCase};

impl Compiler<'_> {
    pub(super) fn test(
        &mut self,
        (route, of): (&str, &WrittenRoute),
        written: &WrittenTest,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> TestCase {
        for expected in &written.expect {
            self.check_expected(expected, set, settings);
            self.check_asks(expected);
        }
        self.check_test_name(written, of);
        for answer in written.answers.iter() {
            self.check_answered(&answer.name, of, set, settings);
        }
        let answers = written.answers.iter();
        TestCase {
            answers: answers.map(|answer| (answer.name.value.clone(), answer.value.to_value())).collect(),
            route: route.into(),
            name: written.name.value.clone(),
            request: written.request.value.clone(),
            request_place: written.request.place.clone(),
            expected: written
                .expect
                .iter()
                .map(|written| expected(written, self.base_path(&written.to, set)))
                .collect(),
            place: written.place.clone(),
        }
    }

    /// The path of the address of a connection, before that of an operation; nothing where a stand-in has another.
    fn base_path(&self, to: &str, set: &RouteSet) -> Option<Arc<str>> {
        let (connection, _) = to.split_once('.')?;
        let url = &set.connections.get(connection).filter(|_| self.input.sandbox.is_none())?.base_url;
        let (_, rest) = url.split_once("://")?;
        Some(rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().trim_end_matches('/').into())
    }

    /// What is answered is a call that there is.
    fn check_answered(&mut self, name: &At<Arc<str>>, of: &WrittenRoute, set: &RouteSet, settings: Option<&Settings>) {
        let before = self.problems.len();
        let target = self.target(name, set, settings);
        let called =
            called(of, set).filter(|called| target.is_some() && !called.iter().any(|call| **call == *name.value));
        if let Some(called) = called {
            let message = format!("this route does not call `{}`, so nothing is answered by this", name.value);
            let called: Vec<&str> = called.iter().map(|call| &**call).collect();
            let help = match suggest::one_of(&called) {
                Some(all) => format!("it calls {all}"),
                None => "it makes no call before a delivery: remove the line".to_owned(),
            };
            self.report(Diagnostic::new(Code::UnknownOperation, name.place.clone(), message).help(help));
        }
        // The name is a key, of which no part can be pointed at.
        for problem in self.problems.iter_mut().skip(before) {
            problem.fix = None;
            problem.labels.iter_mut().for_each(|label| label.place = name.place.on_key());
        }
    }

    fn check_expected(&mut self, written: &WrittenExpected, set: &RouteSet, settings: Option<&Settings>) {
        let target = self.target(&written.to, set, settings);
        if let Some(path) = written.path.as_ref().filter(|path| !path.starts_with('/')) {
            let message = "a test compares what comes after the host";
            let after = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
            let help = after.map_or_else(|| "it begins with `/`".to_owned(), |after| format!("write `path: /{after}`"));
            self.report(Diagnostic::new(Code::InvalidAddress, path.place.clone(), message).help(help));
        }
        written.headers.iter().for_each(|headers| self.check_headers_once(headers));
        let Some((_, operation)) = target else { return };
        for header in written.headers.iter().flat_map(|headers| headers.iter()) {
            self.check_secret_header(header, &operation);
        }
    }

    /// `body: {}`, which every body fulfils.
    fn check_asks(&mut self, written: &WrittenExpected) {
        let is_exact = written.exact.as_ref().is_some_and(|exact| exact.value);
        let body = written.body.as_ref().filter(|body| body.as_map().is_some_and(<[_]>::is_empty) && !is_exact);
        if let Some(body) = body {
            let message = "this expectation asks nothing of the body: every body fulfils it";
            let mut problem = Diagnostic::new(Code::InvalidValue, body.place.clone(), message);
            problem.severity = Severity::Warning;
            self.report(problem.help("write the fields that must be in it, or remove `body`"));
        }
    }

    /// Two tests of one name, of which one was mostly pasted and never changed.
    fn check_test_name(&mut self, written: &WrittenTest, of: &WrittenRoute) {
        let before = of.tests.iter().take_while(|test| test.place != written.place);
        let Some(first) = before.into_iter().find(|test| test.name.value == written.name.value) else { return };
        let message = format!("two tests of this route are called `{}`", written.name.value);
        let mut problem = Diagnostic::new(Code::InvalidValue, written.name.place.clone(), message);
        problem.severity = Severity::Warning;
        let help = match first.request.value == written.request.value {
            true => "they are of the same request: remove one of the two, or give this one another request",
            false => "give this one a name of its own",
        };
        self.report(problem.also(first.name.place.clone(), "the first one").help(help));
    }

    /// A header whose value is secret is `***` to a test.
    fn check_secret_header(&mut self, header: &Named<Text>, operation: &Operation) {
        let is_secret = |parts: &[HeaderPart]| parts.iter().any(|part| matches!(part, HeaderPart::Secret(_)));
        let found = operation.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&header.name.value));
        if found.is_some_and(|(_, parts)| is_secret(parts)) && !header.value.contains("***") {
            let message = format!("the header `{}` holds a secret, which a test does not see", header.name.value);
            let diagnostic = Diagnostic::new(Code::InvalidValue, header.value.place.clone(), message);
            self.report(
                diagnostic.help("remove the line; to test that the header is there, write `***` for the secret"),
            );
        }
    }

    /// A test's request is not there.
    pub(super) fn missing_sample(&mut self, test: &TestCase) {
        let samples = self.input.samples.iter().map(|sample| &**sample);
        let plain = test.request.replace('\\', "/");
        let is_ending = |sample: &&str| sample.ends_with(&*plain) || sample.strip_suffix(".http") == Some(&*plain);
        let near = samples.clone().find(is_ending).or_else(|| near_name(&plain, samples));
        let message = format!("there is no file `{}`", test.request);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if test.request.starts_with("..") || test.request.starts_with('/') => {
                "a sample lies inside the workspace; its path begins at the folder of jackfield.yaml".to_owned()
            }
            None => "its path begins at the folder of jackfield.yaml".to_owned(),
        };
        self.report(Diagnostic::new(Code::MissingFile, test.request_place.clone(), message).help(help));
    }
}

/// The sample that has nearly the name of a file. `form-opened` and `form-closed` are two captures of one sender.
fn near_name<'s>(file: &str, samples: impl Iterator<Item = &'s str>) -> Option<&'s str> {
    let words =
        |path: &str| path.trim_end_matches(".http").split(['-', '_', '/']).map(str::to_owned).collect::<Vec<_>>();
    let is_other = |sample: &str| {
        let (own, other) = (words(file), words(sample));
        let apart = |(own, other): (&String, &String)| suggest::nearest(own, [other.as_str()]).is_none();
        own.len() == other.len() && own.iter().zip(&other).any(apart)
    };
    suggest::certain(file, samples).filter(|sample| !is_other(sample))
}

/// The calls that a route makes, those of its chains among them; nothing where one is not known.
fn called(route: &WrittenRoute, set: &RouteSet) -> Option<Vec<Arc<str>>> {
    let steps = route.lookup.iter().chain(route.send.iter().flat_map(|send| &send.steps));
    let mut calls = steps.map(|step| Some(step.call.get()?.value.clone())).collect::<Option<Vec<Arc<str>>>>()?;
    for send in &route.send {
        let to = send.to.get()?;
        let (name, operation) = to.split_once('.')?;
        let operation = set.connections.get(name)?.pack.operations.get(operation)?;
        calls.extend(operation.chain.iter().map(|step| format!("{name}.{}", step.operation.name).into()));
        calls.push(to.value.clone());
    }
    Some(calls)
}

fn expected(written: &WrittenExpected, base: Option<Arc<str>>) -> Expected {
    let headers = written.headers.iter().flat_map(|headers| headers.iter());
    Expected {
        to: written.to.value.clone(),
        path: written.path.as_ref().map(|path| path.value.clone()),
        base,
        headers: headers.map(|header| (header.name.value.clone(), header.value.value.clone())).collect(),
        body: written.body.as_ref().map(Node::to_value),
        exact: written.exact.as_ref().is_some_and(|exact| exact.value),
        place: written.place.clone(),
    }
}

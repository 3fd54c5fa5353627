//! The tests that a route carries, run through the same pipeline as everything else.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::event::{Event, RawRequest, Verified, capture};
use crate::pipeline::{self, Prepared, RouteResult};
use crate::request::{Request, masked};
use crate::route::{Lookup, Route, RouteSet};
use crate::source::Source;
use crate::value::Value;

/// One test of a route.
#[derive(Debug)]
pub struct TestCase {
    pub route: Arc<str>,
    pub name: Arc<str>,
    /// The captured request, relative to the workspace.
    pub request: Arc<str>,
    pub request_place: Place,
    pub expected: Vec<Expected>,
    pub place: Place,
}

/// One request that is expected.
#[derive(Debug)]
pub struct Expected {
    pub to: Arc<str>,
    pub path: Option<Arc<str>>,
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    pub body: Option<Value>,
    pub exact: bool,
    pub place: Place,
}

/// A captured request as the verified one that it stands for: tests and dry runs look at what becomes of it, and
/// whether it verifies is asked apart.
pub fn assumed(raw: RawRequest) -> Verified {
    Verified::new(Arc::new(raw))
}

/// The events of a captured request at a route's source.
pub fn events(set: &RouteSet, source: &Arc<Source>, raw: RawRequest, at: Timestamp) -> Result<Vec<Event>, String> {
    let params = match raw.path() {
        "/" => Value::object(Vec::<(&str, Value)>::new()),
        path => match set.find(&raw.method, path.strip_prefix("/hooks").unwrap_or(path)) {
            Lookup::Found(found, params) if found.name == source.name => params,
            Lookup::Found(found, _) => {
                return Err(elsewhere(path, source, &format!("which is source `{}`", found.name)));
            }
            Lookup::WrongMethod => return Err(format!("the source does not take {}", raw.method)),
            Lookup::Nothing => return Err(elsewhere(path, source, "where no source is")),
        },
    };
    source.events(&assumed(raw), params, at).map_err(|error| error.to_string())
}

fn elsewhere(path: &str, source: &Source, what: &str) -> String {
    format!("the request goes to `{path}`, {what}; this route's source is at `/hooks{}`", source.path)
}

impl TestCase {
    /// What differs from what the test expects; nothing when it passes.
    pub fn run(&self, set: &RouteSet, capture: Option<&[u8]>, at: Timestamp) -> Vec<Diagnostic> {
        match self.requests(set, capture, at) {
            Err(problem) => vec![*problem],
            Ok(requests) => self.compare(&requests),
        }
    }

    fn requests(&self, set: &RouteSet, capture: Option<&[u8]>, at: Timestamp) -> Result<Vec<Request>, Box<Diagnostic>> {
        let missing = |message: String| Diagnostic::new(Code::MissingFile, self.request_place.clone(), message);
        let bytes = capture.ok_or_else(|| missing(format!("there is no file `{}`", self.request)))?;
        let raw = capture::parse(bytes).map_err(|e| self.failed(&self.request_place, e.to_string()))?;
        let route = set.route(&self.route).ok_or_else(|| self.failed(&self.place, "the route does not compile"))?;
        let source = set.sources.get(&route.source).ok_or_else(|| self.failed(&self.place, "there is no source"))?;
        let events = events(set, source, raw, at).map_err(|message| self.failed(&self.request_place, message))?;
        let mut requests = Vec::new();
        for event in &events {
            requests.extend(self.requests_of(set, route, event)?);
        }
        Ok(requests)
    }

    fn requests_of(&self, set: &RouteSet, route: &Arc<Route>, event: &Event) -> Result<Vec<Request>, Box<Diagnostic>> {
        let taken = match pipeline::run_one(set, route, event).result {
            RouteResult::Taken(taken) => taken,
            RouteResult::Failed(problem) => return Err(Box::new(self.in_test(*problem))),
            RouteResult::NotMatched | RouteResult::NotNeeded => return Ok(Vec::new()),
        };
        let mut requests = Vec::new();
        for prepared in taken.sends {
            match prepared {
                Prepared::Ready(request) => requests.push(*request),
                Prepared::Skipped => {}
                Prepared::Failed(problem) => return Err(Box::new(self.in_test(*problem))),
            }
        }
        Ok(requests)
    }

    fn in_test(&self, problem: Diagnostic) -> Diagnostic {
        problem.also(self.place.key("name"), format!("in test `{}`", self.name))
    }

    fn failed(&self, place: &Place, message: impl Into<String>) -> Diagnostic {
        let message = format!("test `{}`: {}", self.name, message.into());
        Diagnostic::new(Code::TestFailed, place.clone(), message)
    }

    fn compare(&self, requests: &[Request]) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for (expected, request) in self.expected.iter().zip(requests) {
            expected.compare(request, &mut |place, message| problems.push(self.failed(&place, message)));
        }
        let made: Vec<&str> = requests.iter().map(|request| &*request.to).collect();
        let place = self.place.key("expect");
        if requests.len() > self.expected.len() {
            let more = made.get(self.expected.len()..).unwrap_or_default().join("`, `");
            problems.push(self.failed(&place, format!("made a request that is not expected: `{more}`")));
        }
        for expected in self.expected.iter().skip(requests.len()) {
            let message = format!("no request to `{}` was made", expected.to);
            problems.push(self.failed(&expected.place, message));
        }
        problems
    }
}

impl Expected {
    fn compare(&self, request: &Request, differs: &mut dyn FnMut(Place, String)) {
        if self.to != request.to {
            differs(self.place.key("to"), format!("expected `{}`, found `{}`", self.to, request.to));
            return;
        }
        let path = masked(&request.path);
        if let Some(wanted) = self.path.as_ref().filter(|wanted| ***wanted != *path) {
            differs(self.place.key("path"), format!("expected the path `{wanted}`, found `{path}`"));
        }
        for (name, wanted) in &self.headers {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            let found = found.map_or("nothing".to_owned(), |header| format!("`{}`", masked(&header.value)));
            if found != format!("`{wanted}`") {
                let place = self.place.key("headers").key(name.clone());
                differs(place, format!("expected the header `{name}` to be `{wanted}`, found {found}"));
            }
        }
        if let Some(wanted) = &self.body {
            let found = request.body.clone().unwrap_or_default();
            compare(wanted, &found, self.exact, &self.place.key("body"), "the body", differs);
        }
    }
}

fn compare(
    wanted: &Value,
    found: &Value,
    exact: bool,
    place: &Place,
    name: &str,
    differs: &mut dyn FnMut(Place, String),
) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted.iter() {
                let name = format!("`{key}`");
                match found.get(key) {
                    Some(found) => compare(value, found, exact, &place.key(key.clone()), &name, differs),
                    None => {
                        differs(place.key(key.clone()), format!("{name} is not there; expected {}", value.to_json()))
                    }
                }
            }
            for (key, value) in found.iter().filter(|(key, _)| exact && wanted.get(key).is_none()) {
                differs(place.clone(), format!("`{key}` is not expected, found {}", value.to_json()));
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found.iter()).enumerate() {
                compare(wanted, found, exact, &place.index(index), &format!("{name}[{index}]"), differs);
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => {
            differs(place.clone(), format!("{name}: expected {}, found {}", wanted.to_json(), found.to_json()));
        }
    }
}

//! The tests that a route carries, run through the same pipeline as everything else.

mod address;
mod chain;
mod compare;
pub mod ending;
mod hint;
mod lines;
mod reason;
mod shared;
mod size;
mod split;
mod unanswered;
pub mod webhook;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::diagnostic::{Code, Diagnostic, On, Place};
use crate::event::{Event, RawRequest, Verified, capture, sent};
use crate::pipeline::{self, Prepared, RouteResult};
use crate::plan::{Plan, Step, stand_in_answer};
use crate::request::Request;
use crate::route::{Lookup, Route, RouteSet};
use crate::source::Source;
use crate::value::Value;
use address::{at_home, elsewhere};
use chain::{Chain, at_route, calls_of, of_chain};
pub use hint::{envelope_help, is_in_envelope, part_help, part_path, with_values};
use reason::Reason;
pub use size::too_large;

/// One test of a route.
#[derive(Debug)]
pub struct TestCase {
    pub route: Arc<str>,
    pub name: Arc<str>,
    /// The captured request, relative to the workspace.
    pub request: Arc<str>,
    pub request_place: Place,
    pub expected: Vec<Expected>,
    /// What calls before a delivery are answered with: `connection.operation`, and the body.
    pub answers: Vec<(Arc<str>, Value)>,
    pub place: Place,
}

/// One request that is expected.
#[derive(Debug)]
pub struct Expected {
    pub to: Arc<str>,
    pub path: Option<Arc<str>>,
    /// The path of the connection's address, which may stand before it; nothing where it is not known.
    pub base: Option<Arc<str>>,
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    pub body: Option<Value>,
    pub exact: bool,
    pub place: Place,
}

/// Why a test failed: for people, and, where values differ, for programs.
#[derive(Debug)]
pub struct Failure {
    pub problem: Diagnostic,
    pub differences: Vec<Difference>,
}

/// A value of a request that is not the one expected.
#[derive(Debug)]
pub struct Difference {
    /// The line of the expectation.
    pub place: Place,
    /// `path`, `headers.X-Name`, `body.message.content`.
    pub field: String,
    /// None where nothing is expected.
    pub expected: Option<Value>,
    pub found: Option<Value>,
}

impl From<Diagnostic> for Failure {
    fn from(problem: Diagnostic) -> Self {
        Failure { problem, differences: Vec::new() }
    }
}

/// A captured request as the verified one that it stands for: tests and dry runs look at what becomes of it, and
/// whether it verifies is asked apart.
pub fn assumed(raw: RawRequest) -> Verified {
    Verified::new(Arc::new(raw))
}

/// When a captured request was signed or sent, by what it says itself: it is old by now, and its proof is good for minutes.
pub fn sent_at(source: &Source, raw: &RawRequest, public_url: &str, params: &Value) -> Option<Timestamp> {
    let request = Arc::new(raw.clone());
    let context = source.context(&request, params, public_url, Timestamp::default());
    source.verify.signed_at(&context).or_else(|| sent::at(raw))
}

/// The events of a captured request at a route's source.
pub fn events(set: &RouteSet, source: &Arc<Source>, raw: RawRequest, at: Timestamp) -> Result<Vec<Event>, String> {
    let params = match raw.path() {
        "/" => Value::object(Vec::<(&str, Value)>::new()),
        path => match set.find(&raw.method, set.meant(path)) {
            // A handshake's method makes no events.
            Lookup::Found(_, _) if !source.takes(&raw.method) => {
                return Err(not_taken(set, source, raw, at));
            }
            Lookup::Found(found, params) if found.name == source.name => params,
            Lookup::Found(found, _) => {
                return Err(elsewhere(set, path, source, &format!("which is source `{}`", found.name)));
            }
            Lookup::WrongMethod(_) => return Err(not_taken(set, source, raw, at)),
            Lookup::Nothing => return Err(elsewhere(set, path, source, "where no source is")),
        },
    };
    // As in `serve`, what only proves where the request is from is no part of the event.
    let bare = raw.path() == "/";
    let verified = assumed(at_home(raw, set, source));
    let (verified, params) = if bare { (verified, params) } else { source.without_credentials(verified, params) };
    source.events(&verified, &params, at).map_err(|error| error.to_string())
}

/// The handshake that a request is, as the server answers it.
fn shaken(set: &RouteSet, source: &Source, raw: &Arc<RawRequest>, at: Timestamp) -> Option<Arc<str>> {
    let Lookup::Found(found, params) = set.find(&raw.method, set.meant(raw.path())) else { return None };
    let is_own = found.name == source.name;
    [false, true].into_iter().filter(|_| is_own).find_map(|verified| {
        let scope = source.handshake_scope(&source.context(raw, &params, &set.public_url, at), verified)?;
        source.handshake(&raw.method, verified, &scope).map(|handshake| handshake.name.clone())
    })
}

/// Whether a captured request only asks whether the address is good.
pub fn is_handshake(set: &RouteSet, source: &Source, raw: &RawRequest, at: Timestamp) -> bool {
    shaken(set, source, &Arc::new(raw.clone()), at).is_some()
}

/// What the `match` of a route saw in an event that it does not take.
pub fn unmatched(set: &RouteSet, route: &Arc<Route>, event: &Event) -> Option<(Place, Option<String>)> {
    reason::of_match(set, route, event).map(|reason| (reason.place, reason.saw))
}

/// A request of a method that makes no events, with the handshakes that it could have been.
fn not_taken(set: &RouteSet, source: &Source, raw: RawRequest, at: Timestamp) -> String {
    let raw = Arc::new(raw);
    let mut message = format!("the source does not take {}", raw.method);
    let scopes = [false, true]
        .map(|verified| source.handshake_scope(&source.context(&raw, &Value::Null, &set.public_url, at), verified));
    for handshake in &source.handshakes {
        let when = handshake.when.template.text();
        let of_method = handshake.methods.iter().any(|method| **method == *raw.method);
        let scope = scopes.get(usize::from(handshake.verified)).and_then(Option::as_ref).filter(|_| of_method);
        message.push_str(&match scope {
            None => format!("; its handshake `{}` comes by {}", handshake.name, handshake.methods.join(" or ")),
            Some(scope) => format!(
                "; it is not its handshake `{}` either: `{when}` is not true{}",
                handshake.name,
                reason::of_handshake(handshake, scope)
            ),
        });
    }
    message
}

fn failed(test: &str, place: &Place, message: impl Into<String>) -> Diagnostic {
    let message = format!("test `{test}`: {}", message.into());
    Diagnostic::new(Code::TestFailed, place.clone(), message)
}

impl TestCase {
    /// What differs from what the test expects; nothing when it passes.
    pub fn run(&self, set: &RouteSet, capture: Option<&[u8]>, at: Timestamp) -> Vec<Diagnostic> {
        self.failures(set, capture, at).into_iter().map(|failure| failure.problem).collect()
    }

    /// The same, with each difference as data.
    pub fn failures(&self, set: &RouteSet, capture: Option<&[u8]>, at: Timestamp) -> Vec<Failure> {
        match self.made(set, capture, at) {
            Err(problem) => vec![Failure::from(*problem)],
            Ok(made) => self.compare(&made),
        }
    }

    fn made(&self, set: &RouteSet, capture: Option<&[u8]>, at: Timestamp) -> Result<Made, Box<Diagnostic>> {
        let bytes = capture.ok_or_else(|| {
            let message = format!("there is no file `{}`", self.request);
            let help = match self.request.starts_with("..") || self.request.starts_with('/') {
                true => "a sample lies inside the workspace; its path begins at the folder of jackfield.yaml",
                false => "its path begins at the folder of jackfield.yaml",
            };
            Diagnostic::new(Code::MissingFile, self.request_place.clone(), message).help(help)
        })?;
        let raw = capture::parse(bytes).map_err(|e| self.failed(&self.request_place, e.to_string()))?;
        let route = set.route(&self.route).ok_or_else(|| self.failed(&self.place, "the route does not compile"))?;
        let source = set.sources.get(&route.source).ok_or_else(|| self.failed(&self.place, "there is no source"))?;
        too_large(set, source, &raw).map_or(Ok(()), |why| Err(self.failed(&self.request_place, why)))?;
        let raw = Arc::new(raw);
        if let Some(handshake) = shaken(set, source, &raw, at) {
            let message = format!("the request is answered as a handshake (`{handshake}`), and makes no event");
            let help = "write `expect: []`";
            let problem = || self.failed(&self.request_place, message).help(help);
            return if self.expected.is_empty() { Ok(Made::default()) } else { Err(Box::new(problem())) };
        }
        let raw = Arc::unwrap_or_clone(raw);
        let events = events(set, source, raw, at).map_err(|message| self.failed(&self.request_place, message))?;
        if let Some(event) = events.first().filter(|event| source.splits_nothing(&event.envelope)) {
            return Err(Box::new(self.split_nothing(route, source, &event.envelope)));
        }
        if let ([Event { payload: Value::Array(parts), .. }], Some(split)) = (events.as_slice(), &source.split)
            && split.is_singular()
        {
            return Err(Box::new(self.split_whole(route, split, parts.len())));
        }
        let mut made = Made::default();
        for event in &events {
            self.requests_of(set, route, event, &mut made)?;
        }
        Ok(made)
    }

    /// The events of the test's request; nothing when it can't be read.
    pub fn events(&self, set: &RouteSet, capture: &[u8], at: Timestamp) -> Option<Vec<Event>> {
        let source = set.sources.get(&set.route(&self.route)?.source)?;
        events(set, source, capture::parse(capture).ok()?, at).ok()
    }

    fn requests_of(
        &self,
        set: &RouteSet,
        route: &Arc<Route>,
        event: &Event,
        made: &mut Made,
    ) -> Result<(), Box<Diagnostic>> {
        let taken = match pipeline::run_in_turn(set, route, event).result {
            RouteResult::Taken(taken) => taken,
            RouteResult::Failed(problem) => {
                return Err(Box::new(self.in_test(hint::with_values(*problem, route, event))));
            }
            RouteResult::NotMatched | RouteResult::NotNeeded => {
                made.reasons.extend(reason::of_turn(set, route, event).or_else(|| reason::of_match(set, route, event)));
                return Ok(());
            }
        };
        // As in the store: the first one counts, whatever became of its deliveries.
        if taken.identity.as_ref().is_some_and(|identity| !made.identities.insert(identity.clone())) {
            made.duplicates.extend(route.identity.as_ref().map(|identity| identity.place.clone()));
            return Ok(());
        }
        for (number, prepared) in taken.sends.into_iter().enumerate() {
            match prepared {
                Prepared::Ready(request) => made.requests.push(*request),
                Prepared::Planned(plan) => {
                    let send = route.sends.get(number);
                    let told = |problem| hint::with_values(at_route(problem, send), route, event);
                    self.walk(set, &plan, made, &told)?;
                }
                Prepared::Skipped => made.reasons.extend(reason::of_when(set, route, event, number)),
                Prepared::Failed(problem) => {
                    return Err(Box::new(self.in_test(hint::with_values(*problem, route, event))));
                }
            }
        }
        Ok(())
    }

    /// Each call of a plan, with the answers that the test gives, or else those of the stand-ins.
    fn walk(
        &self,
        set: &RouteSet,
        plan: &Plan,
        made: &mut Made,
        told: &dyn Fn(Diagnostic) -> Diagnostic,
    ) -> Result<(), Box<Diagnostic>> {
        let mut number = 0;
        let (mut unanswered, mut made_up) = (None, Value::Null);
        let mut answer = |step: &Step, request: &Request| {
            number += 1;
            unanswered = self.unanswered(step).map(|advice| (advice, step.save.clone()));
            let given = self.answers.iter().find(|(to, _)| *to == step.to);
            let operation =
                set.connections.get(step.connection()).and_then(|c| c.pack.operations.get(step.operation()));
            match (given, operation) {
                (Some((_, answer)), _) => Ok(answer.clone()),
                (None, Some(operation)) => {
                    made_up = stand_in_answer(operation, request, number)?;
                    Ok(made_up.clone())
                }
                (None, None) => Ok(Value::Null),
            }
        };
        let walk = plan.walk(set, &mut answer);
        let walk = walk.map_err(|problem| Box::new(self.without_answer(told(problem), unanswered, &made_up)))?;
        let first = made.steps.len();
        made.steps.extend(walk.steps);
        match (walk.own, walk.chain) {
            (Some(own), None) => made.requests.push(own),
            (Some(own), Some((to, body))) => {
                made.steps.push(own);
                let calls = calls_of(&to, set);
                made.chains.push(Chain { steps: first..made.steps.len(), request: made.requests.len(), calls });
                made.requests.push(of_chain(to, body));
            }
            (None, _) => {}
        }
        Ok(())
    }

    pub fn in_test(&self, problem: Diagnostic) -> Diagnostic {
        problem.also(self.place.key("name"), format!("in test `{}`", self.name))
    }

    fn failed(&self, place: &Place, message: impl Into<String>) -> Diagnostic {
        failed(&self.name, place, message)
    }

    /// Each expectation with the next request to the same operation; then what is left over on either side.
    fn compare(&self, made: &Made) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut left: Vec<&Request> = made.requests.iter().collect();
        // A chain of which a call is named need not be named itself.
        let mut told: Vec<&Request> = Vec::new();
        let mut missing = Vec::new();
        let mut in_order = true;
        let mut steps: Vec<&Request> = made.steps.iter().collect();
        for expected in &self.expected {
            // A call before a delivery is compared where the test names it, and need not be named.
            if let Some(at) = steps.iter().position(|request| request.to == expected.to)
                && !left.iter().any(|request| request.to == expected.to)
            {
                let request = steps.remove(at);
                told.extend(made.chain_of(request));
                failures.extend(expected.compare(request).into_iter().map(|finding| finding.of(&self.name)));
                continue;
            }
            match left.iter().position(|request| request.to == expected.to) {
                Some(at) => {
                    in_order &= at == 0;
                    failures.extend(expected.compare(left.remove(at)).into_iter().map(|found| found.of(&self.name)));
                }
                None => missing.push(expected),
            }
        }
        left.retain(|request| !told.iter().any(|chain| std::ptr::eq(*chain, *request)));
        let order: Vec<&str> = made.requests.iter().map(|request| &*request.to).collect();
        failures.extend(self.left_over(&missing, &left, made).into_iter().map(Failure::from));
        if failures.is_empty() && !in_order {
            let message = format!("the requests come in another order: `{}`", order.join("`, `"));
            let problem = self.failed(&self.place.key("expect").on_key(), message).help("write them in that order");
            failures.push(problem.into());
        }
        failures
    }

    fn left_over(&self, missing: &[&Expected], left: &[&Request], made: &Made) -> Vec<Diagnostic> {
        if let ([expected], [request]) = (missing, left) {
            let message = format!("expected `{}`, found `{}`", expected.to, request.to);
            return vec![self.failed(&expected.place.key("to"), message)];
        }
        let mut problems: Vec<Diagnostic> = missing.iter().map(|expected| self.not_made(expected, made)).collect();
        // One condition may keep several requests from being made.
        problems.dedup_by(|next, first| next.message == first.message && next.place() == first.place());
        if !left.is_empty() {
            let more: Vec<&str> = left.iter().map(|request| &*request.to).collect();
            let message = format!("made a request that is not expected: `{}`", more.join("`, `"));
            let help = "add it under `expect:`, or keep the route from making it with `when:`";
            problems.push(self.failed(&self.place.key("expect").on_key(), message).help(help));
        }
        problems
    }

    /// A request that is expected and was not made, with what kept it from being made.
    fn not_made(&self, expected: &Expected, made: &Made) -> Diagnostic {
        let message = format!("no request to `{}` was made", expected.to);
        if let Some(place) = made.duplicates.first() {
            let label = match made.duplicates.len() {
                1 => "an event of the sample has the same identity as one before it".to_owned(),
                n => format!("{n} events of the sample have the same identity as one before them"),
            };
            let help =
                "the same identity twice is one event, and only the first sends; take the identity from what differs";
            let diagnostic = self.failed(place, message).found(label);
            return diagnostic.also(expected.place.key("to"), "a request is expected here").help(help);
        }
        match self.reason(expected, made) {
            Some(reason) => self.withheld(expected, reason),
            None => self.failed(&expected.place.key("to"), message),
        }
    }

    fn reason<'m>(&self, expected: &Expected, made: &'m Made) -> Option<&'m Reason> {
        made.reasons.iter().find(|reason| reason.to.as_ref().is_none_or(|to| *to == expected.to))
    }

    /// The line to mend is the condition's, unless the test expects what should not come.
    fn withheld(&self, expected: &Expected, reason: &Reason) -> Diagnostic {
        let (key, what) = match &reason.to {
            None => ("match", "the route does not take the sample".to_owned()),
            Some(to) => ("when", format!("no request to `{to}` is made")),
        };
        let message = match reason.place.on {
            On::Key => format!("test `{}`: {what}: it is a fallback, and has no turn", self.name),
            _ => format!("test `{}`: {what}: this `{key}` is not true", self.name),
        };
        Diagnostic::new(Code::TestFailed, reason.place.clone(), message)
            .also(expected.place.key("to"), "a request is expected here")
            .help_opt(reason.saw.clone())
    }
}

/// What a sample came to.
#[derive(Default)]
struct Made {
    requests: Vec<Request>,
    /// The calls before them, and those of chains.
    steps: Vec<Request>,
    /// Which of the calls are those of a chain.
    chains: Vec<Chain>,
    /// Conditions that did not hold.
    reasons: Vec<Reason>,
    /// The identities of the events so far.
    identities: BTreeSet<String>,
    /// Where the identity is written, for each event that was left out because of it.
    duplicates: Vec<Place>,
}

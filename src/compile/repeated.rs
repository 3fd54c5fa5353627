//! What would be sent twice, and events that differ and count as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use super::sample::Samples;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::event::Event;
use crate::pack::Body;
use crate::pipeline::{self, Prepared, RouteResult};
use crate::route::{Placed, Route, RouteSet, Send};
use crate::template::{self, Template};
use crate::value::Value;

/// A field by which a provider knows a repetition, as a delivery gives it.
struct Key<'r> {
    send: &'r Send,
    field: &'r str,
    template: &'r Template,
    place: &'r Place,
}

/// One event of a sample, as a route takes it.
struct Taken<'e> {
    file: &'e Arc<str>,
    payload: &'e Value,
    identity: Option<String>,
    /// The fields by which the provider knows a repetition, by the number of the delivery.
    keys: Vec<Option<Value>>,
}

impl Compiler<'_> {
    pub(super) fn check_repeated(&mut self, samples: &Samples, set: &RouteSet) {
        for route in set.all_routes() {
            self.check_parts(route, set);
            self.check_keys(route, set);
            self.check_sends(route);
            if !samples.untold.contains(&route.name) {
                self.check_events(route, samples.events_of(&route.source), set);
            }
        }
        for routes in set.routes.values() {
            for (at, route) in routes.iter().enumerate() {
                routes.iter().take(at).for_each(|first| self.check_copy(first, route));
                self.check_for_rest(route, routes, samples.events_of(&route.source), set);
            }
        }
    }

    /// An identity of the whole request, where each part of it is an event.
    fn check_parts(&mut self, route: &Route, set: &RouteSet) {
        let is_split = set.sources.get(&route.source).is_some_and(|source| source.split.is_some());
        let own = route.identity.as_ref().filter(|identity| !identity.place.file.starts_with("schemas/"));
        // A condition on one kind of part may leave one of each request.
        let is_any = is_split && !asks_for_one(route.matcher.as_ref());
        let Some(identity) = own.filter(|identity| is_any && is_of_whole(&identity.template)) else { return };
        let message = "all parts of one request have this identity: only the first of them sends";
        let help = "after `split`, take it from the part, which is `payload`: add what tells one from another";
        self.same_identity(Diagnostic::new(Code::SameIdentity, identity.place.clone(), message).help(help));
    }

    fn same_identity(&mut self, problem: Diagnostic) {
        let place = problem.place().cloned();
        let is_told = |known: &Diagnostic| {
            matches!(known.code, Code::SameIdentity | Code::TestFailed)
                && known.labels.iter().any(|label| Some(&label.place) == place.as_ref())
        };
        if !self.problems.iter().any(is_told) {
            self.report(problem);
        }
    }

    /// The field by which the provider knows a repetition, where it is the same in two requests.
    fn check_keys(&mut self, route: &Route, set: &RouteSet) {
        let is_split = set.sources.get(&route.source).is_some_and(|source| source.split.is_some());
        let keys: Vec<Key<'_>> = route.sends.iter().filter_map(key_of).collect();
        for (at, key) in keys.iter().enumerate() {
            let is_same =
                |first: &&Key<'_>| first.template.text() == key.template.text() && first.send.to == key.send.to;
            let is_whole = is_split && is_of_whole(key.template);
            let both = |first: &&Key<'_>| !is_apart(first.send, key.send) || is_whole;
            let first = keys.iter().take(at).filter(is_same).find(both);
            // What keeps parts out may leave one of each request.
            let takes_any = route.matcher.is_none() && key.send.when.is_none();
            if first.is_none() && !(is_whole && takes_any) {
                continue;
            }
            let provider = &key.send.connection.pack.title;
            let message = match first {
                Some(_) => format!(
                    "`{}` is the same as in the delivery before: {provider} takes the second for a repetition",
                    key.field
                ),
                None => format!(
                    "`{}` is the same for all parts of one request: {provider} takes the second for a repetition",
                    key.field
                ),
            };
            let problem = Diagnostic::new(Code::SameIdentity, key.place.clone(), message);
            let problem = problem.help("add what tells one message from the other");
            self.report(match first {
                Some(first) => problem.also(first.place.clone(), "the same here"),
                None => problem,
            });
        }
    }

    /// A delivery that stands twice in a route.
    fn check_sends(&mut self, route: &Route) {
        for (at, send) in route.sends.iter().enumerate() {
            let Some(first) = route.sends.iter().take(at).find(|first| is_same_send(first, send)) else { continue };
            let place = send.draft.place.key("to");
            let problem = Diagnostic::new(Code::SentTwice, place, "this delivery is the same as one before it");
            let file = &route.place.file;
            // A test that finds one request too many says the same.
            let is_extra = |known: &Diagnostic| {
                known.code == Code::TestFailed
                    && known.message.contains("made a request that is not expected")
                    && known.place().is_some_and(|place| place.file == *file)
            };
            self.problems.retain(|known| !is_extra(known));
            let help = "remove one of the two, or say with `when:` which of them is for which events";
            self.report(problem.also(first.draft.place.key("to"), "the first one").help(help));
        }
    }

    /// A route that takes what another one takes, and sends the same.
    fn check_copy(&mut self, first: &Route, second: &Route) {
        let condition = |route: &Route| route.matcher.as_ref().map(|matcher| matcher.template.text().trim().to_owned());
        let paths = |route: &Route| -> Vec<(Arc<str>, Vec<String>)> {
            let of =
                |paths: &[(crate::path::Path, Place)]| paths.iter().map(|(path, _)| path.text().to_owned()).collect();
            route.extracts.iter().map(|extract| (extract.name.clone(), of(&extract.paths))).collect()
        };
        let is_same = condition(first) == condition(second)
            && first.fallback == second.fallback
            && paths(first) == paths(second)
            && first.sends.iter().any(|send| second.sends.iter().any(|other| is_same_send(send, other)));
        // A copy has the longer name: `route (1)`, `route-copy`.
        let (first, second) = if first.name.len() > second.name.len() { (second, first) } else { (first, second) };
        if is_same {
            let message = format!(
                "this route takes the events that `{}` takes, and sends the same: it is sent twice",
                first.name
            );
            let place = second.place.key("source").on_key();
            let problem = Diagnostic::new(Code::SentTwice, place, message);
            let help = "delete one of the two files, or change what this one takes";
            self.report(problem.also(first.place.key("source").on_key(), "the other route").help(help));
        }
    }

    /// A route without a condition beside one that takes the same event, and calls the same operation.
    fn check_for_rest(
        &mut self,
        route: &Arc<Route>,
        routes: &[Arc<Route>],
        events: &[(Arc<str>, Event)],
        set: &RouteSet,
    ) {
        if route.matcher.is_some() || route.fallback {
            return;
        }
        let calls = |other: &Route| {
            other.sends.iter().any(|send| route.sends.iter().any(|own| last_call(own) == last_call(send)))
        };
        let others = routes.iter().filter(|other| other.matcher.is_some() && calls(other));
        let found = others.into_iter().find_map(|other| {
            let both = |event: &Event| sends(set, other, event) && sends(set, route, event);
            let (file, _) = events.iter().find(|(_, event)| both(event))?;
            Some((other, file))
        });
        if let Some((other, file)) = found {
            let message = format!("this route has no `match`, and takes `{file}` beside `{}`: both send", other.name);
            let problem = Diagnostic::new(Code::SentTwice, route.place.key("source").on_key(), message);
            let help = "if it is for what no other route takes, add `fallback: true`";
            self.report(problem.also(other.place.key("match").on_key(), "it is taken here as well").help(help));
        }
    }

    /// Events of the samples that differ, and that count as one.
    fn check_events(&mut self, route: &Arc<Route>, events: &[(Arc<str>, Event)], set: &RouteSet) {
        let taken: Vec<Taken<'_>> = events.iter().filter_map(|(file, event)| taken(set, route, file, event)).collect();
        let pairs = || {
            taken.iter().enumerate().flat_map(|(at, second)| taken.iter().take(at).map(move |first| (first, second)))
        };
        let own = route.identity.as_ref().filter(|identity| !identity.place.file.starts_with("schemas/"));
        let is_one =
            |(first, second): &(&Taken<'_>, &Taken<'_>)| first.identity.is_some() && first.identity == second.identity;
        let same = pairs().filter(is_one).find_map(|(first, second)| Some((first, second, differing(first, second)?)));
        if let (Some(identity), Some((first, second, field))) = (own, same) {
            let message = match first.file == second.file {
                true => format!(
                    "events of `{}` differ and have the same identity: only the first of them sends",
                    first.file
                ),
                false => {
                    format!(
                        "`{}` and `{}` differ and have the same identity: the second would send nothing",
                        first.file, second.file
                    )
                }
            };
            let help = format!("they differ in `{field}`: take the identity from that, or add it");
            self.same_identity(Diagnostic::new(Code::SameIdentity, identity.place.clone(), message).help(help));
        }
        for (number, send) in route.sends.iter().enumerate() {
            let Some(key) = key_of(send) else { continue };
            let value = |taken: &Taken<'_>| taken.keys.get(number).cloned().flatten();
            let is_one = |(first, second): &(&Taken<'_>, &Taken<'_>)| {
                let is_other =
                    first.identity.is_some() && second.identity.is_some() && first.identity != second.identity;
                is_other && value(first).is_some() && value(first) == value(second)
            };
            if let (Some((first, second)), Some(identity)) = (pairs().find(is_one), &route.identity) {
                let provider = &send.connection.pack.title;
                let message = format!(
                    "`{}` and `{}` make the same `{}`: {provider} would take the second for a repetition",
                    first.file, second.file, key.field
                );
                let help = format!("add what the identity of the event is made of: `{}`", identity.template.text());
                self.same_identity(Diagnostic::new(Code::SameIdentity, key.place.clone(), message).help(help));
            }
        }
    }
}

/// Whether a template takes nothing from the part of a request that an event is.
fn is_of_whole(template: &Template) -> bool {
    let of_whole = |name: &str| matches!(name, "envelope" | "request" | "vars" | "connection");
    !template.uses().is_empty() && template.uses().iter().all(|used| of_whole(&used.name))
}

fn key_of(send: &Send) -> Option<Key<'_>> {
    let field = send.operation.idempotency.field()?;
    let Some(Body::Object(fields)) = &send.draft.body else { return None };
    match fields.iter().find(|(name, _)| &**name == field) {
        Some((_, Body::Template { template, place })) => Some(Key { send, field, template, place }),
        _ => None,
    }
}

/// Whether a condition asks for one kind of event alone.
fn asks_for_one(matcher: Option<&Placed>) -> bool {
    let words = matcher.map(|matcher| matcher.template.words()).unwrap_or_default();
    words.iter().filter(|word| !word.is_excluded).count() == 1
}

/// The call of a delivery; of a chain, the last.
fn last_call(send: &Send) -> (&str, &str) {
    let last = send.operation.chain.last().map_or(&send.operation.name, |step| &step.operation.name);
    (&send.connection.name, last)
}

/// Whether the conditions of two deliveries keep them apart.
fn is_apart(first: &Send, second: &Send) -> bool {
    match (&first.when, &second.when) {
        (Some(first), Some(second)) => template::exclude(&first.template, &second.template),
        _ => false,
    }
}

fn is_same_send(first: &Send, second: &Send) -> bool {
    let condition = |send: &Send| send.when.as_ref().map(|when| when.template.text().trim().to_owned());
    let named = |a: &[(Arc<str>, Body)], b: &[(Arc<str>, Body)]| {
        a.len() == b.len() && a.iter().zip(b).all(|((one, a), (other, b))| one == other && is_same(a, b))
    };
    let (a, b) = (&first.draft, &second.draft);
    first.to == second.to
        && condition(first) == condition(second)
        && first.steps.len() == second.steps.len()
        && first.steps.is_empty()
        && named(&a.params, &b.params)
        && named(&a.query, &b.query)
        && named(&a.headers, &b.headers)
        && match (&a.body, &b.body) {
            (Some(a), Some(b)) => is_same(a, b),
            (None, None) => true,
            _ => false,
        }
}

fn is_same(a: &Body, b: &Body) -> bool {
    match (a, b) {
        (Body::Value(a), Body::Value(b)) => a == b,
        (Body::Template { template: a, .. }, Body::Template { template: b, .. }) => a.text() == b.text(),
        (Body::Array(a), Body::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Body::Object(a), Body::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((one, a), (other, b))| one == other && is_same(a, b))
        }
        _ => false,
    }
}

/// Whether a route takes an event, and sends something for it.
fn sends(set: &RouteSet, route: &Arc<Route>, event: &Event) -> bool {
    match pipeline::run_one(set, route, event).result {
        RouteResult::Taken(taken) => taken.sends.iter().any(|send| !matches!(send, Prepared::Skipped)),
        _ => false,
    }
}

fn taken<'e>(set: &RouteSet, route: &Arc<Route>, file: &'e Arc<str>, event: &'e Event) -> Option<Taken<'e>> {
    let RouteResult::Taken(taken) = pipeline::run_one(set, route, event).result else { return None };
    let key = |(send, prepared): (&Send, &Prepared)| match prepared {
        Prepared::Ready(request) => request.body.as_ref()?.get(send.operation.idempotency.field()?).cloned(),
        _ => None,
    };
    let keys = route.sends.iter().zip(&taken.sends).map(key).collect();
    Some(Taken { file, payload: &event.payload, identity: taken.identity, keys })
}

/// The field by which two events are told apart: on the first level that has fields which name the event, all of them
/// differ. A request that was sent again has the same.
fn differing(first: &Taken<'_>, second: &Taken<'_>) -> Option<String> {
    let (a, b) = (ids(first.payload), ids(second.payload));
    let least = a.keys().map(|name| name.matches('.').count()).min()?;
    let mut level = a.iter().filter(|(name, _)| name.matches('.').count() == least).peekable();
    let found = level.peek().map(|(name, _)| (*name).clone());
    let all_differ = level.all(|(name, value)| b.get(name).is_some_and(|other| other != value));
    found.filter(|_| all_differ)
}

/// The fields of a payload, down to the third level, that name the thing or the event that they belong to.
fn ids(payload: &Value) -> BTreeMap<String, &Value> {
    const LEVELS: usize = 3;
    let mut found = BTreeMap::new();
    let mut open = vec![("payload".to_owned(), payload, 0)];
    while let Some((path, value, depth)) = open.pop() {
        for (key, value) in value.as_object().into_iter().flat_map(|object| object.iter()) {
            let name = format!("{path}.{key}");
            match value {
                Value::String(_) | Value::Number(_) if is_id(key) => drop(found.insert(name, value)),
                Value::Object(_) if depth + 1 < LEVELS => open.push((name, value, depth + 1)),
                _ => {}
            }
        }
    }
    found
}

/// Whether a field has the name of its event: `id`, `number`, `responseId`. What ends so and belongs to another thing,
/// such as `account_id`, is the same in all events, and then nothing is said.
fn is_id(key: &str) -> bool {
    let lower = key.to_lowercase();
    matches!(&*lower, "id" | "uuid" | "guid" | "number" | "uid") || key.ends_with("Id") || lower.ends_with("_id")
}

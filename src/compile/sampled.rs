//! Conditions against the values of samples: a text where a number is asked for, and a word that no sample has.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::Compiler;
use super::extract::converted;
use super::sample::templates;
use crate::diagnostic::{Code, Diagnostic, Place, Severity, suggest};
use crate::extract::{Conversion, Extract};
use crate::path::{Location, Path, Step};
use crate::route::{Route, RouteSet};
use crate::template::{Misfit, Template, Word};
use crate::types::{Kinds, Presence, Type};
use crate::value::Value;

/// How many values of a path are looked at.
const SEEN: usize = 100;

/// What the samples of a route say of its names.
struct Sampled<'s> {
    route: &'s Route,
    payloads: &'s [&'s Value],
}

/// A name or a field as it is written, and its values in the samples.
struct Seen<'s> {
    written: String,
    /// The extract that gives it; none for a field of the payload.
    extract: Option<&'s Extract>,
    values: Vec<&'s Value>,
}

impl Compiler<'_> {
    /// Comparisons that can't be meant with what the samples have. A value of another event may be of another type.
    pub(super) fn check_compared(&mut self, route: &Route, payloads: &[&Value], set: &RouteSet) {
        let sampled = Sampled { route, payloads };
        for (template, place) in templates(route) {
            let names = |name: &str, fields: &[Arc<str>]| sampled.type_of(name, fields);
            for misfit in template.infer(&names).compared {
                if let Some(seen) = sampled.within(template, &misfit.range) {
                    self.compared_otherwise(&misfit, &seen, place);
                }
            }
            for word in template.words() {
                self.check_word(&word, &sampled, place, set);
            }
        }
    }

    fn compared_otherwise(&mut self, misfit: &Misfit, seen: &Seen<'_>, place: &Place) {
        if self.has_unread_conversion(seen) {
            return;
        }
        let help = if misfit.message.contains("can't be compared") { seen.as_number() } else { None };
        let help = help.or_else(|| misfit.help.clone());
        let at = place.part(misfit.range.clone());
        // A test that failed at this has shown it, and not what to write.
        if let Some(problem) = self.failed_at(place) {
            let told = problem.help.take().filter(|_| problem.code == Code::TestFailed);
            problem.labels.iter_mut().take(1).for_each(|label| label.place = at.clone());
            problem.help = [told, help].into_iter().flatten().reduce(|told, help| format!("{told}; {help}"));
            return;
        }
        if self.problems.iter().any(|problem| problem.place() == Some(&at)) {
            return;
        }
        let message = format!("{}: in the samples `{}` is {}", misfit.message, seen.written, seen.kinds().words());
        let mut problem = Diagnostic::new(Code::WrongValue, at, message).help_opt(help);
        problem.severity = Severity::Warning;
        self.report(problem);
    }

    /// Whether it is not known what the value becomes: its `as` has an error of its own.
    fn has_unread_conversion(&self, seen: &Seen<'_>) -> bool {
        let Some(extract) = seen.extract else { return false };
        let written = extract.place.path.key("as");
        let is_it = |at: &Place| at.file == extract.place.file && at.path == written;
        self.problems.iter().any(|problem| problem.is_error() && problem.place().is_some_and(is_it))
    }

    /// A failed test that is told at this template.
    fn failed_at(&mut self, place: &Place) -> Option<&mut Diagnostic> {
        let is_here = |problem: &Diagnostic| {
            matches!(problem.code, Code::TestFailed | Code::TemplateFailed)
                && problem.is_error()
                && problem.place().is_some_and(|at| at.file == place.file && at.path == place.path)
        };
        self.problems.iter_mut().find(|problem| is_here(problem))
    }

    /// A word that no sample has, where one has almost the same.
    fn check_word(&mut self, word: &Word, sampled: &Sampled<'_>, place: &Place, set: &RouteSet) {
        let Some(seen) = sampled.seen(&word.name, &word.fields) else { return };
        let texts: BTreeSet<&str> = seen.values.iter().filter_map(|value| value.as_str()).collect();
        if texts.is_empty() || texts.contains(&*word.text) || word.text.trim().is_empty() {
            return;
        }
        let known = words_of(sampled.route, set);
        let near = texts.into_iter().find(|text| suggest::is_slip(&word.text, text) && !known.contains(*text));
        let Some(near) = near else { return };
        let at = place.part(word.range.clone());
        let help = format!("the samples have `{near}`: did you mean `'{near}'`?");
        if let Some(problem) = self.failed_at(place).filter(|problem| problem.code == Code::TestFailed) {
            problem.labels.iter_mut().take(1).for_each(|label| label.place = at.clone());
            problem.help = Some(help);
            problem.shows_sample = true;
            return;
        }
        let message = format!("no sample of this route has `{}` as `{}`", word.text, seen.written);
        self.report(Diagnostic::new(Code::NotInSamples, at, message).help(help).shows_sample());
    }
}

/// The texts with which the routes of a source compare something: each of them is meant.
fn words_of(route: &Route, set: &RouteSet) -> BTreeSet<String> {
    let routes = set.routes.get(&route.source).into_iter().flatten();
    let all = routes.flat_map(|route| templates(route)).flat_map(|(template, _)| template.words());
    all.map(|word| word.text).collect()
}

impl<'s> Sampled<'s> {
    /// What the samples have under a name that nothing is made of; nothing where they have no value.
    fn seen(&self, name: &str, fields: &[Arc<str>]) -> Option<Seen<'s>> {
        let values_of =
            |path: &Path| self.payloads.iter().flat_map(|payload| path.all(payload, SEEN)).collect::<Vec<_>>();
        let seen = match (name, fields) {
            ("payload", [_, ..]) => {
                let text = Location(fields.iter().cloned().map(Step::Key).collect()).to_string();
                let values = values_of(&Path::parse(&text).ok()?);
                Seen { written: text.replacen('$', "payload", 1), extract: None, values }
            }
            (name, []) => {
                let extract = self.route.extracts.iter().find(|extract| &*extract.name == name)?;
                let is_plain = extract.conversion == Conversion::None && extract.map.is_none() && !extract.all;
                let mut values: Vec<&Value> = extract.paths.iter().flat_map(|(path, _)| values_of(path)).collect();
                values.extend(extract.default.iter().map(|_| &Value::Null));
                if !is_plain || extract.pattern.is_some() || extract.default.is_some() {
                    return None;
                }
                Seen { written: name.to_owned(), extract: Some(extract), values }
            }
            _ => return None,
        };
        (!seen.kinds().is_empty()).then_some(seen)
    }

    fn type_of(&self, name: &str, fields: &[Arc<str>]) -> Type {
        let numbers = Kinds::NUMBER | Kinds::BOOLEAN;
        match self.seen(name, fields) {
            Some(seen) if !(seen.kinds().meets(Kinds::TEXT) && seen.kinds().meets(numbers)) => {
                Type::certain(seen.kinds()).with_presence(Presence::Unknown)
            }
            Some(_) => Type::unknown(),
            None => self.made(name, fields).unwrap_or_else(Type::unknown),
        }
    }

    /// The type of a name that something is made of.
    fn made(&self, name: &str, fields: &[Arc<str>]) -> Option<Type> {
        let extract = self.route.extracts.iter().find(|extract| &*extract.name == name && fields.is_empty())?;
        let is_one = extract.map.is_none() && !extract.all && extract.default.is_none();
        is_one.then(|| converted(extract.conversion).with_presence(Presence::Unknown))
    }

    /// The name within a comparison that the samples tell of.
    fn within(&self, template: &Template, range: &Range<usize>) -> Option<Seen<'s>> {
        let is_in = |at: &Range<usize>| range.start <= at.start && at.end <= range.end;
        template.uses().iter().filter(|used| is_in(&used.range)).find_map(|used| self.seen(&used.name, &used.fields))
    }
}

impl Seen<'_> {
    fn kinds(&self) -> Kinds {
        self.values.iter().fold(Kinds::NONE, |kinds, value| kinds | Kinds::of(value)) - Kinds::NULL
    }

    /// How a text becomes the number that it is written as.
    fn as_number(&self) -> Option<String> {
        let texts: Vec<&str> = self.values.iter().filter_map(|value| value.as_str()).map(str::trim).collect();
        if self.kinds() != Kinds::TEXT || texts.iter().any(|text| text.parse::<f64>().is_err()) {
            return None;
        }
        let is_whole = texts.iter().all(|text| text.parse::<i64>().is_ok());
        Some(match self.extract.and_then(|extract| Some((extract, extract.paths.first()?))) {
            Some((extract, (path, _))) => {
                let word = if is_whole { "integer" } else { "number" };
                let mark = if extract.optional { "?" } else { "" };
                format!("say that it is a number: `{}{mark}: {{ path: {}, as: {word} }}`", extract.name, path.text())
            }
            None => format!("make it a number: `{} | {}`", self.written, if is_whole { "int" } else { "float" }),
        })
    }
}

//! Names that nothing gives: what was meant, by the fields of the samples and by the names that nothing uses.

use std::sync::Arc;

use super::Compiler;
use super::extract::bare;
use crate::diagnostic::{Code, Diagnostic, Segment};
use crate::event::capture;
use crate::path::Path;
use crate::route::RouteSet;
use crate::test_case::{self, TestCase};
use crate::value::Value;

/// How many values of a payload are looked at.
const SEEN: usize = 2_000;

impl Compiler<'_> {
    /// Where the help for an unknown name could only say what to do in general, says what to write.
    pub(super) fn name_missed(&mut self, set: &RouteSet, tests: &[&TestCase]) {
        let told: Vec<(usize, String)> = (0..)
            .zip(&self.problems)
            .filter_map(|(index, problem)| Some((index, self.meant_name(problem, set, tests)?)))
            .collect();
        for (index, help) in told {
            self.problems.get_mut(index).into_iter().for_each(|problem| problem.help = Some(help.clone()));
        }
    }

    fn meant_name(&self, problem: &Diagnostic, set: &RouteSet, tests: &[&TestCase]) -> Option<String> {
        let is_general = ["extract it first", "write where it stands in the payload", "if it is text"];
        let help = problem.help.as_deref().filter(|help| is_general.iter().any(|begin| help.starts_with(begin)))?;
        let name = problem.message.strip_prefix("nothing gives the name `")?.strip_suffix('`')?;
        let place = problem.place().filter(|_| problem.code == Code::UnknownName)?;
        let early = matches!(place.path.segments().first(), Some(Segment::Key(key)) if &**key == "match");
        if let Some(unused) = self.unused_like(name, &place.file).filter(|_| !early) {
            return Some(format!("did you mean `{unused}`, which is extracted and used nowhere?"));
        }
        let path = self.in_samples(name, &place.file, set, tests)?;
        let text = if help.starts_with("if it is text") {
            format!("; if it is text, put it in quotes: `'{name}'`")
        } else {
            String::new()
        };
        Some(match early {
            true => format!("the sample has it in the payload: write `{}`{text}", path.replacen('$', "payload", 1)),
            false => format!("extract it first: under `extract:` write `{name}: {path}`{text}"),
        })
    }

    /// The one extracted name that nothing uses, where it is written nearly like this one.
    fn unused_like(&self, name: &str, file: &str) -> Option<String> {
        let document = self.documents.0.get(file)?;
        let entries = document.root.as_ref()?.get("extract")?.as_map()?;
        let names = || entries.iter().map(|entry| bare(&entry.key.name));
        let count = |name: &str| {
            let words = document.text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            words.filter(|word| *word == name).count()
        };
        let is_near = |other: &&str| {
            let longest = name.chars().count().max(other.chars().count());
            strsim::damerau_levenshtein(name, other) * 2 < longest
        };
        let mut near = names().filter(|other| is_near(other) && count(other) == 1);
        near.next().filter(|_| near.next().is_none()).map(str::to_owned)
    }

    /// The one place at which the samples of a route have a field of this name.
    fn in_samples(&self, name: &str, file: &str, set: &RouteSet, tests: &[&TestCase]) -> Option<String> {
        let own = file.strip_prefix("routes/")?.strip_suffix(".yaml")?;
        let written = self.documents.0.get(file)?.root.as_ref()?.get("source")?.as_scalar();
        let source = set.sources.get(written.map_or(own, |named| &*named.text))?;
        let of_tests = tests.iter().filter(|test| *test.route == *own).map(|test| &test.request);
        let all: Vec<&Arc<str>> = of_tests.chain(&self.input.samples).collect();
        let events = all.into_iter().filter_map(|sample| {
            let raw = capture::parse(&(self.input.read)(sample)?).ok()?;
            test_case::events(set, source, raw, self.input.now).ok()
        });
        let any = Path::parse(&format!("$..['{name}']")).ok()?;
        let is_value = |value: &Value| !matches!(value, Value::Null | Value::Object(_) | Value::Array(_));
        events.flatten().find_map(|event| {
            let found = any.select(&event.payload, SEEN);
            let mut found = found.into_iter().filter(|(_, value)| is_value(value));
            found.next().filter(|_| found.next().is_none()).map(|(at, _)| at.to_string())
        })
    }
}

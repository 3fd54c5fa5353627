//! What fails in a test because of a line elsewhere: the problem is told at the line to mend.

use super::Compiler;
use super::sample::{Samples, of_payload, templates};
use crate::diagnostic::{Code, Diagnostic, Label, Place, Severity};
use crate::extract::{Conversion, Extract};
use crate::path::{self, Location, Path, Step};
use crate::route::Route;
use crate::value::Value;

/// How many values of a payload are looked at.
const SEEN: usize = 2_000;
/// Shorter values stand in a text by chance.
const SHORTEST: usize = 3;

impl Compiler<'_> {
    /// A test that fails because an optional name finds nothing is told at the path, where the sample shows what was
    /// meant.
    pub(super) fn blame_path(
        &mut self,
        extract: &Extract,
        path: &Path,
        place: &Place,
        route: &Route,
        samples: &Samples,
    ) -> bool {
        let payloads = samples.of(route);
        let of_name = |template: &crate::template::Template| template.uses().iter().any(|u| u.name == extract.name);
        let found = templates(route);
        let places: Vec<&Place> = found.iter().filter(|(template, _)| of_name(template)).map(|(_, at)| *at).collect();
        let likely = payloads.iter().find_map(|payload| meant(payload, path, extract));
        let cause = |problem: &Diagnostic| {
            let at = problem.place().filter(|_| problem.code == Code::TestFailed)?;
            match places.contains(&at) {
                true => likely.clone(),
                false if at.file == route.place.file && !places.is_empty() => expected_at(at, samples, &payloads),
                false => None,
            }
        };
        let told = self.problems.iter().enumerate().find_map(|(index, problem)| Some((index, cause(problem)?)));
        let Some((index, meant)) = told else { return false };
        // Other events of the sample fail at the same path.
        let also: Vec<bool> = self.problems.iter().map(|problem| cause(problem).is_some()).collect();
        if let Some(problem) = self.problems.get_mut(index) {
            problem
                .labels
                .insert(0, Label { place: place.clone(), text: "this path finds nothing in the sample".into() });
            problem.message = format!("`{}` is absent: {}", extract.name, problem.message);
            problem.help = Some(format!("did you mean `{meant}`?"));
        }
        let mut at = 0..;
        self.problems.retain(|_| at.next().is_none_or(|at| at == index || !also.get(at).copied().unwrap_or(false)));
        true
    }

    /// An optional path whose last name stands at another level of the sample, where the route takes nothing from.
    pub(super) fn check_moved(
        &mut self,
        extract: &Extract,
        path: &Path,
        place: &Place,
        route: &Route,
        payloads: &[&Value],
    ) {
        if self.problems.iter().any(|problem| problem.place() == Some(place)) {
            return;
        }
        // A path that can't be read may be the one that takes what is found here.
        let is_unread = |problem: &Diagnostic| {
            problem.code == Code::InvalidPath && problem.place().is_some_and(|at| at.file == place.file)
        };
        if self.problems.iter().any(is_unread) {
            return;
        }
        let found = payloads.iter().find_map(|payload| beside(payload, path, extract).or_else(|| moved(payload, path)));
        let Some(moved) = found else { return };
        let is_taken = |other: &Path| {
            payloads.iter().any(|payload| other.select(payload, 100).iter().any(|(at, _)| at.to_string() == moved))
        };
        let of_extracts = route.extracts.iter().flat_map(|extract| &extract.paths).any(|(other, _)| is_taken(other));
        let uses = templates(route).into_iter().flat_map(|(template, _)| template.uses());
        if of_extracts || uses.filter_map(of_payload).any(|(_, other)| is_taken(&other)) {
            return;
        }
        let message = format!("no sample of this route has `{}`", path.text());
        let help = format!("the samples have `{moved}`: write that, if it is what you mean");
        self.report(Diagnostic::new(Code::NotInSamples, place.clone(), message).help(help));
    }

    /// A number as people write it, without its country: it would be read as one of another country, or refused.
    pub(super) fn check_phone_country(&mut self, extract: &Extract, payloads: &[&Value]) {
        if extract.conversion != Conversion::Phone || extract.region.is_some() {
            return;
        }
        let is_local = |value: &Value| {
            value.as_str().map(str::trim).is_some_and(|text| {
                text.starts_with(|c: char| c == '(' || c.is_ascii_digit())
                    && !text.starts_with("00")
                    && (text.starts_with(['0', '(']) || text.contains(['-', '(', ' ']))
            })
        };
        for (path, place) in &extract.paths {
            // What is wrong beside the path may be the region.
            let beside = place.path.split_last().map_or(&place.path, |(above, _)| above);
            let is_near = |at: &Place| at.file == place.file && at.path.is_within(beside);
            let is_told = self.problems.iter().any(|problem| problem.place().is_some_and(is_near));
            let is_here = payloads.iter().any(|payload| path.all(payload, 100).into_iter().any(is_local));
            if is_here && !is_told {
                let message = format!("`{}` is written without its country in a sample", extract.name);
                let mut problem = Diagnostic::new(Code::UnfitValue, place.clone(), message);
                problem.severity = Severity::Warning;
                self.report(problem.help("say which country such numbers are of: `as: phone, region: BR`"));
            }
        }
    }
}

/// What a path that finds nothing was meant to be.
fn meant(payload: &Value, path: &Path, extract: &Extract) -> Option<String> {
    path::meant(payload, path).or_else(|| beside(payload, path, extract)).or_else(|| moved(payload, path))
}

/// Where the last name of a path stands elsewhere. The place of an item says nothing of the items that a filter asks for.
fn moved(payload: &Value, path: &Path) -> Option<String> {
    let is_filter = path.text().contains("[?");
    path::moved(payload, path).filter(|moved| !is_filter || !moved.contains('['))
}

/// The field that has the very name of the extract, where the path asks for another one that is not there.
fn beside(payload: &Value, path: &Path, extract: &Extract) -> Option<String> {
    let mut steps = path.steps()?;
    *steps.last_mut()? = Step::Key(extract.name.clone());
    let named = Path::parse(&Location(steps).to_string()).ok()?;
    named.first(payload)?;
    Some(named.text().to_owned())
}

/// Where a payload has what a test expects here, and the request lacks.
fn expected_at(place: &Place, samples: &Samples, payloads: &[&Value]) -> Option<String> {
    let difference = samples.differences.iter().find(|difference| difference.place == *place)?;
    let expected = difference.expected.as_ref()?.as_str()?;
    let found = difference.found.as_ref().and_then(Value::as_str).unwrap_or_default();
    let all = Path::parse("$..*").ok()?;
    let is_lacking = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.chars().count() >= SHORTEST && expected.contains(text) && !found.contains(text))
    };
    let lacking = payloads.iter().flat_map(|payload| all.select(payload, SEEN));
    lacking.into_iter().find(|(_, value)| is_lacking(value)).map(|(at, _)| at.to_string())
}

//! Names that may be absent, where several problems have one line to mend.

use std::sync::Arc;

use super::Compiler;
use super::extract::bare;
use super::template::Reach;
use crate::config::step::Step;
use crate::diagnostic::{Code, Diagnostic, Fix, Label, On, Place, suggest};
use crate::template::Template;

impl Compiler<'_> {
    /// A step that makes a name only where the name is there already: `when:` stands for `unless:`.
    pub(super) fn blame_turned(&mut self, steps: &[Step], before: usize) {
        for step in steps {
            let Some(when) = &step.when else { continue };
            let Ok(template) = Template::condition(when) else { continue };
            let demanded = template.demanded();
            let saved = step.save.iter().map(|named| bare(&named.name));
            let Some(name) = saved.into_iter().find(|name| demanded.iter().any(|known| known == name)) else {
                continue;
            };
            let is_of = |problem: &Diagnostic| {
                let place = problem.place().filter(|_| problem.code == Code::OptionalName);
                place.is_some_and(|place| self.has_word(place, name))
            };
            let Some(at) = self.problems.iter().skip(before).position(is_of) else { continue };
            if let Some(problem) = self.problems.get_mut(before + at) {
                let place = when.place.on_key();
                problem.message =
                    format!("`{name}` may be absent: the step that makes it is left out where it is not there yet");
                problem.labels.iter_mut().take(1).for_each(|label| label.text = "it is needed here".to_owned());
                problem.labels.insert(0, Label { place, text: String::new() });
                problem.help =
                    Some("write `unless:` for `when:`: then the step is made where the name is missing".to_owned());
            }
        }
    }

    /// A name that a step saves and nothing uses, nearly that of one that may be absent: that one was meant.
    pub(super) fn blame_misnamed(&mut self, steps: &[Step], before: usize, reach: &Reach) {
        let saved: Vec<_> = steps.iter().flat_map(|step| step.save.iter()).collect();
        let is_used = |name: &str| reach.used.iter().any(|used| **used == *name);
        for named in saved.iter().filter(|named| !is_used(bare(&named.name))) {
            let others = reach.used.iter().filter(|used| saved.iter().any(|other| *bare(&other.name) == ***used));
            let Some(meant) = suggest::nearest(bare(&named.name), others.map(|name| &**name)) else { continue };
            let meant = meant.to_owned();
            let is_of = |problem: &Diagnostic| {
                let place = problem.place().filter(|_| problem.code == Code::OptionalName);
                place.is_some_and(|place| self.has_word(place, &meant))
            };
            let Some(at) = self.problems.iter().skip(before).position(is_of) else { continue };
            let written = &named.name.value;
            let fixed = written.replacen(bare(written), &meant, 1);
            if let Some(problem) = self.problems.get_mut(before + at) {
                let place = named.name.place.clone();
                problem.message = format!("`{}` is saved and never used, and `{meant}` may be absent", bare(written));
                problem.labels.iter_mut().take(1).for_each(|label| label.text = format!("`{meant}` is needed here"));
                problem.labels.insert(0, Label { place: place.clone(), text: String::new() });
                problem.help = Some(format!("did you mean `{meant}`?"));
                problem.fix = Some(Fix { place, replacement: fixed });
            }
        }
    }

    /// One name that several deliveries need is one mistake.
    pub(super) fn merge_optional(&mut self, file: &Arc<str>, names: &[Arc<str>]) {
        let mut kept: Vec<(usize, String, Arc<str>)> = Vec::new();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (index, problem) in self.problems.iter().enumerate() {
            let place = problem.place().filter(|place| problem.code == Code::OptionalName && place.file == *file);
            let (Some(place), Some(help)) = (place, &problem.help) else { continue };
            let Some(name) = names.iter().find(|name| self.has_word(place, name)) else { continue };
            match kept.iter().find(|(_, known, of)| known == help && of == name) {
                Some((first, ..)) if help.contains("make the name required") => merged.push((*first, index)),
                _ => kept.push((index, help.clone(), name.clone())),
            }
        }
        for (first, other) in &merged {
            let label = self.problems.get(*other).and_then(|problem| problem.labels.first().cloned());
            if let (Some(label), Some(problem)) = (label, self.problems.get_mut(*first)) {
                problem.labels.push(Label { text: "and it is needed here".to_owned(), ..label });
            }
        }
        let mut at = 0..;
        self.problems.retain(|_| at.next().is_none_or(|at| !merged.iter().any(|(_, other)| *other == at)));
    }

    /// Whether a name stands in the text at a place.
    fn has_word(&self, place: &Place, name: &str) -> bool {
        let whole = Place { on: On::Value, ..place.clone() };
        let node = self.documents.0.get(&place.file).and_then(|document| document.node(&whole.path));
        let text = node.and_then(|node| node.as_scalar()).map(|scalar| scalar.text.clone()).unwrap_or_default();
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
    }
}

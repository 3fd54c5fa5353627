//! A text that is sent as it is, and is the very name of a value: the braces around it were forgotten.

use std::sync::Arc;

use super::Compiler;
use super::template::Reach;
use crate::diagnostic::{Code, Diagnostic, Place, Segment};
use crate::template::{Template, Use};
use crate::types::Kinds;

impl Compiler<'_> {
    /// Keeps a text of a delivery or a step that is a name in reach.
    pub(super) fn keep_literal(&mut self, text: &str, place: &Place, reach: &Reach) {
        if reach.within.is_none() && text != "connection" && reach.optional(text).is_some() {
            self.literals.push((text.into(), place.clone()));
        }
    }

    /// What was kept since `first`: told where the schema refuses the text, with the problems since `before`, and where it
    /// stands for a field of its own name.
    pub(super) fn check_literals(&mut self, first: usize, before: usize, reach: &mut Reach) {
        let kept: Vec<(Arc<str>, Place)> = self.literals.get(first..).unwrap_or_default().to_vec();
        for (name, place) in kept {
            let is_refusal = |problem: &&mut Diagnostic| {
                problem.code == Code::InvalidBody && problem.place() == Some(&place) && problem.fix.is_none()
            };
            match self.problems.iter_mut().skip(before).find(is_refusal) {
                Some(problem) => problem.help = Some(meant(&name)),
                None if is_of_name(&place, &name) => {
                    let problem = sent_as_text(&name, &place);
                    self.report(problem);
                }
                None => continue,
            }
            reach.used.push(name);
        }
    }

    /// A name that nothing uses, where a text of the same route is that very word.
    pub(super) fn unused_literal(&self, name: &str, file: &str) -> Option<Diagnostic> {
        let (name, place) = self.literals.iter().find(|(known, place)| **known == *name && *place.file == *file)?;
        Some(sent_as_text(name, place))
    }

    /// `Items: {{ items }}`: a list in the middle of a text is written as JSON.
    pub(super) fn check_list_in_text(&mut self, used: &Use, template: &Template, place: &Place, reach: &Reach) {
        let text = template.text();
        let before = text.get(..used.range.start).unwrap_or_default().trim_end();
        let after = text.get(used.range.end..).unwrap_or_default().trim_start();
        let is_alone = before.ends_with("{{") && after.starts_with("}}") && !template.is_whole();
        let is_list = reach.type_of(&used.name, &used.fields).kinds() == Some(Kinds::LIST);
        if is_alone && is_list && reach.within.is_none() {
            let name = text.get(used.range.clone()).unwrap_or(&used.name);
            let message = format!("`{name}` is a list, and stands in the text as `[\"one\",\"two\"]`");
            let diagnostic = Diagnostic::new(Code::LooksLikeTemplate, place.part(used.range.clone()), message);
            self.report(diagnostic.help(format!("write `{{{{ {name} | join(', ') }}}}`")));
        }
    }
}

/// Whether a field has the name that stands in it: `name: name`, `contact_name: name`. A name of several words, as
/// `caller_name`, is hardly a text anywhere.
fn is_of_name(place: &Place, name: &str) -> bool {
    if name.contains('_') {
        return true;
    }
    let Some((_, Segment::Key(key))) = place.path.split_last() else { return false };
    **key == *name || key.strip_suffix(name).is_some_and(|start| start.ends_with('_'))
}

fn meant(name: &str) -> String {
    format!("to send the value of this name, write `\"{{{{ {name} }}}}\"`")
}

fn sent_as_text(name: &str, place: &Place) -> Diagnostic {
    let message = format!("this is the text `{name}`, and not the value that has this name");
    Diagnostic::new(Code::LooksLikeTemplate, place.clone(), message).help(meant(name))
}

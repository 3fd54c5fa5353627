//! What works in a template, and was hardly meant so.

use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, On, Place, Severity};
use crate::template::{Anyway, Misfit};

impl Compiler<'_> {
    pub(super) fn doubt(&mut self, doubt: Misfit, place: &Place) {
        let mut problem =
            Diagnostic::new(Code::WrongValue, place.part(doubt.range), doubt.message).help_opt(doubt.help);
        problem.severity = Severity::Warning;
        self.report(problem);
    }

    /// A part of a condition that asks nothing; whether the rest is good.
    pub(super) fn holds_anyway(&mut self, anyway: Anyway, place: &Place) -> bool {
        match anyway.is_certain {
            true => self.misfit(Code::WrongValue, anyway.misfit, place),
            // What the values of a name are may change, and what is asked of them stays.
            false => self.doubt(anyway.misfit, place),
        }
        !anyway.is_certain
    }

    /// Whether an unknown name is the rest of one before it, `call-id`, of which the same has been said: the place grows.
    pub(super) fn is_rest_of_name(&mut self, help: &str, at: &Place) -> bool {
        let is_same = |problem: &&mut Diagnostic| {
            problem.code == Code::UnknownName
                && problem.help.as_deref() == Some(help)
                && (help.starts_with("`-` is a minus") || help.contains("` subtracts; a name"))
        };
        let On::Part(own) = &at.on else { return false };
        let Some(problem) = self.problems.last_mut().filter(is_same) else { return false };
        let Some(label) = problem.labels.first_mut().filter(|label| label.place.path == at.path) else { return false };
        let On::Part(part) = &label.place.on else { return false };
        if part.end + 1 != own.start {
            return false;
        }
        let whole = part.start..own.end;
        label.place = Place { on: On::Value, ..label.place.clone() }.part(whole);
        problem.fix = None;
        true
    }
}

//! What works in a template, and was hardly meant so.

use super::Reach;
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, On, Place, Severity};
use crate::route::Placed;
use crate::template::{Anyway, Misfit};
use crate::types::Form;

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

    /// An identity that is only of the person: whoever sends twice is taken for a repetition.
    pub(in crate::compile) fn check_personal(&mut self, identity: Option<&Placed>, reach: &Reach) {
        let Some(Placed { template, place }) = identity.filter(|identity| !identity.place.file.starts_with("schemas/"))
        else {
            return;
        };
        let form = |used: &crate::template::Use| reach.type_of(&used.name, &used.fields).form();
        let is_personal = |used| matches!(form(used), Form::Email | Form::Phone);
        if template.uses().is_empty() || !template.uses().iter().all(is_personal) {
            return;
        }
        let what = match template.uses().iter().map(form).next() {
            Some(Form::Email) => "an e-mail address",
            _ => "a phone number",
        };
        let message = format!("the identity is {what}: whoever sends a second time is taken for a repetition");
        let help =
            "take it from an id that the sender gives to each event, or leave `identity` out where the pack has one";
        self.report(Diagnostic::new(Code::SameIdentity, place.clone(), message).help(help));
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

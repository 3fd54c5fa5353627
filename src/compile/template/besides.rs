//! What else is wrong in a template that has a mistake already, where it does not follow from that.

use std::ops::Range;

use super::super::Compiler;
use super::{Kind, Reach};
use crate::diagnostic::{Code, Diagnostic, On, Place, Severity};
use crate::template::Template;
use crate::types::Kinds;

impl Compiler<'_> {
    /// Names that nothing gives, beside filters that there are not.
    pub(super) fn check_names_besides(&mut self, text: &str, place: &Place, kind: Kind, reach: &mut Reach) {
        for used in Template::names_besides(text, kind == Kind::Condition) {
            if reach.optional(&used.name).is_some() {
                reach.used.push(used.name.clone());
            } else if reach.is_base(&used.name) || !reach.is_broken(&used.name) {
                self.check_name(&used, text, place, reach);
            }
        }
    }

    /// What can't work by its types, beside names that nothing gives or that may be absent. Nothing fits where there are such.
    pub(super) fn check_fits_besides(
        &mut self,
        template: &Template,
        place: &Place,
        reach: &Reach,
        before: usize,
    ) -> bool {
        let told: Vec<Range<usize>> = self.problems.iter().skip(before).filter_map(part_of).collect();
        let is_apart =
            |range: &Range<usize>| told.iter().all(|told| told.end <= range.start || range.end <= told.start);
        let inferred = template.infer(&|name, fields| reach.type_of(name, fields));
        for misfit in inferred.misfits.into_iter().filter(|misfit| is_apart(&misfit.range)) {
            self.misfit(Code::WrongValue, misfit, place);
        }
        false
    }
}

impl Compiler<'_> {
    /// `payload.first-name` where `name` is a name, too: it may be subtracted, and hardly is.
    pub(super) fn check_hyphens(&mut self, template: &Template, place: &Place, reach: &Reach) {
        let (uses, text) = (template.uses(), template.text());
        for (left, right) in uses.iter().zip(uses.iter().skip(1)) {
            let is_field = matches!(&*left.name, "payload" | "envelope") && right.fields.is_empty();
            let is_number = reach.type_of(&right.name, &[]).kinds().is_some_and(|kinds| !kinds.meets(Kinds::TEXT));
            if text.get(left.range.end..right.range.start) != Some("-") || !is_field || is_number {
                continue;
            }
            let written = text.get(left.range.clone()).unwrap_or_default();
            let message = format!("this subtracts `{}` from `{written}`", right.name);
            let help = left.fields.last().filter(|field| written.ends_with(&format!(".{field}"))).map(|field| {
                let home = written.trim_end_matches(&**field).trim_end_matches('.');
                format!(
                    "for the field `{field}-{name}` write `{home}['{field}-{name}']`; to subtract, put spaces around the `-`",
                    name = right.name
                )
            });
            let at = place.part(left.range.start..right.range.end);
            let mut diagnostic = Diagnostic::new(Code::InvalidTemplate, at, message).help_opt(help);
            diagnostic.severity = Severity::Warning;
            self.report(diagnostic);
        }
    }
}

/// The part of a template that a problem is about.
fn part_of(problem: &Diagnostic) -> Option<Range<usize>> {
    match &problem.place()?.on {
        On::Part(part) => Some((*part).into()),
        _ => None,
    }
}

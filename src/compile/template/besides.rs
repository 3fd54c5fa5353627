//! What else is wrong in a template that has a mistake already, where it does not follow from that.

use std::ops::Range;

use super::super::Compiler;
use super::{Kind, Reach};
use crate::diagnostic::{Code, Diagnostic, On, Place};
use crate::template::Template;

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
        let is_apart = |range: &Range<usize>| told.iter().all(|told| told.end <= range.start || range.end <= told.start);
        let inferred = template.infer(&|name, fields| reach.type_of(name, fields));
        for misfit in inferred.misfits.into_iter().filter(|misfit| is_apart(&misfit.range)) {
            self.misfit(Code::WrongValue, misfit, place);
        }
        false
    }
}

/// The part of a template that a problem is about.
fn part_of(problem: &Diagnostic) -> Option<Range<usize>> {
    match &problem.place()?.on {
        On::Part(part) => Some((*part).into()),
        _ => None,
    }
}

//! What has been reported already, so that nothing is reported that only follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Compiler, SETTINGS};
use crate::diagnostic::{self, Code, Diagnostic, On, Place, Segment, suggest};

impl Compiler<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Reports that a key of a mapping is missing, unless it is there and could not be read, or misspelled.
    pub(super) fn report_missing(&mut self, mapping: &Place, key: &str, diagnostic: Diagnostic) {
        if self.was_tried(mapping, key) {
            return;
        }
        let written = self.documents.0.get(&mapping.file).and_then(|document| document.node(&mapping.path)?.entry(key));
        match written.map(|entry| entry.value.place.on_key()) {
            Some(place) => {
                let mut diagnostic = diagnostic.found("nothing stands here");
                diagnostic.labels.iter_mut().take(1).for_each(|label| label.place = place.clone());
                self.report(diagnostic);
            }
            None => self.report(diagnostic),
        }
    }

    /// Whether something was written for a key that is not there, and reported.
    pub(super) fn was_tried(&self, mapping: &Place, key: &str) -> bool {
        let own = mapping.key(key);
        let beside = Place::file(mapping.file.clone()).key(key);
        self.problems.iter().any(|problem| {
            let Some(place) = problem.place().filter(|place| place.file == own.file) else { return false };
            let is_meant =
                || problem.code == Code::UnknownKey && is_in(place, mapping) && may_mean(problem, place, key);
            place.path.is_within(&own.path) || is_meant() || *place == beside.on_key()
        })
    }

    /// Whether the mapping at a key could not be read whole, so that it is not known which names it holds.
    pub(super) fn is_unread(&self, mapping: &Place, key: &str) -> bool {
        let own = mapping.key(key);
        self.problems.iter().any(|problem| {
            let Some(place) = problem.place() else { return false };
            let is_own = place.file == own.file && place.path == own.path;
            is_own
                || is_unnamed(problem, place, &own)
                || (problem.code == Code::UnknownKey && is_in(place, mapping) && may_mean(problem, place, key))
        })
    }

    /// Whether it is not known what a section of jackfield.yaml declares.
    pub(super) fn is_section_unknown(&self, section: &str) -> bool {
        self.unknown_settings || self.is_unread(&Place::file(SETTINGS), section)
    }

    pub(super) fn has_unknown_key(&self, of: &Place) -> bool {
        self.problems.iter().any(|p| p.code == Code::UnknownKey && p.place().is_some_and(|place| is_in(place, of)))
    }
}

/// Whether a place is a direct child of a mapping.
fn is_in(place: &Place, mapping: &Place) -> bool {
    place.file == mapping.file && place.path.split_last().is_some_and(|(parent, _)| *parent == mapping.path)
}

/// Whether the problem is that a section of named things holds the keys of one of them instead.
fn is_unnamed(problem: &Diagnostic, place: &Place, section: &Place) -> bool {
    problem.code == Code::WrongType && place.on == On::Key && is_in(place, section)
}

/// Whether a key that nothing reads may have been meant for `key`: it resembles it, or nothing else.
fn may_mean(problem: &Diagnostic, place: &Place, key: &str) -> bool {
    match (&problem.fix, place.path.split_last()) {
        (Some(fix), _) => fix.replacement == key,
        (None, Some((_, Segment::Key(written)))) => {
            let help = problem.help.as_deref().unwrap_or_default();
            let home = || help.contains(&format!("`{key}:`"));
            suggest::nearest(written, [key]).is_some() || !help.contains("belongs") || home()
        }
        (None, _) => false,
    }
}

/// Keeps the first problems of each file: nobody reads thousands, and most of so many have one cause.
pub(super) fn shorten(diagnostics: &mut Vec<Diagnostic>) {
    const SHOWN: usize = 100;
    let mut counts: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut first_hidden: BTreeMap<Arc<str>, Diagnostic> = BTreeMap::new();
    diagnostics.retain(|d| {
        let Some(place) = d.place() else { return true };
        let count = counts.entry(place.file.clone()).or_default();
        *count += 1;
        if *count > SHOWN {
            let hidden = first_hidden.entry(place.file.clone()).or_insert_with(|| d.clone());
            hidden.severity = hidden.severity.min(d.severity);
        }
        *count <= SHOWN
    });
    for (file, mut hidden) in first_hidden {
        let more = counts.get(&file).map_or(0, |count| count - SHOWN);
        hidden.message =
            format!("{}, and {} more in this file", hidden.message, diagnostic::text::count_of(more, "problem"));
        diagnostics.push(hidden);
    }
}

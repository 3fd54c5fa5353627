//! One fix that could be made, and whether it does good.

use std::sync::Arc;

use crate::compile::Compiled;
use crate::diagnostic::{Code, Diagnostic, Edit, Resolve, text};

/// A fix that could be made.
pub(super) struct Candidate {
    pub file: Arc<str>,
    pub edit: Edit,
    /// How it is told; also what it is known by when it has been tried in vain.
    pub line: String,
    pub line_number: usize,
    /// What it mends, and where that begins.
    of: Diagnostic,
    start: Option<usize>,
}

impl Candidate {
    pub(super) fn new(diagnostic: &Diagnostic, compiled: &Compiled) -> Option<Candidate> {
        let fix = diagnostic.fix.as_ref()?;
        let edit = compiled.documents.edit(fix)?;
        let text = compiled.documents.resolve(&fix.place)?.text;
        Some(Candidate {
            file: fix.place.file.clone(),
            line: format!("{}: {}", text::at(&fix.place, &compiled.documents), edit.describe(text)),
            line_number: lines_before(text, edit.range.start),
            edit,
            of: diagnostic.clone(),
            start: start(diagnostic, compiled),
        })
    }

    pub(super) fn is_error(&self) -> bool {
        self.of.is_error()
    }

    /// Whether it mends what keeps a file from being read as YAML, which hides all else that is wrong in it.
    pub(super) fn is_of_reading(&self) -> bool {
        is_of_reading(self.of.code)
    }

    /// Whether the problem is gone and no other has come. Of a file that could not be read, only the lines up to this one
    /// can be compared.
    pub(super) fn is_good(&self, before: &Compiled, after: &Compiled) -> bool {
        match self.is_of_reading() {
            true => self.unreadable(after) < self.unreadable(before),
            false => self.is_mended(before, after) && count(after) <= count(before),
        }
    }

    /// Whether the problem is gone, and every file that could be read still can be.
    pub(super) fn is_mended(&self, before: &Compiled, after: &Compiled) -> bool {
        let is_same = |other: &Diagnostic| {
            other.code == self.of.code
                && other.message == self.of.message
                && self.is_beside(other)
                && start(other, after) == self.start
        };
        let unreadable = |compiled| errors(compiled).filter(|other| is_of_reading(other.code)).count();
        !after.diagnostics.iter().any(is_same) && unreadable(after) <= unreadable(before)
    }

    /// How many errors keep the file from being read, up to this line.
    fn unreadable(&self, compiled: &Compiled) -> usize {
        let up_to_here = |other: &&Diagnostic| {
            let place = other.place().and_then(|place| compiled.documents.resolve(place));
            place.is_some_and(|at| lines_before(at.text, at.range.start) <= self.line_number)
        };
        let unreadable = |other: &&Diagnostic| is_of_reading(other.code) && self.is_beside(other);
        errors(compiled).filter(unreadable).filter(up_to_here).count()
    }

    /// Whether a problem is of the same file.
    fn is_beside(&self, other: &Diagnostic) -> bool {
        other.place().is_some_and(|place| place.file == self.file)
    }
}

/// Of fixes that overlap, the first.
pub(super) fn keep_apart(candidates: &mut Vec<Candidate>) {
    candidates.sort_by(|a, b| (&a.file, a.edit.range.start).cmp(&(&b.file, b.edit.range.start)));
    let mut last: Option<(Arc<str>, usize)> = None;
    candidates.retain(|candidate| {
        let (file, range) = (&candidate.file, &candidate.edit.range);
        let free = last.as_ref().is_none_or(|(of, end)| of != file || range.start > *end);
        if free {
            last = Some((file.clone(), range.end));
        }
        free
    });
}

/// How many errors there are.
pub(super) fn count(compiled: &Compiled) -> usize {
    errors(compiled).count()
}

fn errors(compiled: &Compiled) -> impl Iterator<Item = &Diagnostic> {
    compiled.diagnostics.iter().filter(|diagnostic| diagnostic.is_error())
}

fn is_of_reading(code: Code) -> bool {
    code.word().starts_with("yaml-")
}

/// Where a problem begins in its file.
fn start(diagnostic: &Diagnostic, compiled: &Compiled) -> Option<usize> {
    compiled.documents.resolve(diagnostic.place()?).map(|at| at.range.start)
}

fn lines_before(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

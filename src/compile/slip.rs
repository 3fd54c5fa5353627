//! Slips of YAML, and what they hide: a file that is read in spite of them is looked at further.

use std::collections::HashSet;

use super::Documents;
use crate::diagnostic::{Code, Diagnostic, Resolve};
use crate::document::Document;

/// Leaves out what else is wrong on a line that could not be read as it is: it may be right once the line can.
pub(super) fn drop_beside_slips(diagnostics: &mut Vec<Diagnostic>, documents: &Documents) {
    let line = |problem: &Diagnostic| {
        let place = problem.place()?;
        documents.resolve(place).map(|at| (place.file.clone(), at.line_column().0))
    };
    let is_slip = |problem: &Diagnostic| problem.code <= Code::YamlTooLarge && problem.is_error();
    let slips: HashSet<_> = diagnostics.iter().filter(|problem| is_slip(problem)).filter_map(line).collect();
    if !slips.is_empty() {
        diagnostics.retain(|problem| is_slip(problem) || line(problem).is_none_or(|line| !slips.contains(&line)));
    }
}

/// Keys that say how others are read: with two of them, what is wrong beside them may follow from the wrong one.
const DECIDING: &[&str] = &["to", "call", "from", "provider", "format", "as", "source", "path", "request"];

/// Whether nothing can be said of a file with this problem: where it is certain what was meant, the file has been read as
/// that, and of a value that is set twice the first counts.
pub(super) fn is_hiding(problem: &Diagnostic, document: &Document) -> bool {
    let is_plain_twice = || problem.code == Code::YamlDuplicateKey && is_single(problem, document);
    problem.is_error() && (document.root.is_none() || (problem.fix.is_none() && !is_plain_twice()))
}

/// Whether both keys of a pair have a single value on their line.
fn is_single(problem: &Diagnostic, document: &Document) -> bool {
    problem.labels.iter().all(|label| {
        let key = document.resolve(&label.place);
        let name = document.text.get(key.clone()).unwrap_or_default().trim_matches(['"', '\'']);
        let rest = document.text.get(key.end..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let value = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':').unwrap_or_default().trim();
        !DECIDING.contains(&name) && !value.is_empty() && !value.starts_with(['{', '[', '|', '>', '#', '&', '*', '!'])
    })
}

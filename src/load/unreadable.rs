//! Files that are no text: the line with the first letter that is none is shown.

use std::path::Path;
use std::sync::Arc;

use super::read_inside;
use crate::compile::{Compiled, SETTINGS};
use crate::diagnostic::{Code, Diagnostic, On, Place};
use crate::document::Document;

/// Keeps the text of each such file, as far as it is one. That settings are missing is not said where they can't be read.
pub(super) fn show(root: &Path, problems: &[Diagnostic], compiled: &mut Compiled) {
    for place in problems.iter().filter(|problem| problem.code == Code::UnreadableFile).filter_map(Diagnostic::place) {
        if *place.file == *SETTINGS {
            compiled.diagnostics.retain(|problem| !is_missing_settings(problem));
        }
        if let (true, Ok(bytes)) = (is_shown(place), read_inside(root, &place.file)) {
            let text = String::from_utf8_lossy(&bytes).into();
            let document = Document { file: place.file.clone(), text, root: None };
            compiled.documents.0.insert(place.file.clone(), Arc::new(document));
        }
    }
}

fn is_missing_settings(problem: &Diagnostic) -> bool {
    problem.code == Code::MissingFile && problem.place().is_some_and(|place| *place.file == *SETTINGS)
}

/// Whether the problem is at a letter of the file, and not with the file as a whole.
fn is_shown(place: &Place) -> bool {
    matches!(&place.on, On::Bytes(range) if range.start < range.end)
}

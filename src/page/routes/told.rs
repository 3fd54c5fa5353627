//! Problems as the editor shows them: from where to where, and what would mend it.

use serde_json::{Value as Json, json};

use crate::diagnostic::{self, Diagnostic, Located, Place, Resolve};
use crate::page::problem;

/// One problem, in both ways in which it is told.
#[derive(Clone, Debug)]
pub(in crate::page) struct Problem {
    pub is_error: bool,
    /// For the editor.
    pub marked: Json,
    /// For a template.
    pub shown: Json,
}

impl Problem {
    /// `file` is the one that is edited: a fix of another is none here.
    pub(in crate::page) fn of(found: &Diagnostic, files: &dyn Resolve, file: &str) -> Self {
        let at = found.place().and_then(|place| files.resolve(place));
        let (from, to) = at.as_ref().map_or((place(1, 1), place(1, 1)), |at| span(at.text, at.range.clone()));
        let label = found.labels.first().map(|label| label.text.as_str()).filter(|text| !text.is_empty());
        let marked = json!({
            "severity": found.severity.word(),
            "code": found.code.word(),
            "message": found.message,
            "label": label,
            "help": found.help.as_deref().map(problem::help),
            "file": found.place().map_or(file, |place| &place.file),
            "from": from,
            "to": to,
            "fix": found.fix.as_ref().filter(|fix| &*fix.place.file == file).and_then(|fix| self::fix(fix, files)),
        });
        let shown = problem::shown(&diagnostic::json::render(found, files));
        Problem { is_error: found.is_error(), marked, shown }
    }

    /// One that was kept as JSON, of a reload.
    pub(in crate::page) fn of_kept(kept: &Json) -> Self {
        let first = kept["places"].get(0).cloned().unwrap_or_default();
        let number = |key: &str| first[key].as_u64().unwrap_or(1) as usize;
        let at = place(number("line"), number("column"));
        let label = first["label"].as_str().filter(|text| !text.is_empty());
        let marked = json!({
            "severity": kept["severity"], "code": kept["code"], "message": kept["message"], "label": label,
            "help": kept["help"].as_str().map(problem::help), "file": first["file"], "from": at, "to": at, "fix": null,
        });
        Problem { is_error: kept["severity"] == "error", marked, shown: problem::shown(kept) }
    }

    /// One that is of no line.
    pub(in crate::page) fn in_words(message: &str, help: Option<&str>, file: &str) -> Self {
        let at = place(1, 1);
        let marked = json!({
            "severity": "error", "code": null, "message": message, "label": null, "help": help, "file": file,
            "from": at, "to": at, "fix": null,
        });
        Problem { is_error: true, marked, shown: words("error", message, help) }
    }
}

/// A problem of no line, for a template.
pub(in crate::page) fn words(severity: &str, message: &str, help: Option<&str>) -> Json {
    json!({ "severity": severity, "code": null, "message": message, "help": help, "places": [] })
}

fn fix(fix: &diagnostic::Fix, files: &dyn Resolve) -> Option<Json> {
    let edit = files.edit(fix)?;
    let text = files.resolve(&Place::file(fix.place.file.clone()))?.text;
    let (from, to) = span(text, edit.range);
    Some(json!({ "from": from, "to": to, "replacement": edit.text }))
}

/// The first character and the one behind the last, from 1.
fn span(text: &str, range: std::ops::Range<usize>) -> (Json, Json) {
    let at = |byte: usize| {
        let byte = text.floor_char_boundary(byte);
        let (line, column) = Located { file: "", text, range: byte..byte }.line_column();
        place(line, column)
    };
    (at(range.start), at(range.end.max(range.start)))
}

fn place(line: usize, column: usize) -> Json {
    json!({ "line": line, "column": column })
}

/// The problems as the editor takes them, those of the file that is edited first.
pub(in crate::page) fn marked(problems: &[Problem]) -> Vec<Json> {
    problems.iter().map(|problem| problem.marked.clone()).collect()
}

/// The same for a template.
pub(in crate::page) fn shown(problems: &[Problem]) -> Vec<Json> {
    problems.iter().map(|problem| problem.shown.clone()).collect()
}

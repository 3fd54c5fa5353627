//! Diagnostics for programs.

use serde_json::{Value, json};

use super::{Diagnostic, Fix, Label, Resolve};

/// One diagnostic as JSON: `code`, `severity`, `message`, `places` (the first is the line to mend), `detail`, `help`, and
/// `fix`: the bytes of a file that a text should replace.
pub fn render(diagnostic: &Diagnostic, files: &dyn Resolve) -> Value {
    json!({
        "code": diagnostic.code.word(),
        "severity": diagnostic.severity.word(),
        "message": diagnostic.message,
        "places": diagnostic.labels.iter().map(|label| place(label, files)).collect::<Vec<_>>(),
        "detail": diagnostic.detail,
        "help": diagnostic.help,
        "fix": diagnostic.fix.as_ref().and_then(|fix| edit(fix, files)),
    })
}

fn edit(fix: &Fix, files: &dyn Resolve) -> Option<Value> {
    let edit = files.edit(fix)?;
    let bytes = [edit.range.start, edit.range.end];
    Some(json!({ "file": &*fix.place.file, "bytes": bytes, "replacement": edit.text }))
}

fn place(label: &Label, files: &dyn Resolve) -> Value {
    let mut out = json!({ "file": &*label.place.file, "path": label.place.path.to_string(), "label": label.text });
    if let (Some(at), Value::Object(out)) = (files.resolve(&label.place), &mut out) {
        let (line, column) = at.line_column();
        out.insert("line".into(), line.into());
        out.insert("column".into(), column.into());
        out.insert("bytes".into(), json!([at.range.start, at.range.end]));
    }
    out
}

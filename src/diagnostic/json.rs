//! Diagnostics for programs.

use serde_json::{Value, json};

use super::{Diagnostic, Label, Resolve};

/// One diagnostic as JSON: `code`, `severity`, `message`, `places` (the first is the line to mend), `help`.
pub fn render(diagnostic: &Diagnostic, files: &dyn Resolve) -> Value {
    json!({
        "code": diagnostic.code.word(),
        "severity": diagnostic.severity.word(),
        "message": diagnostic.message,
        "places": diagnostic.labels.iter().map(|label| place(label, files)).collect::<Vec<_>>(),
        "help": diagnostic.help,
    })
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

//! Diagnostics as SARIF 2.1.0, the form in which tools of code analysis exchange what they find.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::region::{Region, first_line};
use super::{Code, Diagnostic, Fix, Label, Located, Place, Resolve, Severity};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The folder that relative addresses begin at; GitHub takes it for the top of the checkout.
const BASE: &str = "%SRCROOT%";

/// What stays as it is in an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// One run of the tool with all that it found; `path` says where a file is: from the top of the checkout, or absolute.
pub fn render(diagnostics: &[Diagnostic], files: &dyn Resolve, path: &dyn Fn(&str) -> String) -> Value {
    let mut writer = Writer { files, path, seen: HashMap::new() };
    let results: Vec<Value> = diagnostics.iter().map(|diagnostic| writer.result(diagnostic)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Jackfield",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Code::ALL.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            } },
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": { BASE: { "description": { "text": "the top of the checkout" } } },
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.word(),
        "shortDescription": { "text": code.summary() },
        // GitHub asks for all three.
        "fullDescription": { "text": code.summary() },
        "help": { "text": code.summary() },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

struct Writer<'r> {
    files: &'r dyn Resolve,
    path: &'r dyn Fn(&str) -> String,
    /// How often each fingerprint came: no two results have the same.
    seen: HashMap<String, usize>,
}

impl Writer<'_> {
    fn result(&mut self, diagnostic: &Diagnostic) -> Value {
        let (first, more) = match diagnostic.labels.split_first() {
            Some((first, more)) => (Some(first), more),
            None => (None, [].as_slice()),
        };
        let mut result = json!({
            "ruleId": diagnostic.code.word(),
            "ruleIndex": Code::ALL.iter().position(|code| *code == diagnostic.code),
            "level": level(diagnostic.severity),
            "message": { "text": diagnostic.full_text() },
            "locations": first.iter().map(|label| self.location(label)).collect::<Vec<_>>(),
        });
        if let Value::Object(result) = &mut result {
            if !more.is_empty() {
                let related = more.iter().map(|label| self.location(label)).collect::<Vec<_>>();
                result.insert("relatedLocations".into(), related.into());
            }
            if let Some(fix) = diagnostic.fix.as_ref().and_then(|fix| self.fix(fix)) {
                result.insert("fixes".into(), json!([fix]));
            }
            if let Some(label) = first {
                let fingerprint = self.fingerprint(diagnostic.code, &label.place);
                result.insert("partialFingerprints".into(), json!({ "jackfieldPlace/v1": fingerprint }));
            }
        }
        result
    }

    fn location(&self, label: &Label) -> Value {
        let mut physical = json!({ "artifactLocation": self.artifact(&label.place.file) });
        if let (Some(at), Value::Object(physical)) = (self.files.resolve(&label.place), &mut physical) {
            let marked = first_line(at.text, at.range.clone());
            physical.insert("region".into(), region(Region::of(at.text, marked)));
        }
        match label.text.as_str() {
            "" => json!({ "physicalLocation": physical }),
            text => json!({ "physicalLocation": physical, "message": { "text": text } }),
        }
    }

    fn artifact(&self, file: &str) -> Value {
        let path = (self.path)(file);
        let uri = utf8_percent_encode(&path, PLAIN).to_string();
        match path.starts_with('/') {
            true => json!({ "uri": format!("file://{uri}") }),
            false => json!({ "uri": uri, "uriBaseId": BASE }),
        }
    }

    fn fix(&self, fix: &Fix) -> Option<Value> {
        let edit = self.files.edit(fix)?;
        let text = self.files.resolve(&fix.place)?.text;
        let replacement = json!({
            "deletedRegion": region(Region::of(text, edit.range.clone())),
            "insertedContent": { "text": edit.text },
        });
        let change = json!({ "artifactLocation": self.artifact(&fix.place.file), "replacements": [replacement] });
        Some(json!({ "description": { "text": edit.describe(text) }, "artifactChanges": [change] }))
    }

    /// What stays the same while other lines of the file change.
    fn fingerprint(&mut self, code: Code, place: &Place) -> String {
        let at = self.files.resolve(place);
        let line = at.as_ref().map(line_of).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [code.word(), &place.file, &place.path.to_string(), line] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let count = self.seen.entry(digits.clone()).or_default();
        *count += 1;
        format!("{digits}:{count}")
    }
}

/// The line that a place begins on, without its indentation.
fn line_of<'a>(at: &Located<'a>) -> &'a str {
    let start = at.text.floor_char_boundary(at.range.start);
    let from = at.text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    at.text.get(from..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim()
}

fn region(region: Region) -> Value {
    json!({
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

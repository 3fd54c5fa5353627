//! `sandbox.env`: values for `${env:NAME}` while nothing real is at stake.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{SANDBOX_ENV, read_bounded};
use crate::compile::Compiled;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::document::Document;
use crate::secret::MASK;

/// `NAME=value` lines; empty ones and those that begin with `#` mean nothing.
pub(super) fn read(path: &Path) -> BTreeMap<String, String> {
    let text = text(path);
    let pairs = text.lines().filter(|line| is_written(line)).filter_map(|line| bare(line).split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned())).collect()
}

fn text(path: &Path) -> String {
    let bytes = read_bounded(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned()
}

/// A line as a shell reads it, in which `export` stands before the name or not.
fn bare(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix("export ").map_or(line, str::trim_start)
}

fn is_written(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim().starts_with('#')
}

/// Lines that give no value. What misses the variable says no more than that.
pub(super) fn check(root: &Path, compiled: &mut Compiled) {
    let text = text(&root.join(SANDBOX_ENV));
    let lost: Vec<(usize, &str)> =
        text.lines().enumerate().filter(|(_, line)| is_written(line) && !line.contains('=')).collect();
    if lost.is_empty() {
        return;
    }
    let shown = shown(&text);
    for (number, line) in lost {
        let name = name_of(line);
        let (start, length) = range_of(&shown, number);
        let place = Place::bytes(SANDBOX_ENV, start..start + length);
        let mut problem = Diagnostic::new(Code::InvalidValue, place, "this line gives no variable a value");
        problem.severity = Severity::Warning;
        let name_to_write = if name.is_empty() { "NAME" } else { name };
        let problem = problem.help(format!("write the name, `=` and the value: `{name_to_write}=…`"));
        let variable = format!("the environment variable `{name}` is not set");
        compiled.diagnostics.retain(|d| !(d.code == Code::MissingVariable && d.message == variable));
        compiled.diagnostics.push(problem);
    }
    let document = Document { file: SANDBOX_ENV.into(), text: shown.into(), root: None };
    compiled.documents.0.insert(SANDBOX_ENV.into(), Arc::new(document));
}

/// The name that a line begins with.
fn name_of(line: &str) -> &str {
    bare(line).split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default()
}

/// The lines as they are shown: without values, which may be secret.
fn shown(text: &str) -> String {
    let lines = text.lines().map(|line| match name_of(line) {
        _ if !is_written(line) => String::new(),
        "" => MASK.to_owned(),
        name if bare(line) == name => name.to_owned(),
        name => {
            let sign: String = bare(line).chars().skip(name.chars().count()).take(1).collect();
            format!("{name}{} {MASK}", sign.trim())
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn range_of(text: &str, number: usize) -> (usize, usize) {
    let before: usize = text.lines().take(number).map(|line| line.len() + 1).sum();
    (before, text.lines().nth(number).map_or(0, str::len))
}

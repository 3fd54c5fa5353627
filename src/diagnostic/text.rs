//! Diagnostics for people: the line, a caret, and what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::region::first_line;
use super::{Diagnostic, Place, Resolve, Severity};

/// Draws one diagnostic, with colours when `color` is set.
pub fn render(diagnostic: &Diagnostic, files: &dyn Resolve, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.word());
    let mut group = Group::with_title(title);
    for (position, label) in diagnostic.labels.iter().enumerate() {
        let Some(at) = files.resolve(&label.place) else {
            group = group.element(annotate_snippets::Origin::path(label.place.file.to_string()));
            continue;
        };
        let kind = if position == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let range = first_line(at.text, at.range.clone());
        let annotation = kind.span(range).label((!label.text.is_empty()).then(|| label.text.clone()));
        let snippet = Snippet::source(at.text.to_owned()).path(at.file.to_owned()).annotation(annotation);
        group = group.element(snippet);
    }
    if let Some(detail) = &diagnostic.detail {
        group = group.element(Level::NOTE.no_name().message(detail.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.render(&[group]);
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// `routes/form.yaml:12:5: error[unknown-key]: …`, without a line of the file.
pub fn line(diagnostic: &Diagnostic, files: &dyn Resolve) -> String {
    let (severity, code) = (diagnostic.severity.word(), diagnostic.code.word());
    format!("{}: {severity}[{code}]: {}", place(diagnostic, files), diagnostic.message)
}

/// `routes/form.yaml:12:5`, the line to mend.
pub fn place(diagnostic: &Diagnostic, files: &dyn Resolve) -> String {
    diagnostic.place().map(|place| at(place, files)).unwrap_or_default()
}

/// `routes/form.yaml:12:5`
pub fn at(place: &Place, files: &dyn Resolve) -> String {
    match files.resolve(place) {
        Some(at) => {
            let (line, column) = at.line_column();
            format!("{}:{line}:{column}", at.file)
        }
        None => place.to_string(),
    }
}

/// `2 errors, 1 warning`, or nothing when all is well.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let parts: Vec<String> = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| count_of(count, word))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `1 route`, `2 routes`
pub fn count_of(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

//! Diagnostics for people: the line, a caret, and what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::region::first_line;
use super::{Code, Diagnostic, Place, Resolve, Severity};

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
        let (number, line, range) = line_of(at.text, first_line(at.text, at.range.clone()));
        let line = if diagnostic.code == Code::SecretAsText { masked(line, &range) } else { line.to_owned() };
        let annotation = kind.span(range).label((!label.text.is_empty()).then(|| label.text.clone()));
        let snippet = Snippet::source(line).line_start(number).path(at.file.to_owned());
        group = group.element(snippet.annotation(annotation));
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

/// A line in which a range is covered, unless it is a key.
fn masked(line: &str, range: &std::ops::Range<usize>) -> String {
    if line.get(range.end..).is_some_and(|rest| rest.starts_with(':')) {
        return line.to_owned();
    }
    let part = |range: std::ops::Range<usize>| line.get(range).unwrap_or_default();
    let covered: String = part(range.clone()).chars().map(|_| '*').collect();
    // Bytes and characters may differ, and the mark is placed by bytes.
    let filled = format!("{covered}{}", "*".repeat(range.len().saturating_sub(covered.len())));
    format!("{}{filled}{}", part(0..range.start), part(range.end..line.len()))
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

/// The one line that a range stands in, with its number, and the range within it: a file may be large, and have many
/// problems.
fn line_of(text: &str, range: std::ops::Range<usize>) -> (usize, &str, std::ops::Range<usize>) {
    // The end of the text is shown behind its last line, and not on an empty one below it.
    let end_of_last = text.strip_suffix('\n').filter(|last| range.start > last.len()).map(str::len);
    let range = end_of_last.map_or(range, |end| end..end);
    let (before, after) = text.split_at_checked(range.start).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = range.start + after.find('\n').unwrap_or(after.len());
    let line = text.get(start..end).unwrap_or("");
    let line = line.strip_suffix('\r').filter(|line| range.end - start <= line.len()).unwrap_or(line);
    (before.matches('\n').count() + 1, line, range.start - start..range.end - start)
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
    let ending = match (count, word.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{count} {word}{ending}")
}

//! All codes as one page, `docs/errors.md`.

use crate::diagnostic::explain::{self, Example, Part};
use crate::diagnostic::{Code, Severity};

const OPENING: &str = "\
# Errors and warnings

<!-- Generated from src/diagnostic/explain/ by `UPDATE_DOCS=1 cargo test --test integration -- explain`. -->

Each problem that Jackfield reports has a code, as `unknown-key` in `error[unknown-key]`. This page says what each means
and what to do; `jackfield explain unknown-key` says the same in the terminal. An error keeps a change from going live, a
warning does not. An example shows the lines that matter, and leaves out what else is in the file.

| code | means |
| --- | --- |
";

/// The whole page: a table of all codes, then a section for each.
pub(super) fn all() -> String {
    let mut page = OPENING.to_owned();
    for codes in Code::ALL.chunk_by(|a, b| a.area() == b.area()) {
        page.push_str(&format!("| **{}** | |\n", codes.first().map_or("", |code| code.area())));
        for code in codes {
            let warning = if code.severity() == Severity::Warning { " *A warning.*" } else { "" };
            page.push_str(&format!("| [{code}](#{code}) | {}{warning} |\n", code.summary()));
        }
    }
    Code::ALL.iter().for_each(|code| page.push_str(&section(*code)));
    page
}

fn section(code: Code) -> String {
    let explanation = explain::of(code);
    let examples: String = explanation.examples.iter().map(block).collect();
    format!("\n## {code}\n\n**{}**\n\n{}\n{examples}", code.summary(), explanation.text)
}

fn block(example: &Example) -> String {
    let word = match example.part {
        Part::Given => "Given",
        Part::Wrong => "Wrong",
        Part::Right => "Right",
    };
    format!("\n{word}, in `{}`:\n\n```{}\n{}```\n", example.file, example.language, example.lines)
}

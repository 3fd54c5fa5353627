//! `jackfield explain`: what a code means, for people.

mod page;

use clap::Args;
use clap::builder::{PossibleValue, TypedValueParser};

use super::terminal::{self, BLUE, BOLD, DIM, GREEN, RED, YELLOW, line, paint};
use super::{CheckFormat, Exit};
use crate::diagnostic::explain::{self, Example, Part};
use crate::diagnostic::{Code, Severity, suggest};

/// How wide texts are set.
const WIDTH: usize = 80;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The code, as in `error[unknown-key]`; all are listed unless given
    #[arg(value_parser = AnyWord, hide_possible_values = true)]
    code: Option<String>,
    /// Write docs/errors.md
    #[arg(long, hide = true, conflicts_with = "code")]
    page: bool,
}

/// Takes every text, so that our own answer names the nearest code, and gives shells the codes to complete.
#[derive(Clone)]
struct AnyWord;

impl TypedValueParser for AnyWord {
    type Value = String;

    fn parse_ref(
        &self,
        _: &clap::Command,
        _: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Code::ALL.iter().map(|code| PossibleValue::new(code.word()))))
    }
}

pub(super) fn run(args: &ExplainArgs) -> Exit {
    match &args.code {
        None if args.page => line(page::all().trim_end()),
        None => list(),
        Some(written) => match find(written) {
            Some(code) => show(code),
            None => return unknown(written),
        },
    }
    Exit::Fine
}

/// Says to a person who has just seen problems where to read on.
pub(super) fn after(exit: Exit, format: CheckFormat) -> Exit {
    if exit == Exit::ProblemsFound && format == CheckFormat::Human && terminal::is_read_by_a_person() {
        line(paint(DIM, "more on each: jackfield explain CODE"));
    }
    exit
}

/// The code as it is written in a report: `unknown-key`, `error[unknown-key]`, `UNKNOWN_KEY`.
fn find(written: &str) -> Option<Code> {
    let word = bare(written);
    Code::ALL.iter().copied().find(|code| code.word() == word)
}

fn bare(written: &str) -> String {
    let inside = written.split_once('[').map_or(written, |(_, rest)| rest);
    let word = inside.split_once(']').map_or(inside, |(word, _)| word);
    word.trim().to_lowercase().replace(['_', ' '], "-")
}

fn unknown(written: &str) -> Exit {
    let word = bare(written);
    let help = match suggest::nearest(&word, Code::ALL.iter().map(|code| code.word())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`jackfield explain` lists them all".to_owned(),
    };
    terminal::error_line(format!("there is no code `{word}`; {help}"));
    Exit::UsedWrongly
}

fn list() {
    let widest = Code::ALL.iter().map(|code| code.word().len()).max().unwrap_or(0);
    for (number, codes) in Code::ALL.chunk_by(|a, b| a.area() == b.area()).enumerate() {
        if number > 0 {
            line("");
        }
        line(paint(BOLD, codes.first().map_or("", |code| code.area())));
        for code in codes {
            line(format!("  {:widest$}  {}", code.word(), code.summary()));
        }
    }
}

fn show(code: Code) {
    let explanation = explain::of(code);
    let severity = code.severity();
    let color = if severity == Severity::Error { RED } else { YELLOW };
    let title = bold(color, &format!("{}[{code}]", severity.word()));
    line(title + &paint(BOLD, &format!(": {}", code.summary())));
    for paragraph in explanation.text.split("\n\n") {
        line("");
        line(wrapped(paragraph));
    }
    explanation.examples.iter().for_each(show_example);
}

fn show_example(example: &Example) {
    let (color, word) = match example.part {
        Part::Given => (BLUE, "Given"),
        Part::Wrong => (RED, "Wrong"),
        Part::Right => (GREEN, "Right"),
    };
    line(format!("\n{}, in {}:\n", bold(color, word), example.file));
    for part in example.lines.lines() {
        line(if part.is_empty() { String::new() } else { format!("    {part}") });
    }
}

fn bold(color: &str, text: &str) -> String {
    paint(&format!("{BOLD};{color}"), text)
}

/// A paragraph in lines that fit.
fn wrapped(paragraph: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        let fits = column + 1 + length <= WIDTH;
        if column > 0 {
            text.push(if fits { ' ' } else { '\n' });
        }
        text.push_str(word);
        column = if fits && column > 0 { column + 1 + length } else { length };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for written in ["unknown-key", "UNKNOWN-KEY", "unknown_key", " error[unknown-key]:", "[unknown-key]"] {
            assert_eq!(find(written), Some(Code::UnknownKey), "{written}");
        }
        assert_eq!(find("unknown"), None);
    }

    #[test]
    fn a_text_is_set_in_lines_that_fit() {
        let text = wrapped(&format!("{} {}\nend", "a".repeat(40), "b".repeat(39)));
        assert_eq!(text, format!("{} {}\nend", "a".repeat(40), "b".repeat(39)));
    }
}

//! `jackfield explain`: what a code means, and what a pack takes and sends, for people.

mod fields;
mod language;
mod leaves;
mod operation;
mod pack;
mod packs;
mod page;
mod webhook;
mod yaml;

use std::sync::LazyLock;

use clap::Args;
use clap::builder::{PossibleValue, TypedValueParser};

use super::terminal::{self, BLUE, BOLD, DIM, GREEN, RED, YELLOW, line, paint};
use super::{CheckFormat, Exit, WorkspaceArg};
use crate::config::scalar::Text;
use crate::diagnostic::explain::{self, Example, Part};
use crate::diagnostic::{Code, Severity, suggest};
use packs::Packs;

/// How wide texts are set.
const WIDTH: usize = 80;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A code, as in `error[unknown-key]`; a pack (`partoo`); its operation or webhook (`partoo.ingest_message`,
    /// `twilio.sms`); a word of the language (`hmac`). All codes and packs are listed unless given
    #[arg(value_parser = AnyWord, hide_possible_values = true, value_name = "NAME")]
    name: Option<String>,
    /// Write the captured request that a webhook's pack was proved with, as `jackfield explain twilio.sms --sample >
    /// samples/sms.http`; of several, the one with this number
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "1", requires = "name")]
    sample: Option<usize>,
    /// Write docs/errors.md
    #[arg(long, hide = true, conflicts_with = "name")]
    page: bool,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

/// The built-in packs, with what they take and send.
static OF_PACKS: LazyLock<Vec<String>> = LazyLock::new(|| Packs::built_in().names());

/// Takes every text, so that our own answer names the nearest name, and gives shells the names to complete.
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
        let codes = Code::ALL.iter().map(|code| PossibleValue::new(code.word()));
        Some(Box::new(codes.chain(OF_PACKS.iter().map(|name| PossibleValue::new(name.as_str())))))
    }
}

pub(super) fn run(args: &ExplainArgs) -> Exit {
    let packs = || Packs::read(&args.workspace.root(None));
    match &args.name {
        None if args.page => line(page::all().trim_end()),
        None => list(&packs()),
        Some(written) if args.sample.is_some() => return show_sample(written, args.sample.unwrap_or(1), &packs()),
        Some(written) => match find(written) {
            Some(code) => show(code),
            None => return show_of_pack(written, &packs()),
        },
    }
    Exit::Fine
}

fn show_sample(written: &str, number: usize, packs: &Packs) -> Exit {
    match packs.sample(written.trim(), number) {
        Ok(bytes) => {
            terminal::bytes(&bytes);
            Exit::Fine
        }
        Err(message) => {
            terminal::error_line(message);
            Exit::UsedWrongly
        }
    }
}

fn show_of_pack(written: &str, packs: &Packs) -> Exit {
    match packs.show(written.trim()) {
        Some(Ok(())) => return Exit::Fine,
        Some(Err(message)) => terminal::error_line(message),
        None if language::show(bare(written).replace('-', "_").trim_end_matches(['?', ':'])) => return Exit::Fine,
        None => terminal::error_line(unknown(written, packs)),
    }
    Exit::UsedWrongly
}

/// Says to a person who has just seen problems where to read on.
pub(super) fn after(exit: Exit, format: CheckFormat) -> Exit {
    if exit == Exit::ProblemsFound && format == CheckFormat::Text && terminal::is_read_by_a_person() {
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

fn unknown(written: &str, packs: &Packs) -> String {
    let (word, names) = (bare(written), packs.names());
    let codes = Code::ALL.iter().map(|code| code.word());
    let (pack, part) = written.split_once('.').map_or((written, ""), |(pack, part)| (pack, part));
    let of_pack = suggest::nearest(pack, packs.all().map(|known| known.name).collect::<Vec<_>>())
        .filter(|_| !part.is_empty())
        .map(|pack| format!("{pack}.{part}"));
    let near = suggest::nearest(&word, codes).or_else(|| suggest::nearest(written, names.iter().map(String::as_str)));
    let help = match near.map(str::to_owned).or(of_pack) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`jackfield explain` lists them all".to_owned(),
    };
    format!("there is no code or pack `{}`; {help}", if part.is_empty() { &word } else { written })
}

fn list(packs: &Packs) {
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
    heading("Packs: what Jackfield can send to, and receive from");
    for known in packs.all() {
        let parts = |verb: &str, names: Vec<&str>| (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")));
        let takes = parts("takes", known.pack.operations.names().collect());
        let sends = parts("sends", known.pack.webhooks.names().collect());
        let both: Vec<String> = [takes, sends].into_iter().flatten().collect();
        line(format!("  {:widest$}  {}: {}", known.name, known.title(), both.join("; ")));
    }
}

/// A text that a pack may have.
fn told(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(|text| &*text.value)
}

/// The head of what is explained.
fn title(title: &str, description: Option<&str>) {
    line(paint(BOLD, title));
    description.into_iter().for_each(|text| line(wrapped(text)));
}

fn heading(text: &str) {
    line("");
    line(paint(BOLD, text));
}

/// Lines to be copied.
fn pasted(what: &str, lines: &[String]) {
    heading(what);
    line("");
    lines.iter().for_each(line);
}

/// A name, what is to be known of it in short, and what it is.
struct Row {
    label: String,
    note: String,
    text: Option<String>,
}

impl Row {
    fn new(label: &str, note: &str, text: Option<&str>) -> Row {
        Row { label: label.to_owned(), note: note.to_owned(), text: text.map(str::to_owned) }
    }
}

fn rows(rows: Vec<Row>) {
    let widest = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    for row in rows {
        match row.note.is_empty() {
            true => line(format!("  {}", row.label)),
            false => line(format!("  {:widest$}  {}", row.label, row.note)),
        }
        row.text.iter().for_each(|text| wrapped(text).lines().for_each(|part| line(format!("      {part}"))));
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

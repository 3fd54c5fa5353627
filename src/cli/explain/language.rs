//! What docs/language.md says of a word of the language: a key, a kind of proof, a format, a word of `as`.

use super::super::terminal::{BOLD, line, paint};
use super::wrapped;

const PAGE: &str = include_str!("../../../docs/language.md");

/// A row of a table, a section or a paragraph that is about the word.
#[derive(Debug, PartialEq, Eq)]
struct Found<'p> {
    section: &'p str,
    /// Paragraphs; the first says what it means.
    text: Vec<String>,
}

/// Says what the word means, in each place where it stands; nothing where it is none of the language's.
pub(super) fn show(word: &str) -> bool {
    let found = found(word);
    for (number, place) in found.iter().enumerate() {
        if number > 0 {
            line("");
        }
        line(paint(BOLD, &format!("{word}, in docs/language.md under \"{}\"", place.section)));
        place.text.iter().for_each(|text| line(wrapped(text)));
    }
    !found.is_empty()
}

/// Where it is the name of a row or of a section; failing that, the rows that speak of it.
fn found(word: &str) -> Vec<Found<'static>> {
    let own = find(word, |cells| cells.first().is_some_and(|name| is_about(name, word)));
    if own.is_empty() { find(word, |cells| cells.get(1).is_some_and(|text| is_about(text, word))) } else { own }
}

fn find(word: &str, is_row: impl Fn(&[&str]) -> bool) -> Vec<Found<'static>> {
    let (mut section, mut columns) = ("", Vec::new());
    let mut found = Vec::new();
    for part in PAGE.lines() {
        let cells = cells(part);
        match (part.trim_start_matches('#').strip_prefix(' ').filter(|_| part.starts_with('#')), cells.as_slice()) {
            (Some(title), _) => {
                section = title;
                if title == word {
                    found.extend(first_paragraph(part).map(|text| Found { section, text: vec![text] }));
                }
            }
            (None, [] | [_]) => {
                columns.clear();
                if part.starts_with(&format!("**{word}**")) {
                    found.extend(paragraph(part).map(|text| Found { section, text: vec![text] }));
                }
            }
            (None, all) if columns.is_empty() => columns = all.to_vec(),
            (None, [_, rest @ ..]) if is_row(&cells) => {
                let text = rest.iter().zip(columns.iter().skip(1)).filter(|(cell, _)| !cell.is_empty());
                let told = |(cell, column): (&&str, &&str)| match *column {
                    "means" | "makes" | "becomes" | "is" | "proves by" => (*cell).to_owned(),
                    column => format!("{column}: {cell}"),
                };
                found.push(Found { section, text: text.map(told).collect() });
            }
            _ => {}
        }
    }
    found
}

/// The cells of a table's row.
fn cells(row: &str) -> Vec<&str> {
    let inner = row.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    inner.map_or_else(Vec::new, |inner| inner.split(" | ").map(str::trim).collect())
}

/// Whether a cell names the word in backticks, as `word` or `word: value`.
fn is_about(cell: &str, word: &str) -> bool {
    cell.split('`').skip(1).step_by(2).any(|code| code.split(':').next() == Some(word))
}

/// The paragraph that begins with a line.
fn paragraph(from: &str) -> Option<String> {
    let (_, rest) = PAGE.split_once(&format!("\n{from}\n"))?;
    let lines: Vec<&str> = std::iter::once(from).chain(rest.lines().take_while(|part| !part.is_empty())).collect();
    Some(lines.join(" ").replace("**", ""))
}

/// The paragraph below a heading, unless it is a table or lines of a file.
fn first_paragraph(heading: &str) -> Option<String> {
    let (_, rest) = PAGE.split_once(&format!("\n{heading}\n\n"))?;
    let text = rest.split("\n\n").next()?;
    (!text.starts_with(['|', '`'])).then(|| text.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_route_and_of_a_source_is_told() {
        let words = ["match", "extract", "identity", "lane", "send", "tests", "verify", "handshake", "reply", "secret"];
        for word in words.into_iter().chain(["hmac", "signs", "first_of", "phone", "decode", "multipart", "vars"]) {
            let found = found(word);
            assert!(found.iter().any(|place| place.text.iter().any(|text| text.len() > 10)), "{word}: {found:?}");
        }
        assert_eq!(found("means"), []);
    }
}

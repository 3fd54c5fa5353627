//! What an event is found by: the words of what was sent, its numbers as people dial them, and whose it is.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::super::error::StoreError;
use super::{inner, scratch};
use crate::privacy::shape::{self, is_between};
use crate::value::Value;

/// So many bytes of the text of one event are made known.
const LONGEST: usize = 64 << 10;
/// So many texts may stand within each other that are read.
const DEPTH: usize = 3;
/// An event of which not all text is known has this word.
pub(super) const MORE: &str = "ztmore";
/// As many digits has what is looked for as a number that somebody dials, with or without its country.
const DIALED: std::ops::RangeInclusive<usize> = 7..=17;
/// So many last digits of a number are enough to look for it.
const LAST: usize = 4;
/// So many last digits are the same with the country and without it.
const LOCAL: usize = 8;

/// What is known of an event as a whole, and is looked for as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Source,
    Route,
    Connection,
    Identity,
    Lane,
    /// What the routes made of it: one of the words of [`super::Became`].
    Became,
    /// An e-mail address in it.
    Address,
}

impl Field {
    fn letter(self) -> char {
        match self {
            Field::Source => 's',
            Field::Route => 'r',
            Field::Connection => 'c',
            Field::Identity => 'i',
            Field::Lane => 'l',
            Field::Became => 'b',
            Field::Address => 'a',
        }
    }

    /// The word that stands for a value.
    pub(super) fn word(self, value: &str) -> String {
        let mut word = format!("z{}", self.letter());
        for byte in Sha256::digest(value).iter().take(8) {
            let _ = write!(word, "{byte:02x}");
        }
        word
    }
}

/// The words of one event, as the index takes them.
#[derive(Clone, Debug)]
pub(super) struct Words {
    text: String,
    longest: usize,
    /// Within so many texts stands what is read now.
    depth: usize,
}

impl Default for Words {
    fn default() -> Self {
        Words { text: String::new(), longest: LONGEST, depth: 0 }
    }
}

impl Words {
    /// All words, however many.
    pub(super) fn all() -> Self {
        Words { longest: usize::MAX, ..Words::default() }
    }

    pub(super) fn mark(&mut self, field: Field, value: &str) {
        self.word(&field.word(value));
    }

    /// Every text and number within.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.text(text);
                self.within(text);
            }
            Value::Number(number) => self.text(&number.text()),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// What a text holds that is itself JSON, a form, percent-encoded or base64, as routes read it by `decode`.
    fn within(&mut self, text: &str) {
        if self.depth < DEPTH && self.text.len() < self.longest {
            self.depth += 1;
            inner::values(text).iter().for_each(|value| self.value(value));
            self.depth -= 1;
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        let room = self.longest.saturating_sub(self.text.len());
        let known = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        let is_cut = known.len() < text.len() && !self.text.ends_with(MORE);
        if !known.is_empty() {
            self.word(known);
        }
        addresses(known).for_each(|address| self.mark(Field::Address, &address));
        for digits in dialed(known) {
            self.word(&number(&digits));
        }
        if is_cut {
            self.word(MORE);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn word(&mut self, word: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }
}

/// The word of a number. What is dialed before a number within its country, or before the country, is left out.
fn number(digits: &str) -> String {
    from_the_last(digits.trim_start_matches('0'))
}

/// Digits from the last to the first, so that what a number begins with can be left out.
fn from_the_last(digits: &str) -> String {
    std::iter::once("zd").map(str::to_owned).chain(digits.chars().rev().map(String::from)).collect()
}

/// What a text asks for, in the words of the index: all of these have to be there. Nothing can be found by a text without
/// letters and digits.
pub(super) fn asked(text: &str) -> Result<Option<Vec<String>>, StoreError> {
    let text = text.trim();
    if let Some(digits) = only_number(text) {
        return Ok(Some(vec![ends_with(&digits)]));
    }
    let mut found = addresses(text);
    if let (Some(address), None) = (found.next(), found.next())
        && !text.contains(char::is_whitespace)
    {
        return Ok(Some(vec![quoted(&Field::Address.word(&address))]));
    }
    let words: Vec<String> = scratch::terms(text)?.iter().map(|word| quoted(word)).collect();
    Ok(Some(words).filter(|words| !words.is_empty()))
}

/// What somebody looks for in texts that are not in the index.
pub(in super::super) enum Sought {
    /// The word of a number.
    Number(String),
    /// In lower case.
    Address(String),
    Text(String),
}

impl Sought {
    pub(in super::super) fn of(text: &str) -> Option<Sought> {
        let text = text.trim();
        if let Some(digits) = only_number(text) {
            return Some(Sought::Number(number(&digits)));
        }
        if let Some(address) = addresses(text).next() {
            return Some(Sought::Address(address));
        }
        Some(text.to_lowercase()).filter(|text| !text.is_empty()).map(Sought::Text)
    }

    /// Whether a text holds it.
    pub(in super::super) fn is_in(&self, text: &str) -> bool {
        match self {
            Sought::Number(wanted) => dialed(text).any(|digits| is_same(wanted, &number(&digits))),
            Sought::Address(wanted) => addresses(text).any(|address| address == *wanted),
            Sought::Text(wanted) => text.to_lowercase().contains(wanted),
        }
    }
}

/// Whether two numbers are the same, with the country or without it, by their words.
fn is_same(one: &str, other: &str) -> bool {
    // The two letters come before the digits.
    let is_end = |long: &str, short: &str| short.len() >= LOCAL + 2 && long.starts_with(short);
    other.starts_with(one) || is_end(one, other)
}

pub(super) fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

/// Whoever dials with the country finds what was sent without it, and the other way round; a few last digits are enough.
fn ends_with(digits: &str) -> String {
    if !DIALED.contains(&digits.len()) {
        return format!("({} * OR {})", quoted(&from_the_last(digits)), quoted(digits));
    }
    let word = number(digits);
    let mut ways = vec![format!("{} *", quoted(&word))];
    // The two letters come before the digits.
    for shorter in (LOCAL + 2)..word.len() {
        ways.push(quoted(word.get(..shorter).unwrap_or(&word)));
    }
    format!("({})", ways.join(" OR "))
}

/// The digits of a text that is nothing but a number that somebody dials, or its last digits.
fn only_number(text: &str) -> Option<String> {
    let text = text.replace("(0)", "");
    let is_number = text.chars().all(|c| c.is_ascii_digit() || is_between(c) || c == '+');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_enough = (LAST..=*DIALED.end()).contains(&digits.len());
    (is_number && is_enough && digits.contains(|digit| digit != '0')).then_some(digits)
}

/// The digits of what looks like a number that somebody dials.
fn dialed(text: &str) -> impl Iterator<Item = String> {
    shape::numbers(text).into_iter().map(|number| number.digits).filter(|digits| DIALED.contains(&digits.len()))
}

/// The e-mail addresses in a text, in lower case.
fn addresses(text: &str) -> impl Iterator<Item = String> + '_ {
    shape::addresses(text).into_iter().filter_map(|range| text.get(range)).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_however_it_is_written() {
        let dialed = |text| dialed(text).collect::<Vec<_>>();
        assert_eq!(dialed("call +55 (11) 99999-0000, or 2079460000"), ["5511999990000", "2079460000"]);
        assert_eq!(dialed("+44 (0)20 7946 0000"), ["442079460000"]);
        assert_eq!(dialed("10:00:00Z has 123456 of 123456789012345678"), [""; 0]);
        assert_eq!(number("02079460000"), number("002079460000"));
        assert_eq!(ends_with("999990000"), "(\"zd000099999\" * OR \"zd00009999\")");
        assert_eq!(ends_with("0711"), "(\"zd1170\" * OR \"0711\")");
        assert_eq!(ends_with("4711"), "(\"zd1174\" * OR \"4711\")");
    }

    #[test]
    fn an_address_is_one_word_and_a_name_is_several() {
        let asked = |text| asked(text).unwrap();
        assert_eq!(asked("+55 11 99999-0000").unwrap().len(), 1);
        assert_eq!(asked("Ana@Example.com"), Some(vec![quoted(&Field::Address.word("ana@example.com"))]));
        assert_eq!(asked("Anã \"Souza\""), Some(vec!["\"ana\"".to_owned(), "\"souza\"".to_owned()]));
        assert_eq!(asked("  *** "), None);
        assert_eq!(addresses("from \"Ana\" <ana@example.com>.").collect::<Vec<_>>(), ["ana@example.com"]);
    }

    #[test]
    fn the_words_of_one_event_are_bounded() {
        let mut words = Words::default();
        words.value(&Value::from("é".repeat(LONGEST)));
        words.value(&Value::from("more"));
        let text = words.into_text();
        assert!(text.len() <= LONGEST + 8 && text.ends_with(&format!("é {MORE}")), "{}", text.len());
    }
}

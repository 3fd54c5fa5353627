//! Splits a path into words, quoted texts, spaces and signs, to explain what a parser only refuses.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters, digits, `_` and anything outside ASCII.
    Word,
    Quoted,
    /// A quote which is never closed, to the end of the text.
    Unclosed,
    Space,
    Sign,
}

#[derive(Clone, Debug)]
pub struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    pub range: Range<usize>,
}

impl Token<'_> {
    pub fn is(&self, text: &str) -> bool {
        self.kind == Kind::Sign && self.text == text
    }

    pub fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }

    /// A word which can be a name: it does not start with a digit.
    pub fn is_name(&self) -> bool {
        self.is_word() && !self.text.starts_with(|first: char| first.is_ascii_digit())
    }
}

pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = next(rest);
        let range = at..(at + length.max(1)).min(text.len());
        tokens.push(Token { kind, text: text.get(range.clone()).unwrap_or_default(), range: range.clone() });
        at = range.end;
    }
    tokens
}

fn next(rest: &str) -> (Kind, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    if matches!(first, '\'' | '"') {
        return quoted_length(rest, first).map_or((Kind::Unclosed, rest.len()), |length| (Kind::Quoted, length));
    }
    if is_space(first) {
        return (Kind::Space, rest.find(|c| !is_space(c)).unwrap_or(rest.len()));
    }
    if is_word(first) {
        return (Kind::Word, rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
    }
    let double = ["==", "!=", "<=", ">=", "&&", "||", ".."].iter().any(|sign| rest.starts_with(sign));
    (Kind::Sign, if double { 2 } else { first.len_utf8() })
}

/// The bytes from the opening quote to the closing one.
fn quoted_length(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// Whether a name can follow a dot.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) && name.chars().all(is_word)
}

/// A name as it is written between brackets.
pub fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('\'');
    for c in name.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('\'');
    out
}

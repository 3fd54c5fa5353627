//! A line of the file as its writer sees it: indentation, dashes, a key, a value, a comment.

use std::ops::Range;

const BREAKS: [char; 2] = ['\n', '\r'];

/// One line, without its line break.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    source: &'a str,
    pub start: usize,
    pub text: &'a str,
}

/// The parts of a line, in bytes of the file.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// Where the dashes of list items start, if there are any; else where the body does.
    pub first: usize,
    /// Where the line starts after its indentation and the dashes of list items.
    pub body: usize,
    /// The key, with its quotes.
    pub key: Option<Range<usize>>,
    /// What follows the key or the dash, without a comment.
    pub value: Range<usize>,
}

impl<'a> Line<'a> {
    /// The line that holds a byte.
    pub fn at(source: &'a str, byte: usize) -> Self {
        let byte = source.floor_char_boundary(byte);
        let (before, after) = source.split_at_checked(byte).unwrap_or((source, ""));
        let bom = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let start = before.rfind(BREAKS).map_or(bom.min(byte), |i| i + 1);
        let end = byte + after.find(BREAKS).unwrap_or(after.len());
        Line { source, start, text: source.get(start..end).unwrap_or("") }
    }

    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The whole text that it is a line of.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Its number, from 1.
    pub fn number(&self) -> usize {
        self.source.get(..self.start).unwrap_or("").matches('\n').count() + 1
    }

    pub fn previous(&self) -> Option<Self> {
        let above = self.source.get(..self.start)?;
        let above = above.strip_suffix("\r\n").or_else(|| above.strip_suffix(BREAKS))?;
        Some(Line::at(self.source, above.len()))
    }

    pub fn next(&self) -> Option<Self> {
        let below = self.source.get(self.end()..)?;
        let length = if below.starts_with("\r\n") { 2 } else { 1 };
        (below.len() >= length && self.end() + length < self.source.len())
            .then(|| Line::at(self.source, self.end() + length))
    }

    /// What precedes the first character that is neither a space nor a tab.
    pub fn indentation(&self) -> &'a str {
        let body = self.text.trim_start_matches([' ', '\t']);
        self.text.get(..self.text.len() - body.len()).unwrap_or("")
    }

    pub fn indent(&self) -> usize {
        self.indentation().len()
    }

    /// Whether lines follow that belong to this one by their indentation.
    pub fn has_deeper_lines(&self) -> bool {
        let below = std::iter::successors(self.next(), Line::next).find(|line| !line.is_idle());
        below.is_some_and(|below| below.indent() > self.parts().body - self.start)
    }

    /// Nothing on it but blanks or a comment.
    pub fn is_idle(&self) -> bool {
        let body = self.text.trim();
        body.is_empty() || body.starts_with('#')
    }

    /// Its text from a byte on.
    pub fn rest(&self, from: usize) -> &'a str {
        from.checked_sub(self.start).and_then(|at| self.text.get(at..)).unwrap_or("")
    }

    pub fn slice(&self, range: Range<usize>) -> &'a str {
        self.source.get(range).unwrap_or("")
    }

    pub fn parts(&self) -> Parts {
        let first = self.start + self.indent();
        let mut body = first;
        while let Some(after) = self.rest(body).strip_prefix(['-', '?', ':']) {
            if !(after.is_empty() || after.starts_with([' ', '\t'])) {
                break;
            }
            body = self.end() - after.trim_start_matches([' ', '\t']).len();
        }
        let key = self.key(body);
        let value = key.as_ref().map_or(body, |key| {
            let after = self.rest(key.end).trim_start_matches([' ', '\t']);
            let after = after.strip_prefix(':').unwrap_or(after);
            self.end() - after.trim_start_matches([' ', '\t']).len()
        });
        Parts { first, body, key, value: value..value + value_length(self.rest(value)) }
    }

    fn key(&self, body: usize) -> Option<Range<usize>> {
        let rest = self.rest(body);
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let length = quoted_length(rest, quote)?;
            let after = rest.get(length..)?.trim_start_matches([' ', '\t']);
            let colon = after.strip_prefix(':')?;
            return (colon.is_empty() || colon.starts_with([' ', '\t'])).then_some(body..body + length);
        }
        if rest.starts_with(['[', '{', '#', '|', '>']) {
            return None;
        }
        let colon = colon_in(rest)?;
        Some(body..body + rest.get(..colon)?.trim_end().len())
    }

    /// The line with one range replaced, as a help shows it.
    pub fn with(&self, range: Range<usize>, replacement: &str) -> String {
        let before = self.slice(self.start + self.indent()..range.start.max(self.start + self.indent()));
        format!("{before}{replacement}{}", self.rest(range.end).trim_end())
    }
}

/// The first colon that ends a key: followed by a blank or the end of the line, and not in a comment.
pub(super) fn colon_in(text: &str) -> Option<usize> {
    let text = text.get(..comment_in(text).unwrap_or(text.len())).unwrap_or(text);
    text.match_indices(':').map(|(at, _)| at).find(|at| {
        let after = text.get(at + 1..).unwrap_or("");
        after.is_empty() || after.starts_with([' ', '\t'])
    })
}

/// Where a comment starts: a `#` at the start or after a blank.
pub(super) fn comment_in(text: &str) -> Option<usize> {
    text.match_indices('#').map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).unwrap_or("");
        before.is_empty() || before.ends_with([' ', '\t'])
    })
}

/// The length of a quoted text with its quotes, when it ends.
pub(super) fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            c if c == quote && quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) => {
                chars.next();
            }
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A value without the comment after it. Within quotes and `{{ }}` a `#` is no comment.
fn value_length(text: &str) -> usize {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let template = ["}}", "%}", "#}"].iter().filter_map(|end| text.rfind(end)).max().map_or(0, |at| at + 2);
    let sure = match quote {
        Some(quote) => quoted_length(text, quote).unwrap_or(text.len()),
        None if text.starts_with("{{") || text.starts_with("{%") || text.starts_with("{#") => template,
        None => 0,
    };
    let rest = text.get(sure..).unwrap_or("");
    let end = match comment_in(rest) {
        // A `#` right after what is sure to belong to the value is no comment.
        Some(0) if sure > 0 => text.len(),
        Some(at) => sure + at,
        None => text.len(),
    };
    text.get(..end).unwrap_or(text).trim_end().len()
}

/// Whether a word could be a key.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '?' | '.'))
}

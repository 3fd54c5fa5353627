//! The offset map: where in the file each character of a decoded scalar was written.

use std::ops::Range;

use super::{Scalar, Style};

/// For every character of a scalar's decoded text, the bytes of the file that stand for it.
#[derive(Clone, Debug)]
pub struct OffsetMap {
    span: Range<usize>,
    length: usize,
    marks: Vec<Mark>,
}

#[derive(Clone, Debug)]
struct Mark {
    decoded: usize,
    source: Range<usize>,
}

impl OffsetMap {
    /// The map of the scalar that stands at `span` in `text`.
    pub fn new(text: &str, span: Range<usize>, scalar: &Scalar) -> Self {
        let mut tracer =
            Tracer { text, at: span.start, wanted: &scalar.text, marks: Vec::new(), decoded: 0, lost: false };
        match scalar.style {
            Style::Plain => tracer.flow(None),
            Style::SingleQuoted => tracer.flow(Some('\'')),
            Style::DoubleQuoted => tracer.flow(Some('"')),
            Style::Literal => tracer.block(false),
            Style::Folded => tracer.block(true),
        }
        // A text that was not followed to its end would point at the wrong bytes; the whole scalar is never wrong.
        let marks = if tracer.is_done() && !tracer.lost { tracer.marks } else { Vec::new() };
        OffsetMap { span, length: scalar.text.len(), marks }
    }

    /// Whether every character was found; otherwise every range is that of the whole scalar.
    pub fn is_exact(&self) -> bool {
        self.length == 0 || !self.marks.is_empty()
    }

    /// The bytes of the file that stand for a byte range of the decoded text.
    pub fn range(&self, part: Range<usize>) -> Range<usize> {
        if self.marks.is_empty() {
            return self.span.clone();
        }
        let start = self.start_of(part.start);
        if part.end <= part.start {
            return start..start;
        }
        let last = self.marks.partition_point(|mark| mark.decoded < part.end);
        let end = last.checked_sub(1).and_then(|i| self.marks.get(i)).map_or(start, |mark| mark.source.end);
        start..end.max(start)
    }

    fn start_of(&self, decoded: usize) -> usize {
        let after = self.marks.partition_point(|mark| mark.decoded <= decoded);
        match after.checked_sub(1).and_then(|i| self.marks.get(i)) {
            Some(mark) if decoded >= self.length => mark.source.end,
            Some(mark) => mark.source.start,
            None => self.span.start,
        }
    }
}

/// Decodes a scalar a second time, slowly, noting where each character comes from.
struct Tracer<'a> {
    text: &'a str,
    at: usize,
    wanted: &'a str,
    marks: Vec<Mark>,
    decoded: usize,
    lost: bool,
}

impl Tracer<'_> {
    fn is_done(&self) -> bool {
        self.lost || self.decoded >= self.wanted.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Notes that `c` is written at `source`; being wrong about it ends the tracing.
    fn emit(&mut self, c: char, source: Range<usize>) {
        if self.is_done() {
            return;
        }
        if self.wanted.get(self.decoded..).and_then(|rest| rest.chars().next()) != Some(c) {
            self.lost = true;
            return;
        }
        self.marks.push(Mark { decoded: self.decoded, source });
        self.decoded += c.len_utf8();
    }

    fn flow(&mut self, quote: Option<char>) {
        self.at += quote.map_or(0, char::len_utf8);
        while !self.is_done() {
            let start = self.at;
            match self.peek() {
                None => return,
                Some(' ' | '\t' | '\n' | '\r') => self.blanks(),
                Some('\\') if quote == Some('"') => self.escape(),
                Some('\'') if quote == Some('\'') => {
                    self.at += 2;
                    self.emit('\'', start..self.at);
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    self.emit(c, start..self.at);
                }
            }
        }
    }

    /// Blanks within a line are content; around line breaks they are not, and the breaks fold.
    fn blanks(&mut self) {
        let start = self.at;
        self.skip_blanks();
        let Some(first) = self.line_break() else {
            for offset in start..self.at {
                let c = if self.text.as_bytes().get(offset) == Some(&b'\t') { '\t' } else { ' ' };
                self.emit(c, offset..offset + 1);
            }
            return;
        };
        self.skip_blanks();
        if !self.empty_lines() {
            self.emit(' ', first);
        }
    }

    /// Every break after the first is a line break of the text.
    fn empty_lines(&mut self) -> bool {
        let mut any = false;
        while let Some(next) = self.line_break() {
            self.emit('\n', next);
            self.skip_blanks();
            any = true;
        }
        any
    }

    fn skip_blanks(&mut self) {
        while let Some(' ' | '\t') = self.peek() {
            self.at += 1;
        }
    }

    fn line_break(&mut self) -> Option<Range<usize>> {
        let length = break_length(self.rest())?;
        let start = self.at;
        self.at += length;
        Some(start..self.at)
    }

    fn escape(&mut self) {
        let start = self.at;
        self.at += 1;
        if self.line_break().is_some() {
            self.skip_blanks();
            self.empty_lines();
            return;
        }
        let Some(c) = self.peek() else { return };
        self.at += c.len_utf8();
        let value = match c {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            'x' => self.hex(2),
            'u' => self.hex(4),
            'U' => self.hex(8),
            other => other,
        };
        self.emit(value, start..self.at);
    }

    /// A code point in hexadecimal; two escapes make one character where they are a surrogate pair.
    fn hex(&mut self, digits: usize) -> char {
        let Some(high) = self.hex_digits(digits) else { return '\0' };
        if !(0xd800..0xdc00).contains(&high) || !self.rest().starts_with("\\u") {
            return char::from_u32(high).unwrap_or('\0');
        }
        self.at += 2;
        let low = self.hex_digits(4).unwrap_or(0);
        let joined = 0x10000 + ((high - 0xd800) << 10) + low.wrapping_sub(0xdc00) % 0x400;
        char::from_u32(joined).unwrap_or('\0')
    }

    fn hex_digits(&mut self, digits: usize) -> Option<u32> {
        let end = self.at.checked_add(digits)?;
        let value = u32::from_str_radix(self.text.get(self.at..end)?, 16).ok()?;
        self.at = end;
        Some(value)
    }

    fn block(&mut self, folded: bool) {
        self.at = self.first_line();
        let indent = self.indent();
        let mut breaks: Vec<Range<usize>> = Vec::new();
        let mut before: Option<bool> = None;
        while !self.is_done() && self.at < self.text.len() {
            let spaces = self.rest().bytes().take_while(|b| *b == b' ').count();
            self.at += spaces.min(indent);
            let length = self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
            if length > 0 && spaces < indent {
                break;
            }
            if length > 0 {
                let deeper = self.rest().starts_with([' ', '\t']);
                self.between(folded, before.map(|before| before || deeper), &mut breaks);
                before = Some(deeper);
                self.copy(length);
            }
            breaks.extend(self.line_break());
        }
        for one in breaks {
            self.emit('\n', one);
        }
        if self.decoded + 1 == self.wanted.len() {
            // A last line that the file does not end still ends in a line break when it is decoded.
            self.emit('\n', self.text.len()..self.text.len());
        }
    }

    /// The breaks between two lines of text: kept in a literal, and in a folded one before the first line and
    /// beside a line that is indented more (`keep`).
    fn between(&mut self, folded: bool, keep: Option<bool>, breaks: &mut Vec<Range<usize>>) {
        let folds = folded && keep == Some(false);
        let single = breaks.len() == 1;
        for (position, one) in breaks.drain(..).enumerate() {
            match (folds, single, position) {
                (true, true, _) => self.emit(' ', one),
                (true, false, 0) => {}
                _ => self.emit('\n', one),
            }
        }
    }

    fn copy(&mut self, length: usize) {
        let end = self.at + length;
        while self.at < end && !self.is_done() {
            let Some(c) = self.peek() else { return };
            let start = self.at;
            self.at += c.len_utf8();
            self.emit(c, start..self.at);
        }
        self.at = end;
    }

    /// Where the line below the header starts: a span starts at the first text, which empty lines may precede.
    fn first_line(&self) -> usize {
        let before = self.text.get(..self.at).unwrap_or("");
        if self.wanted.trim_matches(['\n', ' ']).is_empty() {
            let header = self.rest();
            let line = header.find(['\n', '\r']).unwrap_or(header.len());
            return self.at + line + break_length(header.get(line..).unwrap_or("")).unwrap_or(0);
        }
        let mut start = before.rfind(['\n', '\r']).map_or(0, |i| i + 1);
        loop {
            let above = before.get(..start).unwrap_or("");
            let above = above.strip_suffix("\r\n").or_else(|| above.strip_suffix(['\n', '\r'])).unwrap_or(above);
            let line = above.rfind(['\n', '\r']).map_or(0, |i| i + 1);
            let blank = above.get(line..).is_some_and(|line| line.bytes().all(|b| b == b' '));
            if !blank || line >= start {
                return start;
            }
            start = line;
        }
    }

    /// The spaces that are indentation: those of the first line with text, without those that were decoded.
    fn indent(&self) -> usize {
        let leading = |text: &str| {
            let text_at = text.find(|c| !matches!(c, ' ' | '\n' | '\r'))?;
            let before = text.get(..text_at)?;
            Some(before.len() - before.rfind(['\n', '\r']).map_or(0, |i| i + 1))
        };
        match (leading(self.rest()), leading(self.wanted)) {
            (Some(written), Some(decoded)) => written.saturating_sub(decoded),
            _ => self.blank_indent(),
        }
    }

    /// The same for a text of nothing but spaces and line breaks.
    fn blank_indent(&self) -> usize {
        let pairs = self.rest().lines().zip(self.wanted.split('\n'));
        pairs
            .filter(|(_, decoded)| !decoded.is_empty())
            .map(|(line, decoded)| line.len() - decoded.len().min(line.len()))
            .next()
            .unwrap_or(usize::MAX)
    }
}

fn break_length(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n' | b'\r', ..] => Some(1),
        _ => None,
    }
}

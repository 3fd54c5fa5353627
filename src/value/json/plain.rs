//! JSON as nearly all senders write it, read in one pass over text that is known to be UTF-8.
//!
//! Whatever is out of the ordinary, above all what is wrong, is left to the strict reader, which can say what it is and where:
//! then there is no value here.

use std::sync::Arc;

use super::{Limits, keys};
use crate::value::{Number, Object, Value};

/// No longer number is read here.
const LONGEST_NUMBER: usize = 64;

/// One value and nothing else, within the limits.
pub(super) fn read(text: &str, limits: &Limits) -> Option<Value> {
    let (fields, items) = (Vec::with_capacity(32), Vec::with_capacity(32));
    let mut reader = Reader { text, at: 0, limits: *limits, nodes: 0, fields, items, unescaped: String::new() };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    limits: Limits,
    nodes: usize,
    /// The fields and items of what is being read, those of the innermost last: what is done takes its own from the end.
    fields: Vec<(Arc<str>, Value)>,
    items: Vec<Value>,
    unescaped: String,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes || depth > self.limits.depth {
            return None;
        }
        match self.peek()? {
            b'"' => self.string(|text| text.into()).map(Value::String),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let start = self.fields.len();
        let mut is_open = self.opens(b'}', depth)?;
        while is_open {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string(keys::shared)?;
            self.space();
            self.takes(b':').then_some(())?;
            self.space();
            let field = self.value(depth)?;
            self.fields.push((key, field));
            is_open = self.goes_on(b'}')?;
        }
        Some(Value::from(Object::from(self.fields.drain(start..).collect::<Vec<_>>())))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let start = self.items.len();
        let mut is_open = self.opens(b']', depth)?;
        while is_open {
            let item = self.value(depth)?;
            self.items.push(item);
            is_open = self.goes_on(b']')?;
        }
        Some(Value::Array(self.items.drain(start..).collect()))
    }

    /// Goes past an opening bracket; whether there is something in it.
    fn opens(&mut self, end: u8, depth: usize) -> Option<bool> {
        if depth > self.limits.depth {
            return None;
        }
        self.at += 1;
        self.space();
        Some(!self.takes(end))
    }

    /// Whether another entry follows, or else the end.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.space();
        if self.takes(b',') {
            self.space();
            return Some(true);
        }
        self.takes(end).then_some(false)
    }

    fn string(&mut self, made: fn(&str) -> Arc<str>) -> Option<Arc<str>> {
        let start = self.at + 1;
        let end = start + plain(self.text.as_bytes().get(start..)?);
        self.at = end + 1;
        match self.text.as_bytes().get(end)? {
            b'"' => self.text.get(start..end).map(made),
            b'\\' => self.escaped(start, end).map(|()| made(&self.unescaped)),
            _ => None,
        }
    }

    /// A text from `start` with its first escape at `end`, into `unescaped`.
    fn escaped(&mut self, mut start: usize, mut end: usize) -> Option<()> {
        self.unescaped.clear();
        loop {
            self.unescaped.push_str(self.text.get(start..end)?);
            match self.text.as_bytes().get(end)? {
                b'"' => {
                    self.at = end + 1;
                    return Some(());
                }
                b'\\' => start = end + self.escape(end)?,
                _ => return None,
            }
            end = start + plain(self.text.as_bytes().get(start..)?);
        }
    }

    /// One escape, into `unescaped`; how long it is.
    fn escape(&mut self, at: usize) -> Option<usize> {
        let letter = match self.text.as_bytes().get(at + 1)? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            letter @ (b'"' | b'\\' | b'/') => char::from(*letter),
            b'u' => {
                let first = self.unit(at)?;
                let is_half = (0xD800..0xDC00).contains(&first);
                let second = if is_half { Some(self.unit(at + 6)?) } else { None };
                let letter = char::decode_utf16([first].into_iter().chain(second)).next()?.ok()?;
                self.unescaped.push(letter);
                return Some(if is_half { 12 } else { 6 });
            }
            _ => return None,
        };
        self.unescaped.push(letter);
        Some(2)
    }

    /// The number of an escape `\uXXXX`.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest.iter().take(LONGEST_NUMBER + 1).take_while(|byte| is_part(byte)).count();
        let text = self.text.get(self.at..self.at + length).filter(|text| text.len() <= LONGEST_NUMBER)?;
        self.at += length;
        Number::parse(text).map(Value::Number)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let is_there = self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }
}

/// How many bytes come before a quote, a backslash or a control character, looked for eight at a time.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if found != 0 {
            return at * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().take_while(|byte| is_plain(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_ends_a_run_is_found_wherever_it_stands() {
        for length in 0..40 {
            for end in [b'"', b'\\', 0, 0x1F] {
                let mut bytes = vec![0xC3; length];
                bytes.extend([end, b'"', 0x20, 0x7F, 0xFF, 0x80]);
                assert_eq!(plain(&bytes), length, "{end}");
            }
            assert_eq!(plain(&vec![b'!'; length]), length);
        }
    }

    #[test]
    fn what_is_wrong_or_too_much_is_left_to_others() {
        let few = Limits { depth: 2, nodes: 4 };
        for text in [
            "",
            " ",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{,}",
            "[",
            "\"a",
            "\"\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"\\x\"",
            "\"\\u+123\"",
            "tru",
            "1 2",
            "01",
            "+1",
            "1.",
            "NaN",
            "\"\n\"",
            "[[[1]]]",
            "[1,2,3,4]",
            "{} ]",
            "'a'",
        ] {
            assert_eq!(read(text, &few), None, "{text}");
        }
        assert_eq!(read(&"1".repeat(65), &few), None);
        assert_eq!(
            read(" { \"a\" : [ 1.10 , \"\\ud83d\\ude00\\/\\n\" ] } ", &few).unwrap().to_json(),
            "{\"a\":[1.10,\"😀/\\n\"]}"
        );
    }
}

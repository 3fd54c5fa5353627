//! Where the parts of a multipart body begin and end, and the bytes that they hold.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A part has no more lines of head than this; one that has is none.
const LONGEST_HEAD: usize = 64 << 10;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// The parts that are left of a body. Lines end with CR LF, or with LF alone, as an editor may have kept them.
pub(super) struct Bodies<'b> {
    rest: &'b [u8],
    boundary: Vec<u8>,
    is_last: bool,
}

/// What comes next.
pub(super) enum Found<'b> {
    /// The lines of its head, and what is below them.
    Part(&'b [u8], &'b [u8]),
    End,
    /// It breaks off.
    Broken,
}

/// A line of `--` and the boundary.
struct Delimiter {
    /// Where what is before it ends, without its line break.
    end: usize,
    /// Where what is below it begins.
    next: usize,
    is_last: bool,
}

impl<'b> Bodies<'b> {
    /// Nothing where no part begins.
    pub(super) fn of(body: &'b [u8], boundary: &[u8]) -> Option<Self> {
        let boundary = [b"--", boundary].concat();
        let first = delimiter(body, &boundary)?;
        Some(Bodies { rest: body.get(first.next..)?, boundary, is_last: first.is_last })
    }

    pub(super) fn next(&mut self) -> Found<'b> {
        if self.is_last {
            return Found::End;
        }
        let rest = self.rest;
        let Some(found) = delimiter(rest, &self.boundary) else { return Found::Broken };
        let part = rest.get(..found.end).unwrap_or_default();
        (self.rest, self.is_last) = (rest.get(found.next..).unwrap_or_default(), found.is_last);
        match head(part) {
            Some((head, bytes)) => Found::Part(head, bytes),
            None => Found::Broken,
        }
    }
}

/// The first line that begins with the boundary and holds nothing else but `--` at the end of all.
fn delimiter(text: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    let mut start = 0;
    while let Some(line) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let length = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |at| at + 1);
        let is_ended = line.get(length - 1) == Some(&b'\n');
        let after = line.get(..length).and_then(|line| line.strip_prefix(boundary)).map(<[u8]>::trim_ascii_end);
        let is_last = after.is_some_and(|after| after.starts_with(b"--"));
        if is_last || (is_ended && after.is_some_and(<[u8]>::is_empty)) {
            let before = text.get(..start).unwrap_or_default();
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            let end = before.strip_suffix(b"\r").filter(|_| start > 0).unwrap_or(before).len();
            return Some(Delimiter { end, next: start + length, is_last });
        }
        start += length;
    }
    None
}

/// The head of a part and what is below the empty line after it.
fn head(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    loop {
        let line = part.get(start..)?;
        let length = line.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n').map(|at| at + 1);
        // Of a part that holds nothing, the line break may be that of the next boundary.
        let length = length.or((line.trim_ascii().is_empty()).then_some(line.len()))?;
        if line.get(..length)?.trim_ascii().is_empty() {
            return part.split_at_checked(start).map(|(head, rest)| (head, rest.get(length..).unwrap_or_default()));
        }
        start += length;
        if start > LONGEST_HEAD {
            return None;
        }
    }
}

/// The value of a header of a part, given in lower case. A line that begins with a space goes on with the one before.
pub(super) fn header(head: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).peekable();
    while let Some(line) = lines.next() {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let (key, value) = (line.get(..at)?.trim_ascii(), line.get(at + 1..)?.trim_ascii());
        if !key.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let mut value = value.to_vec();
        while let Some(more) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            value.push(b' ');
            value.extend_from_slice(more.trim_ascii());
        }
        return Some(value);
    }
    None
}

/// In lines or in one.
pub(super) fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let letters: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(&letters).ok()
}

/// By RFC 2045; a `=` that stands for nothing is left as it is.
pub(super) fn from_quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let spaces = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line = after.get(spaces..).unwrap_or_default();
        let broken = line.strip_prefix(b"\r\n").or(line.strip_prefix(b"\n"));
        rest = match (*first, digit(after.first()), digit(after.get(1)), broken) {
            (b'=', Some(high), Some(low), _) => {
                decoded.push(high << 4 | low);
                after.get(2..).unwrap_or_default()
            }
            // A line that goes on.
            (b'=', _, _, Some(next)) => next,
            (byte, ..) => {
                decoded.push(byte);
                after
            }
        };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_is_read_as_mail_programs_write_it() {
        let cases =
            [("Jos=C3=A9", "José"), ("a=\r\nb= \nc", "abc"), ("1=2", "1=2"), ("x=3D1=", "x=1="), ("a\r\nb", "a\r\nb")];
        for (text, wanted) in cases {
            assert_eq!(String::from_utf8(from_quoted_printable(text.as_bytes())).unwrap(), wanted, "{text}");
        }
    }
}

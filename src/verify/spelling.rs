//! Where a text stands among bytes, however its letters are written: as they are, or escaped as in JSON, a form or XML.

use std::ops::Range;

use super::hash::from_hex;

/// The bytes that may stand for the text, in the order in which they begin, and the longest first.
pub(super) fn places<'b>(bytes: &'b [u8], text: &'b str) -> impl Iterator<Item = Range<usize>> + 'b {
    (0..bytes.len()).flat_map(move |start| ends(bytes, start, text).into_iter().rev().map(move |end| start..end))
}

/// Where the text may end that begins here. A letter of one way of writing may be an escape of another.
fn ends(bytes: &[u8], start: usize, text: &str) -> Vec<usize> {
    let mut ends = vec![start];
    for letter in text.chars() {
        let next = |at: usize| lengths(bytes.get(at..).unwrap_or_default(), letter).map(move |length| at + length);
        ends = ends.into_iter().flat_map(next).collect();
        ends.sort_unstable();
        ends.dedup();
        if ends.is_empty() {
            break;
        }
    }
    ends
}

/// How many bytes stand for a letter here, in each way of writing.
fn lengths(bytes: &[u8], letter: char) -> impl Iterator<Item = usize> + use<> {
    let mut buffer = [0; 4];
    let plain = letter.encode_utf8(&mut buffer).as_bytes();
    let literal = bytes.starts_with(plain).then_some(plain.len());
    let others = match bytes.first() {
        Some(b'+') if letter == ' ' => [Some(1), None],
        Some(b'%') => [percent(bytes, plain), percent(bytes, &latin(letter))],
        Some(b'\\') => [json(bytes, letter), None],
        Some(b'&') => [entity(bytes, letter), None],
        _ => [None, None],
    };
    [literal].into_iter().chain(others).flatten()
}

/// `%C3%A9`
fn percent(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut codes = bytes.chunks(3);
    let is_code = |byte: &u8| {
        let code = codes.next().and_then(|code| std::str::from_utf8(code.strip_prefix(b"%")?).ok());
        code.and_then(from_hex).is_some_and(|found| found == [*byte])
    };
    (!wanted.is_empty() && wanted.iter().all(is_code)).then_some(wanted.len() * 3)
}

/// The one byte of a letter in the charset of old forms, if it has one.
fn latin(letter: char) -> Vec<u8> {
    u8::try_from(u32::from(letter)).map(|byte| vec![byte]).unwrap_or_default()
}

/// `\n`, `\/` or `\u00e9`, of one or two units
fn json(bytes: &[u8], letter: char) -> Option<usize> {
    let short = match bytes.get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        other => char::from(*other),
    };
    if short == letter && bytes.get(1) != Some(&b'u') {
        return Some(2);
    }
    let mut units = [0; 2];
    let units = letter.encode_utf16(&mut units);
    let unit = |bytes: &[u8]| {
        let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?).ok()?;
        from_hex(digits).and_then(|unit| Some(u16::from_be_bytes(unit.try_into().ok()?)))
    };
    let mut found = bytes.chunks(6).map(unit);
    units.iter().all(|wanted| found.next().flatten() == Some(*wanted)).then_some(units.len() * 6)
}

/// `&amp;`, `&#233;` or `&#xE9;`
fn entity(bytes: &[u8], letter: char) -> Option<usize> {
    /// No number is written longer, its zeros counted.
    const LONGEST: usize = 16;
    let end = bytes.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let found = match std::str::from_utf8(bytes.get(1..end)?).ok()? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)?
        }
    };
    (found == letter).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_its_letters_are_written() {
        let cases = [
            ("k3y", "a k3y", Some(2..5)),
            ("k3y", "%6b%33Y %6B3y", Some(8..13)),
            ("a b", "a+b", Some(0..3)),
            ("é", "x=%C3%A9", Some(2..8)),
            ("é", "x=%e9", Some(2..5)),
            ("a/\"é", r#""a\/\"\u00E9""#, Some(1..12)),
            ("😀", r"\ud83d\ude00", Some(0..12)),
            ("\\\\", r"\\\\", Some(0..4)),
            ("a<b&", "a&lt;b&#38;", Some(0..11)),
            ("a<b&", "a&#x3C;b&amp;", Some(0..13)),
            ("k3y", "k3", None),
            ("%", "%25", Some(0..3)),
        ];
        for (text, bytes, wanted) in cases {
            assert_eq!(places(bytes.as_bytes(), text).next(), wanted, "{text} in {bytes}");
        }
        assert_eq!(places(b"%25", "%").collect::<Vec<_>>(), [0..3, 0..1]);
    }
}

//! The letters of a body: by its byte order mark, by the charset that it declares, else UTF-8.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::header::parameter;

/// What a header or a document says of its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// It says nothing.
    Unsaid,
    Known(&'static Encoding),
    /// It names a charset that nobody knows.
    Unknown,
}

impl Charset {
    pub(super) fn of_label(label: &str) -> Charset {
        Encoding::for_label_no_replacement(label.trim().as_bytes()).map_or(Charset::Unknown, Charset::Known)
    }

    /// The `charset` of a content type.
    pub(super) fn of_header(content_type: &str) -> Charset {
        let label = parameter(content_type, "charset").filter(|label| !label.is_empty());
        label.map_or(Charset::Unsaid, |label| Charset::of_label(&label))
    }

    /// This one, or where it says nothing, the other.
    pub(super) fn or(self, other: Charset) -> Charset {
        if self == Charset::Unsaid { other } else { self }
    }

    /// How bytes are to be read which are UTF-8, or are not. A sender that names a charset of one byte for each letter and
    /// sends what is UTF-8 means UTF-8.
    pub(super) fn encoding(self, is_utf8: bool) -> Option<&'static Encoding> {
        match self {
            Charset::Known(encoding) if !(is_utf8 && encoding.is_single_byte()) => Some(encoding),
            _ => is_utf8.then_some(UTF_8),
        }
    }
}

/// What browsers take for the charset of a form that does not say it.
pub(super) const USUAL: Charset = Charset::Known(WINDOWS_1252);

/// The text of some bytes without its byte order mark; nothing when they are no text in their charset.
pub(super) fn text(bytes: &[u8], charset: Charset) -> Option<Cow<'_, str>> {
    if let (None, Charset::Unsaid, Ok(text)) = (Encoding::for_bom(bytes), charset, std::str::from_utf8(bytes))
        && !text.starts_with('\0')
        && text.as_bytes().get(1) != Some(&0)
    {
        return Some(Cow::Borrowed(text));
    }
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, bytes.get(length..)?),
        None => (unmarked(bytes, charset)?, bytes),
    };
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

/// The same of any bytes: what is no letter becomes U+FFFD.
pub(super) fn lossy(bytes: &[u8], charset: Charset) -> Cow<'_, str> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, bytes.get(length..).unwrap_or_default()),
        None => (unmarked(bytes, charset).unwrap_or(UTF_8), bytes),
    };
    encoding.decode_without_bom_handling(bytes).0
}

fn unmarked(bytes: &[u8], charset: Charset) -> Option<&'static Encoding> {
    match (charset, bytes) {
        // ASCII in two bytes for each letter, with nothing that says so.
        (Charset::Unsaid, [0, second, ..]) if *second != 0 => Some(UTF_16BE),
        (Charset::Unsaid, [first, 0, ..]) if *first != 0 => Some(UTF_16LE),
        _ => charset.encoding(std::str::from_utf8(bytes).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_letter_is_marked_where_it_must_be_read() {
        assert_eq!(lossy(b"Jos\xe9", Charset::Unsaid), "Jos\u{fffd}");
        assert_eq!(lossy(b"Jos\xe9", Charset::of_label("no-such")), "Jos\u{fffd}");
        assert_eq!(lossy(b"\x82", Charset::of_label("Shift_JIS")), "\u{fffd}");
    }

    #[test]
    fn letters_are_read_by_mark_declaration_and_form() {
        let latin = Charset::of_header("text/plain; charset=ISO-8859-1");
        let cases: &[(&[u8], Charset, Option<&str>)] = &[
            (b"Jos\xe9", latin, Some("José")),
            ("José".as_bytes(), latin, Some("José")),
            (b"Jos\xe9", Charset::Unsaid, None),
            (b"Jos\xe9", USUAL, Some("José")),
            (b"\xef\xbb\xbfa", Charset::Unsaid, Some("a")),
            (b"\xff\xfea\0", Charset::Unsaid, Some("a")),
            (b"\xfe\xff\0a", latin, Some("a")),
            (b"\0a\0b", Charset::Unsaid, Some("ab")),
            (b"a\0b\0", Charset::Unsaid, Some("ab")),
            (b"a\0b", Charset::Unsaid, None),
            (b"\x82\xa0", Charset::of_label("Shift_JIS"), Some("あ")),
            (b"\x82", Charset::of_label("Shift_JIS"), None),
            (b"a", Charset::of_label("no-such"), Some("a")),
            (b"\xe9", Charset::of_label("no-such"), None),
            (b"a", Charset::of_label("hz-gb-2312"), Some("a")),
            (b"", Charset::Unsaid, Some("")),
        ];
        for (bytes, charset, wanted) in cases {
            assert_eq!(text(bytes, *charset).as_deref(), *wanted, "{bytes:?} as {charset:?}");
            if let Some(wanted) = wanted {
                assert_eq!(lossy(bytes, *charset), *wanted, "{bytes:?} as {charset:?}");
            }
        }
    }
}

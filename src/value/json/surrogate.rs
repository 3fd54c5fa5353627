//! Escapes such as `\ud83d` that are one half of a character and stand alone.

/// The escape that takes their place, as long as they are, so that every place in the text stays the same.
const UNKNOWN: &[u8] = b"\\ufffd";

/// The same JSON with each half of a character as U+FFFD; nothing where there is none.
pub(super) fn replaced(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut whole: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += next;
        let rest = bytes.get(at..).unwrap_or_default();
        at += match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => 12,
            (Some(0xD800..0xE000), _) => {
                let place = whole.get_or_insert_with(|| bytes.to_vec()).get_mut(at..at + UNKNOWN.len())?;
                place.copy_from_slice(UNKNOWN);
                6
            }
            // An escape of another kind, of which the second letter may be a `\\`, too.
            _ => 2,
        };
    }
    whole
}

/// The number of an escape `\uXXXX` that stands first.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits).ok().filter(|_| is_hex).and_then(|digits| u16::from_str_radix(digits, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_alone_are_replaced_and_nothing_else() {
        let cases = [
            (r#""\ud83d""#, Some(r#""\ufffd""#)),
            (r#""\ude00\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\uD83D\uD83D\uDE00""#, Some(r#""\ufffd\uD83D\uDE00""#)),
            (r#""\ud83d\n\\ud83d""#, Some(r#""\ufffd\n\\ud83d""#)),
            (r#""\\ud83d""#, None),
            (r#""\ud83d\ude00""#, None),
            (r#""\ud83""#, None),
            (r#""\"#, None),
        ];
        for (text, wanted) in cases {
            let found = replaced(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(found.as_deref(), wanted, "{text}");
        }
    }
}

//! What in a text looks like a number that somebody dials, or an e-mail address.

use std::ops::Range;

/// A number in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Bytes of the text, with a `+` or a bracket before it.
    pub range: Range<usize>,
    pub digits: String,
}

/// So many signs may stand between two digits of one number.
const BETWEEN: usize = 2;

/// What stands between the digits of a number as people write it.
pub fn is_between(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}')
}

/// Digits with no more between them than people write within a number: `+55 (11) 99999-0000`.
pub fn numbers(text: &str) -> Vec<Number> {
    let (mut found, mut gap) = (Vec::new(), 0);
    let mut digits: Option<Range<usize>> = None;
    for (at, c) in text.char_indices() {
        let known = digits.as_mut().filter(|_| gap <= BETWEEN);
        match (c.is_ascii_digit(), known) {
            (true, Some(range)) => (range.end, gap) = (at + 1, 0),
            (true, None) => {
                found.extend(digits.replace(at..at + 1));
                gap = 0;
            }
            (false, Some(_)) if is_between(c) => gap += 1,
            (false, _) => found.extend(digits.take()),
        }
    }
    found.extend(digits);
    found.into_iter().map(|range| number(text, range)).collect()
}

fn number(text: &str, Range { start, end }: Range<usize>) -> Number {
    // What is dialed within the country only: `+44 (0)20 7946 0000`.
    let written = text.get(start..end).unwrap_or_default().replace("(0)", "");
    let before = text.get(..start).unwrap_or_default();
    let before = before.trim_end_matches('+');
    // A bracket that is closed within the number is of the number.
    let is_closed = text.get(start..end).is_some_and(|number| number.contains(')'));
    let bare = before.strip_suffix('(').filter(|_| is_closed).unwrap_or(before).trim_end_matches('+').len();
    Number { range: bare..end, digits: written.chars().filter(char::is_ascii_digit).collect() }
}

/// Where the e-mail addresses stand in a text.
pub fn addresses(text: &str) -> Vec<Range<usize>> {
    let is_apart = |c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | '\'' | ':' | '=' | '&' | '/' | '?')
    };
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(is_apart) {
        let bare = word.trim_end_matches(is_apart).trim_end_matches('.');
        let is_address = bare.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.contains('@') && !host.starts_with('.')
        });
        if is_address {
            found.push(start..start + bare.len());
        }
        start += word.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(&str, String)> {
        numbers(text).into_iter().map(|number| (&text[number.range], number.digits)).collect()
    }

    #[test]
    fn a_number_is_found_as_people_write_it() {
        assert_eq!(
            told("call +55 (11) 99999-0000, or 2079"),
            [("+55 (11) 99999-0000", "5511999990000".to_owned()), ("2079", "2079".to_owned())]
        );
        assert_eq!(told("(11) 4000-1234"), [("(11) 4000-1234", "1140001234".to_owned())]);
        assert_eq!(told("+44 (0)20 7946 0000"), [("+44 (0)20 7946 0000", "442079460000".to_owned())]);
        assert_eq!(told("(+44 20 7946 0000)"), [("+44 20 7946 0000", "442079460000".to_owned())]);
        assert_eq!(told("é1 --- 2"), [("1", "1".to_owned()), ("2", "2".to_owned())]);
    }

    #[test]
    fn an_address_is_found_where_it_stands() {
        let text = "from \"Ana\" <Ana@example.com>; mailto:b.c@d.co. a@b@c.d @x.y";
        let found: Vec<&str> = addresses(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["Ana@example.com", "b.c@d.co"]);
    }
}

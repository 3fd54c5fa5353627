//! A place as other programs count it: lines and columns from 1, columns in UTF-16 code units.

use std::ops::Range;

/// From the first character to behind the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub start_line: usize,
    pub start_column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

impl Region {
    pub(super) fn of(text: &str, range: Range<usize>) -> Region {
        let start = range.start.min(text.len());
        let (start_line, start_column) = position(text, start);
        let (end_line, end_column) = position(text, range.end.clamp(start, text.len()));
        Region { start_line, start_column, end_line, end_column }
    }
}

fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(byte)).unwrap_or(text);
    // A byte order mark is no character of the first line to those who count.
    let before = before.trim_start_matches('\u{feff}');
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.encode_utf16().count() + 1)
}

/// The part of a range on its first line: a value that spans many is marked at its beginning.
pub(super) fn first_line(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(range.start);
    let end = text.floor_char_boundary(range.end.max(start));
    let first_line = text.get(start..end).and_then(|part| part.split('\n').next()).unwrap_or_default();
    start..start + first_line.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf_16_units() {
        let text = "\u{feff}a: 1\r\né😀: x\n";
        let at = text.find('x').unwrap();
        let found = Region::of(text, at..at + 1);
        assert_eq!(found, Region { start_line: 2, start_column: 6, end_line: 2, end_column: 7 });
        let first = Region::of(text, 3..4);
        assert_eq!((first.start_column, first.end_column), (1, 2));
        assert_eq!(first_line(text, 3..text.len()), 3..7);
    }
}

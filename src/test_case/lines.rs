//! Two texts one under the other, with a mark where they part.

/// How much of a line is shown.
const WIDTH: usize = 76;
/// How much of it before the place where two lines part.
const BEFORE: usize = 30;
/// How many lines of a text are shown on each side.
const LINES: usize = 6;

const EXPECTED: &str = "- expected ";
const FOUND: &str = "+ found    ";
const SAME: &str = "           ";

/// What was expected above what was found; of texts of many lines, those that differ with their neighbours.
pub(super) fn texts(expected: &str, found: &str) -> String {
    let (wanted, got): (Vec<&str>, Vec<&str>) = (expected.split('\n').collect(), found.split('\n').collect());
    let same = wanted.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let rest = wanted.len().min(got.len()) - same;
    let same_at_end = wanted.iter().rev().zip(got.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let differ = |lines: &[&str]| -> Vec<String> {
        let part = lines.get(same..lines.len() - same_at_end).unwrap_or_default();
        part.iter().map(|line| (*line).to_owned()).collect()
    };
    let mut out = Vec::new();
    let neighbour =
        |at: Option<usize>| at.and_then(|at| wanted.get(at)).map(|line| format!("{SAME}\"{}\"", start_of(line)));
    out.extend(neighbour(same.checked_sub(1)));
    let (wanted_part, got_part) = (differ(&wanted), differ(&got));
    if wanted_part.len() == got_part.len() && wanted_part.len() <= LINES / 2 {
        out.extend(wanted_part.iter().zip(&got_part).map(|(wanted, got)| match wanted == got {
            true => format!("{SAME}\"{}\"", start_of(wanted)),
            false => pair(wanted, got, "\""),
        }));
    } else {
        out.extend(block(EXPECTED, &wanted_part));
        out.extend(block(FOUND, &got_part));
    }
    out.extend(neighbour((same_at_end > 0).then(|| wanted.len() - same_at_end)));
    out.join("\n")
}

/// The same for what is no text, such as a list.
pub(super) fn texts_as_they_are(expected: &str, found: &str) -> String {
    pair(expected, found, "")
}

/// A text that is not longer than `width`.
pub(super) fn clipped(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

fn start_of(line: &str) -> String {
    clipped(&visible(line).concat(), WIDTH)
}

fn block(label: &str, lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> =
        lines.iter().take(LINES).map(|line| format!("{label}\"{}\"", start_of(line))).collect();
    match lines.len() {
        0 => shown.push(format!("{label}no such line")),
        count if count > LINES => shown.push(format!("{label}… and {} more lines", count - LINES)),
        _ => {}
    }
    shown
}

/// Two lines with `^` under what is otherwise.
fn pair(expected: &str, found: &str, quote: &str) -> String {
    let (wanted, got) = (visible(expected), visible(found));
    let same = wanted.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let rest = wanted.len().min(got.len()) - same;
    let same_at_end = wanted.iter().rev().zip(got.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let longest = wanted.len().max(got.len());
    let from = if longest > WIDTH { same.saturating_sub(BEFORE) } else { 0 };
    let window = |units: &[String]| {
        let part: String = units.iter().skip(from).take(WIDTH).map(String::as_str).collect();
        let before = if from > 0 { "…" } else { "" };
        let after = if units.len() > from + WIDTH { "…" } else { "" };
        format!("{quote}{before}{part}{after}{quote}")
    };
    let width = |units: &[String]| units.iter().map(|unit| unit.chars().count()).sum::<usize>();
    let indent = FOUND.len() + quote.len() + usize::from(from > 0) + width(got.get(from..same).unwrap_or_default());
    let until = (got.len() - same_at_end).min(from + WIDTH);
    let marks = width(got.get(same..until).unwrap_or_default()).max(1);
    let marker = format!("{}{}", " ".repeat(indent), "^".repeat(marks));
    format!("{EXPECTED}{}\n{FOUND}{}\n{marker}", window(&wanted), window(&got))
}

/// A line as units that can be seen: what looks like nothing, or like something else, is spelled out.
fn visible(line: &str) -> Vec<String> {
    let hidden = |c: char| {
        c.is_control()
            || (c.is_whitespace() && c != ' ')
            || matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}' | '\u{200c}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    };
    line.chars().map(|c| if hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_where_two_texts_part() {
        let shown = texts("Ana wrote about sale.", "Ana wrote about sales, today.");
        assert_eq!(
            shown,
            "- expected \"Ana wrote about sale.\"\n+ found    \"Ana wrote about sales, today.\"\n                                ^^^^^^^^"
        );
        let shown = texts("a\u{a0}b", "a b");
        assert_eq!(shown, "- expected \"a\\u{a0}b\"\n+ found    \"a b\"\n             ^");
        let shown = texts("abc", "ab");
        assert_eq!(shown, "- expected \"abc\"\n+ found    \"ab\"\n              ^");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_difference_is_shown() {
        let shown = texts(
            &format!("{}x{}", "a".repeat(200), "b".repeat(200)),
            &format!("{}y{}", "a".repeat(200), "b".repeat(200)),
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], format!("- expected \"…{}x{}…\"", "a".repeat(30), "b".repeat(45)));
        assert_eq!(lines[1].find('y').map(|at| lines[1][..at].chars().count()), lines[2].find('^'));
    }

    #[test]
    fn of_many_lines_those_that_differ_are_shown() {
        let shown = texts("Dear Ana,\nplease call.\nBye", "Dear Ana,\nplease write.\nBye");
        assert_eq!(
            shown,
            "           \"Dear Ana,\"\n- expected \"please call.\"\n+ found    \"please write.\"\n                   ^^^^^\n           \"Bye\""
        );
        let shown = texts("a\nb", "a\nx\ny\nb");
        assert_eq!(
            shown,
            "           \"a\"\n- expected no such line\n+ found    \"x\"\n+ found    \"y\"\n           \"b\""
        );
    }
}

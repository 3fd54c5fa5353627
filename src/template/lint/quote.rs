//! A quote of a template that is never closed: where its text was meant to end.

use super::syntax::Slip;

/// A text in quotes without its end.
pub(super) struct Unclosed {
    /// Where it begins and where it was meant to end, in bytes of the expression.
    start: usize,
    end: usize,
    pub quote: char,
}

/// What ends a text that another one follows.
const SEPARATORS: [&str; 9] = [",", " and ", " or ", " if ", " else ", " ~ ", " | ", ")", "]"];

/// The text of an expression that is not closed; nothing where all are.
pub(super) fn unclosed(inside: &str) -> Option<Unclosed> {
    let mut closed: Vec<(usize, usize)> = Vec::new();
    let mut open: Option<(usize, char)> = None;
    for (at, c) in inside.char_indices() {
        match open {
            Some((start, quote)) if c == quote => {
                closed.push((start, at));
                open = None;
            }
            None if matches!(c, '\'' | '"') => open = Some((at, c)),
            _ => {}
        }
    }
    let (start, quote) = open?;
    let early = closed.iter().find(|(start, end)| is_early(inside, *start, *end));
    Some(match early {
        Some((start, end)) => {
            let text = inside.get(start + 1..*end).unwrap_or_default();
            let length = SEPARATORS.iter().filter_map(|sign| outside(text, sign)).min().unwrap_or(text.len());
            let quote = inside.get(*start..).and_then(|rest| rest.chars().next()).unwrap_or(quote);
            Unclosed { start: *start, end: start + 1 + length, quote }
        }
        None => Unclosed { start, end: last_end(inside, start), quote },
    })
}

impl Unclosed {
    pub(super) fn slip(&self, inside: &str, shift: usize) -> Slip {
        let (before, after) = (inside.get(..self.end).unwrap_or(inside), inside.get(self.end..).unwrap_or_default());
        let mended = format!("{before}{}{after}", self.quote);
        let message = format!("this quote `{}` is never closed", self.quote);
        (self.start + shift..self.end + shift, message, format!("close it where the text ends: `{}`", mended.trim()))
    }
}

/// A text with its closing quote, where it is certain that it ends here.
pub(super) fn closed(found: &str) -> Option<String> {
    let quote = found.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = found.get(1..)?;
    let is_sure = !inner.contains(quote) && !SEPARATORS.iter().any(|sign| inner.contains(sign));
    is_sure.then(|| format!("{found}{quote}"))
}

/// Whether a text ends only because the next one opens there: `'a, '` of `'a, 'b'`.
fn is_early(inside: &str, start: usize, end: usize) -> bool {
    let text = inside.get(start + 1..end).unwrap_or_default().trim_end();
    let next = inside.get(end + 1..).and_then(|rest| rest.chars().next());
    let signs = [",", "(", "[", "==", "!=", "~", " in", " and", " or", " else", " if"];
    let opens = next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '\'' | '"' | '%'));
    opens && signs.iter().any(|sign| text.ends_with(sign))
}

/// Where the last text ends: before what closes the call or the list that it stands in, before a filter, or at the end.
fn last_end(inside: &str, start: usize) -> usize {
    let rest = inside.get(start + 1..).unwrap_or_default();
    let open = depth(inside.get(..start).unwrap_or_default());
    let bracket = if open > 0 { outside(rest, ")").into_iter().chain(outside(rest, "]")).min() } else { None };
    let sign = || [" | ", " ~ "].iter().filter_map(|sign| rest.find(sign)).min();
    let length = bracket.or_else(sign).unwrap_or(rest.len());
    start + 1 + rest.get(..length).unwrap_or_default().trim_end().len()
}

/// How many brackets are open at the end of a text.
fn depth(text: &str) -> usize {
    let mut quote = None;
    text.chars().fold(0, |depth: usize, c| {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => return depth + 1,
            (None, ')' | ']') => return depth.saturating_sub(1),
            _ => {}
        }
        depth
    })
}

/// Where a sign stands that is in none of the text's own brackets.
fn outside(text: &str, sign: &str) -> Option<usize> {
    text.match_indices(sign).map(|(at, _)| at).find(|at| depth(text.get(..*at).unwrap_or_default()) == 0)
}

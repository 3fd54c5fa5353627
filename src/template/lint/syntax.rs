//! Templates that the engine refuses: what the writer most likely meant, in plain words.

use std::ops::Range;

use super::{TemplateError, bytes_of, filter, idiom, quote, sign};
use crate::diagnostic::Code;

/// Why the engine could not read `source`.
pub(super) fn explain(source: &str, error: &minijinja::Error) -> TemplateError {
    explain_at(source, bytes_of(error, source), 0)
}

/// The same, of a part that begins at `shift` of its template; `at` counts from the template's start.
pub(super) fn explain_at(source: &str, at: Range<usize>, shift: usize) -> TemplateError {
    let start = at.start.saturating_sub(shift).min(source.len());
    let slip = too_many(source)
        .or_else(|| nested(source))
        .or_else(|| unclosed(source))
        .or_else(|| empty(source))
        .or_else(|| sign::statement(source))
        .or_else(|| ternary(source))
        .or_else(|| sign::operator(source, start))
        .or_else(|| sign(source, start))
        .or_else(|| statement(source))
        .or_else(|| unfinished(source, start))
        .or_else(|| sign::arguments(source, start))
        .or_else(|| bracket(source, start));
    match slip {
        Some((range, message, help)) => {
            let replacement =
                source.get(range.clone()).and_then(|found| instead(found).or_else(|| quote::closed(found)));
            let error = error(range.start + shift..range.end + shift, message).help(help);
            TemplateError { replacement, ..error }
        }
        None => error(at, "this template can't be read from here on".to_owned())
            .help("an expression looks like `{{ name | upper }}`; text inside it stands in quotes"),
    }
}

/// What a sign of another language is here.
fn instead(sign: &str) -> Option<String> {
    let word = match sign {
        "&&" => "and",
        "||" => "or",
        "!" => "not ",
        "=" => "==",
        _ => return sign::is_comparison(sign),
    };
    Some(word.to_owned())
}

pub(super) type Slip = (Range<usize>, String, String);

fn error(range: Range<usize>, message: String) -> TemplateError {
    TemplateError::new(Code::InvalidTemplate, range, message)
}

/// The expressions and statements of a text, from after their opening braces to their end.
pub(super) fn insides(source: &str) -> Vec<(Range<usize>, bool)> {
    let mut found = Vec::new();
    let mut from = 0;
    let next = |from: usize| {
        let rest = source.get(from..)?;
        Some(from + [rest.find("{{"), rest.find("{%")].into_iter().flatten().min()?)
    };
    while let Some(open) = next(from) {
        let close = if source.get(open..).is_some_and(|rest| rest.starts_with("{{")) { "}}" } else { "%}" };
        let rest = source.get(open + 2..).unwrap_or_default();
        // A second opening before the end means that the first one was left open.
        let statement = rest.find("{%").filter(|_| close == "%}");
        let limit = [rest.find("{{"), statement].into_iter().flatten().min().unwrap_or(rest.len());
        match rest.find(close).filter(|end| *end <= limit) {
            Some(length) => found.push((open + 2..open + 2 + length, true)),
            None => found.push((open + 2..open + 2 + limit, false)),
        }
        from = found.last().map_or(source.len(), |(range, _)| range.end.max(open + 2));
    }
    found
}

/// Three braces of which one is too many.
fn too_many(source: &str) -> Option<Slip> {
    let open = source.find("{{{")?;
    let rest = source.get(open + 3..)?;
    let inside = rest.get(..rest.find('}')?)?.trim();
    // A mapping begins with a brace of its own.
    if inside.contains([':', '{']) {
        return None;
    }
    let end = open + 3 + rest.find('}')? + rest.get(rest.find('}')?..)?.bytes().take_while(|b| *b == b'}').count();
    let help = format!("write `{{{{ {inside} }}}}`");
    Some((open..end, "an expression stands in two braces, and there are three here".to_owned(), help))
}

/// An expression inside another's braces.
fn nested(source: &str) -> Option<Slip> {
    let (range, _) = insides(source).into_iter().find(|(_, closed)| !closed)?;
    let rest = source.get(range.end..)?;
    let inner = rest.strip_prefix("{{")?;
    let (inner, after) = inner.split_once("}}")?;
    let before = source.get(range.clone())?;
    let is_statement = source.get(..range.start)?.ends_with("{%");
    let close = if is_statement { "%}" } else { "}}" };
    let tail = after.get(..after.find(close)?)?;
    if before.contains('\n') || inner.contains("{{") || tail.contains(['{', '\n']) {
        return None;
    }
    let words = [before, inner, tail].map(str::trim).join(" ");
    let (open, words) = (if is_statement { "{%" } else { "{{" }, words.trim());
    // A name alone makes no statement.
    let is_alone = is_statement && words == inner.trim();
    let help = match is_alone {
        true => format!("write `{{{{ {words} }}}}`"),
        false => format!("names stand there without braces: write `{open} {words} {close}`"),
    };
    let end = range.end + 2 + inner.len() + 2;
    Some((range.end..end, format!("`{{{{` stands inside `{open} {close}`"), help))
}

/// Quotes and braces that are opened and not closed.
fn unclosed(source: &str) -> Option<Slip> {
    for (range, closed) in insides(source) {
        let inside = source.get(range.clone())?;
        if !closed {
            let line = inside.split('\n').next().unwrap_or(inside).trim_end();
            if source.get(..range.start)?.ends_with("{%") {
                return Some(unclosed_statement(line, range.start));
            }
            let end = range.start + line.len();
            let help = "write `}}` where the expression ends".to_owned();
            return Some((range.start - 2..end, "this `{{` is never closed with `}}`".to_owned(), help));
        }
        if let Some(open) = quote::unclosed(inside) {
            let slip = apostrophe(inside, range.start).filter(|_| open.quote == '\'');
            return slip.or_else(|| Some(open.slip(inside, range.start)));
        }
    }
    None
}

/// `{% if name }`: the end of a statement has a `%`, too.
fn unclosed_statement(line: &str, start: usize) -> Slip {
    let message = "this `{%` is never closed with `%}`".to_owned();
    match line.split_once('}') {
        Some((words, rest)) => {
            let length = words.len() + 1 + usize::from(rest.starts_with('}'));
            let words = words.trim_matches(|c: char| c == '%' || c.is_whitespace());
            (start - 2..start + length, message, format!("write `{{% {words} %}}`"))
        }
        None => (start - 2..start + line.len(), message, "write `%}` where the statement ends".to_owned()),
    }
}

/// `'it's'`: an apostrophe ends the text.
fn apostrophe(inside: &str, shift: usize) -> Option<Slip> {
    let start = inside.find('\'')?;
    let end = inside.rfind('\'')?;
    let text = inside.get(start + 1..end).filter(|text| text.matches('\'').count() == 1)?;
    let (before, after) = text.split_once('\'')?;
    let joins = before.ends_with(char::is_alphabetic) && after.starts_with(char::is_alphabetic);
    let help = format!("put this text in double quotes: `\"{text}\"`");
    joins.then(|| (shift + start..shift + end + 1, "the apostrophe ends this text".to_owned(), help))
}

/// `name == 'A' ? 'x' : 'y'`
fn ternary(source: &str) -> Option<Slip> {
    let at = outside_quotes(source, "?")?;
    let (range, _) = insides(source).into_iter().find(|(range, _)| range.contains(&at))?;
    let test = source.get(range.start..at)?.trim();
    let (yes, no) = source.get(at + 1..range.end)?.split_once([':', ';'])?;
    let (yes, no) = (yes.trim(), no.trim());
    if test.is_empty() || yes.is_empty() || no.is_empty() {
        return None;
    }
    let message = "a choice is written with `if` and `else` in a template".to_owned();
    Some((at..at + 1, message, format!("write `{{{{ {yes} if {test} else {no} }}}}`")))
}

/// A bracket that is not closed.
fn bracket(source: &str, stop: usize) -> Option<Slip> {
    let (range, _) = insides(source).into_iter().find(|(range, _)| range.start <= stop && stop <= range.end)?;
    let inside = source.get(range.clone())?;
    let (mut open, mut quote) = (Vec::new(), None);
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => open.push((at, c)),
            (None, ')' | ']') => drop(open.pop()),
            _ => {}
        }
    }
    let (at, sign) = open.pop()?;
    let close = if sign == '(' { ')' } else { ']' };
    let help = format!("write `{close}` where it ends");
    Some((range.start + at..range.start + at + 1, format!("this `{sign}` is never closed with `{close}`"), help))
}

fn empty(source: &str) -> Option<Slip> {
    let (range, _) = insides(source)
        .into_iter()
        .find(|(range, _)| source.get(range.clone()).is_some_and(|inside| inside.trim().is_empty()))?;
    let help = "write a name: `{{ name }}`; to send an empty text, write `\"\"`".to_owned();
    Some((range.start - 2..range.end + 2, "there is nothing between `{{` and `}}`".to_owned(), help))
}

/// A sign of another language, or one that is not finished, where the engine stopped.
fn sign(source: &str, at: usize) -> Option<Slip> {
    let rest = source.get(at..)?;
    let before = source.get(..at)?;
    let here = |length: usize, message: &str, help: &str| {
        let end = source.ceil_char_boundary((at + length).min(source.len()));
        Some((at..end, message.to_owned(), help.to_owned()))
    };
    // The engine names the operand after an `&` that it took for something else.
    let wrong = |sign: &str| before.trim_end().ends_with(sign).then(|| before.trim_end().len() - sign.len());
    for (sign, word) in [("&&", "and"), ("||", "or")] {
        let found =
            wrong(sign).or_else(|| rest.starts_with(sign).then_some(at)).or_else(|| outside_quotes(source, sign));
        if let Some(start) = found {
            let after = source.get(start + 2..).unwrap_or_default().trim_start();
            let next = after.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            if sign == "||" && filter::NAMES.contains(&next) {
                let help = format!("write `| {next}`");
                return Some((start..start + 2, "a filter comes after one `|`".to_owned(), help));
            }
            let message = format!("`{sign}` is written as a word in a template");
            return Some((start..start + 2, message, format!("write `{word}`")));
        }
    }
    match rest.chars().next()? {
        '=' => here(1, "two values are compared with `==`", "write `==`"),
        '!' => here(1, "`!` is written as a word in a template", "write `not`"),
        '$' => dollar(rest).map(|(length, message, help)| (at..at + length, message, help)),
        '.' => here(1, "a name begins with a letter", "leave the dot out"),
        '?' if rest.starts_with("?.") => here(
            2,
            "`?.` is written `.` in a template",
            "write `.`; where it may be missing, `payload.contact.name | default('none')`",
        ),
        '?' => here(
            1,
            "a name stands without its `?` in a template",
            "leave the `?` out: it belongs under `extract:` only",
        ),
        '“' | '”' | '‘' | '’' | '„' | '«' | '»' => {
            here(1, "this is not a quote that a template knows", "write straight quotes: `'text'`")
        }
        ';' if before.contains('(') => {
            here(1, "there are no functions, nor `;`", "a choice is written `{{ 'one' if name else 'other' }}`")
        }
        ';' => here(1, "`;` has no place in a template", "leave it out"),
        '[' if before.ends_with(')') => here(
            1,
            "a filter's result has no `[ ]`",
            "write `| first` or `| last`, or brackets: `(name | split(','))[0]`",
        ),
        '_' if before.ends_with(|c: char| c.is_ascii_digit()) => here(
            rest.find([' ', '}']).unwrap_or(rest.len()),
            "a name begins with a letter",
            "write a name that `extract:` gives, as `{{ name }}`",
        ),
        '@' => here(1, "`@` stands in a JSONPath only", "write the name of an extracted value"),
        _ => None,
    }
}

/// A JSONPath, `$json` of another tool, or a name with a dollar.
fn dollar(rest: &str) -> Option<(usize, String, String)> {
    let length = rest.find([' ', '}', '|', ')', ',']).unwrap_or(rest.len());
    let word = rest.get(1..length)?;
    let is_path = word.is_empty() || word.starts_with(['.', '[', '(']);
    if is_path {
        let message = "a JSONPath can't stand in a template".to_owned();
        let help = match word.starts_with('.') && !word.contains(['*', '?', '@']) && !word.starts_with("..") {
            true => format!("write `payload` for `$`: `payload{word}`, or a name that `extract:` gives"),
            false => {
                "write `payload` for `$`, as in `payload.contact.name`, or a name that `extract:` gives".to_owned()
            }
        };
        return Some((length, message, help));
    }
    // `$node["Webhook"].json`: what stands in brackets is that tool's own.
    let word = word.split(['[', '(']).next().unwrap_or(word);
    let mut fields = word.split('.');
    let name = fields.next()?;
    let fields: Vec<&str> = fields.collect();
    let message = "a name stands without `$` in a template".to_owned();
    let help = idiom::name(name, &fields).unwrap_or_else(|| format!("write `{word}`"));
    Some((length, message, help))
}

/// Where a sign first stands outside quotes in an expression.
fn outside_quotes(source: &str, sign: &str) -> Option<usize> {
    insides(source).into_iter().find_map(|(range, _)| {
        let inside = source.get(range.clone())?;
        let at = inside.find(sign)?;
        let before = inside.get(..at)?;
        let even = |quote: char| before.matches(quote).count() % 2 == 0;
        (even('\'') && even('"')).then_some(range.start + at)
    })
}

/// `{% if %}` and `{% for %}` that are not ended.
fn statement(source: &str) -> Option<Slip> {
    for word in ["if", "for", "set", "with", "filter"] {
        let opens = |inside: &str| inside.trim_start_matches('-').split_whitespace().next() == Some(word);
        let is_statement = |range: &Range<usize>| source.get(..range.start).is_some_and(|text| text.ends_with("{%"));
        let statements: Vec<Range<usize>> =
            insides(source).into_iter().map(|(range, _)| range).filter(is_statement).collect();
        let inside = |range: &Range<usize>| source.get(range.clone()).unwrap_or_default();
        let opened: Vec<&Range<usize>> = statements.iter().filter(|range| opens(inside(range))).collect();
        let end = format!("end{word}");
        let ended = statements.iter().filter(|range| inside(range).contains(&end)).count();
        if word != "set" && opened.len() > ended {
            let range = opened.last()?;
            let message = format!("this `{word}` has no `{{% {end} %}}`");
            let help = format!("write `{{% {end} %}}` where it ends");
            return Some((range.start - 2..range.end + 2, message, help));
        }
    }
    None
}

/// An operator without its right side.
fn unfinished(source: &str, at: usize) -> Option<Slip> {
    let before = source.get(..at)?.trim_end();
    let rest = source.get(at..)?;
    if !(rest.is_empty() || rest.starts_with("}}") || rest.starts_with("%}") || rest.starts_with(')')) {
        return None;
    }
    let signs = ["==", "!=", ">=", "<=", ">", "<", "|", "+", "-", "~", ",", "."];
    let words = [" and", " or", " not", " is", " in", " if", " else"];
    let sign = words.iter().map(|word| word.trim_start()).chain(signs);
    let last = sign.into_iter().find(|sign| before.ends_with(sign))?;
    let start = before.len() - last.len();
    let help = format!("write what comes after `{last}`, or remove it");
    Some((start..before.len(), format!("something is missing after `{last}`"), help))
}

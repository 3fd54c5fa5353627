//! Operators and statements of other languages, with what is written here instead.
//!
//! In what is to be written, `{l}` and `{r}` stand for what is left and right of an operator, `{s}` for the value after
//! that, `{rest}` for what follows the word of a statement.

use std::ops::Range;

use super::idiom;
use super::syntax::{Slip, insides};

/// An operator, however it is spelled, and what to write.
type Operator = (&'static [&'static str], &'static str);

const OPERATORS: &[Operator] = &[
    (&["AND", "And", "e", "et", "und", "y"], "and"),
    (&["OR", "Or", "ou", "oder", "o"], "or"),
    (&["between", "BETWEEN"], "{l} >= {r} and {l} <= {s}"),
    (&["IN", "In", "em"], "{l} in {r}"),
    (&["contains", "CONTAINS", "Contains", "includes", "include", "has", "contém", "contem"], "{r} in {l}"),
    (&["LIKE", "like", "ILIKE", "ilike"], "{r} in {l}"),
    (&["matches", "match", "MATCHES", "regex", "RLIKE", "REGEXP", "=~", "~="], "{r} in {l}"),
    (
        &["startswith", "startsWith", "StartsWith", "starts_with", "beginswith", "starts", "begins", "starting"],
        "{l} is startingwith {r}",
    ),
    (&["endswith", "endsWith", "ends_with", "ends", "ending"], "{l} is endingwith {r}"),
    (&["===", "eq", "EQ", "equals", "equal", "Equals", "-eq", "igual"], "{l} == {r}"),
    (&["<>", "!==", "ne", "neq", "NE", "NEQ", "-ne"], "{l} != {r}"),
    (&["=>", "ge", "gte", "GTE", "-ge"], "{l} >= {r}"),
    (&["=<", "le", "lte", "LTE", "-le"], "{l} <= {r}"),
    (&["gt", "greater", "above", "-gt"], "{l} > {r}"),
    (&["lt", "less", "below", "-lt"], "{l} < {r}"),
    (&["??", "?:", "default", "else"], "{l} | default({r})"),
    (&["->", "::"], "."),
    (&["unless"], "{l} if not {r}"),
    (&["&"], "{l} ~ {r}"),
    (&["mod", "MOD", "div", "DIV"], "{l} % {r}"),
];

/// A statement: how it is opened, its first word, and what to write.
type Statement = (&'static str, &'static [&'static str], &'static str);

const STATEMENTS: &[Statement] = &[
    ("{{", &["#if", "if", "#if_eq", "#ifeq"], "{% if {rest} %}…{% endif %}"),
    ("{{", &["#unless", "unless", "^"], "{% if not {rest} %}…{% endif %}"),
    ("{{", &["#each", "each", "range", "for", "#foreach", "foreach"], "{% for item in {rest} %}{{ item }}{% endfor %}"),
    ("{{", &["#with", "with"], "{% with item = {rest} %}…{% endwith %}"),
    ("{{", &["/if", "/unless", "end", "endif", "fi"], "{% endif %}"),
    ("{{", &["/each", "endfor", "/foreach"], "{% endfor %}"),
    ("{{", &["else", "#else", "^else"], "{% else %}"),
    ("{{", &["set", "assign", "let", "var"], "{% set {rest} %}"),
    ("{%", &["assign", "let", "var", "local"], "{% set {rest} %}"),
    ("{%", &["elsif", "elseif", "elsif", "elif", "elseIf"], "{% elif {rest} %}"),
    ("{%", &["unless", "ifnot"], "{% if not {rest} %}…{% endif %}"),
    ("{%", &["end", "fi", "endunless", "/if", "end_if", "done"], "{% endif %}"),
    ("{%", &["next", "endforeach", "/for", "end_for"], "{% endfor %}"),
    ("{%", &["foreach", "each"], "{% for item in {rest} %}…{% endfor %}"),
    ("{%", &["case", "switch", "when"], "{% if name == 'text' %}…{% elif name == 'other' %}…{% endif %}"),
    ("{%", &["echo", "print", "=", "output"], "{{ {rest} }}"),
    ("{%", &["capture"], "{% set {rest} %}…{% endset %}"),
];

/// A statement of another language in a template that can't be read.
pub(super) fn statement(source: &str) -> Option<Slip> {
    insides(source).into_iter().find_map(|(range, _)| {
        let braces = source.get(range.start.checked_sub(2)?..range.start)?;
        let inside = source.get(range.clone())?.trim_matches('-').trim();
        let (word, rest) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
        let rest = rest.trim();
        let whole = range.start - 2..(range.end + 2).min(source.len());
        let slip = |found: &str, form: &str| {
            let help = format!("write `{}`", form.replace("{rest}", if rest.is_empty() { "name" } else { rest }));
            Some((whole.clone(), format!("`{found}` is not a statement of a template"), help))
        };
        if braces == "{%" && word == "else" && rest.starts_with("if ") {
            let help = format!("write `{{% elif {} %}}`", rest.trim_start_matches("if "));
            return Some((whole, "`else if` is one word in a template".to_owned(), help));
        }
        if matches!(word, "end" | "done") && braces == "{%" {
            let end = opened(source.get(..range.start)?).unwrap_or("if");
            return slip(word, &format!("{{% end{end} %}}"));
        }
        let known = STATEMENTS.iter().find(|(open, words, _)| *open == braces && words.contains(&word));
        known.filter(|_| word != "elif").and_then(|(_, _, form)| slip(word, form)).or_else(|| tail(&whole, inside))
    })
}

/// The statement before this that is open still.
fn opened(before: &str) -> Option<&'static str> {
    let mut open = Vec::new();
    for (range, _) in insides(before) {
        let inside = before.get(range.clone())?.trim_matches('-').trim();
        let word = inside.split([' ', '\n']).next()?;
        let is_statement = before.get(..range.start)?.ends_with("{%");
        match ["if", "for", "with", "filter"].into_iter().find(|known| *known == word) {
            Some(known) if is_statement => open.push(known),
            _ if is_statement && word.starts_with("end") => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

/// A word too much in a statement: `{% if name then %}`, `{% for item of list %}`.
fn tail(whole: &Range<usize>, inside: &str) -> Option<Slip> {
    let words: Vec<&str> = inside.split_whitespace().collect();
    match words.as_slice() {
        ["if" | "elif", .., last] if matches!(*last, "then" | "THEN" | "do" | ":" | "{") => {
            let rest = inside.trim_end_matches(last).trim();
            Some((whole.clone(), format!("there is no `{last}` in a template"), format!("write `{{% {rest} %}}`")))
        }
        ["for", item, "of", list @ ..] => {
            let help = format!("write `{{% for {item} in {} %}}`", list.join(" "));
            Some((whole.clone(), "a loop is written with `in`".to_owned(), help))
        }
        _ => None,
    }
}

/// An operator of another language where the engine stopped, or just before.
pub(super) fn operator(source: &str, at: usize) -> Option<Slip> {
    let (range, _) = insides(source).into_iter().find(|(range, _)| range.start <= at && at <= range.end)?;
    let inside = source.get(range.clone())?;
    let tokens = tokens(inside);
    let stop = tokens.iter().position(|token| range.start + token.end > at).unwrap_or(tokens.len());
    let text = |index: usize| tokens.get(index).and_then(|token| inside.get(token.clone())).unwrap_or_default();
    [stop.checked_sub(1), Some(stop), Some(stop + 1), stop.checked_sub(2)].into_iter().flatten().find_map(|index| {
        let found = text(index);
        if index.checked_sub(1).is_some_and(|before| text(before) == "|") {
            return None;
        }
        if matches!(found, "NOT" | "Not" | "não" | "nao") {
            let here = tokens.get(index).map(|token| range.start + token.start..range.start + token.end)?;
            return Some((here, format!("there is no operator `{found}`"), "write `not`".to_owned()));
        }
        let lower = if found.len() > 1 { found.to_lowercase() } else { found.to_owned() };
        let (_, form) = OPERATORS.iter().find(|(words, _)| words.contains(&found) || words.contains(&&*lower))?;
        let token = tokens.get(index)?;
        let from = (0..index).rev().find(|before| ends_operand(text(*before))).map_or(0, |before| before + 1);
        let left = tokens.get(from).filter(|_| from < index).and_then(|first| inside.get(first.start..token.start))?;
        let left = left.trim().trim_end_matches(" is");
        let here = range.start + token.start..range.start + token.end;
        let message = format!("there is no operator `{found}`");
        Some((here, message, help(found, form, left, inside.get(token.end..).unwrap_or_default())))
    })
}

fn help(found: &str, form: &str, left: &str, after: &str) -> String {
    let values: Vec<&str> = tokens(after).into_iter().filter_map(|token| after.get(token)).collect();
    let is_filler = |word: &&&str| matches!(**word, "with" | "to" | "than");
    let fillers = values.iter().take_while(is_filler).count();
    let value = |index: usize| values.get(index + fillers).copied();
    let right = value(0).unwrap_or("'text'");
    let form = match (found.to_lowercase().as_str(), right.trim_matches(QUOTES)) {
        ("like" | "ilike", text) if text.ends_with('%') && !text.starts_with('%') => "{l} is startingwith {r}",
        ("like" | "ilike", text) if text.starts_with('%') && !text.ends_with('%') => "{l} is endingwith {r}",
        (_, "null" | "nil" | "undefined" | "NULL" | "None") if form.contains(" == ") => "{l} is none",
        (_, "null" | "nil" | "undefined" | "NULL" | "None") if form.contains(" != ") => "{l} is not none",
        _ => form,
    };
    let is_text = form.contains(" in {l}") || form.contains("ingwith");
    let right = if is_text { plain(right) } else { right.to_owned() };
    let written = form.replace("{l}", left).replace("{r}", &right).replace("{s}", value(2).unwrap_or("100"));
    match found {
        "&" => format!("texts are joined with `~`, as in `{written}`; two conditions with `and`"),
        "=~" | "matches" | "MATCHES" | "regex" | "REGEXP" | "RLIKE" => {
            format!("write `{written}`; a pattern stands under `extract:`, with `pattern:`")
        }
        _ => format!("write `{written}`"),
    }
}

const QUOTES: [char; 2] = ['\'', '"'];

/// A pattern as the text that it looks for.
fn plain(pattern: &str) -> String {
    let signs = |c: char| matches!(c, '%' | '^' | '$' | '*' | '/' | '.');
    match pattern.starts_with(QUOTES) {
        true => format!("'{}'", pattern.trim_matches(QUOTES).trim_matches(signs)),
        false => pattern.to_owned(),
    }
}

/// What stands between two operands of a condition.
fn ends_operand(token: &str) -> bool {
    matches!(token, "and" | "or" | "not" | "if" | "elif" | "else" | "(" | "," | "AND" | "OR" | "NOT" | "&&" | "||")
}

/// Values side by side, arguments without brackets, and other signs of what a filter is given elsewhere.
pub(super) fn arguments(source: &str, at: usize) -> Option<Slip> {
    let (range, _) = insides(source).into_iter().find(|(range, _)| range.start <= at && at <= range.end)?;
    let inside = source.get(range.clone())?;
    let tokens = tokens(inside);
    let stop = tokens.iter().position(|token| range.start + token.end > at)?;
    let text = |index: usize| tokens.get(index).and_then(|token| inside.get(token.clone())).unwrap_or_default();
    let found = tokens.get(stop)?;
    let name = stop.checked_sub(1)?;
    let is_filter = name.checked_sub(1).is_some_and(|pipe| text(pipe) == "|");
    let rest = inside.get(found.start..)?;
    let end = rest.find(" |").unwrap_or(rest.len());
    let args = rest.get(..end)?.trim_start_matches(':').trim();
    let here = range.start + found.start..range.start + found.start + rest.get(..end)?.trim_end().len();
    if is_filter && (text(stop) == ":" || starts_value(text(stop))) {
        let value = inside.get(..tokens.get(name.checked_sub(1)?)?.start)?.trim();
        let values: Vec<&str> = [value].into_iter().chain(args.split(',').map(str::trim)).collect();
        let own = super::filter::NAMES.contains(&text(name));
        let help = idiom::change(text(name), &values).filter(|_| !own);
        let help = help.unwrap_or_else(|| format!("write `{value} | {}({args})`", text(name)));
        return Some((here, "what a filter is given stands in brackets".to_owned(), help));
    }
    let (left, right) = (text(name), text(stop));
    if let Some(slip) = compared_by_is(inside, range.start, tokens.get(..=stop)?) {
        return Some(slip);
    }
    if starts_value(left) && starts_value(right) {
        let here = range.start + found.start..range.start + found.end;
        let message = format!("`{left}` and `{right}` stand side by side with nothing between");
        if let Some(call) = unquoted_argument(inside, found.start) {
            return Some((here, message, format!("a text stands in quotes: write `{call}`")));
        }
        if super::filter::NAMES.contains(&right) {
            return Some((
                here,
                message,
                format!("`{right}` is a filter, which comes after a `|`: write `{left} | {right}`"),
            ));
        }
        if let Some(words) = compared_words(inside, &tokens, name) {
            let here = range.start + words.start..range.start + words.end;
            let help = format!("if it is text, put it in quotes: `'{}'`", inside.get(words)?);
            return Some((here, message, help));
        }
        let help = format!("to join them, write `{left} ~ ' ' ~ {right}`, or `{{{{ {left} }}}} {{{{ {right} }}}}`");
        return Some((here, message, help));
    }
    None
}

/// Words without quotes with which something is compared: `payload.city == São Paulo`.
fn compared_words(inside: &str, tokens: &[Range<usize>], first: usize) -> Option<Range<usize>> {
    let text = |index: usize| tokens.get(index).and_then(|token| inside.get(token.clone())).unwrap_or_default();
    let is_plain =
        |index: &usize| text(*index).chars().all(|c| c.is_alphanumeric() || c == '_') && !text(*index).is_empty();
    let is_comparison = |index: Option<usize>| index.is_some_and(|index| matches!(text(index), "==" | "!="));
    let is_joint = |index: usize| ends_operand(text(index)) || text(index) == "is";
    let begin = (0..=first).rev().take_while(|index| is_plain(index) && !is_joint(*index)).last()?;
    let last = (first..tokens.len()).take_while(|index| is_plain(index) && !is_joint(*index)).last()?;
    let is_compared = is_comparison(begin.checked_sub(1)) || is_comparison(Some(last + 1));
    is_compared.then(|| tokens.get(begin).zip(tokens.get(last)).map(|(begin, last)| begin.start..last.end))?
}

/// `default(none given)` with the words in quotes, where they stand in the brackets of a filter around `at`.
fn unquoted_argument(inside: &str, at: usize) -> Option<String> {
    let open = inside.get(..at)?.rfind('(')?;
    let (before, rest) = (inside.get(..open)?, inside.get(open + 1..)?);
    let words = rest.get(..rest.find(')')?)?.trim();
    let name = before.rsplit(|c: char| !is_word(c)).next()?;
    let is_filter = before.strip_suffix(name)?.trim_end().ends_with('|');
    let is_plain = words.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '!'));
    (is_filter && is_plain && inside.get(open..at).is_some_and(|text| !text.contains(')')))
        .then(|| format!("{name}('{words}')"))
}

/// `payload.type is 'call'`: a text or a number where the word of a test stands.
fn compared_by_is(inside: &str, shift: usize, tokens: &[Range<usize>]) -> Option<Slip> {
    let text = |token: &Range<usize>| inside.get(token.clone()).unwrap_or_default();
    let (first, right) = match tokens {
        [.., is, not, right] if text(is) == "is" && text(not) == "not" => (is, right),
        [.., is, right] if text(is) == "is" => (is, right),
        _ => return None,
    };
    let here = first.start..right.end;
    let written = is_comparison(inside.get(here.clone())?)?;
    let message = "a value is compared with `==` or `!=`, and not with `is`".to_owned();
    Some((shift + here.start..shift + here.end, message, format!("write `{written}`")))
}

/// `is 'call'` as it is written here.
pub(super) fn is_comparison(written: &str) -> Option<String> {
    let after = written.strip_prefix("is ")?.trim_start();
    let (sign, value) = after.strip_prefix("not ").map_or(("==", after), |value| ("!=", value.trim_start()));
    let is_value = value.starts_with(|c: char| QUOTES.contains(&c) || c.is_ascii_digit());
    is_value.then(|| format!("{sign} {value}"))
}

fn starts_value(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '\'' | '"' | '_'))
}

/// The words, texts in quotes, lists and signs of an expression.
fn tokens(inside: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(rest) = inside.get(from..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let upto = |end: Option<usize>| end.unwrap_or(rest.len());
        let length = match first {
            c if c.is_whitespace() => {
                from += c.len_utf8();
                continue;
            }
            '\'' | '"' => upto(rest.get(1..).and_then(|text| text.find(first)).map(|end| end + 2)),
            '[' => upto(rest.find(']').map(|end| end + 1)),
            c if c.is_alphanumeric() || c == '_' => upto(rest.find(|c: char| !is_word(c))),
            '(' | ')' | ',' | ':' | '|' if !rest.starts_with("::") => 1,
            _ => upto(rest.find(|c: char| is_word(c) || c.is_whitespace() || matches!(c, '\'' | '"' | '(' | '['))),
        };
        found.push(from..from + length.max(1));
        from += length.max(1);
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

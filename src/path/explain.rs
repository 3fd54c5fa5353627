//! Says in plain words what is wrong with a path the parser refused.

use std::ops::Range;

use jsonpath_rust::parser::errors::JsonPathError;

use super::token::{Kind, Token, is_plain_name, quoted};
use super::{PathError, PathErrorKind, foreign};

const FUNCTIONS: [&str; 5] = ["length", "count", "value", "match", "search"];
/// Operators of other dialects, which the parser takes for functions or names.
const FOREIGN: [&str; 8] = ["in", "nin", "none_of", "any_of", "subset_of", "contains", "like", "anyof"];
/// The largest whole number a path can hold: 2^53 - 1.
const LARGEST: u64 = 9_007_199_254_740_991;

/// Why the parser refused `text`.
pub fn explain(text: &str, tokens: &[Token<'_>], error: &JsonPathError) -> PathError {
    if let Some(found) = reason(text, tokens) {
        return found;
    }
    let JsonPathError::PestError(refusal) = error else {
        let message = match error {
            JsonPathError::MaxNestingDepthExceeded(_) => "this path nests too many brackets",
            _ => "this path is not written correctly",
        };
        return PathError::new(PathErrorKind::Syntax, 0..text.len(), message);
    };
    // The type of the location belongs to a crate we do not depend on; its debug form is `Pos(12)`.
    let place = format!("{:?}", refusal.location);
    let digits: String = place.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let start = digits.parse::<usize>().unwrap_or(0).min(text.len());
    let token = tokens.iter().find(|token| token.range.contains(&start));
    match token {
        Some(token) => {
            let message = format!("`{}` cannot stand here", token.text);
            let error = PathError::new(PathErrorKind::Syntax, token.range.clone(), message);
            let before = text.get(..token.range.start).unwrap_or_default().trim_end();
            match token.is_word() && before.ends_with(['?', '(', '&', '|']) {
                true => error.help(format!("a condition begins with `@`, the item at hand: write `@.{}`", token.text)),
                false => error,
            }
        }
        None => PathError::new(PathErrorKind::Syntax, start..text.len(), "this path ends too early"),
    }
}

pub fn unknown_function(name: &str, range: Range<usize>) -> PathError {
    PathError::new(PathErrorKind::UnknownFunction, range, format!("there is no function `{name}`"))
        .help("the functions are `length`, `count`, `value`, `match` and `search`")
}

pub(super) struct Reader<'t> {
    pub text: &'t str,
    pub tokens: &'t [Token<'t>],
}

/// The first mistake that is recognised, the most telling ones first.
pub fn reason<'t>(text: &'t str, tokens: &'t [Token<'t>]) -> Option<PathError> {
    let reader = Reader { text, tokens };
    let rules: [fn(&Reader<'t>) -> Option<PathError>; 25] = [
        Reader::quoted_mapping,
        Reader::curly_quotes,
        Reader::unclosed_quote,
        Reader::missing_root,
        Reader::odd_root,
        Reader::several_paths,
        Reader::comma_for_dot,
        Reader::piped,
        Reader::end_sign,
        Reader::end_position,
        Reader::odd_step,
        Reader::round_position,
        Reader::round_filter,
        Reader::brackets,
        Reader::pattern_operator,
        Reader::word_operator,
        Reader::single_sign,
        Reader::unquoted_text,
        Reader::unquoted_key,
        Reader::missing_question_mark,
        Reader::odd_name,
        Reader::number_after_dot,
        Reader::large_number,
        Reader::function,
        Reader::loose_end,
    ];
    rules.iter().find_map(|rule| rule(&reader))
}

impl Reader<'_> {
    pub(super) fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The whole path with `range` replaced.
    pub(super) fn replaced(&self, range: Range<usize>, replacement: &str) -> String {
        let (before, after) = (self.part(0..range.start), self.part(range.end..self.text.len()));
        format!("{before}{replacement}{after}")
    }

    /// The nearest token before or after `at` which is not a space.
    fn before(&self, at: usize) -> Option<&Token<'_>> {
        self.tokens.get(..at)?.iter().rev().find(|token| token.kind != Kind::Space)
    }

    pub(super) fn after(&self, at: usize) -> Option<&Token<'_>> {
        self.tokens.get(at + 1..)?.iter().find(|token| token.kind != Kind::Space)
    }

    pub(super) fn in_filter(&self, at: usize) -> bool {
        self.tokens.get(..at).is_some_and(|before| before.iter().any(|token| token.is("?")))
    }

    fn unclosed_quote(&self) -> Option<PathError> {
        let token = self.tokens.iter().find(|token| token.kind == Kind::Unclosed)?;
        if let Some(mixed) = self.mixed_quotes() {
            return Some(mixed);
        }
        let quote = token.text.get(..1).unwrap_or("'");
        let message = format!("this quote `{quote}` is never closed");
        let error = PathError::new(PathErrorKind::UnclosedQuote, token.range.clone(), message);
        let end = token.range.start + token.text.find([']', ')', ',', ' ']).unwrap_or(token.text.len());
        Some(error.help("close it where the text ends").meant(self.replaced(end..end, quote)))
    }

    /// `['name"]`: opened with one quote, and closed with the other.
    fn mixed_quotes(&self) -> Option<PathError> {
        let is_quote = |c: char| matches!(c, '\'' | '"');
        let ends = |after: &str| after.is_empty() || after.starts_with([']', ')', ',', '&', '|']);
        let (mut meant, mut first, mut from) = (self.text.to_owned(), None, 0);
        while let Some(open) = self.text.get(from..).and_then(|rest| rest.find(is_quote)).map(|at| from + at) {
            let inner = self.text.get(open + 1..)?;
            let mut quotes = inner
                .match_indices(is_quote)
                .filter(|(at, _)| !inner.get(..*at).is_some_and(|before| before.ends_with('\\')));
            let Some((at, close)) = quotes.find(|(at, _)| ends(inner.get(at + 1..).unwrap_or_default().trim_start()))
            else {
                break;
            };
            let (at, quote) = (open + 1 + at, self.part(open..open + 1));
            if quote != close {
                first = first.or(Some((open..at + 1, quote, close)));
                meant.replace_range(at..at + 1, quote);
            }
            from = at + 1;
        }
        let (range, quote, close) = first?;
        let message = format!("this text begins with `{quote}` and ends with `{close}`");
        let error = PathError::new(PathErrorKind::UnclosedQuote, range, message);
        Some(error.help(format!("end it with `{quote}`, as it begins")).meant(meant))
    }

    fn missing_root(&self) -> Option<PathError> {
        if self.text.starts_with('$') {
            return None;
        }
        let trimmed = self.text.trim();
        let message = match trimmed.chars().next() {
            None => "a path cannot be empty",
            Some('$') => "a path starts with `$`, with no space before it",
            Some(_) => "a path starts with `$`, the whole payload",
        };
        let error = PathError::new(PathErrorKind::MissingRoot, 0..self.text.len(), message);
        if let Some(path) = trimmed.strip_prefix('?').filter(|path| path.starts_with('$')) {
            return Some(error.help(format!("the `?` belongs behind the name, before the colon: write `{path}` here")));
        }
        if trimmed.trim_start_matches(['@', '.']).is_empty() {
            return Some(error.help("for example `$.message.text`"));
        }
        let (meant, help) = foreign::rooted(trimmed);
        Some(match help {
            Some(help) => error.help(help),
            None => error.meant(meant),
        })
    }

    fn brackets(&self) -> Option<PathError> {
        let mut open: Vec<&Token<'_>> = Vec::new();
        for token in self.tokens {
            if token.is("[") || token.is("(") {
                open.push(token);
            } else if token.is("]") || token.is(")") {
                let fits = open.pop().is_some_and(|last| last.is("[") == token.is("]"));
                if !fits {
                    let message = format!("this `{}` closes nothing", token.text);
                    return Some(PathError::new(PathErrorKind::Syntax, token.range.clone(), message));
                }
            }
        }
        let token = open.pop()?;
        let message = format!("this `{}` is never closed", token.text);
        let close = if token.is("[") { "]" } else { ")" };
        Some(
            PathError::new(PathErrorKind::UnclosedBracket, token.range.clone(), message)
                .help(format!("add `{close}` where it ends"))
                .meant(format!("{}{close}", self.text)),
        )
    }

    fn word_operator(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let alone = token.is_word()
                && self.in_filter(at)
                && !self.before(at).is_some_and(|before| before.is(".") || before.is("..") || before.is("["));
            let sign = match token.text.to_ascii_lowercase().as_str() {
                _ if !alone => return None,
                "and" => "&&",
                "or" => "||",
                "not" => "!",
                word if FOREIGN.contains(&word) && !self.after(at).is_some_and(|after| after.is("(")) => {
                    let message = format!("there is no operator `{}`", token.text);
                    let error = PathError::new(PathErrorKind::WordOperator, token.range.clone(), message);
                    return Some(error.help("compare with each value: `@.a == 'x' || @.a == 'y'`"));
                }
                _ => return None,
            };
            let message = format!("`{}` is written `{sign}` in a path", token.text);
            Some(
                PathError::new(PathErrorKind::WordOperator, token.range.clone(), message)
                    .meant(self.replaced(token.range.clone(), sign)),
            )
        })
    }

    fn single_sign(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let (kind, right, words) = match token.text {
                "=" if token.is("=") => (PathErrorKind::SingleEquals, "==", "two values are compared with `==`"),
                "&" => (PathErrorKind::Syntax, "&&", "`and` is written `&&`"),
                "|" => (PathErrorKind::Syntax, "||", "`or` is written `||`"),
                _ => return None,
            };
            let doubled = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| self.tokens.get(at));
            let mut range = token.range.clone();
            for near in doubled.filter(|near| ["==", "!=", "=", ">", "<"].iter().any(|sign| near.is(sign))) {
                range = range.start.min(near.range.start)..range.end.max(near.range.end);
            }
            let right = if self.part(range.clone()).starts_with('!') { "!=" } else { right };
            (self.in_filter(at) || kind == PathErrorKind::SingleEquals)
                .then(|| PathError::new(kind, range.clone(), words).meant(self.replaced(range, right)))
        })
    }

    fn unquoted_text(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let compared = self
                .before(at)
                .is_some_and(|before| ["==", "!=", "<", ">", "<=", ">="].iter().any(|sign| before.is(sign)));
            let known = matches!(token.text, "true" | "false" | "null");
            let called = self.tokens.get(at + 1).is_some_and(|after| after.is("("));
            if !token.is_name() || !compared || known || called {
                return None;
            }
            let end = self.run_end(at, &["-", ".", "@", "/", "+", ":"], true);
            let range = token.range.start..end;
            let word = self.part(range.clone());
            let (message, right) = match word.to_ascii_lowercase().as_str() {
                "none" | "nil" | "undefined" | "null" => {
                    (format!("`{word}` is written `null` in a path"), "null".to_owned())
                }
                lower @ ("true" | "false") => (format!("`{word}` is written `{lower}` in a path"), lower.to_owned()),
                _ => (format!("the text `{word}` must be in quotes"), quoted(word)),
            };
            Some(
                PathError::new(PathErrorKind::UnquotedText, range.clone(), message).meant(self.replaced(range, &right)),
            )
        })
    }

    fn unquoted_key(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let inside = self.before(at).is_some_and(|before| before.is("[") || before.is(","));
            if !token.is_name() || !inside || self.in_filter(at) {
                return None;
            }
            let range = token.range.start..self.run_end(at, &["-", ".", "@", "/", "+", ":", "#"], true);
            let name = self.part(range.clone());
            let message = format!("the name `{name}` must be in quotes between brackets");
            let meant = self.replaced(range.clone(), &quoted(name));
            Some(PathError::new(PathErrorKind::UnquotedText, range, message).meant(meant))
        })
    }

    fn missing_question_mark(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let opened = self.before(at).is_some_and(|before| before.is("["));
            (opened && (token.is("@") || token.is("("))).then(|| {
                let meant = self.replaced(token.range.clone(), &format!("?{}", token.text));
                PathError::new(PathErrorKind::Syntax, token.range.clone(), "a filter starts with `[?`").meant(meant)
            })
        })
    }

    /// A name after a dot with a hyphen, a space or another sign in it.
    fn odd_name(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, dot)| {
            let next = self.tokens.get(at + 1)?;
            let signs: &[&str] =
                if self.in_filter(at) { &["-"] } else { &["-", "/", "#", "@", "$", ":", "%", "+", "&"] };
            let opens = next.is_name() || signs.iter().any(|sign| next.is(sign));
            if !(dot.is(".") || dot.is("..")) || !opens {
                return None;
            }
            let range = next.range.start..self.run_end(at + 1, signs, true);
            let name = self.part(range.clone());
            if is_plain_name(name) || !name.contains(|c: char| c.is_alphabetic()) {
                return None;
            }
            let odd = if name.contains(char::is_whitespace) { "a space" } else { "such a sign" };
            let odd = if name.contains('-') { "a `-`" } else { odd };
            let message = format!("a name with {odd} in it is written in brackets and quotes");
            let start = if dot.is("..") { dot.range.end } else { dot.range.start };
            let meant = self.replaced(start..range.end, &format!("[{}]", quoted(name)));
            Some(PathError::new(PathErrorKind::NameNeedsBrackets, range, message).meant(meant))
        })
    }

    /// Where the run of words starting at `at` ends, joined by `signs` and, if wanted, by single spaces.
    fn run_end(&self, at: usize, signs: &[&str], spaces: bool) -> usize {
        let mut end = self.tokens.get(at).map_or(0, |token| token.range.end);
        for pair in self.tokens.get(at..).unwrap_or_default().windows(2) {
            let [token, next] = pair else { break };
            let sign = |token: &Token<'_>| signs.iter().any(|sign| token.is(sign));
            let space = |token: &Token<'_>| spaces && token.kind == Kind::Space;
            let operator = |token: &Token<'_>| token.is_word() && matches!(token.text, "and" | "or" | "not" | "in");
            let joined =
                (token.is_word() || sign(token) || space(token)) && (next.is_word() || sign(next) || space(next));
            if !joined || operator(next) {
                break;
            }
            end = if next.kind == Kind::Space { end } else { next.range.end };
        }
        end
    }

    fn number_after_dot(&self) -> Option<PathError> {
        self.tokens.windows(3).enumerate().find_map(|(at, group)| {
            let [before, dot, number] = group else { return None };
            let inside = self.in_filter(at) && (!before.is_name() && !before.is("]") && !before.is("@"));
            if !dot.is(".") || !number.is_word() || number.is_name() || inside {
                return None;
            }
            let index = number.text.bytes().all(|byte| byte.is_ascii_digit());
            let inner = if index { number.text.to_owned() } else { quoted(number.text) };
            let what = if index { "a position in a list" } else { "a name which starts with a digit" };
            let range = dot.range.start..number.range.end;
            let meant = self.replaced(range.clone(), &format!("[{inner}]"));
            let message = format!("{what} is written in brackets");
            Some(PathError::new(PathErrorKind::NameNeedsBrackets, range, message).meant(meant))
        })
    }

    fn function(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let open = self.after(at)?;
            if !token.is_word() || !open.is("(") {
                return None;
            }
            if !FUNCTIONS.contains(&token.text) {
                return Some(unknown_function(token.text, token.range.clone()));
            }
            let range = token.range.start..open.range.end;
            if token.range.end != open.range.start {
                let message = format!("no space may stand between `{}` and `(`", token.text);
                return Some(PathError::new(PathErrorKind::FunctionUse, range, message));
            }
            let method = self.before(at).is_some_and(|before| before.is(".")) || !self.in_filter(at);
            let name = token.text;
            let example = if matches!(name, "match" | "search") {
                format!("?{name}(@.type, 'em.*')")
            } else {
                format!("?{name}(@.items) > 0")
            };
            let message = match method {
                true => format!("`{name}` is used inside a filter, with a path in its brackets"),
                false => format!("`{name}` is not used correctly here"),
            };
            Some(PathError::new(PathErrorKind::FunctionUse, range, message).help(format!("for example `[{example}]`")))
        })
    }

    fn large_number(&self) -> Option<PathError> {
        let large = |token: &&Token<'_>| {
            let digits = token.is_word() && token.text.bytes().all(|byte| byte.is_ascii_digit());
            digits && token.text.parse::<u64>().map_or(true, |number| number > LARGEST)
        };
        let token = self.tokens.iter().find(large)?;
        let message = format!("a whole number in a path can be at most {LARGEST}");
        let error = PathError::new(PathErrorKind::Syntax, token.range.clone(), message);
        Some(error.help("compare a longer id as text, where the payload sends it as text"))
    }

    fn loose_end(&self) -> Option<PathError> {
        let last = self.tokens.last()?;
        if last.kind == Kind::Space {
            let message = "a path cannot end with a space";
            return Some(PathError::new(PathErrorKind::Syntax, last.range.clone(), message).help("remove the space"));
        }
        if last.is(".") || last.is("..") {
            let error = PathError::new(PathErrorKind::Syntax, last.range.clone(), "a name is missing after this dot");
            let whole = self.part(0..last.range.start);
            return Some(
                error.help(format!("write the name behind it; or, if `{whole}` is all of the path, remove the dot")),
            );
        }
        let foreign = |token: &&Token<'_>| token.kind == Kind::Sign && ";#~^%/\\{}`".contains(token.text);
        if let Some(token) = self.tokens.iter().find(foreign) {
            let message = format!("`{}` cannot stand here", token.text);
            return Some(PathError::new(PathErrorKind::Syntax, token.range.clone(), message));
        }
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let next = self.after(at)?;
            let range = token.range.start..next.range.end;
            if token.is("[") && next.is("]") {
                return Some(
                    PathError::new(PathErrorKind::Syntax, range, "nothing stands between these brackets")
                        .help("write `[0]` for the first item, `[*]` for every item"),
                );
            }
            if token.is("..") && next.is(".") || token.is("..") && next.is("..") {
                return Some(PathError::new(PathErrorKind::Syntax, range, "too many dots").help("write `.` or `..`"));
            }
            None
        })
    }
}

//! Paths as other tools write them, and the path that was meant by each.

use super::explain::Reader;
use super::token::{Kind, Token, is_plain_name, quoted};
use super::{PathError, PathErrorKind};

/// What other tools call the payload, where a path has `$`.
const PAYLOAD: [&str; 7] =
    ["payload", "request.payload", "request.body", "request.json", "event.payload", "event.body", "trigger.body"];

/// What replaces a path that does not start with `$`, and why.
pub fn rooted(text: &str) -> (String, Option<String>) {
    let bare = text.trim().trim_start_matches('=').trim_start();
    if bare.starts_with('$') {
        return (bare.to_owned(), None);
    }
    let bare = bare.trim_start_matches(['@', '.']);
    let after = |name: &&str| bare.strip_prefix(*name).filter(|rest| rest.starts_with(['.', '[']));
    if let Some(rest) = PAYLOAD.iter().find_map(after) {
        return (format!("${rest}"), None);
    }
    if bare.starts_with('[') {
        return (format!("${bare}"), None);
    }
    if bare.contains('/') && !bare.contains(['[', '(', ':']) {
        let names = bare.split('/').filter(|name| !name.is_empty());
        return (names.fold("$".to_owned(), |path, name| path + &step(name)), None);
    }
    let name = bare.find(['.', '[']).and_then(|end| bare.get(..end)).unwrap_or(bare);
    let path = format!("${}{}", step(name), bare.get(name.len()..).unwrap_or_default());
    let help = (name == bare).then(|| {
        format!("write `{path}` if the payload has a field `{name}`; a text that is always the same needs no path")
    });
    (path, help)
}

fn step(name: &str) -> String {
    if is_plain_name(name) { format!(".{name}") } else { format!("[{}]", quoted(name)) }
}

/// A path as an item of a `[ ]` list of YAML.
fn in_list(path: &str) -> String {
    match path.contains(['[', ']', '{', '}', ',', '#']) {
        true if path.contains('"') => format!("'{}'", path.replace('\'', "''")),
        true => format!("\"{path}\""),
        false => path.to_owned(),
    }
}

impl Reader<'_> {
    /// `"{ path: $.email, as: email }"`
    pub(super) fn quoted_mapping(&self) -> Option<PathError> {
        let inner = self.text.trim();
        let is_mapping = inner.starts_with('{') && !inner.starts_with("{{") && inner.ends_with('}');
        is_mapping.then(|| {
            let message = "this is a text, because of the quotes around it";
            self.error(0..self.text.len(), message).help(format!("write `{inner}`, without the quotes"))
        })
    }

    /// `‘text’`
    pub(super) fn curly_quotes(&self) -> Option<PathError> {
        let curly = |c: char| matches!(c, '‘' | '’' | '“' | '”' | '„' | '´');
        let outside = |token: &&Token<'_>| token.kind != Kind::Quoted && token.text.contains(curly);
        let token = self.tokens.iter().find(outside)?;
        let start = token.range.start + token.text.find(curly)?;
        let end = start + self.text.get(start..)?.chars().next()?.len_utf8();
        let plain = self.text.replace(curly, "'");
        Some(self.error(start..end, "this is not a plain quote, as `'` is").meant(plain))
    }

    /// `$json.name`, `$answers.name`, `$$.name`, `${name}`, `$:name`
    pub(super) fn odd_root(&self) -> Option<PathError> {
        let rest = self.text.strip_prefix('$')?;
        let next = self.tokens.get(1)?;
        let root = |meant: String| {
            let message = "after the `$` comes `.name`, or a name or position in `[ ]`";
            Some(self.error(0..next.range.end, message).meant(meant))
        };
        if let Some(inner) = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return root(rooted(inner).0);
        }
        if rest.starts_with('$') {
            return root(rest.to_owned());
        }
        if rest.starts_with(':') && !rest.contains(['[', '\'', '"']) {
            return root(format!("${}", rest.replace(':', ".")));
        }
        let after = |name: &&str| rest.strip_prefix(*name).filter(|after| after.starts_with(['.', '[']));
        if !next.is_name() {
            return None;
        }
        let payload = ["json", "payload"].iter().find_map(after);
        root(payload.map_or_else(|| format!("$.{rest}"), |after| format!("${after}")))
    }

    /// `$.a || $.b`, `$.a, $.b`, `$.a or $.b`
    pub(super) fn several_paths(&self) -> Option<PathError> {
        let is_sign = |token: &Token<'_>| ["||", ",", "|", "?", ";"].iter().any(|sign| token.is(sign));
        let parts = |(at, token): &(usize, &Token<'_>)| {
            let parts = is_sign(token) || token.text.eq_ignore_ascii_case("or");
            parts && self.depth(*at) == 0 && self.after(*at).is_some_and(|next| next.is("$") || next.is("?"))
        };
        let (_, first) = self.tokens.iter().enumerate().find(parts)?;
        let ends = self.tokens.iter().enumerate().filter(parts).map(|(_, token)| token.range.start);
        let starts = self.tokens.iter().enumerate().filter(parts).map(|(_, token)| token.range.end);
        let pairs = std::iter::once(0).chain(starts).zip(ends.chain([self.text.len()]));
        let paths = pairs.map(|(start, end)| self.part(start..end).trim()).filter(|path| !path.is_empty());
        let paths: Vec<String> = paths.map(in_list).collect();
        let message = "one path stands here, and there are several";
        let help = format!("to take the first that finds a value, write `{{ first_of: [{}] }}`", paths.join(", "));
        Some(self.error(first.range.clone(), message).help(help))
    }

    /// `$.name | upper`
    pub(super) fn piped(&self) -> Option<PathError> {
        let pipe = |(at, token): &(usize, &Token<'_>)| token.is("|") && self.depth(*at) == 0;
        let (_, token) = self.tokens.iter().enumerate().find(pipe)?;
        let path = self.part(0..token.range.start).trim_end();
        let filter = self.part(token.range.end..self.text.len()).trim();
        let message = "a path has no filters; they stand in templates";
        let help = format!("write `{path}` here, and `| {filter}` in the template that uses the name");
        Some(self.error(token.range.start..self.text.len(), message).help(help))
    }

    /// `$.visitor,name`
    pub(super) fn comma_for_dot(&self) -> Option<PathError> {
        let is_between = |(at, token): &(usize, &Token<'_>)| {
            let next = self.tokens.get(at + 1);
            token.is(",") && self.depth(*at) == 0 && next.is_some_and(|next| next.is_name() || next.is("*"))
        };
        let (_, comma) = self.tokens.iter().enumerate().find(is_between)?;
        let error = self.error(comma.range.clone(), "a dot stands between names, and not a comma");
        Some(error.meant(self.replaced(comma.range.clone(), ".")))
    }

    /// `$.name,`
    pub(super) fn end_sign(&self) -> Option<PathError> {
        let last = self.tokens.last().filter(|last| last.is(",") || last.is(";") || last.is(":"))?;
        let message = format!("a path does not end with `{}`", last.text);
        Some(self.error(last.range.clone(), message).meant(self.part(0..last.range.start).trim_end().to_owned()))
    }

    /// `$.a.[name]`, `$.a.'name'`, `$.a->name`
    pub(super) fn odd_step(&self) -> Option<PathError> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            let next = self.tokens.get(at + 1)?;
            if token.is(".") && next.is("[") {
                let error = self.error(token.range.clone(), "no dot stands before a `[`");
                return Some(error.meant(self.replaced(token.range.clone(), "")));
            }
            if token.is(".") && next.kind == Kind::Quoted {
                let range = token.range.start..next.range.end;
                let error = self.error(next.range.clone(), "a name in quotes stands in brackets");
                return Some(error.meant(self.replaced(range, &format!("[{}]", next.text))));
            }
            if token.is("-") && next.is(">") && !self.in_filter(at) {
                let range = token.range.start..next.range.end;
                let error = self.error(range.clone(), "one step follows another with a dot");
                return Some(error.meant(self.replaced(range, ".")));
            }
            None
        })
    }

    /// `[(@.length-1)]`
    pub(super) fn end_position(&self) -> Option<PathError> {
        let start = self.text.find("[(@.length")?;
        let end = start + self.text.get(start..)?.find(")]")? + 2;
        let count = self.part(start..end).trim_start_matches("[(@.length").trim_end_matches(")]").replace(' ', "");
        let digits = count.strip_prefix('-').filter(|digits| !digits.is_empty())?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| {
            let error = self.error(start..end, "a position counted from the end is a negative number");
            error.meant(self.replaced(start..end, &format!("[-{digits}]")))
        })
    }

    /// `$.tags(0)`
    pub(super) fn round_position(&self) -> Option<PathError> {
        self.tokens.windows(4).enumerate().find_map(|(at, group)| {
            let [name, open, number, close] = group else { return None };
            let is_number = number.is_word() && number.text.bytes().all(|byte| byte.is_ascii_digit());
            let is_call = name.is_word() && open.is("(") && close.is(")") && !self.in_filter(at);
            (is_call && is_number).then(|| {
                let range = open.range.start..close.range.end;
                let error = self.error(range.clone(), "a position in a list is written in square brackets");
                error.meant(self.replaced(range, &format!("[{}]", number.text)))
            })
        })
    }

    /// `$.fields(?@.key == 'name')`, `$.fields(@.key == 'name')`
    pub(super) fn round_filter(&self) -> Option<PathError> {
        let open = self.tokens.windows(3).position(|group| {
            let [name, open, first] = group else { return false };
            name.is_word() && open.is("(") && (first.is("?") || first.is("@"))
        })?;
        let is_step =
            open.checked_sub(1).and_then(|before| self.tokens.get(before)).is_some_and(|before| before.is("."));
        let start = self.tokens.get(open + 1).filter(|_| is_step && !self.in_filter(open))?;
        let first = self.tokens.get(open + 2)?;
        let inside = self.depth(open + 2);
        let close = (open + 2..self.tokens.len())
            .find(|at| self.tokens.get(*at).is_some_and(|token| token.is(")")) && self.depth(*at) == inside)?;
        let close = self.tokens.get(close)?;
        let condition = self.part(first.range.start..close.range.start);
        let mark = if first.is("?") { "" } else { "?" };
        let range = start.range.start..close.range.end;
        let error = self.error(range.clone(), "a condition on the items of a list is written in square brackets");
        Some(error.meant(self.replaced(range, &format!("[{mark}{condition}]"))))
    }

    /// `[?@.id =~ /ab.*/]`
    pub(super) fn pattern_operator(&self) -> Option<PathError> {
        let at = self.tokens.iter().position(|token| token.is("~"))?;
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before))?;
        if !(before.is("=") || before.is("==")) {
            return None;
        }
        let sign = before.range.start..self.tokens.get(at)?.range.end;
        let message = "there is no operator `=~`; a pattern is compared with `search`";
        let error = self.error(sign.clone(), message).help("write, for example, `[?search(@.name, 'em.*')]`");
        let left = self.tokens.get(..at)?.iter().rev().find(|token| token.is("@"))?.range.start;
        let from = sign.end + self.part(sign.end..self.text.len()).find(['/', '\'', '"'])?;
        let mark = self.text.get(from..)?.chars().next()?;
        let length = self.text.get(from + 1..)?.find(mark)?;
        let pattern = self.part(from + 1..from + 1 + length);
        let call = format!("search({}, {})", self.part(left..sign.start).trim_end(), quoted(pattern));
        Some(error.meant(self.replaced(left..from + length + 2, &call)))
    }

    fn error(&self, range: std::ops::Range<usize>, message: impl Into<String>) -> PathError {
        PathError::new(PathErrorKind::Syntax, range, message)
    }

    /// How many brackets are open before a token.
    fn depth(&self, at: usize) -> usize {
        self.tokens.iter().take(at).fold(0, |depth: usize, token| match token.text {
            "[" | "(" if token.kind == Kind::Sign => depth + 1,
            "]" | ")" if token.kind == Kind::Sign => depth.saturating_sub(1),
            _ => depth,
        })
    }
}

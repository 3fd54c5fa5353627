//! Why a condition holds or does not: its parts, and the values that each of them saw.

use std::ops::Range;

use minijinja::machinery::{Token, tokenize};

use super::{Looked, Mode, Scope, Template, parse};
use crate::value::Value;

/// A condition, or a part of one, with its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// As written, in one line.
    pub text: String,
    pub verdict: Verdict,
    pub join: Join,
    /// The parts that `join` puts together.
    pub parts: Vec<Explained>,
    /// What the part saw; its parts say it where it has any.
    pub seen: Vec<Seen>,
    /// A name is compared with what is written, so that a yes explains itself.
    pub plain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    /// It fails on this event, and need not be asked: what stands before it has decided.
    NotAsked,
    /// It fails on this event, with the reason.
    Fails(String),
}

/// How the parts of a condition are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    And,
    Or,
    /// One part, whose opposite is wanted.
    Not,
    /// It has no parts.
    Single,
}

/// A name or a filtered value that a condition looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub text: String,
    /// Nothing when it is absent.
    pub value: Option<Value>,
    /// Names nearby that do exist.
    pub nearby: Vec<String>,
}

impl Template {
    /// Why the condition holds in this scope, or does not.
    pub fn explain(&self, scope: &Scope) -> Explained {
        let text = self.text().trim();
        let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text);
        explained(inner, scope)
    }
}

fn explained(text: &str, scope: &Scope) -> Explained {
    let text = unwrapped(text);
    let words = words(text);
    let has = |kind: Kind| words.iter().any(|word| word.depth == 0 && word.kind == kind);
    for (kind, join) in [(Kind::Or, Join::Or), (Kind::And, Join::And)] {
        if !has(Kind::If) && has(kind) {
            return joined(text, join, split(text, &words, kind), scope);
        }
    }
    match words.first().filter(|word| word.kind == Kind::Not && !has(Kind::If)) {
        Some(not) => negated(text, text.get(not.range.end..).unwrap_or_default(), scope),
        None => single(text, scope),
    }
}

/// `not (a or b)` has parts to tell apart, `not a` has none.
fn negated(text: &str, inner: &str, scope: &Scope) -> Explained {
    let inner = explained(inner, scope);
    let (text, verdict) = (one_line(text), verdict(text, scope));
    match inner.join {
        Join::Single => Explained { text, verdict, plain: false, ..inner },
        _ => Explained { text, verdict, join: Join::Not, parts: vec![inner], seen: Vec::new(), plain: false },
    }
}

fn joined(text: &str, join: Join, parts: Vec<&str>, scope: &Scope) -> Explained {
    let deciding = if join == Join::And { Verdict::No } else { Verdict::Yes };
    let mut parts: Vec<Explained> = parts.into_iter().map(|part| explained(part, scope)).collect();
    let decided = parts.iter().position(|part| part.verdict == deciding).unwrap_or(parts.len());
    for part in parts.iter_mut().skip(decided) {
        if matches!(part.verdict, Verdict::Fails(_)) {
            part.verdict = Verdict::NotAsked;
        }
    }
    Explained { text: one_line(text), verdict: verdict(text, scope), join, parts, seen: Vec::new(), plain: false }
}

fn single(text: &str, scope: &Scope) -> Explained {
    let verdict = verdict(text, scope);
    let (seen, plain) = seen(text, scope, &verdict);
    Explained { text: one_line(text), verdict, join: Join::Single, parts: Vec::new(), seen, plain }
}

fn verdict(text: &str, scope: &Scope) -> Verdict {
    match template(text).map(|template| template.holds(scope)) {
        Some(Ok(true)) => Verdict::Yes,
        Some(Ok(false)) => Verdict::No,
        Some(Err(error)) => Verdict::Fails(error.message),
        None => Verdict::Fails("this part can't be read alone".to_owned()),
    }
}

fn template(text: &str) -> Option<Template> {
    parse::compile(&format!("{{{{ {} }}}}", text.trim()), Mode::Condition).ok()
}

/// What one part saw, and whether it compares names with what is written and does nothing else.
fn seen(text: &str, scope: &Scope, verdict: &Verdict) -> (Vec<Seen>, bool) {
    let words = words(text);
    let is_choice = words.iter().any(|word| word.depth == 0 && word.kind == Kind::If);
    let sides = if is_choice { vec![text] } else { split(text, &words, Kind::Compare) };
    let is_compared = sides.len() > 1;
    let mut seen = Vec::new();
    let mut plain = is_compared && words.iter().any(|word| word.equals);
    for side in sides.iter().filter_map(|side| template(side)) {
        let looked = side.look(scope);
        names(&looked, verdict, &mut seen);
        let text = side.text().trim_matches(['{', '}']).trim();
        let is_name = looked.iter().any(|name| &*name.text == text);
        plain &= is_name || looked.is_empty();
        if is_compared && !is_name {
            made(&side, text, &looked, scope, &mut seen);
        }
    }
    (seen, plain)
}

/// The names of one side of a comparison.
fn names(looked: &[Looked], verdict: &Verdict, seen: &mut Vec<Seen>) {
    // Of `a | default(b)`, where `b` is there, it does not matter that `a` is not.
    let any = looked.iter().any(|name| name.value.is_some());
    for name in looked {
        let helps = *verdict != Verdict::Yes && !(name.guarded && any);
        let nearby = if helps { name.nearby.clone() } else { Vec::new() };
        let text = if name.value.is_some() { &name.text } else { &name.absent };
        push(seen, Seen { text: text.to_string(), value: name.value.clone(), nearby });
    }
}

/// What filters made of a side's names, where it is something else than they are.
fn made(side: &Template, text: &str, looked: &[Looked], scope: &Scope, seen: &mut Vec<Seen>) {
    let Ok(Some(value)) = side.evaluate(scope) else { return };
    if !looked.is_empty() && looked.iter().all(|name| name.value.as_ref() != Some(&value)) {
        push(seen, Seen { text: one_line(text), value: Some(value), nearby: Vec::new() });
    }
}

fn push(seen: &mut Vec<Seen>, next: Seen) {
    if seen.iter().all(|known| known.text != next.text) {
        seen.push(next);
    }
}

/// A text whose lines are joined: `a\n   and b` as `a and b`.
fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// What a token means for the parts of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    And,
    Or,
    Not,
    If,
    Compare,
    Open,
    Close,
    Other,
}

struct Word {
    kind: Kind,
    range: Range<usize>,
    /// How many brackets are open around it.
    depth: usize,
    equals: bool,
}

/// The tokens of an expression, as far as they divide it. The tree is of no use here: its operators don't say where they
/// begin.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut depth: usize = 0;
    let mut before = Token::Comma;
    for (token, span) in tokenize(text, true, Default::default()).map_while(Result::ok) {
        let kind = kind(&token, &before);
        let range = span.start_offset as usize..span.end_offset as usize;
        if kind == Kind::Close {
            depth = depth.saturating_sub(1);
        }
        match (&before, &token, words.last_mut()) {
            // `not in` is one sign.
            (Token::Ident("not"), Token::Ident("in"), Some(not)) => not.range.end = range.end,
            _ => words.push(Word { kind, range, depth, equals: matches!(token, Token::Eq) }),
        }
        if kind == Kind::Open {
            depth += 1;
        }
        before = token;
    }
    words
}

fn kind(token: &Token<'_>, before: &Token<'_>) -> Kind {
    match token {
        // After `.` and `|` a word is a name, and after `is` it belongs to the test.
        _ if matches!(before, Token::Dot | Token::Pipe | Token::Ident("is")) => Kind::Other,
        Token::Ident("and") => Kind::And,
        Token::Ident("or") => Kind::Or,
        Token::Ident("if") => Kind::If,
        Token::Ident("not") if starts_operand(before) => Kind::Not,
        Token::Ident("not" | "in") => Kind::Compare,
        Token::Eq | Token::Ne | Token::Gt | Token::Gte | Token::Lt | Token::Lte => Kind::Compare,
        Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => Kind::Open,
        Token::ParenClose | Token::BracketClose | Token::BraceClose => Kind::Close,
        _ => Kind::Other,
    }
}

/// Whether what follows begins an operand, so that a `not` there is an operator of its own.
fn starts_operand(before: &Token<'_>) -> bool {
    matches!(
        before,
        Token::Comma | Token::ParenOpen | Token::BracketOpen | Token::Ident("and" | "or" | "not" | "if" | "else")
    )
}

/// The text between the words of a kind that stand in no bracket.
fn split<'t>(text: &'t str, words: &[Word], kind: Kind) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for word in words.iter().filter(|word| word.kind == kind && word.depth == 0) {
        parts.extend(text.get(start..word.range.start));
        start = word.range.end;
    }
    parts.extend(text.get(start..));
    parts
}

/// The text without the brackets around the whole of it.
fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let words = words(text);
    let closes = words.iter().position(|word| word.kind == Kind::Close && word.depth == 0);
    let is_wrapped = text.starts_with('(') && text.ends_with(')') && closes == Some(words.len() - 1);
    match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) if is_wrapped && !words.iter().any(|word| word.depth == 1 && is_comma(text, word)) => {
            unwrapped(inner)
        }
        _ => text,
    }
}

/// `(a, b)` is a list.
fn is_comma(text: &str, word: &Word) -> bool {
    text.get(word.range.clone()) == Some(",")
}

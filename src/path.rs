//! A JSONPath (RFC 9535): checked and compiled once, then asked for values of many payloads.

use std::fmt::{self, Display, Write};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use crate::value::Value;

mod eval;
mod explain;
mod filtered;
mod foreign;
mod lower;
mod nearby;
mod pattern;
mod refuse;
mod token;

pub use filtered::{Compared, compared};
pub use nearby::{Single, around, beyond_single, meant, moved, nearby};
pub use token::{is_plain_name, quoted};

/// The longest path accepted, in bytes.
const LONGEST: usize = 4096;
/// The most `..` of a path: each multiplies the values visited by the depth of the payload.
const DESCENTS: usize = 2;

/// A compiled path. Cloning one copies a pointer.
#[derive(Clone, Debug)]
pub struct Path(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    text: String,
    query: lower::Query,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathErrorKind {
    TooLong,
    /// It does not start with `$`.
    MissingRoot,
    /// `=` for `==`.
    SingleEquals,
    /// `and`, `or`, `not` for `&&`, `||`, `!`.
    WordOperator,
    /// A text to compare with, or a key in brackets, without quotes.
    UnquotedText,
    /// A name which can only be written in brackets and quotes.
    NameNeedsBrackets,
    UnclosedBracket,
    UnclosedQuote,
    UnknownFunction,
    /// A known function given the wrong arguments, or used where its result does not fit.
    FunctionUse,
    TooManyDescents,
    /// The pattern of `match` or `search` is not a regular expression, or too large a one.
    BadPattern,
    Syntax,
}

/// Why a text is not accepted as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    pub kind: PathErrorKind,
    /// Bytes of the path's text.
    pub range: Range<usize>,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The whole path with this mistake mended; there may be others in it.
    meant: Option<String>,
}

impl PathError {
    fn new(kind: PathErrorKind, range: Range<usize>, message: impl Into<String>) -> PathError {
        PathError { kind, range, message: message.into(), help: None, meant: None }
    }

    fn meant(mut self, path: String) -> PathError {
        self.meant = Some(path);
        self
    }

    /// Follows the mending to a path that is accepted, and says to write that one; no other is worth writing.
    fn settled(mut self) -> PathError {
        const STEPS: usize = 8;
        let mut meant = self.meant.take();
        for _ in 0..STEPS {
            let Some(path) = meant else { return self };
            match Path::read(&path) {
                Ok(_) => return self.help(format!("write `{path}`")),
                Err(next) => meant = next.meant,
            }
        }
        self
    }

    fn help(mut self, help: impl Into<String>) -> PathError {
        self.help = Some(help.into());
        self
    }
}

impl Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path by RFC 9535, with at most two `..` and 4 KB of text.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        Path::read(text).map_err(PathError::settled)
    }

    fn read(text: &str) -> Result<Path, PathError> {
        if text.len() > LONGEST {
            let message = format!("a path may be at most {LONGEST} bytes long, this one is {}", text.len());
            return Err(PathError::new(PathErrorKind::TooLong, 0..text.len(), message));
        }
        let tokens = token::tokens(text);
        refuse::refuse(text, &tokens)?;
        let parsed =
            jsonpath_rust::parser::parse_json_path(text).map_err(|error| explain::explain(text, &tokens, &error))?;
        let query = lower::Lowering { text, tokens: &tokens }.query(&parsed.segments)?;
        Ok(Path(Arc::new(Compiled { text: text.to_owned(), query })))
    }

    /// What was meant by a text that is no path, where every mistake in it can be mended in one way only.
    pub fn mended(text: &str) -> Option<String> {
        const MISTAKES: usize = 8;
        let mut text = text.to_owned();
        for _ in 0..MISTAKES {
            match Path::read(&text) {
                Ok(_) => return Some(text),
                Err(error) => text = error.meant?,
            }
        }
        None
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it names one value at most: only names and positions, no wildcard, filter, slice or `..`.
    pub fn is_singular(&self) -> bool {
        self.0.query.singular
    }

    /// The way that it leads, when that is the same in every payload: names, and positions from the start.
    pub fn steps(&self) -> Option<Vec<Step>> {
        self.0.query.segments.iter().map(lower::Segment::step).collect()
    }

    /// The first value it finds.
    pub fn first<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        if self.is_singular() {
            return self.0.query.single(root);
        }
        let mut found = None;
        eval::Evaluation::of(root).run(&self.0.query, &mut |_, value| {
            found = Some(value);
            ControlFlow::Break(())
        });
        found
    }

    /// The values it finds, at most `limit` of them. A search too long for a payload of any size ends early.
    pub fn all<'v>(&self, root: &'v Value, limit: usize) -> Vec<&'v Value> {
        let mut found = Vec::new();
        self.collect(root, limit, |_, value| found.push(value));
        found
    }

    /// The values it finds, at most `limit` of them, each with where it stands.
    pub fn select<'v>(&self, root: &'v Value, limit: usize) -> Vec<(Location, &'v Value)> {
        let mut found = Vec::new();
        self.collect(root, limit, |trail, value| found.push((trail.location(), value)));
        found
    }

    fn collect<'v>(&self, root: &'v Value, limit: usize, mut take: impl FnMut(&eval::Trail<'_, 'v>, &'v Value)) {
        if limit == 0 {
            return;
        }
        let mut left = limit;
        eval::Evaluation::of(root).run(&self.0.query, &mut |trail, value| {
            take(trail, value);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Path {}

impl Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        Path::parse(text)
    }
}

/// One step down from a value: to a field or to an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Key(Arc<str>),
    Index(usize),
}

/// Where one value stands in a payload; shown as the path that finds exactly it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Location(pub Vec<Step>);

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('$')?;
        self.0.iter().try_for_each(|step| match step {
            Step::Index(index) => write!(f, "[{index}]"),
            // What is outside ASCII can't follow a dot in a template, where the same place may be shown.
            Step::Key(key) if key.is_ascii() && token::is_plain_name(key) => write!(f, ".{key}"),
            Step::Key(key) => write!(f, "[{}]", token::quoted(key)),
        })
    }
}

#[cfg(test)]
mod tests;

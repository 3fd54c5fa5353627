//! Symbolic places: a file, a path of keys and, within a scalar, a part. They are resolved to bytes late.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One step into a document: a key of a mapping or an index of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    Key(Arc<str>),
    Index(usize),
}

/// A path of keys from a document's root. Cloning and extending are cheap: paths share their beginnings.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Option<Arc<Step>>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Step {
    parent: KeyPath,
    segment: Segment,
}

impl KeyPath {
    pub fn root() -> Self {
        KeyPath(None)
    }

    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        self.step(Segment::Key(key.into()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.step(Segment::Index(index))
    }

    fn step(&self, segment: Segment) -> Self {
        KeyPath(Some(Arc::new(Step { parent: self.clone(), segment })))
    }

    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The path without its last step, and that step.
    pub fn split_last(&self) -> Option<(&KeyPath, &Segment)> {
        self.0.as_deref().map(|step| (&step.parent, &step.segment))
    }

    /// Whether this path is `other` or goes on from it.
    pub fn is_within(&self, other: &KeyPath) -> bool {
        let mut path = self;
        while path != other {
            match path.split_last() {
                Some((parent, _)) => path = parent,
                None => return false,
            }
        }
        true
    }

    /// The steps from the root down.
    pub fn segments(&self) -> Vec<&Segment> {
        let mut segments = Vec::new();
        let mut path = self;
        while let Some((parent, segment)) = path.split_last() {
            segments.push(segment);
            path = parent;
        }
        segments.reverse();
        segments
    }
}

/// `send[0].body.contact_email`; a key that is not a plain word is quoted.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.segments().into_iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_word(key) && position == 0 => write!(f, "{key}")?,
                Segment::Key(key) if is_word(key) => write!(f, ".{key}")?,
                Segment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '?'))
}

/// What of a place is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// The value at the path.
    #[default]
    Value,
    /// The key that names it.
    Key,
    /// A part of the scalar at the path, in bytes of its decoded text.
    Part(PartRange),
    /// Bytes of the file itself, for what has no tree (a syntax error).
    Bytes(PartRange),
}

/// A byte range that can be compared and hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartRange {
    pub start: usize,
    pub end: usize,
}

impl From<Range<usize>> for PartRange {
    fn from(range: Range<usize>) -> Self {
        PartRange { start: range.start, end: range.end }
    }
}

impl From<PartRange> for Range<usize> {
    fn from(range: PartRange) -> Self {
        range.start..range.end
    }
}

/// A place in a file of the workspace or of an embedded pack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Relative to the workspace, with `/`: `routes/sales/website-form.yaml`.
    pub file: Arc<str>,
    pub path: KeyPath,
    pub on: On,
}

impl Place {
    /// The root of a file.
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Place { file: file.into(), path: KeyPath::root(), on: On::Value }
    }

    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        Place { file: self.file.clone(), path: self.path.key(key), on: On::Value }
    }

    pub fn index(&self, index: usize) -> Self {
        Place { file: self.file.clone(), path: self.path.index(index), on: On::Value }
    }

    /// The key rather than the value.
    pub fn on_key(&self) -> Self {
        Place { on: On::Key, ..self.clone() }
    }

    /// A part of the scalar's decoded text, in bytes.
    pub fn part(&self, range: Range<usize>) -> Self {
        Place { on: On::Part(range.into()), ..self.clone() }
    }

    /// Bytes of the file itself.
    pub fn bytes(file: impl Into<Arc<str>>, range: Range<usize>) -> Self {
        Place { file: file.into(), path: KeyPath::root(), on: On::Bytes(range.into()) }
    }
}

/// `routes/a.yaml send[0].body`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if !self.path.is_root() {
            write!(f, " {}", self.path)?;
        }
        Ok(())
    }
}

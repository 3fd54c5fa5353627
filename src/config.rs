//! The language as written: one Rust type for each mapping of the YAML, decoded with every problem collected.
//!
//! The same declaration gives the decoder and, for editors, the JSON Schema: the two can't disagree.

#[macro_use]
mod record;

pub mod connection;
pub mod extract;
pub mod pack;
pub mod route;
pub mod scalar;
pub mod settings;
pub mod source;
pub mod test_case;

use std::ops::Deref;

use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::{Entry, Kind, Node};

/// What is found wrong while decoding. Decoding never stops at the first problem.
pub type Problems = Vec<Diagnostic>;

/// A value with the place where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    pub value: T,
    pub place: Place,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> At<T> {
    pub fn new(value: T, place: Place) -> Self {
        At { value, place }
    }
}

/// What can be read from a YAML node.
pub trait Decode: Sized {
    /// The value, or nothing after at least one problem has been reported.
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// What a key that is not there means; nothing when it must be there.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.is_null() {
            return Some(None);
        }
        T::decode(node, problems).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A list; one value alone is not taken for a list of one.
impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => {
                let decoded: Vec<Option<T>> = items.iter().map(|item| T::decode(item, problems)).collect();
                decoded.into_iter().collect()
            }
            _ if node.is_null() => Some(Vec::new()),
            _ => {
                problems.push(wrong_type(node, "a list", Some("start each item on its own line with `- `")));
                None
            }
        }
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

/// A key chosen by the user, with its value.
#[derive(Clone, Debug)]
pub struct Named<T> {
    pub name: At<std::sync::Arc<str>>,
    pub value: T,
}

/// A mapping whose keys the user chooses, in the order written.
#[derive(Clone, Debug)]
pub struct NamedList<T>(pub Vec<Named<T>>);

impl<T> Default for NamedList<T> {
    fn default() -> Self {
        NamedList(Vec::new())
    }
}

impl<T> Deref for NamedList<T> {
    type Target = [Named<T>];

    fn deref(&self) -> &[Named<T>] {
        &self.0
    }
}

impl<T> NamedList<T> {
    pub fn get(&self, name: &str) -> Option<&Named<T>> {
        self.0.iter().find(|named| &**named.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|named| &**named.name.deref())
    }
}

impl<T: Decode> Decode for NamedList<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => {
                let decoded: Vec<Option<Named<T>>> = entries.iter().map(|entry| named(entry, problems)).collect();
                decoded.into_iter().collect::<Option<Vec<_>>>().map(NamedList)
            }
            _ if node.is_null() => Some(NamedList::default()),
            _ => {
                problems.push(wrong_type(node, "a mapping", Some("write each entry as `name: value`")));
                None
            }
        }
    }

    fn absent() -> Option<Self> {
        Some(NamedList::default())
    }
}

fn named<T: Decode>(entry: &Entry, problems: &mut Problems) -> Option<Named<T>> {
    let value = T::decode(&entry.value, problems)?;
    Some(Named { name: At::new(entry.key.name.clone(), entry.value.place.on_key()), value })
}

/// A part of the YAML that is kept as it is: a body, an example, a constant.
impl Decode for Node {
    fn decode(node: &Node, _problems: &mut Problems) -> Option<Self> {
        Some(node.clone())
    }
}

/// What was found is of another type than what is wanted.
pub fn wrong_type(node: &Node, wanted: &str, help: Option<&str>) -> Diagnostic {
    let subject = match node.place.path.split_last() {
        Some((_, crate::diagnostic::Segment::Key(key))) => format!("`{key}` must be {wanted}"),
        _ => format!("this must be {wanted}"),
    };
    Diagnostic::new(Code::WrongType, node.place.clone(), format!("{subject}, but is {}", node.describe()))
        .found(format!("wanted: {wanted}"))
        .help_opt(help.map(str::to_owned))
}

/// The entries of a mapping that has known keys, taken one by one.
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Opens a mapping; what is not one is a problem. Nothing at all counts as an empty mapping.
    pub fn open(node: &'n Node, what: &str, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Fields { node, entries, known: Vec::new() }),
            _ if node.is_null() => Some(Fields { node, entries: &[], known: Vec::new() }),
            _ => {
                problems.push(wrong_type(node, &format!("a mapping ({what})"), None));
                None
            }
        }
    }

    /// The value of one key; a key that must be there and is not is a problem.
    pub fn take<T: Decode>(&mut self, key: &'static str, problems: &mut Problems) -> Option<T> {
        self.known.push(key);
        match self.entries.iter().find(|entry| &*entry.key.name == key) {
            Some(entry) => T::decode(&entry.value, problems),
            None => T::absent().or_else(|| {
                problems.push(self.missing(key));
                None
            }),
        }
    }

    fn missing(&self, key: &str) -> Diagnostic {
        let place = &self.node.place;
        let (place, parent) = match place.path.split_last() {
            Some((_, crate::diagnostic::Segment::Key(parent))) => (place.on_key(), format!(" in `{parent}`")),
            Some(_) => (place.clone(), String::new()),
            None => (place.clone(), String::new()),
        };
        Diagnostic::new(Code::MissingKey, place, format!("`{key}` is missing{parent}"))
            .found(format!("`{key}` must be given here"))
            .help(format!("add a line `{key}: …`"))
    }

    /// Reports every key that nothing has taken.
    pub fn close(self, what: &str, problems: &mut Problems) {
        for entry in self.rest() {
            let name = &*entry.key.name;
            let place = entry.value.place.on_key();
            let given: Vec<&str> = self.entries.iter().map(|e| &*e.key.name).collect();
            let free = self.known.iter().copied().filter(|known| !given.contains(known));
            let diagnostic = Diagnostic::new(Code::UnknownKey, place.clone(), format!("{what} has no key `{name}`"))
                .found("nothing reads this key");
            problems.push(match suggest::nearest(name, free) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(place, near),
                None => diagnostic.help_opt(suggest::one_of(&self.known).map(|all| format!("its keys are {all}"))),
            });
        }
    }

    /// The entries that nothing has taken.
    pub fn rest(&self) -> impl Iterator<Item = &'n Entry> + use<'_, 'n> {
        self.entries.iter().filter(|entry| !self.known.contains(&&*entry.key.name))
    }
}

/// The one entry of a mapping that chooses a kind by its key.
pub fn only_entry<'n>(
    node: &'n Node,
    what: &str,
    kinds: &'static [&'static str],
    or: &str,
    problems: &mut Problems,
) -> Option<(&'static str, &'n Node)> {
    let all = || suggest::one_of(kinds).map(|all| format!("write one of the keys {all}, or {or}"));
    let entries = match &node.kind {
        Kind::Map(entries) => entries.as_slice(),
        _ => {
            problems.push(wrong_type(node, what, all().as_deref()));
            return None;
        }
    };
    match entries {
        [entry] => {
            let name = &*entry.key.name;
            let kind = kinds.iter().copied().find(|kind| *kind == name);
            if kind.is_none() {
                let place = entry.value.place.on_key();
                let diagnostic = Diagnostic::new(Code::UnknownKey, place, format!("`{name}` is not {what}"));
                problems.push(diagnostic.help_opt(suggest::did_you_mean(name, kinds.iter().copied())));
            }
            kind.map(|kind| (kind, &entry.value))
        }
        _ => {
            let message = format!("{what} takes exactly one kind, but {} are given", entries.len());
            problems.push(Diagnostic::new(Code::ConflictingKeys, node.place.clone(), message).help_opt(all()));
            None
        }
    }
}

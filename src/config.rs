//! The language as written: one Rust type for each mapping of the YAML, decoded with every problem collected.
//!
//! One declaration gives the type and its decoder: the two can't disagree.

#[macro_use]
mod record;

pub mod connection;
pub mod editor;
pub mod extract;
mod group;
pub mod guard;
pub mod handshake;
mod list;
pub mod pack;
pub mod page;
pub mod privacy;
pub mod route;
pub mod scalar;
pub mod settings;
pub mod shape;
pub mod source;
pub mod step;
mod stray;
pub mod test_case;

use std::ops::Deref;

use crate::diagnostic::{Code, Diagnostic, Place, Segment, suggest};
use crate::document::{Entry, Kind, Node, Typed};

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
///
/// A part that can't be read is reported and left out, so that all that stands beside it is still looked at.
pub trait Decode: Sized {
    /// The value, or nothing after at least one problem has been reported.
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// What a key that is not there means; nothing when it must be there.
    fn absent() -> Option<Self> {
        None
    }

    /// Keys by which a mapping is known to be one such value, where a mapping of several by name is wanted.
    const OWN_KEYS: &'static [&'static str] = &[];

    /// What stands for a value that could not be had, after that has been reported; nothing when there is no such.
    fn unread() -> Option<Self> {
        None
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.is_null() {
            problems.extend(is_empty(node));
            return Some(None);
        }
        T::decode(node, problems).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn unread() -> Option<Self> {
        Some(None)
    }
}

/// A key after which nothing stands; a section may be left empty, and `null` says so itself.
fn is_empty(node: &Node) -> Option<Diagnostic> {
    const SECTIONS: &[&str] = &["vars", "limits", "retry", "retention"];
    let (_, Segment::Key(key)) = node.place.path.split_last()? else { return None };
    let is_blank = node.as_scalar().is_some_and(|scalar| scalar.text.is_empty());
    (is_blank && !SECTIONS.contains(&&**key)).then(|| {
        let message = format!("`{key}` has no value");
        let help = "write it after the colon, or remove the line";
        Diagnostic::new(Code::WrongType, node.place.on_key(), message).found("nothing stands here").help(help)
    })
}

/// A value that must be there, in a mapping that is worth looking at without it.
#[derive(Clone, Debug)]
pub struct Required<T>(Option<T>);

impl<T> Required<T> {
    /// The value; nothing when it is missing or could not be read, which has been reported.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T: Decode> Decode for Required<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::decode(node, problems).map(|value| Required(Some(value)))
    }

    fn unread() -> Option<Self> {
        Some(Required(None))
    }
}

/// A list; one value alone is not taken for a list of one.
impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => Some(items.iter().filter_map(|item| T::decode(item, problems)).collect()),
            _ if node.is_null() => Some(Vec::new()),
            _ => {
                let help = list::list_help(node);
                // What would be right as an item belongs in brackets.
                let item = T::decode(node, &mut Vec::new())
                    .and_then(|_| help.strip_prefix(list::IN_BRACKETS)?.strip_suffix('`'));
                let place = Place::bytes(node.place.file.clone(), node.span.clone());
                problems.push(wrong_type(node, "a list", Some(&help)).fix_opt(place, item));
                None
            }
        }
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }

    fn unread() -> Option<Self> {
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
pub struct NamedList<T> {
    entries: Vec<Named<T>>,
    /// Names whose values could not be read, which has been reported: what refers to them has no problem of its own.
    pub unread: Vec<std::sync::Arc<str>>,
}

impl<T> Default for NamedList<T> {
    fn default() -> Self {
        NamedList { entries: Vec::new(), unread: Vec::new() }
    }
}

impl<T> Deref for NamedList<T> {
    type Target = [Named<T>];

    fn deref(&self) -> &[Named<T>] {
        &self.entries
    }
}

impl<T> NamedList<T> {
    pub fn get(&self, name: &str) -> Option<&Named<T>> {
        self.entries.iter().find(|named| &**named.name == name)
    }

    /// Every name that is written, also those whose values could not be read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|named| &**named.name.deref()).chain(self.unread.iter().map(|name| &**name))
    }
}

impl<T: Decode> Decode for NamedList<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => {
                let mut list = NamedList::default();
                let nameless = entries.iter().find(|entry| is_own_key::<T>(entry));
                problems.extend(nameless.map(|entry| without_name(entry, entries)));
                for entry in entries {
                    if nameless.is_some() && entry.value.as_scalar().is_some() {
                        list.unread.push(entry.key.name.clone());
                        continue;
                    }
                    match named(entry, problems) {
                        Some(named) => list.entries.push(named),
                        None => list.unread.push(entry.key.name.clone()),
                    }
                }
                Some(list)
            }
            _ if node.is_null() => Some(NamedList::default()),
            _ => {
                let help = match &node.kind {
                    Kind::List(_) => "write each entry as `name: value`, without the `- ` before it",
                    _ => "write each entry below it, indented, as `name: value`",
                };
                problems.push(wrong_type(node, "a mapping", Some(help)));
                None
            }
        }
    }

    fn absent() -> Option<Self> {
        Some(NamedList::default())
    }

    fn unread() -> Option<Self> {
        Some(NamedList::default())
    }
}

fn is_own_key<T: Decode>(entry: &Entry) -> bool {
    T::OWN_KEYS.contains(&&*entry.key.name) && entry.value.as_scalar().is_some() && !entry.value.is_null()
}

/// The keys of one thing stand where a name is wanted, under which they belong.
fn without_name(entry: &Entry, entries: &[Entry]) -> Diagnostic {
    let name = entries.iter().find(|entry| entry.value.is_null()).map(|entry| &entry.key.name);
    let help = match name {
        Some(name) => format!("indent it, and what belongs to it, under `{name}:`"),
        None => format!(
            "write a name above it, and indent it: `my_{}:`",
            entry.value.as_scalar().map_or("name", |s| &s.text)
        ),
    };
    let message = format!("`{}` stands where a name is wanted", entry.key.name);
    Diagnostic::new(Code::WrongType, entry.value.place.on_key(), message).help(help)
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
        Some((_, Segment::Key(key))) => format!("`{key}` must be {wanted}"),
        _ => format!("this must be {wanted}"),
    };
    Diagnostic::new(Code::WrongType, node.place.clone(), format!("{subject}, but is {}", found(node)))
        .help_opt(help.map(str::to_owned))
}

/// What stands there, with a short text as it is written.
fn found(node: &Node) -> String {
    const SHOWN: usize = 30;
    match node.as_scalar().map(|scalar| scalar.typed()) {
        Some(Typed::Text(text)) if text.chars().count() <= SHOWN && !text.contains(char::is_control) => {
            format!("the text `{text}`")
        }
        _ => node.describe(),
    }
}

/// The entries of a mapping that has known keys, taken one by one.
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [Entry],
    known: Vec<&'static str>,
    /// Keys that must be there and are not. They are reported last: a key that is misspelled may be one of them.
    missing: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Opens a mapping; what is not one is a problem. Nothing at all counts as an empty mapping.
    pub fn open(node: &'n Node, keys: &[&str], problems: &mut Problems) -> Option<Self> {
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            _ if node.is_null() => &[],
            kind => {
                let all = suggest::one_of(keys).unwrap_or_default();
                let (mut wanted, key) = ("a mapping", node.place.path.split_last().map(|(_, key)| key));
                let help = match kind {
                    Kind::List(_) => format!("write its keys without the `- ` before them; they are {all}"),
                    Kind::Scalar(scalar) if group::help(node, &scalar.text).is_some() => {
                        let is_token = matches!(key, Some(Segment::Key(key)) if &**key == "token");
                        wanted = if is_token { "a place and its name" } else { "a group of keys" };
                        group::help(node, &scalar.text).unwrap_or_default()
                    }
                    _ => {
                        wanted = "a group of keys";
                        format!("write its keys as `key: value`; they are {all}")
                    }
                };
                problems.push(wrong_type(node, wanted, Some(&help)));
                return None;
            }
        };
        Some(Fields { node, entries, known: Vec::new(), missing: Vec::new() })
    }

    /// The value of one key; a key that must be there and is not is a problem.
    pub fn take<T: Decode>(&mut self, key: &'static str, problems: &mut Problems) -> Option<T> {
        self.known.push(key);
        match self.entries.iter().find(|entry| &*entry.key.name == key) {
            Some(entry) => T::decode(&entry.value, problems).or_else(T::unread),
            None => T::absent().or_else(|| {
                self.missing.push(key);
                T::unread()
            }),
        }
    }

    fn is_missing(&self, key: &str) -> Diagnostic {
        let place = &self.node.place;
        let (place, parent) = match place.path.split_last() {
            Some((_, Segment::Key(parent))) => (place.on_key(), format!(" in `{parent}`")),
            _ => (place.clone(), String::new()),
        };
        Diagnostic::new(Code::MissingKey, place, format!("`{key}` is missing{parent}"))
            .help(format!("add a line `{key}: …`"))
    }

    /// Reports every key that nothing has taken, and every one that is missing.
    pub fn close(mut self, what: &str, problems: &mut Problems) {
        let unknown: Vec<&Entry> = self.rest().collect();
        let stray = stray::Stray {
            what,
            known: &self.known,
            free: self.free(),
            missing: &mut self.missing,
            filled: Vec::new(),
        };
        stray.report(&unknown, problems);
        self.close_open(problems);
    }

    /// Reports the keys that are missing, where others than those known are allowed.
    pub fn close_open(self, problems: &mut Problems) {
        problems.extend(self.missing.iter().map(|key| self.is_missing(key)));
    }

    /// The key among those that are missing which was meant by another; it does not count as missing after that.
    pub fn meant(&mut self, name: &str) -> Option<&'static str> {
        let meant = suggest::key(name, &self.missing)?;
        self.missing.retain(|key| *key != meant);
        self.known.iter().copied().find(|key| *key == meant)
    }

    /// The known keys that are not written.
    fn free(&self) -> Vec<&'static str> {
        let is_written = |key: &str| self.entries.iter().any(|entry| &*entry.key.name == key);
        self.known.iter().copied().filter(|key| !is_written(key)).collect()
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
                let diagnostic = Diagnostic::new(Code::UnknownKey, place.clone(), format!("`{name}` is not {what}"))
                    .fix_opt(place, suggest::certain(name, kinds.iter().copied()));
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

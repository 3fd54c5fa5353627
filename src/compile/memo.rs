//! What is made once for all files of a compilation: paths, templates and parts of schemas stand in many routes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::Input;
use super::schema_words::Sub;
use super::template::Kind;
use crate::path::{Path, PathError};
use crate::schema::Schema;
use crate::template::{Template, TemplateError};
use crate::value::{Object, Value};

/// What was made so far. The threads of one compilation share it.
#[derive(Default)]
pub(super) struct Memo {
    paths: Mutex<HashMap<Arc<str>, Path>>,
    templates: Mutex<HashMap<(Kind, Arc<str>), Template>>,
    schemas: Mutex<HashMap<(usize, usize), Part>>,
    mentions: OnceLock<Mentions>,
}

/// A part of a schema, compiled. It is known by its address, which stays its own as long as it is held.
struct Part {
    _held: [Arc<Object>; 2],
    compiled: Option<Schema>,
}

/// What the files of a workspace name, wherever in them: other files' problems are told by it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// The vendors behind `from: `.
    pub senders: BTreeSet<String>,
    /// The names in `${env:NAME}`, and how often.
    pub variables: BTreeMap<String, usize>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What is known under a key, or is made and known from then on. Two threads may make the same; it is as good.
fn once<K: Hash + Eq, V: Clone, E>(
    known: &Mutex<HashMap<K, V>>,
    key: K,
    make: impl FnOnce() -> Result<V, E>,
) -> Result<V, E> {
    if let Some(found) = locked(known).get(&key) {
        return Ok(found.clone());
    }
    let made = make()?;
    Ok(locked(known).entry(key).or_insert(made).clone())
}

impl Memo {
    pub(super) fn path(&self, text: &str) -> Result<Path, PathError> {
        once(&self.paths, text.into(), || Path::parse(text))
    }

    pub(super) fn template(&self, text: &str, kind: Kind) -> Result<Template, Vec<TemplateError>> {
        once(&self.templates, (kind, text.into()), || match kind {
            Kind::Value => Template::compile(text),
            Kind::Condition => Template::condition(text),
            Kind::Lenient => Template::lenient_condition(text),
        })
    }

    /// A validator of a part of a schema alone.
    pub(super) fn schema(&self, part: &Sub<'_>) -> Option<Schema> {
        let (Value::Object(schema), Value::Object(root)) = (part.schema, part.root) else { return part.compile() };
        let key = (Arc::as_ptr(schema).addr(), Arc::as_ptr(root).addr());
        if let Some(found) = locked(&self.schemas).get(&key) {
            return found.compiled.clone();
        }
        let compiled = part.compile();
        locked(&self.schemas).insert(key, Part { _held: [schema.clone(), root.clone()], compiled: compiled.clone() });
        compiled
    }

    pub(super) fn mentions(&self, input: &Input<'_>) -> &Mentions {
        self.mentions.get_or_init(|| Mentions::of(input))
    }

    /// What the files name, where something has asked for it.
    pub(super) fn into_mentions(self) -> Option<Mentions> {
        self.mentions.into_inner()
    }
}

impl Mentions {
    fn of(input: &Input<'_>) -> Self {
        let mut mentions = Mentions::default();
        for text in input.files.values() {
            for sender in behind(text, "from: ", '.') {
                if !mentions.senders.contains(sender) {
                    mentions.senders.insert(sender.to_owned());
                }
            }
            for variable in behind(text, "${env:", '}') {
                match mentions.variables.get_mut(variable) {
                    Some(count) => *count += 1,
                    None => _ = mentions.variables.insert(variable.to_owned(), 1),
                }
            }
        }
        mentions
    }
}

/// What stands between a beginning and an end, each time.
fn behind<'t>(text: &'t str, begin: &'t str, end: char) -> impl Iterator<Item = &'t str> {
    let found = text.match_indices(begin).filter_map(move |(at, _)| text.get(at + begin.len()..)?.split_once(end));
    found.map(|(found, _)| found).filter(|found| !found.contains(['\n', '{']))
}

//! The fields of a JSON object: kept in the order given, found quickly however many there are.

use std::sync::Arc;

use super::Value;

type Field = (Arc<str>, Value);

/// Below this size a scan is quicker than a search.
const SCANNED: usize = 16;

/// Fields in the order given. A key given twice keeps its first place and takes its last value.
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: Box<[(Arc<str>, Value)]>,
    /// Positions of `entries` ordered by key; empty while a scan is quicker.
    sorted: Box<[u32]>,
}

impl Object {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The field with its own copy of the key, which is cheap to clone.
    pub fn get_key_value(&self, key: &str) -> Option<(&Arc<str>, &Value)> {
        let entry = if self.sorted.is_empty() {
            self.entries.iter().find(|(name, _)| &**name == key)?
        } else {
            let sought = (weight(key), key);
            let order = |&at: &u32| (weight(self.key_at(at)), self.key_at(at)).cmp(&sought);
            let found = self.sorted.binary_search_by(order).ok()?;
            self.entries.get(*self.sorted.get(found)? as usize)?
        };
        Some((&entry.0, &entry.1))
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn iter(&self) -> Iter<'_> {
        Iter(self.entries.iter())
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> + Clone {
        self.entries.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + Clone {
        self.entries.iter().map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn key_at(&self, position: u32) -> &str {
        self.entries.get(position as usize).map_or("", |(key, _)| key)
    }
}

/// The fields of an object, in order.
#[derive(Clone)]
pub struct Iter<'a>(std::slice::Iter<'a, (Arc<str>, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Arc<str>, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Arc<str>, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl From<Vec<(Arc<str>, Value)>> for Object {
    fn from(fields: Vec<(Arc<str>, Value)>) -> Self {
        if fields.len() <= SCANNED {
            return Object { entries: few(fields).into_boxed_slice(), sorted: Box::default() };
        }
        let (fields, order) = many(fields);
        let sorted = if fields.len() <= SCANNED { Box::default() } else { order };
        Object { entries: fields.into_boxed_slice(), sorted }
    }
}

impl FromIterator<(Arc<str>, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(fields: I) -> Self {
        Object::from(fields.into_iter().collect::<Vec<_>>())
    }
}

/// Without regard to the order of the fields.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl Eq for Object {}

/// Settles duplicates of a handful of fields by comparing each with those before it.
fn few(fields: Vec<(Arc<str>, Value)>) -> Vec<(Arc<str>, Value)> {
    let mut rest = fields.as_slice();
    while let [(key, _), after @ ..] = rest
        && after.iter().all(|(name, _)| name != key)
    {
        rest = after;
    }
    if rest.is_empty() {
        return fields;
    }
    let mut kept: Vec<(Arc<str>, Value)> = Vec::with_capacity(fields.len());
    for (key, value) in fields {
        match kept.iter_mut().find(|(name, _)| *name == key) {
            Some((_, earlier)) => *earlier = value,
            None => kept.push((key, value)),
        }
    }
    kept
}

/// Settles duplicates of any number of fields in O(n log n): no hashing, so no input is a bad one. With their order by key.
fn many(mut fields: Vec<Field>) -> (Vec<Field>, Box<[u32]>) {
    let order = by_key(&fields);
    let mut dropped = vec![false; fields.len()];
    let mut any = false;
    let mut first: Option<usize> = None;
    for position in order.iter().map(|&position| position as usize) {
        let same = first.is_some_and(|first| key_of(&fields, first) == key_of(&fields, position));
        let Some(kept) = first.filter(|_| same) else {
            first = Some(position);
            continue;
        };
        let later = fields.get_mut(position).map(|(_, value)| std::mem::take(value));
        if let (Some((_, earlier)), Some(later), Some(flag)) = (fields.get_mut(kept), later, dropped.get_mut(position))
        {
            *earlier = later;
            *flag = true;
            any = true;
        }
    }
    if any {
        let mut flags = dropped.into_iter();
        fields.retain(|_| !flags.next().unwrap_or(false));
        let order = by_key(&fields);
        return (fields, order);
    }
    (fields, order)
}

/// By what keys are ordered first, since it is quicker to compare than they are: how long they are, and how they end.
fn weight(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let end = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_be_bytes(*last),
        None => bytes.iter().fold(0, |end, byte| (end << 8) | u64::from(*byte)),
    };
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    (u64::from(length) << 56) | (end & (u64::MAX >> 8))
}

fn key_of(fields: &[(Arc<str>, Value)], position: usize) -> Option<&str> {
    fields.get(position).map(|(key, _)| &**key)
}

/// The positions of the fields ordered by key; those of one key stay in the order given.
fn by_key(fields: &[(Arc<str>, Value)]) -> Box<[u32]> {
    let mut named: Vec<(u64, &str, u32)> =
        fields.iter().zip(0u32..).map(|((key, _), position)| (weight(key), &**key, position)).collect();
    named.sort_unstable();
    named.into_iter().map(|(_, _, position)| position).collect()
}

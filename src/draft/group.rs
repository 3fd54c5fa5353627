//! The fields of which a schema wants one: what a request has for one of them is put there.

use std::sync::Arc;

use super::Drafting;
use super::concept::Concept;
use super::target::{Content, Target};
use crate::value::Value;

/// What a body says so far: each field by its path.
pub(super) type Filled = Vec<(Vec<Arc<str>>, Value)>;

/// When a group is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Before the texts for people, which tell what no other field does.
    Early,
    /// At the end: what has nothing is left open.
    Last,
}

impl Drafting<'_, '_> {
    /// Fills what the schema needs and the example does not have: fields that are required, and one of those of which one is.
    pub(super) fn needed(&mut self, at: &[Arc<str>], schema: &Value, turn: Turn, filled: &mut Filled) {
        let names = required(schema);
        let properties = |name: &str| schema.get("properties")?.get(name);
        for group in groups(schema) {
            self.one_of(at, schema, &group, turn, filled);
        }
        for name in names {
            let path: Vec<Arc<str>> = at.iter().cloned().chain([name.clone()]).collect();
            let Some(sub) = properties(&name) else { continue };
            if self.is_given(&path) {
                continue;
            }
            if sub.get("properties").is_some() {
                self.needed(&path, sub, turn, filled);
                continue;
            }
            if turn == Turn::Last && !is_in(filled, &path) && !self.open.contains(&written(&path)) {
                self.one(&path, Some(sub), filled);
                if !is_in(filled, &path) {
                    self.open.push(written(&path));
                }
            }
        }
        // A mapping that need not be there has to be whole where it is.
        let optional = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|object| object.iter());
        for (name, sub) in optional.filter(|(_, sub)| sub.get("properties").is_some()) {
            let path: Vec<Arc<str>> = at.iter().cloned().chain([name.clone()]).collect();
            if !required(schema).contains(name) && is_in(filled, &path) {
                self.needed(&path, sub, turn, filled);
            }
        }
    }

    /// Fills one field of a group of which none is, as well as can be.
    fn one_of(&mut self, at: &[Arc<str>], schema: &Value, group: &[Arc<str>], turn: Turn, filled: &mut Filled) {
        let path = |name: &Arc<str>| -> Vec<Arc<str>> { at.iter().cloned().chain([name.clone()]).collect() };
        if group.iter().any(|name| is_in(filled, &path(name)) || self.is_given(&path(name))) {
            return;
        }
        let sub = |name: &Arc<str>| schema.get("properties")?.get(name);
        let mut targets: Vec<Target> = group.iter().map(|name| Target::needed(path(name), sub(name))).collect();
        if turn == Turn::Early && targets.iter().any(Target::is_message) {
            return;
        }
        // What a person is reached by says more than a name that is made of it.
        targets.sort_by_key(|target| match (target.concept, target.content) {
            (Some(Concept::Phone), _) => 0,
            (Some(Concept::Email), _) => 1,
            (_, Content::Message) => 2,
            _ => 3,
        });
        for target in targets {
            let is_of_person = target.content == Content::Person;
            if is_of_person && !self.knows_person() {
                continue;
            }
            let is_sure = is_of_person || matches!(target.content, Content::Message | Content::Other);
            if let Some(value) = is_sure.then(|| self.filled(&target)).flatten() {
                filled.push((target.path, value));
                return;
            }
        }
        if turn == Turn::Last {
            let names: Vec<String> = group.iter().map(|name| written(&path(name))).collect();
            self.open.push(names.join(" or "));
        }
    }

    fn one(&mut self, path: &[Arc<str>], schema: Option<&Value>, filled: &mut Filled) {
        let target = Target::needed(path.to_vec(), schema);
        if matches!(target.content, Content::Constant | Content::Id) {
            return;
        }
        if let Some(value) = self.filled(&target) {
            filled.push((target.path, value));
        }
    }

    /// Whether the connection says it.
    fn is_given(&self, path: &[Arc<str>]) -> bool {
        path.len() == 1 && path.iter().any(|name| self.given.contains(name))
    }
}

/// How a field is called: `message.content`.
fn written(path: &[Arc<str>]) -> String {
    path.iter().map(|key| &**key).collect::<Vec<_>>().join(".")
}

/// Whether a field, or something in it, has a value.
fn is_in(filled: &Filled, path: &[Arc<str>]) -> bool {
    filled.iter().any(|(known, _)| known.starts_with(path))
}

/// The fields that a mapping must have.
fn required(schema: &Value) -> Vec<Arc<str>> {
    let names = schema.get("required").and_then(Value::as_array).unwrap_or_default();
    names.iter().filter_map(Value::as_str).map(Arc::from).collect()
}

/// The fields of which a mapping must have one, each group by itself.
fn groups(schema: &Value) -> Vec<Vec<Arc<str>>> {
    let all = schema.get("allOf").and_then(Value::as_array).unwrap_or_default();
    let branches = std::iter::once(schema)
        .chain(all)
        .flat_map(|schema| ["oneOf", "anyOf"].into_iter().filter_map(|key| schema.get(key).and_then(Value::as_array)));
    let group = |branches: &[Value]| -> Option<Vec<Arc<str>>> {
        let names = branches.iter().map(|branch| match required(branch).as_slice() {
            [name] => Some(name.clone()),
            _ => None,
        });
        names.collect()
    };
    branches.filter_map(group).filter(|group| group.len() > 1).collect()
}

//! The fields of a form as they are put together: keys in brackets become objects, and lists where they are numbered.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Limits;
use crate::value::Value;

/// No key goes deeper than this; what is deeper keeps its brackets as part of the name.
const DEEPEST: usize = 32;

/// A number beyond this is a name like any other, and no item comes after it.
const FAR: usize = usize::MAX / 2;

/// A form on its way to a value.
pub(in crate::payload) struct Tree {
    root: Branch,
    deepest: usize,
    /// How many more values there may be.
    left: usize,
}

impl Tree {
    pub(in crate::payload) fn within(limits: &Limits) -> Self {
        Tree { root: Branch::default(), deepest: limits.depth.min(DEEPEST), left: limits.nodes }
    }

    /// Whether there was room for one more field.
    pub(in crate::payload) fn insert(&mut self, key: &str, value: Value) -> bool {
        let path = segments(key, self.deepest);
        let room = self.left.checked_sub(path.len());
        if room.is_some() {
            self.root.insert(key, &path, value);
        }
        self.left = room.unwrap_or(0);
        room.is_some()
    }

    pub(in crate::payload) fn into_value(self) -> Value {
        self.root.into_object()
    }
}

/// A field's value, the values of a repeated one, or what brackets nest.
enum Node {
    Leaf(Vec<Value>),
    Branch(Branch),
}

#[derive(Default)]
struct Branch {
    entries: Vec<(String, Node)>,
    positions: HashMap<String, usize>,
    next: usize,
}

impl Branch {
    fn insert(&mut self, key: &str, path: &[&str], value: Value) {
        match self.fits(path) {
            true => self.put_named(path, value),
            // `a[b]=1&a=2`: both are kept, the second as one more item.
            false if self.is_branch(key) => self.put_named(&[key, ""], value),
            // `a=1&a[b]=2`: both are kept, the second under the name as it was sent.
            false => self.put_named(&[key], value),
        }
    }

    /// The first name of a key stands for itself, even an empty one.
    fn put_named(&mut self, path: &[&str], value: Value) {
        let Some((first, rest)) = path.split_first() else { return };
        self.put_at((*first).to_owned(), rest, value);
    }

    fn is_branch(&self, key: &str) -> bool {
        let found = self.positions.get(key).and_then(|at| self.entries.get(*at));
        matches!(found, Some((_, Node::Branch(_))))
    }

    /// Whether no step of the path runs into a value, and its end into a branch.
    fn fits(&self, path: &[&str]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        let found = self.positions.get(*first).and_then(|at| self.entries.get(*at)).map(|(_, node)| node);
        match found {
            None => true,
            Some(Node::Leaf(_)) => rest.is_empty(),
            Some(Node::Branch(branch)) => !rest.is_empty() && branch.fits(rest),
        }
    }

    fn put(&mut self, path: &[&str], value: Value) {
        let Some((first, rest)) = path.split_first() else { return };
        // `a[]=1&a[]=2` numbers its items.
        let name = if first.is_empty() { self.next.to_string() } else { (*first).to_owned() };
        self.put_at(name, rest, value);
    }

    fn put_at(&mut self, name: String, rest: &[&str], value: Value) {
        let fresh = self.entries.len();
        let at = *self.positions.entry(name.clone()).or_insert(fresh);
        if at == fresh {
            let node = if rest.is_empty() { Node::Leaf(Vec::new()) } else { Node::Branch(Branch::default()) };
            let index = name.parse::<usize>().ok().filter(|index| *index < FAR);
            self.next = self.next.max(index.map_or(0, |index| index + 1));
            self.entries.push((name, node));
        }
        match self.entries.get_mut(at).map(|(_, node)| node) {
            Some(Node::Leaf(values)) => values.push(value),
            Some(Node::Branch(branch)) => branch.put(rest, value),
            None => {}
        }
    }

    /// A list where the keys are 0..n without a gap, else an object.
    fn into_value(self) -> Value {
        let count = self.entries.len();
        let is_list = count > 0 && (0..count).all(|index| self.positions.contains_key(&index.to_string()));
        if !is_list {
            return self.into_object();
        }
        let mut items: Vec<(usize, Node)> =
            self.entries.into_iter().map(|(key, node)| (key.parse().unwrap_or(usize::MAX), node)).collect();
        items.sort_by_key(|(index, _)| *index);
        Value::array(items.into_iter().map(|(_, node)| node.into_value()))
    }

    fn into_object(self) -> Value {
        let fields = self.entries.into_iter().map(|(key, node)| (Arc::<str>::from(key), node.into_value()));
        Value::Object(Arc::new(fields.collect()))
    }
}

impl Node {
    fn into_value(self) -> Value {
        match self {
            Node::Branch(branch) => branch.into_value(),
            Node::Leaf(mut values) if values.len() == 1 => values.pop().unwrap_or_default(),
            Node::Leaf(values) => Value::array(values),
        }
    }
}

/// `a[b][0]` as `a`, `b`, `0`; a key whose brackets don't pair is one name.
fn segments(key: &str, deepest: usize) -> Vec<&str> {
    let Some(open) = key.find('[').filter(|open| *open > 0) else { return vec![key] };
    let (first, mut rest) = key.split_at(open);
    let mut path = vec![first];
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((segment, after)) = inner.split_once(']') else { return vec![key] };
        path.push(segment);
        rest = after;
    }
    if rest.is_empty() && path.len() <= deepest { path } else { vec![key] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(value: &Value) -> usize {
        match value {
            Value::Object(object) => object.values().map(leaves).sum(),
            Value::Array(items) => items.iter().map(leaves).sum(),
            _ => 1,
        }
    }

    fn value(keys: &[String]) -> Value {
        let mut tree = Tree::within(&Limits::default());
        keys.iter().for_each(|key| assert!(tree.insert(key, Value::from("x"))));
        tree.into_value()
    }

    #[test]
    fn an_item_after_the_largest_number_has_its_own_name() {
        let keys = ["a[18446744073709551615][b]", "a[]", "a[]"].map(str::to_owned);
        assert_eq!(value(&keys).to_json(), r#"{"a":{"18446744073709551615":{"b":"x"},"0":"x","1":"x"}}"#);
    }

    proptest! {
        #[test]
        fn nothing_is_dropped(keys in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![
                "a", "[]", "[0]", "[1]", "[00]", "[+1]", "[b]", "[", "]", "[18446744073709551615]",
                "[9223372036854775806]", "[9223372036854775807]", "[18446744073709551614]", "[18446744073709551616]",
            ]), 1..5).prop_map(|parts| parts.concat()),
            1..12,
        )) {
            prop_assert_eq!(leaves(&value(&keys)), keys.len());
        }
    }
}

//! `application/x-www-form-urlencoded`, with brackets: `leads[add][0][id]=1` becomes objects and lists.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode;

use crate::value::Value;

/// No form has more fields than this.
const MOST_FIELDS: usize = 10_000;
/// No key goes deeper than this; what is deeper keeps its brackets as part of the name.
const DEEPEST: usize = 32;

/// Why a form can't be read. Holds a field's number, never its contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("field {0} is not UTF-8 text")]
    NotUtf8(usize),
    #[error("it has more than {MOST_FIELDS} fields")]
    TooMany,
}

/// The fields of a form as one object.
pub fn decode(bytes: &[u8]) -> Result<Value, FormError> {
    let mut root = Branch::default();
    for (number, field) in bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty()).enumerate() {
        if number >= MOST_FIELDS {
            return Err(FormError::TooMany);
        }
        let at = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
        let key = text(field.get(..at).unwrap_or_default()).ok_or(FormError::NotUtf8(number + 1))?;
        let value = text(field.get(at + 1..).unwrap_or_default()).ok_or(FormError::NotUtf8(number + 1))?;
        root.insert(&key, value);
    }
    Ok(root.into_object())
}

/// A query string; a field that can't be read is left out.
pub fn decode_lenient(query: &str) -> Value {
    decode(query.as_bytes()).unwrap_or_default()
}

/// Every field as sent, decoded, in order; for signatures over the fields.
pub fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let fields = bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    fields
        .take(MOST_FIELDS)
        .map(|field| {
            let at = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            let part = |bytes: Option<&[u8]>| text(bytes.unwrap_or_default()).unwrap_or_default();
            (part(field.get(..at)), part(field.get(at + 1..)))
        })
        .collect()
}

fn text(bytes: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

/// A field's value, the values of a repeated one, or what brackets nest.
enum Node {
    Leaf(Vec<String>),
    Branch(Branch),
}

#[derive(Default)]
struct Branch {
    entries: Vec<(String, Node)>,
    positions: HashMap<String, usize>,
    next: usize,
}

impl Branch {
    fn insert(&mut self, key: &str, value: String) {
        let path = segments(key);
        match self.fits(&path) {
            true => self.put_named(&path, value),
            // `a[b]=1&a=2`: both are kept, the second as one more item.
            false if self.is_branch(key) => self.put_named(&[key, ""], value),
            // `a=1&a[b]=2`: both are kept, the second under the name as it was sent.
            false => self.put_named(&[key], value),
        }
    }

    /// The first name of a key stands for itself, even an empty one.
    fn put_named(&mut self, path: &[&str], value: String) {
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

    fn put(&mut self, path: &[&str], value: String) {
        let Some((first, rest)) = path.split_first() else { return };
        // `a[]=1&a[]=2` numbers its items.
        let name = if first.is_empty() { self.next.to_string() } else { (*first).to_owned() };
        self.put_at(name, rest, value);
    }

    fn put_at(&mut self, name: String, rest: &[&str], value: String) {
        let fresh = self.entries.len();
        let at = *self.positions.entry(name.clone()).or_insert(fresh);
        if at == fresh {
            let node = if rest.is_empty() { Node::Leaf(Vec::new()) } else { Node::Branch(Branch::default()) };
            self.next = self.next.max(name.parse::<usize>().map_or(self.next, |index| index.saturating_add(1)));
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
            Node::Leaf(mut values) if values.len() == 1 => Value::from(values.pop().unwrap_or_default()),
            Node::Leaf(values) => Value::array(values),
        }
    }
}

/// `a[b][0]` as `a`, `b`, `0`; a key whose brackets don't pair is one name.
fn segments(key: &str) -> Vec<&str> {
    let Some(open) = key.find('[').filter(|open| *open > 0) else { return vec![key] };
    let (first, mut rest) = key.split_at(open);
    let mut path = vec![first];
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((segment, after)) = inner.split_once(']') else { return vec![key] };
        path.push(segment);
        rest = after;
    }
    if rest.is_empty() && path.len() <= DEEPEST { path } else { vec![key] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(form: &str) -> String {
        decode(form.as_bytes()).map_or_else(|e| e.to_string(), |value| value.to_json())
    }

    #[test]
    fn brackets_become_objects_and_lists() {
        let cases = [
            ("a=1&b=x+y%21", r#"{"a":"1","b":"x y!"}"#),
            ("a%5Bb%5D%5B0%5D%5Bc%5D=1", r#"{"a":{"b":[{"c":"1"}]}}"#),
            ("a[0]=x&a[1]=y", r#"{"a":["x","y"]}"#),
            ("a[1]=y&a[0]=x", r#"{"a":["x","y"]}"#),
            ("a[0]=x&a[2]=y", r#"{"a":{"0":"x","2":"y"}}"#),
            ("a[]=x&a[]=y", r#"{"a":["x","y"]}"#),
            ("a=1&a=2", r#"{"a":["1","2"]}"#),
            ("a=1&a[b]=2", r#"{"a":"1","a[b]":"2"}"#),
            ("a[b]=1&a=2", r#"{"a":{"b":"1","0":"2"}}"#),
            ("a[b=1&[c]=2&=3", r#"{"a[b":"1","[c]":"2","":"3"}"#),
            ("a&b=", r#"{"a":"","b":""}"#),
            ("x=%zz", r#"{"x":"%zz"}"#),
            ("", "{}"),
            ("x=%ff", "field 1 is not UTF-8 text"),
        ];
        for (form, wanted) in cases {
            assert_eq!(json(form), wanted, "{form}");
        }
    }

    #[test]
    fn hostile_forms_are_read_in_time_that_grows_with_their_length() {
        let deep = format!("a{}=1", "[b]".repeat(100_000));
        assert!(decode(deep.as_bytes()).is_ok());
        let many = "a=1&".repeat(20_000);
        assert_eq!(decode(many.as_bytes()), Err(FormError::TooMany));
    }
}

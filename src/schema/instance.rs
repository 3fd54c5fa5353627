//! Lets the validator walk our value as it is, without a copy.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object as Members, unique};

use crate::value::json::to_serde;
use crate::value::{Number, Object, Value};

/// Our representation of JSON, as the validator knows it.
pub struct Ours;

impl Json for Ours {
    type Node<'a> = &'a Value;
    type PreparedKey = Box<str>;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(&Value) -> T) -> T {
        *buffer = Value::from(string);
        f(buffer)
    }
}

impl<'a> Node<'a, Ours> for &'a Value {
    type Object = &'a Object;
    type Array = &'a [Value];
    type Number = &'a Number;

    fn as_object(&self) -> Option<&'a Object> {
        Value::as_object(self)
    }

    fn as_array(&self) -> Option<&'a [Value]> {
        Value::as_array(self)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        Value::as_str(self).map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        Value::as_number(self)
    }

    fn as_boolean(&self) -> Option<bool> {
        Value::as_bool(self)
    }

    fn is_null(&self) -> bool {
        Value::is_null(self)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &serde_json::Value) -> bool {
        equal(self, expected)
    }

    /// Only errors ask for this, to show the value: ours never do, and a copy of the payload for each costs too much.
    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        Cow::Owned(serde_json::Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Value>(self).addr()))
    }
}

impl<'a> Members<'a, Ours> for &'a Object {
    type Node = &'a Value;
    type MemberName = &'a str;
    type MembersIter = Fields<'a>;

    fn len(&self) -> usize {
        Object::len(self)
    }

    fn get(&self, key: &Box<str>) -> Option<&'a Value> {
        Object::get(self, key)
    }

    fn members(&self) -> Fields<'a> {
        Fields(self.iter())
    }
}

/// The fields of an object under plain names.
pub struct Fields<'a>(crate::value::object::Iter<'a>);

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (&**key, value))
    }
}

impl<'a> Array<'a, Ours> for &'a [Value] {
    type Node = &'a Value;
    type ElementsIter = std::slice::Iter<'a, Value>;

    fn len(&self) -> usize {
        <[Value]>::len(self)
    }

    fn elements(&self) -> std::slice::Iter<'a, Value> {
        self.iter()
    }

    fn is_unique(&self) -> bool {
        unique::is_unique(&self.iter().map(to_serde).collect::<Vec<_>>())
    }
}

impl JsonNumber for &Number {
    fn as_u64(&self) -> Option<u64> {
        Number::as_u64(self)
    }

    fn as_i64(&self) -> Option<i64> {
        Number::as_i64(self)
    }

    /// Beyond its range the largest there is, so that limits still compare the right way.
    fn as_f64(&self) -> Option<f64> {
        Some(Number::as_f64(self).unwrap_or(if self.text().starts_with('-') { f64::MIN } else { f64::MAX }))
    }

    fn as_str(&self) -> Cow<'_, str> {
        self.text()
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        let exact = serde_json::from_str(&self.text()).ok();
        let near = || serde_json::Number::from_f64(JsonNumber::as_f64(self)?);
        Cow::Owned(exact.or_else(near).unwrap_or_else(|| 0.into()))
    }

    fn is_integer(&self) -> bool {
        Number::is_integer(self)
    }
}

/// Equality with a value of the schema, numbers by exact value.
fn equal(ours: &Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Theirs;
    match (ours, theirs) {
        (Value::Null, Theirs::Null) => true,
        (Value::Bool(ours), Theirs::Bool(theirs)) => ours == theirs,
        (Value::String(ours), Theirs::String(theirs)) => **ours == **theirs,
        (Value::Number(ours), Theirs::Number(theirs)) => Number::parse(&theirs.to_string()).as_ref() == Some(ours),
        (Value::Array(ours), Theirs::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| equal(ours, theirs))
        }
        (Value::Object(ours), Theirs::Object(theirs)) => {
            ours.len() == theirs.len()
                && theirs.iter().all(|(key, theirs)| ours.get(key).is_some_and(|ours| equal(ours, theirs)))
        }
        _ => false,
    }
}

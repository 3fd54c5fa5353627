//! `application/x-www-form-urlencoded`, with brackets: `leads[add][0][id]=1` becomes objects and lists.

mod tree;

use percent_encoding::percent_decode;

use super::Limits;
use super::charset::{self, Charset};
use super::error::{DecodeError, Fault};
use crate::value::Value;
pub(super) use tree::Tree;

/// No form has more fields than this.
pub(super) const MOST_FIELDS: usize = 10_000;

/// A byte order mark, which is no part of the first name.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why a form can't be read. Holds a field's number, never its contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("field {0} is not text in the charset of the body")]
    NotText(usize),
    #[error("it has more than {MOST_FIELDS} fields")]
    TooMany,
    #[error("its keys in brackets make more than {0} values")]
    TooManyNodes(usize),
}

impl FormError {
    /// The same, about what can't be read.
    pub(super) fn of_subject(&self, subject: impl Into<String>) -> DecodeError {
        let fault = match self {
            FormError::NotText(_) => Fault::Malformed,
            FormError::TooMany | FormError::TooManyNodes(_) => Fault::TooLarge,
        };
        DecodeError { fault, subject: subject.into(), place: None, reason: self.to_string() }
    }
}

/// The fields of a form as one object.
pub fn decode(bytes: &[u8]) -> Result<Value, FormError> {
    decode_within(bytes, Charset::Unsaid, &Limits::default())
}

/// The same, of a charset that was declared.
pub(super) fn decode_within(bytes: &[u8], declared: Charset, limits: &Limits) -> Result<Value, FormError> {
    let fields = raw_fields(bytes.strip_prefix(MARK).unwrap_or(bytes))?;
    let charset = charset_of(&fields, declared);
    let mut tree = Tree::within(limits);
    for (number, (key, value)) in (1..).zip(&fields) {
        let text = charset::text(key, charset).zip(charset::text(value, charset));
        let (key, value) = text.ok_or(FormError::NotText(number))?;
        if !tree.insert(&key, Value::from(&*value)) {
            return Err(FormError::TooManyNodes(limits.nodes));
        }
    }
    Ok(tree.into_value())
}

/// A query string; one that can't be read is empty.
pub fn decode_lenient(query: &str) -> Value {
    decode(query.as_bytes()).unwrap_or_else(|_| Tree::within(&Limits::default()).into_value())
}

/// What stands between the `&` of a query, each with the name by which it is read.
pub fn pieces(query: &str) -> Vec<(&str, Option<String>)> {
    let bytes = query.as_bytes().strip_prefix(MARK).unwrap_or(query.as_bytes());
    let charset = charset_of(&split(bytes).take(MOST_FIELDS).collect::<Vec<_>>(), Charset::Unsaid);
    let name = |piece: &str, is_first: bool| {
        let bytes = piece.as_bytes().strip_prefix(if is_first { MARK } else { b"" }).unwrap_or(piece.as_bytes());
        let (key, _) = split(bytes).next()?;
        charset::text(&key, charset).map(|key| key.into_owned())
    };
    query.split('&').enumerate().map(|(at, piece)| (piece, name(piece, at == 0))).collect()
}

/// Every field as sent, decoded, in order; for signatures over the fields.
pub fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
    split(bytes).take(MOST_FIELDS).map(|(key, value)| (text(key), text(value))).collect()
}

type Field = (Vec<u8>, Vec<u8>);

/// The bytes of every key and value.
fn raw_fields(bytes: &[u8]) -> Result<Vec<Field>, FormError> {
    let fields: Vec<Field> = split(bytes).take(MOST_FIELDS + 1).collect();
    if fields.len() > MOST_FIELDS { Err(FormError::TooMany) } else { Ok(fields) }
}

fn split(bytes: &[u8]) -> impl Iterator<Item = Field> {
    bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty()).map(|field| {
        let at = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
        (unescaped(field.get(..at).unwrap_or_default()), unescaped(field.get(at + 1..).unwrap_or_default()))
    })
}

fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

/// One charset for the whole form: what the header declares, the field `_charset_`, or what is usual.
fn charset_of(fields: &[Field], declared: Charset) -> Charset {
    let named =
        fields.iter().find(|(key, _)| key == b"_charset_").and_then(|(_, label)| std::str::from_utf8(label).ok());
    let declared = declared.or(named.map_or(Charset::Unsaid, Charset::of_label)).or(charset::USUAL);
    let is_utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    let is_utf8 = fields.iter().all(|(key, value)| is_utf8(key) && is_utf8(value));
    declared.encoding(is_utf8).map_or(charset::USUAL, Charset::Known)
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
            ("x=Jos%E9&y=%C3%A9", r#"{"x":"José","y":"é"}"#),
            ("x=Jos%C3%A9&y=%C3%A9", r#"{"x":"José","y":"é"}"#),
            ("_charset_=shift_jis&x=%82%a0", r#"{"_charset_":"shift_jis","x":"あ"}"#),
            ("_charset_=shift_jis&x=%82", "field 2 is not text in the charset of the body"),
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
        let branching: String = (0..9_000).map(|n| format!("a{n}{}=1&", "[b]".repeat(31))).collect();
        assert_eq!(decode(branching.as_bytes()), Err(FormError::TooManyNodes(100_000)));
    }
}

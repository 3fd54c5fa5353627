//! What was meant by a constant that is of another type than its field.

use crate::config::scalar;
use crate::document::{Kind, Node, Style, Typed};
use crate::pack::Body;
use crate::schema::Schema;
use crate::types::Kinds;
use crate::value::Value;

/// What to write instead.
pub(super) struct Meant {
    pub help: String,
    pub fix: Option<Mend>,
}

/// How it is mended.
pub(super) enum Mend {
    /// The same text, as text.
    Text(String),
    /// A word that is none, in place of what is written.
    Word(&'static str),
}

/// A constant, or what is written of it, in the place of something else.
pub(super) fn meant(
    name: &str,
    body: &Body,
    value: Option<&Value>,
    node: Option<&Node>,
    allowed: Kinds,
) -> Option<Meant> {
    if let (Body::Array(items), true) = (body, allowed == Kinds::OBJECT) {
        return without_dash(items, node?);
    }
    let value = value?;
    match (value, node.map(|node| &node.kind)) {
        (Value::String(text), _) if allowed == Kinds::BOOLEAN => {
            let word = scalar::truth(text)?;
            let help = match text.trim() == word {
                true => format!("write it without quotes: `{name}: {word}`"),
                false => format!("write `{word}`: `{text}` is text"),
            };
            Some(Meant { help, fix: Some(Mend::Word(word)) })
        }
        (Value::String(text), Some(Kind::Scalar(written))) if is_number(allowed) => number(name, text, written.style),
        (Value::String(text), _) => in_brackets(text, allowed),
        (Value::Number(_) | Value::Bool(_), Some(Kind::Scalar(written)))
            if allowed.meets(Kinds::TEXT) && written.style == Style::Plain =>
        {
            let text = written.text.to_string();
            Some(Meant { help: format!("put it in quotes: `{name}: \"{text}\"`"), fix: Some(Mend::Text(text)) })
        }
        (Value::Object(fields), _) if allowed.meets(Kinds::TEXT) && fields.len() == 1 => {
            let text = fields.iter().next().and_then(|(_, value)| value.as_str())?;
            let is_plain = text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) && !text.is_empty();
            is_plain.then(|| Meant { help: format!("write `{name}: {text}`"), fix: None })
        }
        _ => None,
    }
}

fn is_number(allowed: Kinds) -> bool {
    !allowed.meets(Kinds::TEXT) && (allowed.meets(Kinds::INTEGER) || allowed.meets(Kinds::NUMBER))
}

fn number(name: &str, text: &str, style: Style) -> Option<Meant> {
    if style == Style::Plain {
        let digits = text.trim_start_matches('0');
        let is_padded = digits.len() < text.len() && is_digits(digits);
        return is_padded.then(|| Meant { help: without_zeros(text, digits), fix: None });
    }
    let is_same = matches!(plain(text).typed(), Typed::Number(_));
    is_same.then(|| Meant { help: format!("write it without quotes: `{name}: {text}`"), fix: None })
}

fn plain(text: &str) -> crate::document::Scalar {
    crate::document::Scalar { text: text.into(), style: Style::Plain }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of a number that is text because of the zeros before it.
pub(super) fn zeros<'t>(text: &'t str, taken: &Schema) -> Option<&'t str> {
    let digits = text.trim_start_matches('0');
    let number = digits.parse::<i64>().ok().filter(|_| digits.len() < text.len() && is_digits(digits))?;
    taken.is_valid(&Value::from(number)).then_some(digits)
}

pub(super) fn without_zeros(text: &str, digits: &str) -> String {
    format!("`{text}` is text, because a number does not begin with `0`: write `{digits}`")
}

/// `a, b` for a list.
fn in_brackets(text: &str, allowed: Kinds) -> Option<Meant> {
    let is_plain = !text.trim().is_empty() && !text.contains(|c: char| c.is_control() || "[]{}#\"':".contains(c));
    (allowed == Kinds::LIST && is_plain)
        .then(|| Meant { help: format!("write it in brackets: `[{}]`", text.trim()), fix: None })
}

/// `- name: x` where the fields themselves are wanted.
fn without_dash(items: &[Body], node: &Node) -> Option<Meant> {
    let [Body::Object(fields), ..] = items else { return None };
    let all = items.iter().all(|item| matches!(item, Body::Object(_)));
    let (first, _) = fields.first().filter(|_| all)?;
    let is_block = node.as_list()?.first()?.span.start == node.span.start;
    let help = match (is_block, items.len(), fields.len()) {
        (false, 1, _) => "remove the brackets `[ ]` around it".to_owned(),
        (true, 1, 1) => format!("it is no list: remove the `- ` before `{first}`"),
        (true, 1, _) => {
            format!("it is no list: write two spaces for the `- ` before `{first}`, as the lines below it begin")
        }
        (true, ..) => "it is no list: write two spaces for each `- `".to_owned(),
        (false, ..) => return None,
    };
    Some(Meant { help, fix: None })
}

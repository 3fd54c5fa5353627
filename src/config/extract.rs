//! `extract:` as written: names for values of the payload.

use super::scalar::Text;
use super::shape::keywords::described;
use super::shape::{Shape, Shapes};
use super::{At, Decode, NamedList, Problems, wrong_type};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Kind, Node, Typed};
use crate::value::Value;

/// A JSONPath alone, or a mapping that says more.
#[derive(Clone, Debug)]
pub enum Extract {
    Path(Text),
    Full(Box<ExtractFields>),
}

record! {
    /// Where a value is found and what it becomes.
    pub struct ExtractFields ("an extract") {
        /// The JSONPath of the value in the payload: `$.contact.email`.
        path: Option<Text>,
        /// Several JSONPaths, of which the first that finds a value counts: `[$.mobile, $.phone]`.
        first_of: Option<Vec<Text>>,
        /// What the value becomes: `phone`, `email`, `integer` and so on. What does not fit is an error.
        conversion as "as": Option<At<Conversion>>,
        /// The country of phone numbers that are written without one, as two capital letters: `BR`. With `as: phone`.
        region: Option<Text>,
        /// The time zone of times that are written without one, and of the result: `America/Sao_Paulo`, UTC unless given.
        /// With `as: datetime`.
        timezone: Option<Text>,
        /// How the date is written, where it is unusual: `"%d/%m/%Y %H:%M"`. With `as: datetime`.
        format: Option<Text>,
        /// `true` takes every match, as a list. Without it a second match is an error.
        all: Option<At<bool>>,
        /// What each value stands for: `{ Vendas: sales, Suporte: support }`. One that is not listed is an error, unless
        /// `else` says what it stands for.
        map: Option<NamedList<Node>>,
        /// What every value that `map` does not list stands for.
        otherwise as "else": Option<Node>,
        /// The value when nothing is found. Where an empty text is what you want, write `""`.
        default: Option<Node>,
        /// A regular expression that the value must match: `'^order-(\d+)$'`. Its first group, where it has one, is the
        /// value.
        pattern: Option<Text>,
        /// Why a draft chose this value. `check` refuses it: delete it when you have seen that the value is right.
        guess: Option<Text>,
    }
}

words! {
    /// What a value becomes.
    pub enum Conversion ("a conversion") {
        /// Text. Numbers and truth values are written out.
        Text = "string",
        /// A whole number, also from text.
        Integer = "integer",
        /// A number, also from text.
        Number = "number",
        /// `true` or `false`, also from `1`, `yes`, `on`, `sim`, `oui`, `si` and their opposites.
        Boolean = "boolean",
        /// A phone number, written `+5511999990000`. `region` is the country of numbers written without one.
        Phone = "phone",
        /// The digits alone.
        Digits = "digits",
        /// An e-mail address, checked and trimmed.
        Email = "email",
        /// An address of the web, checked and trimmed.
        Url = "url",
        /// A moment, written like `2026-01-15T12:34:56Z`, from most spellings and from seconds since 1970. `format` and
        /// `timezone` say more.
        Datetime = "datetime",
        /// The value that a text holds as JSON.
        Json = "json",
        /// A list. A single value becomes a list of one.
        List = "list",
        /// An object, checked.
        Object = "object",
    }
}

impl Decode for Extract {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) if cut_by_comma(entries).is_some() => {
                problems.extend(cut_by_comma(entries));
                None
            }
            Kind::Map(_) => ExtractFields::decode(node, problems).map(|fields| Extract::Full(Box::new(fields))),
            Kind::Scalar(scalar) if matches!(scalar.typed(), Typed::Text(_)) => {
                Text::decode(node, problems).map(Extract::Path)
            }
            _ => {
                let help = "write a path such as `$.contact.name`; what is always the same stands in the body itself";
                problems.push(wrong_type(node, "a JSONPath", Some(help)));
                None
            }
        }
    }
}

/// Keys of an extract, which may be without a value by another slip.
const KEYS: &[&str] =
    &["first_of", "as", "region", "timezone", "format", "all", "map", "else", "default", "pattern", "country"];

/// `{ path: $.visitor,name }`: the comma ends the path, and what follows is a key without a value.
fn cut_by_comma(entries: &[Entry]) -> Option<Diagnostic> {
    let is_blank = |entry: &Entry| {
        let is_key = KEYS.contains(&&*entry.key.name);
        !is_key && entry.value.is_null() && entry.value.as_scalar().is_some_and(|scalar| scalar.text.is_empty())
    };
    let (path, rest) = entries.windows(2).find_map(|pair| match pair {
        [path, rest] if &*path.key.name == "path" && is_blank(rest) => Some((path.value.as_scalar()?, rest)),
        _ => None,
    })?;
    let meant = format!("{}.{}", path.text, rest.key.name);
    let is_path = path.text.starts_with("$.") && rest.key.name.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
    is_path.then(|| {
        let message = "a dot stands between names, and not a comma";
        let place = rest.value.place.on_key();
        Diagnostic::new(Code::InvalidPath, place, message).help(format!("write `path: {meant}`"))
    })
}

impl Shape for Extract {
    fn shape(shapes: &mut Shapes) -> Value {
        let path = described(&["The JSONPath of the value in the payload: `$.contact.email`."], &Text::shape(shapes));
        Value::object([("anyOf", Value::array([path, ExtractFields::shape(shapes)]))])
    }
}

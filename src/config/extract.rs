//! `extract:` as written: names for values of the payload.

use super::scalar::Text;
use super::{At, Decode, NamedList, Problems, wrong_type};
use crate::document::{Kind, Node, Typed};

/// A JSONPath alone, or a mapping that says more.
#[derive(Clone, Debug)]
pub enum Extract {
    Path(Text),
    Full(Box<ExtractFields>),
}

record! {
    /// Where a value is found and what it becomes.
    pub struct ExtractFields ("an extract") {
        /// A JSONPath into the payload.
        path: Option<Text>,
        /// Several JSONPaths; the first that finds a value is taken.
        first_of: Option<Vec<Text>>,
        /// What the value becomes.
        conversion as "as": Option<At<Conversion>>,
        /// The country of a phone number that is written without one: `BR`.
        region: Option<Text>,
        /// The time zone of a date that is written without one: `America/Sao_Paulo`.
        timezone: Option<Text>,
        /// How a date is written: `%d/%m/%Y %H:%M`.
        format: Option<Text>,
        /// Every match as a list, rather than exactly one.
        all: Option<At<bool>>,
        /// What each value found stands for.
        map: Option<NamedList<Node>>,
        /// What a value that `map` does not list stands for.
        otherwise as "else": Option<Node>,
        /// The value when nothing is found.
        default: Option<Node>,
        /// A regular expression that the value must match; its first group, where it has one, is the value.
        pattern: Option<Text>,
    }
}

words! {
    /// What a value becomes.
    pub enum Conversion ("a conversion") {
        /// Text.
        Text = "string",
        /// A whole number.
        Integer = "integer",
        /// A number.
        Number = "number",
        /// true or false; also from the words and digits that forms send.
        Boolean = "boolean",
        /// A phone number, written `+5511999990000`.
        Phone = "phone",
        /// Digits only.
        Digits = "digits",
        /// An e-mail address.
        Email = "email",
        /// An address of the web.
        Url = "url",
        /// A moment, written by RFC 3339.
        Datetime = "datetime",
        /// JSON inside a text.
        Json = "json",
        /// A list.
        List = "list",
        /// An object.
        Object = "object",
    }
}

impl Decode for Extract {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
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

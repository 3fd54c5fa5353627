//! The formats that a text can have, by the names of JSON Schema.

use super::SchemaError;
use crate::diagnostic::suggest;

const KNOWN: [&str; 19] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// What others call them, without `-` and `_`.
const OTHERS: [(&str, &str); 14] = [
    ("timestamp", "date-time"),
    ("iso8601", "date-time"),
    ("isodate", "date-time"),
    ("mail", "email"),
    ("emailaddress", "email"),
    ("url", "uri"),
    ("link", "uri"),
    ("http", "uri"),
    ("https", "uri"),
    ("guid", "uuid"),
    ("ip", "ipv4"),
    ("ipaddress", "ipv4"),
    ("host", "hostname"),
    ("domain", "hostname"),
];

/// There is no such format; the nearest, or all there are.
pub(super) fn unknown(format: &str, pointer: String) -> SchemaError {
    let folded: String = format.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let other = OTHERS.iter().find(|(other, _)| *other == folded).map(|(_, known)| *known);
    let help = match other.or_else(|| suggest::nearest(format, KNOWN)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => match folded.as_str() {
            "phone" | "tel" | "telephone" | "phonenumber" | "mobile" | "e164" => {
                "write a pattern in its place: `\"pattern\": \"^\\\\+[1-9][0-9]{6,14}$\"`".to_owned()
            }
            "int32" | "int64" | "float" | "double" | "byte" | "binary" | "password" | "decimal" => {
                "remove it: what a number or a text is, `type` says, and `minimum` or `maxLength` how large it may be"
                    .to_owned()
            }
            _ => format!("write {}; or remove it", suggest::one_of(&KNOWN).unwrap_or_default()),
        },
    };
    SchemaError { pointer, message: format!("there is no format `{format}`"), help: Some(help) }
}

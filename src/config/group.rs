//! What to write for one word that stands where a group of keys is wanted.

use crate::diagnostic::Segment;
use crate::document::Node;

/// The help for a text where the keys of a mapping are wanted, for the keys that are often given one.
pub(super) fn help(node: &Node, text: &str) -> Option<String> {
    let (_, Segment::Key(key)) = node.place.path.split_last()? else { return None };
    match &**key {
        "token" => {
            Some(format!("say where the token is: `token: {{ header: {text} }}` or `token: {{ query: {text} }}`"))
        }
        "rate" => rate(text),
        "retention" if text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(['b', 'B']) => {
            Some(format!("say what the size is for: `retention: {{ size: {text} }}`"))
        }
        "retention" if text.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(format!("say what the time is for: `retention: {{ age: {text} }}`"))
        }
        _ => None,
    }
}

/// `20/s`, `20 per minute`
fn rate(text: &str) -> Option<String> {
    let (count, unit) = text.split_once('/').or_else(|| text.split_once(" per ")).or_else(|| text.split_once(" a "))?;
    let count = count.trim_end_matches(|c: char| !c.is_ascii_digit()).trim().parse::<u32>().ok()?;
    let unit = unit.trim();
    let (number, word) = unit.split_at(unit.find(char::is_alphabetic)?);
    let number = if number.trim().is_empty() { "1" } else { number.trim() };
    let unit = match word.to_lowercase().as_str() {
        "s" | "sec" | "second" | "seconds" => "s",
        "m" | "min" | "minute" | "minutes" => "m",
        "h" | "hour" | "hours" => "h",
        _ => return None,
    };
    number.parse::<u32>().ok()?;
    Some(format!("write `rate: {{ requests: {count}, per: {number}{unit} }}`"))
}

/// The help for a kind of verification that stands alone, as a word.
pub(super) fn verification(kind: &str) -> String {
    match kind {
        "basic" => "write `verify: { basic: {} }`".to_owned(),
        "token" => "say where the token is: `verify: { token: { header: X-Token } }`, or \
                    `verify: { token: { query: token } }` for an address that ends in `?token=…`"
            .to_owned(),
        "any_of" => "write the ways below it as a list: `verify: { any_of: [ … ] }`".to_owned(),
        kind => {
            format!("say where the proof is: `verify: {{ {kind}: {{ header: … }} }}`, with the sender's own header")
        }
    }
}

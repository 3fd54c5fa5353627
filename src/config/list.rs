//! How one value that stands where a list is wanted becomes one.

use crate::diagnostic::Segment;
use crate::document::{Node, Scalar, Style};

const EACH: &str = "begin each item with `- `";

pub(super) const IN_BRACKETS: &str = "write it in brackets: `";

/// How one value becomes a list.
pub(super) fn list_help(node: &Node) -> String {
    match node.as_scalar() {
        Some(scalar)
            if matches!(&*scalar.text.to_lowercase(), "none" | "nothing" | "null" | "empty" | "false" | "[]") =>
        {
            "write `[]`".to_owned()
        }
        Some(scalar) if is_in(node, "send") => {
            format!("write it as an item, on a line of its own: `- to: {}`", scalar.text)
        }
        Some(scalar) if is_methods(node, &scalar.text) => {
            format!("{IN_BRACKETS}[{}]`", scalar.text.trim().to_uppercase())
        }
        Some(scalar) if is_words(&scalar.text) => format!("{IN_BRACKETS}[{}]`", scalar.text.trim()),
        Some(scalar) if !scalar.text.contains(|c: char| c.is_control() || "[]{},#\"'".contains(c)) => {
            format!("{IN_BRACKETS}[{}]`", scalar.text)
        }
        None if is_of_webhook(node) => "that is how a pack tests a webhook; a route's test lists the requests that come of \
                                        it, `- to: connection.operation`, or says `[]` where none does, as of a handshake"
            .to_owned(),
        None => of_mapping(node).unwrap_or_else(|| EACH.to_owned()),
        _ => EACH.to_owned(),
    }
}

/// The first line of what is one item, with its dash.
fn of_mapping(node: &Node) -> Option<String> {
    const LONGEST: usize = 60;
    let first = node.as_map()?.first()?;
    let value = first.value.as_scalar().map(|scalar| format!(" {}", as_written(scalar))).unwrap_or_default();
    let line = format!("- {}:{value}", first.key.name);
    let is_short = line.chars().count() <= LONGEST && !line.contains(char::is_control);
    // Each of the outcomes of a response is an item.
    let is_each = matches!(node.place.path.split_last(), Some((_, Segment::Key(key))) if &**key == "response");
    is_short.then(|| match is_each {
        true => format!("{EACH}: write `{line}`, and so on for each line below it"),
        false => format!("{EACH}: write `{line}`, and indent the lines below it as far as `{}`", first.key.name),
    })
}

/// A value with the quotes that it is written in.
fn as_written(scalar: &Scalar) -> String {
    match scalar.style {
        Style::DoubleQuoted => format!("\"{}\"", scalar.text.replace('\\', "\\\\").replace('"', "\\\"")),
        Style::SingleQuoted => format!("'{}'", scalar.text.replace('\'', "''")),
        _ => scalar.text.to_string(),
    }
}

/// Whether a node is the value of a key of the top level.
fn is_in(node: &Node, key: &str) -> bool {
    matches!(node.place.path.segments().as_slice(), [Segment::Key(own)] if &**own == key)
}

/// `post` under `methods:`, which are written in capital letters.
fn is_methods(node: &Node, text: &str) -> bool {
    let is_methods = matches!(node.place.path.split_last(), Some((_, Segment::Key(key))) if &**key == "methods");
    is_methods && text.split(',').all(|word| word.trim().chars().all(|c| c.is_ascii_alphabetic()))
}

/// `POST, PUT`: single words with commas between.
fn is_words(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c));
    text.contains(',') && text.split(',').map(str::trim).all(is_word)
}

/// What a test of a webhook expects, in the place of what a test of a route does.
fn is_of_webhook(node: &Node) -> bool {
    let of_webhook = ["handshake", "identities", "payload"];
    let is_expect = matches!(node.place.path.split_last(), Some((_, Segment::Key(key))) if &**key == "expect");
    is_expect && of_webhook.into_iter().any(|key| node.get(key).is_some())
}

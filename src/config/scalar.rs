//! Single values: text, whole numbers, truth values, durations, sizes, words.

use std::sync::Arc;
use std::time::Duration;

use super::shape::{Shape, Shapes};
use super::{At, Decode, Problems, wrong_type};
use crate::diagnostic::{Code, Diagnostic, Place, Segment, suggest};
use crate::document::{Node, Typed};
use crate::value::Value;

/// A text with its place.
pub type Text = At<Arc<str>>;

impl Decode for Text {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.as_scalar().map(|scalar| (scalar.typed(), scalar)) {
            Some((Typed::Text(_), scalar)) => Some(At::new(scalar.text.clone(), node.place.clone())),
            Some((Typed::Number(_) | Typed::Bool(_), scalar)) => {
                let help = meant_text(node, &scalar.text);
                let quoted = format!("\"{}\"", scalar.text);
                let fixed = help.ends_with(&quoted).then_some(quoted);
                problems.push(wrong_type(node, "text", Some(&help)).fix_opt(written(node), fixed));
                None
            }
            _ => {
                let help = no_text(node);
                problems.push(wrong_type(node, "text", help.as_deref()));
                None
            }
        }
    }
}

/// What to write for a number or a truth value where text is wanted.
fn meant_text(node: &Node, written: &str) -> String {
    let key = match node.place.path.split_last() {
        Some((_, Segment::Key(key))) => &**key,
        _ => "",
    };
    match key {
        "region" => match region_of(written) {
            Some(region) => format!("write the country's two capital letters: `{region}`"),
            None => "write the country's two capital letters: `BR`".to_owned(),
        },
        "listen" | "admin" => format!("write an IP address and a port: `127.0.0.1:{written}`"),
        "split" => "write where the parts stand in the payload: `$.items[*]`; or remove it".to_owned(),
        "match" | "when" if written == "true" => {
            format!("remove the line: without `{key}` it holds for every event")
        }
        "match" | "when" if written == "false" => {
            let whole = if key == "match" { "the file" } else { "the delivery" };
            format!("write a condition, as `payload.type == 'call'`, or, where it is to hold never, remove {whole}")
        }
        _ => format!("put it in quotes: \"{written}\""),
    }
}

/// The country of a calling code, `BR` for `55` and `+55`.
pub fn region_of(code: &str) -> Option<&'static str> {
    let code: u16 = code.trim_start_matches(['+', '0']).parse().ok()?;
    phonenumber::metadata::DATABASE.region(&code)?.first().copied().filter(|region| region.len() == 2)
}

/// What to write for a mapping, a list or nothing where text is wanted.
fn no_text(node: &Node) -> Option<String> {
    if node.is_null() {
        return Some("write it after the colon".to_owned());
    }
    if let Some([only]) = node.as_list() {
        let text = &only.as_scalar()?.text;
        let quote = if text.contains('"') { '\'' } else { '"' };
        return (!text.contains('\n')).then(|| format!("leave the brackets out: `{quote}{text}{quote}`"));
    }
    let [entry] = node.as_map()? else { return None };
    let name = match entry.value.as_scalar() {
        Some(scalar) if matches!(&*entry.key.name, "env" | "file") && !scalar.text.is_empty() => {
            format!("{}:{}", entry.key.name, scalar.text)
        }
        _ => entry.key.name.to_string(),
    };
    let (kind, name) = name.split_once(':')?;
    matches!(kind, "env" | "file").then(|| format!("write `${{{kind}:{}}}`", name.trim()))
}

/// `true` or `false`, in whatever word a person writes it.
pub fn truth(word: &str) -> Option<&'static str> {
    match &*word.to_lowercase() {
        "true" | "yes" | "y" | "on" | "1" | "sim" | "si" | "sí" | "oui" => Some("true"),
        "false" | "no" | "n" | "off" | "0" | "não" | "nao" | "non" => Some("false"),
        _ => None,
    }
}

impl Decode for At<bool> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.as_scalar().map(|scalar| scalar.typed()) {
            Some(Typed::Bool(value)) => Some(At::new(value, node.place.clone())),
            _ => {
                let word = node.as_scalar().and_then(|scalar| truth(&scalar.text));
                let quoted = node.as_scalar().is_some_and(|scalar| Some(&*scalar.text) == word);
                let help = match word.filter(|_| !quoted) {
                    Some(word) => format!("write `{word}`"),
                    None if quoted => format!("write `{}`, without quotes", word.unwrap_or_default()),
                    None => "write `true` or `false`, without quotes".to_owned(),
                };
                problems.push(wrong_type(node, "true or false", Some(&help)).fix_opt(written(node), word));
                None
            }
        }
    }
}

impl Decode for At<u64> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let number = match node.as_scalar().map(|scalar| scalar.typed()) {
            Some(Typed::Number(text)) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            let help = match node.as_scalar() {
                Some(scalar) if scalar.text.starts_with('-') => "write it without the `-`",
                Some(scalar) if scalar.text.contains(['.', ',']) => "write it without a fraction",
                _ => "write digits only, without quotes",
            };
            let plain = |text: &&str| text.parse::<u64>().is_ok_and(|number| number.to_string() == **text);
            let digits = node.as_scalar().map(|scalar| &*scalar.text).filter(plain);
            problems.push(wrong_type(node, "a whole number", Some(help)).fix_opt(written(node), digits));
        }
        number.map(|number| At::new(number, node.place.clone()))
    }
}

/// `500ms`, `10s`, `5m`, `2h`, `7d`
impl Decode for At<Duration> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let milliseconds = measured(node, &units);
        if milliseconds.is_none() {
            let help = match node.as_scalar().map(|scalar| scalar.typed()) {
                Some(Typed::Number(n)) if n.bytes().all(|b| b.is_ascii_digit()) => {
                    format!("add the unit: `{n}s` for seconds, `{n}m` for minutes")
                }
                _ => "write a number and a unit: `500ms`, `10s`, `5m`, `2h` or `7d`".to_owned(),
            };
            problems.push(wrong_type(node, "a duration", Some(&help)));
        }
        milliseconds.map(|ms| At::new(Duration::from_millis(ms), node.place.clone()))
    }
}

/// A number of bytes: `512KB`, `1MB`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Decode for At<Size> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let units = [("B", 1), ("KB", 1024), ("MB", 1024 * 1024), ("GB", 1024 * 1024 * 1024)];
        let bytes = measured(node, &units);
        if bytes.is_none() {
            problems.push(wrong_type(node, "a size", Some("write a number and a unit: `512KB` or `1MB`")));
        }
        bytes.map(|bytes| At::new(Size(bytes), node.place.clone()))
    }
}

/// The value as it is written, with its quotes.
fn written(node: &Node) -> Place {
    Place::bytes(node.place.file.clone(), node.span.clone())
}

/// A whole number with one of `units`, as a multiple of the smallest.
fn measured(node: &Node, units: &[(&str, u64)]) -> Option<u64> {
    let text = &*node.as_scalar()?.text;
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// One of a few words, with the nearest suggested.
pub fn word<T>(
    node: &Node,
    what: &str,
    words: &'static [&'static str],
    from_word: fn(&str) -> Option<T>,
    problems: &mut Problems,
) -> Option<At<T>> {
    let Some(scalar) = node.as_scalar() else {
        problems.push(wrong_type(node, what, suggest::one_of(words).map(|all| format!("write {all}")).as_deref()));
        return None;
    };
    let value = from_word(&scalar.text);
    if value.is_none() {
        let found = if node.is_null() { "nothing".to_owned() } else { format!("`{}`", scalar.text) };
        let diagnostic = Diagnostic::new(Code::InvalidValue, node.place.clone(), format!("{found} is not {what}"))
            .help_opt(suggest::did_you_mean(&scalar.text, words.iter().copied()))
            .fix_opt(node.place.clone(), suggest::certain(&scalar.text, words.iter().copied()));
        problems.push(diagnostic);
    }
    value.map(|value| At::new(value, node.place.clone()))
}

impl Shape for Text {
    fn shape(_: &mut Shapes) -> Value {
        Value::object([("type", "string"), ("errorMessage", "This must be text. Put a number in quotes.")])
    }
}

impl Shape for At<bool> {
    fn shape(_: &mut Shapes) -> Value {
        Value::object([("type", "boolean"), ("errorMessage", "Write `true` or `false`, without quotes.")])
    }
}

impl Shape for At<u64> {
    fn shape(_: &mut Shapes) -> Value {
        let message = Value::from("This must be a whole number, without quotes.");
        Value::object([("type", Value::from("integer")), ("minimum", Value::from(0)), ("errorMessage", message)])
    }
}

impl Shape for At<Duration> {
    fn shape(_: &mut Shapes) -> Value {
        let message = "Write a number and a unit: `500ms`, `10s`, `5m`, `2h` or `7d`.";
        Value::object([("type", "string"), ("pattern", r"^[0-9]+\s*(ms|s|m|h|d)\s*$"), ("errorMessage", message)])
    }
}

impl Shape for At<Size> {
    fn shape(_: &mut Shapes) -> Value {
        let message = "Write a number and a unit: `512KB` or `1MB`.";
        Value::object([("type", "string"), ("pattern", r"^[0-9]+\s*(B|KB|MB|GB)\s*$"), ("errorMessage", message)])
    }
}

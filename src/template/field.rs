//! A field of what has none: of a list, of a text, of a number.

use std::sync::Arc;

use super::idiom;
use super::infer::{Misfit, Names, words};
use crate::types::Kinds;

/// Why a field of a name can't be there, whatever the event brings; its range is for the caller to say.
pub(super) fn missing(name: &str, fields: &[Arc<str>], names: Names<'_>) -> Option<Misfit> {
    fields.iter().enumerate().find_map(|(at, field)| {
        let before = fields.get(..at).unwrap_or_default();
        let whole = names(name, before);
        if field.parse::<i64>().is_ok() || !whole.is_never(Kinds::OBJECT) {
            return None;
        }
        let name = before.iter().fold(name.to_owned(), |name, field| format!("{name}.{field}"));
        let is_list = !whole.is_never(Kinds::LIST);
        let what = if is_list && whole.open { "a list or a text".to_owned() } else { words(&whole) };
        let message = format!("`{name}` is {what}, and has no field `{field}`");
        let last = fields.len() == at + 1;
        let help = match as_filter(&name, field).filter(|_| last) {
            Some(filter) => filter,
            None if is_list => format!(
                "name the item that is meant, `{name}[0].{field}`, or go through them: `{name} | map(attribute='{field}') | \
                 join(', ')`"
            ),
            None => format!("write `{name}` alone"),
        };
        Some(Misfit { range: 0..0, message, help: Some(help) })
    })
}

/// `photos.length` as a filter: what to write.
fn as_filter(name: &str, field: &str) -> Option<String> {
    const MADE: [&str; 9] = ["length", "count", "first", "last", "upper", "lower", "trim", "capitalize", "title"];
    let help = idiom::change(field, &[name])?;
    MADE.iter().any(|filter| help == format!("write `{name} | {filter}`")).then_some(help)
}

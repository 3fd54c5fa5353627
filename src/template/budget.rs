//! What one evaluation may look at and make, in bytes. The engine counts steps, and one step may be as long as its values.

use std::cell::Cell;

use minijinja::value::{Value as Engine, ValueKind};

/// Some sixty times what a source allows a body, unless it says otherwise.
const BYTES: usize = 64 * 1024 * 1024;
/// What a field or an item counts as.
pub(super) const ENTRY: usize = 32;
/// What a call of a filter counts as, whatever it is given.
const CALL: usize = 64;
/// What comparing each item with others counts as, against looking at it once.
const ORDERING: usize = 16;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(BYTES) };
}

/// Begins an evaluation.
pub(super) fn refill() {
    LEFT.set(BYTES);
    super::exact::forget();
}

/// Counts so many bytes; false when there are no more, and from then on.
pub(super) fn spend(bytes: usize) -> bool {
    let rest = LEFT.get().checked_sub(bytes);
    LEFT.set(rest.unwrap_or(0));
    rest.is_some()
}

/// Whether the evaluation asked for more than there is; then what it came to means nothing.
pub(super) fn is_spent() -> bool {
    LEFT.get() == 0
}

/// Counts what a filter is given and, where that is more, what it makes of it.
pub(super) fn spend_on(filter: &str, args: &[Engine]) -> bool {
    let given: usize = CALL + args.iter().map(size).fold(0, usize::saturating_add);
    let items = args.first().filter(|_| !matches!(filter, "length" | "count" | "first" | "last")).map_or(0, of_items);
    let made = match (filter, args) {
        ("replace", [text, from, to, ..]) => replaced(text, from, to),
        ("join", [list, between, ..]) => list.len().unwrap_or(0).saturating_mul(size(between)),
        ("sort" | "unique" | "dictsort", _) => items.saturating_mul(ORDERING),
        _ => 0,
    };
    spend(given.saturating_add(items).saturating_add(made))
}

fn size(value: &Engine) -> usize {
    match value.as_str() {
        Some(text) => text.len(),
        None => value.len().unwrap_or(0).saturating_mul(ENTRY),
    }
}

fn of_items(list: &Engine) -> usize {
    match (list.kind(), list.try_iter()) {
        (ValueKind::Seq | ValueKind::Iterable, Ok(items)) => {
            items.map(|item| size(&item)).fold(0, usize::saturating_add)
        }
        _ => 0,
    }
}

fn replaced(text: &Engine, from: &Engine, to: &Engine) -> usize {
    let (Some(text), Some(from)) = (text.as_str(), from.as_str()) else { return 0 };
    text.matches(from).count().saturating_mul(size(to))
}

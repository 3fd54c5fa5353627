//! Orderings: `<`, `<=`, `>` and `>=` are asked between values of one kind. The engine has an order between texts and
//! numbers too, by which every text is the larger, so that a condition would hold for what it was to keep out.

use std::cell::RefCell;
use std::ops::Range;

use minijinja::value::{Value as Engine, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::filter::OWN;
use super::{TemplateError, budget};
use crate::types::Kinds;

/// The side of an ordering that is looked at first.
const FIRST: &str = "__ordered";
/// A side behind it.
const SECOND: &str = "__ordered_after";
/// Stands in an error before the place of the comparison.
const AT: char = '\u{2}';

/// What to write where a text and a number are compared.
pub(super) const HELP: &str = "make both sides numbers: extract with `as: integer`, or write `| int` behind the text";

thread_local! {
    /// The kind of the side before, of each ordering that is being evaluated.
    static BEFORE: RefCell<Vec<(Place, Kinds)>> = const { RefCell::new(Vec::new()) };
}

type Place = (u32, u32);

pub(super) fn install(env: &mut Environment<'static>) {
    env.add_filter(FIRST, |value: &Engine, start: u32, end: u32| {
        keep((start, end), value);
        value.clone()
    });
    env.add_filter(SECOND, |value: &Engine, start: u32, end: u32| -> Result<Engine, Error> {
        let place = (start, end);
        let before = BEFORE.with_borrow(|known| known.iter().find(|(at, _)| *at == place).map(|(_, kinds)| *kinds));
        match before.and_then(|before| refusal(before, kinds(value))) {
            Some(message) => Err(fail(&format!("{message}{AT}{start}{AT}{end}"))),
            None => {
                keep(place, value);
                Ok(value.clone())
            }
        }
    });
}

/// The tests by which `select` and `is` order values.
pub(super) fn install_tests(env: &mut Environment<'static>) {
    type Holds = fn(&Engine, &Engine) -> bool;
    let tests: [(&[&'static str], Holds); 4] = [
        (&["gt", "greaterthan", ">"], |a, b| a > b),
        (&["ge", ">="], |a, b| a >= b),
        (&["lt", "lessthan", "<"], |a, b| a < b),
        (&["le", "<="], |a, b| a <= b),
    ];
    for (names, holds) in tests {
        for name in names {
            env.add_test(*name, move |value: &Engine, other: &Engine| match refusal(kinds(value), kinds(other)) {
                Some(message) => Err(fail(&message)),
                None => Ok(holds(value, other)),
            });
        }
    }
}

/// Nothing is kept from one evaluation to the next.
pub(super) fn begin() {
    BEFORE.with_borrow_mut(Vec::clear);
}

/// The filter through which a side of the ordering at `whole` goes.
pub(super) fn call(whole: &Range<usize>, is_second: bool) -> String {
    let name = if is_second { SECOND } else { FIRST };
    format!("{name}({}, {})", whole.start, whole.end)
}

/// An error of an ordering, at the whole of it.
pub(super) fn placed(error: TemplateError) -> TemplateError {
    let mut parts = error.message.split(AT);
    let message = parts.next().unwrap_or_default().to_owned();
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
    match (number(), number()) {
        (Some(start), Some(end)) => TemplateError { range: start..end, message, ..error }.help(HELP),
        _ => error,
    }
}

fn keep(place: Place, value: &Engine) {
    let kinds = kinds(value);
    BEFORE.with_borrow_mut(|known| match known.iter_mut().find(|(at, _)| *at == place) {
        Some(slot) => slot.1 = kinds,
        None if budget::spend(budget::ENTRY) => known.push((place, kinds)),
        None => {}
    });
}

/// Why two values have no order; nothing where they have one, or where one is absent, which fails by itself.
fn refusal(first: Kinds, second: Kinds) -> Option<String> {
    let numbers = Kinds::NUMBER | Kinds::BOOLEAN;
    let widened = |kinds: Kinds| if kinds.meets(numbers) { kinds | numbers } else { kinds };
    let has_order = first.is_empty() || second.is_empty() || widened(first).meets(widened(second));
    (!has_order).then(|| format!("{} and {} can't be compared", first.words(), second.words()))
}

fn kinds(value: &Engine) -> Kinds {
    match value.kind() {
        ValueKind::Undefined => Kinds::NONE,
        ValueKind::None => Kinds::NULL,
        ValueKind::Bool => Kinds::BOOLEAN,
        ValueKind::Number => Kinds::NUMBER,
        ValueKind::String => Kinds::TEXT,
        ValueKind::Seq | ValueKind::Iterable => Kinds::LIST,
        _ => Kinds::OBJECT,
    }
}

fn fail(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{OWN}{message}"))
}

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

#[cfg(test)]
mod tests {
    use crate::template::{Scope, Template};
    use crate::value::{Value, json};

    fn scope() -> Scope {
        let payload =
            br#"{"text": "13", "number": 13, "flag": true, "null": null, "list": [1, 20], "mixed": [1, "20"]}"#;
        Scope::new()
            .with("payload", json::parse(payload, &json::Limits::default()).unwrap())
            .with("seconds", Value::from("3"))
            .with("count", Value::from(3))
    }

    #[test]
    fn values_of_one_kind_have_an_order_in_every_form_of_writing() {
        let cases = [
            ("count >= 3", true),
            ("count < 3", false),
            ("1 < count < 5", true),
            ("1 < count <= 2", false),
            ("(count + 1) > (payload.number - 10)", true),
            ("payload.flag < 2", true),
            ("payload.text > '12'", true),
            ("seconds | int < payload.text | int", true),
            ("(payload.text | int) > 5 and (count > 2 or payload.number < 1)", true),
            ("(payload.list | select('gt', 5) | list | length) > 0", true),
            ("count is gt 2", true),
            ("(2 > 1) == (count > 2)", true),
        ];
        for (text, holds) in cases {
            assert_eq!(Template::condition(text).unwrap().holds(&scope()), Ok(holds), "{text}");
        }
        let text = Template::compile("{% if count > 2 %}many{% else %}few{% endif %}").unwrap();
        assert_eq!(text.evaluate_text(&scope()), Ok(Some("many".to_owned())));
    }

    #[test]
    fn a_text_and_a_number_have_none_and_the_error_is_at_the_whole_comparison() {
        let cases = [
            ("seconds >= 5", "seconds >= 5"),
            ("payload.number and payload.text > 5", "payload.text > 5"),
            ("count > 2 and 5 < seconds", "5 < seconds"),
            ("1 < seconds < 5", "1 < seconds < 5"),
            ("payload.null < 5", "payload.null < 5"),
            ("not (payload.list > 5)", "payload.list > 5"),
        ];
        for (text, part) in cases {
            let error = Template::condition(text).unwrap().holds(&scope()).unwrap_err();
            assert!(error.message.ends_with(" can't be compared"), "{text}: {error:?}");
            assert_eq!(text.get(error.range.clone()), Some(part), "{text}");
            assert!(error.help.is_some(), "{text}");
        }
        let text = "Waited {{ 'long' if seconds > 60 else 'short' }}";
        let error = Template::compile(text).unwrap().evaluate(&scope()).unwrap_err();
        assert_eq!(text.get(error.range), Some("seconds > 60"));
        let text = "{% if seconds > 60 %}long{% endif %}";
        let error = Template::compile(text).unwrap().evaluate(&scope()).unwrap_err();
        assert_eq!(text.get(error.range), Some("seconds > 60"));
        let mixed = Template::condition("payload.mixed | select('gt', 5) | list").unwrap();
        assert!(mixed.holds(&scope()).is_err());
    }

    #[test]
    fn a_condition_on_an_answer_does_not_fail() {
        let text = Template::lenient_condition("payload.code >= 400 or payload.number > 12").unwrap();
        assert_eq!(text.holds(&scope()), Ok(true));
    }
}

//! The filter `jsonpath`: a path into a value that a template has.

use minijinja::value::Value as Engine;

use super::budget;
use super::filter::text_arg;
use crate::convert::Unfit;
use crate::path::Path;
use crate::value::Value;

/// As an extract does it: what is not found is absent, and a second match is an error.
pub(super) fn jsonpath(value: &Value, args: &[Engine]) -> Result<Option<Value>, Unfit> {
    let text = text_arg(args, 0)?.ok_or_else(|| Unfit::new("`jsonpath` takes a path in quotes"))?;
    let path = Path::parse(&text).map_err(|error| Unfit::new(error.message))?;
    // Reading a path takes longer than its text says, and a search may look at everything once for each value.
    let searched = if path.is_singular() { 0 } else { values(value, 512).pow(2) };
    if !budget::spend(text.len() * budget::ENTRY + searched) {
        return Ok(None);
    }
    match path.all(value, 2).as_slice() {
        [] => Ok(None),
        [found] => Ok(Some((*found).clone())),
        _ => Err(Unfit::new(
            "the path of `jsonpath` finds more than one value; name the one that is meant, as with `[0]`",
        )),
    }
}

/// How many values there are in this one, as far as `most`.
fn values(value: &Value, most: usize) -> usize {
    let mut count = 1;
    let mut add = |inner: &Value| {
        if count < most {
            count += values(inner, most - count);
        }
    };
    match value {
        Value::Array(items) => items.iter().for_each(&mut add),
        Value::Object(fields) => fields.values().for_each(&mut add),
        _ => {}
    }
    count
}

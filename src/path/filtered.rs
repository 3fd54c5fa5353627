//! For a filter that lets nothing through: the values that stand where it compares with one that is written out.

use super::lower::{Condition, Operand, Operator, Segment, Selector, Start};
use super::nearby::{FIELDS, STARTS, follow, plain};
use super::token::quoted;
use super::{Location, Path};
use crate::value::Value;

/// How many values are named, and how many characters of each.
const MOST: usize = 8;
const LONGEST: usize = 40;
/// Shorter texts are not compared letter by letter, and neither are those with digits: they are mostly codes.
const WORD: usize = 4;

/// What stands where a filter compares. It comes from the payload, so it is for samples and dry runs, and not for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// `label`
    pub field: String,
    /// As a path writes them: `'Name'`.
    pub values: Vec<String>,
    /// There are more of them than are named.
    more: bool,
    /// The one that was meant, where only its spelling differs.
    pub meant: Option<String>,
}

/// One `@.label == 'name'` that must hold.
struct Demand<'p> {
    field: &'p [Segment],
    wanted: &'p Value,
}

/// What the payloads have where a filter of `path` asks for something that none of them has.
pub fn compared(roots: &[&Value], path: &Path) -> Option<Compared> {
    let segments = &path.0.query.segments;
    let at = segments.iter().position(|segment| condition(segment).is_some())?;
    let (before, filter) = (segments.get(..at)?, segments.get(at)?);
    let reached = roots.iter().flat_map(|root| follow(root, before, &(Location::default(), root), STARTS));
    let items: Vec<&Value> = reached.flat_map(|(_, value)| children(value)).take(FIELDS).collect();
    let mut demands = Vec::new();
    demanded(condition(filter)?, &mut demands);
    demands.iter().find_map(|demand| demand.compared(&items))
}

impl Demand<'_> {
    /// Nothing where one of the items has what is asked for, or none has such a field.
    fn compared(&self, items: &[&Value]) -> Option<Compared> {
        let there = items.iter().flat_map(|item| follow(item, self.field, &(Location::default(), item), 1));
        let mut found: Vec<&Value> = Vec::new();
        for (_, value) in there.filter(|(_, value)| is_single(value)) {
            if !found.contains(&value) {
                found.push(value);
            }
        }
        if found.is_empty() || found.contains(&self.wanted) {
            return None;
        }
        let meant = found.iter().find(|value| is_slip(self.wanted, value)).map(|value| written(value));
        let values: Vec<String> = found.iter().take(MOST).map(|value| shortened(value)).collect();
        Some(Compared { field: self.name()?, more: found.len() > values.len(), values, meant })
    }

    fn name(&self) -> Option<String> {
        let steps = self.field.iter().map(Segment::step).collect::<Option<Vec<_>>>()?;
        let text = Location(steps).to_string().replacen('$', "@", 1);
        Some(text.strip_prefix("@.").map(str::to_owned).unwrap_or(text))
    }
}

impl Compared {
    /// `` `label` is 'Name', 'E-mail' or 'Phone' there; did you mean 'Name'? ``
    pub fn words(&self) -> String {
        let values = match (self.values.as_slice(), self.more) {
            ([before @ .., last], false) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
            (values, false) => values.join(", "),
            (values, true) => format!("{} or others", values.join(", ")),
        };
        let meant = self.meant.as_ref().map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        format!("`{}` is {values} there{meant}", self.field)
    }
}

/// The condition of a step that is one filter.
fn condition(segment: &Segment) -> Option<&Condition> {
    match segment.selectors.as_slice() {
        [Selector::Filter(condition)] if !segment.descendant => Some(condition),
        _ => None,
    }
}

/// The comparisons that must all hold.
fn demanded<'p>(condition: &'p Condition, demands: &mut Vec<Demand<'p>>) {
    match condition {
        Condition::All(parts) => parts.iter().for_each(|part| demanded(part, demands)),
        Condition::Any(parts) if parts.len() == 1 => parts.iter().for_each(|part| demanded(part, demands)),
        Condition::Compare(Operator::Equal, one, two) => demands.extend(match (one, two) {
            (Operand::Single(Start::Current, query), Operand::Literal(wanted))
            | (Operand::Literal(wanted), Operand::Single(Start::Current, query)) => {
                Some(Demand { field: &query.segments, wanted })
            }
            _ => None,
        }),
        _ => {}
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().take(FIELDS).collect(),
        Value::Object(object) => object.values().take(FIELDS).collect(),
        _ => Vec::new(),
    }
}

fn is_single(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_) | Value::Null)
}

/// Whether two values differ in their spelling alone, or in whether they are text.
fn is_slip(wanted: &Value, there: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
    let (wanted, there) = (plain(text(wanted).trim()), plain(text(there).trim()));
    if wanted.is_empty() || wanted == there {
        return !wanted.is_empty();
    }
    let is_word = |text: &str| text.chars().count() >= WORD && text.len() <= 64 && !text.contains(char::is_numeric);
    is_word(&wanted) && is_word(&there) && strsim::damerau_levenshtein(&wanted, &there) == 1
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), quoted)
}

fn shortened(value: &Value) -> String {
    match value.as_str() {
        Some(text) if text.chars().count() > LONGEST => {
            written(&Value::from(text.chars().take(LONGEST).chain(['…']).collect::<String>()))
        }
        _ => written(value),
    }
}

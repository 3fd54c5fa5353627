//! For a path that finds nothing: paths of the same payload which look like what was meant.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::eval::Evaluation;
use super::lower::{Segment, Selector};
use super::{Location, Path, Step};
use crate::value::{Value, json};

/// How many suggestions are made.
const MOST: usize = 3;
/// How many values are looked at for a name found elsewhere.
const SEARCHED: usize = 5_000;
/// How many values a prefix of the path is followed to, and how many fields of each are compared.
pub(super) const STARTS: usize = 20;
pub(super) const FIELDS: usize = 500;
/// Longer names are not compared letter by letter.
const LONGEST: usize = 64;

/// Names that differ by more letters are different names.
const SLIP: usize = 2;

/// Names that many things have, each its own.
const COMMON: &[&str] =
    &["id", "name", "type", "value", "text", "label", "title", "status", "code", "key", "date", "url", "description"];

type Found<'v> = (Location, &'v Value);

/// Up to three paths near `path` which do find something, the likeliest first, each as `$.form.email (text)`.
pub fn nearby(root: &Value, path: &Path) -> Vec<String> {
    if let Some((text, found)) = of_entry(root, path) {
        return vec![format!("{text} ({})", found.kind())];
    }
    let segments = &path.0.query.segments;
    let mut scored = resembling(root, segments);
    let last = segments.iter().rev().flat_map(|segment| &segment.selectors).find_map(|selector| match selector {
        Selector::Name(name) => Some(&**name),
        _ => None,
    });
    scored.extend(last.into_iter().flat_map(|name| elsewhere(root, name)));
    scored.sort_by_key(|(score, (location, _))| (*score, location.0.len()));
    let mut words: Vec<String> = Vec::new();
    for (_, (location, value)) in scored {
        let line = format!("{location} ({})", value.kind());
        if words.len() < MOST && !words.contains(&line) {
            words.push(line);
        }
    }
    words
}

/// What stands where a path that finds nothing stops leading anywhere: the fields there, each as `$.person (object)`.
pub fn around(root: &Value, path: &Path) -> Vec<String> {
    const SHOWN: usize = 6;
    let (starts, _) = longest_prefix(root, &path.0.query.segments);
    let Some((at, value)) = starts.first() else { return Vec::new() };
    let line = |step: Step, value: &Value| format!("{} ({})", below(at, step), value.kind());
    let all: Vec<String> = match value {
        Value::Object(object) => object.iter().map(|(key, child)| line(Step::Key(key.clone()), child)).collect(),
        Value::Array(items) => items.first().map(|item| line(Step::Index(0), item)).into_iter().collect(),
        _ => Vec::new(),
    };
    let more = all.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("{more} more"));
    all.into_iter().take(SHOWN).chain(more).collect()
}

/// The path that was meant by one which finds nothing, when only a name of it is written differently.
pub fn meant(root: &Value, path: &Path) -> Option<String> {
    if let Some((text, _)) = of_entry(root, path) {
        return Some(text);
    }
    let mut scored = resembling(root, &path.0.query.segments);
    scored.retain(|(score, _)| score % 2 == 0 && *score <= 2 * SLIP);
    scored.sort_by_key(|(score, (location, _))| (*score, location.0.len()));
    let found = path.select(root, STARTS);
    let is_other = |location: &Location| found.iter().all(|(known, _)| known != location);
    scored.into_iter().map(|(_, (location, _))| location).find(is_other).map(|location| location.to_string())
}

/// The path with `@`, the entry that is looked at, for a `$` where a filter asks only of the whole payload, and what it finds.
fn of_entry<'v>(root: &'v Value, path: &Path) -> Option<(String, &'v Value)> {
    let (before, filter) = path.text().split_once("[?")?;
    let unquoted: String = filter.split(['"', '\'']).step_by(2).collect();
    if !unquoted.contains('$') || unquoted.contains('@') {
        return None;
    }
    let text = format!("{before}[?{}", filter.replace("$.", "@.").replace("$[", "@["));
    let found = Path::parse(&text).ok()?.first(root)?;
    Some((text, found))
}

/// A single value in the middle of a path, which has nothing within.
pub struct Single {
    pub path: String,
    /// `text`, `a number`
    pub kind: &'static str,
    /// The text is JSON.
    pub is_json: bool,
}

impl Single {
    /// What to write instead; `written` is how the place of the value is named here.
    pub fn help(&self, written: &str) -> String {
        match self.is_json {
            true => format!(
                "`{written}` is JSON that is sent as text: add `decode: {{ \"{}\": json }}` to the source, to look inside it",
                self.path
            ),
            false => format!("`{written}` is {}, and has nothing within: write `{written}`", self.kind),
        }
    }
}

/// The single value that a path goes on from: `$.name.first` where the name is a text.
pub fn beyond_single(root: &Value, path: &Path) -> Option<Single> {
    let steps = path.steps()?;
    let [above @ .., Step::Key(_)] = steps.as_slice() else { return None };
    let text = Location(above.to_vec()).to_string();
    let value = Path::parse(&text).ok()?.first(root)?;
    let kind = match value {
        Value::String(text) if !text.trim().is_empty() => "text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        _ => return None,
    };
    let is_json = value.as_str().is_some_and(|text| {
        let text = text.trim_start();
        text.starts_with(['{', '[']) && json::parse(text.as_bytes(), &json::Limits::default()).is_ok()
    });
    (!above.is_empty()).then_some(Single { path: text, kind, is_json })
}

/// The one place where the payload has the last name of a path that finds nothing: it stands at another level.
pub fn moved(root: &Value, path: &Path) -> Option<String> {
    let segments = &path.0.query.segments;
    let [Selector::Name(name)] = segments.last()?.selectors.as_slice() else { return None };
    // Where the path leads as far as the last name, a common name says nothing.
    let (_, depth) = longest_prefix(root, segments);
    if depth + 1 == segments.len() && segments.len() > 1 && COMMON.contains(&plain(name).as_str()) {
        return None;
    }
    match elsewhere(root, name).as_slice() {
        [(10, (location, _))] => Some(location.to_string()),
        _ => None,
    }
}

/// What is found by following the path as far as it leads and then a name that resembles the one asked for; an odd score
/// where the rest of the path leads nowhere from there.
fn resembling<'v>(root: &'v Value, segments: &[Segment]) -> Vec<(usize, Found<'v>)> {
    let mut scored = Vec::new();
    let (starts, depth) = longest_prefix(root, segments);
    if let Some((segment, rest)) = segments.get(depth..).and_then(<[Segment]>::split_first) {
        for start in &starts {
            for (score, next) in neighbours(segment, start) {
                match follow(root, rest, &next, 1).pop() {
                    Some(end) => scored.push((score * 2, end)),
                    None => scored.push((score * 2 + 1, next)),
                }
            }
        }
    }
    scored
}

/// The values that as much of the path as possible leads to, and how many segments that is.
fn longest_prefix<'v>(root: &'v Value, segments: &[Segment]) -> (Vec<Found<'v>>, usize) {
    let start = (Location::default(), root);
    let mut reached = (vec![start.clone()], 0);
    for depth in 1..segments.len() {
        let found = segments.get(..depth).map(|prefix| follow(root, prefix, &start, STARTS)).unwrap_or_default();
        if found.is_empty() {
            break;
        }
        reached = (found, depth);
    }
    reached
}

/// What `segments` lead to from `start`.
pub(super) fn follow<'v>(root: &'v Value, segments: &[Segment], start: &Found<'v>, limit: usize) -> Vec<Found<'v>> {
    let mut found = Vec::new();
    Evaluation::of(root).run_from(segments, start.1, &mut |trail, value| {
        let steps = start.0.0.iter().cloned().chain(trail.location().0).collect();
        found.push((Location(steps), value));
        if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// One step down from `start` that resembles the step asked for, with how far it is from it.
fn neighbours<'v>(segment: &Segment, (at, value): &Found<'v>) -> Vec<(usize, Found<'v>)> {
    let mut near = Vec::new();
    for selector in &segment.selectors {
        match (selector, *value) {
            (Selector::Name(name), Value::Object(object)) => {
                near.extend(object.iter().take(FIELDS).filter_map(|(key, child)| {
                    Some((unlikeness(name, key)?, (below(at, Step::Key(key.clone())), child)))
                }));
            }
            (Selector::Name(name), Value::Array(items)) => {
                near.extend(items.first().and_then(|item| {
                    let (key, child) = item.as_object()?.get_key_value(name)?;
                    Some((1, (below(&below(at, Step::Index(0)), Step::Key(key.clone())), child)))
                }));
            }
            (Selector::Index(_), Value::Array(items)) => {
                near.extend(items.last().map(|item| (1, (below(at, Step::Index(items.len() - 1)), item))));
            }
            _ => {}
        }
    }
    near
}

/// Fields of the same name anywhere in the payload, the shallow ones first.
fn elsewhere<'v>(root: &'v Value, name: &str) -> Vec<(usize, Found<'v>)> {
    let mut found = Vec::new();
    let mut queue = VecDeque::from([(Location::default(), root)]);
    let mut left = SEARCHED;
    while let Some((at, value)) = queue.pop_front() {
        match value {
            Value::Object(object) => {
                for (key, child) in object.iter().take(left) {
                    let next = (below(&at, Step::Key(key.clone())), child);
                    if &**key == name {
                        found.push((10, next.clone()));
                    } else if plain(key) == plain(name) {
                        found.push((12, next.clone()));
                    }
                    queue.push_back(next);
                }
                left = left.saturating_sub(object.len());
            }
            Value::Array(items) => {
                queue.extend(
                    items.iter().take(left).enumerate().map(|(index, item)| (below(&at, Step::Index(index)), item)),
                );
                left = left.saturating_sub(items.len());
            }
            _ => {}
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

fn below(at: &Location, step: Step) -> Location {
    Location(at.0.iter().cloned().chain([step]).collect())
}

/// How far two names are from one another; none if nobody would mistake one for the other.
fn unlikeness(one: &str, two: &str) -> Option<usize> {
    if one.len() > LONGEST || two.len() > LONGEST {
        return None;
    }
    let (one, two) = (plain(one), plain(two));
    if one == two {
        return Some(0);
    }
    let shorter = one.chars().count().min(two.chars().count());
    let without_digits = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    if without_digits(&one) == without_digits(&two) {
        return Some(3);
    }
    if shorter >= 3 && (one.contains(&two) || two.contains(&one)) {
        return Some(one.chars().count().abs_diff(two.chars().count()).min(3));
    }
    let distance = strsim::damerau_levenshtein(&one, &two);
    (distance <= (shorter / 3).max(1) && distance < shorter).then_some(distance)
}

/// A name without the differences nobody sees: case, `_`, `-` and spaces.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

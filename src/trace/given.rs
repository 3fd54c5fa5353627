//! Values that whoever asks sets: other ones for extracted names and for fields of the payload, so that one sample tries several cases.

use std::sync::Arc;

use crate::convert::{self, Moment, Unfit};
use crate::diagnostic::suggest;
use crate::event::Event;
use crate::extract::{Conversion, Extract, Map};
use crate::path::{self, Location, Path, Step};
use crate::route::Route;
use crate::value::{Value, json};

/// The values that were given.
#[derive(Debug, Default)]
pub struct Settings {
    /// Extracted names with their values; nothing for one that is to be absent.
    pub names: Vec<(Arc<str>, Option<Value>)>,
    /// All that was set, in the order given.
    pub shown: Vec<Shown>,
}

/// One value that was set, to be shown.
#[derive(Debug)]
pub struct Shown {
    pub name: String,
    /// Nothing when it is to be absent.
    pub value: Option<Value>,
    /// What stands in the payload instead.
    pub before: Option<Value>,
    /// Fields nearby, where the payload has none of that name.
    pub nearby: Vec<String>,
}

/// Reads what was given, and sets the fields of the events' payloads.
pub(super) fn apply(given: &[String], route: &Route, events: &mut [Event]) -> Result<Settings, String> {
    let mut settings = Settings::default();
    for text in given {
        let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
        let shown = match name.trim().strip_prefix("payload").filter(|rest| rest.starts_with(['.', '['])) {
            Some(rest) => field(name.trim(), rest, value, events)?,
            None => {
                let extract = extract(name.trim(), route, events)?;
                let value = named(extract, value, events)?;
                settings.names.retain(|(known, _)| *known != extract.name);
                settings.names.push((extract.name.clone(), value.clone()));
                Shown { name: extract.name.to_string(), value, before: None, nearby: Vec::new() }
            }
        };
        settings.shown.push(shown);
    }
    Ok(settings)
}

fn extract<'r>(name: &str, route: &'r Route, events: &[Event]) -> Result<&'r Extract, String> {
    let bare = name.strip_suffix('?').unwrap_or(name);
    if let Some(extract) = route.extracts.iter().chain(route.saved()).find(|extract| *extract.name == *bare) {
        return Ok(extract);
    }
    let mut names: Vec<&str> = route.extracts.iter().chain(route.saved()).map(|extract| &*extract.name).collect();
    names.dedup();
    let is_field = events.iter().any(|event| event.payload.get(bare).is_some());
    let help = match suggest::nearest(bare, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if is_field => format!("for the field of the payload write `payload.{bare}`"),
        None => {
            let names = suggest::one_of(&names).map(|names| format!("{names}, or ")).unwrap_or_default();
            format!("set {names}a field as `payload.status=missed`")
        }
    };
    Err(format!("`--set {name}`: the route extracts no such name; {help}"))
}

/// The value of an extracted name, converted as one that is found in the payload.
fn named(extract: &Extract, text: Option<&str>, events: &[Event]) -> Result<Option<Value>, String> {
    let name = &extract.name;
    // As in a payload, an empty text counts as nothing.
    let Some(text) = text.filter(|text| extract.map.is_some() || !text.trim().is_empty()) else {
        return match (&extract.default, extract.optional) {
            (Some(default), _) => Ok(Some(default.clone())),
            (None, true) => Ok(None),
            (None, false) => Err(format!(
                "`--set {name}`: it is required, so the route stops for an event without it; \
                 give it a value, or write `{name}?:` in the route"
            )),
        };
    };
    let value = typed(extract, text, events).map_err(|unfit| {
        let help = unfit.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("`--set {name}={text}`: {}{help}", unfit.message)
    })?;
    Ok(Some(value))
}

fn typed(extract: &Extract, text: &str, events: &[Event]) -> Result<Value, Unfit> {
    let own = Value::from(text);
    if let Some(map) = &extract.map {
        return mapped(map, extract.default.as_ref(), text);
    }
    let list = || Unfit::new("it is a list: write it as `[\"a\"]`");
    match extract.conversion {
        _ if extract.all => {
            let items = guessed(text);
            let items = items.as_array().ok_or_else(list)?.iter().map(|item| extract.converted(item));
            Ok(Value::array(items.collect::<Result<Vec<_>, _>>()?))
        }
        Conversion::List => Some(guessed(text)).filter(|value| value.as_array().is_some()).ok_or_else(list),
        Conversion::Object => {
            let object = Some(guessed(text)).filter(|value| value.as_object().is_some());
            object.ok_or_else(|| Unfit::new("it is an object: write it as `{\"a\":1}`"))
        }
        Conversion::None if !is_text(extract, events) => Ok(guessed(text)),
        Conversion::Datetime => moment(extract, &own),
        _ => extract.converted(&own),
    }
}

/// A moment as the sender writes it, or as the extract gives it on.
fn moment(extract: &Extract, text: &Value) -> Result<Value, Unfit> {
    let finished = Moment { format: None, ..extract.moment.clone() };
    extract.converted(text).or_else(|unfit| convert::datetime(text, &finished).map(Value::from).map_err(|_| unfit))
}

/// What `map` gives; a value that it never gives would try a case that no event brings.
fn mapped(map: &Map, default: Option<&Value>, text: &str) -> Result<Value, Unfit> {
    let results: Vec<&Value> = map.entries.iter().map(|(_, to)| to).chain(&map.otherwise).chain(default).collect();
    let written = [Value::from(text), guessed(text)];
    if let Some(value) = written.into_iter().find(|value| results.contains(&value)) {
        return Ok(value);
    }
    let shown = |value: &Value| convert::text(value).unwrap_or_else(|_| value.to_json());
    if let Some((_, to)) = map.entries.iter().find(|(from, _)| **from == *text) {
        let message = format!("this is what stands in the payload; `map` makes `{}` of it", shown(to));
        return Err(Unfit::new(message).help(format!("write `{}`", shown(to))));
    }
    let mut words: Vec<String> = results.into_iter().map(shown).collect();
    words.dedup();
    let all = suggest::one_of(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_or_default();
    Err(Unfit::new(format!("`map` never gives this value; it gives {all}")))
}

/// Whether the extract finds a text in the payloads at hand.
fn is_text(extract: &Extract, events: &[Event]) -> bool {
    let found = events.iter().filter_map(|event| extract.run(&event.payload).ok().flatten());
    found.map(|found| found.value).next().is_some_and(|value| value.as_str().is_some())
}

/// JSON where it reads as JSON, and text elsewhere.
fn guessed(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap_or_else(|_| Value::from(text))
}

/// Sets one field in every event that has a place for it.
fn field(name: &str, rest: &str, text: Option<&str>, events: &mut [Event]) -> Result<Shown, String> {
    let wrong = || format!("`--set {name}`: a field is named as in a template: `payload.contact.phones[0]`");
    let path = Path::parse(&format!("${rest}")).map_err(|_| wrong())?;
    let steps = path.steps().ok_or_else(wrong)?;
    let mut shown: Option<Shown> = None;
    for event in events.iter_mut() {
        let before = path.first(&event.payload).cloned();
        let value = text.map(|text| match &before {
            Some(Value::String(_)) => Value::from(text),
            _ => guessed(text),
        });
        let nearby = if before.is_none() { path::nearby(&event.payload, &path) } else { Vec::new() };
        let Some(payload) = with(&event.payload, &steps, value.clone()) else { continue };
        if event.envelope == event.payload {
            event.envelope = payload.clone();
        }
        event.payload = payload;
        shown.get_or_insert(Shown { name: name.to_owned(), value, before, nearby });
    }
    shown.ok_or_else(|| no_place(name, &steps, &path, events))
}

fn no_place(name: &str, steps: &[Step], path: &Path, events: &[Event]) -> String {
    let parent = Location(steps.split_last().map_or(&[][..], |(_, parents)| parents).to_vec());
    let parent = parent.to_string().replacen('$', "payload", 1);
    let near: Vec<String> = events.iter().flat_map(|event| path::nearby(&event.payload, path)).take(3).collect();
    let near: Vec<String> = near.iter().map(|near| near.replacen('$', "payload", 1)).collect();
    let message = format!("`--set {name}`: there is no `{parent}` that it could be part of");
    match near.as_slice() {
        [] => message,
        near => format!("{message}; there is {}", near.join(", ")),
    }
}

/// A value with another one at the end of `steps`, or with none there; nothing where the way to it is missing.
fn with(value: &Value, steps: &[Step], new: Option<Value>) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return new };
    match (step, value) {
        (Step::Key(key), Value::Object(object)) => {
            let old = object.get(key);
            let inner = match (old, rest) {
                (Some(old), [_, ..]) => Some(with(old, rest, new)?),
                (None, [_, ..]) => return None,
                (_, []) => new,
            };
            let others = object.iter().map(|(known, value)| match known == key {
                true => inner.clone().map(|inner| (known.clone(), inner)),
                false => Some((known.clone(), value.clone())),
            });
            let added = inner.clone().filter(|_| old.is_none()).map(|inner| (key.clone(), inner));
            Some(Value::object(others.flatten().chain(added).collect::<Vec<_>>()))
        }
        (Step::Index(index), Value::Array(items)) => {
            let mut items = items.to_vec();
            match (items.get_mut(*index), rest) {
                (Some(slot), [_, ..]) => *slot = with(slot, rest, new)?,
                (Some(slot), []) if new.is_some() => *slot = new.unwrap_or_default(),
                (Some(_), []) => drop(items.remove(*index)),
                (None, _) => return None,
            }
            Some(Value::array(items))
        }
        _ => None,
    }
}

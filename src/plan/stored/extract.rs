//! What a step saves, as it is stored.

use std::sync::Arc;

use regex::RegexBuilder;

use super::{Spell, list, place_from, text};
use crate::convert::Moment;
use crate::diagnostic::Place;
use crate::extract::{Conversion, Extract, Map};
use crate::path::Path;
use crate::value::Value;

pub(super) fn to_value(extract: &Extract, spell: Spell<'_>) -> Value {
    let path = |(path, place): &(Path, Place)| Value::array([path.text().to_owned(), spell(place)]);
    let mut fields = vec![
        ("name", Value::from(extract.name.clone())),
        ("at", Value::from(spell(&extract.place))),
        ("paths", Value::array(extract.paths.iter().map(path))),
    ];
    let mut add = |key: &'static str, value: Option<Value>| fields.extend(value.map(|value| (key, value)));
    add("optional", extract.optional.then(|| Value::from(true)));
    add("all", extract.all.then(|| Value::from(true)));
    add("as", extract.conversion.word().map(Value::from));
    add("format", extract.moment.format.clone().map(Value::from));
    let zone = extract.moment.timezone.as_ref().and_then(|zone| zone.iana_name());
    add("timezone", zone.map(Value::from));
    add("region", extract.region.clone().map(Value::from));
    add("default", extract.default.clone());
    add("pattern", extract.pattern.as_ref().map(|pattern| Value::from(pattern.as_str())));
    add("map", extract.map.as_ref().map(|map| map_value(map, spell)));
    Value::object(fields)
}

fn map_value(map: &Map, spell: Spell<'_>) -> Value {
    let entry = |(from, to): &(Arc<str>, Value)| Value::array([Value::from(from.clone()), to.clone()]);
    let mut fields =
        vec![("entries", Value::array(map.entries.iter().map(entry))), ("at", Value::from(spell(&map.place)))];
    fields.extend(map.otherwise.clone().map(|value| ("else", value)));
    Value::object(fields)
}

pub(super) fn from_value(value: &Value) -> Option<Extract> {
    let is = |key: &str| value.get(key).is_some();
    let pattern = match text(value, "pattern") {
        Some(pattern) => Some(RegexBuilder::new(pattern).build().ok()?),
        None => None,
    };
    let timezone = match text(value, "timezone") {
        Some(zone) => Some(Moment::zone(zone).ok()?),
        None => None,
    };
    let map = match value.get("map") {
        Some(map) => Some(map_from(map)?),
        None => None,
    };
    Some(Extract {
        name: text(value, "name")?.into(),
        optional: is("optional"),
        paths: list(value.get("paths")?, path_from)?,
        conversion: text(value, "as").map_or(Some(Conversion::None), Conversion::from_word)?,
        moment: Moment { format: text(value, "format").map(str::to_owned), timezone },
        region: text(value, "region").map(Arc::from),
        all: is("all"),
        map,
        default: value.get("default").cloned(),
        pattern,
        place: place_from(text(value, "at")?),
    })
}

fn path_from(value: &Value) -> Option<(Path, Place)> {
    Some((Path::parse(value.at(0)?.as_str()?).ok()?, place_from(value.at(1)?.as_str()?)))
}

fn map_from(value: &Value) -> Option<Map> {
    let entry = |entry: &Value| Some((Arc::from(entry.at(0)?.as_str()?), entry.at(1)?.clone()));
    Some(Map {
        entries: list(value.get("entries")?, entry)?,
        otherwise: value.get("else").cloned(),
        place: place_from(text(value, "at")?),
    })
}

//! Between our values and the engine's: no payload is copied, containers are looked into where they stand.

use std::io;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object as EngineObject, ObjectRepr, Value as Engine, ValueKind};

use super::budget::{ENTRY, spend};
use super::exact;
use crate::value::{Number, Object, Value};

#[derive(Debug)]
struct Map(Arc<Object>);

impl EngineObject for Map {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Engine> {
        self.0.get(key).map(to_engine)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match spend(self.0.len() * ENTRY) {
            true => Enumerator::Values(self.0.iter().map(|(key, _)| Engine::from(key.clone())).collect()),
            false => Enumerator::Empty,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

#[derive(Debug)]
struct List(Arc<[Value]>);

impl EngineObject for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.0.get(key.as_usize()?).map(to_engine)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match spend(self.0.len() * ENTRY) {
            true => Enumerator::Seq(self.0.len()),
            false => Enumerator::Empty,
        }
    }
}

/// Our value as the engine sees it; nothing when the evaluation has seen too much.
pub(super) fn to_engine(value: &Value) -> Engine {
    match value {
        Value::String(text) if !spend(text.len()) => Engine::UNDEFINED,
        Value::Null => Engine::from(()),
        Value::Bool(flag) => Engine::from(*flag),
        Value::Number(number) => number_to_engine(number),
        Value::String(text) => Engine::from(text.clone()),
        Value::Array(items) => Engine::from_object(List(items.clone())),
        Value::Object(object) => Engine::from_object(Map(object.clone())),
    }
}

fn number_to_engine(number: &Number) -> Engine {
    if let Some(number) = number.as_i64() {
        return Engine::from(number);
    }
    if let Ok(wide) = number.text().parse::<i128>() {
        return Engine::from(wide);
    }
    match number.as_f64() {
        Some(float) => {
            exact::keep(float, number);
            Engine::from(float)
        }
        None => Engine::from_object(Huge(number.clone())),
    }
}

/// A number that is too large to be counted with, and is handed on as it was sent.
#[derive(Debug)]
struct Huge(Number);

impl EngineObject for Huge {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text())
    }
}

/// The engine's value as ours: `None` when it is absent, and an error that says what can't be a value.
pub(super) fn from_engine(value: &Engine) -> Result<Option<Value>, &'static str> {
    match value.kind() {
        ValueKind::Undefined => Ok(None),
        _ => from_present(value, 0).map(Some),
    }
}

const DEEPEST: usize = 64;

fn from_present(value: &Engine, depth: usize) -> Result<Value, &'static str> {
    if depth > DEEPEST {
        return Err("a value nested too deep");
    }
    if let Some(map) = value.downcast_object_ref::<Map>() {
        return Ok(Value::Object(map.0.clone()));
    }
    if let Some(list) = value.downcast_object_ref::<List>() {
        return Ok(Value::Array(list.0.clone()));
    }
    if let Some(huge) = value.downcast_object_ref::<Huge>() {
        return Ok(Value::Number(huge.0.clone()));
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => number_from_engine(value).map(Value::Number),
        ValueKind::String => Ok(value.to_str().map_or(Value::Null, Value::String)),
        ValueKind::Map => {
            let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
            for key in value.try_iter().map_err(|_| "something that is no value")? {
                let name = key.to_str().unwrap_or_else(|| key.to_string().into());
                let item = value.get_item(&key).map_err(|_| "something that is no value")?;
                // As in a body, what is absent drops its key, and its place from a list.
                if !item.is_undefined() {
                    fields.push((name, from_present(&item, depth + 1)?));
                }
            }
            Ok(Value::Object(Arc::new(fields.into_iter().collect())))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|_| "something that is no value")?;
            let present = items.filter(|item| !item.is_undefined());
            present.map(|item| from_present(&item, depth + 1)).collect::<Result<Vec<_>, _>>().map(Value::array)
        }
        _ => Err("something that is no value"),
    }
}

fn number_from_engine(value: &Engine) -> Result<Number, &'static str> {
    if let Some(number) = value.as_i64().filter(|_| value.is_integer()) {
        return Ok(Number::from(number));
    }
    if let (true, Ok(wide)) = (value.is_integer(), i128::try_from(value.clone())) {
        return Number::parse(&wide.to_string()).ok_or("a number that JSON can't write");
    }
    let float = f64::try_from(value.clone()).map_err(|_| "a number that JSON can't write")?;
    exact::kept(float).or_else(|| Number::from_f64(float)).ok_or("a number that JSON can't write")
}

/// Writes a value into text, in JSON's words; false, and nothing written, for null.
pub(super) fn write_text(value: &Value, text: &mut String) -> bool {
    match value {
        Value::Null => return false,
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.text()),
        Value::String(piece) => text.push_str(piece),
        Value::Array(_) | Value::Object(_) => text.push_str(&value.to_json()),
    }
    true
}

/// A buffer that refuses to grow past a limit, however long a loop runs.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Bounded { bytes: Vec::new(), limit, full: false }
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn into_text(self) -> Option<String> {
        String::from_utf8(self.bytes).ok()
    }
}

impl io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.limit {
            self.full = true;
            return Err(io::Error::other("the template's output is too large"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! A plan as it is stored: one JSON value, with each template as its text and its place. A delivery of one finished
//! request is stored as that request.

use std::sync::Arc;
use std::time::Duration;

use super::{Content, Frame, Guard, Key, OnUnknown, Plan, Remember, Step};
use crate::diagnostic::Place;
use crate::pack::{Body, Draft, Placed};
use crate::request::{InvalidRequest, Request, stored_value};
use crate::template::Template;
use crate::value::{Number, Value};

mod extract;

/// How a place is written: `routes/form.yaml:12:5`.
pub type Spell<'a> = &'a dyn Fn(&Place) -> String;

impl Plan {
    /// As it is stored. `spell` writes the places of templates, whose files may be gone when an error names them.
    pub fn to_json(&self, spell: Spell<'_>) -> String {
        match self.single() {
            Some(request) if self.on_unknown == OnUnknown::Retry => request.to_value().to_json(),
            _ => self.to_value(spell).to_json(),
        }
    }

    /// The request, where that is all there is.
    pub fn single(&self) -> Option<&Request> {
        match self.steps.as_slice() {
            [Step { guards, save, remember: None, content: Content::Ready(request), .. }]
                if guards.is_empty() && save.is_empty() =>
            {
                Some(request)
            }
            _ => None,
        }
    }

    /// The whole as one value, also for a single request.
    pub fn to_value(&self, spell: Spell<'_>) -> Value {
        Value::object([
            ("frames", Value::array(self.frames.iter().map(|frame| frame_value(frame, spell)))),
            ("steps", Value::array(self.steps.iter().map(|step| step_value(step, spell)))),
            ("on_unknown", Value::from(self.on_unknown.word())),
        ])
    }

    /// Reads a plan, or a finished request alone.
    pub fn from_json(bytes: &[u8]) -> Result<Plan, InvalidRequest> {
        let value = stored_value(bytes)?;
        if value.get("steps").is_none() {
            return Request::from_value(&value).map(Plan::of_request);
        }
        plan_from(&value).ok_or(InvalidRequest)
    }
}

fn plan_from(value: &Value) -> Option<Plan> {
    let frames: Vec<Frame> = list(value.get("frames")?, frame_from)?;
    let steps: Vec<Step> = list(value.get("steps")?, step_from)?;
    let on_unknown = match text(value, "on_unknown")? {
        "hold" => OnUnknown::Hold,
        _ => OnUnknown::Retry,
    };
    (!steps.is_empty()).then_some(Plan { frames, steps, on_unknown })
}

fn list<T>(value: &Value, each: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(each).collect()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn whole(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_number()?.to_string().parse().ok()
}

fn count(number: u64) -> Value {
    Value::from(Number::from(number))
}

fn frame_value(frame: &Frame, spell: Spell<'_>) -> Value {
    let names = frame.names.iter().map(|(name, value)| (name.clone(), value.clone()));
    let mut fields = vec![("names", Value::object(names))];
    fields.extend(frame.chain.as_ref().map(|to| ("chain", Value::from(to.clone()))));
    fields.extend(frame.input.as_ref().map(|input| ("input", draft_value(input, spell))));
    Value::object(fields)
}

fn frame_from(value: &Value) -> Option<Frame> {
    let names = value.get("names")?.as_object()?.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let input = match value.get("input") {
        Some(draft) => Some(draft_from(draft)?),
        None => None,
    };
    Some(Frame { names, chain: text(value, "chain").map(Arc::from), input })
}

fn step_value(step: &Step, spell: Spell<'_>) -> Value {
    let mut fields = vec![("frame", count(step.frame as u64)), ("to", Value::from(step.to.clone()))];
    if !step.guards.is_empty() {
        fields.push(("guards", Value::array(step.guards.iter().map(|guard| guard_value(guard, spell)))));
    }
    if !step.save.is_empty() {
        fields.push(("save", Value::array(step.save.iter().map(|saved| extract::to_value(saved, spell)))));
    }
    if let Some(remember) = &step.remember {
        fields.push(("remember", remember_value(remember, spell)));
    }
    fields.push(match &step.content {
        Content::Ready(request) => ("request", request.to_value()),
        Content::Late(draft) => ("draft", draft_value(draft, spell)),
    });
    Value::object(fields)
}

fn step_from(value: &Value) -> Option<Step> {
    let content = match value.get("request") {
        Some(request) => Content::Ready(Box::new(Request::from_value(request).ok()?)),
        None => Content::Late(Box::new(draft_from(value.get("draft")?)?)),
    };
    let remember = match value.get("remember") {
        Some(remember) => Some(remember_from(remember)?),
        None => None,
    };
    Some(Step {
        frame: usize::try_from(whole(value, "frame")?).ok()?,
        to: text(value, "to")?.into(),
        guards: value.get("guards").map_or(Some(Vec::new()), |guards| list(guards, guard_from))?,
        save: value.get("save").map_or(Some(Vec::new()), |save| list(save, extract::from_value))?,
        remember,
        content,
    })
}

fn guard_value(guard: &Guard, spell: Spell<'_>) -> Value {
    Value::object([
        ("frame", count(guard.frame as u64)),
        ("connection", Value::from(guard.connection.clone())),
        ("holds", Value::from(guard.holds)),
        ("when", placed_value(&guard.when, spell)),
    ])
}

fn guard_from(value: &Value) -> Option<Guard> {
    Some(Guard {
        frame: usize::try_from(whole(value, "frame")?).ok()?,
        connection: text(value, "connection")?.into(),
        holds: value.get("holds")?.as_bool()?,
        when: placed_from(value.get("when")?, Template::condition)?,
    })
}

fn remember_value(remember: &Remember, spell: Spell<'_>) -> Value {
    let key = match &remember.key {
        Key::Once(key) => ("once", Value::from(key.clone())),
        Key::Ready(key) => ("key", Value::from(key.clone())),
        Key::Late(key) => ("late", placed_value(key, spell)),
    };
    Value::object([key, ("for", count(u64::try_from(remember.period.as_millis()).unwrap_or(u64::MAX)))])
}

fn remember_from(value: &Value) -> Option<Remember> {
    let key = match (text(value, "once"), text(value, "key")) {
        (Some(key), _) => Key::Once(key.into()),
        (_, Some(key)) => Key::Ready(key.into()),
        (None, None) => Key::Late(placed_from(value.get("late")?, Template::compile)?),
    };
    Some(Remember { key, period: Duration::from_millis(whole(value, "for")?) })
}

fn placed_value(placed: &Placed, spell: Spell<'_>) -> Value {
    Value::object([("t", Value::from(placed.template.text())), ("at", Value::from(spell(&placed.place)))])
}

fn placed_from<E>(value: &Value, compile: impl Fn(&str) -> Result<Template, E>) -> Option<Placed> {
    Some(Placed { template: compile(text(value, "t")?).ok()?, place: place_from(text(value, "at")?) })
}

/// A place that is known by its words alone.
fn place_from(text: &str) -> Place {
    Place::file(text)
}

fn draft_value(draft: &Draft, spell: Spell<'_>) -> Value {
    let entries = |fields: &[(Arc<str>, Body)]| {
        Value::array(
            fields.iter().map(|(name, body)| Value::array([Value::from(name.clone()), body_value(body, spell)])),
        )
    };
    let mut fields = vec![("at", Value::from(spell(&draft.place))), ("body_at", Value::from(spell(&draft.body_place)))];
    for (key, list) in [("params", &draft.params), ("query", &draft.query), ("headers", &draft.headers)] {
        if !list.is_empty() {
            fields.push((key, entries(list)));
        }
    }
    fields.extend(draft.body.as_ref().map(|body| ("body", body_value(body, spell))));
    Value::object(fields)
}

fn draft_from(value: &Value) -> Option<Draft> {
    let entries = |key: &str| value.get(key).map_or(Some(Vec::new()), |fields| list(fields, entry_from));
    let body = match value.get("body") {
        Some(body) => Some(body_from(body)?),
        None => None,
    };
    Some(Draft {
        params: entries("params")?,
        query: entries("query")?,
        headers: entries("headers")?,
        body,
        body_place: place_from(text(value, "body_at")?),
        place: place_from(text(value, "at")?),
    })
}

fn entry_from(value: &Value) -> Option<(Arc<str>, Body)> {
    Some((value.at(0)?.as_str()?.into(), body_from(value.at(1)?)?))
}

/// `v` a value, `t` a template, `a` a list, `o` an object.
fn body_value(body: &Body, spell: Spell<'_>) -> Value {
    match body {
        Body::Value(value) => Value::object([("v", value.clone())]),
        Body::Template { template, place } => {
            placed_value(&Placed { template: template.clone(), place: place.clone() }, spell)
        }
        Body::Array(items) => Value::object([("a", Value::array(items.iter().map(|item| body_value(item, spell))))]),
        Body::Object(fields) => {
            let entry =
                |(key, body): &(Arc<str>, Body)| Value::array([Value::from(key.clone()), body_value(body, spell)]);
            Value::object([("o", Value::array(fields.iter().map(entry)))])
        }
    }
}

fn body_from(value: &Value) -> Option<Body> {
    if let Some(value) = value.get("v") {
        return Some(Body::Value(value.clone()));
    }
    if let Some(items) = value.get("a") {
        return list(items, body_from).map(Body::Array);
    }
    if let Some(fields) = value.get("o") {
        return list(fields, entry_from).map(Body::Object);
    }
    let Placed { template, place } = placed_from(value, Template::compile)?;
    Some(Body::Template { template, place })
}

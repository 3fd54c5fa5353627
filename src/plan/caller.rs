//! An error of a call that a chain makes, told where the route calls the chain: the lines of a pack are not the route's to
//! mend.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, KeyPath, Label, On, Place, Segment};
use crate::pack::{Body, Draft, Step};
use crate::route::Send;
use crate::template::Use;

/// The same problem, with the line of the route first: the value that the call takes it from, or else the delivery's `to`.
pub fn at_caller(mut problem: Diagnostic, send: &Send) -> Diagnostic {
    let own = &send.draft.place;
    let Some(at) = problem.place().filter(|at| at.file != own.file && send.operation.is_chain()).cloned() else {
        return problem;
    };
    let step = step_of(&at).and_then(|index| send.operation.chain.get(index));
    let call = step.map(|step| format!("{}.{}", send.connection.name, step.operation.name));
    let call = call.map_or_else(|| "a call of it".to_owned(), |call| format!("its call `{call}`"));
    let found =
        problem.labels.first_mut().map(|label| std::mem::replace(&mut label.text, "the pack's own line".into()));
    let label = match step.and_then(|step| source(step, &at, &send.draft)) {
        Some(place) => Label { place, text: found.unwrap_or_default() },
        None => Label { place: own.key("to"), text: format!("{call} fails") },
    };
    problem.labels.insert(0, label);
    problem
}

/// The number of the step in whose lines a place is.
fn step_of(at: &Place) -> Option<usize> {
    match at.path.segments().as_slice() {
        [_, _, Segment::Key(key), Segment::Index(index), ..] if &**key == "steps" => Some(*index),
        _ => None,
    }
}

/// Where the route writes the value that a template of the step takes over.
fn source(step: &Step, at: &Place, draft: &Draft) -> Option<Place> {
    let whole = Place { on: On::Value, ..at.clone() };
    let (template, _) = step.draft.templates().into_iter().find(|(_, place)| **place == whole)?;
    template.uses().iter().find_map(|used| match &*used.name {
        "body" => Some(Place { path: within(draft.body.as_ref()?, used, &draft.body_place.path)?, ..whole_of(draft) }),
        "params" => {
            let name = used.fields.first()?;
            draft.params.iter().find(|(known, _)| **known == **name)?;
            Some(draft.place.key("params").key(&**name))
        }
        _ => None,
    })
}

fn whole_of(draft: &Draft) -> Place {
    Place { on: On::Value, ..draft.body_place.clone() }
}

/// The path of a field as far as a body is written out.
fn within(body: &Body, used: &Use, at: &KeyPath) -> Option<KeyPath> {
    let (mut body, mut path) = (body, at.clone());
    for field in &used.fields {
        let Body::Object(fields) = body else { break };
        let key: Arc<str> = (&**field).into();
        body = fields.iter().find_map(|(known, inner)| (*known == key).then_some(inner))?;
        path = path.key(key);
    }
    Some(path)
}

//! What of a tree of templates can be rendered when the event is routed, and what has to wait for a saved name.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::pack::{Body, Draft};
use crate::pipeline::render;
use crate::template::{Scope, Template, Use};
use crate::value::{Object, Value};

/// Names that are known only when an earlier step is done.
pub type Names = BTreeSet<Arc<str>>;

/// Whether a template uses a name that is not known yet.
pub fn is_late(template: &Template, late: &Names) -> bool {
    template.uses().iter().any(|used| late.contains(&used.name))
}

/// Whether some template of a tree does.
pub fn late_in(body: &Body, late: &Names) -> bool {
    let mut found = false;
    each(body, &mut |template| found |= is_late(template, late));
    found
}

/// Whether some template of a call does.
pub(super) fn draft_is_late(draft: &Draft, late: &Names) -> bool {
    bodies(draft).any(|body| late_in(body, late))
}

pub(super) fn bodies(draft: &Draft) -> impl Iterator<Item = &Body> {
    let named = [&draft.params, &draft.query, &draft.headers].into_iter().flatten().map(|(_, body)| body);
    named.chain(&draft.body)
}

/// Each template of a tree.
pub(super) fn each<'b>(body: &'b Body, take: &mut impl FnMut(&'b Template)) {
    match body {
        Body::Value(_) => {}
        Body::Template { template, .. } => take(template),
        Body::Array(items) => items.iter().for_each(|item| each(item, take)),
        Body::Object(fields) => fields.iter().for_each(|(_, field)| each(field, take)),
    }
}

/// The call with everything rendered that can be.
pub(super) fn settled(draft: &Draft, scope: &Scope, late: &Names) -> Result<Draft, Diagnostic> {
    let present = |fields: &[(Arc<str>, Body)]| -> Result<Vec<(Arc<str>, Body)>, Diagnostic> {
        let field = |(name, body): &(Arc<str>, Body)| Ok(settle(body, scope, late)?.map(|body| (name.clone(), body)));
        fields.iter().filter_map(|entry| field(entry).transpose()).collect()
    };
    // A parameter that is written and has no value must not give way to the connection's.
    let param = |(name, body): &(Arc<str>, Body)| {
        Ok((name.clone(), settle(body, scope, late)?.unwrap_or(Body::Value(Value::Null))))
    };
    Ok(Draft {
        params: draft.params.iter().map(param).collect::<Result<_, Diagnostic>>()?,
        query: present(&draft.query)?,
        headers: present(&draft.headers)?,
        body: draft.body.as_ref().map(|body| settle(body, scope, late)).transpose()?.flatten(),
        body_place: draft.body_place.clone(),
        place: draft.place.clone(),
    })
}

fn settle(body: &Body, scope: &Scope, late: &Names) -> Result<Option<Body>, Diagnostic> {
    if !late_in(body, late) {
        return render(body, scope).map(|value| value.map(Body::Value));
    }
    match body {
        Body::Value(_) | Body::Template { .. } => Ok(Some(body.clone())),
        Body::Array(items) => {
            let items = items.iter().filter_map(|item| settle(item, scope, late).transpose());
            items.collect::<Result<_, _>>().map(|items| Some(Body::Array(items)))
        }
        Body::Object(fields) => {
            let field = |(name, body): &(Arc<str>, Body)| {
                settle(body, scope, late).map(|settled| settled.map(|body| (name.clone(), body)))
            };
            let fields = fields.iter().filter_map(|entry| field(entry).transpose());
            fields.collect::<Result<_, _>>().map(|fields| Some(Body::Object(fields)))
        }
    }
}

/// The part of a name's value that templates use: of a payload, the fields that they name.
pub(super) fn needed(value: &Value, uses: &[&Use]) -> Value {
    let paths: Vec<&[Arc<str>]> = uses.iter().map(|used| used.fields.as_slice()).collect();
    part(value, &paths)
}

fn part(value: &Value, paths: &[&[Arc<str>]]) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    if paths.iter().any(|path| path.is_empty()) {
        return value.clone();
    }
    let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
    for (name, inner) in object.iter() {
        let below: Vec<&[Arc<str>]> = paths
            .iter()
            .filter_map(|path| path.split_first())
            .filter(|(first, _)| *first == name)
            .map(|(_, rest)| rest)
            .collect();
        if !below.is_empty() {
            fields.push((name.clone(), part(inner, &below)));
        }
    }
    Value::Object(Arc::new(Object::from(fields)))
}

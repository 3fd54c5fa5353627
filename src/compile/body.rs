//! Bodies: trees of templates, checked against the operation's schema as far as it can be known before an event.

mod choice;
mod field;
mod meant;
mod part;
mod setting;

use std::sync::Arc;

use super::Compiler;
use super::template::{Kind as TemplateKind, Reach};
use crate::document::{Kind, Node, reference};
use crate::pack::{Body, Connection, Operation};
use crate::pipeline;
use crate::template::Scope;
use crate::types::{Kinds, Presence, Type};
use crate::value::Value;

/// What a body is written for.
pub(super) struct Target<'a> {
    /// `connection.operation`
    pub to: &'a str,
    pub connection: &'a Connection,
    pub operation: &'a Operation,
    pub reach: &'a Reach,
}

impl Compiler<'_> {
    /// A node as a tree of templates; nothing after a problem.
    pub(super) fn body(&mut self, node: &Node, reach: &mut Reach) -> Option<Body> {
        let before = self.blanks.len();
        let body = self.tree(node, reach);
        (self.blanks.len() == before).then_some(body)
    }

    /// A node as a tree of templates, with a blank for each that did not compile: the rest is worth looking at.
    pub(super) fn tree(&mut self, node: &Node, reach: &mut Reach) -> Body {
        match &node.kind {
            Kind::List(items) => Body::Array(items.iter().map(|item| self.tree(item, reach)).collect()),
            Kind::Map(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.name.clone(), self.tree(&entry.value, reach)));
                Body::Object(fields.collect())
            }
            Kind::Scalar(_) => match node.body_text() {
                Some(text) if text.contains("{{") || text.contains("{%") || reference::is_in(text) => {
                    match self.template(text, &node.place, TemplateKind::Value, reach) {
                        Some(template) => Body::Template { template, place: node.place.clone() },
                        None => {
                            self.blanks.insert(node.place.clone());
                            Body::Value(Value::Null)
                        }
                    }
                }
                text => {
                    text.iter().for_each(|text| self.check_lookalikes(text, &node.place, reach));
                    text.iter().for_each(|text| self.keep_literal(text, &node.place, reach));
                    Body::Value(node.to_value())
                }
            },
        }
    }

    /// What of a body the schema can already tell: fields that it does not have, fields that are missing, types,
    /// constants, keys that exclude each other.
    pub(super) fn check_body(&mut self, body: Option<&Body>, target: &Target<'_>, at: &crate::diagnostic::Place) {
        let Some(schema) = &target.operation.schema else { return };
        let empty = Body::Object(Vec::new());
        let defaults = defaults(target);
        let part = part::Part { schema: schema.document(), root: schema.document(), target, top: at };
        self.check_part(body.unwrap_or(&empty), &part, at, &defaults);
        if target.reach.within.is_none() {
            self.check_defaults(body, target, at);
        }
    }
}

/// The pack's defaults that this connection has a value for.
fn defaults<'o>(target: &Target<'o>) -> Vec<&'o str> {
    let scope = Scope::new().with("connection", target.connection.settings.clone());
    let is_there = |body: &Body| !matches!(pipeline::render(body, &scope), Ok(None));
    target.operation.defaults.iter().filter(|(_, body)| is_there(body)).map(|(name, _)| &**name).collect()
}

/// The type of what a body makes, not of what is in it.
pub(super) fn type_of(body: &Body, reach: &Reach) -> Type {
    match body {
        Body::Object(_) => Type::certain(Kinds::OBJECT),
        Body::Array(_) => Type::certain(Kinds::LIST),
        Body::Value(value) => Type::constant(value, None),
        Body::Template { template, .. } => template.infer(&|name, fields| reach.type_of(name, fields)).ty,
    }
}

/// Whether a field is there in every event, whatever it brings.
fn presence(body: &Body, reach: &Reach) -> Presence {
    match body {
        Body::Template { .. } => type_of(body, reach).presence,
        _ => Presence::Certain,
    }
}

/// The value of a tree without templates.
fn constant(body: &Body) -> Option<Value> {
    match body {
        Body::Value(value) => Some(value.clone()),
        Body::Template { template, .. } => template.constant().cloned(),
        Body::Array(items) => items.iter().map(constant).collect::<Option<Vec<_>>>().map(Value::array),
        Body::Object(fields) => {
            let fields: Option<Vec<_>> =
                fields.iter().map(|(key, field)| Some((key.clone(), constant(field)?))).collect();
            fields.map(|fields| Value::Object(Arc::new(fields.into_iter().collect())))
        }
    }
}

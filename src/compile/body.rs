//! Bodies: trees of templates, checked against the operation's schema as far as it can be known before an event.

use std::sync::Arc;

use super::Compiler;
use super::template::{Kind as TemplateKind, Reach};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::{Kind, Node, reference};
use crate::pack::{Body, Operation};
use crate::path::Step;
use crate::schema::Schema;
use crate::value::Value;

impl Compiler<'_> {
    /// A node as a tree of templates; nothing after a problem.
    pub(super) fn body(&mut self, node: &Node, reach: &mut Reach) -> Option<Body> {
        match &node.kind {
            Kind::List(items) => {
                let items: Vec<Option<Body>> = items.iter().map(|item| self.body(item, reach)).collect();
                items.into_iter().collect::<Option<_>>().map(Body::Array)
            }
            Kind::Map(entries) => {
                let fields: Vec<Option<(Arc<str>, Body)>> = entries
                    .iter()
                    .map(|entry| Some((entry.key.name.clone(), self.body(&entry.value, reach)?)))
                    .collect();
                fields.into_iter().collect::<Option<_>>().map(Body::Object)
            }
            Kind::Scalar(_) => match node.body_text() {
                Some(text) if text.contains("{{") || text.contains("{%") || reference::is_in(text) => {
                    let template = self.template(text, &node.place, TemplateKind::Value, reach)?;
                    Some(Body::Template { template, place: node.place.clone() })
                }
                _ => Some(Body::Value(node.to_value())),
            },
        }
    }

    /// What of a body the schema can already tell: fields that it does not have, fields that are missing, constants.
    pub(super) fn check_body(&mut self, body: Option<&Body>, operation: &Operation, to: &str, at: &Place) {
        let Some(schema) = &operation.schema else { return };
        let empty = Body::Object(Vec::new());
        let body = body.unwrap_or(&empty);
        let defaults: Vec<&str> = operation.defaults.iter().map(|(name, _)| &**name).collect();
        self.check_object(body, schema.document(), to, at, &defaults);
        if let Some(value) = constant(body).filter(|_| defaults.is_empty()) {
            self.check_constant(&value, schema, to, at);
        }
    }

    fn check_object(&mut self, body: &Body, schema: &Value, to: &str, at: &Place, defaults: &[&str]) {
        let (Body::Object(fields), Some(properties)) = (body, schema.get("properties").and_then(Value::as_object))
        else {
            return;
        };
        let closed = schema.get("additionalProperties").and_then(Value::as_bool) == Some(false);
        for (name, field) in fields {
            let place = at.key(name.clone());
            match properties.get(name) {
                Some(inner) => self.check_field(field, inner, to, &place),
                None if closed => self.unknown_field(name, properties.keys(), to, &place),
                None => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array).unwrap_or_default();
        for name in required.iter().filter_map(Value::as_str) {
            if !fields.iter().any(|(known, _)| &**known == name) && !defaults.contains(&name) {
                let message = format!("`{to}` needs the field `{name}`");
                let help = description(properties.get(name)).map(|text| format!("add `{name}: …` ({text})"));
                let help = help.unwrap_or_else(|| format!("add `{name}: …`"));
                self.report(
                    Diagnostic::new(Code::InvalidBody, at.on_key(), message).found("it is missing here").help(help),
                );
            }
        }
    }

    fn check_field(&mut self, field: &Body, schema: &Value, to: &str, place: &Place) {
        match field {
            Body::Object(_) => self.check_object(field, schema, to, place, &[]),
            _ => {
                let Some(value) = constant(field) else { return };
                // A field's own schema may refer to what stands elsewhere; then it is left to the run.
                if let Ok(schema) = Schema::compile(schema) {
                    self.check_constant(&value, &schema, to, place);
                }
            }
        }
    }

    fn unknown_field<'n>(&mut self, name: &str, known: impl Iterator<Item = &'n Arc<str>>, to: &str, place: &Place) {
        let known: Vec<&str> = known.map(|name| &**name).collect();
        let message = format!("`{to}` has no field `{name}`");
        let diagnostic = Diagnostic::new(Code::InvalidBody, place.on_key(), message);
        self.report(diagnostic.help_opt(suggest::did_you_mean(name, known)));
    }

    fn check_constant(&mut self, value: &Value, schema: &Schema, to: &str, at: &Place) {
        for violation in schema.violations(value) {
            let place = violation.path.iter().fold(at.clone(), |place, step| match step {
                Step::Key(key) => place.key(key.clone()),
                Step::Index(index) => place.index(*index),
            });
            let message = format!("this {}", violation.message);
            self.report(Diagnostic::new(Code::InvalidBody, place, message).found(format!("`{to}` does not take this")));
        }
    }
}

fn description(schema: Option<&Value>) -> Option<&str> {
    schema?.get("description")?.as_str()
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

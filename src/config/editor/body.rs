//! Deliveries for an editor: what `to` can name, and the fields of the body that the operation takes.

use super::{Known, property, suggestions, with};
use crate::config::pack::Operation;
use crate::config::shape::Shapes;
use crate::config::shape::keywords::{anything, joined, texts};
use crate::value::Value;

/// A schema may refer to itself.
const DEEPEST: usize = 8;

impl Known {
    /// Offers the targets, and for each the fields of its address and body. Nothing is refused: a template may stand in
    /// the place of anything, and `check` knows the types of templates.
    pub(super) fn add_targets(&self, shapes: &mut Shapes) {
        let told = |operation: &Operation| operation.description.as_ref().map(|text| text.value.clone());
        let targets = self.targets().map(|(to, _, operation)| (to, told(operation)));
        let targets = suggestions(targets);
        for (shape, key, with_params) in [("send", "to", true), ("step", "call", true), ("expected", "to", false)] {
            shapes.join(shape, &property(key, targets.clone()));
            let parts = self.targets().filter_map(|(to, vendor, operation)| {
                let parts = self.parts(vendor, operation, with_params);
                let then = one("properties", parts.clone());
                let is_known = parts.as_object().is_some_and(|parts| !parts.is_empty());
                is_known.then(|| Value::object([("if", with(key, &to)), ("then", then)]))
            });
            let parts = Value::array(parts.collect::<Vec<_>>());
            shapes.join(shape, &one("allOf", parts));
        }
    }

    /// The body and the parameters of an operation, as far as they are known.
    fn parts(&self, vendor: &str, operation: &Operation, with_params: bool) -> Value {
        let file = operation.request.as_ref().map(|shape| format!("schemas/{vendor}/{}", shape.file.value));
        let schema = file.and_then(|file| self.bodies.get(file.as_str()));
        let given: Vec<&str> = operation.defaults.names().collect();
        let body = schema.map(|schema| ("body", fields(schema, schema, &given, DEEPEST)));
        let params = operation.params.iter().map(|param| {
            let description = param.value.description.as_ref().map(|text| ("description", text.value.clone()));
            (param.name.value.clone(), Value::object(description))
        });
        let params =
            (with_params && !operation.params.is_empty()).then(|| ("params", one("properties", Value::object(params))));
        let query = operation.query.iter().map(|asked| {
            let description = asked.value.description.as_ref().map(|text| ("description", text.value.clone()));
            (asked.name.value.clone(), Value::object(description))
        });
        let query =
            (with_params && !operation.query.is_empty()).then(|| ("query", one("properties", Value::object(query))));
        Value::object(body.into_iter().chain(params).chain(query))
    }
}

fn one(key: &str, value: impl Into<Value>) -> Value {
    Value::object([(key, value)])
}

/// What a schema names and describes, without what it refuses. What the pack gives need not be given.
fn fields(schema: &Value, root: &Value, given: &[&str], depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return anything() };
    let pointed = schema.get("$ref").and_then(Value::as_str).and_then(|pointer| at(root, pointer));
    let schema = pointed.unwrap_or(schema);
    let description = schema.get("description").map(|text| ("description", text.clone()));
    let inside = if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required: Vec<_> = texts(schema, "required").filter(|name| !given.contains(name)).collect();
        let properties = properties.iter().map(|(name, schema)| {
            let field = fields(schema, root, &[], depth);
            (name.clone(), if required.contains(&&**name) { must_be_given(&field) } else { field })
        });
        one("properties", Value::object(properties))
    } else if let Some(items) = schema.get("items") {
        one("items", fields(items, root, &[], depth))
    } else if schema.get("enum").is_some() {
        suggestions(texts(schema, "enum").map(|word| (word.to_owned(), None)))
    } else {
        anything()
    };
    joined(&Value::object(description), &inside)
}

fn must_be_given(field: &Value) -> Value {
    let description = field.get("description").and_then(Value::as_str).unwrap_or_default();
    joined(field, &one("description", format!("Required. {description}").trim_end()))
}

/// The part of a schema that a reference points to.
fn at<'s>(root: &'s Value, pointer: &str) -> Option<&'s Value> {
    let mut steps = pointer.strip_prefix("#/")?.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.try_fold(root, |schema, step| schema.get(&step))
}

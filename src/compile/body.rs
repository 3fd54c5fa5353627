//! Bodies: trees of templates, checked against the operation's schema as far as it can be known before an event.

use std::sync::Arc;

use super::Compiler;
use super::schema_words::{self, Part};
use super::template::{Kind as TemplateKind, Reach};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::{Kind, Node, reference};
use crate::pack::{Body, Connection, Operation};
use crate::path::Step;
use crate::pipeline;
use crate::schema::Schema;
use crate::template::{Scope, Template, Use};
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

    /// What of a body the schema can already tell: fields that it does not have, fields that are missing, types,
    /// constants, keys that exclude each other.
    pub(super) fn check_body(&mut self, body: Option<&Body>, target: &Target<'_>, at: &Place) {
        let Some(schema) = &target.operation.schema else { return };
        let empty = Body::Object(Vec::new());
        let defaults = defaults(target);
        self.check_part(body.unwrap_or(&empty), schema.document(), target, at, &defaults);
    }

    /// One value of the tree against the part of the schema that is meant for it.
    fn check_part(&mut self, body: &Body, schema: &Value, target: &Target<'_>, at: &Place, defaults: &[&str]) {
        let before = self.problems.len();
        match kind(body, target.reach).filter(|kind| !schema_words::allows(schema, kind)) {
            Some(kind) => self.wrong_type(kind, schema, at),
            None => match body {
                Body::Object(fields) => self.check_object(fields, schema, target, at, defaults),
                Body::Array(items) => {
                    let inner = schema.get("items").filter(|items| items.as_object().is_some());
                    for (index, item) in items.iter().enumerate() {
                        inner.iter().for_each(|inner| self.check_part(item, inner, target, &at.index(index), &[]));
                    }
                }
                Body::Value(_) | Body::Template { .. } => {}
            },
        }
        // What only the whole of a value can tell: its words, its length, its pattern.
        if self.problems.len() == before && defaults.is_empty() && schema_words::says_more(schema) {
            let constant = constant(body);
            // A part may refer to what stands elsewhere in the schema; then it is left to the run.
            let compiled = constant.and_then(|value| Some((value, Schema::compile(schema).ok()?)));
            compiled.iter().for_each(|(value, compiled)| self.check_constant(value, compiled, at));
        }
    }

    fn wrong_type(&mut self, found: &str, schema: &Value, at: &Place) {
        let name = name(at);
        let wanted = schema_words::types(schema);
        let diagnostic = match found {
            "null" => Diagnostic::new(Code::InvalidBody, at.clone(), format!("{name} has no value"))
                .help(format!("write {wanted} after the colon")),
            _ => {
                let message = format!("{name} must be {wanted}, but is {}", schema_words::kind(found));
                let help = match schema_words::fields(schema) {
                    Some(fields) => Some(format!("its fields are {fields}; write each as `key: value` below it")),
                    None => schema_words::description(schema).map(str::to_owned),
                };
                Diagnostic::new(Code::InvalidBody, at.clone(), message).help_opt(help)
            }
        };
        self.report(diagnostic);
    }

    fn check_object(
        &mut self,
        fields: &[(Arc<str>, Body)],
        schema: &Value,
        target: &Target<'_>,
        at: &Place,
        defaults: &[&str],
    ) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        let closed = schema.get("additionalProperties").and_then(Value::as_bool) == Some(false)
            && schema.get("patternProperties").is_none();
        let required = schema_words::texts(schema.get("required"));
        let is_given = |name: &str| fields.iter().any(|(known, _)| &**known == name) || defaults.contains(&name);
        let mut missing: Vec<&str> = required.iter().copied().filter(|name| !is_given(name)).collect();
        let mut unknown = false;
        for (name, field) in fields {
            let place = at.key(name.clone());
            match properties.get(name) {
                Some(inner) if required.contains(&&**name) && !defaults.contains(&&**name) => {
                    self.check_required(name, field, target, &place);
                    self.check_part(field, inner, target, &place, &[]);
                }
                Some(inner) => self.check_part(field, inner, target, &place, &[]),
                None if closed => {
                    unknown = true;
                    let free: Vec<&str> = properties.keys().map(|key| &**key).filter(|key| !is_given(key)).collect();
                    let meant = self.unknown_field(name, &free, target.to, &place);
                    missing.retain(|name| Some(*name) != meant);
                }
                None => {}
            }
        }
        for name in missing {
            self.missing_field(name, properties.get(name), target, at);
        }
        for group in schema_words::groups(schema) {
            self.check_group(&group, fields, target, at, defaults, unknown);
        }
    }

    /// A required field whose value is a name that may be absent would be left out.
    fn check_required(&mut self, field: &str, body: &Body, target: &Target<'_>, place: &Place) {
        let Body::Template { template, .. } = body else { return };
        let absent = |used: &&Use| !used.guarded && target.reach.optional(&used.name) == Some(true);
        let Some(used) = template.uses().iter().find(absent).filter(|_| template.is_whole()) else { return };
        let name = &used.name;
        let message = format!("`{}` needs `{field}`, and `{name}` may be absent", target.to);
        let expression = template.text().trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let help = format!(
            "say what to send instead: `{{{{ {expression} | default('unknown') }}}}`, or make the name required: `{name}:` \
             without `?` under `extract:`"
        );
        self.report(Diagnostic::new(Code::OptionalName, place.part(used.range.clone()), message).help(help));
    }

    /// Reports a field that the schema does not have; returns the one that was meant.
    fn unknown_field<'n>(&mut self, name: &str, known: &[&'n str], to: &str, place: &Place) -> Option<&'n str> {
        let message = format!("`{to}` has no field `{name}`");
        let diagnostic = Diagnostic::new(Code::InvalidBody, place.on_key(), message);
        let near = suggest::nearest(name, known.iter().copied());
        let list = || suggest::one_of(known).map(|all| format!("its other fields are {all}"));
        let diagnostic = diagnostic.help_opt(near.map(|near| format!("did you mean `{near}`?")).or_else(list));
        self.report(diagnostic.fix_opt(place.on_key(), suggest::certain(name, known.iter().copied())));
        near
    }

    fn missing_field(&mut self, name: &str, schema: Option<&Value>, target: &Target<'_>, at: &Place) {
        let message = format!("`{}` needs the field `{name}`", target.to);
        let of_connection = target.operation.defaults.iter().any(|(default, _)| &**default == name);
        let mut help = match of_connection {
            true => {
                format!("add `{name}: …` here, or to the connection `{}` in jackfield.yaml", target.connection.name)
            }
            false => format!("add `{name}: …`"),
        };
        if let Some(text) = schema.and_then(schema_words::description).filter(|_| !of_connection) {
            help = format!("{help}: {text}");
        }
        self.report(Diagnostic::new(Code::InvalidBody, at.on_key(), message).found("it is missing here").help(help));
    }

    fn check_group(
        &mut self,
        group: &schema_words::Group<'_>,
        fields: &[(Arc<str>, Body)],
        target: &Target<'_>,
        at: &Place,
        defaults: &[&str],
        unknown: bool,
    ) {
        let state = |part: &Part<'_>| {
            let states = part.keys.iter().map(|key| match fields.iter().find(|(known, _)| &**known == *key) {
                Some((_, body)) if is_certain(body, target.reach) => Presence::Certain,
                Some(_) => Presence::Possible,
                None if defaults.contains(key) => Presence::Possible,
                None => Presence::Absent,
            });
            states.min().unwrap_or(Presence::Possible)
        };
        let states: Vec<(&Part<'_>, Presence)> = group.parts.iter().map(|part| (part, state(part))).collect();
        let all = group.words();
        let certain: Vec<&Part<'_>> =
            states.iter().filter(|(_, state)| *state == Presence::Certain).map(|(part, _)| *part).collect();
        let mut written: Vec<Arc<str>> = certain.iter().map(|part| part.first()).collect();
        written.sort_by_key(|name| fields.iter().position(|(known, _)| known == name));
        if let ([first, second, ..], true) = (written.as_slice(), group.exactly) {
            let message = format!("`{}` takes exactly one of {all}", target.to);
            let (first, second) = (at.key(first.clone()).on_key(), at.key(second.clone()).on_key());
            let diagnostic = Diagnostic::new(Code::InvalidBody, second, message).found("this is the second one");
            self.report(
                diagnostic.also(first, "this is the first one").help("keep one of them, and remove the others"),
            );
        } else if !unknown && states.iter().all(|(_, state)| *state == Presence::Absent) {
            let count = if group.exactly { "exactly one" } else { "at least one" };
            let message = format!("`{}` needs {count} of {all}", target.to);
            let diagnostic = Diagnostic::new(Code::InvalidBody, at.on_key(), message).found("none of them is given");
            self.report(diagnostic.help(format!("add `{}: …`, or another of them", group.example())));
        }
    }

    fn check_constant(&mut self, value: &Value, schema: &Schema, at: &Place) {
        for violation in schema.violations(value) {
            let place = violation.path.iter().fold(at.clone(), |place, step| match step {
                Step::Key(key) => place.key(key.clone()),
                Step::Index(index) => place.index(*index),
            });
            let found = violation.path.iter().try_fold(value, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.at(*index),
            });
            let message = match found {
                Some(Value::Null) => format!("{} has no value", name(&place)),
                _ => format!("{} {}", name(&place), violation.message),
            };
            let part = schema_words::at(schema.document(), &violation.schema_path);
            let words = part.map(|part| schema_words::texts(part.get("enum"))).unwrap_or_default();
            let near = found.and_then(Value::as_str).and_then(|text| suggest::nearest(text, words.iter().copied()));
            let help = match near {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => part.and_then(schema_words::description).map(str::to_owned),
            };
            let fixed = found.and_then(Value::as_str).and_then(|text| suggest::certain(text, words.iter().copied()));
            self.report(
                Diagnostic::new(Code::InvalidBody, place.clone(), message).help_opt(help).fix_opt(place, fixed),
            );
        }
    }
}

/// Whether a key is there when an event is rendered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Presence {
    Absent,
    Possible,
    Certain,
}

/// Whether a field is there in every event, whatever it brings.
fn is_certain(body: &Body, reach: &Reach) -> bool {
    match body {
        Body::Template { template, .. } => match template.single_name() {
            Some(name) => reach.optional(name) == Some(false),
            None => !template.is_whole(),
        },
        _ => true,
    }
}

/// The pack's defaults that this connection has a value for.
fn defaults<'o>(target: &Target<'o>) -> Vec<&'o str> {
    let scope = Scope::new().with("connection", target.connection.settings.clone());
    let is_there = |body: &Body| !matches!(pipeline::render(body, &scope), Ok(None));
    target.operation.defaults.iter().filter(|(_, body)| is_there(body)).map(|(name, _)| &**name).collect()
}

/// The JSON type of a value, where it is the same in every event.
fn kind(body: &Body, reach: &Reach) -> Option<&'static str> {
    Some(match body {
        Body::Object(_) => "object",
        Body::Array(_) => "array",
        Body::Value(value) => schema_words::kind_of(value),
        Body::Template { template, .. } => return template_kind(template, reach),
    })
}

fn template_kind(template: &Template, reach: &Reach) -> Option<&'static str> {
    match (template.constant(), template.single_name()) {
        (Some(value), _) => Some(schema_words::kind_of(value)),
        (None, Some(name)) => reach.kind(name),
        (None, None) => (!template.is_whole()).then_some("string"),
    }
}

/// The name of what stands at a place: of its key, or of the list that it is in.
fn name(place: &Place) -> String {
    let mut path = &place.path;
    while let Some((parent, segment)) = path.split_last() {
        if let crate::diagnostic::Segment::Key(key) = segment {
            return if &**key == "body" { "the body".to_owned() } else { format!("`{key}`") };
        }
        path = parent;
    }
    "this".to_owned()
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

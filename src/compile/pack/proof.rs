//! A pack proved against its own schemas, and against what can be called at all.

use std::sync::Arc;

use super::super::Compiler;
use super::super::schema_words::{self, Sub};
use super::path as path_of;
use crate::config::pack as written;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Place, Severity, suggest};
use crate::document::{Document, Node};
use crate::pack::{Body, Operation, PathPart};
use crate::path::Step;
use crate::schema::Schema;
use crate::template::Template;
use crate::types::{Kinds, Type};
use crate::value::Value;

impl Compiler<'_> {
    /// Fields that the pack names and its own schema does not have.
    pub(super) fn check_fields(&mut self, compiled: &Operation, written: &written::Operation) {
        let Some(schema) = compiled.schema.as_ref().map(Schema::document) else { return };
        let conjuncts = Sub { schema, root: schema }.conjuncts();
        let known: Vec<&str> = conjuncts.iter().flat_map(|schema| schema_words::names(schema)).collect();
        let defaults = written.defaults.iter().map(|default| (&*default.name.value, default.name.place.clone()));
        let key = match &written.idempotency {
            Some(written::Idempotency::Key(key)) => {
                key.field.as_ref().map(|field| (&*field.value, field.place.clone()))
            }
            _ => None,
        };
        for (name, place) in defaults.chain(key).filter(|(name, _)| schema_words::refuses(&conjuncts, name)) {
            let message = format!("the schema of this operation has no field `{name}`");
            let help = suggest::did_you_mean(name, known.iter().copied());
            self.report(Diagnostic::new(Code::InvalidBody, place, message).help_opt(help));
        }
        for (default, (_, body)) in written.defaults.iter().zip(&compiled.defaults) {
            let property = conjuncts.iter().find_map(|schema| schema.get("properties")?.get(&default.name.value));
            let sub = property.and_then(|property| self.memo.schema(&Sub { schema: property, root: schema }));
            if let (Body::Value(value), Some(sub)) = (body, sub) {
                self.check_constant(value, &sub, &default.value.place);
            }
        }
    }

    /// The addresses of the API that a pack gives.
    pub(super) fn check_addresses(&mut self, pack: &written::Pack) {
        let environments = pack.environments.iter().map(|environment| &environment.value);
        for url in pack.base_url.iter().chain(environments) {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.is_empty() || url.contains([' ', '?', '#'])) {
                let diagnostic =
                    Diagnostic::new(Code::InvalidAddress, url.place.clone(), "this is not the address of an API");
                self.report(diagnostic.help("write it like `https://api.example.com/v1`, without `?`, `#` and spaces"));
            }
        }
    }

    /// Settings that sound secret and are not: their values would be shown in dry runs and tests.
    pub(super) fn check_secret_settings(&mut self, pack: &written::Pack) {
        for setting in pack.settings.iter().filter(|s| s.value.secret.is_none() && suggest::is_secret(&s.name)) {
            let message = format!("`{}` sounds like a secret, and is not marked as one", setting.name.value);
            let diagnostic = Diagnostic::new(Code::MissingKey, setting.name.place.clone(), message);
            let help = "add `secret: true`: it is never shown then; or `secret: false`, where everybody may read it";
            let mut diagnostic = diagnostic.found("its value is shown in dry runs").help(help);
            diagnostic.severity = Severity::Warning;
            self.report(diagnostic);
        }
    }

    /// The method, and what `params` describes; false where that is not what the path has.
    pub(super) fn check_call(&mut self, operation: &written::Operation) -> bool {
        const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
        if let Some(method) = operation.method.as_ref().filter(|method| !METHODS.contains(&&*method.value)) {
            let message = format!("`{}` is not an HTTP method", method.value);
            let help = suggest::did_you_mean(&method.value.to_uppercase(), METHODS.iter().copied());
            self.report(Diagnostic::new(Code::InvalidValue, method.place.clone(), message).help_opt(help));
        }
        let Some(text) = operation.path.as_ref() else { return true };
        let names: Vec<Arc<str>> = path_of(text)
            .into_iter()
            .filter_map(|part| match part {
                PathPart::Param(name) => Some(name),
                PathPart::Text(_) => None,
            })
            .collect();
        let mut agrees = true;
        for param in operation.params.iter().filter(|param| !names.contains(&param.name.value)) {
            let own = &param.name.value;
            let message = format!("the path has no `{{{own}}}`");
            let free = names.iter().map(|name| &**name).filter(|name| operation.params.get(name).is_none());
            let help = match suggest::nearest(own, free) {
                Some(near) => format!("write one name in both places: `{{{own}}}` in the path, or `{near}` here"),
                None => format!("write `{{{own}}}` into the path, or remove it here"),
            };
            let diagnostic = Diagnostic::new(Code::InvalidParameter, param.name.place.clone(), message).help(help);
            self.report(diagnostic.also(text.place.clone(), "this is the path"));
            agrees = false;
        }
        agrees
    }

    /// Whether a path can be called.
    pub(super) fn check_path(&mut self, text: &Text) -> bool {
        let (open, close) = (text.matches('{').count(), text.matches('}').count());
        let good = text.starts_with('/') && open == close && !text.contains([' ', '?', '#']) && !text.contains("{{");
        if !good {
            let help = match text.contains('?') || text.contains("{{") {
                true => {
                    "no `?` and no `{{ }}` stand in a path: what follows a `?` goes into the route's `query:`, a secret into \
                     `headers:` of the pack, and a setting is `{name}`"
                }
                false => "a path begins with `/`, and holds `{name}` where a parameter goes: `/accounts/{account_id}`",
            };
            let message = "this is not the path of an operation";
            self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
        }
        good
    }

    pub(super) fn check_example(&mut self, operation: &Operation, written: &written::Operation) {
        let (Some(schema), Some(example)) = (&operation.schema, &written.example) else { return };
        let body = example.body.as_ref().map(Node::to_value).unwrap_or_default();
        for violation in schema.violations(&body) {
            let place = example.body.as_ref().map_or(&example.place, |body| &body.place);
            let place = violation.path.iter().fold(place.clone(), |place, step| match step {
                Step::Key(key) => place.key(key.clone()),
                Step::Index(index) => place.index(*index),
            });
            let message = format!("the example breaks the schema: {}", violation.message);
            self.report(Diagnostic::new(Code::InvalidExample, place.on_key(), message));
        }
    }

    /// What in a condition on an answer can never work: its status is a number.
    pub(super) fn check_answer(&mut self, when: &Template, place: &Place) {
        let names = |name: &str, fields: &[Arc<str>]| match (name, fields) {
            ("status", []) => Type::certain(Kinds::INTEGER),
            _ => Type::unknown(),
        };
        for misfit in when.infer(&names).misfits {
            let diagnostic = Diagnostic::new(Code::WrongValue, place.part(misfit.range), misfit.message);
            self.report(diagnostic.help_opt(misfit.help));
        }
    }

    /// Limits that exclude each other: no value would pass.
    pub(super) fn check_bounds(&mut self, schema: &Value, at: &Place, depth: usize) -> bool {
        const BOUNDS: [(&str, &str); 4] = [
            ("minLength", "maxLength"),
            ("minimum", "maximum"),
            ("minItems", "maxItems"),
            ("minProperties", "maxProperties"),
        ];
        const DEEPEST: usize = 16;
        let Some(object) = schema.as_object().filter(|_| depth < DEEPEST) else { return true };
        let number = |key: &str| object.get(key)?.to_json().parse::<f64>().ok();
        let mut is_possible = true;
        for (least, most) in BOUNDS {
            if let (Some(low), Some(high)) = (number(least), number(most))
                && low > high
            {
                let message = format!("`{least}` {low} is more than `{most}` {high}: no value can pass");
                let diagnostic = Diagnostic::new(Code::InvalidSchema, at.key(least), message);
                self.report(diagnostic.help(format!("make `{least}` the smaller of the two")));
                is_possible = false;
            }
        }
        for (key, inner) in
            object.iter().filter(|(key, _)| !matches!(&***key, "enum" | "const" | "default" | "examples"))
        {
            is_possible &= self.check_bounds(inner, &at.key(key.clone()), depth + 1);
        }
        is_possible
    }

    /// Fields that a schema asks for and has no place for: no body would pass.
    pub(super) fn check_required_names(&mut self, schema: &Value, document: &Document) -> bool {
        let before = self.problems.len();
        let conjuncts = Sub { schema, root: schema }.conjuncts();
        for (index, name) in schema_words::texts(schema.get("required")).into_iter().enumerate() {
            if schema_words::refuses(&conjuncts, name) {
                let place = Place::file(document.file.clone()).key("required").index(index);
                let message = format!("`{name}` is required, and is none of the `properties`");
                let help = suggest::did_you_mean(name, schema_words::names(schema));
                self.report(Diagnostic::new(Code::InvalidSchema, place, message).help_opt(help));
            }
        }
        self.problems.len() == before
    }
}

/// A field that a schema has no place for, which is reported where it is named.
pub(super) fn is_refused(schema: Option<&Schema>, name: &str) -> bool {
    let document = schema.map(Schema::document);
    document.is_some_and(|schema| schema_words::refuses(&Sub { schema, root: schema }.conjuncts(), name))
}

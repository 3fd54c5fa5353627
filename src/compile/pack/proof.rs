//! A pack proved against its own schemas, and against what can be called at all.

use std::sync::Arc;

use super::super::Compiler;
use super::super::schema_words::{self, Sub};
use super::path as path_of;
use crate::config::pack as written;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Place, Severity, suggest};
use crate::document::{Document, Node};
use crate::pack::outcome::{Answer, Outcome};
use crate::pack::{Body, Operation, PathPart};
use crate::path::{self, Location, Path, Step};
use crate::pipeline;
use crate::schema::Schema;
use crate::template::{Scope, Template};
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
            let sub = property.and_then(|property| Sub { schema: property, root: schema }.compile());
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

    /// The method, and what `params` describes.
    pub(super) fn check_call(&mut self, operation: &written::Operation) {
        const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
        if let Some(method) = operation.method.as_ref().filter(|method| !METHODS.contains(&&*method.value)) {
            let message = format!("`{}` is not an HTTP method", method.value);
            let help = suggest::did_you_mean(&method.value.to_uppercase(), METHODS.iter().copied());
            self.report(Diagnostic::new(Code::InvalidValue, method.place.clone(), message).help_opt(help));
        }
        let Some(text) = operation.path.as_ref() else { return };
        let names: Vec<Arc<str>> = path_of(text)
            .into_iter()
            .filter_map(|part| match part {
                PathPart::Param(name) => Some(name),
                PathPart::Text(_) => None,
            })
            .collect();
        for param in operation.params.iter().filter(|param| !names.contains(&param.name.value)) {
            let message = format!("the path has no `{{{}}}`", param.name.value);
            let help = suggest::did_you_mean(&param.name.value, names.iter().map(|name| &**name));
            let help = help.unwrap_or_else(|| format!("remove it, or write `{{{}}}` into the path", param.name.value));
            self.report(Diagnostic::new(Code::InvalidParameter, param.name.place.clone(), message).help(help));
        }
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

    /// The stand-in's own answer to the example, which must be one that counts as taken.
    pub(super) fn check_reply(&mut self, operation: &Operation, written: &written::Operation) {
        let Some(reply) = written.sandbox.as_ref().and_then(|sandbox| sandbox.reply.as_ref()) else { return };
        let success =
            |condition: &&written::Condition| matches!(condition.outcome.value, "delivered" | "accepted" | "duplicate");
        let Some(condition) = written.response.iter().find(success) else { return };
        let (params, body) = operation.example.clone();
        let request = Value::object([("params", params), ("body", body.unwrap_or_default()), ("query", Value::Null)]);
        let scope = Scope::new().with("request", request).with("sequence", Value::from(1));
        let body = operation.sandbox_reply.body.as_ref().map(|body| pipeline::render(body, &scope));
        let Ok(body) = body.transpose() else { return };
        let body = body.flatten().unwrap_or_default();
        let answer =
            Answer { status: operation.sandbox_reply.status, headers: Vec::new(), body: body.to_json().into_bytes() };
        let is_of_body = |when: &Template| when.uses().iter().all(|used| matches!(&*used.name, "status" | "body"));
        let outcome = operation.outcomes.of(&answer);
        let counts = matches!(outcome, Outcome::Delivered | Outcome::Accepted | Outcome::Duplicate);
        if counts || !operation.outcomes.conditions.iter().all(|(_, when)| is_of_body(when)) {
            return;
        }
        let missing = |template: &Template| {
            let of_body =
                template.uses().iter().filter(|used| &*used.name == "body" && !used.fields.is_empty()).cloned();
            of_body.into_iter().find_map(|used| {
                let text = Location(used.fields.iter().cloned().map(Step::Key).collect()).to_string();
                let path = Path::parse(&text).ok().filter(|path| path.first(&body).is_none())?;
                Some((used, path))
            })
        };
        let wanted = operation.outcomes.conditions.iter().filter(|(outcome, _)| *outcome == Outcome::Delivered);
        let missing = wanted.into_iter().find_map(|(_, when)| missing(when));
        let help = missing.map(|(_, path)| {
            let named = |path: &str| path.replacen('$', "body", 1);
            let near =
                in_parts(&body, &path).or_else(|| path::meant(&body, &path)).or_else(|| path::moved(&body, &path));
            match near {
                Some(near) => format!("it has no `{}`; did you mean `{}`?", named(path.text()), named(&near)),
                None => format!(
                    "it has no `{}`: say in `sandbox:` what the vendor answers, or correct the condition",
                    named(path.text())
                ),
            }
        });
        let message =
            format!("by these conditions the stand-in's own answer is `{}`: every delivery would be", outcome.word());
        let diagnostic = Diagnostic::new(Code::InvalidExample, condition.when.place.clone(), message);
        self.report(diagnostic.also(reply.place.clone(), "this answer").help_opt(help));
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

/// `$.ticket.id` for `$.ticket_id`.
fn in_parts(body: &Value, path: &Path) -> Option<String> {
    let parted = Path::parse(&path.text().replacen('_', ".", 1)).ok()?;
    parted.first(body).map(|_| parted.text().to_owned())
}

/// A field that a schema has no place for, which is reported where it is named.
pub(super) fn is_refused(schema: Option<&Schema>, name: &str) -> bool {
    let document = schema.map(Schema::document);
    document.is_some_and(|schema| schema_words::refuses(&Sub { schema, root: schema }.conjuncts(), name))
}

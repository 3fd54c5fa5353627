//! A pack's own stand-in for an answer, against what the pack says that answers mean.

use super::super::Compiler;
use crate::config::pack as written;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::pack::Operation;
use crate::pack::outcome::{Answer, Outcome};
use crate::path::{self, Path};
use crate::pipeline;
use crate::template::{Scope, Template};
use crate::value::Value;

impl Compiler<'_> {
    /// Warns where the answer of the sandbox, which stands for a success, is none by the conditions.
    pub(super) fn check_own_answer(&mut self, compiled: &Operation, written: &written::Operation) {
        let Some(body) = own_body(compiled) else { return };
        // A condition that is misspelled may be the one.
        let is_of = |at: &Place| at.file == written.place.file && at.path.is_within(&written.place.path);
        if self.problems.iter().any(|problem| problem.is_error() && problem.place().is_some_and(is_of)) {
            return;
        }
        let answer =
            Answer { status: compiled.sandbox_reply.status, headers: Vec::new(), body: body.to_json().into_bytes() };
        let is_success =
            |outcome: Outcome| matches!(outcome, Outcome::Delivered | Outcome::Accepted | Outcome::Duplicate);
        let is_about = |word: &str| Outcome::from_word(word).is_some_and(is_success);
        let Some(condition) = written.response.iter().find(|condition| is_about(condition.outcome.value)) else {
            return;
        };
        // An answer of which a header decides is not known here.
        if compiled.outcomes.of(&answer).is_some_and(is_success) || condition.when.contains("headers") {
            return;
        }
        let Ok(when) = Template::lenient_condition(&condition.when) else { return };
        let reply = written.sandbox.as_ref().and_then(|sandbox| sandbox.reply.as_ref());
        let message = format!("the answer that `sandbox` gives is not `{}` by this", condition.outcome.value);
        let mut diagnostic = Diagnostic::new(Code::InvalidExample, condition.when.place.clone(), message);
        diagnostic.severity = Severity::Warning;
        let diagnostic = diagnostic.help_opt(missing(&when, &body));
        self.report(match reply.and_then(|reply| reply.body.as_ref()) {
            Some(node) => diagnostic.also(node.place.clone(), "this is the answer"),
            None => diagnostic,
        });
    }
}

/// The body of the sandbox's answer to the operation's own example.
fn own_body(operation: &Operation) -> Option<Value> {
    let (params, body) = &operation.example;
    let none = || Value::object(Vec::<(&str, Value)>::new());
    let request = Value::object([
        ("method", Value::from(operation.method.clone())),
        ("params", params.clone()),
        ("query", none()),
        ("headers", none()),
        ("body", body.clone().unwrap_or_default()),
    ]);
    let scope = Scope::new().with("request", request).with("sequence", Value::from(1_i64));
    let reply = operation.sandbox_reply.body.as_ref().filter(|_| operation.sandbox_reply.status < 300)?;
    pipeline::render(reply, &scope).ok().flatten()
}

/// A field that a condition asks for, and that the answer does not have.
fn missing(when: &Template, body: &Value) -> Option<String> {
    let of_body = when.uses().iter().filter(|used| &*used.name == "body" && !used.fields.is_empty());
    let asked = of_body.map(|used| used.fields.iter().map(|field| &**field).collect::<Vec<&str>>());
    let lacks = |fields: &Vec<&str>| fields.iter().try_fold(body, |value, field| value.get(field)).is_none();
    let fields = asked.into_iter().find(lacks)?;
    let path = Path::parse(&format!("$.{}", fields.join("."))).ok()?;
    let meant = apart(&fields, body).or_else(|| path::meant(body, &path)).or_else(|| path::moved(body, &path));
    let asked = format!("the answer has no `body.{}`", fields.join("."));
    Some(match meant.as_deref().and_then(|meant| meant.strip_prefix("$.")) {
        Some(meant) => format!("{asked}; did you mean `body.{meant}`?"),
        None => asked,
    })
}

/// `ticket.id` for `ticket_id`.
fn apart(fields: &[&str], body: &Value) -> Option<String> {
    let [field] = fields else { return None };
    let (outer, inner) = field.split_once('_')?;
    body.get(outer)?.get(inner).map(|_| format!("$.{outer}.{inner}"))
}

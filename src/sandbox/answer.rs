//! Answers: a pack's replies, rendered for one request.

use std::sync::Arc;

use super::find::Directory;
use super::received::Content;
use crate::event::RawRequest;
use crate::pack::outcome::Answer;
use crate::pack::{Operation, Pack, SandboxReply};
use crate::payload::form;
use crate::pipeline;
use crate::template::Scope;
use crate::value::Value;

/// A request at the provider that it is for.
pub(super) struct Visit<'a> {
    pub number: u64,
    pub directory: &'a Directory,
    pub pack: &'a Arc<Pack>,
    /// What follows the provider's base address.
    pub path: &'a str,
    pub params: &'a Value,
    pub request: &'a RawRequest,
    pub content: &'a Option<Content>,
}

impl Visit<'_> {
    /// The names in reach of a reply.
    pub(super) fn scope(&self, sequence: u64, violations: &[String]) -> Scope {
        let request = Value::object([
            ("method", Value::from(self.request.method.as_str())),
            ("path", Value::from(self.path)),
            ("params", self.params.clone()),
            ("query", form::decode_lenient(self.request.query())),
            ("headers", Value::object(self.directory.masked(&self.request.headers))),
            ("body", self.content.as_ref().map_or(Value::Null, Content::to_value)),
        ]);
        let mut scope = Scope::new().with("request", request).with("sequence", Value::from(sequence));
        let listed = (!violations.is_empty()).then(|| Value::array(violations.iter().map(String::as_str)));
        scope.set("violations", listed);
        scope
    }

    /// The error of that name, by the operation or the pack; a bare status where neither has it.
    pub(super) fn error(
        &self,
        operation: Option<&Operation>,
        name: &str,
        fallback: u16,
        violations: &[String],
    ) -> Answer {
        let own = operation.and_then(|operation| operation.sandbox_errors.get(name));
        let Some(reply) = own.or_else(|| self.pack.sandbox_errors.get(name)) else { return bare(fallback) };
        render(reply, &self.scope(self.number, violations)).unwrap_or_else(|problem| unrenderable(&problem))
    }
}

/// A reply with its templates filled in, or what a template says it can't be filled with.
pub(super) fn render(reply: &SandboxReply, scope: &Scope) -> Result<Answer, String> {
    let body = match &reply.body {
        Some(body) => pipeline::render(body, scope).map_err(|problem| problem.message)?,
        None => None,
    };
    let mut answer = Answer { status: reply.status, ..Answer::default() };
    for (name, template) in &reply.headers {
        let text = template.evaluate_text(scope).map_err(|error| error.message)?;
        answer.headers.extend(text.map(|text| (name.to_ascii_lowercase(), text)));
    }
    let media = match &body {
        None => return Ok(answer),
        Some(Value::String(text)) => {
            answer.body = text.as_bytes().to_vec();
            TEXT
        }
        Some(body) => {
            body.write_json(&mut answer.body);
            JSON
        }
    };
    if answer.header("content-type").is_none() {
        answer.headers.push(("content-type".to_owned(), media.to_owned()));
    }
    Ok(answer)
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn json(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), JSON.to_owned())];
    Answer { status, headers, body: body.to_json().into_bytes() }
}

/// A status that says all there is to say.
pub(super) fn bare(status: u16) -> Answer {
    json(status, &Value::object(Vec::<(&str, Value)>::new()))
}

/// A success that claims to be JSON and is neither that nor UTF-8.
pub(super) fn garbage() -> Answer {
    Answer { body: b"\xFF\xFE{\"id\": <html>".to_vec(), ..bare(200) }
}

/// The pack's own reply can't be made for this request; the sandbox says so rather than make one up.
pub(super) fn unrenderable(problem: &str) -> Answer {
    let message = format!("the sandbox can't make the pack's reply: {problem}");
    json(500, &Value::object([("error", message)]))
}

//! `/_sandbox`: what was received, and errors to order, for scripts and people.

use std::sync::Arc;

use super::order::{Failure, WORDS};
use super::{Sandbox, answer, token};
use crate::event::RawRequest;
use crate::pack::SandboxReply;
use crate::pack::outcome::Answer;
use crate::payload::form;
use crate::value::{Number, Value, json};

/// The path below `/_sandbox`, if it is there.
pub(super) fn path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/_sandbox")?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

impl Sandbox {
    pub(super) fn control(&self, path: &str, request: &RawRequest) -> Answer {
        match (request.method.as_str(), path) {
            ("GET", "/requests") => self.requests(request),
            ("DELETE", "/requests") => {
                self.0.journal.forget();
                Answer { status: 204, ..Answer::default() }
            }
            ("POST", "/fail") => self.order(&request.body),
            ("GET", "/failures") => answer::json(200, &Value::array(self.0.orders.open().iter().map(ordered))),
            ("DELETE", "/failures") => {
                let query = form::decode_lenient(request.query());
                let cancelled = self.0.orders.cancel(query.get("provider").and_then(Value::as_str));
                answer::json(200, &Value::object([("cancelled", Value::from(cancelled as u64))]))
            }
            ("GET", "/tokens") => answer::json(200, &self.0.tokens.counts()),
            ("DELETE", "/tokens") => {
                let query = form::decode_lenient(request.query());
                let run_out = self.0.tokens.run_out(query.get("provider").and_then(Value::as_str));
                answer::json(200, &Value::object([("run_out", Value::from(run_out as u64))]))
            }
            ("GET", "/errors") => answer::json(200, &self.errors()),
            ("GET", "/stats") => answer::json(200, &self.0.journal.stats()),
            (_, "/requests" | "/fail" | "/failures" | "/tokens" | "/errors" | "/stats") => {
                let allowed = match path {
                    "/requests" | "/failures" | "/tokens" => "GET, DELETE",
                    "/fail" => "POST",
                    _ => "GET",
                };
                let mut answer = problem(405, format!("this address takes {allowed}"), []);
                answer.headers.push(("allow".to_owned(), allowed.to_owned()));
                answer
            }
            _ => {
                let known = ["/requests", "/fail", "/failures", "/tokens", "/errors", "/stats"]
                    .map(|path| format!("/_sandbox{path}"));
                problem(404, "there is no such address".to_owned(), known)
            }
        }
    }

    fn requests(&self, request: &RawRequest) -> Answer {
        let query = form::decode_lenient(request.query());
        let provider = query.get("provider").and_then(Value::as_str);
        let kept = self.0.journal.kept();
        let wanted = kept.iter().filter(|received| provider.is_none_or(|name| *received.provider == *name));
        answer::json(200, &Value::array(wanted.map(|received| received.to_value())))
    }

    fn order(&self, body: &[u8]) -> Answer {
        let parsed = json::parse(body, &json::Limits::default()).map_err(|error| error.to_string());
        let order = match parsed.and_then(|body| order(&body)) {
            Ok(order) => order,
            Err(message) => return problem(400, message, []),
        };
        let told = ordered(&order);
        match self.fail(order) {
            Ok(()) => answer::json(200, &Value::object([("ordered", told)])),
            Err(unknown) => problem(400, unknown.to_string(), unknown.known),
        }
    }

    /// What can be ordered.
    fn errors(&self) -> Value {
        let directory = self.0.directory.load();
        let providers = directory.providers().map(|provider| {
            let pack = &provider.pack;
            let operations = pack.calls().map(|operation| {
                (operation.name.clone(), statuses(operation.sandbox_errors.iter().chain(&pack.sandbox_errors)))
            });
            let words = token::ERRORS.iter().map(|(word, status)| (*word, Value::from(u64::from(*status))));
            let tokens = pack.oauth2.as_ref().map(|_| (Arc::<str>::from(token::OPERATION), Value::object(words)));
            (pack.name.clone(), Value::object(operations.chain(tokens)))
        });
        Value::object([
            ("providers", Value::object(providers)),
            ("every_provider", Value::array(WORDS.into_iter().chain(["a status from 200 to 599"]))),
        ])
    }
}

/// An order as it is told.
fn ordered(order: &Failure) -> Value {
    Value::object([
        ("provider", Value::from(order.provider.clone())),
        ("operation", Value::from(order.operation.clone())),
        ("error", Value::from(order.error.clone())),
        ("times", Value::from(u64::from(order.times))),
    ])
}

/// The name of each error with its status. An operation's own error comes before the pack's of the same name.
fn statuses<'e>(errors: impl Iterator<Item = (&'e Arc<str>, &'e SandboxReply)>) -> Value {
    let mut listed: Vec<(Arc<str>, Value)> = Vec::new();
    for (name, reply) in errors {
        if !listed.iter().any(|(known, _)| known == name) {
            listed.push((name.clone(), Value::from(u64::from(reply.status))));
        }
    }
    Value::object(listed)
}

/// Reads an order.
fn order(body: &Value) -> Result<Failure, String> {
    let fields = body.as_object().ok_or("an order is an object with `provider` and `error`")?;
    let known = ["provider", "operation", "error", "times"];
    if let Some(name) = fields.keys().find(|name| !known.contains(&&***name)) {
        return Err(format!("an order has no field `{name}`; it has: {}", known.join(", ")));
    }
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) if name == "error" => Ok(Some(number.text().into())),
        Some(_) => Err(format!("`{name}` is a text")),
    };
    let times = match fields.get("times") {
        None | Some(Value::Null) => Some(1),
        Some(value) => {
            value.as_number().and_then(Number::as_i64).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
        }
    };
    Ok(Failure {
        provider: text("provider")?.ok_or("an order needs `provider`")?,
        operation: text("operation")?,
        error: text("error")?.ok_or("an order needs `error`")?,
        times: times.ok_or("`times` is a whole number from 1")?,
    })
}

fn problem(status: u16, message: String, known: impl IntoIterator<Item = String>) -> Answer {
    let known = Value::array(known);
    let mut fields = vec![("error", Value::from(message))];
    if known.as_array().is_some_and(|known| !known.is_empty()) {
        fields.push(("known", known));
    }
    answer::json(status, &Value::object(fields))
}

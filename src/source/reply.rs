//! What a sender is answered, by templates.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::id::EventId;
use crate::pack::Body;
use crate::pipeline;
use crate::route::Placed;
use crate::template::Scope;
use crate::value::Value;

/// What the sender is answered once the event is on disk.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: Option<Arc<str>>,
    pub headers: Vec<(Arc<str>, Placed)>,
    pub body: Option<ReplyBody>,
    pub overload: Overload,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum ReplyBody {
    Text(Placed),
    Json(Body),
}

/// How a sender is told to send again later; what is not said is as the reason asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overload {
    pub status: Option<u16>,
    pub retry_after: Option<Duration>,
}

/// An answer, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: Option<Arc<str>>,
    pub headers: Vec<(Arc<str>, String)>,
    pub body: String,
}

impl Default for Reply {
    fn default() -> Self {
        Reply { status: 202, content_type: None, headers: Vec::new(), body: None, overload: Overload::default() }
    }
}

impl Reply {
    /// Whether the answer is the same for every event but for its id.
    pub fn is_plain(&self) -> bool {
        self.body.is_none() && self.headers.is_empty()
    }

    /// The answer of a source that does not say any other: the event's id.
    pub fn of_event(&self, event: EventId) -> Answer {
        let content_type = self.content_type.clone().unwrap_or_else(|| JSON.into());
        let body = format!("{{\"event\":\"{event}\"}}");
        Answer { status: self.status, content_type: Some(content_type), headers: Vec::new(), body }
    }

    /// The answer with its templates filled in.
    pub fn render(&self, scope: &Scope) -> Result<Answer, Diagnostic> {
        let headers = self.headers.iter().map(|(name, value)| Ok((name.clone(), text(value, scope)?)));
        let (usual, body) = match &self.body {
            None => (None, String::new()),
            Some(ReplyBody::Text(placed)) if self.is_markup() => (None, markup(placed, scope)?),
            Some(ReplyBody::Text(placed)) => (Some("text/plain; charset=utf-8"), text(placed, scope)?),
            Some(ReplyBody::Json(body)) => {
                (Some(JSON), pipeline::render(body, scope)?.unwrap_or(Value::Null).to_json())
            }
        };
        let content_type = self.content_type.clone().or(usual.map(Arc::from));
        Ok(Answer { status: self.status, content_type, headers: headers.collect::<Result<_, _>>()?, body })
    }
}

impl Reply {
    /// Whether the body is XML or a page, in which a value must not become markup.
    fn is_markup(&self) -> bool {
        let content_type = self.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let media = content_type.split(';').next().unwrap_or_default().trim();
        media.ends_with("xml") || media.ends_with("html")
    }
}

const JSON: &str = "application/json";

/// A value that is absent is an empty text here: an answer is there in any case.
fn text(placed: &Placed, scope: &Scope) -> Result<String, Diagnostic> {
    let text = placed.template.evaluate_text(scope).map_err(|error| pipeline::at(error, &placed.place))?;
    Ok(text.unwrap_or_default())
}

fn markup(placed: &Placed, scope: &Scope) -> Result<String, Diagnostic> {
    let text = placed.template.evaluate_markup(scope).map_err(|error| pipeline::at(error, &placed.place))?;
    Ok(text.unwrap_or_default())
}

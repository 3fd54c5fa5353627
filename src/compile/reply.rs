//! What a sender is answered: statuses, headers and templates, each with what is in reach of it.

use std::sync::Arc;

use super::Compiler;
use super::template::{Kind as TemplateKind, Reach};
use crate::config::guard::Rate as WrittenRate;
use crate::config::handshake::{Overload as WrittenOverload, Reply as WrittenReply};
use crate::config::scalar::Text;
use crate::config::{At, Decode, NamedList};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Kind, Node};
use crate::route::Placed;
use crate::source::{Overload, Rate, Reply, ReplyBody};

/// Headers that follow from the rest of an answer.
const OWN_HEADERS: &[&str] = &["content-type", "content-length", "transfer-encoding", "connection", "date"];

impl Compiler<'_> {
    /// What is answered once an event is on disk.
    pub(super) fn source_reply(&mut self, written: Option<&WrittenReply>, reach: &mut Reach) -> Reply {
        let Some(written) = written else { return Reply::default() };
        Reply {
            status: written.status.as_ref().map_or(202, |status| self.reply_status(status)),
            content_type: written.content_type.as_ref().map(|text| text.value.clone()),
            headers: self.reply_headers(&written.headers, reach),
            body: written.body.as_ref().and_then(|body| self.reply_body(body, reach)),
            overload: written.overload.as_ref().map(|overload| self.overload(overload)).unwrap_or_default(),
        }
    }

    pub(super) fn reply_headers(&mut self, written: &NamedList<Text>, reach: &mut Reach) -> Vec<(Arc<str>, Placed)> {
        let mut headers = Vec::new();
        for header in written.iter() {
            let name = self.header_name(&header.name);
            if OWN_HEADERS.contains(&&*name) {
                let message = format!("`{}` is not given as a header", header.name.value);
                let help = match &*name {
                    "content-type" => "write it beside `body`: `content_type: text/xml`",
                    _ => "remove it: it follows from the rest of the answer",
                };
                self.report(Diagnostic::new(Code::InvalidValue, header.name.place.clone(), message).help(help));
            }
            headers.extend(self.placed(&header.value, TemplateKind::Value, reach).map(|value| (name, value)));
        }
        headers
    }

    /// Text as it is sent, or a mapping or list, which is sent as JSON.
    pub(super) fn reply_body(&mut self, node: &Node, reach: &mut Reach) -> Option<ReplyBody> {
        match &node.kind {
            Kind::Map(_) | Kind::List(_) => self.body(node, reach).map(ReplyBody::Json),
            Kind::Scalar(_) => {
                let text = Text::decode(node, &mut self.problems)?;
                // A block of lines loses the line break at its end, as in a body.
                let text = At::new(node.body_text().map_or(text.value, Arc::from), text.place);
                self.placed(&text, TemplateKind::Value, reach).map(ReplyBody::Text)
            }
        }
    }

    fn overload(&mut self, written: &WrittenOverload) -> Overload {
        let status = written.status.as_ref().map(|status| {
            if !matches!(status.value, 429 | 500..=599) {
                let message = format!("{} does not tell the sender to send again", status.value);
                let diagnostic = Diagnostic::new(Code::InvalidValue, status.place.clone(), message);
                self.report(diagnostic.help("write `429` or `503`, whichever the sender tries again after"));
            }
            u16::try_from(status.value).unwrap_or(503)
        });
        Overload { status, retry_after: written.retry_after.as_ref().map(|time| time.value) }
    }

    /// A status that a sender would take for "unsubscribe" or "send it again" is never given for what was kept.
    fn reply_status(&mut self, status: &At<u64>) -> u16 {
        let message = match status.value {
            404 | 410 => format!("{} tells some senders to stop sending for ever", status.value),
            400..=599 => format!("{} tells the sender that it failed, though the event is kept by then", status.value),
            _ => return self.status(status),
        };
        let diagnostic = Diagnostic::new(Code::InvalidValue, status.place.clone(), message);
        self.report(diagnostic.help("write the status that the sender wants, such as 200, or leave it out for 202"));
        202
    }

    pub(super) fn rate(&mut self, written: &WrittenRate) -> Option<Rate> {
        let rate = Rate::new(written.requests.value, written.per.value);
        if rate.is_none() {
            let message = "at this rate no request is ever taken";
            let help = "write how many requests there may be in which time: `{ requests: 100, per: 1s }`";
            self.report(Diagnostic::new(Code::InvalidValue, written.place.clone(), message).help(help));
        }
        rate
    }
}

//! Where a proof stands: names of headers and parameters, JSONPaths, segments of the path.

use std::sync::Arc;

use crate::compile::Compiler;
use crate::config::scalar::Text;
use crate::config::source::Source as Written;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::verify::place::Where;

/// The keys of which one says where something stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Places<'w> {
    pub header: Option<&'w Text>,
    pub query: Option<&'w Text>,
    pub field: Option<&'w Text>,
    pub path: Option<&'w Text>,
}

impl Places<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.header.or(self.query).or(self.field).or(self.path).is_none()
    }
}

impl Compiler<'_> {
    /// The one place that is written; `all` are the keys that there are.
    pub(super) fn place_of(&mut self, places: Places<'_>, at: &Place, all: &str, source: &Written) -> Option<Where> {
        match (places.header, places.query, places.field, places.path) {
            (Some(header), None, None, None) => Some(Where::Header(self.header_name(header))),
            (None, Some(query), None, None) => Some(Where::Query(self.query_name(query))),
            (None, None, Some(field), None) => Some(Where::Field(self.json_path(field)?)),
            (None, None, None, Some(segment)) => {
                self.check_segment(segment, source);
                Some(Where::Segment(segment.value.clone()))
            }
            _ => self.one_place(at, all),
        }
    }

    /// The name of a header; in lower case, as headers are kept.
    pub(in super::super) fn header_name(&mut self, text: &Text) -> Arc<str> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if text.is_empty() || !text.chars().all(is_name) {
            let (name, rest) = text.split_once(':').unwrap_or((text, ""));
            let (name, rest) = (name.trim().replace(' ', "-"), rest.trim());
            let message = format!("`{}` is not the name of a header", text.value);
            let help = match (name.chars().all(is_name) && !name.is_empty(), rest) {
                (true, "") => format!("write `{name}`"),
                (true, _) => {
                    format!("write the name alone, `{name}`; what stands before the value is `prefix: \"{rest}\"`")
                }
                (false, _) => "a header's name is one word, such as `X-Signature`".to_owned(),
            };
            self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
        }
        lower(text)
    }

    /// The name of a parameter of the query, without the signs around it.
    fn query_name(&mut self, text: &Text) -> Arc<str> {
        if text.contains(['?', '&', '=', ' ']) {
            let name = text.trim_start_matches(['?', '&', ' ']).split('=').next().unwrap_or_default().trim();
            let message = format!("`{}` is not the name of a parameter", text.value);
            let help = format!("write the name alone: `{name}`");
            self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
        }
        text.value.clone()
    }

    /// The segment of the path that holds the token must be one.
    fn check_segment(&mut self, segment: &Text, source: &Written) {
        let Some(path) = &source.path else { return };
        let name = segment.trim_matches(['{', '}', '/']);
        if !path.contains(&format!("{{{name}}}")) || name != &*segment.value {
            let message = format!("the path of this source has no part `{{{name}}}`");
            let help = match path.contains(&format!("{{{name}}}")) {
                true => format!("write the name alone: `{name}`"),
                false => format!(
                    "write `path: {}/{{{name}}}` for the source, or name a part that it has",
                    path.trim_end_matches('/')
                ),
            };
            self.report(Diagnostic::new(Code::InvalidValue, segment.place.clone(), message).help(help));
        }
    }

    fn one_place<T>(&mut self, place: &Place, all: &str) -> Option<T> {
        if self.has_unknown_key(place) {
            return None;
        }
        let message = format!("a verification looks in exactly one place: {all}");
        let help = "keep one of these keys";
        self.report(Diagnostic::new(Code::ConflictingKeys, place.on_key(), message).help(help));
        None
    }
}

pub(super) fn lower(text: &Text) -> Arc<str> {
    text.to_ascii_lowercase().into()
}

//! Fields of `request` and `event`, which always have the same ones.

use super::unknown::home_of_field;
use super::{Reach, Use};
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, Place, suggest};

impl Compiler<'_> {
    /// A field of `request` or `event`, which always have the same ones.
    pub(super) fn check_base_field(&mut self, used: &Use, at: Place, reach: &Reach) {
        let known: &[&str] = match &*used.name {
            "request" => &["method", "path", "query", "params", "headers", "received_at"],
            "event" => &["id", "identity", "source"],
            _ => return,
        };
        let Some(field) = used.fields.first() else { return };
        // Brackets in a name make an object of a parameter; a dot does not, as in those that Meta sends.
        if &**field == "query" && used.fields.get(1).is_some_and(|name| &**name == "hub") {
            let rest = used.fields.get(2).map_or("mode", |rest| &**rest);
            let message = "a value of the query has no fields: `hub` is part of the name here";
            let help = format!("write `request.query['hub.{rest}']`");
            return self.report(Diagnostic::new(Code::InvalidTemplate, at, message).help(help));
        }
        let segments = || reach.segments.iter().flatten().map(|segment| &**segment);
        let (message, help) = match (known.contains(&&**field), used.fields.get(1)) {
            (false, _) => {
                let help = match segments().find(|segment| *segment == &**field) {
                    Some(segment) => Some(format!("write `request.params.{segment}`")),
                    None => home_of_field(used, reach).or_else(|| suggest::did_you_mean(field, known.iter().copied())),
                };
                (format!("`{}` has no `{field}`", used.name), help)
            }
            (true, Some(name)) if &**field == "headers" && name.contains(char::is_uppercase) => {
                let help = format!("write `request.headers['{}']`", name.to_lowercase());
                ("the names of headers are in small letters".to_owned(), Some(help))
            }
            (true, Some(name)) if &**field == "params" && reach.segments.is_some() => {
                if segments().any(|segment| segment == &**name) {
                    return;
                }
                let example =
                    format!("the path of the source has no `{{{name}}}`: add it, as in `path: /calls/{{{name}}}`");
                let help = suggest::did_you_mean(name, segments()).unwrap_or(example);
                (format!("`request.params` has no `{name}`"), Some(help))
            }
            _ => return,
        };
        self.report(Diagnostic::new(Code::UnknownName, at, message).help_opt(help));
    }
}

//! Where senders find a source: the beginning of every path, and the whole address where a proxy makes another of it.

use std::sync::Arc;

use super::source::segment_names;
use super::{Compiler, connection};
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::reference;
use crate::event::head::HeadLimits;
use crate::route::PREFIX;

/// How much the head of one request may be.
pub(super) fn head_limits(settings: &Settings) -> HeadLimits {
    let (limits, usual) = (settings.limits.as_ref(), HeadLimits::default());
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    HeadLimits {
        headers: limits.and_then(|l| l.headers.as_ref()).map_or(usual.headers, |most| whole(most.value)),
        bytes: limits.and_then(|l| l.header_bytes.as_ref()).map_or(usual.bytes, |most| whole(most.value.0)),
    }
}

impl Compiler<'_> {
    /// The address that senders call, without what Jackfield adds to it.
    pub(super) fn check_public_url(&mut self, text: &Text) {
        // A reference that can't be resolved is reported where it is used.
        let Ok(url) = reference::resolve(text, &self.input.environment) else { return };
        let (message, help) = match connection::web_address(&url) {
            None => ("this is not an address of the web", connection::address_help(&url, "https://hooks.example.com")),
            Some(rest) if rest.trim_end_matches('/').ends_with(PREFIX) => {
                let bare = url.trim_end_matches('/').trim_end_matches(PREFIX);
                ("every path is under `/hooks` already", format!("write `{bare}`"))
            }
            Some(_) => return,
        };
        self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
    }

    /// What every path of a source begins with: `/hooks`, another path, or nothing.
    pub(super) fn path_prefix(&mut self, settings: Option<&Settings>) -> Arc<str> {
        let Some(text) = settings.and_then(|settings| settings.path_prefix.as_ref()) else { return PREFIX.into() };
        let prefix = text.trim_end_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        let is_good = prefix.is_empty()
            || prefix.strip_prefix('/').is_some_and(|rest| {
                rest.split('/').all(|part| !part.is_empty() && !matches!(part, "." | "..") && part.chars().all(plain))
            });
        if !is_good || text.is_empty() {
            let message = format!("`{}` is not the beginning of a path", text.value);
            let help = "write one or more names with a `/` before each: `/hooks`; or `/` alone, for none";
            self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
            return PREFIX.into();
        }
        prefix.into()
    }

    /// The whole address that a sender signs, in which the segments of the path may stand.
    pub(super) fn source_url(&mut self, text: &Text, path: Option<&str>) -> Option<Arc<str>> {
        let url = self.resolved(text)?;
        let unknown = segment_names(&url)
            .find(|name| path.is_some_and(|path| !segment_names(path).any(|known| known == *name)))
            .map(str::to_owned);
        let (message, help) = match connection::web_address(&url.replace(['{', '}'], "")) {
            None => (
                "this is not an address of the web".to_owned(),
                connection::address_help(&url, "https://hooks.example.com/my-form"),
            ),
            Some(_) if url.contains(['?', '#']) => (
                "what stands behind the `?` comes with each request".to_owned(),
                "write the address up to the `?`".to_owned(),
            ),
            Some(_) => match unknown {
                Some(name) => {
                    (format!("the `path` has no `{{{name}}}`"), "write names that stand in the `path`, too".to_owned())
                }
                None => return Some(url.into()),
            },
        };
        self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
        None
    }
}

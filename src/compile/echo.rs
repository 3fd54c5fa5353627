//! Routes that would take again what they have sent.

use std::sync::Arc;

use super::Compiler;
use super::source::CompiledSource;
use crate::config::extract::Extract;
use crate::config::pack::Echo;
use crate::config::route::{Route as WrittenRoute, Send};
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic};
use crate::route::RouteSet;

impl Compiler<'_> {
    /// A route whose own requests come back as events of its source, and that has no condition which could leave them out.
    pub(super) fn check_echo(&mut self, written: &WrittenRoute, source: &CompiledSource, set: &RouteSet) {
        let Some((vendor, echo)) = &source.echo else { return };
        let Some(guard) = echo.guard.get() else { return };
        let comes_back = |send: &&Send| send.to.get().is_some_and(|to| is_of(to, vendor, echo, set));
        let Some(send) = written.send.iter().filter(comes_back).find(|send| !is_guarded(written, send, guard)) else {
            return;
        };
        let Some(to) = send.to.get() else { return };
        let message = format!("what `{}` makes comes back to this route as a new event, and is sent again", to.value);
        let help = format!("leave it out: `match: \"{}\"`; `jackfield explain` says more of the webhook", guard.value);
        self.report(Diagnostic::new(Code::MayLoop, to.place.clone(), message).help(help));
    }
}

/// Whether a delivery goes to an operation of the vendor that comes back.
fn is_of(to: &str, vendor: &str, echo: &Echo, set: &RouteSet) -> bool {
    let Some((connection, operation)) = to.split_once('.') else { return false };
    let is_vendor = set.connections.get(connection).is_some_and(|connection| *connection.pack.name == *vendor);
    is_vendor && echo.of.iter().any(|known| *known.value == *operation)
}

/// Whether the route, or this delivery of it, looks at a field by which its own requests are told apart.
fn is_guarded(written: &WrittenRoute, send: &Send, guard: &str) -> bool {
    let fields = fields(guard);
    let conditions = [&written.matcher, &send.when].into_iter().flatten().map(|text| text.value.clone());
    let paths = written.extract.iter().flat_map(|named| paths(&named.value)).map(|path| path.value.clone());
    let texts: Vec<Arc<str>> = conditions.chain(paths).collect();
    fields.iter().any(|field| texts.iter().any(|text| text.contains(field.as_str())))
}

/// The last names of the fields that a condition looks at, and `json` where it looks through the whole payload.
fn fields(guard: &str) -> Vec<String> {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let all = guard.split(|c: char| !is_of_name(c));
    let names = all.filter_map(|word| word.strip_prefix("payload.")?.rsplit('.').next()).map(str::to_owned);
    names.chain(guard.contains("payload | json").then(|| "json".to_owned())).collect()
}

/// Where an extracted name looks.
fn paths(extract: &Extract) -> Vec<&Text> {
    match extract {
        Extract::Path(path) => vec![path],
        Extract::Full(fields) => fields.path.iter().chain(fields.first_of.iter().flatten()).collect(),
    }
}

//! What a call asks for: the names in its query, and calls that fetch and deliver nothing.

use super::Compiler;
use super::send::Parts;
use crate::config::Named;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::document::Node;
use crate::pack::Operation;

impl Compiler<'_> {
    /// The names of a query, where the pack says which ones there are.
    pub(super) fn check_query(&mut self, parts: &Parts<'_>, to: &Text, operation: &Operation) {
        if operation.query.is_empty() {
            return;
        }
        let names: Vec<&str> = operation.query.iter().map(|asked| &*asked.name).collect();
        for given in parts.query.iter().filter(|given| !names.contains(&&*given.name.value)) {
            self.unknown_in_query(given, to, operation, &names);
        }
        let misspelled = |name: &str| {
            let is_near = |given: &Named<Node>| suggest::nearest(&given.name.value, [name]).is_some();
            parts.query.iter().chain(parts.params.iter()).any(is_near)
        };
        for asked in operation.query.iter().filter(|asked| asked.required && !misspelled(&asked.name)) {
            if self.was_tried(parts.place, "query") {
                continue;
            }
            let name = &asked.name;
            let message = format!("`{}` needs `{name}` in its query", to.value);
            let help = format!("add `query: {{ {name}: … }}` here");
            self.report(Diagnostic::new(Code::InvalidParameter, to.place.clone(), message).help(help));
        }
    }

    fn unknown_in_query(&mut self, given: &Named<Node>, to: &Text, operation: &Operation, names: &[&str]) {
        let name = &*given.name.value;
        let message = format!("the query of `{}` has no `{name}`", to.value);
        let diagnostic = Diagnostic::new(Code::InvalidParameter, given.name.place.clone(), message);
        if operation.params().any(|param| **param == *name) {
            let help = format!("`{name}` belongs to the address: write `params: {{ {name}: … }}`");
            return self.report(diagnostic.help(help));
        }
        let near = suggest::key(name, names).map(|near| format!("did you mean `{near}`?"));
        let help = near.or_else(|| suggest::one_of(names).map(|all| format!("it takes {all}")));
        let fix = suggest::certain(name, names.iter().copied());
        self.report(diagnostic.help_opt(help).fix_opt(given.name.place.clone(), fix));
    }

    /// A `GET` sends no body, unless the pack describes one.
    pub(super) fn check_bodyless(&mut self, parts: &Parts<'_>, to: &Text, operation: &Operation) {
        if parts.body.is_none() || &*operation.method != "GET" || operation.schema.is_some() || operation.is_chain() {
            return;
        }
        let names: Vec<&str> = operation.query.iter().map(|asked| &*asked.name).collect();
        let message = format!("`{}` only asks, by GET, and takes no `body`", to.value);
        let place = parts.place.key("body").on_key();
        let help = match suggest::one_of(&names) {
            Some(all) => format!("write what is asked for under `query:`; it takes {all}"),
            None if parts.query.is_empty() => "write what is asked for under `query:`, or remove `body`".to_owned(),
            None => "remove `body`; what is asked for stands under `query:`".to_owned(),
        };
        self.report(Diagnostic::new(Code::ConflictingKeys, place, message).help(help));
    }

    /// A call that only asks is no delivery: nobody would get anything.
    pub(super) fn check_delivers(&mut self, to: &Text, operation: &Operation) {
        if !operation.only_asks() {
            return;
        }
        let message = format!("`{}` only asks, and delivers nothing", to.value);
        let help = format!(
            "write it under `lookup:`, as `- call: {}` with `save:` for what is to be kept of its answer",
            to.value
        );
        self.report(Diagnostic::new(Code::UnknownOperation, to.place.clone(), message).help(help));
    }
}

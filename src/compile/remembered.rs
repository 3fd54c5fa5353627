//! What a call asks for, against the key by which its answer is remembered: one answer must not stand for another.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Compiler;
use super::template::Reach;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::pack::{Draft, Placed};
use crate::template::Template;

impl Compiler<'_> {
    /// A key that is the same for calls that ask for different things. A call that asks the same for every event may have
    /// a key that never changes.
    pub(super) fn check_key(&mut self, key: &Text, placed: Option<&Placed>, draft: Option<&Draft>, reach: &Reach) {
        let Some(draft) = draft else { return };
        let asked: Vec<&Template> = draft.templates().into_iter().map(|(template, _)| template).collect();
        let of_event: BTreeSet<Arc<str>> = asked.iter().flat_map(|template| names(template)).collect();
        let example = || asked.iter().find(|template| template.is_whole() && !names(template).is_empty());
        let example = example().map_or_else(|| "{{ email }}".to_owned(), |template| template.text().to_owned());
        if of_event.is_empty() {
            return;
        }
        if !key.contains("{{") && !key.contains("{%") {
            let message = "the `key` of `remember` is the same for every event";
            let help = match reach.could_be(key) {
                true => format!("write `key: \"{{{{ {} }}}}\"`", key.value),
                false => format!("take it from what the call is about: `key: \"{example}\"`"),
            };
            let fixed = reach.could_be(key).then(|| format!("{{{{ {} }}}}", key.value));
            let diagnostic = Diagnostic::new(Code::InvalidValue, key.place.clone(), message);
            let found = "the first event's answer would stand for all others";
            self.report(diagnostic.found(found).help(help).fix_opt(key.place.clone(), fixed));
            return;
        }
        let Some(template) = placed.map(|placed| &placed.template) else { return };
        let own = names(template);
        let is_word = |used: &crate::template::Use| {
            let ty = reach.type_of(&used.name, &used.fields);
            !ty.open && !ty.cases.is_empty() && ty.cases.iter().all(|case| case.value.is_some())
        };
        // Of a name that is one of a few words, many events have the same.
        if !template.uses().iter().all(is_word) || own.iter().any(|name| of_event.contains(name)) {
            return;
        }
        let message = "the `key` of `remember` is one of a few words, and the call asks for something else";
        let mut problem = Diagnostic::new(Code::InvalidValue, key.place.clone(), message);
        problem.severity = Severity::Warning;
        let help = format!("take it from what the call is about: `key: \"{example}\"`");
        self.report(problem.found("the answer for one event would stand for others").help(help));
    }
}

/// The names of a template that an event gives, each with its fields.
fn names(template: &Template) -> BTreeSet<Arc<str>> {
    let of_event = template.uses().iter().filter(|used| !matches!(&*used.name, "vars" | "connection"));
    of_event
        .map(|used| used.fields.iter().fold(used.name.to_string(), |name, field| format!("{name}.{field}")).into())
        .collect()
}

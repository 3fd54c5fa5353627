//! Templates of a route: compiled, with every name checked against what is in reach.

use std::sync::Arc;

use super::Compiler;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::reference;
use crate::pipeline::{self, BASE_NAMES};
use crate::route::Placed;
use crate::template::{Template, TemplateError, Use};
use crate::value::Value;

/// The names that a template may use.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Extracted names, and whether each may be absent.
    pub names: Vec<(Arc<str>, bool)>,
    /// Names with fields that are known: `connection.inbox_id`.
    pub fields: Vec<(&'static str, Vec<Arc<str>>)>,
    /// The extracted names that some template has used.
    pub used: Vec<Arc<str>>,
    /// The settings that are secret, to say so.
    pub secrets: Vec<Arc<str>>,
}

impl Reach {
    pub(super) fn of_route(vars: &Value) -> Self {
        let mut reach = Reach::default();
        if let Some(vars) = vars.as_object() {
            reach.fields.push(("vars", vars.iter().map(|(name, _)| name.clone()).collect()));
        }
        reach
    }

    fn optional(&self, name: &str) -> Option<bool> {
        self.names.iter().find(|(known, _)| &**known == name).map(|(_, optional)| *optional)
    }

    fn all(&self) -> Vec<&str> {
        let fields = self.fields.iter().map(|(name, _)| *name);
        self.names.iter().map(|(name, _)| &**name).chain(BASE_NAMES.iter().copied()).chain(fields).collect()
    }
}

/// How a template is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Value,
    Condition,
}

impl Compiler<'_> {
    /// A text that is a template, at its place.
    pub(super) fn placed(&mut self, text: &Text, kind: Kind, reach: &mut Reach) -> Option<Placed> {
        let template = self.template(text, &text.place, kind, reach)?;
        Some(Placed { template, place: text.place.clone() })
    }

    pub(super) fn template(&mut self, text: &str, place: &Place, kind: Kind, reach: &mut Reach) -> Option<Template> {
        if reference::is_in(text) {
            let diagnostic = Diagnostic::new(Code::InvalidReference, place.clone(), "a reference may not stand here")
                .help(
                    "`${env:…}` and `${file:…}` stand in `connections:` of jackfield.yaml and in a source's `secret`",
                );
            self.report(diagnostic);
            return None;
        }
        let compiled = match kind {
            Kind::Value => Template::compile(text),
            Kind::Condition => Template::condition(text),
        };
        match compiled {
            Ok(template) => self.check_uses(&template, place, reach).then_some(template),
            Err(errors) => {
                self.template_errors(errors, place);
                None
            }
        }
    }

    pub(super) fn template_errors(&mut self, errors: Vec<TemplateError>, place: &Place) {
        for error in errors {
            self.report(pipeline::at(error, place));
        }
    }

    fn check_uses(&mut self, template: &Template, place: &Place, reach: &mut Reach) -> bool {
        let before = self.problems.len();
        for used in template.uses() {
            match reach.optional(&used.name) {
                Some(optional) => {
                    reach.used.push(used.name.clone());
                    if optional && !used.guarded && !template.is_whole() {
                        self.report(optional_in_text(used, place));
                    }
                }
                None => self.check_name(used, place, reach),
            }
        }
        self.problems.len() == before
    }

    fn check_name(&mut self, used: &Use, place: &Place, reach: &Reach) {
        let at = place.part(used.range.clone());
        if let Some((name, fields)) = reach.fields.iter().find(|(name, _)| **name == *used.name) {
            let Some(field) = used.fields.first().filter(|field| !fields.contains(field)) else { return };
            let message = format!("`{name}` has no `{field}`");
            let known = fields.iter().map(|field| &**field);
            let diagnostic = match reach.secrets.contains(field) {
                true => Diagnostic::new(Code::UnknownName, at, format!("`{name}.{field}` is secret"))
                    .help("a secret goes into the pack's headers and address by itself; a route can't use it"),
                false => Diagnostic::new(Code::UnknownName, at, message).help_opt(suggest::did_you_mean(field, known)),
            };
            self.report(diagnostic);
            return;
        }
        if BASE_NAMES.contains(&&*used.name) {
            return;
        }
        let all = reach.all();
        let help = suggest::nearest(&used.name, all.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        let help = help.unwrap_or_else(|| format!("extract it first: under `extract:` write `{}: $.…`", used.name));
        let message = format!("nothing gives the name `{}`", used.name);
        self.report(Diagnostic::new(Code::UnknownName, at, message).help(help));
    }
}

fn optional_in_text(used: &Use, place: &Place) -> Diagnostic {
    let message = format!("`{}` may be absent, and stands in the middle of text", used.name);
    Diagnostic::new(Code::OptionalName, place.part(used.range.clone()), message)
        .help(format!("say what to write instead: `{{{{ {} | default('unknown') }}}}`", used.name))
}

//! Text beside templates that was meant as one: marks of other tools, dollars, quotes of a word processor.

use std::ops::Range;
use std::sync::Arc;

use super::Compiler;
use super::template::Reach;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::path::Path;
use crate::template::{Template, lookalike};
use crate::types::{Kinds, Type};
use crate::value::Value;

impl Compiler<'_> {
    /// Text that is sent as it is written, and was hardly meant so.
    pub(super) fn check_lookalikes(&mut self, text: &str, place: &Place, reach: &mut Reach) {
        let found = lookalike::find(text, &|name| reach.could_be(name));
        for lookalike in found {
            // What is meant as a name is used.
            reach.used.extend(lookalike.name.map(Arc::from));
            let diagnostic = Diagnostic::new(Code::LooksLikeTemplate, place.part(lookalike.range), lookalike.message);
            self.report(diagnostic.help(lookalike.help));
        }
        self.check_dollar_before(text, place, reach);
        self.check_bare_path(text, place, reach);
        if let Some(inside) = in_word_quotes(text).filter(|_| self.is_unquoted(place)) {
            let message = "these are quotes of a word processor, which are sent with the text";
            let mut diagnostic = Diagnostic::new(Code::LooksLikeTemplate, place.clone(), message);
            diagnostic.severity = Severity::Error;
            self.report(diagnostic.help(format!("write straight quotes: `\"{inside}\"`")));
        }
    }

    /// A name in quotes, and a dollar before a template: both are sent as text.
    pub(super) fn check_meant(&mut self, template: &Template, ty: &Type, place: &Place, reach: &mut Reach) {
        let Some(name) = ty.constant_value().and_then(Value::as_str).filter(|name| reach.could_be(name)) else {
            return;
        };
        if template.constant().is_some() || !template.text().contains(&format!("'{name}'")) {
            return;
        }
        reach.used.push(name.into());
        let message = format!("`'{name}'` is the text `{name}`, and not the value that has this name");
        let diagnostic = Diagnostic::new(Code::LooksLikeTemplate, place.clone(), message);
        self.report(diagnostic.help(format!("write `{{{{ {name} }}}}`")));
    }

    /// `${{ name }}`, as pipelines write it. Before a number it is an honest dollar.
    fn check_dollar_before(&mut self, text: &str, place: &Place, reach: &Reach) {
        let Some(inside) = text.strip_prefix('$').filter(|rest| rest.starts_with("{{") && rest.ends_with("}}")) else {
            return;
        };
        let Ok(template) = Template::compile(inside) else { return };
        let ty = template.infer(&|name, fields| reach.type_of(name, fields)).ty;
        if template.is_whole() && ty.kinds().is_none_or(|kinds| kinds.meets(Kinds::TEXT)) {
            let message = "the `$` before this template is sent as it is";
            let diagnostic = Diagnostic::new(Code::LooksLikeTemplate, place.part(0..1), message);
            self.report(diagnostic.help(format!("leave the `$` out: `{inside}`")));
        }
    }

    /// A whole text that is a JSONPath, which only `extract:` reads.
    fn check_bare_path(&mut self, text: &str, place: &Place, reach: &mut Reach) {
        let text = text.trim();
        let is_path = text.starts_with("$.") || text.starts_with("$[");
        if !is_path || reach.within.is_some() || Path::parse(text).is_err() {
            return;
        }
        let name = reach.paths.iter().find(|(path, _)| **path == *text).map(|(_, name)| name.clone());
        let help = match &name {
            Some(name) => format!("write `\"{{{{ {name} }}}}\"`"),
            None => format!("extract it, `name: {text}`, and write its name here: `\"{{{{ name }}}}\"`"),
        };
        let message = "a JSONPath is sent as it is here: only `extract:` takes one";
        let mut diagnostic = Diagnostic::new(Code::LooksLikeTemplate, place.clone(), message).help(help);
        if let Some(name) = name {
            diagnostic.severity = Severity::Error;
            diagnostic = diagnostic.fix_opt(place.clone(), Some(format!("{{{{ {name} }}}}")));
            reach.used.push(name);
        }
        self.report(diagnostic);
    }

    /// Whether a value is written in the file as it is, without quotes that YAML knows.
    fn is_unquoted(&self, place: &Place) -> bool {
        let document = self.documents.0.get(&place.file);
        let written = document.and_then(|document| document.text.get(document.resolve(place)));
        written.is_some_and(|written| !written.starts_with(['"', '\'', '|', '>']))
    }

    /// A reference in a text of a route: mostly a template of another tool, or a secret where none may stand.
    pub(super) fn reference_in_text(&mut self, text: &str, range: Range<usize>, place: &Place, reach: &mut Reach) {
        let inside = text.get(range.clone()).unwrap_or_default().trim_start_matches("${").trim_end_matches('}').trim();
        let help = match reach.could_be(inside) {
            true => format!("write `{{{{ {inside} }}}}`"),
            false => {
                "`${env:…}` and `${file:…}` stand in `connections:` of jackfield.yaml and in a source's `secret`; a \
                      constant is `{{ vars.name }}`"
                    .to_owned()
            }
        };
        reach.used.push(inside.into());
        let diagnostic = Diagnostic::new(Code::InvalidReference, place.part(range), "a reference may not stand here");
        self.report(diagnostic.help(help));
    }
}

/// What stands between typographic quotes around a whole text with a template in it.
fn in_word_quotes(text: &str) -> Option<&str> {
    let inside = text.strip_prefix(['“', '”', '„', '«', '‘', '’'])?.strip_suffix(['”', '“', '»', '’', '‘'])?;
    (inside.starts_with("{{") && inside.ends_with("}}")).then_some(inside)
}

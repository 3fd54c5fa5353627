//! The source of what the server itself has to tell: every workspace has it, and none can declare it.

use std::sync::Arc;

use super::Compiler;
use super::source::CompiledSource;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::source::{OWN_SOURCE, Source};

impl Compiler<'_> {
    pub(super) fn own_source(&self) -> CompiledSource {
        let place = Place::file("schemas/jackfield/pack.yaml");
        CompiledSource { source: Arc::new(Source::own()), identity: None, echo: None, place }
    }

    /// A source of the workspace has the name of that one.
    pub(super) fn is_own_name(&mut self, compiled: &CompiledSource) {
        let message =
            format!("`{OWN_SOURCE}` is the source of Jackfield's own alerts, and is there without being declared");
        let help = match compiled.place.file.starts_with("routes/") {
            true => "give the file of the route another name",
            false => "give this source another name, also in the routes that name it",
        };
        self.report(Diagnostic::new(Code::DuplicateSource, compiled.place.clone(), message).help(help));
    }
}

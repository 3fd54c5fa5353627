//! Fields of what is written out, which are something else that was meant.

use minijinja::machinery::ast::Expr;

use super::Walk;
use crate::diagnostic::Code;
use crate::template::{TemplateError, idiom};

impl Walk<'_> {
    /// `1.name`, as a tool that numbers its steps writes it.
    pub(super) fn field_of_constant(&mut self, expr: &Expr<'_>, field: &str) {
        let written = self.text(expr);
        let (message, help) = match written.split_once('.').filter(|_| written.starts_with(['\'', '"'])) {
            Some((left, right)) => {
                ("`.` does not join texts".to_owned(), format!("write `{} ~ {}`", left.trim(), right.trim()))
            }
            None if idiom::is_layer(field) => (
                format!("`{written}` is no name"),
                "write a name that `extract:` gives, or where it stands, as `payload.contact.name`".to_owned(),
            ),
            None => (
                format!("`{written}` is no name"),
                format!("write a name that `extract:` gives, as `{field}`, or `payload.{field}`"),
            ),
        };
        self.errors.push(TemplateError::new(Code::InvalidTemplate, self.range(expr), message).help(help));
    }
}

//! Templates: MiniJinja, strict, with types kept, and bounded in steps and in output.
//!
//! A text that is one `{{ expression }}` keeps the type of its value; any other is text. A value that is absent is
//! `None` here, and never an empty text.

mod arguments;
mod bridge;
mod budget;
mod compared;
mod condition;
mod demand;
mod escape;
mod exact;
pub mod explain;
mod field;
pub mod filter;
mod find;
pub mod idiom;
mod infer;
mod length;
mod lint;
mod look;
pub mod lookalike;
mod order;
mod parse;
mod quick;
mod scope;
mod signature;
mod tolerant;
mod truth;
mod zone;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Environment, Expression};

use crate::diagnostic::Code;
use crate::value::Value;

use compared::Added;
pub use condition::{Anyway, Word, exclude};
pub use infer::{Inferred, Misfit, Names};
pub use lint::{Needed, Use};
pub use look::Looked;
use quick::Quick;
pub use scope::{Name, Scope};
use tolerant::{Filled, Tolerant};

/// No template makes more text than this.
const LARGEST_OUTPUT: usize = 256 * 1024;
/// No template takes more steps than this.
const STEPS: u64 = 50_000;
/// What to write where a value that is needed is absent.
const WHERE_MISSING: &str = "where it may be missing, write `… is defined and …`, or `… | default('')`";

/// A template, ready to be evaluated any number of times.
#[derive(Clone)]
pub struct Template {
    text: Arc<str>,
    program: Arc<Program>,
    tolerant: Arc<[Tolerant]>,
    added: Arc<Added>,
    /// The names that it takes, where they are written.
    uses: Arc<[Use]>,
    /// The same, where they are in `text`, which may have time zones beside what is written.
    inner: Arc<[Use]>,
    zones: Arc<Added>,
}

enum Program {
    /// No expression at all.
    Constant(Value),
    /// One expression and nothing else: its type is kept.
    Whole(Expr),
    /// Text with expressions in it.
    Parts(Vec<Part>),
    /// Text with `{% %}` statements.
    Statements(Box<Environment<'static>>),
}

enum Part {
    Text(Arc<str>),
    Expr(Expr),
}

/// An expression and where it stands in the template.
struct Expr {
    range: Range<usize>,
    kind: ExprKind,
}

enum ExprKind {
    /// A name alone, looked up without the engine.
    Name(Arc<str>),
    /// With the way around the engine, where there is one.
    Compiled(Option<Quick>, Box<Expression<'static, 'static>>),
}

/// What is wrong with a template, or with what it met in an event. Never holds a value of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    pub code: Code,
    /// Bytes of the template's text.
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
    /// What to write for `range`, where that is certain.
    pub replacement: Option<String>,
}

impl TemplateError {
    fn new(code: Code, range: Range<usize>, message: impl Into<String>) -> Self {
        TemplateError { code, range, message: message.into(), help: None, replacement: None }
    }

    fn saying(self, message: String) -> Self {
        TemplateError { message, ..self }
    }

    fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({:?})", self.text)
    }
}

impl Template {
    /// Compiles a template; every problem found is reported.
    pub fn compile(text: &str) -> Result<Template, Vec<TemplateError>> {
        parse::compile(text, Mode::Template)
    }

    /// Compiles what must be one expression: `{{ … }}` around it may be left out.
    pub fn condition(text: &str) -> Result<Template, Vec<TemplateError>> {
        parse::compile(text, Mode::Condition)
    }

    /// Compiles a condition on an answer, whose fields may all be missing: what is not there does not hold.
    pub fn lenient_condition(text: &str) -> Result<Template, Vec<TemplateError>> {
        parse::compile(text, Mode::Lenient)
    }

    /// The names that a text with filters or tests that there are not takes from outside: what is wrong with them is
    /// another mistake.
    pub fn names_besides(text: &str, is_condition: bool) -> Vec<Use> {
        parse::names_besides(text, if is_condition { Mode::Condition } else { Mode::Template })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that the template takes from outside, with where it does.
    pub fn uses(&self) -> &[Use] {
        &self.uses
    }

    /// The value when it does not depend on the event.
    pub fn constant(&self) -> Option<&Value> {
        match &*self.program {
            Program::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The single name that the template stands for, if it is nothing else.
    pub fn single_name(&self) -> Option<&str> {
        match &*self.program {
            Program::Whole(Expr { kind: ExprKind::Name(name), .. }) => Some(name),
            _ => None,
        }
    }

    /// Whether the template is one expression and so keeps its type.
    pub fn is_whole(&self) -> bool {
        matches!(&*self.program, Program::Whole(_))
    }

    /// The value, or `None` when it is absent.
    pub fn evaluate(&self, scope: &Scope) -> Result<Option<Value>, TemplateError> {
        budget::refill();
        order::begin();
        let value = self.evaluated(scope);
        if budget::is_spent() {
            let message = "the template takes too many steps, or its values are too large";
            return Err(self.unzoned(TemplateError::new(Code::TemplateFailed, 0..self.text.len(), message)));
        }
        value.map_err(|error| self.unzoned(error))
    }

    fn evaluated(&self, scope: &Scope) -> Result<Option<Value>, TemplateError> {
        let scope = &Filled::of(scope, &self.tolerant);
        match &*self.program {
            Program::Constant(value) => Ok(Some(value.clone())),
            Program::Whole(expr) => {
                let value = expr.evaluate(scope).map_err(|error| self.widened(error, scope.all()))?;
                // What is handed on as it came may be as long as it came.
                let is_made = || self.text.contains(['|', '~', '+', '*', '%', '(']);
                let is_long = value.as_deref().and_then(Value::as_str).is_some_and(|text| text.len() > LARGEST_OUTPUT);
                if is_long && is_made() { Err(self.too_large()) } else { Ok(value.map(Cow::into_owned)) }
            }
            Program::Parts(parts) => self
                .text_of(parts, scope)
                .map(|text| Some(text.into()))
                .map_err(|error| self.widened(error, scope.all())),
            Program::Statements(env) => self.run(env, scope.all()).map(|text| Some(text.into())),
        }
    }

    /// Whether a condition holds. What is absent, empty, zero or false does not.
    pub fn holds(&self, scope: &Scope) -> Result<bool, TemplateError> {
        Ok(self.evaluate(scope)?.is_some_and(|value| bridge::to_engine(&value).is_true()))
    }

    /// The value as text; `None` when it is absent.
    pub fn evaluate_text(&self, scope: &Scope) -> Result<Option<String>, TemplateError> {
        let Some(value) = self.evaluate(scope)? else { return Ok(None) };
        let mut text = String::new();
        match bridge::write_text(&value, &mut text) {
            true => Ok(Some(text)),
            false => Ok(None),
        }
    }

    /// The value as text for a page or XML: what stands in `{{ }}` can't become markup.
    pub fn evaluate_markup(&self, scope: &Scope) -> Result<Option<String>, TemplateError> {
        let _escaping = escape::begin();
        let text = self.evaluate_text(scope)?;
        Ok(if self.is_whole() { text.map(|text| escape::escaped(&text)) } else { text })
    }

    /// The error at the whole of the name that it is about, of which the engine names the end.
    fn widened(&self, error: TemplateError, scope: &Scope) -> TemplateError {
        let (_, shift) = self.braced();
        let error = self.written(error);
        let within = |at: usize| at.saturating_sub(shift).min(self.text.len());
        let range = within(error.range.start)..within(error.range.end);
        let ends_there = |used: &&Use| used.range.start <= range.start && used.range.end == range.end;
        let Some(used) = self.inner.iter().find(ends_there) else {
            let within = |used: &&Use| range.start <= used.range.start && used.range.end <= range.end;
            let is_missing = |used: &&Use| used.needed_by.is_some() && tolerant::is_absent(scope, used);
            return match self.inner.iter().filter(within).find(is_missing) {
                Some(used) => TemplateError::new(error.code, used.range.clone(), lint::ABSENT).help(WHERE_MISSING),
                None => TemplateError { range, ..error },
            };
        };
        let error = TemplateError { range: used.range.clone(), ..error };
        match tolerant::field_of_text(scope, used) {
            Some((message, help)) if error.message == lint::ABSENT => error.saying(message).help(help),
            _ => error,
        }
    }

    fn text_of(&self, parts: &[Part], scope: &Filled<'_>) -> Result<String, TemplateError> {
        let mut text = String::with_capacity(self.text.len());
        for part in parts {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Expr(expr) => expr.write(scope, &mut text)?,
            }
            if text.len() > LARGEST_OUTPUT {
                return Err(self.too_large());
            }
        }
        Ok(text)
    }

    fn run(&self, env: &Environment<'static>, scope: &Scope) -> Result<String, TemplateError> {
        let mut out = bridge::Bounded::new(LARGEST_OUTPUT);
        let template = env.get_template(parse::NAME).map_err(|error| lint::engine_error(&error, 0, &self.text))?;
        let outcome = template.render_captured_to(scope.to_engine(), &mut out);
        if out.is_full() {
            return Err(self.too_large());
        }
        outcome.map_err(|error| self.written(lint::engine_error(&error, 0, &self.text)))?;
        out.into_text().ok_or_else(|| self.too_large())
    }

    /// The error at its place in the template as it is written.
    fn written(&self, error: TemplateError) -> TemplateError {
        order::placed(TemplateError { range: self.added.written(&error.range), ..error })
    }

    fn too_large(&self) -> TemplateError {
        let message = format!("the template makes more than {LARGEST_OUTPUT} bytes of text");
        TemplateError::new(Code::TemplateFailed, 0..self.text.len(), message)
    }
}

impl Expr {
    fn evaluate<'v>(&'v self, scope: &'v Filled<'_>) -> Result<Option<Cow<'v, Value>>, TemplateError> {
        match &self.kind {
            ExprKind::Name(name) => {
                let found = scope.scope.get(name).or_else(|| scope.all().get(name));
                Ok(found.flatten().map(Cow::Borrowed))
            }
            ExprKind::Compiled(quick, expression) => {
                if let Some(found) = quick.as_ref().and_then(|quick| quick.evaluate(scope.scope)) {
                    return Ok(found);
                }
                exact::forget();
                let result = expression.eval(scope.all().to_engine());
                let value = result.map_err(|error| {
                    let error = lint::engine_error(&error, self.range.start, "");
                    // The engine does not always say where; then it is the whole expression.
                    let range = if error.range.is_empty() { self.range.clone() } else { error.range };
                    let absent = error.code == Code::TemplateFailed && error.message == lint::ABSENT;
                    TemplateError { range, help: error.help.or(absent.then(|| WHERE_MISSING.to_owned())), ..error }
                })?;
                let value = bridge::from_engine(&value).map_err(|what| {
                    TemplateError::new(Code::TemplateFailed, self.range.clone(), format!("this makes {what}"))
                })?;
                Ok(value.map(Cow::Owned))
            }
        }
    }

    fn write(&self, scope: &Filled<'_>, text: &mut String) -> Result<(), TemplateError> {
        let value = self.evaluate(scope)?;
        let start = text.len();
        let written = value.as_ref().is_some_and(|value| bridge::write_text(value, text));
        if written {
            escape::apply(text, start);
            return Ok(());
        }
        let what = match (&self.kind, &value) {
            (ExprKind::Name(name), None) => format!("`{name}` has no value in this event"),
            (_, None) => lint::ABSENT.to_owned(),
            (_, Some(_)) => "this is null in this event".to_owned(),
        };
        Err(TemplateError::new(Code::TemplateFailed, self.range.clone(), what)
            .help("say what to write instead: `{{ name | default('unknown') }}`"))
    }
}

/// What a text is compiled as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Template,
    Condition,
    Lenient,
}

#[cfg(test)]
mod tests;

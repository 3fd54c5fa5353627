//! From text to program: what is constant, one expression, text with expressions, or statements.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::machinery::{Token, tokenize};
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::compared::Added;
use super::{
    Expr, ExprKind, Mode, Part, Program, Quick, STEPS, Template, TemplateError, Tolerant, compared, filter, length,
    lint, order, tolerant,
};
use crate::diagnostic::Code;
use crate::value::Value;

/// The name of the one template in a program's environment.
pub(super) const NAME: &str = "template";

/// The engine, with the filters of the language and nothing that reaches outside.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| engine(UndefinedBehavior::SemiStrict));

/// The same, where a field of what is missing is missing too.
static LENIENT: LazyLock<Environment<'static>> = LazyLock::new(|| engine(UndefinedBehavior::Chainable));

fn engine(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(undefined);
    env.set_fuel(Some(STEPS));
    env.set_debug(true);
    env.set_recursion_limit(64);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_formatter(|out, _state, value| {
        let mut text = String::new();
        let ours = super::bridge::from_engine(value).ok().flatten();
        match ours.is_some_and(|value| super::bridge::write_text(&value, &mut text)) {
            true if !super::budget::spend(text.len()) => Err(Error::from(ErrorKind::OutOfFuel)),
            true if super::escape::is_on() => out.write_str(&super::escape::escaped(&text)).map_err(Error::from),
            true => out.write_str(&text).map_err(Error::from),
            false if value.kind() == ValueKind::None => Err(Error::new(ErrorKind::UndefinedError, "null")),
            false => Err(Error::from(ErrorKind::UndefinedError)),
        }
    });
    for name in ["range", "dict", "debug", "namespace"] {
        env.remove_global(name);
    }
    filter::install(&mut env);
    compared::install(&mut env);
    order::install(&mut env);
    env
}

pub(super) fn compile(text: &str, mode: Mode) -> Result<Template, Vec<TemplateError>> {
    let bare = mode != Mode::Template && !text.contains("{{") && !text.contains("{%");
    let source = if bare { format!("{{{{ {text} }}}}") } else { text.to_owned() };
    if let Some(error) = length::too_long(text, &source) {
        return Err(vec![error]);
    }
    let shift = if bare { 3 } else { 0 };
    let compiled = compile_source(&source, mode);
    let unshift = |range: Range<usize>| {
        range.start.saturating_sub(shift).min(text.len())..range.end.saturating_sub(shift).min(text.len())
    };
    match compiled {
        Ok(Compiled { program, uses, tolerant, added }) => {
            let uses: Arc<[lint::Use]> =
                uses.into_iter().map(|u| lint::Use { range: unshift(u.range.clone()), ..u }).collect();
            let (text, program, tolerant) = (text.into(), Arc::new(program), tolerant.into());
            Ok(Template {
                text,
                program,
                tolerant,
                added: Arc::new(added),
                inner: uses.clone(),
                uses,
                zones: Arc::default(),
            })
        }
        Err(errors) => {
            Err(errors.into_iter().map(|e| TemplateError { range: unshift(e.range.clone()), ..e }).collect())
        }
    }
}

pub(super) fn names_besides(text: &str, mode: Mode) -> Vec<lint::Use> {
    let bare = mode != Mode::Template && !text.contains("{{") && !text.contains("{%");
    let source = if bare { format!("{{{{ {text} }}}}") } else { text.to_owned() };
    if length::too_long(text, &source).is_some() {
        return Vec::new();
    }
    let shift = if bare { 3 } else { 0 };
    let within = |at: usize| at.saturating_sub(shift).min(text.len());
    let names = lint::names_besides(&source, mode == Mode::Condition).into_iter();
    names.map(|used| lint::Use { range: within(used.range.start)..within(used.range.end), ..used }).collect()
}

struct Compiled {
    program: Program,
    uses: Vec<lint::Use>,
    tolerant: Vec<Tolerant>,
    added: Added,
}

fn compile_source(source: &str, mode: Mode) -> Result<Compiled, Vec<TemplateError>> {
    let taken = lint::check(source, mode == Mode::Condition)?;
    let (replaced, tolerant) = tolerant::replaced(source, taken.tolerant);
    let (wrapped, added) = compared::wrapped(&replaced, mode != Mode::Lenient);
    let source = wrapped.as_str();
    let one = |error: TemplateError| vec![TemplateError { range: added.written(&error.range), ..error }];
    let pieces = split(source).map_err(one)?;
    let program = match pieces {
        None => match lone(source) {
            Some(range) => Program::Whole(expression(source, range, mode, &tolerant).map_err(one)?),
            None => statements(source).map_err(one)?,
        },
        Some(pieces) => match pieces.as_slice() {
            [] => Program::Constant(Value::from("")),
            [Piece::Text(_)] => Program::Constant(Value::from(source)),
            [Piece::Expr(range)] => Program::Whole(expression(source, range.clone(), mode, &tolerant).map_err(one)?),
            _ => Program::Parts(parts(source, &pieces, &tolerant).map_err(one)?),
        },
    };
    if mode != Mode::Template && !matches!(program, Program::Whole(_)) {
        let error = TemplateError::new(Code::InvalidTemplate, 0..source.len(), "this must be one expression");
        let help = match source.starts_with(['“', '”', '„', '‘', '’', '«']) {
            true => "these are typographic quotes, which count as text; write straight ones: `\"{{ … }}\"`",
            false => "write one `{{ … }}` and nothing around it, such as `\"{{ payload.type == 'call' }}\"`",
        };
        return Err(vec![error.help(help)]);
    }
    Ok(Compiled { program, uses: taken.uses, tolerant, added })
}

enum Piece {
    Text(Range<usize>),
    Expr(Range<usize>),
}

/// The pieces of a template without statements; nothing for one that has them, or that trims white space.
fn split(source: &str) -> Result<Option<Vec<Piece>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut open: Option<usize> = None;
    let mut position = 0;
    for token in tokenize(source, false, Default::default()) {
        let (token, span) = token.map_err(|error| lint::engine_error(&error, 0, source))?;
        let range = span.start_offset as usize..span.end_offset as usize;
        match token {
            Token::TemplateData(text) if open.is_none() => {
                // Data that is not the source's own bytes has been trimmed by a `-`.
                if source.get(range.clone()) != Some(text) {
                    return Ok(None);
                }
                pieces.push(Piece::Text(range.clone()));
            }
            Token::BlockStart | Token::BlockEnd => return Ok(None),
            Token::VariableStart => {
                if source.get(range.clone()).is_none_or(|text| text != "{{") {
                    return Ok(None);
                }
                open = Some(range.end);
            }
            Token::VariableEnd => {
                if source.get(range.clone()).is_none_or(|text| text != "}}") {
                    return Ok(None);
                }
                if let Some(start) = open.take() {
                    pieces.push(Piece::Expr(start..range.start));
                }
            }
            _ => {}
        }
        position = range.end;
    }
    // What the tokenizer drops (a comment, one newline at the end) is left to the engine.
    let whole = position == source.len() || source.get(position..) == Some("\n");
    let comments = source.contains("{#");
    Ok((whole && !comments).then_some(pieces))
}

/// The one expression of a template that holds nothing else but comments, and space that a `-` takes away.
fn lone(source: &str) -> Option<Range<usize>> {
    let (mut start, mut end) = (None, None);
    for token in tokenize(source, false, Default::default()) {
        let (token, span) = token.ok()?;
        match token {
            Token::TemplateData("") => {}
            Token::TemplateData(_) | Token::BlockStart | Token::BlockEnd => return None,
            Token::VariableStart if start.is_none() => start = Some(span.end_offset as usize),
            Token::VariableStart => return None,
            Token::VariableEnd => end = Some(span.start_offset as usize),
            _ => {}
        }
    }
    Some(start?..end?)
}

fn parts(source: &str, pieces: &[Piece], names: &[Tolerant]) -> Result<Vec<Part>, TemplateError> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(range) => Ok(Part::Text(source.get(range.clone()).unwrap_or_default().into())),
            Piece::Expr(range) => expression(source, range.clone(), Mode::Template, names).map(Part::Expr),
        })
        .collect()
}

fn expression(source: &str, range: Range<usize>, mode: Mode, names: &[Tolerant]) -> Result<Expr, TemplateError> {
    let engine: &'static Environment<'static> = if mode == Mode::Lenient { &LENIENT } else { &ENGINE };
    let inner = source.get(range.clone()).unwrap_or_default();
    let start = range.start + (inner.len() - inner.trim_start().len());
    let text = inner.trim();
    let range = start..start + text.len();
    let is_name = text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !matches!(text, "true" | "false" | "none" | "null" | "True" | "False" | "None");
    let kind = if is_name {
        ExprKind::Name(text.into())
    } else {
        let compiled = engine.compile_expression_owned(text.to_owned());
        let compiled = compiled.map_err(|error| lint::engine_error(&error, start, text))?;
        ExprKind::Compiled(Quick::of(text, names), Box::new(compiled))
    };
    Ok(Expr { range, kind })
}

fn statements(source: &str) -> Result<Program, TemplateError> {
    let mut env = ENGINE.clone();
    env.add_template_owned(NAME, source.to_owned()).map_err(|error| lint::engine_error(&error, 0, source))?;
    Ok(Program::Statements(Box::new(env)))
}

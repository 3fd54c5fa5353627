//! Why a body can't be read: where, and by which kind of fault, never what it holds.

use std::fmt::{self, Display};

use crate::value::json::{JsonError, JsonErrorKind};

/// Whose fault it is, which decides how the sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are not what they should be.
    Malformed,
    /// It is more than the limits of the source allow.
    TooLarge,
    /// It is a kind of body that is not read.
    Unsupported,
}

/// Why a body can't be read. Holds places, never contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    pub fault: Fault,
    /// What it is about: `the body is not JSON`.
    pub subject: String,
    /// The line and column in the text that was read, both from 1.
    pub place: Option<(usize, usize)>,
    /// What is wrong there; empty when the subject says it all.
    pub reason: String,
}

impl DecodeError {
    pub fn malformed(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        DecodeError { fault: Fault::Malformed, subject: subject.into(), place: None, reason: reason.into() }
    }

    pub fn too_large(subject: impl Into<String>) -> Self {
        DecodeError { fault: Fault::TooLarge, subject: subject.into(), place: None, reason: String::new() }
    }

    /// `what`: `a compressed one`.
    pub fn unsupported(what: &str) -> Self {
        let subject = format!("a body like this, {what}, is not read");
        DecodeError { fault: Fault::Unsupported, subject, place: None, reason: String::new() }
    }

    pub fn json(subject: impl Into<String>, error: &JsonError) -> Self {
        let fault = match error.kind {
            JsonErrorKind::TooDeep | JsonErrorKind::TooManyNodes => Fault::TooLarge,
            _ => Fault::Malformed,
        };
        let place = Some((error.line, error.column));
        DecodeError { fault, subject: subject.into(), place, reason: error.reason() }
    }
}

impl Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some((line, column)) = self.place {
            write!(f, ": line {line}, column {column}")?;
        }
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

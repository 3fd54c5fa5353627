//! Where a name stands, and what fails there without a value.

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, CompareOpKind};

/// A sign that needs a value on each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub sign: &'static str,
    /// The sign with its sides, as written.
    pub part: String,
}

/// Where in a template an expression stands, for what it may lack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// An absent value does no harm.
    Harmless,
    /// It is written or sent.
    Value,
    /// The sign beside it fails without a value.
    Needed { sign: &'static str, start: usize, end: usize },
}

impl Stand {
    pub(super) fn needed(sign: &'static str, range: Range<usize>) -> Self {
        Stand::Needed { sign, start: range.start, end: range.end }
    }

    /// The same, with what is only sent or written made harmless.
    pub(super) fn unless_needed(self) -> Self {
        if self == Stand::Value { Stand::Harmless } else { self }
    }

    /// What fails here without a value.
    pub(super) fn needed_by(self, source: &str) -> Option<Needed> {
        let Stand::Needed { sign, start, end } = self else { return None };
        let part = source.get(start..end).unwrap_or_default();
        Some(Needed { sign, part: part.split_whitespace().collect::<Vec<_>>().join(" ") })
    }
}

/// A sign that fails where one of its sides is absent, as an error names it.
pub(super) fn sign_of(op: &BinOpKind) -> &'static str {
    match op {
        BinOpKind::Eq => "==",
        BinOpKind::Ne => "!=",
        BinOpKind::Lt => "<",
        BinOpKind::Lte => "<=",
        BinOpKind::Gt => ">",
        BinOpKind::Gte => ">=",
        BinOpKind::ScAnd => "and",
        BinOpKind::ScOr => "or",
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        BinOpKind::Pow => "**",
        BinOpKind::Concat => "~",
        BinOpKind::In => "in",
    }
}

/// The sign of a part of `1 < age < 5`; nothing where an absent value does no harm.
pub(super) fn sign_in_chain(op: &CompareOpKind) -> Option<&'static str> {
    match op {
        CompareOpKind::Eq | CompareOpKind::Ne => None,
        CompareOpKind::Lt => Some("<"),
        CompareOpKind::Lte => Some("<="),
        CompareOpKind::Gt => Some(">"),
        CompareOpKind::Gte => Some(">="),
        CompareOpKind::In | CompareOpKind::NotIn => Some("in"),
    }
}

//! Refuses the few wrong paths the parser lets through, and those which would cost too much to run.

use std::ops::Range;

use super::explain::reason;
use super::token::{Kind, Token};
use super::{DESCENTS, PathError, PathErrorKind};

/// What the parser would accept although RFC 9535 does not, and what would cost too much to run.
pub fn refuse(text: &str, tokens: &[Token<'_>]) -> Result<(), PathError> {
    if let Some(extra) = tokens.iter().filter(|token| token.is("..")).nth(DESCENTS) {
        let message = format!("a path may have at most {DESCENTS} `..`, each one searches the whole payload");
        return Err(PathError::new(PathErrorKind::TooManyDescents, extra.range.clone(), message)
            .help("write the steps in between by name"));
    }
    match stray_space(tokens) {
        Some(range) => Err(reason(text, tokens).unwrap_or_else(|| {
            PathError::new(PathErrorKind::Syntax, range, "a space cannot stand here").help("remove the space")
        })),
        None => Ok(()),
    }
}

/// A space inside a name or a number: the parser skips it, and the name it then reads is never found.
fn stray_space(tokens: &[Token<'_>]) -> Option<Range<usize>> {
    tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Space).find_map(|(at, space)| {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at))?;
        let Some(after) = tokens.get(at + 1) else { return Some(space.range.clone()) };
        let number = tokens.get(at + 2).is_some_and(|next| next.is_word() && !next.is_name());
        let stray = before.is_word() && (after.is_word() || after.is("-"))
            || ["-", "+", ".", ".."].iter().any(|sign| before.is(sign))
            || after.is("+")
            || after.is(".") && number;
        stray.then(|| space.range.clone())
    })
}

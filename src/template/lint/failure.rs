//! What the engine says of a failure, in our words.

use std::ops::Range;

use minijinja::ErrorKind;

use super::{ABSENT, TemplateError, filter, syntax};
use crate::diagnostic::Code;

/// Where the engine stopped.
pub(super) fn bytes_of(error: &minijinja::Error, source: &str) -> Range<usize> {
    let range = error.range().map_or(0..source.len(), |range| range.start..range.end.max(range.start));
    // The engine counts an unknown character as one byte.
    match source.is_char_boundary(range.end) {
        false if range.end < source.len() => range.start..source.ceil_char_boundary(range.end),
        _ => range,
    }
}

/// The engine's error in our words, never with a value in it. `shift` is where its source starts in the template.
pub(in crate::template) fn engine_error(error: &minijinja::Error, shift: usize, source: &str) -> TemplateError {
    let range = bytes_of(error, source);
    let range = range.start + shift..range.end + shift;
    let (code, message) = match error.kind() {
        ErrorKind::SyntaxError | ErrorKind::BadEscape | ErrorKind::InvalidDelimiter => {
            return syntax::explain_at(source, range, shift);
        }
        ErrorKind::UndefinedError => (Code::TemplateFailed, ABSENT.to_owned()),
        ErrorKind::UnknownFilter => (Code::UnknownFilter, "there is no such filter".to_owned()),
        ErrorKind::UnknownTest => (Code::UnknownFilter, "there is no such test".to_owned()),
        ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            (Code::UnknownFilter, "there is no such function".to_owned())
        }
        ErrorKind::OutOfFuel => (Code::TemplateFailed, "the template takes too many steps".to_owned()),
        ErrorKind::TooManyArguments => (Code::TemplateFailed, "the filter takes fewer arguments".to_owned()),
        ErrorKind::MissingArgument => (Code::TemplateFailed, "the filter needs another argument".to_owned()),
        ErrorKind::InvalidOperation => (Code::TemplateFailed, invalid_operation(error)),
        _ => (Code::TemplateFailed, "the template failed on this event".to_owned()),
    };
    TemplateError::new(code, range, message)
}

/// Our own filters say what was wrong in words that hold no value; the engine's own detail might hold one.
fn invalid_operation(error: &minijinja::Error) -> String {
    match error.detail().and_then(|detail| detail.strip_prefix(filter::OWN)) {
        Some(own) => own.to_owned(),
        None => "a value here is of a type that this operation does not take".to_owned(),
    }
}

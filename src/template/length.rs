//! How long a template may be: its expressions, which the parser takes apart by recursion, and its text.

use minijinja::machinery::{Token, tokenize};

use super::TemplateError;
use crate::diagnostic::Code;

/// All expressions and statements of a template are no longer than this: nobody writes such by hand.
const CODE: usize = 4096;
/// No template is longer than this.
const TEXT: usize = 64 * 1024;

/// What is wrong with a template that is longer than it may be; `source` has the braces that may be left out.
pub(super) fn too_long(text: &str, source: &str) -> Option<TemplateError> {
    let code = if source.len() > CODE { length_of_code(source) } else { 0 };
    let (message, help) = if code > CODE {
        (
            format!("the expressions of a template may have {CODE} bytes, and these have {code}"),
            "make them shorter: what `extract:` and `vars:` can say needs no expression",
        )
    } else if text.len() > TEXT {
        (format!("a template may have {TEXT} bytes, and this one has {}", text.len()), "make it shorter")
    } else {
        return None;
    };
    Some(TemplateError::new(Code::InvalidTemplate, 0..text.len(), message).help(help))
}

/// All that is not plain text between the braces; what can't be read counts as code.
fn length_of_code(source: &str) -> usize {
    let plain = tokenize(source, false, Default::default()).map_while(Result::ok).map(|(token, _)| match token {
        Token::TemplateData(text) => text.len(),
        _ => 0,
    });
    source.len() - plain.sum::<usize>()
}

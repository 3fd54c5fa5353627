//! The engine's tree of a template, without the statements that put templates together: those are for the page.

use minijinja::Error;
use minijinja::machinery::ast::Stmt;
use minijinja::machinery::{Token, parse, tokenize};

const NAME: &str = "template";

/// Statements that the engine has and the language has not.
const OTHERS: [&str; 7] = ["block", "extends", "include", "import", "from", "macro", "call"];

/// What the engine reads; an error at the first thing that is not of the language.
pub(super) fn tree(source: &str) -> Result<Stmt<'_>, Error> {
    match without_others(source) {
        // It is refused where the statement stands, or before.
        Some(blind) => match parse(&blind, NAME, Default::default()) {
            Err(error) => Err(error),
            Ok(_) => parse(source, NAME, Default::default()),
        },
        None => parse(source, NAME, Default::default()),
    }
}

/// The same text, as long, with words in the place of those statements that are none; nothing where there are none.
fn without_others(source: &str) -> Option<String> {
    if !source.contains("{%") {
        return None;
    }
    let mut found = Vec::new();
    let mut opened = false;
    for token in tokenize(source, false, Default::default()) {
        let Ok((token, span)) = token else { break };
        if let Token::Ident(word) = token
            && opened
            && OTHERS.contains(&word)
        {
            found.push(span.start_offset as usize..span.end_offset as usize);
        }
        opened = matches!(token, Token::BlockStart);
    }
    let blind = |text: String, range: std::ops::Range<usize>| {
        let mut text = text;
        text.replace_range(range.clone(), &"_".repeat(range.len()));
        text
    };
    (!found.is_empty()).then(|| found.into_iter().fold(source.to_owned(), blind))
}

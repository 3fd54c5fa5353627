//! What a provider looks at before it takes a request: headers, body, idempotency key.

use sha2::{Digest, Sha256};

use super::answer::Visit;
use super::received::Content;
use crate::event::RawRequest;
use crate::pack::{HeaderPart, Idempotency, Operation};
use crate::pipeline::place_name;
use crate::request::Encoding;
use crate::secret::MASK;
use crate::value::{Value, json};

/// Every header of the pack is there and has its form; otherwise the reason.
pub(super) fn headers(operation: &Operation, request: &RawRequest) -> Result<(), String> {
    for (name, parts) in &operation.headers {
        let mut given = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).peekable();
        if given.peek().is_none() {
            return Err(format!("the header `{name}` is missing"));
        }
        if !given.any(|(_, value)| fits(parts, value)) {
            return Err(format!("the header `{name}` is not of the form `{}`", form(parts)));
        }
    }
    Ok(())
}

/// How a header looks: `Bearer ***`.
fn form(parts: &[HeaderPart]) -> String {
    let words = parts.iter().map(|part| match part {
        HeaderPart::Text(text) => text,
        HeaderPart::Secret(_) => MASK,
        HeaderPart::Template(_) => "…",
    });
    words.collect()
}

/// Whether a value has the texts of the parts in their order, and something at every other part.
fn fits(parts: &[HeaderPart], value: &str) -> bool {
    let mut rest = value;
    // How many characters the parts before must still take.
    let mut open = 0;
    for (index, part) in parts.iter().enumerate() {
        let HeaderPart::Text(text) = part else {
            open += 1;
            continue;
        };
        let Some(tail) = skip(rest, open) else { return false };
        let found = match (open, index + 1 == parts.len()) {
            (0, _) => tail.starts_with(&**text).then_some(0),
            (_, true) => tail.ends_with(&**text).then(|| tail.len() - text.len()),
            (_, false) => tail.find(&**text),
        };
        let Some(after) = found.and_then(|at| tail.get(at + text.len()..)) else { return false };
        rest = after;
        open = 0;
    }
    match open {
        0 => rest.is_empty(),
        _ => skip(rest, open).is_some(),
    }
}

/// The text without so many of its first characters.
fn skip(text: &str, characters: usize) -> Option<&str> {
    let mut letters = text.chars();
    for _ in 0..characters {
        letters.next()?;
    }
    Some(letters.as_str())
}

/// A body says what it is.
pub(super) fn content_type(operation: &Operation, request: &RawRequest) -> Result<(), String> {
    if operation.schema.is_none() || request.body.is_empty() {
        return Ok(());
    }
    let given = request.content_type();
    let wanted = media(operation.encoding);
    match given == wanted || (operation.encoding == Encoding::Json && given.ends_with("+json")) {
        true => Ok(()),
        false if given.is_empty() => Err("the header `Content-Type` is missing".to_owned()),
        false => Err(format!("the `Content-Type` is not `{wanted}`")),
    }
}

/// The `Content-Type` of an encoding, without parameters.
pub(super) fn media(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "application/json",
        Encoding::Form => "application/x-www-form-urlencoded",
        Encoding::Multipart => "multipart/form-data",
    }
}

/// The body is JSON that passes the schema; otherwise everything wrong with it.
pub(super) fn body(operation: &Operation, request: &RawRequest, content: &Option<Content>) -> Result<(), Vec<String>> {
    let Some(schema) = &operation.schema else { return Ok(()) };
    let Some(Content::Json(body)) = content else {
        let problem = json::parse(&request.body, &json::Limits::default()).err();
        return Err(vec![
            problem.map_or_else(|| "the body is empty".to_owned(), |e| format!("the body is not JSON: {e}")),
        ]);
    };
    if schema.is_valid(body) {
        return Ok(());
    }
    let violations = schema.violations(body);
    let words = violations.iter().map(|v| format!("{} {}", place_name(&v.path), v.message).trim_start().to_owned());
    Err(words.collect())
}

/// What stands for the idempotency key of a request; none when it has none.
pub(super) fn key(visit: &Visit<'_>, operation: &Operation) -> Option<u128> {
    let given = match &operation.idempotency {
        Idempotency::Field(field) => {
            let Some(Content::Json(body)) = visit.content else { return None };
            body.get(field).filter(|value| !value.is_null())?.clone()
        }
        Idempotency::Header(name) => Value::from(visit.request.header(name)?),
        Idempotency::None | Idempotency::Safe => return None,
    };
    let mut hash = Sha256::new();
    for part in [&visit.pack.name, &operation.name] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(visit.params.to_json());
    hash.update(given.to_json());
    let digest = hash.finalize();
    Some(digest.iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::template::Template;

    #[test]
    fn headers_fit_their_parts() {
        let text = |text: &str| HeaderPart::Text(text.into());
        let secret = || HeaderPart::Secret("token".into());
        let template = || HeaderPart::Template(Template::compile("{{ connection.version }}").unwrap());
        let cases = [
            (vec![text("Bearer "), secret()], "Bearer x", true),
            (vec![text("Bearer "), secret()], "Bearer ", false),
            (vec![text("Bearer "), secret()], "x", false),
            (vec![secret()], "", false),
            (vec![secret(), text(":"), template()], "a:b", true),
            (vec![secret(), text(":"), template()], ":b", false),
            (vec![secret(), text(":"), template()], "é:ü", true),
            (vec![secret(), template()], "é", false),
            (vec![secret(), text("-x")], "a-x-x", true),
            (vec![secret(), text("-x")], "-x", false),
            (vec![text("v1")], "v1", true),
            (vec![text("v1")], "v12", false),
            (vec![], "", true),
        ];
        for (parts, value, wanted) in cases {
            assert_eq!(fits(&parts, value), wanted, "{} {value:?}", form(&parts));
        }
    }
}

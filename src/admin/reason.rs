//! The reason that a provider gives in its answer, short enough for a list and without what tells of people.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

/// No reason is longer, in characters.
const LONGEST: usize = 120;
/// How deep a reason may stand in an answer.
const DEPTH: usize = 4;
/// Where providers write it, the likeliest first.
const NAMES: &[&str] =
    &["message", "error_description", "error_message", "detail", "description", "reason", "error", "errors", "title"];

/// E-mail addresses, and numbers long enough for a phone or a document.
static PERSONAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[^\s@<>\x22']+@[^\s@<>\x22',;]+|\+?\d(?:[\s().-]?\d){6,}").ok());

/// What the answer says went wrong, where it says so.
pub fn of_answer(answer: &[u8]) -> Option<String> {
    let text = match serde_json::from_slice::<Json>(answer) {
        Ok(body) => said(&body, DEPTH)?,
        // A page for a browser, or an answer that is longer than what is kept of it.
        Err(_) => Some(String::from_utf8_lossy(answer).into_owned())
            .filter(|text| !text.trim().starts_with(['<', '{', '[']))?,
    };
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let line = PERSONAL.as_ref()?.replace_all(&line, "…");
    let clipped: String = line.chars().take(LONGEST).collect();
    match clipped.len() < line.len() {
        true => Some(format!("{}…", clipped.trim_end())),
        false => Some(clipped).filter(|line| !line.is_empty()),
    }
}

fn said(value: &Json, depth: usize) -> Option<String> {
    if depth == 0 {
        return None;
    }
    match value {
        Json::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Json::Array(items) => items.iter().find_map(|item| said(item, depth - 1)),
        Json::Object(fields) => {
            let named = NAMES.iter().find_map(|name| said(fields.get(*name)?, depth - 1));
            // Inside of what is named so, the names are those of fields: `errors: { phone: [is invalid] }`.
            named.or_else(|| {
                let (name, inner) = fields.iter().filter(|_| depth < DEPTH).find(|(_, inner)| !inner.is_number())?;
                Some(format!("{name}: {}", said(inner, depth - 1)?))
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::of_answer;

    #[test]
    fn a_reason_is_found_where_providers_write_it() {
        let cases = [
            (r#"{"error":"Resource could not be found"}"#, Some("Resource could not be found")),
            (r#"{"message":["phone is taken","x"],"attributes":["phone"]}"#, Some("phone is taken")),
            (r#"{"error":{"code":190,"message":"Invalid\n token"}}"#, Some("Invalid token")),
            (r#"{"errors":{"phone":["is invalid"]}}"#, Some("phone: is invalid")),
            (r#"{"errors":[{"detail":"no such contact"}]}"#, Some("no such contact")),
            (
                r#"{"message":"ana@example.com and +55 11 99999-0000 are known, order 1001 is not"}"#,
                Some("… and … are known, order 1001 is not"),
            ),
            (r#"{"id":7,"status":"error"}"#, None),
            ("Retry later", Some("Retry later")),
            ("<html>busy</html>", None),
            (r#"{"message":"cut of"#, None),
            ("", None),
        ];
        for (answer, wanted) in cases {
            assert_eq!(of_answer(answer.as_bytes()).as_deref(), wanted, "{answer}");
        }
        assert_eq!(of_answer("ä".repeat(500).as_bytes()).unwrap().chars().count(), 121);
    }
}

//! What is signed is what is read.

use std::sync::Arc;

use jackfield::event::RawRequest;
use jackfield::value::Value;
use jackfield::verify::VerifyError;

use super::signed::{hex, sha256};
use super::source;

/// What is read of a request with the signature of this text, where it is taken.
fn read(verify: &str, signed: &str, target: &str, kind: &str, body: &str) -> Result<String, VerifyError> {
    let source = source(verify, "secret").unwrap();
    let headers = [("x-sign", hex(&sha256("secret", signed))), ("content-type", kind.to_owned())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    let raw = RawRequest { method: "POST".to_owned(), target: target.to_owned(), headers, body: body.into() };
    let raw = Arc::new(raw);
    let context = source.context(&raw, &Value::Null, "https://hooks.example.com", Default::default());
    source.verify.verify(&context)?;
    Ok(source.payload(&raw).unwrap().to_json())
}

/// A source that signs these pieces, and more keys of it.
fn hmac(signs: &str, more: &str) -> String {
    format!("{{ hmac: {{ header: X-Sign, signs: \"{signs}\" }} }}\n  {more}")
}

const TOKEN_OR_BODY: &str = "{ any_of: [{ token: { query: key } }, { hmac: { header: X-Sign } }] }";

#[test]
fn a_query_that_is_not_signed_is_not_read() {
    const TARGET: &str = "/hooks/a?x=1";
    const URL: &str = "https://hooks.example.com/hooks/a?x=1";
    for (verify, signed, body, expected) in [
        (&*hmac("{{ body }}", ""), "", "", "null"),
        (&hmac("{{ body }}", ""), "\n", "\n", "null"),
        (&hmac("{{ body }}{{ query.x }}", ""), "1", "", "null"),
        (TOKEN_OR_BODY, "", "", "null"),
        (&hmac("{{ url }}{{ body }}", ""), URL, "", r#"{"x":"1"}"#),
        (&hmac("{{ sorted_query }}", "format: query"), "x=1", "", r#"{"x":"1"}"#),
        (&hmac("{{ body }}", ""), r#"{"a":1}"#, r#"{"a":1}"#, r#"{"a":1}"#),
    ] {
        assert_eq!(read(verify, signed, TARGET, "", body).as_deref(), Ok(expected), "{verify}");
    }
}

#[test]
fn a_form_that_is_signed_is_read_as_a_form() {
    const FORM: &str = "application/x-www-form-urlencoded";
    const BOTH: &str = r#"{"a":"&caller=1&","caller":"2"}"#;
    let missing = Err(VerifyError::Missing("form".to_owned()));
    for (more, kind, body, expected) in [
        ("", FORM, "caller=1", Ok(r#"{"caller":"1"}"#.to_owned())),
        ("format: form", "", "caller=1", Ok(r#"{"caller":"1"}"#.to_owned())),
        ("", FORM, BOTH, missing.clone()),
        ("", FORM, " [\"&caller=1&\"]", missing.clone()),
        ("", FORM, "<a>&caller=1&</a>", missing.clone()),
        ("format: json", FORM, BOTH, missing.clone()),
        ("", "application/json", BOTH, missing.clone()),
        ("format: text", FORM, "caller=1", missing.clone()),
    ] {
        assert_eq!(read(&hmac("{{ form.caller }}", more), "1", "/hooks/a", kind, body), expected, "{more} {body}");
    }
    let sorted = read(&hmac("{{ sorted_form }}", ""), "a", "/hooks/a", FORM, "{=a");
    assert_eq!(sorted, missing);
}

use super::*;
use crate::value::json::{Limits, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn schema(text: &str) -> Schema {
    Schema::compile(&json(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn said(schema: &Schema, body: &str) -> Vec<String> {
    let body = json(body);
    let violations = schema.violations(&body);
    assert_eq!(schema.is_valid(&body), violations.is_empty(), "{body}");
    violations.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn says(schema_text: &str, body: &str, expected: &[&str]) {
    assert_eq!(said(&schema(schema_text), body), expected, "{schema_text} of {body}");
}

const CHAT2DESK: &str = r#"{"type":"object","required":["channel_id","from_client"],"properties":{
  "channel_id":{"type":"integer"},"body":{"type":"string"},"image":{"type":"string","format":"uri"},"video":{"type":"string"},
  "from_client":{"type":"object","properties":{"id":{"type":"string","minLength":1},"phone":{"type":"string","pattern":"^[0-9]+$"}},
    "oneOf":[{"required":["id"]},{"required":["phone"]}]}},
  "anyOf":[{"required":["body"]},{"required":["image"]},{"required":["video"]}]}"#;

#[test]
fn exactly_one_and_at_least_one() {
    says(CHAT2DESK, r#"{"channel_id":1,"from_client":{"id":"a"},"body":"x"}"#, &[]);
    says(
        CHAT2DESK,
        r#"{"channel_id":1,"from_client":{"id":"a","phone":"1"},"body":"x"}"#,
        &["$.from_client: exactly one of `id` and `phone` must be given, but both are"],
    );
    says(
        CHAT2DESK,
        r#"{"channel_id":1,"from_client":{},"body":"x"}"#,
        &["$.from_client: exactly one of `id` and `phone` must be given, but neither is"],
    );
    says(
        CHAT2DESK,
        r#"{"channel_id":1,"from_client":{"id":"a"}}"#,
        &["$: at least one of `body`, `image` and `video` must be given, but none is"],
    );
    let violations =
        schema(CHAT2DESK).violations(&json(r#"{"channel_id":1,"from_client":{"id":"a","phone":"1"},"body":"x"}"#));
    let seen: Vec<(&str, &str)> = violations.iter().map(|v| (v.keyword.as_str(), v.schema_path.as_str())).collect();
    assert_eq!(seen, [("oneOf", "/properties/from_client/oneOf")]);
    says(
        r#"{"anyOf":[{"required":["a","b"]},{"required":["c"]}]}"#,
        "{}",
        &["$: at least one of (`a` with `b`) and `c` must be given, but neither is"],
    );
}

#[test]
fn plain_words() {
    let cases: &[(&str, &str, &[&str])] = &[
        (r#"{"type":"string"}"#, "1", &["$: must be text, but is a number"]),
        (r#"{"type":["string","null"]}"#, "[]", &["$: must be text or null, but is a list"]),
        (r#"{"type":"integer"}"#, "1.5", &["$: must be a whole number, but is a number with a fraction"]),
        (r#"{"type":"integer"}"#, "2.0", &[]),
        (r#"{"type":"integer"}"#, "123456789012345678901234567890", &[]),
        (r#"{"required":["inbox_id"]}"#, "{}", &["$: required field `inbox_id` is missing"]),
        (
            r#"{"properties":{"a":{}},"additionalProperties":false}"#,
            r#"{"x":1,"a":2,"y z":3}"#,
            &["$.x: unknown field `x`", "$['y z']: unknown field `y z`"],
        ),
        (r#"{"properties":{"a":true},"unevaluatedProperties":false}"#, r#"{"x":1}"#, &["$.x: unknown field `x`"]),
        (r#"{"enum":["User","Consumer",null]}"#, r#""secret""#, &["$: must be one of `User`, `Consumer`, `null`"]),
        (r#"{"const":"a"}"#, r#""secret""#, &["$: must be `a`"]),
        (r#"{"maxLength":3}"#, r#""secret""#, &["$: must be at most 3 characters long"]),
        (r#"{"maxLength":3}"#, r#""é☺𝄞""#, &[]),
        (r#"{"minLength":1}"#, r#""""#, &["$: must not be empty"]),
        (r#"{"pattern":"^[0-9]+$"}"#, r#""secret""#, &["$: must look like `^[0-9]+$`"]),
        (r#"{"format":"email"}"#, r#""secret""#, &["$: must be an email address"]),
        (
            r#"{"format":"date-time"}"#,
            r#""2026-13-01T00:00:00Z""#,
            &["$: must be a date and time, such as 2026-01-31T12:00:00Z"],
        ),
        (r#"{"minimum":3,"multipleOf":2}"#, "1", &["$: must be at least 3", "$: must be a multiple of 2"]),
        (r#"{"maximum":3}"#, "1e400", &["$: must be at most 3"]),
        (r#"{"minimum":3}"#, "1e400", &[]),
        (r#"{"minItems":1}"#, "[]", &["$: must have at least 1 item"]),
        (r#"{"uniqueItems":true}"#, "[1,1.0]", &["$: must not contain the same item twice"]),
        (r#"{"uniqueItems":true}"#, r#"[1,"1",{"a":1}]"#, &[]),
        (r#"{"items":{"type":"string"}}"#, r#"["a",1]"#, &["$[1]: must be text, but is a number"]),
        (r#"{"not":{"required":["a"]}}"#, r#"{"a":1}"#, &["$: field `a` must not be given"]),
        (r#"{"properties":{"a":false}}"#, r#"{"a":1}"#, &["$.a: is not allowed here"]),
        (
            r#"{"propertyNames":{"maxLength":2}}"#,
            r#"{"abc":1}"#,
            &["$: has a field whose name does not fit: it must be at most 2 characters long"],
        ),
        (r#"{"dependentRequired":{"a":["b"]}}"#, r#"{"a":1}"#, &["$: required field `b` is missing"]),
        (r#"{"contains":{"const":1}}"#, "[2]", &["$: lacks an item that fits `contains`, or has too many"]),
        (r##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"number"}}}"##, r#""x""#, &["$: must be a number, but is text"]),
        (r#"{"enum":[9007199254740993]}"#, "9007199254740992", &["$: must be `9007199254740993`"]),
    ];
    for (schema, body, expected) in cases {
        says(schema, body, expected);
    }
}

#[test]
fn the_likeliest_branch() {
    let message = r#"{"oneOf":[
      {"type":"object","properties":{"type":{"const":"text"},"text":{"type":"string"}},"required":["type","text"]},
      {"type":"object","properties":{"type":{"const":"image"},"url":{"type":"string","format":"uri"}},"required":["type","url"]},
      {"type":"array"}]}"#;
    says(message, r#"{"type":"image","url":5}"#, &["$.url: must be text, but is a number"]);
    says(message, r#"{"type":"text"}"#, &["$: required field `text` is missing"]);
    says(r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#, "1", &["$: must be text or null, but is a number"]);
    says(r#"{"oneOf":[{"const":"a"},{"const":"b"}]}"#, r#""c""#, &["$: must be one of `a`, `b`"]);
    says(
        r#"{"oneOf":[{"type":"number"},{"minimum":1}]}"#,
        "2",
        &["$: must have exactly one of 2 allowed forms, but has several"],
    );
}

#[test]
fn no_value_is_ever_shown() {
    let strict = r#"{"type":"object","properties":{"a":{"type":"integer","enum":[1]},"b":{"format":"email","maxLength":2,"pattern":"^x$"},
      "c":{"items":{"type":"string"},"uniqueItems":true,"unevaluatedItems":false},"d":{"oneOf":[{"type":"integer"},{"const":1}]},
      "e":{"not":{}},"f":{"contains":{"const":1}}}}"#;
    let body = r#"{"a":"s3cret","b":"s3cret","c":[["s3cret"],["s3cret"]],"d":"s3cret","e":"s3cret","f":["s3cret"]}"#;
    let all = schema(strict).violations(&json(body));
    assert!(all.len() >= 8, "{all:?}");
    assert!(!format!("{all:?}").contains("s3cret"), "{all:?}");
}

#[test]
fn schemas_with_mistakes() {
    let cases: &[(&str, &str, &str)] = &[
        (r#"{"requird":["a"]}"#, "/requird", "unknown keyword `requird`, did you mean `required`?"),
        (
            r#"{"properties":{"a":{"typ":"string"}}}"#,
            "/properties/a/typ",
            "unknown keyword `typ`, did you mean `type`?",
        ),
        (
            r#"{"anyOf":[{},{"maxlength":1}]}"#,
            "/anyOf/1/maxlength",
            "unknown keyword `maxlength`, did you mean `maxLength`?",
        ),
        (r#"{"nullable":true}"#, "/nullable", "unknown keyword `nullable`; a keyword of your own starts with `x-`"),
        (r#"{"items":[{}]}"#, "/items", "a list of schemas, one for each position, is now given as `prefixItems`"),
        (
            r#"{"dependencies":{}}"#,
            "/dependencies",
            "`dependencies` is from an older draft, use `dependentRequired` or `dependentSchemas`",
        ),
        (
            r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
            "/$schema",
            "only draft 2020-12 is known: write `https://json-schema.org/draft/2020-12/schema` or leave it out",
        ),
        ("[]", "", "a schema is an object, or true or false, but this is a list"),
        (
            r#"{"properties":{"a":"string"}}"#,
            "/properties/a",
            "a schema is an object, or true or false, but this is text",
        ),
        (
            r#"{"properties":{"a":{"type":"text"}}}"#,
            "/properties/a/type",
            "must be one of `array`, `boolean`, `integer`, `null`, `number`, `object`, `string`",
        ),
        (r#"{"required":"a"}"#, "/required", "`required` is a list of names, but is text here"),
        (r#"{"pattern":"("}"#, "/pattern", "in this regular expression the `(` at character 1 is never closed"),
        (
            r#"{"pattern":"(?=a)"}"#,
            "/pattern",
            "look-ahead and look-behind are not available in a regular expression here",
        ),
        (r#"{"properties":{"a":{"format":"phone"}}}"#, "/properties/a/format", "there is no format `phone`"),
    ];
    for (text, pointer, message) in cases {
        let error = Schema::compile(&json(text)).map(|_| ()).expect_err(text);
        assert_eq!((error.pointer.as_str(), error.message.as_str()), (*pointer, *message), "{text}");
    }
    for text in
        [r##"{"$ref":"#/$defs/none"}"##, r#"{"$ref":"https://example.com/a.json"}"#, r#"{"$ref":"file:///etc/passwd"}"#]
    {
        let error = Schema::compile(&json(text)).map(|_| ()).expect_err(text);
        assert!(error.message.contains("points nowhere"), "{text}: {error}");
        assert_eq!(error.pointer, "/$ref", "{text}");
    }
    assert!(
        Schema::compile(&json(
            r#"{"x-note":{"requird":1},"examples":[{"b":1}],"default":{"c":1},"properties":{"requird":{}}}"#
        ))
        .is_ok()
    );
    assert!(Schema::compile(&json("true")).is_ok());
}

#[test]
fn schemas_and_values_without_end() {
    let tree = schema(r##"{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##);
    let deep = format!("{}1{}", r#"{"next":"#.repeat(60), "}".repeat(60));
    assert_eq!(tree.violations(&json(&deep)).len(), 1);
    let wide = json(&format!("[{}\"x\"]", "\"x\",".repeat(50_000)));
    let started = std::time::Instant::now();
    assert_eq!(schema(r#"{"items":{"type":"integer"}}"#).violations(&wide).len(), MOST);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    assert!(Schema::compile(&json(&format!("{}{{}}{}", "{\"not\":".repeat(63), "}".repeat(63)))).is_ok());
    let looping = schema(r##"{"$ref":"#"}"##);
    let _ = looping.is_valid(&json("{}"));
}

#[test]
fn references_that_multiply_are_refused_and_those_that_share_or_come_back_are_not() {
    let chain = |keyword: &str, count: usize| {
        let parts = (0..count).map(|at| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1);
            format!(r#""d{at}":{{"{keyword}":[{next},{next}]}}"#)
        });
        let parts: Vec<String> = parts.chain([format!(r#""d{count}":{{"type":"string"}}"#)]).collect();
        json(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, parts.join(",")))
    };
    let refused = |document: &Value| Schema::compile(document).is_err_and(|e| e.message.contains("more than "));
    for keyword in ["allOf", "anyOf", "oneOf"] {
        assert!(refused(&chain(keyword, 40)), "{keyword}");
        assert!(!refused(&chain(keyword, 3)), "{keyword}");
    }
    let forks = |count: usize| {
        let inner = (0..count).fold(r#"{"type":"string"}"#.to_owned(), |inner, _| {
            format!(r#"{{"anyOf":[{{"properties":{{"a":{inner}}}}},{{"properties":{{"b":{{}}}}}}]}}"#)
        });
        json(&inner)
    };
    assert!(!refused(&forks(9)));
    assert!(refused(&chain("prefixItems", 1100)));
    assert!(!refused(&chain("prefixItems", 30)));
    let row = |count: usize| {
        let parts = (0..count).map(|at| format!(r##""d{at}":{{"allOf":[{{"$ref":"#/$defs/d{}"}}]}}"##, at + 1));
        let last = format!(r##""d{count}":{{"properties":{{"a":{{"$ref":"#/$defs/d0"}}}}}}"##);
        let parts: Vec<String> = parts.chain([last]).collect();
        json(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, parts.join(",")))
    };
    assert!(!refused(&row(40)));
    assert!(refused(&row(60)));
    let tree = r##"{"properties":{"left":{"$ref":"#"},"right":{"$ref":"#"}},"anyOf":[{"required":["left"]},{"type":"object"}]}"##;
    says(tree, r#"{"left":{"right":{"left":{}}}}"#, &[]);
}

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &[u8]) -> JsonError {
    parse(text, &Limits::default()).expect_err("a refusal")
}

#[test]
fn keeps_order_and_digits() {
    let text = r#"{"z":1,"a":[4.500000,123456789012345678901234567890,1e400,-0],"é":"\"\\\n\u0001/ü😀"}"#;
    assert_eq!(read(text).to_json(), text);
    assert_eq!(read("\u{feff} {\"a\" : 1 , \"a\" : 2 } \n").to_json(), r#"{"a":2}"#);
    assert_eq!(read(r#""\ud83d\ude00\/""#).as_str(), Some("😀/"));
    let digits = "7".repeat(4_000);
    assert_eq!(read(&digits).to_json(), digits);
}

#[test]
fn pretty_text() {
    let value = read(r#"{"a":[1,{"b":null}],"c":[],"d":{}}"#);
    assert_eq!(
        value.to_json_pretty(),
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": [],\n  \"d\": {}\n}"
    );
}

#[test]
fn refusals_say_where() {
    let cases: &[(&str, JsonErrorKind, &str)] = &[
        ("", JsonErrorKind::Empty, "line 1, column 1: expected a value, found the end"),
        (" \n ", JsonErrorKind::Empty, "line 2, column 2: expected a value, found the end"),
        ("{\n  \"é\": }", JsonErrorKind::Syntax, "line 2, column 8: expected a value, found `}`"),
        ("[1,]", JsonErrorKind::Syntax, "line 1, column 4: expected another entry after `,`, found `]`"),
        ("[1", JsonErrorKind::Unfinished, "line 1, column 3: expected `,` or `]`, found the end"),
        ("{\"a\":1,}", JsonErrorKind::Syntax, "line 1, column 8: expected another entry after `,`, found `}`"),
        (
            "{a:1}",
            JsonErrorKind::Syntax,
            "line 1, column 2: expected the name of a field in double quotes, found a letter",
        ),
        (
            "{\"a\" 1}",
            JsonErrorKind::Syntax,
            "line 1, column 6: expected `:` after the name of a field, found a digit or sign",
        ),
        (
            "1 2",
            JsonErrorKind::Trailing,
            "line 1, column 3: expected nothing more after the value, found a digit or sign",
        ),
        ("secret", JsonErrorKind::Syntax, "line 1, column 1: expected a value, found a letter"),
    ];
    for (text, kind, words) in cases {
        let error = refused(text.as_bytes());
        assert_eq!((error.kind, error.to_string().as_str()), (*kind, *words), "{text}");
    }
    assert_eq!(refused(b"\"\xFF\"").kind, JsonErrorKind::InvalidUtf8);
}

#[test]
fn strict() {
    let wrong = [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "-01",
        "-",
        "1.",
        "1.e5",
        ".5",
        "+1",
        "1e",
        "0x10",
        "'a'",
        "tru",
        "nulL",
        "[1 2]",
        "\"\t\"",
        "\"\n\"",
        r#""\x""#,
        r#""\u12""#,
        "\"a",
        "{\"a\":1",
        "{\"a\"",
        "[",
        "{",
        "[,1]",
        "{,}",
        "// c\n1",
        "[1,,2]",
        "{1:2}",
        "\u{a0}1",
        "1\u{0}",
        "tRUE",
        "{} {}",
        "]",
        "\"\\",
    ];
    for text in wrong {
        let ours = parse(text.as_bytes(), &Limits::default());
        assert!(ours.is_err(), "{text} was read as {ours:?}");
    }
}

#[test]
fn hostile_text_costs_little() {
    let open = "[".repeat(100_000);
    assert_eq!(refused(open.as_bytes()).kind, JsonErrorKind::TooDeep);
    let objects = "{\"a\":".repeat(20_000);
    assert_eq!(refused(objects.as_bytes()).kind, JsonErrorKind::TooDeep);
    let many = format!("[{}1]", "1,".repeat(200_000));
    assert_eq!(refused(many.as_bytes()).kind, JsonErrorKind::TooManyNodes);
    let deepest = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert_eq!(read(&deepest).to_json(), deepest);
    let keys: Vec<String> = (0..100_000).map(|at| format!("\"{}\":1", at % 50_000)).collect();
    let value = read(&format!("{{{}}}", keys.join(",")));
    assert_eq!(value.as_object().map(Object::len), Some(50_000));
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| Number::from_f64(number).map(Value::from)),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?"
            .prop_filter_map("valid", |text| Number::parse(&text).map(Value::from)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 100, 24, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..24).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..24).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn round_trip(value in tree()) {
        prop_assert_eq!(&read(&value.to_json()), &value);
        prop_assert_eq!(read(&value.to_json()).to_json(), value.to_json());
        prop_assert_eq!(&read(&value.to_json_pretty()), &value);
        let known: Result<serde_json::Value, _> = serde_json::from_str(&value.to_json());
        if let Ok(known) = known {
            prop_assert_eq!(to_serde(&value), known);
        }
    }

    #[test]
    fn agrees_with_serde(text in "[\\[\\]{},:\"\\\\ntrufalse0-9eE.+ -]{0,12}") {
        let ours = parse(text.as_bytes(), &Limits::default());
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(theirs) => prop_assert_eq!(ours.as_ref().map(to_serde), Ok(theirs)),
            Err(error) => prop_assert!(ours.is_err() || error.to_string().contains("out of range"), "{}", text),
        }
    }

    #[test]
    fn both_readers_read_the_same(value in tree(), text in "[\\[\\]{},:\"\\\\ntrufalse0-9eE.+ -]{0,12}") {
        let limits = Limits::default();
        let written = value.to_json_pretty();
        prop_assert_eq!(plain::read(&written, &limits), in_full(written.as_bytes(), &limits).ok());
        let strict = in_full(text.as_bytes(), &limits).ok();
        prop_assert!(plain::read(&text, &limits).is_none_or(|value| Some(value) == strict), "{}", text);
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes, &Limits::default()).map_err(|error| error.to_string());
    }
}

#[test]
fn a_number_that_is_too_long_is_refused_as_that() {
    for start in [r#"{"id":"#, r#"{"id":-1"#] {
        let error = refused(format!("{start}{}}}", "9".repeat(500_000)).as_bytes());
        assert_eq!(error.to_string(), "line 1, column 7: a number has at most 4,300 digits");
    }
}

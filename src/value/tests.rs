use super::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
}

#[test]
fn numbers_keep_every_digit() {
    for text in
        ["0", "-0", "4.500000", "123456789012345678901234567890", "1e400", "18446744073709551615", "1E+2", "-0.0"]
    {
        assert_eq!(number(text).text(), text);
    }
    assert_eq!(Number::from_f64(17.0).map(|number| number.text().into_owned()).as_deref(), Some("17.0"));
    assert_eq!(Number::from_f64(0.1).map(|number| number.text().into_owned()).as_deref(), Some("0.1"));
    assert!(Number::from_f64(f64::NAN).is_none());
    for float in [f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e16, 1e-7, -0.0] {
        let text = Number::from_f64(float).map(|number| number.text().into_owned()).unwrap_or_default();
        assert_eq!(Number::parse(&text).and_then(|number| number.as_f64()), Some(float), "{text}");
    }
}

#[test]
fn numbers_follow_the_grammar() {
    for text in ["", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "NaN", "Infinity", " 1", "1 ", "0x1", "1_0", "١"]
    {
        assert!(Number::parse(text).is_none(), "{text}");
    }
}

#[test]
fn numbers_compare_by_exact_value() {
    assert_eq!(number("1"), number("1.0"));
    assert_eq!(number("100"), number("1e2"));
    assert_eq!(number("-0"), number("0.00e9"));
    assert_eq!(number("1e400"), number("10e399"));
    assert_eq!(number("0.10"), number("1E-1"));
    assert_ne!(number("9007199254740993"), number("9007199254740992.0"));
    assert_ne!(number("100000000000000000000000000001"), number("100000000000000000000000000000"));
    let ordered =
        ["-1e400", "-18446744073709551616", "-2.5", "-2", "-1e-9", "0", "1e-400", "0.5", "1", "9223372036854775807"];
    let larger = ["9223372036854775808", "18446744073709551615", "18446744073709551616", "1e400"];
    let all: Vec<Number> = ordered.iter().chain(&larger).map(|text| number(text)).collect();
    assert!(all.is_sorted_by(|one, two| one < two), "{all:?}");
}

#[test]
fn numbers_convert() {
    assert!(number("2.0").is_integer() && number("1e2").is_integer() && number("1e400").is_integer());
    assert!(!number("2.5").is_integer() && !number("1e-1").is_integer());
    assert_eq!(number("1e2").as_i64(), Some(100));
    assert_eq!(number("-9223372036854775808.0").as_i64(), Some(i64::MIN));
    assert_eq!(number("18446744073709551615").as_u64(), Some(u64::MAX));
    assert_eq!(number("18446744073709551616").as_u64(), None);
    assert_eq!(number("-1").as_u64(), None);
    assert_eq!(number("1e400").as_f64(), None);
    assert_eq!(number("1e999999999999999999999").as_i64(), None);
}

#[test]
fn objects_keep_order_and_the_last_of_a_key() {
    let small = Value::object([("b", 1), ("a", 2), ("b", 3)]);
    assert_eq!(small.to_json(), r#"{"b":3,"a":2}"#);
    let fields: Vec<(String, i32)> = (0..40).map(|at| (format!("k{}", at % 30), at)).collect();
    let large = Value::object(fields.iter().map(|(key, at)| (key.as_str(), *at)));
    let object = large.as_object().expect("an object");
    assert_eq!(object.len(), 30);
    assert_eq!(object.keys().next().map(|key| &**key), Some("k0"));
    for at in 0..30 {
        let last = if at < 10 { at + 30 } else { at };
        assert_eq!(object.get(&format!("k{at}")), Some(&Value::from(last)));
    }
    assert_eq!(object.get("nothing"), None);
    let back = Value::object(fields.iter().skip(10).rev().map(|(key, at)| (key.as_str(), *at)));
    assert_eq!(large, back, "order does not matter");
    assert_ne!(large, Value::object(fields.iter().take(30).map(|(key, at)| (key.as_str(), *at))));
    let same = Value::object((0..20).map(|at| ("k", at)));
    assert_eq!(same.to_json(), r#"{"k":19}"#);
}

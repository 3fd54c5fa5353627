use super::fields;
use crate::value::json;

fn value(text: &str) -> crate::value::Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

/// The paths that differ, with what stood there and stands there now.
fn differences(before: &str, after: &str) -> Vec<String> {
    let shown = |value: &Option<crate::value::Value>| value.as_ref().map_or("-".to_owned(), |value| value.to_json());
    fields::between(&value(before), &value(after))
        .iter()
        .map(|field| format!("{} {} {}", field.path, shown(&field.before), shown(&field.after)))
        .collect()
}

#[test]
fn fields_are_told_apart_by_their_paths() {
    assert!(differences(r#"{"a":[1,{"b":null}]}"#, r#"{"a":[1,{"b":null}]}"#).is_empty());
    assert_eq!(
        differences(r#"{"a":{"b":1,"x y":2,"gone":[1]},"l":[1,2]}"#, r#"{"a":{"b":1.0,"x y":3,"new":{}},"l":[1,3,4]}"#),
        [r#"a["x y"] 2 3"#, "a.new - {}", "a.gone [1] -", "l[1] 2 3", "l[2] - 4",]
    );
    assert_eq!(differences("[]", r#"{"a":1}"#), [r#" [] {"a":1}"#]);
}

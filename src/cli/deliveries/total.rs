//! What a list leaves out, in words.

use serde_json::Value;

/// `20 of 135 deliveries; --last 135 lists them all`; nothing where all are listed.
pub(in crate::cli) fn told(body: &Value, key: &str, what: &str, most: u64) -> Option<String> {
    let shown = body[key].as_array().map_or(0, |listed| listed.len() as u64);
    let (total, or_more) = (&body["total"][key]["count"], body["total"][key]["or_more"] == true);
    let total = total.as_u64().unwrap_or(0).max(shown);
    match (total > shown, or_more) {
        (false, false) => None,
        (_, true) => Some(format!("{shown} of {total} {what} or more; --last NUMBER lists up to {most}")),
        (true, false) if total > most => Some(format!("{shown} of {total} {what}; --last NUMBER lists up to {most}")),
        (true, false) => Some(format!("{shown} of {total} {what}; --last {total} lists them all")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::told;

    #[test]
    fn what_is_left_out_is_told() {
        let listed = |count: u64, or_more: bool| json!({ "a": [1, 2], "total": { "a": { "count": count, "or_more": or_more } } });
        let cases = [
            (json!({ "a": [1, 2] }), None),
            (listed(2, false), None),
            (listed(3, false), Some("2 of 3 things; --last 3 lists them all")),
            (listed(20_000, false), Some("2 of 20000 things; --last NUMBER lists up to 10000")),
            (listed(10_000, true), Some("2 of 10000 things or more; --last NUMBER lists up to 10000")),
            (listed(2, true), Some("2 of 2 things or more; --last NUMBER lists up to 10000")),
        ];
        for (body, wanted) in cases {
            assert_eq!(told(&body, "a", "things", 10_000).as_deref(), wanted, "{body}");
        }
    }
}

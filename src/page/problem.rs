//! A problem of the files, as the views show it.

use serde_json::{Value as Json, json};

/// A problem as the reload has it, with what every view expects of one, and the view that mends its file.
pub fn shown(problem: &Json) -> Json {
    let places: Vec<Json> = problem["places"].as_array().into_iter().flatten().map(place).collect();
    let file = places.first().and_then(|place| place["file"].as_str()).unwrap_or_default();
    json!({
        "severity": problem["severity"],
        "code": problem["code"],
        "message": problem["message"],
        "help": problem["help"],
        "href": href(file),
        "places": places,
    })
}

fn place(place: &Json) -> Json {
    json!({
        "file": place["file"],
        "line": place["line"].as_u64().unwrap_or(1),
        "column": place["column"].as_u64().unwrap_or(1),
        "label": place["label"],
    })
}

/// The view of a file of the workspace; nothing for one that has none.
pub fn href(file: &str) -> Option<String> {
    match file.strip_prefix("routes/").and_then(|rest| rest.strip_suffix(".yaml")) {
        Some(route) => Some(format!("/routes/{route}")),
        None => (file == crate::compile::SETTINGS).then(|| "/settings".to_owned()),
    }
}

//! A problem of the files or of an event, as the views show it.

use serde_json::{Value as Json, json};

/// What the help says on the command line, and what leads on from the page.
const IN_PLACE_OF: [(&str, &str); 1] = [(
    "see with `jackfield dry-run` what it finds; delete `guess` when that is right, or correct the path",
    "see below what it finds with the request; when that is right, press *It is right* or delete `guess`, or else correct the path",
)];

/// A problem as it is kept as JSON, or in words alone, with every key that a view asks for.
pub fn shown(problem: &Json) -> Json {
    let of = |key: &str| problem.get(key).cloned().unwrap_or_default();
    let places: Vec<Json> = problem.get("places").and_then(Json::as_array).into_iter().flatten().map(place).collect();
    let severity = problem.get("severity").and_then(Json::as_str).unwrap_or("error");
    json!({
        "severity": severity,
        "code": of("code"),
        "message": of("message"),
        "help": problem.get("help").and_then(Json::as_str).map(help),
        "places": places,
    })
}

/// The same with the view that mends its file.
pub fn linked(problem: &Json) -> Json {
    let mut shown = shown(problem);
    shown["href"] = shown["places"][0]["file"].as_str().and_then(href).into();
    shown
}

/// What helps, in words that lead on from the page.
pub fn help(text: &str) -> String {
    IN_PLACE_OF.iter().fold(text.to_owned(), |text, (words, instead)| text.replace(words, instead))
}

fn place(place: &Json) -> Json {
    let at = |key: &str| place.get(key).cloned().unwrap_or_default();
    json!({ "file": at("file"), "line": at("line"), "column": at("column"), "label": at("label") })
}

/// The view of a file of the workspace; nothing for one that has none.
pub fn href(file: &str) -> Option<String> {
    match file.strip_prefix("routes/").and_then(|rest| rest.strip_suffix(".yaml")) {
        Some(route) => Some(format!("/routes/{route}")),
        None => (file == crate::compile::SETTINGS).then(|| "/settings".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_every_key() {
        let stored =
            json!({ "code": "unfit-value", "message": "no", "places": [{ "file": "routes/a.yaml", "path": "x" }] });
        let place = json!({ "file": "routes/a.yaml", "line": null, "column": null, "label": null });
        let wanted = json!({
            "severity": "error", "code": "unfit-value", "message": "no", "help": null, "places": [place],
        });
        assert_eq!(shown(&stored), wanted);
        assert_eq!(linked(&stored)["href"], "/routes/a");
    }
}

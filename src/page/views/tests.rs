//! Every fixture of `web/fixtures` goes through its template, in every language: templates and code can't part.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::clock::Timestamp;

fn fixtures() -> BTreeMap<String, Json> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("web/fixtures");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "json"));
    let named = |file: PathBuf| {
        let text = std::fs::read(&file).unwrap();
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_slice(&text).unwrap())
    };
    files.map(named).collect()
}

fn views() -> Views {
    let at: jiff::Timestamp = "2026-11-21T18:45:00Z".parse().unwrap();
    Views::new(&Clock::fixed(Timestamp(at.as_millisecond())))
}

#[test]
fn every_fixture_is_rendered_in_every_language() {
    let (views, mut fixtures) = (views(), fixtures());
    let common = fixtures.remove("page").unwrap();
    let languages: Vec<Json> =
        views.languages().map(|one| serde_json::json!({ "tag": &*one.tag, "name": one.name })).collect();
    let mut wrong = Vec::new();
    for (name, fixture) in &fixtures {
        for language in views.languages() {
            let mut page = common.clone();
            for (key, value) in fixture["page"].as_object().into_iter().flatten() {
                page[key] = value.clone();
            }
            page["language"] = (*language.tag).into();
            page["languages"] = languages.clone().into();
            page["address"] = fixture["address"].clone();
            let given = [("page", page), ("view", fixture["view"].clone())];
            let template = fixture["template"].as_str().unwrap();
            match views.render(&language.tag, template, &given) {
                Ok(text) if text.starts_with("<!doctype html>") && text.trim_end().ends_with("</html>") => {}
                Ok(text) => wrong.push(format!("{name} in {} is no page: {text:.80}", language.tag)),
                Err(error) => wrong.push(format!("{name} in {}: {error}", language.tag)),
            }
        }
    }
    assert!(fixtures.len() > 25 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_stand_alone() {
    let (views, fixtures) = (views(), fixtures());
    for (name, part, key, view) in [
        ("route", "parts/trial-alone.html", "trace", &["play", "trace"][..]),
        ("route-problems", "parts/diff-alone.html", "diff", &["diff"][..]),
    ] {
        let given = view.iter().fold(&fixtures[name]["view"], |json, key| &json[*key]);
        views.render("en", part, &[(key, given.clone())]).unwrap();
    }
}

#[test]
fn what_stands_in_a_value_is_shown_and_does_nothing() {
    let view = serde_json::json!({ "what": "not_found", "detail": "<script>\"'&", "href": "/" });
    let page = &fixtures()["page"];
    let mut page = page.clone();
    page["language"] = "en".into();
    page["languages"] = serde_json::json!([]);
    page["address"] = "/".into();
    let text = views().render("en", "message.html", &[("page", page), ("view", view)]).unwrap();
    assert!(text.contains("&lt;script&gt;&quot;&#x27;&amp;") && !text.contains("<script>\""), "{text}");
}

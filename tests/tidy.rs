//! Reads the source like data: layers point downwards, every file says what it is for, none grows too long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the bottom. A module may use those of lower layers and of its own line.
const LAYERS: &[&[&str]] = &[
    &["id", "clock", "death", "secret", "backoff", "value"],
    &["diagnostic"],
    &["document", "config"],
    &[
        "convert",
        "delivery",
        "diff",
        "draft",
        "event",
        "extract",
        "pack",
        "path",
        "payload",
        "pipeline",
        "plan",
        "privacy",
        "request",
        "route",
        "schema",
        "source",
        "template",
        "test_case",
        "types",
        "verify",
    ],
    &["compile"],
    &[
        "alert",
        "client",
        "figures",
        "first_draft",
        "live",
        "load",
        "refusal",
        "sandbox",
        "span",
        "store",
        "telemetry",
        "trace",
    ],
    &["admin", "changes", "dispatch", "ingress", "reload"],
    &["page", "routing", "settings", "server"],
    &["cli"],
];

/// Uses that the order of the layers would allow and the architecture does not: the pure core knows nothing of the
/// language as written, and the parts of the outside don't know each other.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "convert delivery diff draft event extract pack path payload pipeline plan privacy request route schema source template test_case types verify",
        &["document", "config"],
    ),
    ("figures live load sandbox store telemetry", &["store", "sandbox"]),
    ("admin dispatch ingress", &["admin", "dispatch", "ingress", "load", "sandbox"]),
    ("reload", &["admin", "dispatch", "ingress", "store", "sandbox"]),
];

/// Crates that only the outside may touch.
const OUTSIDE: &[&str] =
    &["tokio", "axum", "reqwest", "rustls", "notify", "rusqlite", "hyper", "std::fs", "std::net::Tcp"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => found.extend(sources(&entry)),
            false if entry.extension().is_some_and(|ending| ending == "rs") => found.push(entry),
            false => {}
        }
    }
    found.sort();
    found
}

/// The module of the crate that a file belongs to.
fn module(file: &Path) -> String {
    let relative = file.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// A file without its tests and comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str().to_str().is_some_and(|part| part.starts_with("tests")))
}

/// The modules of the crate that a text names.
fn used(code: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    let names = code.split("crate::").skip(1).map(|rest| rest.split(|c| !word(c)).next().unwrap().to_owned());
    names.filter(|name| layer(name).is_some()).collect()
}

#[test]
fn layers_point_downwards() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")).iter().filter(|file| !is_test(file)) {
        let own = module(file);
        if matches!(own.as_str(), "main" | "lib") {
            continue;
        }
        let Some(height) = layer(&own) else {
            wrong.push(format!("{own} is in no layer"));
            continue;
        };
        for other in used(&code(file)).into_iter().filter(|other| *other != own) {
            let forbidden = FORBIDDEN
                .iter()
                .any(|(who, what)| who.split(' ').any(|module| module == own) && what.contains(&other.as_str()));
            let allowed_store = other == "store" && matches!(own.as_str(), "admin" | "dispatch" | "ingress");
            if layer(&other).unwrap() > height || (forbidden && !allowed_store) {
                wrong.push(format!("{} uses {other}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_touches_nothing_outside() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")).iter().filter(|file| !is_test(file)) {
        if layer(&module(file)).is_none_or(|height| height > 4) {
            continue;
        }
        let code = code(file);
        for name in OUTSIDE.iter().filter(|name| code.contains(&format!("{name}::"))) {
            wrong.push(format!("{} uses {name}", file.strip_prefix(root()).unwrap().display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_of_a_size() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        if !text.starts_with("//! ") && !is_test(&file) {
            wrong.push(format!("{name} does not begin with `//! `"));
        }
        let lines = text.split("#[cfg(test)]").next().unwrap().lines().count();
        if lines > 450 && !is_test(&file) {
            wrong.push(format!("{name} has {lines} lines"));
        }
        if file
            .file_name()
            .is_some_and(|name| matches!(name.to_str(), Some("mod.rs" | "utils.rs" | "helpers.rs" | "common.rs")))
        {
            wrong.push(format!("{name} has no name of its own"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_undone_in_the_text() {
    let mut wrong = Vec::new();
    let words = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "X".repeat(3) + ":", "exactly".to_owned() + " once"];
    for file in sources(&root().join("src")).into_iter().chain(sources(&root().join("tests"))) {
        let text = fs::read_to_string(&file).unwrap();
        for word in words.iter().filter(|word| text.contains(word.as_str())) {
            wrong.push(format!("{} says {word}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

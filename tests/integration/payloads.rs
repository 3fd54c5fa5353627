//! Captured requests and what becomes of their bytes, to the digit.

use std::path::Path;

use crate::support::{Folder, in_parts, root, run};

/// Each `NAME.http` of `tests/payloads/` is sent to a source with the keys of `NAME.yaml`, if there is one. `NAME.json`
/// holds the payload (of several events all of them, in a list), or `NAME.error` why there is none.
#[test]
fn every_captured_request_becomes_the_expected_payload() {
    let folder = root().join("tests/payloads");
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.extension().is_some_and(|ending| ending == "http"));
    cases.sort();
    assert!(cases.len() > 90, "there are only {} requests", cases.len());
    let wrong = in_parts(&cases, differs);
    assert!(wrong.is_empty(), "{wrong}run with UPDATE_PAYLOADS=1 to take what was found");
}

/// Every request is told of, and nothing else.
#[test]
fn the_index_names_every_request() {
    let folder = root().join("tests/payloads");
    let index = std::fs::read_to_string(folder.join("INDEX.md")).unwrap();
    let mut named: Vec<_> = index.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).collect();
    named.sort_unstable();
    let names: Vec<String> = named.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut there: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().into_string().unwrap().strip_suffix(".http")?.to_owned()))
        .collect();
    there.sort();
    assert_eq!(names, there);
    assert!(named.iter().all(|(_, what)| what.len() > 20));
}

fn differs(case: &Path) -> Option<String> {
    let (found, ending) = payload(case);
    let (expected, other) = (case.with_extension(ending), if ending == "json" { "error" } else { "json" });
    if std::env::var_os("UPDATE_PAYLOADS").is_some() {
        let _ = std::fs::remove_file(case.with_extension(other));
        std::fs::write(&expected, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    let stale = case.with_extension(other).exists();
    (found != wanted || stale).then(|| format!("=== {}\n--- wanted\n{wanted}--- found\n{found}", case.display()))
}

/// The payload as a dry run shows it, or what it says where there is none.
fn payload(case: &Path) -> (String, &'static str) {
    let bytes = std::fs::read(case).unwrap();
    let line = String::from_utf8_lossy(&bytes).lines().next().unwrap().to_owned();
    let mut words = line.trim_start_matches('\u{feff}').split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let path = target.split('?').next().unwrap();
    let path = path.strip_prefix("/hooks").unwrap_or(path);
    let keys = std::fs::read_to_string(case.with_extension("yaml")).unwrap_or_default();
    let keys: String = keys.lines().map(|line| format!("  {line}\n")).collect();
    let source = format!("source:\n  path: {path}\n  methods: [{method}]\n  verify: none\n{keys}");
    let folder = Folder::new("payloads");
    folder.write("jackfield.yaml", "connections:\n  omnivibe: { provider: omnivibe, inbox_identifier: i, contact_identifier: c, conversation_id: 1 }\n");
    folder.write(
        "routes/case.yaml",
        &format!("{source}send:\n  - to: omnivibe.create_message\n    body: {{ content: hello }}\n"),
    );
    std::fs::write(folder.path().join("case.http"), &bytes).unwrap();
    let output = run(folder.path(), &["dry-run", "case", "--request", "case.http", "--format", "json"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let payloads = payloads(&shown);
    match payloads.as_slice() {
        [] => (reason(&shown, output.stderr), "error"),
        [one] => (format!("{one}\n"), "json"),
        several => (format!("[\n{}\n]\n", several.join(",\n")), "json"),
    }
}

/// The payloads as they are written, so that every digit counts.
fn payloads(shown: &str) -> Vec<String> {
    let parts = shown.split("\n      \"payload\": ").skip(1);
    let own = parts.map(|part| part.split("\n      \"matched\": ").next().unwrap().trim_end_matches(','));
    own.map(|part| part.replace("\n      ", "\n")).collect()
}

/// What is wrong with a body and where in the file, or else with the command.
fn reason(shown: &str, stderr: Vec<u8>) -> String {
    let shown: Option<serde_json::Value> = serde_json::from_str(shown).ok();
    let message = shown.and_then(|shown| {
        let (message, at) = (shown["problem"]["message"].as_str()?, &shown["problem"]["places"][0]);
        Some(format!("{message} ({}:{})\n", at["line"], at["column"]))
    });
    message.unwrap_or_else(|| String::from_utf8(stderr).unwrap())
}

//! Broken workspaces, one mistake each, with the exact report of `check`.

use std::path::Path;

use crate::support::{Folder, in_parts, overlay, root, run, transcript};

/// Each folder of `tests/diagnostics/` holds the files that differ from `tests/diagnostics/_base`, and `report.txt`.
#[test]
fn every_mistake_is_reported_as_expected() {
    let cases = root().join("tests/diagnostics");
    let mut names: Vec<_> = std::fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|case| case.is_dir() && !case.ends_with("_base"));
    names.sort();
    assert!(names.len() > 250, "there are only {} cases", names.len());
    let wrong = in_parts(&names, differs);
    assert!(wrong.is_empty(), "{wrong}run with UPDATE_REPORTS=1 to take what was found");
}

/// What a case's report should be and is, where the two are not the same.
fn differs(case: &Path) -> Option<String> {
    let folder = Folder::new("diagnostics");
    for layer in [&case.with_file_name("_base"), case] {
        overlay(layer, folder.path());
    }
    let _ = std::fs::remove_file(folder.path().join("report.txt"));
    let found = transcript(&run(folder.path(), &["check"]));
    let expected = case.join("report.txt");
    if std::env::var_os("UPDATE_REPORTS").is_some() {
        std::fs::write(&expected, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    (found != wanted).then(|| format!("=== {}\n--- wanted\n{wanted}--- found\n{found}", case.display()))
}

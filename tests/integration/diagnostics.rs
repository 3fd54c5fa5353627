//! Broken workspaces, one mistake each, with the exact report of `check`.

use std::fmt::Write;

use crate::support::{Folder, root, run, transcript};

/// Each folder of `tests/diagnostics/` holds the files that differ from `tests/diagnostics/_base`, and `report.txt`.
#[test]
fn every_mistake_is_reported_as_expected() {
    let cases = root().join("tests/diagnostics");
    let mut wrong = String::new();
    let mut count = 0;
    let mut names: Vec<_> = std::fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for case in names.iter().filter(|case| case.is_dir() && !case.ends_with("_base")) {
        count += 1;
        let folder = Folder::new("diagnostics");
        for layer in [&cases.join("_base"), case] {
            overlay(layer, folder.path());
        }
        let _ = std::fs::remove_file(folder.path().join("report.txt"));
        let found = transcript(&run(folder.path(), &["check"]));
        let expected = case.join("report.txt");
        if std::env::var_os("UPDATE_REPORTS").is_some() {
            std::fs::write(&expected, &found).unwrap();
        }
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if found != wanted {
            writeln!(wrong, "=== {}\n--- wanted\n{wanted}--- found\n{found}", case.display()).unwrap();
        }
    }
    assert!(count > 0);
    assert!(wrong.is_empty(), "{wrong}run with UPDATE_REPORTS=1 to take what was found");
}

fn overlay(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            overlay(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

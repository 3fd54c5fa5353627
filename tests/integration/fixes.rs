//! `check --fix`: broken workspaces, the files as they are afterwards, and the exact output.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::{Folder, files_below, in_parts, overlay, root, run, transcript};

/// Each folder of `tests/fixes/` holds the files that differ from the workspace of `tests/diagnostics/_base`, in
/// `before`; those of them that change, in `after`; and `report.txt`.
#[test]
fn every_certain_mistake_is_mended_and_nothing_else_changes() {
    let mut cases: Vec<_> = std::fs::read_dir(root().join("tests/fixes")).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 12, "there are only {} cases", cases.len());
    let wrong = in_parts(&cases, differs);
    assert!(wrong.is_empty(), "{wrong}run with UPDATE_REPORTS=1 to take what was found");
}

fn differs(case: &Path) -> Option<String> {
    let (folder, wanted) = (Folder::new("fixes"), Folder::new("fixes-wanted"));
    for target in [&folder, &wanted] {
        overlay(&root().join("tests/diagnostics/_base"), target.path());
        overlay(&case.join("before"), target.path());
    }
    let broken = files_below(folder.path());
    let found = transcript(&run(folder.path(), &["check", "--fix"]));
    let mended = files_below(folder.path());
    if std::env::var_os("UPDATE_REPORTS").is_some() {
        std::fs::write(case.join("report.txt"), &found).unwrap();
        let _ = std::fs::remove_dir_all(case.join("after"));
        for (name, bytes) in mended.iter().filter(|(name, bytes)| broken.get(*name) != Some(*bytes)) {
            let target = case.join("after").join(name);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, bytes).unwrap();
        }
        return None;
    }
    if case.join("after").is_dir() {
        overlay(&case.join("after"), wanted.path());
    }
    let report = std::fs::read_to_string(case.join("report.txt")).unwrap_or_default();
    let again = transcript(&run(folder.path(), &["check", "--fix"]));
    let same =
        found == report && mended == files_below(wanted.path()) && !again.lines().any(|l| l.starts_with("fixed"));
    (!same).then(|| format!("=== {}\n--- wanted\n{report}--- found\n{found}--- again\n{again}", case.display()))
}

const MISSPELT: &str = "source: { pth: /in, verify: none }\nsend:\n  - to: acme.note\n    body: { key: a, text: b }\n";

fn misspelt(name: &str) -> Folder {
    let folder = Folder::with(name, crate::support::ACME);
    folder.write("routes/in.yaml", MISSPELT);
    folder
}

#[test]
fn what_can_t_be_mended_is_said() {
    let folder = misspelt("unmended");
    folder.write(
        "routes/in.yaml",
        "source: { path: /in, verify: none }\nsend:\n  - to: acme.note\n    body: { key: a }\n",
    );
    let report = transcript(&run(folder.path(), &["check", "--fix"]));
    let line = "nothing here can be mended by itself: the lines that begin with `= help` say what to write\n";
    assert!(report.ends_with(&format!("\n1 error, 1 warning\n{line}--- exit 1\n")), "{report}");
    let report = transcript(&run(folder.path(), &["check", "--fix", "--format", "json"]));
    assert!(report.contains(&format!("--- standard error\n{line}")), "{report}");
    let good = Folder::of_repository("nothing-to-mend");
    let report = transcript(&run(good.path(), &["check", "--fix"]));
    assert_eq!(report, "8 routes, 13 tests: all good\nnothing needs to be mended\n--- exit 0\n");
}

#[test]
fn a_file_keeps_its_permissions_and_leaves_none_beside_it() {
    let folder = misspelt("permissions");
    let path = folder.path().join("routes/in.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let report = transcript(&run(folder.path(), &["check", "--fix"]));
    assert!(report.starts_with("fixed routes/in.yaml:1:11: `pth` → `path`\n\n"), "{report}");
    assert_eq!(folder.read("routes/in.yaml"), MISSPELT.replace("pth", "path"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(folder.path().join("routes")).unwrap().count(), 1);
}

#[test]
fn what_may_not_be_written_is_left_and_named() {
    let folder = misspelt("protected");
    let path = folder.path().join("routes/in.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
    let report = transcript(&run(folder.path(), &["check", "--fix"]));
    assert!(report.contains("`routes/in.yaml` was not changed: it is write-protected\n--- exit 3"), "{report}");
    assert!(report.contains("error[unknown-key]"), "{report}");
    assert_eq!(folder.read("routes/in.yaml"), MISSPELT);

    let elsewhere = Folder::with("elsewhere", &[("in.yaml", MISSPELT)]);
    std::fs::remove_file(&path).unwrap();
    symlink(elsewhere.path().join("in.yaml"), &path).unwrap();
    let report = transcript(&run(folder.path(), &["check", "--fix"]));
    assert!(report.contains("`routes/in.yaml` was not changed: it leads out of the workspace\n--- exit 3"), "{report}");
    assert_eq!(elsewhere.read("in.yaml"), MISSPELT);

    // A link within the workspace stays one.
    folder.write("shared/in.yaml", MISSPELT);
    std::fs::remove_file(&path).unwrap();
    symlink("../shared/in.yaml", &path).unwrap();
    run(folder.path(), &["check", "--fix"]);
    assert!(path.symlink_metadata().unwrap().is_symlink());
    assert_eq!(folder.read("shared/in.yaml"), MISSPELT.replace("pth", "path"));
}

#[test]
fn one_file_is_mended_when_one_is_named() {
    let folder = misspelt("one-file");
    folder.write("routes/other.yaml", &MISSPELT.replace("/in", "/other"));
    let report = transcript(&run(folder.path(), &["check", "routes/other.yaml", "--fix"]));
    assert!(report.starts_with("fixed routes/other.yaml:1:11: `pth` → `path`\n\n"), "{report}");
    assert_eq!(folder.read("routes/in.yaml"), MISSPELT);
}

#[test]
fn what_was_fixed_stands_beside_the_other_formats() {
    for format in ["json", "sarif", "github"] {
        let folder = misspelt(format);
        let output = run(folder.path(), &["check", "--fix", "--format", format]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "fixed routes/in.yaml:1:11: `pth` → `path`\n");
        let shown = String::from_utf8_lossy(&output.stdout);
        match format {
            "github" => assert!(shown.ends_with("1 route, 0 tests: good, with 1 warning\n"), "{shown}"),
            _ => assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}"),
        }
    }
}

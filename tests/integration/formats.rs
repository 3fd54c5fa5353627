//! The reports for other programs: SARIF, workflow commands of GitHub, JUnit, JSON.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Folder, overlay, root, run, transcript};

/// A git checkout with a workspace in `deploy/my desk`, and three problems in it.
fn checkout(name: &str) -> (Folder, PathBuf) {
    let folder = Folder::new(name);
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let workspace = folder.path().join("deploy/my desk");
    std::fs::create_dir_all(&workspace).unwrap();
    overlay(&root().join("tests/diagnostics/_base"), &workspace);
    let route = std::fs::read_to_string(workspace.join("routes/website-form.yaml")).unwrap();
    let route = route
        .replace("{ token: { header: X-Form-Token } }", "none")
        .replace("origin: website-form\n", "origin: { \"é😀\": \"100%, ou: {{ vars.taem }}\" }\n");
    std::fs::write(workspace.join("routes/website-form.yaml"), &route).unwrap();
    std::fs::write(workspace.join("routes/again.yaml"), route.replace("taem", "team")).unwrap();
    (folder, workspace)
}

#[test]
fn sarif_is_as_code_scanning_reads_it() {
    let (folder, workspace) = checkout("sarif");
    let output = run(folder.path(), &["check", "deploy/my desk", "--format", "sarif"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The same from within the workspace: the top of the checkout counts.
    assert_eq!(run(&workspace, &["check", "--format", "sarif"]).stdout, output.stdout);
    let driver = &mut report["runs"][0]["tool"]["driver"];
    let rules = driver["rules"].take();
    driver["semanticVersion"] = "…".into();
    let rules = rules.as_array().unwrap();
    for result in report["runs"][0]["results"].as_array_mut().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].take().as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    insta::assert_snapshot!("sarif-rule", format!("{:#}", rules[0]));
    insta::assert_snapshot!("sarif", format!("{report:#}"));
}

#[test]
fn github_finds_the_file_from_wherever_the_check_runs() {
    let (folder, workspace) = checkout("github");
    let from_top = transcript(&run(folder.path(), &["check", "deploy/my desk", "--format", "github"]));
    insta::assert_snapshot!("github", from_top);
    assert_eq!(transcript(&run(&workspace, &["check", "--format", "github"])), from_top);
    let elsewhere = Folder::new("github-elsewhere");
    let named = workspace.to_str().unwrap();
    let from_elsewhere = transcript(&run(elsewhere.path(), &["check", named, "--format", "github"]));
    let absolute = workspace.canonicalize().unwrap().join("routes/again.yaml");
    assert!(from_elsewhere.starts_with(&format!("::warning file={},line=5,", absolute.display())), "{from_elsewhere}");
}

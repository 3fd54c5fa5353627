//! The reports for other programs: SARIF, workflow commands of GitHub, JUnit, JSON.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{ACME, Folder, Server, overlay, post, root, run, transcript, wait_for};

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

/// Three routes in a folder of their own within a checkout: of the first, one test passes and one fails in two ways.
fn with_failures(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    overlay(&root().join("tests/diagnostics/_base"), folder.path());
    let route = folder.read("routes/website-form.yaml");
    let again = "  - name: \"again, <with> & \\\"all\\\" \\u0007\"\n    request: samples/website-form.http\n    expect:\n      \
                 - to: cloudchat.create_conversation\n        body: { inbox_id: 1, message: { content: Bye }, tags: 12345678901234567890123 }\n";
    folder.write("routes/website-form.yaml", &format!("{route}{again}"));
    folder
}

#[test]
fn junit_is_as_the_servers_of_continuous_integration_read_it() {
    let folder = with_failures("junit");
    let output = run(folder.path(), &["test", "--format", "junit"]);
    insta::assert_snapshot!("junit", transcript(&output));
    assert!(is_well_formed(&output.stdout));
    folder.write("routes/website-form.yaml", "sorce: <website> & {{ x }}\n");
    let output = run(folder.path(), &["test", "--format", "junit"]);
    insta::assert_snapshot!("junit-not-compiled", transcript(&output));
    assert!(is_well_formed(&output.stdout));
}

/// Whether a text is XML to a parser.
fn is_well_formed(text: &[u8]) -> bool {
    let mut reader = quick_xml::Reader::from_reader(text);
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => return true,
            Ok(event) => match event {
                quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start)
                    if start.attributes().any(|attribute| attribute.is_err()) =>
                {
                    return false;
                }
                _ => {}
            },
            Err(_) => return false,
        }
    }
}

#[test]
fn json_holds_each_difference_as_data() {
    let folder = with_failures("json");
    let output = run(folder.path(), &["test", "--format", "json", "website-form"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["passed"], &report["failed"], &report["problems"]),
        (&1.into(), &1.into(), &Value::Array(vec![]))
    );
    insta::assert_snapshot!("differences", format!("{:#}", report["tests"][1]["differences"]));
    folder.write("routes/website-form.yaml", "sorce: website\n");
    let output = run(folder.path(), &["test", "--format", "json"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["passed"], &report["tests"]), (&0.into(), &Value::Array(vec![])));
    assert_eq!(report["problems"][0]["code"], "unknown-key");
}

#[test]
fn a_problem_in_json_says_what_to_write_and_where() {
    let (folder, workspace) = checkout("json-fix");
    let output = run(folder.path(), &["check", "deploy/my desk", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    let unknown = problems.iter().find(|problem| problem["code"] == "unknown-name").unwrap();
    let text = std::fs::read_to_string(workspace.join("routes/website-form.yaml")).unwrap();
    let start = text.find("taem").unwrap();
    let fix =
        serde_json::json!({ "file": "routes/website-form.yaml", "bytes": [start, start + 4], "replacement": "team" });
    assert_eq!(unknown["fix"], fix);
    assert_eq!(problems[0]["fix"], Value::Null);
}

#[test]
fn a_test_counts_events_as_the_server_does() {
    let route = "source: { path: /in, verify: none, split: \"$.items[*]\" }\nidentity: \"{{ payload.id }}\"\nsend:\n  \
                 - to: acme.note\n    body: { key: \"{{ payload.key }}\", text: a }\ntests:\n  - name: of two that are one, \
                 the first\n    request: in.json\n    expect:\n      - { to: acme.note, body: { key: a } }\n      \
                 - { to: acme.note, body: { key: c } }\n";
    let sample = "{\"items\":[{\"id\":1,\"key\":\"a\"},{\"id\":1,\"key\":\"b\"},{\"id\":2,\"key\":\"c\"}]}";
    let folder = Folder::with("identity", ACME);
    folder.write("routes/in.yaml", route);
    folder.write("in.json", sample);
    let report = transcript(&run(folder.path(), &["test"]));
    assert_eq!(report, "ok     in: of two that are one, the first\n\n1 passed, 0 failed\n--- exit 0\n");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", sample.as_bytes()).status, 202);
    server.wait_for("two deliveries", |status| status["deliveries"]["delivered"] == 2);
    let keys = wait_for("what was sent", || Some(server.received()).filter(|received| received.len() == 2));
    // Without a lane, both go at once.
    let mut keys: Vec<String> = keys.iter().map(|received| received["body"]["key"].to_string()).collect();
    keys.sort();
    assert_eq!(keys, ["\"a\"", "\"c\""]);
}

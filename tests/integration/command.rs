//! The commands that look and send nothing, with their exact output.

use crate::support::{Folder, jackfield, root, run, transcript};

#[test]
fn the_repository_is_a_workspace_that_is_good() {
    let folder = Folder::of_repository("good");
    assert_eq!(transcript(&run(folder.path(), &["check"])), "8 routes, 13 tests: all good\n--- exit 0\n");
    let tests = transcript(&run(folder.path(), &["test"]));
    assert!(tests.ends_with("13 passed, 0 failed\n--- exit 0\n"), "{tests}");
}

#[test]
fn a_dry_run_shows_every_step_and_no_secret() {
    let folder = Folder::of_repository("dry-run");
    let dry_run = |args: &[&str]| transcript(&run(folder.path(), &[&["dry-run"], args].concat()));
    insta::assert_snapshot!("dry-run-text", dry_run(&["crm/hubspot-lifecycle-to-omnivibe"]));
    insta::assert_snapshot!("dry-run-json", dry_run(&["telephony/missed-call-to-chat2desk", "--format", "json"]));
    insta::assert_snapshot!("dry-run-curl", dry_run(&["telephony/call-record-to-omnivibe", "--format", "curl"]));
}

#[test]
fn a_tampered_request_does_not_verify() {
    let folder = Folder::of_repository("tampered");
    let sample = folder.read("samples/zadarma-missed-call.http");
    folder.write("samples/tampered.http", &sample.replace("442079460000", "442079460001"));
    let args = ["dry-run", "telephony/missed-call-to-chat2desk", "--request", "samples/tampered.http"];
    let shown = transcript(&run(folder.path(), &args));
    assert!(
        shown.contains("verified   no, by the signature in header `signature`: the signature does not match"),
        "{shown}"
    );
    assert!(shown.ends_with("--- exit 1\n"), "{shown}");
}

#[test]
fn init_makes_a_workspace_that_is_good_and_leaves_what_is_there() {
    let folder = Folder::new("init");
    insta::assert_snapshot!("init", transcript(&run(folder.path(), &["init", "new"])));
    let new = folder.path().join("new");
    assert_eq!(transcript(&run(&new, &["check"])), "1 route, 1 test: all good\n--- exit 0\n");
    let again = transcript(&run(folder.path(), &["init", "new"]));
    assert!(again.ends_with("is there already: this folder is a workspace\n--- exit 2\n"), "{again}");
}

#[test]
fn a_folder_without_settings_is_told_so_and_nothing_else() {
    let folder = Folder::of_repository("no-settings");
    let within = transcript(&run(&folder.path().join("routes"), &["check"]));
    assert!(within.starts_with("checked is the workspace that this folder lies in: `"), "{within}");
    std::fs::rename(folder.path().join("jackfield.yaml"), folder.path().join("jackfield.yml")).unwrap();
    let wanted = "error[missing-file]: this folder has no `jackfield.yaml`\n--> jackfield.yaml\n = help: rename \
                  `jackfield.yml` to `jackfield.yaml`\n\n1 error\n--- exit 1\n";
    assert_eq!(transcript(&run(folder.path(), &["check"])), wanted);
}

#[test]
fn a_workspace_without_routes_is_told_so() {
    let folder = Folder::new("no-routes");
    folder.write("jackfield.yaml", "connections: {}\n");
    let shown = transcript(&run(folder.path(), &["check"]));
    assert!(
        shown.starts_with("warning[unreadable-file]: this workspace has no route, so nothing is received"),
        "{shown}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_can_t_be_written_is_told() {
    let folder = Folder::of_repository("full");
    for args in [&["check"][..], &["check", "--format", "sarif"], &["schema", "route"], &["explain", "unknown-key"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = jackfield(folder.path(), args).stdout(full).output().unwrap();
        let told = "--- standard error\nstandard output can't be written: no storage space\n--- exit 3\n";
        assert_eq!(transcript(&output), told, "{args:?}");
    }
}

#[test]
fn a_byte_order_mark_belongs_to_no_file() {
    let folder = Folder::of_repository("marked");
    for file in ["sandbox.env", "samples/zadarma-missed-call.http", "jackfield.yaml"] {
        folder.write(file, &format!("\u{feff}{}", folder.read(file)));
    }
    assert_eq!(transcript(&run(folder.path(), &["check"])), "8 routes, 13 tests: all good\n--- exit 0\n");
}

#[test]
fn what_is_asked_for_and_is_not_there_is_named() {
    let folder = Folder::of_repository("wrong");
    let cases: &[(&[&str], &str)] = &[
        (&["check", "nowhere"], "there is no `nowhere`"),
        (&["dry-run", "forms/typeform-to-cloudcat"], "did you mean `forms/typeform-to-cloudchat`?"),
        (&["dry-run", "forms/typeform-to-cloudchat", "--request", "nothing.http"], "there is no file `nothing.http`"),
        (&["serve", "--sandbxo"], "unexpected argument '--sandbxo'"),
        (&["status", "127.0.0.1:1"], "no server answers on http://127.0.0.1:1"),
    ];
    for (args, wanted) in cases {
        let shown = transcript(&run(folder.path(), args));
        assert!(shown.contains(wanted) && !shown.ends_with("exit 0\n"), "{args:?}: {shown}");
    }
    let outside = transcript(&run(std::env::temp_dir().as_path(), &["check", "/"]));
    assert!(outside.contains("this folder has no `jackfield.yaml`"), "{outside}");
    assert!(root().join("jackfield.yaml").is_file());
}

#[test]
fn a_workspace_is_named_in_either_way() {
    let folder = Folder::of_repository("either-way");
    let route = "forms/typeform-to-cloudchat";
    std::fs::create_dir(folder.path().join("beside")).unwrap();
    let beside = |args: &[&str]| transcript(&run(&folder.path().join("beside"), args));
    std::fs::create_dir(folder.path().join("ws")).unwrap();
    for part in ["jackfield.yaml", "sandbox.env", "routes", "samples"] {
        crate::support::copy(&folder.path().join(part), &folder.path().join("ws").join(part));
    }
    std::fs::remove_file(folder.path().join("jackfield.yaml")).unwrap();
    let file = format!("../ws/routes/{route}.yaml");
    let good: &[&[&str]] = &[
        &["check", "../ws"],
        &["check", "-w", "../ws"],
        &["check", "--workspace", "../ws/routes"],
        &["check", &file],
        &["check", "-w", "../ws", "routes/forms/typeform-to-cloudchat.yaml"],
        &["check", "-w", "../ws", &file],
    ];
    for args in good {
        let shown = beside(args);
        assert!(shown.ends_with("8 routes, 13 tests: all good\n--- exit 0\n"), "{args:?}: {shown}");
    }
    let tests: &[&[&str]] = &[
        &["test", "-w", "../ws", "forms/typeform"],
        &["test", "-w", "../ws", "./routes/forms/typeform"],
        &["test", "-w", "../ws", "routes/forms/typeform-to-cloudchat.yaml"],
        &["test", &file],
    ];
    for args in tests {
        assert!(beside(args).ends_with("\n2 passed, 0 failed\n--- exit 0\n"), "{args:?}");
    }
    assert!(beside(&["test", "../ws"]).ends_with("\n13 passed, 0 failed\n--- exit 0\n"));
    for args in [["dry-run", &file, "-w", "."], ["dry-run", route, "-w", "../ws"]] {
        assert!(beside(&args).starts_with(&format!("route      {route}\n")), "{args:?}");
    }
    assert_eq!(
        beside(&["check", "-w", "../ws", "../samples"]),
        "--- standard error\n`../ws/../samples` is not in the workspace `../ws`; name one of the two\n--- exit 2\n"
    );
}

#[test]
fn a_filter_that_fits_no_test_is_answered_with_those_there_are() {
    let folder = Folder::of_repository("filter");
    let shown = transcript(&run(folder.path(), &["test", "telefony"]));
    insta::assert_snapshot!("test-filter", shown);
    folder.write(
        "routes/bare.yaml",
        "source: { path: /bare, verify: none }\nsend:\n  - to: omnivibe.create_message\n    body: { content: Hello }\n",
    );
    let shown = transcript(&run(folder.path(), &["test", "bare"]));
    assert!(
        shown.starts_with("--- standard error\nthe route `bare` has no test; it carries them under `tests:`\n"),
        "{shown}"
    );
}

#[test]
fn a_parameter_can_t_lead_elsewhere() {
    let pack = "title: Acme\nbase_url: https://api.acme.example\noperations:\n  note: { path: \"/customers/{customer}/notes\" }\n";
    let route = "source: { path: /in, verify: none }\nsend:\n  - to: acme.note\n    params: { customer: \"{{ payload.c }}\" }\n";
    let files = [
        ("schemas/acme/pack.yaml", pack),
        ("jackfield.yaml", "connections:\n  acme: { provider: acme }\n"),
        ("routes/in.yaml", route),
        ("good.json", "{\"c\":\"a/b?c=d\"}"),
        ("bad.json", "{\"c\":\"..\"}"),
    ];
    let folder = Folder::with("parameter", &files);
    let good = transcript(&run(folder.path(), &["dry-run", "in", "--request", "good.json", "--format", "curl"]));
    assert!(good.contains("https://api.acme.example/customers/a%2Fb%3Fc%3Dd/notes"), "{good}");
    let bad = transcript(&run(folder.path(), &["dry-run", "in", "--request", "bad.json"]));
    assert!(bad.contains("error[invalid-parameter]") && bad.ends_with("--- exit 1\n"), "{bad}");
}

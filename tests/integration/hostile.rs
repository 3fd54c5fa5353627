//! Folders and files that nobody means well with: `check` says what is wrong, soon, and without filling the memory.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Folder, run, transcript};

const SETTINGS: &str =
    "connections:\n  partoo: { provider: partoo, api_key: 4f9a1c, channel_id: chn, business_id: b1 }\n";
const ROUTE: &str = "
source: { path: /in, verify: { token: { header: X-Key } }, secret: k3y }
send:
  - to: partoo.ingest_message
    body: { external_conversation_id: c, external_message_id: m, content: hi, sender_type: Consumer }
";

fn workspace(name: &str) -> Folder {
    Folder::with(name, &[("jackfield.yaml", SETTINGS), ("routes/good.yaml", ROUTE)])
}

/// What `check` says, which it says within the time that a person waits.
fn check(folder: &Folder) -> String {
    let started = Instant::now();
    let shown = transcript(&run(folder.path(), &["check"]));
    assert!(started.elapsed() < Duration::from_secs(30), "it took {:?}", started.elapsed());
    shown
}

fn pipe(folder: &Folder, file: &str) {
    assert!(Command::new("mkfifo").arg(folder.path().join(file)).status().unwrap().success());
}

#[test]
fn what_is_no_file_is_named_and_keeps_nobody_waiting() {
    let folder = workspace("no-files");
    pipe(&folder, "routes/pipe.yaml");
    pipe(&folder, "sandbox.env");
    pipe(&folder, "secret");
    symlink("/dev/zero", folder.path().join("routes/zero.yaml")).unwrap();
    folder.write("jackfield.yaml", &SETTINGS.replace("4f9a1c,", "\"${file:secret}\","));
    insta::assert_snapshot!("no-files", check(&folder));
}

#[test]
fn a_test_whose_request_is_a_pipe_fails() {
    let folder = workspace("pipe-sample");
    pipe(&folder, "captured.http");
    folder.write("routes/good.yaml", &format!("{ROUTE}tests: [{{ name: t, request: captured.http, expect: [] }}]\n"));
    assert!(check(&folder).contains("error[missing-file]"), "{}", check(&folder));
}

#[test]
fn links_that_lead_round_and_round_are_followed_once() {
    let folder = workspace("links");
    for number in 0..20 {
        symlink(".", folder.path().join(format!("routes/here{number}"))).unwrap();
        symlink("..", folder.path().join(format!("routes/up{number}"))).unwrap();
    }
    symlink("/", folder.path().join("routes/everything")).unwrap();
    assert_eq!(check(&folder), "1 route, 0 tests: all good\n--- exit 0\n");
}

#[test]
fn a_name_that_cannot_be_written_is_reported_and_not_sent_to_the_terminal() {
    let folder = workspace("names");
    folder.write("routes/\u{1b}[31mred.yaml", ROUTE);
    insta::assert_snapshot!("names", check(&folder));
}

#[test]
fn a_file_that_is_named_again_and_again_is_read_once() {
    let folder = workspace("again");
    let names: String = (0..2000).map(|number| format!("${{file:{}secret}}", "./".repeat(number % 100))).collect();
    folder.write("routes/good.yaml", &ROUTE.replace("k3y", &format!("\"{names}\"")));
    folder.write("secret", &"x".repeat(60_000));
    assert_eq!(check(&folder), "1 route, 0 tests: all good\n--- exit 0\n");
    folder.write("secret", &"x".repeat(15_000_000));
    assert!(check(&folder).contains("can't be read"), "{}", check(&folder));
}

#[test]
fn a_large_file_is_refused_by_its_size() {
    let folder = workspace("large");
    folder.write("routes/lines.yaml", &"\n".repeat(900_000));
    folder.write("routes/larger.yaml", &"#".repeat(2_000_000));
    insta::assert_snapshot!("large", check(&folder));
}

#[test]
fn what_an_event_brings_does_not_reach_the_terminal_as_it_is() {
    let folder = workspace("terminal");
    folder.write("routes/good.yaml", &ROUTE.replace("send:", "lane: \"{{ payload.a }}\"\nsend:"));
    folder.write("captured.json", r#"{ "a": "\u001b[31mred\u0007" }"#);
    let shown = transcript(&run(folder.path(), &["dry-run", "good", "--request", "captured.json"]));
    assert!(shown.contains("lane       \\u{1b}[31mred\\u{7}  line"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn expressions_that_go_deep_are_refused_before_anything_takes_them_apart() {
    let folder = workspace("deep");
    let deep = [
        format!("{{{{ {}1 }}}}", "-".repeat(60_000)),
        format!("{{{{ {}n{} }}}}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("{{{{ n{} }}}}", " and n".repeat(10_000)),
        format!("{}{{{{ n }}}}{}", "{% if n %}".repeat(2_500), "{% endif %}".repeat(2_500)),
    ];
    for template in deep {
        for route in [
            ROUTE.replace("content: hi", &format!("content: \"{template}\"")),
            ROUTE.replace("send:", &format!("match: \"{template}\"\nsend:")),
        ] {
            folder.write("routes/good.yaml", &route);
            let shown = check(&folder);
            assert!(
                shown.contains("the expressions of a template may have 4096 bytes"),
                "{}",
                shown.get(..400).unwrap_or(&shown)
            );
            assert!(shown.ends_with("--- exit 1\n"));
        }
    }
}

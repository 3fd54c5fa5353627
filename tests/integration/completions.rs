//! What `completions` and `man` write is taken by the programs that read it.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::process::Command;

use crate::support::{Folder, run, transcript};

const COMMANDS: [&str; 22] = [
    "init",
    "new",
    "check",
    "dry-run",
    "erase",
    "test",
    "diff",
    "serve",
    "sandbox",
    "schema",
    "status",
    "events",
    "deliveries",
    "dead-letters",
    "replay",
    "release",
    "dismiss",
    "backup",
    "store",
    "explain",
    "completions",
    "man",
];

/// Whether a program is on this machine.
fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: there is no `{program}` here");
    }
    found
}

fn script(folder: &Folder, shell: &str) -> String {
    let output = run(folder.path(), &["completions", shell]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_gets_a_script_with_every_command() {
    let folder = Folder::new("completions");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = script(&folder, shell);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
    let other = transcript(&run(folder.path(), &["completions", "tcsh"]));
    assert!(other.contains("bash, elvish, fish, powershell, zsh") && other.ends_with("--- exit 2\n"), "{other}");
}

#[test]
fn shells_can_read_their_scripts() {
    let folder = Folder::new("completions-read");
    for (shell, only_read) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        if is_here(shell) {
            folder.write(shell, &script(&folder, shell));
            let output = Command::new(shell).arg(only_read).arg(folder.path().join(shell)).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {}", transcript(&output));
        }
    }
}

#[test]
fn bash_completes_commands_and_codes() {
    if !is_here("bash") {
        return;
    }
    let folder = Folder::new("completions-bash");
    folder.write("script", &script(&folder, "bash"));
    let completed = |words: &str, last: &str| {
        let line = format!(
            "source ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _jackfield jackfield {last}; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        transcript(&output)
    };
    assert_eq!(completed("jackfield dry", "dry"), "dry-run\n--- exit 0\n");
    assert_eq!(completed("jackfield explain yaml-un", "yaml-un").split(' ').next(), Some("yaml-unquoted-template"));
    let found = completed("jackfield explain partoo.", "partoo.");
    assert_eq!(found, "partoo.ingest_message partoo.message partoo.event\n--- exit 0\n");
}

#[test]
fn the_man_page_names_every_command() {
    let folder = Folder::new("man");
    let page = run(folder.path(), &["man"]);
    assert!(page.status.success());
    folder.write("jackfield.1", &String::from_utf8(page.stdout).unwrap());
    let text = folder.read("jackfield.1").replace("\\-", "-");
    for command in COMMANDS {
        assert!(text.contains(&format!("\njackfield-{command}(1)\n")), "the page does not name {command}:\n{text}");
    }
    if is_here("man") {
        let args = ["--warnings", "-l", "jackfield.1"];
        let read = Command::new("man").args(args).env("MANWIDTH", "80").current_dir(folder.path()).output().unwrap();
        let shown = transcript(&read);
        assert!(shown.contains("jackfield-dry-run(1)") && read.stderr.is_empty(), "{shown}");
    }
    if is_here("mandoc") {
        let args = ["-T", "lint", "-W", "error", "jackfield.1"];
        let read = Command::new("mandoc").args(args).current_dir(folder.path()).output().unwrap();
        assert!(read.status.success(), "{}", transcript(&read));
    }
}

#[test]
fn every_command_has_a_page() {
    let folder = Folder::new("man-pages");
    let shown = transcript(&run(folder.path(), &["man", "--dir", "share/man1"]));
    assert_eq!(shown, "the pages are in share/man1; read one with `man -l share/man1/jackfield.1`\n--- exit 0\n");
    let mut pages: Vec<String> = COMMANDS.iter().map(|command| format!("jackfield-{command}.1")).collect();
    pages.extend(["jackfield.1", "jackfield-new-route.1", "jackfield-store-verify.1"].map(str::to_owned));
    pages.sort();
    let there = std::fs::read_dir(folder.path().join("share/man1")).unwrap();
    let mut found: Vec<String> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, pages);
    folder.write("file", "");
    let refused = transcript(&run(folder.path(), &["man", "--dir", "file/man1"]));
    assert!(refused.starts_with("--- standard error\n`file/man1` can't be written to: "), "{refused}");
    assert!(refused.ends_with("--- exit 3\n"), "{refused}");
}

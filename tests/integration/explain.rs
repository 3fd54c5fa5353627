//! What `explain` says is true: each wrong example brings up its code, each right one is good.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use jackfield::diagnostic::Code;
use jackfield::diagnostic::explain::{self, Example, Part};

use crate::support::{Folder, Server, copy, exchange, jackfield, post_bytes, root, run, transcript};

#[test]
fn the_captured_request_of_a_pack_is_written_as_a_file() {
    let folder = Folder::new("explain-sample");
    let sample = run(folder.path(), &["explain", "typeform.form_response", "--sample"]);
    let (first, rest) = sample.stdout.split_at(sample.stdout.iter().position(|byte| *byte == b'\n').unwrap() + 1);
    assert!(sample.status.success() && first.starts_with(b"# secret: "), "{}", transcript(&sample));
    assert!(rest.starts_with(b"POST "), "{}", transcript(&sample));
    let none = transcript(&run(folder.path(), &["explain", "typeform.form_response", "--sample", "9"]));
    assert!(none.contains("`typeform.form_response` has the samples 1 to "), "{none}");
}

#[test]
fn a_code_is_explained_however_it_is_written() {
    let folder = Folder::new("explain-words");
    let shown = transcript(&run(folder.path(), &["explain", "unknown-key"]));
    insta::assert_snapshot!("explain", shown);
    for written in ["UNKNOWN-KEY", "unknown_key", "error[unknown-key]", "error[unknown-key]:", "[unknown-key]"] {
        assert_eq!(transcript(&run(folder.path(), &["explain", written])), shown, "{written}");
    }
}

#[test]
fn without_a_name_all_codes_and_packs_are_listed() {
    let folder = Folder::new("explain-list");
    let shown = transcript(&run(folder.path(), &["explain"]));
    let mut lines = shown.lines();
    for codes in Code::ALL.chunk_by(|a, b| a.area() == b.area()) {
        assert_eq!(lines.next(), Some(codes[0].area()));
        for code in codes {
            let line = lines.next().unwrap_or_default();
            assert!(line.starts_with(&format!("  {code} ")) && line.ends_with(code.summary()), "{code}: {line}");
        }
        lines.next();
    }
    let packs: String = lines.map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!("explain-packs", packs);
}

#[test]
fn a_code_that_does_not_exist_brings_the_nearest() {
    let folder = Folder::new("explain-unknown");
    let cases = [
        ("unkown-key", "there is no code or pack `unkown-key`; did you mean `unknown-key`?\n"),
        ("Error[Yaml_Tabs]", "there is no code or pack `yaml-tabs`; did you mean `yaml-tab`?\n"),
        ("xyz", "there is no code or pack `xyz`; `jackfield explain` lists them all\n"),
    ];
    for (written, wanted) in cases {
        let found = transcript(&run(folder.path(), &["explain", written]));
        assert_eq!(found, format!("--- standard error\n{wanted}--- exit 2\n"));
    }
}

#[test]
fn a_word_of_the_language_is_told_as_its_page_has_it() {
    let folder = Folder::new("explain-language");
    let shown = transcript(&run(folder.path(), &["explain", "hmac"]));
    let wanted = "hmac, in docs/language.md under \"verify\"\n\
                  a keyed hash over the request; the key is the `secret`\n\
                  example: `{ hmac: { header: X-Hub-Signature-256, prefix: sha256= } }`\n--- exit 0\n";
    assert_eq!(shown, wanted);
    for word in ["Handshake", "phone?", "first_of", "tolerance"] {
        assert!(transcript(&run(folder.path(), &["explain", word])).ends_with("--- exit 0\n"), "{word}");
    }
}

#[test]
fn a_pack_its_operations_and_its_webhooks_are_explained() {
    let folder = Folder::new("explain-pack");
    let explain = |name: &str| transcript(&run(folder.path(), &["explain", name]));
    let names = ["partoo", "partoo.ingest_message", "cloudchat.create_conversation", "cloudchat.find_contact"];
    for name in names.into_iter().chain(["twilio.sms", "kommo.leads_add"]) {
        insta::assert_snapshot!(format!("explain-{name}"), explain(name));
    }
    assert_eq!(explain("Partoo"), explain("partoo"));
    let cases = [
        ("partoo.ingest", "Partoo has no operation or webhook `ingest`; did you mean `ingest_message`?"),
        ("partto", "there is no code or pack `partto`; did you mean `partoo`?"),
        (
            "prtoo.ingest_message",
            "there is no code or pack `prtoo.ingest_message`; did you mean `partoo.ingest_message`?",
        ),
        ("foo.bar", "there is no code or pack `foo.bar`; `jackfield explain` lists them all"),
    ];
    for (name, wanted) in cases {
        assert_eq!(explain(name), format!("--- standard error\n{wanted}\n--- exit 2\n"));
    }
}

#[test]
fn a_workspace_explains_its_own_packs_and_connections() {
    let folder = Folder::with("explain-own", crate::support::ACME);
    let settings =
        "connections:\n  desk: { provider: partoo, api_key: \"${env:KEY}\" }\n  chatwoot: { provider: partoo }\n";
    folder.write("jackfield.yaml", settings);
    folder.write(
        "schemas/twilio/pack.yaml",
        "title: Our Twilio\nwebhooks: { sms: { verify: none, samples: [s.http] } }\n",
    );
    folder.write("schemas/twilio/s.http", "POST /hooks/x HTTP/1.1\nContent-Type: application/json\n\n{\"a b\":[1,{}]}");
    let beside = Folder::new("explain-beside");
    let explain = |name: &str| {
        let workspace = folder.path().to_str().unwrap();
        transcript(&run(beside.path(), &["explain", "-w", workspace, name]))
    };
    assert!(explain("acme.note").contains("\n  - to: acme.note\n"), "{}", explain("acme.note"));
    assert!(explain("desk").starts_with("Partoo, `partoo`\n") && explain("desk").contains("\nconnections:\n  desk:\n"));
    // A connection with the name of another pack does not hide it.
    let line = "\nThe connection `chatwoot` of this workspace is to `partoo`: jackfield explain partoo\n";
    assert!(explain("chatwoot").starts_with("Chatwoot, `chatwoot`\n") && explain("chatwoot").contains(line));
    assert!(explain("desk.ingest_message").contains("\n  - to: desk.ingest_message\n"));
    assert!(explain("twilio").contains("It is the workspace's own pack, schemas/twilio/pack.yaml.\n"));
    let sms = explain("twilio.sms");
    assert!(sms.contains("  $['a b'][0]  1\n  $['a b'][1]  {}\n"), "{sms}");
}

/// What follows a heading, up to the next empty line.
fn pasted(shown: &str, heading: &str) -> String {
    let (_, rest) = shown.split_once(&format!("\n{heading}\n\n")).unwrap_or_else(|| panic!("no {heading}:\n{shown}"));
    let lines = rest.lines().take_while(|line| !line.is_empty() && !line.starts_with("---"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_to_be_pasted_is_good() {
    let empty = Folder::new("explain-empty");
    let explain = |name: &str| transcript(&run(empty.path(), &["explain", name]));
    let packs: Vec<String> = std::fs::read_dir(root().join("schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(packs.len() > 12);
    let ingest = pasted(&explain("partoo.ingest_message"), "An example, to paste into a route");
    let listed = explain("partoo");
    let partoo = pasted(&listed, "A connection, to paste into jackfield.yaml").replace("# ", "").replace('…', "1");
    for pack in packs {
        let shown = explain(&pack);
        let (mut files, mut connections) = (Vec::new(), partoo.clone());
        let names = |heading: &str| -> Vec<String> {
            let lines = shown.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
            let rows = lines.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("    "));
            rows.map(|row| row.trim().to_owned()).collect()
        };
        for operation in names("What it takes") {
            let send = pasted(&explain(&format!("{pack}.{operation}")), "An example, to paste into a route");
            // What is fetched is for a delivery.
            let delivery = if send.starts_with("lookup:") { ingest.as_str() } else { "" };
            files.push(format!("source: {{ path: /{operation}, verify: none }}\n{send}{delivery}"));
        }
        for webhook in names("What it sends") {
            let source = pasted(&explain(&webhook), "A source, to paste into a route");
            files.push(format!("{source}{ingest}"));
        }
        if shown.contains("to paste into jackfield.yaml") {
            let own = pasted(&shown, "A connection, to paste into jackfield.yaml");
            let own = own.replace("# ", "").replace('…', "1");
            // Its webhooks are sent on to Partoo.
            connections =
                if pack == "partoo" { own } else { partoo.clone() + own.trim_start_matches("connections:\n") };
        }
        assert!(!files.is_empty(), "{shown}");
        let folder = Folder::with("explain-pasted", &[("jackfield.yaml", &connections)]);
        for (number, file) in files.iter().enumerate() {
            folder.write(&format!("routes/r{number}.yaml"), file);
        }
        let report = transcript(&run(folder.path(), &["check"]));
        assert!(report.ends_with("--- exit 0\n"), "{connections}{files:?}\n{report}");
    }
}

#[test]
fn colours_are_for_terminals() {
    let folder = Folder::new("explain-colours");
    let shown = |name: &str| {
        let output = jackfield(folder.path(), &["explain", "yaml-tab"]).env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (plain, colored) = (shown("NO_COLOR"), shown("CLICOLOR_FORCE"));
    assert!(colored.contains("\u{1b}[1;31mWrong\u{1b}[0m, in routes/form.yaml:"), "{colored}");
    assert!(!plain.contains('\u{1b}') && !colored.contains("```"), "{plain}{colored}");
}

#[test]
fn the_page_of_errors_is_fresh() {
    let output = run(&root(), &["explain", "--page"]);
    let (page, file) = (String::from_utf8(output.stdout).unwrap(), root().join("docs/errors.md"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page, "docs/errors.md is stale; run with UPDATE_DOCS=1 to write it");
    for code in Code::ALL {
        let summary = code.summary();
        assert!(page.contains(&format!("| [{code}](#{code}) | {summary}")), "{code} is not in the table");
        assert!(page.contains(&format!("\n## {code}\n\n**{summary}**\n")), "{code} has no section");
    }
}

/// `script` gives a program a terminal.
#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn check_names_explain_to_a_person_and_to_nobody_else() {
    let folder = Folder::with("explain-check", &[("jackfield.yaml", "connection: {}\n")]);
    let line = "more on each: jackfield explain CODE";
    assert!(!transcript(&run(folder.path(), &["check"])).contains(line));
    let on_a_terminal = |args: &str| {
        let command = format!("{} check {args}", env!("CARGO_BIN_EXE_jackfield"));
        let output = Command::new("script").args(["-qec", &command, "/dev/null"]).current_dir(folder.path()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let version = Command::new("script").arg("--version").output();
    if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux")) {
        eprintln!("SKIPPED: util-linux's `script` is not here to give `check` a terminal");
        return;
    }
    let shown = on_a_terminal("");
    assert!(shown.trim_end().ends_with(&format!("\u{1b}[2m{line}\u{1b}[0m")), "{shown}");
    assert!(!on_a_terminal("--format json").contains(line));
    folder.write("jackfield.yaml", "connections: {}\n");
    assert!(!on_a_terminal("").contains(line));
}

#[test]
fn every_example_is_what_it_says() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: String = std::thread::scope(|scope| {
        let parts = Code::ALL.chunks(Code::ALL.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().map(judge).collect())).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<String>>().concat()
    });
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is to be said against the examples of a code.
fn judge(code: &Code) -> String {
    let mut wrong = seen(*code, Part::Wrong);
    if *code == Code::VerificationFailed {
        // `check` warns of such a sample beforehand.
        wrong.codes.remove(Code::SampleNotVerified.word());
    }
    let right = seen(*code, Part::Right);
    let mut said = String::new();
    if wrong.codes != BTreeSet::from([code.word().to_owned()]) {
        said.push_str(&format!("=== {code}: the wrong example brings up {:?}\n{}", wrong.codes, wrong.report));
    }
    if !right.codes.is_empty() || !right.good {
        said.push_str(&format!("=== {code}: the right example brings up {:?}\n{}", right.codes, right.report));
    }
    said
}

#[derive(Default)]
struct Seen {
    codes: BTreeSet<String>,
    good: bool,
    report: String,
}

/// Puts the examples into a workspace, and asks every command that could bring the code up.
fn seen(code: Code, part: Part) -> Seen {
    let folder = Folder::new("explain");
    copy(&root().join("tests/explain"), folder.path());
    let explanation = explain::of(code);
    let mut seen = Seen { good: true, ..Seen::default() };
    let examples: Vec<&Example> =
        explanation.examples.iter().filter(|example| [Part::Given, part].contains(&example.part)).collect();
    for example in &examples {
        let there = std::fs::read_to_string(folder.path().join(example.file)).unwrap_or_default();
        let whole =
            if example.language == "yaml" { completed(&there, example.lines) } else { example.lines.to_owned() };
        folder.write(example.file, &whole);
    }
    seen.add(folder.path(), &["check"]);
    for example in &examples {
        match example.file.rsplit_once('.') {
            Some(("samples/form", "json")) => {
                seen.add(folder.path(), &["dry-run", "form", "--request", "samples/form.json"]);
            }
            // Another one is only there to be looked at.
            Some(("samples/form", "http")) => seen.send(folder.path(), example.lines),
            _ => {}
        }
    }
    // A part of a route leaves names of the rest unused.
    if code != Code::UnusedName {
        seen.codes.remove(Code::UnusedName.word());
    }
    seen
}

impl Seen {
    fn add(&mut self, folder: &Path, args: &[&str]) {
        let output = run(folder, args);
        let report = transcript(&output);
        self.good &= output.status.success();
        for line in report.lines() {
            let marked = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["));
            self.codes.extend(marked.and_then(|rest| rest.split_once(']')).map(|(code, _)| code.to_owned()));
        }
        self.report.push_str(&report);
    }

    /// Sends a request to a server, which answers with the code of what it refuses.
    fn send(&mut self, folder: &Path, request: &str) {
        let (head, body) = request.split_once("\n\n").unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let server = Server::start(folder, &["--sandbox"], &[]);
        let answer = exchange(&server.listen, &post_bytes(path, "application/json", body.as_bytes())).unwrap();
        let text = answer.text();
        self.good &= answer.status < 300;
        self.codes
            .extend(text.split_once("\"code\":\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_owned())));
        self.report.push_str(&format!("{} {text}\n", answer.status));
    }
}

/// An example shows some parts of a file; the file as it is has the others. A part is a key at the start of a line, and in
/// the mappings of jackfield.yaml an entry.
fn completed(there: &str, shown: &str) -> String {
    let parts = |text: &str| -> Vec<(String, String, String)> {
        let (mut key, mut entry) = (String::new(), String::new());
        let mut lines = Vec::new();
        for line in text.lines() {
            if line.starts_with(char::is_alphabetic) {
                (key, entry) = (word(line), String::new());
            } else if ["connections", "vars", "sources"].contains(&key.as_str())
                && line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(char::is_alphabetic))
            {
                entry = word(line.trim());
            }
            lines.push((key.clone(), entry.clone(), format!("{line}\n")));
        }
        lines
    };
    let shown = parts(shown);
    let is_shown = |key: &str, entry: &str| shown.iter().any(|(k, e, _)| k == key && e == entry);
    let left: Vec<_> = parts(there).into_iter().filter(|(key, entry, _)| !is_shown(key, entry)).collect();
    let mut text = String::new();
    for (at, (key, _, line)) in shown.iter().enumerate() {
        text.push_str(line);
        // Right below the key that both have, where the entries begin.
        if at == 0 || shown[at - 1].0 != *key {
            text.extend(left.iter().filter(|(k, ..)| k == key).map(|(.., line)| line.as_str()));
        }
    }
    text.extend(left.iter().filter(|(k, ..)| !shown.iter().any(|(key, ..)| key == k)).map(|(.., line)| line.as_str()));
    text
}

fn word(line: &str) -> String {
    line.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn webhooks_with_keys_of_their_own_have_variables_of_their_own() {
    let folder = Folder::new("explain-variables");
    let shown = |name: &str| transcript(&run(folder.path(), &["explain", name]));
    assert!(shown("quo.event").contains("secret: ${env:QUO_EVENT_SECRET}"));
    assert!(shown("quo.legacy_event").contains("secret: ${env:QUO_LEGACY_EVENT_SECRET}"));
    // One key for all of them is one variable.
    assert!(shown("twilio.sms").contains("secret: ${env:TWILIO_SECRET}"));
}

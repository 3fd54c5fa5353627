//! What the README and the docs say is what happens: every YAML block compiles, every command runs.

use crate::support::{Folder, root, run, transcript};

/// The fenced blocks of a file, with the language and words behind the fence, and the line that they begin on.
fn blocks(text: &str) -> Vec<(String, String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String, usize)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.trim().to_owned(), String::new(), number + 1)),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, body, _)), None) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

fn documents() -> Vec<(String, String)> {
    let mut files = vec!["README.md".to_owned()];
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    files.extend(docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap())));
    // Half of the examples on the page of errors are wrong; they have a test of their own.
    files.retain(|file| file.ends_with(".md") && file != "docs/errors.md");
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(root().join(&file)).unwrap())).collect()
}

/// A YAML block says which file it is: "```yaml routes/name.yaml". All blocks of one document make one workspace, on top
/// of the repository's samples, or, for the README, of what `init` makes.
#[test]
fn every_yaml_of_the_docs_is_good() {
    for (file, text) in documents() {
        let is_file = |info: &str| ["yaml", "json ", "http "].iter().any(|word| info.starts_with(word));
        let yaml: Vec<_> = blocks(&text).into_iter().filter(|(info, ..)| is_file(info)).collect();
        if yaml.is_empty() {
            continue;
        }
        let folder = match file.as_str() {
            // Its first route goes into the workspace that it has made, beside the route that is there.
            "README.md" => Folder::new("docs"),
            _ => Folder::of_repository("docs"),
        };
        match file.as_str() {
            "README.md" => assert!(run(folder.path(), &["init", "."]).status.success()),
            _ => std::fs::remove_dir_all(folder.path().join("routes")).unwrap(),
        }
        for (info, body, line) in &yaml {
            let name = info
                .split_once(' ')
                .map(|(_, name)| name)
                .unwrap_or_else(|| panic!("{file}:{line}: the block names no file"));
            let is_made = file == "README.md" && folder.path().join(name).exists();
            assert!(!is_made, "{file}:{line}: `init` makes {name} itself");
            folder.write(name, body);
        }
        let report = transcript(&run(folder.path(), &["check"]));
        assert!(report.ends_with("--- exit 0\n"), "{file}:\n{report}");
        assert!(!report.contains("error"), "{file}:\n{report}");
    }
}

/// Whoever has the program alone sends the captured request of the workspace that `init` makes.
#[test]
fn the_readme_sends_what_the_first_workspace_takes() {
    let folder = Folder::new("readme-init");
    assert!(run(folder.path(), &["init", "."]).status.success());
    let sample = folder.read("samples/contact-form.http").replace('\r', "");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (head, body) = sample.trim_end().split_once("\n\n").unwrap();
    let target = head.split(' ').nth(1).unwrap();
    assert!(readme.contains(&format!("curl 'http://127.0.0.1:8080{target}'")), "{target}");
    assert!(readme.contains(&format!("  -d '{body}'\n")), "{body}");
}

/// A console block holds commands behind `$ ` and what they print, exactly; `…` stands for what is left out.
#[test]
fn every_command_of_the_docs_prints_what_they_say() {
    for (file, text) in documents() {
        for (_, body, line) in blocks(&text).into_iter().filter(|(info, ..)| info == "console") {
            let folder = Folder::of_repository("console");
            let mut wanted = String::new();
            let mut command = String::new();
            for part in body.lines().chain(["$ "]) {
                match part.strip_prefix("$ ") {
                    Some(next) => {
                        if !command.is_empty() {
                            compare(&folder, &command, &wanted, &format!("{file}:{line}"));
                        }
                        command = next.to_owned();
                        wanted.clear();
                    }
                    None => wanted.push_str(&format!("{part}\n")),
                }
            }
        }
    }
}

fn compare(folder: &Folder, command: &str, wanted: &str, at: &str) {
    let args: Vec<&str> =
        command.strip_prefix("jackfield ").unwrap_or_else(|| panic!("{at}: {command}")).split(' ').collect();
    let output = run(folder.path(), &args);
    let found = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut rest = found.as_str();
    for piece in wanted.split("…\n") {
        let position =
            rest.find(piece).unwrap_or_else(|| panic!("{at}: `{command}` does not print\n{piece}\nbut\n{found}"));
        rest = &rest[position + piece.len()..];
    }
}

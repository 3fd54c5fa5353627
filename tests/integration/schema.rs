//! `jackfield schema`, and the schemas that are kept in `docs/schema/`.

use crate::support::{Folder, root, run, transcript};

const FILES: [(&str, &str); 3] =
    [("settings", "jackfield.schema.json"), ("route", "route.schema.json"), ("pack", "pack.schema.json")];

#[test]
fn the_schemas_of_the_docs_are_those_of_the_language() {
    let folder = Folder::new("schemas");
    let written = transcript(&run(folder.path(), &["schema", "--dir", "out"]));
    assert_eq!(written, FILES.map(|(_, file)| format!("written out/{file}\n")).concat() + "--- exit 0\n");
    for (sort, file) in FILES {
        let found = folder.read(&format!("out/{file}"));
        assert_eq!(String::from_utf8(run(folder.path(), &["schema", sort]).stdout).unwrap(), found);
        let kept = root().join("docs/schema").join(file);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&kept, &found).unwrap();
        }
        let kept = std::fs::read_to_string(&kept).unwrap_or_default();
        assert!(kept == found, "docs/schema/{file} is not that of the language: run with UPDATE_DOCS=1 to take it");
    }
}

/// The values that an editor offers at a key of a shape.
fn offered(schema: &serde_json::Value, shape: &str, key: &str) -> Vec<String> {
    let snippets = schema["$defs"][shape]["properties"][key]["defaultSnippets"].as_array().unwrap();
    snippets.iter().map(|snippet| snippet["label"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_workspace_adds_what_it_declares() {
    let folder = Folder::new("schema-of-a-workspace");
    assert!(run(folder.path(), &["init", "."]).status.success());
    let route = || serde_json::from_str(&folder.read(".jackfield/route.schema.json")).unwrap();
    let calls = ["ensure_message", "find_contact", "create_message", "create_conversation"];
    let mut all = calls.map(|call| format!("support.{call}")).to_vec();
    assert_eq!(offered(&route(), "send", "to"), all);

    folder.write("schemas/acme/pack.yaml", "title: Acme\nbase_url: https://acme.example\noperations: { note: { path: /n } }\nwebhooks: { noted: { verify: none } }\n");
    let settings = folder.read("jackfield.yaml") + "  desk: { provider: acme }\n";
    folder.write("jackfield.yaml", &settings);
    assert!(run(folder.path(), &["schema", "--dir", ".jackfield"]).status.success());
    all.push("desk.note".to_owned());
    assert_eq!(offered(&route(), "send", "to"), all);
    assert_eq!(offered(&route(), "step", "call"), all);
    assert!(offered(&route(), "source", "from").contains(&"acme.noted".to_owned()));
    let settings = serde_json::from_str(&folder.read(".jackfield/jackfield.schema.json")).unwrap();
    assert!(offered(&settings, "connection", "provider").contains(&"acme".to_owned()));
    assert_eq!(transcript(&run(folder.path(), &["check"])), "1 route, 1 test: all good\n--- exit 0\n");
}

#[test]
fn a_folder_that_can_t_be_written_to_is_named() {
    let folder = Folder::with("schema-file", &[("out", "a file")]);
    let shown = transcript(&run(folder.path(), &["schema", "--dir", "out"]));
    assert!(shown.contains("`out` can't be written to") && shown.ends_with("--- exit 3\n"), "{shown}");
    let shown = transcript(&run(folder.path(), &["schema"]));
    insta::assert_snapshot!("schema-usage", shown);
}

/// The parts of a pack that have a table on its page, with their headings.
const PARTS: [(&str, &str); 13] = [
    ("", "A pack"),
    ("setting", "A setting"),
    ("oauth2", "`auth: oauth2`"),
    ("rate-limit", "A rate limit"),
    ("operation", "An operation"),
    ("param", "One of `params`"),
    ("query-name", "One of `query`"),
    ("example", "`example`"),
    ("sandbox", "`sandbox`"),
    ("sandbox-reply", "An answer of the sandbox"),
    ("step", "A step of a chain"),
    ("webhook", "A webhook"),
    ("webhook-test", "A test of a webhook"),
];

/// The keys of a part, each with what the language says of it.
fn table(part: &serde_json::Value, heading: &str) -> String {
    let needed = |key: &str| part["required"].as_array().is_some_and(|keys| keys.iter().any(|one| one == key));
    let rows = part["properties"].as_object().unwrap().iter().map(|(key, field)| {
        let means = field["description"].as_str().unwrap_or_else(|| panic!("`{key}` says nothing: {field}"));
        let must = if needed(key) { " Must be there." } else { "" };
        format!("| `{key}` | {}{must} |\n", means.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|"))
    });
    format!("### {heading}\n\n| key | means |\n| --- | --- |\n{}\n", rows.collect::<String>())
}

#[test]
fn the_page_of_packs_has_every_key() {
    const FROM: &str =
        "<!-- Generated from the language by `UPDATE_DOCS=1 cargo test --test integration -- page_of_packs`. -->\n";
    let folder = Folder::new("schema-page");
    let schema = String::from_utf8(run(folder.path(), &["schema", "pack"]).stdout).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let part = |name: &str| if name.is_empty() { &schema } else { &schema["$defs"][name] };
    let tables: String = PARTS.iter().map(|(name, heading)| table(part(name), heading)).collect();
    let file = root().join("docs/packs.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, after) = page.split_once(FROM).expect("docs/packs.md has the place of the tables");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, format!("{before}{FROM}\n{}\n", tables.trim_end())).unwrap();
        return;
    }
    assert!(after.trim() == tables.trim(), "docs/packs.md has other keys: run with UPDATE_DOCS=1 to take these");
}

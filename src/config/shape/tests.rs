//! The schemas held against every file of the repository, against each broken one, and against themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::config::connection::Connection;
use crate::config::editor::{Known, Sort};
use crate::config::pack::Pack;
use crate::config::route::Route;
use crate::config::settings::Settings;
use crate::value::json;

type Files = BTreeMap<Arc<str>, Arc<str>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files and schemas of a folder, and the packs that are built in.
fn files(folder: &Path) -> Files {
    crate::load::read(folder).texts
}

/// A file that a program may read, against the schema of its sort.
struct Validators(Vec<(Sort, jsonschema::Validator)>);

impl Validators {
    fn of(files: &Files) -> Self {
        let known = Known::read(files);
        let validator = |sort| {
            let schema = json::to_serde(&known.schema(sort));
            jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{sort:?}: {error}"));
            (sort, jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{sort:?}: {error}")))
        };
        Validators(Sort::ALL.map(validator).into())
    }

    /// What the schema finds wrong.
    fn problems(&self, path: &str, text: &str) -> Vec<String> {
        let sort = match path {
            "jackfield.yaml" => Sort::Settings,
            path if path.ends_with("/pack.yaml") => Sort::Pack,
            _ => Sort::Route,
        };
        let (document, problems) = Document::parse(path, text);
        assert!(problems.is_empty(), "{path}: {problems:?}");
        let value = json::to_serde(&document.root.map(|root| root.to_value()).unwrap_or_default());
        let (_, validator) = self.0.iter().find(|(known, _)| *known == sort).expect("every sort has a schema");
        validator.iter_errors(&value).map(|error| format!("{path}{}: {error}", error.instance_path())).collect()
    }

    fn all_problems(&self, files: &Files) -> Vec<String> {
        let yaml = files.iter().filter(|(path, _)| path.ends_with(".yaml"));
        yaml.flat_map(|(path, text)| self.problems(path, text)).collect()
    }
}

#[test]
fn every_file_of_the_repository_is_as_the_schemas_say() {
    for folder in ["", "tests/diagnostics/_base"] {
        let files = files(&root().join(folder));
        assert!(files.len() > 20, "{folder} has {} files", files.len());
        assert_eq!(Validators::of(&files).all_problems(&files), Vec::<String>::new(), "{folder}");
    }
    let init = |name: &str| std::fs::read_to_string(root().join("src/cli/init").join(name)).unwrap();
    let validators = Validators::of(&files(Path::new("nowhere")));
    for (path, file) in [("jackfield.yaml", "jackfield.yaml"), ("routes/contact-form.yaml", "contact-form.yaml")] {
        assert_eq!(validators.problems(path, &init(file)), Vec::<String>::new());
    }
}

/// The names of the broken workspaces that the schemas refuse, and of those that they let pass.
fn refused(codes: &[&str]) -> (Vec<String>, Vec<String>) {
    let cases = root().join("tests/diagnostics");
    let names = std::fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| codes.iter().any(|code| name.starts_with(code))).collect();
    names.sort();
    let base = files(&cases.join("_base"));
    let validators = Validators::of(&base);
    names.into_iter().partition(|name| {
        let mut all = base.clone();
        let own = files(&cases.join(name)).into_iter();
        all.extend(own.filter(|(path, _)| cases.join(name).join(&**path).exists()));
        match cases.join(name).join("schemas").exists() {
            true => !Validators::of(&all).all_problems(&all).is_empty(),
            false => !validators.all_problems(&all).is_empty(),
        }
    })
}

/// An editor draws a line under what `check` would refuse for its keys and types. Whether a secret must be there depends
/// on the kind of the verification, and may be said in two places, and what one value means for another can't be said in
/// a schema: that is left to `check`.
#[test]
fn what_has_a_wrong_key_or_type_is_refused() {
    let (refused, passed) = refused(&["unknown-key", "missing-key", "wrong-type", "conflicting-keys"]);
    assert!(refused.len() > 50, "{refused:?}");
    let left = [
        "conflicting-keys-admin-is-listen",
        // A body on a call that only asks: the schema of a route knows no methods.
        "conflicting-keys-body-of-a-question",
        "conflicting-keys-capture-in-a-route",
        "conflicting-keys-expected-header-twice",
        "conflicting-keys-first-wait-longer",
        "conflicting-keys-handshake-and-identities",
        "conflicting-keys-hash-for-anyone",
        "conflicting-keys-hash-of-a-body-that-is-a-token",
        // Which headers a pack fills with a secret.
        "conflicting-keys-header-of-the-pack",
        "conflicting-keys-header-twice",
        "conflicting-keys-headers-of-a-chain",
        "conflicting-keys-jwt-with-a-public-key",
        "conflicting-keys-map-of-lists",
        "conflicting-keys-name-twice",
        "conflicting-keys-optional-body-hash",
        "conflicting-keys-page-by-token-and-proxy",
        "conflicting-keys-page-is-listen",
        "conflicting-keys-query-that-is-not-signed",
        "conflicting-keys-save-of-the-last-call",
        "conflicting-keys-saved-and-extracted",
        "conflicting-keys-saved-twice",
        "conflicting-keys-signed-time-nowhere",
        "conflicting-keys-tolerance-of-ed25519",
        "conflicting-keys-tolerance-without-timestamp",
        "missing-key-mark-of-a-secret",
        "missing-key-method-of-a-question",
        "missing-key-nothing-masked",
        "missing-key-public-key-of-a-jwt",
        "missing-key-public-url",
        "missing-key-public-url-of-a-pack",
        "missing-key-retention-of-a-route",
        "missing-key-secret",
        "missing-key-secret-of-a-webhook-test",
        "missing-key-timestamp-without-a-place",
        "missing-key-webhook-test-expects-nothing",
        "unknown-key-else-in-map",
        "unknown-key-setting-of-a-source",
        "unknown-key-settings-without-a-pack",
        // A default is text, whatever it stands for.
        "wrong-type-default-of-a-phone",
        "wrong-type-default-of-an-email",
        "wrong-type-default-of-another-type",
        "wrong-type-map-without-colon",
        "wrong-type-vars-is-a-list",
    ];
    assert_eq!(passed, left);
}

/// A template may stand in the place of anything, and what a schema does not know may have been declared since.
#[test]
fn what_only_check_can_know_is_not_refused() {
    let validators = Validators::of(&files(Path::new("nowhere")));
    let source = "source: { path: /in, from: later.webhook }\n";
    let sends = [
        "{ to: cloudchat.create_conversation, body: { message: \"{{ m }}\", status: 5, unknown: [1] } }",
        "{ to: cloudchat.create_conversation, body: \"{{ m }}\", params: { id: \"{{ m }}\", n: 1 }, headers: { X: true } }",
        "{ to: later.operation, body: }",
    ];
    for send in sends {
        let route = format!("{source}extract:\nsend: [{send}]\ntests:\n");
        assert_eq!(validators.problems("routes/in.yaml", &route), Vec::<String>::new());
    }
    let settings =
        "connections: { a: { provider: later, flag: true, number: 1 }, b: { provider: partoo, api_key: 1 } }\n";
    assert_eq!(validators.problems("jackfield.yaml", settings), Vec::<String>::new());
    let settings = "connections: { a: { provider: later, list: [1] }, b: { provider: partoo, key: 1 } }\n";
    assert_eq!(validators.problems("jackfield.yaml", settings).len(), 3);
}

/// All properties and words of the shapes, with where they stand and what is told of them.
fn told(sort: Sort) -> Vec<(String, String)> {
    let schema = Known::default().schema(sort);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut told = Vec::new();
    let named = schema.get("$defs").and_then(Value::as_object).unwrap();
    for (name, shape) in named.iter().map(|(name, shape)| (&**name, shape)).chain([("", &schema)]) {
        told.push((name.to_owned(), text(shape.get("description"))));
        for (key, property) in shape.get("properties").and_then(Value::as_object).into_iter().flat_map(|p| p.iter()) {
            told.push((format!("{name}.{key}"), text(property.get("description"))));
        }
        let words = texts(shape, "enum").zip(texts(shape, "markdownEnumDescriptions"));
        told.extend(words.map(|(word, description)| (format!("{name}: {word}"), description.to_owned())));
    }
    told
}

#[test]
fn every_key_and_word_is_told_in_a_sentence() {
    for sort in Sort::ALL {
        let told = told(sort);
        assert!(told.len() > 30, "{sort:?} has {} descriptions", told.len());
        for (place, text) in told {
            let begins = text.starts_with(|c: char| c.is_uppercase() || c == '`');
            let ends = text.ends_with('.') || text.ends_with(".)");
            assert!(begins && ends && text.len() >= 5, "{sort:?} {place}: {text:?}");
            assert_eq!(text.matches('`').count() % 2, 0, "{sort:?} {place}: {text:?}");
        }
    }
}

/// What `further.yaml` says is said of keys and words that are there, so that it can't outlive them.
#[test]
fn what_is_said_beyond_the_types_is_of_the_types() {
    let further = Shapes::default().further;
    let mut bare = Shapes { named: BTreeMap::new(), further: Value::Null };
    for shape in [Settings::shape, Route::shape, Pack::shape] {
        shape(&mut bare);
    }
    for (name, more) in further.as_object().unwrap().iter() {
        let shape = bare.named.get(&**name).unwrap_or_else(|| panic!("there is no `{name}`"));
        let has = |key: &str| shape.get("properties").is_some_and(|properties| properties.get(key).is_some());
        let properties = more.get("properties").and_then(Value::as_object);
        let keys = properties.into_iter().flat_map(|properties| properties.keys()).map(|key| &**key);
        for key in keys.chain(texts(more, "required")).chain(texts(more, "one_of")) {
            assert!(has(key), "{name} has no key `{key}`");
            assert!(texts(more, "later").all(|later| later != key), "{name}.{key} is for later");
        }
        for later in texts(more, "later") {
            assert!(has(later) || texts(shape, "enum").any(|word| word == later), "{name} has no `{later}`");
        }
    }
}

/// The keys of a connection are told by hand: here they are held against those that are read.
#[test]
fn the_keys_of_a_connection_are_those_that_are_read() {
    let mut shapes = Shapes::default();
    Connection::shape(&mut shapes);
    let told: Vec<&str> = shapes.properties("connection").map(|key| &**key).collect();
    let text = "{ provider: a, base_url: b, environment: c, timeout: 1s, retry: {}, proxy: e, ca: f,
        client_certificate: { certificate: g, key: h }, allow_private_addresses: true, traceparent: true, other: d }";
    let (document, _) = Document::parse("jackfield.yaml", text);
    let connection = Connection::decode(&document.root.unwrap(), &mut Vec::new()).unwrap();
    assert_eq!(connection.settings.names().collect::<Vec<_>>(), ["other"]);
    let ways = ["proxy", "ca", "client_certificate", "allow_private_addresses", "traceparent"];
    assert_eq!(told, [&["provider", "base_url", "environment", "timeout", "retry"], &ways[..]].concat());
}

#[test]
fn schemas_join() {
    let value = |text: &str| json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
    let schema = value(r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}"#);
    let more = value(r#"{"required":["b"],"properties":{"a":{"examples":["x"]},"b":true},"later":["c"]}"#);
    let wanted =
        r#"{"type":"object","required":["a","b"],"properties":{"a":{"type":"string","examples":["x"]},"b":true}}"#;
    assert_eq!(joined(&schema, &more).to_json(), wanted);
    assert_eq!(joined(&schema, &Value::Null), schema);
}

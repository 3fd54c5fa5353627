//! The operator's address is as its OpenAPI document says: every path, every answer, every refusal.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{ACME, Answer, Folder, Server, exchange, get, post, root};

pub const ROUTE: &str = "
source: { path: /in, verify: none }
match: \"{{ payload.kind != 'other' }}\"
extract: { id: $.id }
lane: \"{{ id }}\"
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: hello }
";

fn document(server: &Server) -> Value {
    serde_json::from_slice(&get(&server.admin, "/openapi.json").body).unwrap()
}

/// What is asked, with the path as the document has it.
struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    at: String,
    answer: Answer,
}

/// A server that has events and deliveries of many kinds, and has refused a change.
pub fn busy() -> (Folder, Server) {
    let folder = Folder::with("api", ACME);
    let settings = folder.read("jackfield.yaml");
    folder.write(
        "jackfield.yaml",
        &settings.replace("retry: { first: 100ms, longest: 500ms }", "retry: { attempts: 1 }"),
    );
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let send =
        |body: &str| assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    ["{\"id\":\"1\"}", "{\"kind\":\"other\"}", "{}", "{\"none\":1}"].into_iter().for_each(send);
    server.wait_for("the first", |status| status["deliveries"]["delivered"] == 1);
    let order = br#"{"provider":"acme","error":"403","times":2}"#;
    post(server.sandbox(), "/_sandbox/fail", "application/json", order);
    ["{\"id\":\"2\"}", "{\"id\":\"3\"}"].into_iter().for_each(send);
    server.wait_for("all", |status| status["deliveries"]["dead"] == 2 && status["events"]["failed"] == 2);
    folder.write("routes/in.yaml", &ROUTE.replace("lane:", "lanee:"));
    server.wait_for("the refusal", |status| status["reloads"]["refused"] == 1);
    (folder, server)
}

fn ids(server: &Server, path: &str, key: &str) -> Vec<String> {
    let listed: Value = serde_json::from_slice(&get(&server.admin, path).body).unwrap();
    listed[key].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Tells the operator's address, by its number.
fn told(server: &Server, path: &str, kind: &str, body: &[u8]) -> Answer {
    let (host, length) = (&server.admin, body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    exchange(host, &[head.as_bytes(), body].concat()).unwrap()
}

fn asked_by_a_name(server: &Server, method: &str, path: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    exchange(&server.admin, request.as_bytes()).unwrap()
}

/// All that can be asked, in each way that is answered otherwise.
fn questions(server: &Server) -> Vec<Asked<'static>> {
    let dead = ids(server, "/deliveries?state=dead", "deliveries");
    let (event, failed) = (&ids(server, "/events", "events")[0], &ids(server, "/dead-letters", "events")[0]);
    let mut all = Vec::new();
    let mut asks = |path: &'static str, at: String| {
        let answer = get(&server.admin, &at);
        all.push(Asked { method: "get", path, at, answer });
    };
    for path in
        ["/status", "/events", "/deliveries", "/dead-letters", "/metrics", "/healthz", "/readyz", "/openapi.json"]
    {
        asks(path, path.to_owned());
    }
    for more in [
        "?state=failed,dead",
        "?value=m1&last=1",
        "?since=2026-01-01T00:00:00Z",
        "?state=odd",
        "?since=soon",
        "?rute=in",
    ] {
        asks("/events", format!("/events{more}"));
    }
    for more in ["?state=dead&last=1", "?before=x", "?source=in", "?sorce=in"] {
        asks("/deliveries", format!("/deliveries{more}"));
        asks("/dead-letters", format!("/dead-letters{more}"));
    }
    for id in [event.as_str(), "evt_1", "%00"] {
        asks("/events/{id}/request", format!("/events/{id}/request"));
        asks("/events/{id}", format!("/events/{id}"));
    }
    for id in [dead[0].as_str(), "dlv_1", "%F0%28"] {
        asks("/deliveries/{id}", format!("/deliveries/{id}"));
    }
    let bodies = [
        ("/replay", json!({ "all": true, "dry_run": true })),
        ("/replay", json!({ "route": "in", "routes": true, "dry_run": true })),
        ("/replay", json!({ "ids": [dead[0]] })),
        ("/replay", json!({ "ids": [event], "routes": true })),
        ("/replay", json!({ "ids": [failed] })),
        ("/replay", json!({})),
        ("/replay", json!({ "all": true, "dry_run": "yes" })),
        ("/replay", json!({ "all": true, "conection": "acme" })),
        ("/release", json!({ "all": true, "dry_run": true })),
        ("/release", json!({ "all": true })),
        ("/release", json!({ "value": "x" })),
        ("/dismiss", json!({ "all": true, "dry_run": true })),
        ("/dismiss", json!({ "ids": [dead[1]], "note": "a trial" })),
        ("/dismiss", json!([])),
        ("/erase", json!({ "ids": [event], "dry_run": true })),
        ("/erase", json!({ "value": "m1@example.com" })),
        ("/erase", json!({ "value": {} })),
    ];
    for (path, body) in bodies {
        let answer = told(server, path, "application/json", body.to_string().as_bytes());
        all.push(Asked { method: "post", path, at: format!("{path} {body}"), answer });
    }
    for path in ["/replay", "/release", "/dismiss", "/erase"] {
        let mut does =
            |what: &str, answer: Answer| all.push(Asked { method: "post", path, at: format!("{path} {what}"), answer });
        does("text", told(server, path, "text/plain", b"{}"));
        does("no JSON", told(server, path, "application/json", b"{"));
        does("much", told(server, path, "application/json", &vec![b' '; (2 << 20) + 1000]));
        does("by a name", asked_by_a_name(server, "POST", path));
    }
    let by_name = [
        ("/status", "/status"),
        ("/events", "/events"),
        ("/events/{id}", "/events/evt_1"),
        ("/events/{id}/request", "/events/evt_1/request"),
        ("/deliveries", "/deliveries"),
        ("/deliveries/{id}", "/deliveries/dlv_1"),
        ("/dead-letters", "/dead-letters"),
    ];
    for (path, at) in by_name {
        let answer = asked_by_a_name(server, "GET", at);
        all.push(Asked { method: "get", path, at: at.to_owned(), answer });
    }
    all
}

/// A schema that also refuses what it does not name.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.contains_key("properties") && !keys.contains_key("additionalProperties") {
                keys.insert("additionalProperties".to_owned(), false.into());
            }
            keys.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

pub fn problems(document: &Value, schema: &Value, told: &Value) -> Vec<String> {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    strict(&mut whole["components"]);
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap();
    validator.iter_errors(told).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_answer_is_as_the_document_says() {
    let (_folder, server) = busy();
    let document = document(&server);
    let mut met = BTreeSet::new();
    for Asked { method, path, at, answer } in questions(&server) {
        let described = &document["paths"][path][method]["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{method} {at} answers {}: {}", answer.status, answer.text());
        met.insert(format!("{method} {path} {}", answer.status));
        let (kind, content) = described["content"].as_object().unwrap().iter().next().unwrap();
        assert_eq!(answer.header("content-type").as_deref(), Some(kind.as_str()), "{method} {at}");
        if kind == "application/json" {
            let told: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(problems(&document, &content["schema"], &told), [""; 0], "{method} {at}: {told:#}");
        }
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            // The store of this server answers.
            for status in statuses.filter(|status| *status != "503") {
                assert!(
                    met.contains(&format!("{method} {path} {status}")),
                    "{method} {path} is not seen to answer {status}"
                );
            }
            let other = if method == "get" { "DELETE" } else { "GET" };
            let at = path.replace("{id}", "x");
            let request = format!("{other} {at} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            assert_eq!(exchange(&server.admin, request.as_bytes()).unwrap().status, 405, "{other} {at}");
        }
    }
    assert_eq!(get(&server.admin, "/").status, 404);
}

#[test]
fn what_is_said_wrongly_does_nothing() {
    let (_folder, server) = busy();
    let said = |path: &str, body: Value| {
        let answer = told(&server, path, "application/json", body.to_string().as_bytes());
        format!("{} {}", answer.status, answer.text())
    };
    assert_eq!(said("/replay", json!({ "all": true, "dry_run": "yes" })), "400 `dry_run` is true or false\n");
    assert_eq!(said("/dismiss", json!({ "all": true, "route": ["in"] })), "400 `route` is text\n");
    let unknown = said("/erase", json!({ "ids": [], "dryrun": true }));
    assert!(
        unknown.starts_with("400 `dryrun` can't be said here; what can be said is value, ids, dry_run,"),
        "{unknown}"
    );
    assert_eq!(get(&server.admin, "/deliveries?sorce=in").text().split(';').next(), Some("`sorce` can't be said here"));
    assert_eq!(server.status()["deliveries"]["dead"], 2);
}

/// The lines of the table on the page of the docs.
fn table(document: &Value) -> String {
    let mut lines = "| request | answers |\n| --- | --- |\n".to_owned();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap();
            lines.push_str(&format!("| `{} {path}` | {summary} |\n", method.to_uppercase()));
        }
    }
    lines
}

#[test]
fn the_document_of_the_docs_is_that_of_the_server() {
    let folder = Folder::with("api-docs", ACME);
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let found = get(&server.admin, "/openapi.json").text();
    let (kept, page) = (root().join("docs/openapi.json"), root().join("docs/api.md"));
    let of_page = get(&server.page, "/api/openapi.json").text();
    let kept_of_page = root().join("docs/openapi-page.json");
    let text = std::fs::read_to_string(&page).unwrap();
    let fresh = with_table(&text, "<!-- Generated from the server", &found);
    let fresh = with_table(&fresh, "<!-- Generated from the page", &of_page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&kept, &found).unwrap();
        std::fs::write(&kept_of_page, &of_page).unwrap();
        std::fs::write(&page, &fresh).unwrap();
    }
    for (kept, found) in [(kept, found), (kept_of_page, of_page)] {
        let is_kept = std::fs::read_to_string(&kept).unwrap_or_default() == found;
        assert!(is_kept, "{} is not that of the server: run with UPDATE_DOCS=1 to take it", kept.display());
    }
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page == fresh, "a table of docs/api.md is not fresh: run with UPDATE_DOCS=1 to take it");
}

/// The page of the docs with the table of a document behind its mark.
fn with_table(page: &str, mark: &str, document: &str) -> String {
    let (before, rest) = page.split_once(mark).expect("docs/api.md has the place of the table");
    let (how, after) = rest.split_once("-->\n").unwrap();
    let (_, after) = after.split_once("<!-- End of the table. -->").unwrap();
    let table = table(&serde_json::from_str(document).unwrap());
    format!("{before}{mark}{how}-->\n\n{table}\n<!-- End of the table. -->{after}")
}

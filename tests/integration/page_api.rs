//! The page's own address answers programs as its OpenAPI document says: every path, every answer, every refusal.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::{ROUTE, busy, problems};
use crate::page::Browser;
use crate::support::{ACME, Answer, Folder, Server};

const TOKEN: &str = "a-long-token-of-the-page-for-programs";

/// What is asked, with the path as the document has it.
struct Asked {
    method: &'static str,
    path: &'static str,
    at: String,
    answer: Answer,
}

/// All that can be asked, in each way that is answered otherwise.
fn questions(folder: &Folder, server: &Server) -> Vec<Asked> {
    let mut program = Browser::at(&server.page);
    let listed: Value = serde_json::from_slice(&program.get("/api/events").body).unwrap();
    let id = |at: usize| listed["events"][at]["id"].as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for (path, at) in [
        ("/api/status", "/api/status".to_owned()),
        ("/api/openapi.json", "/api/openapi.json".to_owned()),
        ("/api/events", "/api/events".to_owned()),
        ("/api/events", "/api/events?state=dead".to_owned()),
        ("/api/events", "/api/events?value=m1&before=3".to_owned()),
        ("/api/events", "/api/events?state=odd".to_owned()),
        ("/api/events", "/api/events?since=soon".to_owned()),
        ("/api/events/{id}", format!("/api/events/{}", id(0))),
        ("/api/events/{id}", format!("/api/events/{}", id(3))),
        ("/api/events/{id}", "/api/events/evt_1".to_owned()),
        ("/api/sample", format!("/api/sample?of={}", id(0))),
        ("/api/sample", "/api/sample?of=samples/none.http".to_owned()),
    ] {
        all.push(Asked { method: "get", path, answer: program.get(&at), at });
    }
    let (file, request) =
        ("routes/in.yaml", "POST /hooks/in HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"id\":\"7\"}");
    let bad = ROUTE.replace("lane:", "lanee:");
    let deed = json!({ "all": true, "dry_run": true });
    let saves = |draft: &str, base: Value| json!({ "draft": draft, "base": base, "from": null });
    for (method, path, at, body) in [
        ("post", "/api/check", "/api/check", json!({ "file": file, "draft": ROUTE })),
        ("post", "/api/check", "/api/check", json!({ "file": file, "draft": bad })),
        ("post", "/api/check", "/api/check", json!({ "file": "x", "draft": ROUTE })),
        ("post", "/api/dry-run", "/api/dry-run", json!({ "file": file, "draft": ROUTE, "request": request })),
        ("post", "/api/dry-run", "/api/dry-run", json!({ "file": file, "draft": ROUTE, "sample": id(0) })),
        ("post", "/api/dry-run", "/api/dry-run", json!({ "file": file, "draft": bad, "request": request })),
        ("post", "/api/dry-run", "/api/dry-run", json!({ "draft": ROUTE })),
        ("post", "/api/diff", "/api/diff", json!({ "file": file, "draft": ROUTE, "last": 10 })),
        ("post", "/api/diff", "/api/diff", json!({ "file": file, "draft": bad })),
        ("post", "/api/diff", "/api/diff", json!([])),
        ("put", "/api/routes/{name}", "/api/routes/in", saves(ROUTE, "another".into())),
        ("put", "/api/routes/{name}", "/api/routes/in", saves(&bad, Value::Null)),
        ("put", "/api/routes/{name}", "/api/routes/forms/new", saves(&ROUTE.replace("/in", "/new"), Value::Null)),
        ("put", "/api/routes/{name}", "/api/routes/in", json!({ "base": null })),
        ("put", "/api/routes/{name}", "/api/routes/.hidden", saves(ROUTE, Value::Null)),
        ("put", "/api/settings", "/api/settings", saves("connections: {}", "another".into())),
        ("put", "/api/settings", "/api/settings", saves("lissten: x", base(server))),
        (
            "put",
            "/api/settings",
            "/api/settings",
            saves(&format!("# Ours\n{}", folder.read("jackfield.yaml")), base(server)),
        ),
        ("put", "/api/settings", "/api/settings", json!("text")),
        ("post", "/api/replay", "/api/replay", deed.clone()),
        ("post", "/api/replay", "/api/replay", json!({ "all": "yes" })),
        ("post", "/api/release", "/api/release", deed.clone()),
        ("post", "/api/release", "/api/release", json!({ "conection": "acme" })),
        ("post", "/api/dismiss", "/api/dismiss", deed),
        ("post", "/api/dismiss", "/api/dismiss", json!([])),
    ] {
        let headers = [("Content-Type", "application/json"), ("Accept", "application/json")];
        let answer = program.send(&method.to_uppercase(), at, &headers, body.to_string().as_bytes());
        all.push(Asked { method, path, at: format!("{at} {body}"), answer });
    }
    all
}

/// What proves that the settings are those that were opened.
fn base(server: &Server) -> Value {
    Browser::at(&server.page).view("/settings")["route"]["base"].clone()
}

#[test]
fn every_answer_of_the_page_is_as_its_document_says() {
    let (folder_of_busy, server) = busy();
    let document: Value = serde_json::from_slice(&Browser::at(&server.page).get("/api/openapi.json").body).unwrap();
    let mut met = BTreeSet::new();
    let mut is_as_said = |Asked { method, path, at, answer }: Asked| {
        let described = &document["paths"][path][method]["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{method} {at} answers {}: {}", answer.status, answer.text());
        met.insert(format!("{method} {path} {}", answer.status));
        let kind = answer.header("content-type").unwrap_or_default();
        let content = &described["content"][&kind];
        assert!(content.is_object(), "{method} {at} answers {} as {kind}: {described:#}", answer.status);
        if kind == "application/json" {
            let told: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(problems(&document, &content["schema"], &told), [""; 0], "{method} {at}: {told:#}");
        }
    };
    questions(&folder_of_busy, &server).into_iter().for_each(&mut is_as_said);

    let folder = Folder::with("page-api-token", ACME);
    let settings = folder.read("jackfield.yaml");
    folder.write("jackfield.yaml", &format!("{settings}page: {{ token: \"${{env:PAGE_TOKEN}}\" }}\n"));
    folder.write("routes/in.yaml", ROUTE);
    let server_with_token = Server::start(folder.path(), &["--sandbox"], &[("PAGE_TOKEN", TOKEN)]);
    let mut stranger = Browser::at(&server_with_token.page);
    let mut program = Browser::at(&server_with_token.page).with("Authorization", &format!("Bearer {TOKEN}"));
    let mut of_another_name = Browser::at(&server.page).with("Host", "evil.example");
    let mut of_another_site = Browser::at(&server.page).with("Origin", "https://evil.example");
    let much = vec![b' '; (8 << 20) + 1000];
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let (method, path): (&'static str, &'static str) = (method.clone().leak(), path.clone().leak());
            let (word, at) = (method.to_uppercase(), path.replace("{id}", "evt_1").replace("{name}", "in"));
            let json = [("Content-Type", "application/json")];
            let mut tells = |what: &str, answer: Answer| {
                is_as_said(Asked { method, path, at: format!("{at} {what}"), answer });
            };
            tells("by a stranger", stranger.send(&word, &at, &json, b"{}"));
            tells("by another name", of_another_name.send(&word, &at, &json, b"{}"));
            if method != "get" {
                tells("from another site", of_another_site.send(&word, &at, &json, b"{}"));
                tells("with much", program.send(&word, &at, &json, &much));
            }
            if matches!(path, "/api/replay" | "/api/release" | "/api/dismiss") {
                tells("as text", program.send(&word, &at, &[("Content-Type", "text/plain")], b"{}"));
            }
        }
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            // The store answers and takes files; a stream goes on, and all that came in is text.
            for status in statuses.filter(|status| !matches!(status.as_str(), "500" | "503")) {
                let question = format!("{method} {path} {status}");
                let is_other = matches!(question.as_str(), "get /api/stream 200" | "get /api/sample 415");
                assert!(met.contains(&question) || is_other, "{question} is not seen");
            }
        }
    }
}

//! What a sender has proved is taken, however it is written, and seen by the operator where it can't be read.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::support::{ACME, Folder, Server, exchange, post, root, run, transcript};

const SEND: &str = "
send:
  - to: acme.note
    body: { key: k, text: \"{{ payload.text or payload }}\" }
";

fn workspace(name: &str, source: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("routes/in.yaml", &format!("source: {{ path: /in, {source} }}\n{SEND}"));
    folder
}

fn started(name: &str, source: &str) -> (Folder, Server) {
    let folder = workspace(name, source);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (folder, server)
}

/// The texts that the provider has, in alphabetical order.
fn texts(server: &Server, count: u64) -> Vec<String> {
    server.wait_for("the deliveries", |status| status["deliveries"]["delivered"] == count);
    let received = server.received();
    let mut texts: Vec<String> = received.iter().map(|one| one["body"]["text"].as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}

fn signature(key: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_text_is_a_text_whatever_it_begins_with() {
    let (_folder, server) = started("texts", "verify: none");
    let texts_sent = [
        "<?xml version 5, please",
        "[ACME] call me back",
        "eyJhbGciOiJIUzI1NiJ9.e30.c2ln is my token",
        "{name} wants a call",
    ];
    for text in texts_sent {
        assert_eq!(post(&server.listen, "/hooks/in", "text/plain", text.as_bytes()).status, 202, "{text}");
    }
    assert_eq!(post(&server.listen, "/hooks/in", "text/plain", b"{\"text\":\"json all the same\"}").status, 202);
    // Half of a letter, as programs write it that cut a text within an emoji.
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", br#"{"text":"ok \ud83d"}"#).status, 202);
    let mut wanted: Vec<String> = texts_sent.map(str::to_owned).into();
    wanted.extend(["json all the same".to_owned(), "ok \u{fffd}".to_owned()]);
    wanted.sort();
    assert_eq!(texts(&server, 6), wanted);
}

#[test]
fn what_is_proved_and_can_not_be_read_is_kept_until_its_format_is_mended() {
    let own = "verify: { token: { header: X-Key } }, secret: k3y, reply: { status: 200, body: ok }";
    let folder = workspace("unreadable", own);
    let sources = "sources:\n  cap: { path: /cap, verify: none, capture: true }\n";
    folder.write("jackfield.yaml", &format!("{}{sources}", folder.read("jackfield.yaml")));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let sent = |path: &str, headers: &str, body: &str| {
        let head = format!("POST /hooks/{path} HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\n{headers}\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let answer = exchange(&server.listen, request.as_bytes()).unwrap();
        (answer.status, answer.text())
    };
    assert_eq!(sent("in", "Content-Type: application/json", "text=hello"), (200, "ok".to_owned()));
    assert_eq!(sent("cap", "Content-Encoding: br", "{}").0, 202);
    let large = "[".repeat(101);
    assert_eq!(sent("in", "Content-Type: application/json", &large).0, 413);
    server.wait_for("both", |status| status["events"]["accepted"] == 2 && status["events"]["unrouted"] == 0);
    let said = |args: &[&str]| transcript(&run(folder.path(), &[args, &["--admin", &server.admin]].concat()));
    let events = said(&["events"]);
    let why = "failed: the request could not be read: ";
    assert!(
        events.contains(&format!("  in   {why}the body is not JSON: line 1, column 1: expected"))
            || events.contains(&format!("  in   {why}the body is not JSON: line 1, column 2: expected")),
        "{events}"
    );
    assert!(events.contains(&format!("  cap  {why}a body like this, ")), "{events}");
    let dead = said(&["dead-letters"]);
    assert_eq!(dead.matches("the request could not be read").count(), 2, "{dead}");

    folder.write("routes/in.yaml", &format!("source: {{ path: /in, format: form, {own} }}\n{SEND}"));
    server.wait_for("the mended file", |status| status["reloads"]["taken"] == 1);
    let replayed = said(&["replay", "--through-routes", "--route", "in"]);
    assert!(replayed.contains("1 event"), "{replayed}");
    assert_eq!(texts(&server, 1), ["hello"]);
    assert_eq!(said(&["dead-letters"]).matches("could not be read").count(), 1);
}

#[test]
fn whoever_waits_to_be_asked_for_a_login_is_asked() {
    let (_folder, server) = started("asked", "verify: { basic: {} }, secret: \"u:p\"");
    let answer = post(&server.listen, "/hooks/in", "text/plain", b"hello");
    assert_eq!((answer.status, answer.header("www-authenticate").as_deref()), (401, Some("Basic realm=\"jackfield\"")));
    let (_folder, server) = started("not-asked", "verify: { token: { header: X-Key } }, secret: k3y");
    assert_eq!(post(&server.listen, "/hooks/in", "text/plain", b"hello").header("www-authenticate"), None);
}

#[test]
fn a_sorted_query_leaves_its_own_signature_out() {
    let query =
        |signs: &str| format!("methods: [GET], verify: {{ hmac: {{ query: hmac, signs: \"{signs}\" }} }}, secret: k");
    let cases = [("{{ sorted_query }}", "a=1&b=2"), ("{{ sorted_query | join('') }}", "a=1b=2")];
    for (signs, signed) in cases {
        let (_folder, server) = started("sorted-query", &query(signs));
        let target = format!("/hooks/in?b=2&hmac={}&a=1", hex(&signature("k", signed)));
        let get = |target: &str| {
            let request = format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n");
            exchange(&server.listen, request.as_bytes()).unwrap().status
        };
        assert_eq!(get(&target), 202, "{signs}");
        assert_eq!(get(&target.replace("a=1", "a=2")), 401, "{signs}");
    }
}

/// A multipart body of parts, each with its head.
fn multipart(parts: &[(&str, &str)]) -> String {
    let each =
        parts.iter().map(|(head, text)| format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n"));
    each.collect::<String>() + "--B--\r\n"
}

#[test]
fn the_fields_of_a_multipart_form_can_be_signed() {
    let verify = "format: multipart, verify: { hmac: { header: X-S, signs: \"{{ sorted_form }}\" } }, secret: k";
    let (_folder, server) = started("multipart", verify);
    let send = |body: &str, signed: &str| {
        let head = "POST /hooks/in HTTP/1.1\r\nHost: t\r\nContent-Type: multipart/form-data; boundary=B\r\n";
        let signature = hex(&signature("k", signed));
        let request = format!("{head}X-S: {signature}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        exchange(&server.listen, request.as_bytes()).unwrap().status
    };
    let plain = multipart(&[("name=\"b\"", "2"), ("name=\"a\"", "1")]);
    assert_eq!(send(&plain, "a1b2"), 202);
    assert_eq!(send(&plain, "a1b3"), 401);
    // Nobody has signed the file.
    let file = multipart(&[("name=\"a\"", "1"), ("name=\"f\"; filename=\"x\"", "y")]);
    assert_eq!(send(&file, "a1"), 401);
}

#[test]
fn a_sender_may_sign_another_address_than_arrives() {
    let signed = |url: &str| BASE64_STANDARD.encode(signature("k", url));
    let verify = "verify: { hmac: { header: X-S, encoding: base64, signs: \"{{ url }}\" } }, secret: k";
    let source = format!("path: \"/calls/{{id}}\", public_url: \"https://example.com/voice/{{id}}/in\", {verify}");
    let folder = workspace("public-url", "verify: none");
    folder.write("routes/in.yaml", &format!("source: {{ {source} }}\n{SEND}"));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let ask = |url: &str| {
        let request =
            format!("POST /hooks/calls/7?a=1 HTTP/1.1\r\nHost: t\r\nX-S: {}\r\nContent-Length: 0\r\n\r\n", signed(url));
        exchange(&server.listen, request.as_bytes()).unwrap().status
    };
    assert_eq!(ask("https://example.com/voice/7/in?a=1"), 202);
    assert_eq!(ask("https://example.com/voice/8/in?a=1"), 401);
}

/// As it was captured: the address that Plivo signed has no `/hooks` in it.
#[test]
fn a_source_need_not_be_under_hooks() {
    let folder = workspace("no-prefix", "verify: none");
    let settings =
        format!("path_prefix: /\npublic_url: https://plivobin.non-prod.plivops.com\n{}", folder.read("jackfield.yaml"));
    folder.write("jackfield.yaml", &settings);
    let source =
        "from: plivo.call, secret: Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4, path: /api/v1/validate_signature03.xml";
    folder.write("routes/in.yaml", &format!("source: {{ {source} }}\n{SEND}"));
    let captured = std::fs::read(root().join("tests/verification/requests/plivo-call-event-v3.http")).unwrap();
    std::fs::write(folder.path().join("plivo.http"), &captured).unwrap();
    let dry_run = |folder: &Folder| run(folder.path(), &["dry-run", "in", "--request", "plivo.http"]);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(exchange(&server.listen, &captured).unwrap().status, 200);
    let shown = transcript(&dry_run(&folder));
    assert!(shown.contains("verified   yes, ") && !shown.contains("refused"), "{shown}");
    drop(server);

    folder.write("jackfield.yaml", &settings.replace("path_prefix: /\n", ""));
    let shown = transcript(&dry_run(&folder));
    assert!(
        shown.contains("refused    `serve` takes no request at `/api/v1/validate_signature03.xml/`, but"),
        "{shown}"
    );
    assert!(shown.ends_with("--- exit 1\n"), "{shown}");
}

#[test]
fn what_the_server_would_refuse_for_its_size_is_refused_offline() {
    let folder = workspace("sizes", "verify: none, limits: { body: 1KB }");
    let with = |headers: &str, body: &str| {
        format!("POST /hooks/in HTTP/1.1\r\nContent-Type: text/plain\r\n{headers}\r\n{body}")
    };
    let many: String = (0..150).map(|n| format!("X-{n}: 1\r\n")).collect();
    folder.write("samples/large.http", &with("", &"x".repeat(1025)));
    folder.write("samples/many.http", &with(&many, "x"));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "text/plain", "x".repeat(1025).as_bytes()).status, 413);
    for (sample, status) in [("large", 413), ("many", 431)] {
        let shown = transcript(&run(folder.path(), &["dry-run", "in", "--request", &format!("samples/{sample}.http")]));
        assert!(shown.contains(&format!("refused    `serve` would refuse this request with {status}: ")), "{shown}");
        assert!(shown.ends_with("--- exit 1\n"), "{shown}");
        let test = format!("tests: [{{ name: t, request: samples/{sample}.http, expect: [{{ to: acme.note }}] }}]\n");
        folder.write(
            "routes/in.yaml",
            &format!("source: {{ path: /in, verify: none, limits: {{ body: 1KB }} }}\n{SEND}{test}"),
        );
        let checked = transcript(&run(folder.path(), &["check"]));
        assert!(checked.contains(&format!("`serve` would refuse this request with {status}: ")), "{checked}");
    }
}

/// Twilio signs the address, and the address has the hash of what comes as JSON.
#[test]
fn json_of_twilio_is_verified_by_the_hash_in_its_address() {
    let folder = workspace("twilio", "from: twilio.sms, secret: \"12345\"");
    folder
        .write("jackfield.yaml", &format!("public_url: https://hooks.example.com\n{}", folder.read("jackfield.yaml")));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let target = "/hooks/in?bodySHA256=24a74a0dd84ffa5ba7cfb75778ad05ddb4e1b29175994936341a9f1f8f8208cb";
    let send = |body: &str| {
        let head = format!("POST {target} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n");
        let signed = "X-Twilio-Signature: 2ciIEjeEOrdlsWwXQ4AvnnVP/L4=\r\n";
        let request = format!("{head}{signed}Content-Length: {}\r\n\r\n{body}", body.len());
        exchange(&server.listen, request.as_bytes()).unwrap().status
    };
    assert_eq!(send(r#"{"MessageSid":"SM1","text":"hi"}"#), 200);
    assert_eq!(send(r#"{"MessageSid":"SM1","text":"ho"}"#), 401);
    assert_eq!(texts(&server, 1), ["hi"]);
}

#[test]
fn a_part_of_a_form_is_read_as_it_is_written() {
    let (_folder, server) = started("transfer-encoding", "verify: none, format: multipart");
    let body = multipart(&[("name=\"text\"\r\nContent-Transfer-Encoding: base64", "aGVs\r\nbG8=")]);
    let kind = "multipart/form-data; boundary=B";
    assert_eq!(post(&server.listen, "/hooks/in", kind, body.as_bytes()).status, 202);
    let body = multipart(&[("name=\"text\"\r\nContent-Transfer-Encoding: quoted-printable", "Jos=C3=\r\n=A9")]);
    assert_eq!(post(&server.listen, "/hooks/in", kind, body.as_bytes()).status, 202);
    assert_eq!(texts(&server, 2), ["José", "hello"]);
}

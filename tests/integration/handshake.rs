//! The challenges that vendors make, answered over a live socket exactly as each wants it.

use std::io::{Read, Write};
use std::net::TcpStream;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::support::{ACME, Answer, Folder, Server, exchange, root, run, transcript};

const META: &str = r#"
title: Meta
webhooks:
  leads:
    settings:
      verify_token: { description: the word typed into the app's page, secret: true, required: true }
    verify: { hmac: { header: X-Hub-Signature-256, prefix: "sha256=" } }
    handshake:
      description: Meta's subscription
      methods: [GET]
      verified: false
      when: "{{ request.query['hub.mode'] == 'subscribe' }}"
      token: { query: hub.verify_token, secret: "{{ settings.verify_token }}" }
      reply: { body: "{{ request.query['hub.challenge'] }}" }
"#;

const SOURCES: &str = r#"
sources:
  meta:
    from: meta.leads
    path: /meta
    secret: "app secret"
    settings: { verify_token: meatyhamhock }
    capture: true
  slack:
    path: /slack
    verify:
      hmac:
        header: X-Slack-Signature
        prefix: "v0="
        signs: "v0:{{ timestamp }}:{{ body }}"
        timestamp: { header: X-Slack-Request-Timestamp }
        tolerance: 36500d
    secret: ${env:SLACK}
    handshake:
      - description: Slack's address check
        when: "{{ payload.type == 'url_verification' }}"
        reply: { body: "{{ payload.challenge }}" }
      - description: Slack's certificate check
        when: "{{ payload.ssl_check == '1' }}"
        reply: { status: 200 }
    capture: true
  zoom:
    path: /zoom
    verify:
      hmac:
        header: x-zm-signature
        prefix: "v0="
        signs: "v0:{{ timestamp }}:{{ body }}"
        timestamp: { header: x-zm-request-timestamp }
        tolerance: 36500d
    secret: zoom_test_secret
    handshake:
      when: "{{ payload.event == 'endpoint.url_validation' }}"
      reply:
        body:
          plainToken: "{{ payload.payload.plainToken }}"
          encryptedToken: "{{ payload.payload.plainToken | hmac(secret) }}"
    capture: true
  ringcentral:
    path: /ringcentral
    verify: { token: { header: Verification-Token } }
    secret: word
    handshake:
      verified: false
      when: "{{ request.headers['validation-token'] is defined }}"
      reply:
        content_type: application/json
        headers: { Validation-Token: "{{ request.headers['validation-token'] }}" }
    capture: true
  zadarma:
    path: /zadarma
    verify: { token: { query: key } }
    secret: word
    handshake:
      methods: [GET]
      verified: false
      when: "{{ request.query.zd_echo is defined }}"
      reply: { body: "{{ request.query.zd_echo }}" }
    capture: true
  graph:
    path: /graph
    verify: { token: { field: "$.value[0].clientState" } }
    secret: word
    handshake:
      verified: false
      when: "{{ request.query.validationToken is defined }}"
      reply: { content_type: text/plain, body: "{{ request.query.validationToken }}" }
    capture: true
  okta:
    path: /okta
    verify: { token: { header: Authorization } }
    secret: word
    handshake:
      methods: [GET]
      verified: false
      when: "{{ request.headers['x-okta-verification-challenge'] is defined }}"
      reply: { body: { verification: "{{ request.headers['x-okta-verification-challenge'] }}" } }
    capture: true
  vk:
    path: /vk
    verify: { token: { field: $.secret } }
    secret: word
    handshake:
      verified: false
      when: "{{ payload.type == 'confirmation' }}"
      reply: { body: 5f3a9c }
    reply: { status: 200, body: ok }
    capture: true
  sns:
    path: /sns/{key}
    verify: { token: { path: key } }
    secret: word
    capture: true
"#;

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("schemas/meta/pack.yaml", META);
    folder.write("jackfield.yaml", &format!("{}{SOURCES}", folder.read("jackfield.yaml")));
    folder.write("sandbox.env", "SLACK=8f742231b10e8888abcd99yyyzzz85a5\n");
    folder
}

fn started(name: &str) -> (Folder, Server) {
    let folder = workspace(name);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (folder, server)
}

/// A captured challenge, sent to another path than it was captured at.
fn captured(file: &str, path: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(root().join("tests/handshakes").join(file)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).unwrap();
    let mut lines = head.lines();
    let mut first: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let target = format!("{path}{}", first[1].find('?').map_or("", |at| &first[1][at..]));
    first[1] = &target;
    let rest: String = lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect();
    format!("{}\r\n{rest}\r\n{body}", first.join(" ")).into_bytes()
}

fn ask(server: &Server, request: &[u8]) -> (u16, Option<String>, String) {
    let answer = exchange(&server.listen, request).unwrap();
    (answer.status, answer.header("content-type"), answer.text())
}

fn good(content_type: Option<&str>, body: &str) -> (u16, Option<String>, String) {
    (200, content_type.map(str::to_owned), body.to_owned())
}

const TEXT: Option<&str> = Some("text/plain; charset=utf-8");

fn get(target: &str, header: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: t\r\n{header}\r\n").into_bytes()
}

fn post(target: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Slack's check of the certificate, a form among its events.
fn certificate_check() -> Vec<u8> {
    let body = "ssl_check=1&token=gIkuvaNzQIHg97ATvDxqgjtO";
    let mut mac = Hmac::<Sha256>::new_from_slice(b"8f742231b10e8888abcd99yyyzzz85a5").unwrap();
    mac.update(format!("v0:1717171717:{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let proof = format!(
        "X-Slack-Request-Timestamp: 1717171717\r\nX-Slack-Signature: v0={signature}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n"
    );
    String::from_utf8(post("/hooks/slack", body))
        .unwrap()
        .replace("Content-Type: application/json\r\n", &proof)
        .into_bytes()
}

/// Zoom's address check with another token than Zoom would choose.
fn signed_by_zoom(token: &str) -> Vec<u8> {
    let body =
        serde_json::json!({ "event": "endpoint.url_validation", "payload": { "plainToken": token } }).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"zoom_test_secret").unwrap();
    mac.update(format!("v0:1717171717:{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let proof = format!("x-zm-request-timestamp: 1717171717\r\nx-zm-signature: v0={signature}\r\nContent-Length:");
    String::from_utf8(post("/hooks/zoom", &body)).unwrap().replace("Content-Length:", &proof).into_bytes()
}

#[test]
fn each_vendor_gets_the_answer_that_it_wants() {
    let (folder, server) = started("handshakes");
    let zoom = r#"{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"40a58fc396b81cf5fa0ee7d3431e19801ad5c46f66d6891a405bdb809268503d"}"#;
    let graph = "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e-096a-494c-aaf1-ac0dcfca45b7";
    let slack = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
    let cases = [
        ("meta-hub-challenge.http", "/hooks/meta", good(TEXT, "1158201444")),
        ("slack-url-verification.http", "/hooks/slack", good(TEXT, slack)),
        ("zoom-url-validation.http", "/hooks/zoom", good(Some("application/json"), zoom)),
        ("ringcentral-validation-token.http", "/hooks/ringcentral", good(Some("application/json"), "")),
        ("zadarma-zd-echo.http", "/hooks/zadarma", good(TEXT, "a1B2_c3-D4")),
        ("microsoft-graph-validation-token.http", "/hooks/graph", good(Some("text/plain"), graph)),
    ];
    for (file, path, wanted) in &cases {
        assert_eq!(ask(&server, &captured(file, path)), *wanted, "{file}");
    }
    let okta = get("/hooks/okta", "X-Okta-Verification-Challenge: X.y-1\r\n");
    assert_eq!(ask(&server, &okta), good(Some("application/json"), r#"{"verification":"X.y-1"}"#));
    let checked = exchange(&server.listen, &certificate_check()).unwrap();
    assert_eq!((checked.status, checked.text().as_str()), (200, ""));
    let vk = post("/hooks/vk", r#"{"type":"confirmation","group_id":1}"#);
    assert_eq!(ask(&server, &vk), good(TEXT, "5f3a9c"));

    let ringcentral = exchange(&server.listen, &captured(cases[3].0, cases[3].1)).unwrap();
    assert_eq!(ringcentral.header("validation-token").as_deref(), Some("wtdwi2y88489yr34iwegsekshwekfhsdfh"));
    assert!(ringcentral.head.len() <= 1024 && ringcentral.header("x-content-type-options").is_some());

    // A handshake is counted and told, and is no event; its tokens are nowhere.
    let status = server.status();
    assert_eq!((&status["requests"]["handshakes"], &status["events"]["accepted"]), (&10.into(), &0.into()));
    let log = folder.read("serve.log");
    assert!(!log.contains("meatyhamhock") && !log.contains("1158201444") && !log.contains("gIkuvaNz"), "{log}");
}

#[test]
fn what_is_no_handshake_is_an_event_or_refused() {
    let (_folder, server) = started("no-handshakes");
    let event = |answer: &Answer| answer.status == 202 || answer.text() == "ok";
    let ok = exchange(&server.listen, &post("/hooks/vk", r#"{"type":"message_new","secret":"word"}"#)).unwrap();
    assert!(event(&ok) && ok.status == 200, "{}", ok.text());
    // We fetch no address that a request brings: SNS's subscription is an event, for whoever confirms it by hand.
    let sns = captured("aws-sns-subscription-confirmation.http", "/hooks/sns/word");
    assert!(event(&exchange(&server.listen, &sns).unwrap()));
    server.wait_for("the two", |status| status["events"]["unmatched"] == 2 && status["events"]["unrouted"] == 0);

    let challenge = "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=";
    let long = "a".repeat(1001);
    let forged =
        String::from_utf8(captured("slack-url-verification.http", "/hooks/slack")).unwrap().replace("=f9", "=00");
    let zoom = |token: &str| signed_by_zoom(token);
    assert_eq!(exchange(&server.listen, &zoom(&"a".repeat(200))).unwrap().status, 200);
    let cases: &[(&str, Vec<u8>, u16, &str)] = &[
        ("a wrong token", get(&format!("/hooks/meta{challenge}wrong"), ""), 403, "handshake-refused"),
        ("no token", get("/hooks/meta?hub.mode=subscribe&hub.challenge=1", ""), 403, "handshake-refused"),
        ("another mode", get("/hooks/meta?hub.mode=other", ""), 405, "wrong-method"),
        (
            "no challenge",
            get("/hooks/meta?hub.mode=subscribe&hub.verify_token=meatyhamhock", ""),
            400,
            "unfit-challenge",
        ),
        ("a script", get("/hooks/zadarma?zd_echo=%3Cscript%3E", ""), 400, "unfit-challenge"),
        ("a line break", get("/hooks/zadarma?zd_echo=a%0Ab", ""), 400, "unfit-challenge"),
        ("a novel", get(&format!("/hooks/zadarma?zd_echo={long}"), ""), 400, "unfit-challenge"),
        ("nothing to hash", zoom(""), 400, "unfit-challenge"),
        ("a body to hash", zoom("v0:1717171717:{}"), 400, "unfit-challenge"),
        ("a form to hash", zoom("a=b"), 400, "unfit-challenge"),
        ("a long text to hash", zoom(&"a".repeat(201)), 400, "unfit-challenge"),
        ("a forged signature", forged.into_bytes(), 401, "verification-failed"),
        ("a list to send back", post("/hooks/zoom", "{}"), 401, "verification-failed"),
        ("another method", get("/hooks/vk", ""), 405, "wrong-method"),
        ("a method of another source", get("/hooks/okta", ""), 405, "wrong-method"),
    ];
    for (what, request, status, word) in cases {
        let answer = exchange(&server.listen, request).unwrap();
        assert_eq!(answer.status, *status, "{what}: {}", answer.text());
        assert!(answer.text().contains(word), "{what}: {}", answer.text());
        let allow = (*status == 405).then(|| "POST".to_owned());
        assert_eq!(answer.header("allow"), allow, "{what}");
    }
    // The answer to HEAD has no body, whatever length it tells.
    let mut head = TcpStream::connect(&server.listen).unwrap();
    head.write_all(b"HEAD /hooks/vk HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    head.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: POST"), "{answer}");
    assert_eq!(server.status()["requests"]["handshakes"], 1);
}

#[test]
fn vendors_get_the_reply_to_an_event_that_they_want() {
    let ack = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">
  <soapenv:Body>
    <notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>
  </soapenv:Body>
</soapenv:Envelope>"#;
    let indented: String = ack.lines().map(|line| format!("        {line}\n")).collect();
    let sources = format!(
        r#"
sources:
  salesforce:
    path: /salesforce/{{key}}
    format: text
    verify: {{ token: {{ path: key }} }}
    secret: word
    reply:
      status: 200
      content_type: text/xml
      body: |
{indented}    capture: true
  vonage:
    path: /vonage
    verify: {{ token: {{ query: key }} }}
    secret: word
    reply:
      status: 200
      headers: {{ X-Event: "{{{{ event.id }}}}", X-To: "{{{{ payload.to }}}}" }}
      body:
        - {{ action: talk, text: "Hello {{{{ payload.name }}}}", count: "{{{{ payload.count }}}}" }}
    capture: true
"#
    );
    let folder = Folder::with("replies", ACME);
    folder.write("jackfield.yaml", &format!("{}{sources}", folder.read("jackfield.yaml")));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let soap = exchange(&server.listen, &post("/hooks/salesforce/word", "<a/>")).unwrap();
    assert_eq!(
        (soap.status, soap.header("content-type").as_deref(), soap.text().as_str()),
        (200, Some("text/xml"), ack)
    );

    let ncco =
        exchange(&server.listen, &post("/hooks/vonage?key=word", r#"{"name":"Ana","count":2,"to":"1"}"#)).unwrap();
    assert_eq!(ncco.text(), r#"[{"action":"talk","text":"Hello Ana","count":2}]"#);
    assert_eq!(ncco.header("content-type").as_deref(), Some("application/json"));
    assert_eq!((ncco.header("x-to").as_deref(), ncco.header("x-event").unwrap().len()), (Some("1"), 36));
    // A header that can't be sent is left out, and what lacks a value is answered by the status alone: it is on disk.
    let unfit =
        exchange(&server.listen, &post("/hooks/vonage?key=word", r#"{"name":"Ana","to":"a\r\nb: c"}"#)).unwrap();
    assert_eq!((unfit.status, unfit.header("x-to"), unfit.header("b")), (200, None, None));
    let unnamed = exchange(&server.listen, &post("/hooks/vonage?key=word", "{}")).unwrap();
    assert_eq!((unnamed.status, unnamed.text().as_str()), (200, ""));
    assert!(folder.read("serve.log").contains("the reply could not be made of an event"));
}

#[test]
fn a_source_without_a_route_is_to_be_meant_so() {
    let folder = workspace("capture");
    let check = transcript(&run(folder.path(), &["check"]));
    assert!(!check.contains("unused-source"), "{check}");
    folder.write(
        "jackfield.yaml",
        &folder.read("jackfield.yaml").replace("    secret: word\n    capture: true\n", "    secret: word\n"),
    );
    let check = transcript(&run(folder.path(), &["check"]));
    assert!(check.contains("warning[unused-source]: no route names the source `sns`"), "{check}");
}

#[test]
fn a_dry_run_shows_the_handshake_and_its_answer() {
    let folder = workspace("dry-run-handshake");
    for source in ["zoom", "meta"] {
        let send = "send: [{ to: acme.note, body: { key: a, text: b } }]";
        folder.write(&format!("routes/{source}.yaml"), &format!("source: {source}\n{send}\n"));
    }
    let write = |file: &str, path: &str| {
        folder.write("handshake.http", &String::from_utf8(captured(file, path)).unwrap());
    };
    let dry_run = |route: &str, more: &[&str]| {
        transcript(&run(folder.path(), &[&["dry-run", route, "--request", "handshake.http"], more].concat()))
    };
    write("zoom-url-validation.http", "/hooks/zoom");
    let mut shown = dry_run("zoom", &[]);
    shown.push_str(&dry_run("zoom", &["--format", "json"]));
    shown.push_str(&dry_run("zoom", &["--format", "curl"]));
    write("meta-hub-challenge.http", "/hooks/meta");
    shown.push_str(&dry_run("meta", &[]));
    folder.write("handshake.http", &folder.read("handshake.http").replace("meatyhamhock", "wrong"));
    shown.push_str(&dry_run("meta", &[]));
    insta::assert_snapshot!(shown);
    folder.write("handshake.http", "GET /hooks/meta HTTP/1.1\nHost: t\n\n");
    assert!(dry_run("meta", &[]).contains("the source does not take GET"), "{}", dry_run("meta", &[]));
}

//! What can't be taken gets a clear answer, and nothing stops.

use jackfield::refusal::Reason;

use crate::support::{Folder, Server, exchange, post, root, run, transcript};

const SETTINGS: &str = "
limits: { body: 1KB, time: 1s }
connections:
  partoo: { provider: partoo, api_key: key, channel_id: chn, business_id: b1 }
";
const ROUTE: &str = "
source: { path: /in, verify: { token: { header: X-Key } }, secret: \"${env:IN_KEY}\" }
extract: { id: $.id }
send:
  - to: partoo.ingest_message
    body: { external_conversation_id: c, external_message_id: \"m{{ id }}\", content: hi, sender_type: Consumer }
";

fn workspace(name: &str) -> Folder {
    Folder::with(name, &[("jackfield.yaml", SETTINGS), ("routes/in.yaml", ROUTE)])
}

fn request(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST /hooks/in HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(body);
    request
}

#[test]
fn each_bad_request_gets_its_own_answer() {
    let folder = workspace("refused");
    let server = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]);
    let good = "X-Key: k3y\r\nContent-Type: application/json\r\n";
    let large = vec![b' '; 2000];
    let cases: &[(&str, Vec<u8>, u16, &str)] = &[
        ("a large body", request(good, &large), 413, "body-too-large"),
        ("bad JSON", request(good, b"{\"id\": 1,}"), 202, "event"),
        ("an empty body that says JSON", request(good, b""), 202, "event"),
        ("no key", request("Content-Type: application/json\r\n", b"{}"), 401, "verification-failed"),
        ("a wrong key", request("X-Key: no\r\n", b"{}"), 401, "verification-failed"),
        (
            "a bad form",
            request("X-Key: k3y\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-16\r\n", b"id=%ff"),
            202,
            "event",
        ),
        ("XML that ends early", request("X-Key: k3y\r\nContent-Type: text/xml\r\n", b"<a>"), 202, "event"),
        ("an unknown coding", request("X-Key: k3y\r\nContent-Encoding: br\r\n", b"{}"), 202, "event"),
        ("JSON that is too deep", request(good, "[".repeat(101).as_bytes()), 413, "undecodable-body"),
        ("another method", b"GET /hooks/in HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(), 405, "wrong-method"),
        (
            "another path",
            b"POST /hooks/other HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n".to_vec(),
            404,
            "not-found",
        ),
        ("outside", b"GET / HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(), 404, "not-found"),
        (
            "a body that never ends",
            b"POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: 5\r\n\r\n{".to_vec(),
            408,
            "body-too-slow",
        ),
    ];
    for (what, bytes, status, word) in cases {
        let answer = exchange(&server.listen, bytes).unwrap();
        assert_eq!(answer.status, *status, "{what}: {}", answer.text());
        assert!(answer.text().contains(word), "{what}: {}", answer.text());
        assert!(!answer.text().contains("k3y"), "{what} shows the key");
    }
    let wrong_method = exchange(&server.listen, b"GET /hooks/in HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    assert_eq!(wrong_method.header("allow").as_deref(), Some("POST"));
    let bad = exchange(&server.listen, &request(good, "[".repeat(101).as_bytes())).unwrap();
    assert_eq!(
        bad.text(),
        r#"{"error":{"code":"undecodable-body","message":"the body is not JSON: line 1, column 101: lists and objects are nested too deeply"}}"#
    );
    assert_eq!(exchange(&server.listen, &request(good, b"{\"id\":7}")).unwrap().status, 202);
    server.wait_for("the good one", |status| status["deliveries"]["accepted"] == 1);
}

#[test]
fn a_refusal_says_what_is_wrong_with_a_proof() {
    let folder = workspace("wrong-proof");
    let with = |verify: &str| ROUTE.replace("path: /in, verify: { token: { header: X-Key } }", verify);
    folder.write("routes/in.yaml", &with("path: /in, verify: { token: { query: key } }"));
    let timed = |path: &str, unit: &str| {
        let hmac = format!(
            "{{ header: X-Sig, timestamp: {{ header: X-Time, unit: {unit} }}, signs: \"{{{{ timestamp }}}}{{{{ body }}}}\" }}"
        );
        with(&format!("path: {path}, verify: {{ hmac: {hmac} }}")).replace("m{{ id }}", &format!("{unit}{{{{ id }}}}"))
    };
    folder.write("routes/seconds.yaml", &timed("/seconds", "s"));
    folder.write("routes/iso.yaml", &timed("/iso", "iso"));
    let server = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]);
    let seconds = "the time of signing is not written as seconds since 1970, such as `1795253400`";
    let cases = [
        ("/in?key=k3y&key=k3y", "", "{}", "the request carries more than one query parameter `key`"),
        ("/in", "", "{}", "the request carries no query parameter `key`"),
        ("/seconds", "1795253400000", "{}", seconds),
        ("/seconds", "NaN", "{}", seconds),
        ("/seconds", "1", "{}", "the request was signed too long ago, or its clock is wrong"),
        ("/iso", "1", "{}", "the time of signing is not written as a moment such as `2026-11-21T09:30:00Z`"),
    ];
    for (target, time, body, message) in cases {
        let head = format!("POST /hooks{target} HTTP/1.1\r\nHost: t\r\nX-Sig: 00\r\nX-Time: {time}\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let answer = exchange(&server.listen, request.as_bytes()).unwrap();
        assert!(answer.text().contains(&format!("\"message\":\"{message}\"")), "{target} {time}: {}", answer.text());
    }
}

#[test]
fn a_token_in_the_path_stays_out_of_the_log() {
    let folder = workspace("path-token");
    let token = "X-Key: t\r\n";
    folder.write(
        "routes/in.yaml",
        &ROUTE.replace(
            "path: /in, verify: { token: { header: X-Key } }",
            "path: \"/tok/{key}\", verify: { token: { path: key } }",
        ),
    );
    let server = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y-in-path")]);
    let many: String = (0..120).map(|number| format!("X-{number}: a\r\n")).collect();
    let cases = [
        ("GET", "/hooks/tok/k3y-in-path", token, 405),
        ("POST", "/hooks/tok/k3y-in-path/more", token, 404),
        ("POST", "/hooks/k3y-in-path/tok", token, 404),
        ("POST", "/k3y-in-path", token, 404),
        ("POST", "/hooks/tok/k3y-in-path", &*many, 431),
    ];
    for (method, path, headers, status) in cases {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: 0\r\n\r\n");
        assert_eq!(exchange(&server.listen, request.as_bytes()).unwrap().status, status, "{method} {path}");
    }
    // What is served no more says so in the log as it was written.
    folder.write("routes/in.yaml", ROUTE);
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    let request = b"POST /hooks/tok/k3y-in-path HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(exchange(&server.listen, request).unwrap().status, 503);
    let log = folder.read("serve.log");
    assert!(!log.contains("k3y-in-path"), "{log}");
    assert!(log.contains("/hooks/tok/{key}/…") && log.contains("not-served-now"), "{log}");
}

#[test]
fn many_refusals_are_few_lines_in_the_log() {
    let folder = workspace("many");
    let server = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]);
    let forged = || exchange(&server.listen, &request("X-Key: no\r\n", b"{}")).unwrap().status;
    assert!((0..300).all(|_| forged() == 401));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(forged(), 401);
    assert_eq!(server.status()["requests"]["refused"]["verification-failed"], 301);
    let log = folder.read("serve.log");
    let lines = log.matches("verification-failed").count();
    assert!((2..60).contains(&lines) && log.contains("not_shown"), "{lines} lines: {log}");
}

#[test]
fn an_event_that_a_route_can_make_nothing_of_is_kept_and_others_go_on() {
    let folder = workspace("unfit");
    let other =
        ROUTE.replace("extract: { id: $.id }", "extract: { id: $.ids }").replace("source: {", "source: in-source #{");
    folder.write("routes/other.yaml", &other.replace(other.lines().nth(1).unwrap(), "source: shared"));
    let shared = ROUTE.lines().nth(1).unwrap().replace("source: ", "  shared: ");
    folder.write("jackfield.yaml", &format!("{SETTINGS}sources:\n{shared}\n"));
    let named = ROUTE.replace(ROUTE.lines().nth(1).unwrap(), "source: shared");
    folder.write("routes/in.yaml", &named);
    let server = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]);
    assert_eq!(exchange(&server.listen, &request("X-Key: k3y\r\n", b"{\"id\":7}")).unwrap().status, 202);
    server.wait_for("the route that fits", |status| status["deliveries"]["accepted"] == 1);
    let log = folder.read("serve.log");
    assert!(log.contains("value-not-found") && log.contains("routes/other.yaml"), "{log}");
    assert!(log.contains("routes/other.yaml:3:16"), "the log names the line: {log}");
    assert!(!log.contains("$.id"), "the log shows nothing of the payload: {log}");
}

#[test]
fn a_missing_variable_is_named_with_its_line_and_nothing_starts() {
    let folder = workspace("variable");
    let Err(log) = Server::try_start(folder.path(), &[], &[]) else { panic!("it started without its secret") };
    assert!(log.contains("the environment variable `IN_KEY` is not set"), "{log}");
    assert!(log.contains("routes/in.yaml:2:"), "{log}");
    let check = transcript(&run(folder.path(), &["check"]));
    assert!(check.contains("warning[missing-variable]") && check.contains("exit 0"), "{check}");
}

#[test]
fn a_variable_that_goes_missing_with_a_reload_stops_nothing() {
    let folder = workspace("reload-variable");
    let server = Server::start(folder.path(), &[], &[("IN_KEY", "k3y")]);
    folder.write("jackfield.yaml", &SETTINGS.replace("api_key: key", "api_key: \"${env:NOT_SET}\""));
    server.wait_for("the refusal", |status| status["reloads"]["refused"] == 1);
    assert_eq!(exchange(&server.listen, &request("X-Key: k3y\r\n", b"{\"id\":7}")).unwrap().status, 202);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{}").status, 401);
}

#[test]
fn two_servers_do_not_share_a_store() {
    let folder = workspace("two");
    let _first = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]);
    let Err(log) = Server::try_start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]) else {
        panic!("both started")
    };
    assert!(log.contains("can't be opened"), "{log}");
}

#[test]
fn more_parts_than_one_request_may_have_are_refused_whole() {
    let folder = workspace("parts");
    let with_split = ROUTE.replace("path: /in,", "path: /in, split: \"$[*]\", limits: { body: 1MB },");
    folder.write("routes/in.yaml", &with_split);
    let server = Server::start(folder.path(), &["--sandbox"], &[("IN_KEY", "k3y")]);
    let parts = |count: usize| format!("[{}]", vec!["{\"id\":1}"; count].join(","));
    let answer = exchange(&server.listen, &request("X-Key: k3y\r\n", parts(1001).as_bytes())).unwrap();
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(exchange(&server.listen, &request("X-Key: k3y\r\n", parts(3).as_bytes())).unwrap().status, 202);
    server.wait_for("the parts", |status| status["events"]["accepted"] == 3 && status["events"]["unrouted"] == 0);
}

#[test]
fn the_table_of_refusals_is_that_of_the_program() {
    let rows = Reason::ALL.iter().map(|reason| {
        format!("| {} | `{}` | {} |\n", reason.status(), reason.word(), reason.summary().trim_end_matches('.'))
    });
    let table = format!("| status | code | when |\n| --- | --- | --- |\n{}", rows.collect::<String>());
    let file = root().join("docs/operating.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("<!-- refusals -->\n").unwrap();
    let (kept, after) = rest.split_once("<!-- end of refusals -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let fresh = format!("{before}<!-- refusals -->\n{table}<!-- end of refusals -->{after}");
        std::fs::write(&file, fresh).unwrap();
        return;
    }
    assert!(kept == table, "the table in docs/operating.md is not fresh: run with UPDATE_DOCS=1 to take it");
}

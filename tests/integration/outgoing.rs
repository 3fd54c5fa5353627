//! What goes out, over real sockets: to which address, through which proxy, by whose certificates, and what it says.

mod provider;
mod values;

use rusqlite::OpenFlags;

use crate::support::{Folder, Server, copy, post, root, wait_for};
use provider::{Answers, Provider, Proxy};

const PACK: &str = "
title: Acme
base_url: https://api.acme.example
settings: { token: { secret: true, required: true } }
headers: { Authorization: \"Bearer {{ connection.token }}\" }
operations:
  note:
    path: \"/notes/{id}\"
    request: { json: note.json }
    response: [{ delivered: \"{{ status == 200 and body.id }}\" }]
";

const ROUTE: &str = "
source: { path: /in, verify: none }
send:
  - to: acme.note
    params: { id: \"{{ payload.id }}\" }
    query: { q: \"{{ payload.q }}\" }
    headers: { X-Note: \"{{ payload.header }}\" }
    body: { number: \"{{ payload.number }}\", text: \"{{ payload.text }}\" }
";

const SCHEMA: &str = r#"{"type":"object","required":["number","text"],"additionalProperties":false,
    "properties":{"number":{"type":"integer"},"text":{"type":"string"}}}"#;

const EVENT: &[u8] = br#"{"number":1,"id":"a","q":"b","header":"c","text":"d"}"#;

/// A workspace with one connection, which says what it is given.
fn workspace(name: &str, connection: &str) -> Folder {
    let settings = format!("connections:\n  acme: {{ provider: acme, token: t0ken, {connection} }}\n");
    let files = [
        ("schemas/acme/pack.yaml", PACK),
        ("schemas/acme/note.json", SCHEMA),
        ("routes/note.yaml", ROUTE),
        ("jackfield.yaml", &*settings),
    ];
    let folder = Folder::with(name, &files);
    copy(&root().join("tests/certificates"), &folder.path().join("certs"));
    folder
}

/// What became of one event, and what kept it from its provider.
#[derive(Debug, PartialEq)]
struct Fate {
    state: &'static str,
    trouble: Option<String>,
}

fn fate(state: &'static str, trouble: &str) -> Fate {
    Fate { state, trouble: Some(trouble.to_owned()) }
}

fn sent(folder: &Folder) -> Fate {
    sent_with(folder, &[])
}

/// Sends one event through a server of its own, and waits until its first attempt is over.
fn sent_with(folder: &Folder, env: &[(&str, &str)]) -> Fate {
    const STATES: [&str; 4] = ["delivered", "held", "retrying", "dead"];
    let server = Server::start(folder.path(), &[], env);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", EVENT).status, 202);
    let state = wait_for("an attempt", || {
        let status = server.status();
        STATES.into_iter().find(|state| status["deliveries"][*state].as_u64() > Some(0))
    });
    server.kill();
    let store = folder.path().join("data/jackfield.db");
    let store = rusqlite::Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let trouble = store.query_row("SELECT trouble FROM attempts WHERE number = 1", [], |row| row.get(0)).unwrap();
    Fate { state, trouble }
}

fn delivered() -> Fate {
    Fate { state: "delivered", trouble: None }
}

const ALLOWED: &str = "allow_private_addresses: true";

#[test]
fn an_address_of_ones_own_network_is_refused_in_every_spelling() {
    let provider = Provider::start(Answers::Good);
    let port = provider.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0177.0.0.1", "0"] {
        let folder = workspace("private", &format!("base_url: \"http://{host}:{port}\""));
        assert_eq!(sent(&folder), fate("held", "private-address"), "{host}");
    }
    assert!(provider.received().is_empty());
    for host in ["127.0.0.1", "localhost"] {
        let folder = workspace("allowed", &format!("base_url: \"http://{host}:{port}\", {ALLOWED}"));
        assert_eq!(sent(&folder), delivered(), "{host}");
    }
    assert_eq!(provider.received().len(), 2);
}

#[test]
fn a_redirect_leads_nowhere_and_proxies_of_the_environment_are_not_used() {
    let elsewhere = Provider::start(Answers::Good);
    let redirect =
        format!("HTTP/1.1 307 x\r\nLocation: http://{}/notes/a\r\nContent-Length: 0\r\n\r\n", elsewhere.address);
    let provider = Provider::start(Answers::Bytes(redirect.into_bytes()));
    let folder = workspace("redirect", &format!("base_url: \"http://{}\", {ALLOWED}", provider.address));
    let proxy = format!("http://{}", elsewhere.address);
    let env = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"].map(|name| (name, proxy.as_str()));
    assert_eq!(sent_with(&folder, &env), Fate { state: "dead", trouble: None });
    assert_eq!((provider.received().len(), elsewhere.received().len()), (1, 0));
}

#[test]
fn an_answer_is_bounded_in_every_direction() {
    let head = |rest: &str| format!("HTTP/1.1 200 x\r\n{rest}").into_bytes();
    let many: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    let long = format!("X-Long: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(70_000));
    let endless =
        format!("Transfer-Encoding: chunked\r\n\r\n{}", "100000\r\n".to_owned() + &"a".repeat(0x100000) + "\r\n");
    let cases = [
        ("bad-answer", "timeout: 20s", Answers::Bytes(head(&format!("{many}\r\n")))),
        ("bad-answer", "timeout: 20s", Answers::Bytes(head(&long))),
        ("bad-answer", "timeout: 20s", Answers::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())),
        ("bad-answer", "timeout: 20s", Answers::Bytes(head("Content-Length: 5\r\n\r\nab"))),
        ("broken", "timeout: 20s", Answers::Bytes(Vec::new())),
        ("timeout", "timeout: 300ms", Answers::Hang(Vec::new())),
        ("timeout", "timeout: 300ms", Answers::Hang(head("Content-Length: 5\r\n\r\nab"))),
        ("timeout", "timeout: 300ms", Answers::Hang(head(&endless))),
        // Longer than a part may take, and shorter than all of it.
        ("timeout", "timeout: 2m", Answers::Hang(head("Content-Length: 5\r\n\r\nab"))),
    ];
    std::thread::scope(|scope| {
        for (trouble, timeout, answers) in cases {
            scope.spawn(move || {
                let provider = Provider::start(answers);
                let folder =
                    workspace("bounds", &format!("base_url: \"http://{}\", {ALLOWED}, {timeout}", provider.address));
                assert_eq!(sent(&folder), fate("retrying", trouble), "{timeout}");
            });
        }
    });
}

#[test]
fn a_connection_that_never_came_about_has_sent_nothing() {
    // It takes connections, and never says a word: neither of TLS, nor of the way through it.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let hold = ROUTE.replace("\nsend:", "\non_unknown: hold\nsend:");
    for settings in [
        format!("base_url: \"https://{address}\", {ALLOWED}"),
        format!("base_url: \"https://api.provider.invalid\", proxy: \"http://{address}\""),
    ] {
        let folder = workspace("mute", &format!("{settings}, timeout: 2s"));
        folder.write("routes/note.yaml", &hold);
        assert_eq!(sent(&folder), fate("retrying", "connect"), "{settings}");
    }
}

#[test]
fn a_proxy_that_wants_another_password_has_passed_nothing_on() {
    let refuses = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let proxy = Provider::start(Answers::Bytes(refuses.to_vec()));
    for scheme in ["http", "https"] {
        let to = format!("base_url: \"{scheme}://api.provider.invalid\", proxy: \"http://{}\"", proxy.address);
        assert_eq!(sent(&workspace("refuses", &to)), fate("retrying", "proxy"), "{scheme}");
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_the_connection_says_so() {
    let provider = Provider::with_tls(Answers::Good, false);
    let port = provider.address.port();
    let folder = workspace("ca", &format!("base_url: \"https://localhost:{port}\", {ALLOWED}"));
    assert_eq!(sent(&folder), fate("retrying", "certificate"));
    let ca = "ca: \"${file:certs/ca.pem}\"";
    let folder = workspace("ca", &format!("base_url: \"https://localhost:{port}\", {ALLOWED}, {ca}"));
    assert_eq!(sent(&folder), delivered());
    let folder = workspace("ca", &format!("base_url: \"https://127.0.0.2:{port}\", {ALLOWED}, {ca}"));
    assert_eq!(sent(&folder), fate("retrying", "certificate"), "the certificate is for another name");
    assert_eq!(provider.received().len(), 1);
}

#[test]
fn a_provider_that_asks_for_a_certificate_gets_the_one_of_the_connection() {
    let provider = Provider::with_tls(Answers::Good, true);
    let at = format!("base_url: \"https://{}\", {ALLOWED}, ca: \"${{file:certs/ca.pem}}\"", provider.address);
    assert_eq!(sent(&workspace("mtls", &at)), fate("retrying", "certificate"));
    let pair = |name: &str| {
        format!(
            "{at}, client_certificate: {{ certificate: \"${{file:certs/{name}.pem}}\", key: \"${{file:certs/{name}.key}}\" }}"
        )
    };
    assert_eq!(sent(&workspace("mtls", &pair("rsa"))), fate("retrying", "certificate"), "of no authority");
    assert!(provider.received().is_empty());
    assert_eq!(sent(&workspace("mtls", &pair("client"))), delivered());
}

#[test]
fn a_proxy_leads_to_providers_that_only_it_can_find() {
    let plain = Provider::start(Answers::Good);
    let secured = Provider::with_tls(Answers::Good, false);
    for (scheme, to, base_url) in [
        ("http", plain.address, "http://api.provider.invalid/v1"),
        ("http", secured.address, "https://localhost/v1"),
        ("socks5", plain.address, "http://api.provider.invalid/v1"),
        ("socks5h", secured.address, "https://localhost/v1"),
    ] {
        let proxy = Proxy::start(to);
        let base_url = format!("base_url: \"{base_url}\", ca: \"${{file:certs/ca.pem}}\"");
        let folder = workspace("proxy", &format!("{base_url}, proxy: \"${{env:PROXY}}\""));
        let address = format!("{scheme}://user:pa55w%20rd@localhost:{}", proxy.address.port());
        assert_eq!(sent_with(&folder, &[("PROXY", &address)]), delivered(), "{address}");
        let seen = proxy.seen();
        assert!(!seen.is_empty() && seen.iter().all(|seen| seen.credentials == "user:pa55w rd"), "{scheme}: {seen:?}");
        assert!(seen[0].target.starts_with(if to == plain.address {
            "api.provider.invalid:80"
        } else {
            "localhost:443"
        }));
        assert!(!folder.read("serve.log").contains("pa55w"), "{}", folder.read("serve.log"));
    }
    for request in plain.received() {
        assert!(
            request.head.contains("POST") && request.header("host") == ["api.provider.invalid"],
            "{}",
            request.head
        );
    }
    assert_eq!(plain.received().len() + secured.received().len(), 4);
}

#[test]
fn the_proxy_of_the_workspace_is_for_connections_that_do_not_say() {
    let provider = Provider::start(Answers::Good);
    let proxy = Proxy::start(provider.address);
    let common = format!("proxy: http://{}\n", proxy.address);
    let through = workspace("common", "base_url: \"http://api.provider.invalid\"");
    through.write("jackfield.yaml", &(common.clone() + &through.read("jackfield.yaml")));
    assert_eq!(sent(&through), delivered());
    assert_eq!(proxy.seen().len(), 1);
    let straight = workspace("common", &format!("base_url: \"http://{}\", proxy: none, {ALLOWED}", provider.address));
    straight.write("jackfield.yaml", &(common + &straight.read("jackfield.yaml")));
    assert_eq!(sent(&straight), delivered());
    assert_eq!(proxy.seen().len(), 1);
    // Through a proxy, too, nobody is led to an address of the inside by its number.
    let inside = workspace("inside", &format!("base_url: \"http://10.0.0.1\", proxy: \"http://{}\"", proxy.address));
    assert_eq!(sent(&inside), fate("held", "private-address"));
    assert_eq!(proxy.seen().len(), 1);
}

#[test]
fn a_setting_that_no_header_can_hold_waits_for_a_person() {
    let provider = Provider::start(Answers::Good);
    let folder = workspace("setting", &format!("base_url: \"http://{}\", {ALLOWED}", provider.address));
    folder.write("token.txt", "t0ken\r\nX-Other: a\n");
    folder.write("jackfield.yaml", &folder.read("jackfield.yaml").replace("t0ken", "\"${file:token.txt}\""));
    assert_eq!(sent(&folder), fate("held", "unsendable"));
    assert!(provider.received().is_empty());
}

#[test]
fn a_header_of_the_call_stands_in_place_of_the_packs_however_it_is_spelled() {
    let provider = Provider::start(Answers::Good);
    let folder = workspace("headers", &format!("base_url: \"http://{}\", {ALLOWED}", provider.address));
    let own =
        PACK.replace("    request:", "    headers: { AUTHORIZATION: \"Basic {{ connection.token }}\" }\n    request:");
    folder.write("schemas/acme/pack.yaml", &own);
    assert_eq!(sent(&folder), delivered());
    let received = provider.received();
    assert_eq!(received[0].header("authorization"), ["Basic t0ken"]);
    let shown = crate::support::run(folder.path(), &["explain", "acme.note"]);
    assert!(!String::from_utf8(shown.stdout).unwrap().contains("Bearer"));
}

/// A workspace whose route sends a file on that is only an address.
fn with_file(name: &str, connection: &str) -> Folder {
    let route = "
source: { path: /in, verify: none }
send:
  - to: chat.create_attachments
    params: { contact_identifier: ana, conversation_id: 1 }
    body: { content: My receipt, attachments: [{ url: \"{{ payload.url }}\" }] }
";
    let settings = format!("connections:\n  chat: {{ provider: omnivibe, inbox_identifier: web, {connection} }}\n");
    Folder::with(name, &[("routes/in.yaml", route), ("jackfield.yaml", &settings)])
}

#[test]
fn a_file_that_is_only_an_address_goes_along() {
    let folder = with_file("linked", "timeout: 5s");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let event = br#"{"url":"https://files.example/receipts/July%201.png?token=1"}"#;
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", event).status, 202);
    server.wait_for("the message", |status| status["deliveries"]["delivered"] == 1);
    let received = server.received();
    assert_eq!((&received[0]["verdict"], received.len()), (&serde_json::json!("good"), 1), "{received:?}");
    let file = &received[0]["body"]["attachments"][0];
    let text = "YSBmaWxlIG9mIHRoZSBzYW5kYm94";
    assert_eq!((&file["filename"], &file["base64"]), (&"July 1.png".into(), &text.into()), "{file}");
}

#[test]
fn no_address_of_ones_own_network_is_asked_for_a_file() {
    let provider = Provider::start(Answers::Good);
    let secret = Provider::start(Answers::Good);
    let folder = with_file("linked-private", &format!("base_url: \"http://{}\", {ALLOWED}", provider.address));
    let server = Server::start(folder.path(), &[], &[]);
    let port = secret.address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let event = format!("{{\"url\":\"http://{host}:{port}/secret\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", event.as_bytes()).status, 202);
    }
    server.wait_for("all held", |status| status["deliveries"]["held"] == 4);
    assert_eq!((provider.received().len(), secret.received().len()), (0, 0));
}

#[test]
fn no_proxy_is_asked_for_a_file_of_its_own_network() {
    let provider = Provider::start(Answers::Good);
    let secret = Provider::start(Answers::Good);
    let proxy = Proxy::start(secret.address);
    let connection =
        format!("base_url: \"http://{}\", {ALLOWED}, proxy: \"http://{}\"", provider.address, proxy.address);
    let folder = with_file("linked-proxy", &connection);
    let server = Server::start(folder.path(), &[], &[]);
    for host in ["10.0.0.1", "localhost", "intranet", "admin.localhost"] {
        let event = format!("{{\"url\":\"http://{host}/secret\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", event.as_bytes()).status, 202);
    }
    server.wait_for("all held", |status| status["deliveries"]["held"] == 4);
    assert_eq!((proxy.seen().len(), secret.received().len()), (0, 0));
}

//! Tokens that run out, with the pack of GoHighLevel and the stand-in's token service, which takes each refresh token once.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Folder, Server, StandIn, copy, exchange, get, post, root, run, wait_for};

const ROUTE: &str = "
source: { path: /in, verify: none, split: \"$.ids[*]\" }
send:
  - to: ghl.inbound_message
    body: { type: SMS, conversationId: \"c{{ payload }}\", message: hello }
";

/// A workspace whose one connection sends to a stand-in, which outlives the server.
fn workspace(name: &str) -> (Folder, StandIn) {
    let folder = Folder::with(name, &[("routes/in.yaml", ROUTE), ("jackfield.yaml", "connections: {}\n")]);
    copy(&root().join("schemas/gohighlevel"), &folder.path().join("schemas/gohighlevel"));
    let pack = folder.read("schemas/gohighlevel/pack.yaml");
    // What is at stake here is tokens, and not the pace.
    let quick = pack.replace("{ requests: 100, per: 10s }", "{ requests: 100000, per: 1s }");
    assert_ne!(quick, pack);
    folder.write("schemas/gohighlevel/pack.yaml", &quick);
    let stand_in = StandIn::start(&folder, &[]);
    let connection = format!(
        "connections:\n  ghl:\n    provider: gohighlevel\n    base_url: http://{}/gohighlevel\n    allow_private_addresses: \
         true\n    client_id: app\n    client_secret: ${{env:APP_SECRET}}\n    refresh_token: ${{env:FIRST}}\n    \
         conversation_provider_id: 61d6d1f9cdac7612faf80753\n    retry: {{ first: 700ms, longest: 1s }}\n",
        stand_in.address
    );
    folder.write("jackfield.yaml", &connection);
    (folder, stand_in)
}

const ENV: [(&str, &str); 2] = [("APP_SECRET", "s3cr3t-of-the-app"), ("FIRST", "the-first-refresh-token")];

fn send(server: &Server, ids: std::ops::Range<usize>) {
    let body = json!({ "ids": ids.collect::<Vec<_>>() }).to_string();
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
}

fn tokens(stand_in: &StandIn) -> Value {
    serde_json::from_slice::<Value>(&get(&stand_in.address, "/_sandbox/tokens").body).unwrap()["gohighlevel"].clone()
}

fn run_out(stand_in: &StandIn) {
    let all = b"DELETE /_sandbox/tokens?provider=gohighlevel HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(exchange(&stand_in.address, all).unwrap().status, 200);
}

#[test]
fn a_token_that_ran_out_is_replaced_once_for_a_thousand_deliveries_and_the_rotated_one_outlives_a_kill() {
    let (folder, stand_in) = workspace("tokens");
    let server = Server::start(folder.path(), &[], &ENV);
    send(&server, 0..1);
    server.wait_for("the first", |status| status["deliveries"]["delivered"] == 1);
    assert_eq!(tokens(&stand_in), json!({ "given": 1, "good": 1, "refused": 0 }));

    // A token that was given a moment ago is not replaced.
    std::thread::sleep(Duration::from_millis(2100));
    run_out(&stand_in);
    for part in 0..10 {
        send(&server, part * 100..(part + 1) * 100);
    }
    server.wait_for("a thousand", |status| status["deliveries"]["delivered"] == 1001);
    assert_eq!(tokens(&stand_in), json!({ "given": 2, "good": 1, "refused": 0 }), "one refresh for all");

    server.kill();
    run_out(&stand_in);
    let server = Server::start(folder.path(), &[], &ENV);
    send(&server, 0..10);
    server.wait_for("those after the kill", |status| status["deliveries"]["delivered"] == 1011);
    assert_eq!(tokens(&stand_in), json!({ "given": 3, "good": 1, "refused": 0 }), "the rotated one was kept");

    // The first one is used up: whoever comes with it again is refused.
    let form = "grant_type=refresh_token&client_id=app&client_secret=x&refresh_token=the-first-refresh-token";
    let again =
        post(&stand_in.address, "/gohighlevel/oauth/token", "application/x-www-form-urlencoded", form.as_bytes());
    assert_eq!((again.status, again.text().as_str()), (400, r#"{"error":"invalid_grant"}"#));
    // Nothing of it is shown anywhere.
    let shown = serde_json::to_string(&stand_in.received()).unwrap() + &folder.read("serve.log");
    for secret in ["s3cr3t-of-the-app", "the-first-refresh-token", "refresh-1", "access-1"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn a_process_that_dies_with_a_new_token_in_its_hands_says_so_afterwards() {
    let (folder, stand_in) = workspace("token-lost");
    let server = Server::start(folder.path(), &[], &[ENV[0], ENV[1], ("JACKFIELD_DIE_AT", "token-given:1")]);
    send(&server, 0..3);
    wait_for("the death", || server.has_ended().then_some(()));
    drop(server);
    // The refresh token that it had is used up, and the one that it was given is lost: nobody can know it.
    let server = Server::start(folder.path(), &[], &ENV);
    let is_told =
        |status: &Value| status["deliveries"]["held"] == 1 && status["connections"]["ghl"]["refused_since"].is_string();
    server.wait_for("a word for a person", is_told);
    assert_eq!(tokens(&stand_in)["given"], 1);
    let listed = run(folder.path(), &["dead-letters", "--admin", &server.admin]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("not-sent token-refused").count(), 1, "{listed}");

    let mended = folder.read("jackfield.yaml").replace("${env:FIRST}", "another-refresh-token");
    folder.write("jackfield.yaml", &mended);
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3);
}

#[test]
fn a_new_token_that_is_not_taken_either_waits_for_a_person() {
    let (folder, stand_in) = workspace("token-never");
    let order = json!({ "provider": "gohighlevel", "error": "unauthorized", "times": 1000 }).to_string();
    assert_eq!(post(&stand_in.address, "/_sandbox/fail", "application/json", order.as_bytes()).status, 200);
    let listed: Value = serde_json::from_slice(&get(&stand_in.address, "/_sandbox/failures").body).unwrap();
    let ordered = json!([{ "provider": "gohighlevel", "operation": null, "error": "unauthorized", "times": 1000 }]);
    assert_eq!(listed, ordered);

    let server = Server::start(folder.path(), &[], &ENV);
    send(&server, 0..1);
    server.wait_for("a word for a person", |status| status["deliveries"]["held"] == 1);
    let calls = stand_in.received().iter().filter(|request| request["operation"] == "inbound_message").count();
    assert_eq!((calls >= 3, &tokens(&stand_in)["given"]), (true, &json!(2)), "{calls} calls");
    let listed = run(folder.path(), &["deliveries", "--admin", &server.admin]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.ends_with("(1 attempt, 401 refresh token-refused: Invalid JWT)\n"), "{listed}");

    let cancel = b"DELETE /_sandbox/failures HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(exchange(&stand_in.address, cancel).unwrap().text(), r#"{"cancelled":1}"#);
    assert_eq!(get(&stand_in.address, "/_sandbox/failures").text(), "[]");
    run(folder.path(), &["release", "--all", "--admin", &server.admin]);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
}

/// A vendor whose token service is down until it is told to be up: its address, and how often it was asked for a token.
fn vendor(is_up: &Arc<AtomicBool>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let (is_up, count) = (is_up.clone(), asked.clone());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 8192];
            let read = stream.read(&mut head).unwrap_or(0);
            let for_token = String::from_utf8_lossy(&head[..read]).contains("/oauth/token");
            count.fetch_add(usize::from(for_token), Ordering::SeqCst);
            let (status, body) = match (for_token, is_up.load(Ordering::SeqCst)) {
                (true, false) => (503, "{}"),
                (true, true) => (200, r#"{"access_token":"a","refresh_token":"r","expires_in":86400}"#),
                (false, _) => (200, r#"{"conversationId":"c","messageId":"m"}"#),
            };
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (address, asked)
}

#[test]
fn an_outage_of_the_token_service_uses_up_no_attempts() {
    let (folder, stand_in) = workspace("token-outage");
    let is_up = Arc::new(AtomicBool::new(false));
    let (address, asked) = vendor(&is_up);
    let settings = folder.read("jackfield.yaml").replace(&stand_in.address, &address);
    let quick = settings.replace("first: 700ms, longest: 1s", "attempts: 3, first: 50ms, longest: 200ms");
    assert_ne!(quick, settings);
    folder.write("jackfield.yaml", &quick);
    let server = Server::start(folder.path(), &[], &ENV);
    send(&server, 0..200);
    wait_for("several tries", || (asked.load(Ordering::SeqCst) >= 4).then_some(()));
    let status = server.status();
    assert_eq!((&status["deliveries"]["dead"], &status["deliveries"]["held"]), (&json!(0), &json!(0)), "{status}");
    is_up.store(true, Ordering::SeqCst);
    server.wait_for("all of them", |status| status["deliveries"]["delivered"] == 200);
}

fn order(stand_in: &StandIn, error: &str, times: u32) {
    let order = json!({ "provider": "gohighlevel", "operation": "token", "error": error, "times": times }).to_string();
    let ordered = post(&stand_in.address, "/_sandbox/fail", "application/json", order.as_bytes());
    assert_eq!(ordered.status, 200, "{}", ordered.text());
}

/// How often the token service was asked.
fn asked(stand_in: &StandIn) -> usize {
    stand_in.received().iter().filter(|request| request["operation"] == "token").count()
}

#[test]
fn a_service_that_refused_is_asked_again_when_a_person_says_so() {
    let (folder, stand_in) = workspace("token-release");
    order(&stand_in, "invalid_grant", 2);
    let server = Server::start(folder.path(), &[], &ENV);
    send(&server, 0..3);
    server.wait_for("a word for a person", |status| status["deliveries"]["held"] == 1);
    assert_eq!(asked(&stand_in), 1);
    let release = || run(folder.path(), &["release", "--connection", "ghl", "--admin", &server.admin]);
    assert!(String::from_utf8(release().stdout).unwrap().ends_with("  `ghl` waits no longer: it is tried now\n"));
    wait_for("the second refusal", || (asked(&stand_in) == 2).then_some(()));
    server.wait_for("a word again", |status| status["deliveries"]["held"] == 1);
    release();
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3);
    assert_eq!(asked(&stand_in), 3);
}

#[test]
fn a_token_that_ran_out_during_an_outage_of_its_service_uses_up_no_attempts() {
    let (folder, stand_in) = workspace("token-outage-401");
    let settings = folder.read("jackfield.yaml");
    let quick = settings.replace("first: 700ms, longest: 1s", "attempts: 2, first: 50ms, longest: 100ms");
    assert_ne!(quick, settings);
    folder.write("jackfield.yaml", &quick);
    let server = Server::start(folder.path(), &[], &ENV);
    send(&server, 0..1);
    server.wait_for("the first", |status| status["deliveries"]["delivered"] == 1);
    std::thread::sleep(Duration::from_millis(2100));
    order(&stand_in, "503", 100);
    run_out(&stand_in);
    send(&server, 1..9);
    let refused = || stand_in.received().iter().filter(|request| request["status"] == 401).count();
    wait_for("more tries than there are attempts", || (refused() >= 12 && asked(&stand_in) >= 3).then_some(()));
    let status = server.status();
    assert_eq!((&status["deliveries"]["dead"], &status["deliveries"]["held"]), (&json!(0), &json!(0)), "{status}");
    let open: Value = serde_json::from_slice(&get(&server.admin, "/deliveries?state=retrying").body).unwrap();
    assert!(open["deliveries"].as_array().unwrap().iter().all(|one| one["attempts"] == 0), "{open}");
    let cancel = b"DELETE /_sandbox/failures HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(exchange(&stand_in.address, cancel).unwrap().status, 200);
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 9);
}

#[test]
fn the_stand_in_of_a_token_service_fails_as_it_is_told() {
    let (_folder, stand_in) = workspace("token-orders");
    let form = "grant_type=refresh_token&client_id=app&client_secret=x&refresh_token=r";
    let ask = || {
        let address = "/gohighlevel/oauth/token";
        let answer = post(&stand_in.address, address, "application/x-www-form-urlencoded", form.as_bytes());
        (answer.status, answer.text())
    };
    for (error, status, body) in [
        ("invalid_grant", 400, r#"{"error":"invalid_grant"}"#),
        ("invalid_client", 401, r#"{"error":"invalid_client"}"#),
        ("503", 503, "{}"),
    ] {
        order(&stand_in, error, 1);
        assert_eq!(ask(), (status, body.to_owned()));
    }
    assert_eq!(ask().0, 200, "what it was told to refuse is not used up by that");
    let known: Value = serde_json::from_slice(&get(&stand_in.address, "/_sandbox/errors").body).unwrap();
    assert_eq!(known["providers"]["gohighlevel"]["token"]["invalid_grant"], 400);
    assert_eq!(known["providers"]["omnivibe"]["token"], Value::Null);
    let wrong =
        |order: Value| post(&stand_in.address, "/_sandbox/fail", "application/json", order.to_string().as_bytes());
    let none = wrong(json!({ "provider": "gohighlevel", "operation": "token", "error": "busy" }));
    assert!(none.text().starts_with(r#"{"error":"there is no error `busy`; there is: invalid_grant, "#), "{none:?}");
    assert_eq!(wrong(json!({ "provider": "omnivibe", "operation": "token", "error": "503" })).status, 400);
}

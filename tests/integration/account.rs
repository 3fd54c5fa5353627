//! An account that the provider refuses: nothing is lost, nobody hammers, and a mended secret is enough.

use serde_json::{Value, json};

use crate::support::{Folder, Server, get, post, run, wait_for};
use crate::vendor::{Reply, Request, Vendor, reply};

const QUICK: &str = "first: 100ms, longest: 400ms";

fn send(server: &Server, ids: std::ops::Range<usize>) {
    for id in ids {
        let body = format!("{{\"id\":\"m{id}\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
    }
}

fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    let output = run(folder.path(), &[args, &["--admin", &server.admin]].concat());
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

fn by_token(token: &'static str) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| match request.header("authorization") == Some(token) {
        true => reply("200 OK", "{\"id\":1}"),
        false => reply("401 Unauthorized", "{\"error\":\"Invalid Access Token\"}"),
    }
}

/// How many wait, whatever they are called.
fn waiting(status: &Value) -> u64 {
    ["pending", "leased", "retrying"].iter().map(|state| status["deliveries"][state].as_u64().unwrap()).sum()
}

/// Twenty deliveries with a token that the provider refuses: the first is held, the others wait.
fn refused(name: &str) -> (Vendor, Folder, Server) {
    let vendor = Vendor::start(by_token("Bearer good-token"));
    let folder = vendor.workspace(name, "old-token", QUICK);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..1);
    server.wait_for("the first", |status| status["deliveries"]["held"] == 1);
    send(&server, 1..20);
    // One at a time tries.
    let before = vendor.received().len();
    wait_for("several tries", || (vendor.received().len() >= before + 3).then_some(()));
    let status = server.wait_for("those that wait", |status| waiting(status) == 19);
    assert_eq!((&status["deliveries"]["held"], &status["deliveries"]["dead"]), (&json!(1), &json!(0)), "{status}");
    let connection = &status["connections"]["acme"];
    assert!(connection["refused_since"].is_string() && connection["asked_again"].is_string(), "{status}");
    assert!(connection["down_since"].is_null(), "{status}");
    (vendor, folder, server)
}

#[test]
fn a_token_that_is_refused_waits_for_another_and_a_reload_is_enough() {
    let (vendor, folder, server) = refused("account-reload");
    let listed = said(&folder, &server, &["dead-letters"]);
    assert!(listed.contains("  held  acme.note  in  (1 attempt, 401 refresh token-refused: Invalid Access Token)\n"));
    let open: Value = serde_json::from_slice(&get(&server.admin, "/deliveries?state=retrying,pending").body).unwrap();
    for one in open["deliveries"].as_array().unwrap() {
        assert_eq!(one["attempts"], 0, "a try that only meets the refusal uses up no attempt: {one}");
    }
    let id = open["deliveries"][0]["id"].as_str().unwrap();
    let story = said(&folder, &server, &["deliveries", id]);
    assert!(story.contains("\n  Acme takes no token of this connection since 2"), "{story}");
    vendor.connect(&folder, "good-token", QUICK);
    let status = server.wait_for("all of them", |status| status["deliveries"]["delivered"] == 20);
    assert!(status["connections"]["acme"]["refused_since"].is_null());
}

#[test]
fn those_that_wait_for_a_good_token_go_out_one_by_one_until_it_is_there() {
    let (vendor, _folder, server) = refused("account-slowly");
    let (before, started) = (vendor.received().len(), std::time::Instant::now());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let (tries, took) = (vendor.received().len() - before, started.elapsed());
    // The longest wait is 400 ms, half of it at random.
    let most = usize::try_from(took.as_millis() / 200).unwrap() + 2;
    assert!((1..=most).contains(&tries), "{tries} tries in {took:?}");
    // It was the provider's own mistake: what waits finds out by itself, and the one that is held waits for a word.
    vendor.answers(by_token("Bearer old-token"));
    server.wait_for("those that wait", |status| status["deliveries"]["delivered"] == 19);
    assert_eq!(server.status()["deliveries"]["held"], 1);
}

#[test]
fn a_restart_tries_again_what_the_provider_refused() {
    let (vendor, folder, server) = refused("account-restart");
    assert_eq!(server.terminate(), 0);
    let server = Server::start(folder.path(), &[], &[]);
    server.wait_for("the same again", |status| status["deliveries"]["held"] == 1 && waiting(status) == 19);
    assert_eq!(server.terminate(), 0);
    vendor.connect(&folder, "good-token", QUICK);
    let server = Server::start(folder.path(), &[], &[]);
    server.wait_for("all of them", |status| status["deliveries"]["delivered"] == 20);
}

#[test]
fn a_word_is_enough_once_the_provider_takes_the_token() {
    let (vendor, folder, server) = refused("account-release");
    let again = said(&folder, &server, &["release", "--connection", "acme"]);
    assert!(again.contains(" deliveries go on\n") && again.ends_with("  `acme` waits no longer: it is tried now\n"));
    server.wait_for("one is held again", |status| status["deliveries"]["held"] == 1);
    vendor.answers(by_token("Bearer old-token"));
    said(&folder, &server, &["release", "--all"]);
    server.wait_for("all of them", |status| status["deliveries"]["delivered"] == 20);
}

#[test]
fn what_is_forbidden_is_given_up_unless_the_pack_says_that_the_account_is_refused() {
    let vendor = Vendor::start(|_| reply("403 Forbidden", "{\"error\":\"token revoked\"}"));
    let folder = vendor.workspace("account-403", "old-token", QUICK);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..1);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let pack = folder.read("schemas/acme/pack.yaml");
    let own = "    response: [{ hold: \"{{ status == 403 and body.error == 'token revoked' }}\" }, ";
    folder.write("schemas/acme/pack.yaml", &pack.replace("    response: [", own));
    server.wait_for("the pack", |status| status["reloads"]["taken"] == 1);
    send(&server, 1..2);
    server.wait_for("a word for a person", |status| status["deliveries"]["held"] == 1);
    let listed = said(&folder, &server, &["deliveries", "--state", "held"]);
    assert!(listed.ends_with("(1 attempt, 403 hold token-refused: token revoked)\n"), "{listed}");
}

#[test]
fn a_secret_that_the_provider_repeats_is_shown_nowhere() {
    let vendor = Vendor::start(|request| {
        let token = request.header("authorization").unwrap().to_owned();
        reply("422 Unprocessable", &json!({ "message": format!("no rights for {token}"), "you": token }).to_string())
    });
    let folder = vendor.workspace("account-echo", "\"s3cret/of \\\"acme\\\"\"", QUICK);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, 0..1);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    let listed = said(&folder, &server, &["dead-letters"]);
    assert!(listed.contains("(1 attempt, 422 reject: no rights for Bearer ***)\n"), "{listed}");
    let id = listed.split_whitespace().nth(1).unwrap().to_owned();
    let story = said(&folder, &server, &["deliveries", &id]);
    assert!(story.contains(r#"{"message":"no rights for Bearer ***","you":"Bearer ***"}"#), "{story}");
    assert_eq!(server.terminate(), 0);
    let kept = crate::support::files_below(&folder.path().join("data"));
    let holds = |bytes: &[u8]| bytes.windows(9).any(|part| part == b"s3cret/of");
    // The files of the workspace are kept as they are: the connection's own line is the one place.
    let store = rusqlite::Connection::open(folder.path().join("data/jackfield.db")).unwrap();
    let answer: Vec<u8> = store.query_row("SELECT answer FROM attempts", [], |row| row.get(0)).unwrap();
    assert!(!holds(&answer) && !kept.is_empty() && !holds(folder.read("serve.log").as_bytes()));
}

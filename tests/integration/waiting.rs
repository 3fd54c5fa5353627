//! Many that wait for one thing which a provider that fails is to make.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::dispatch::{Provider, answer, connection, send_all};
use crate::support::{Folder, Server, get, jackfield};

const PACK: &str = "
title: Desk
base_url: https://desk.example
operations:
  create_contact:
    path: /contacts
    request: { json: any.json }
  create_message:
    path: /messages
    request: { json: any.json }
  ensure_message:
    request: { json: any.json }
    steps:
      - call: create_contact
        body: { person: \"{{ body.person }}\" }
        save: { contact: $.id }
        remember: { key: \"{{ body.person }}\", for: 30d }
      - call: create_message
        body: { contact: \"{{ contact }}\" }
";
const ANY: &str = "{\"type\":\"object\",\"properties\":{\"person\":{},\"contact\":{}}}";
const ROUTE: &str = "source: { path: /in, verify: none }
send:
  - to: desk.ensure_message
    body: { person: \"{{ payload.person }}\" }
";
const RETRY: &str = ", retry: { attempts: 30, first: 2s, longest: 2s }";

/// A desk whose contacts are made, as long as it is sick, without a word of it.
struct Desk {
    sick: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    folder: Folder,
}

impl Desk {
    /// `fault`: a status, or none where the connection breaks.
    fn start(name: &str, fault: Option<u16>) -> Desk {
        let (sick, made) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (is_sick, count) = (sick.clone(), made.clone());
        let provider = Provider::start(move |stream, path, _| {
            if path.ends_with("/contacts") {
                count.fetch_add(1, Ordering::SeqCst);
                if is_sick.load(Ordering::SeqCst) {
                    match fault {
                        Some(status) => answer(stream, status, "", &json!({})),
                        None => drop(stream.shutdown(Shutdown::Both)),
                    }
                    return;
                }
            }
            answer(stream, 200, "", &json!({ "id": 1 }));
        });
        let folder = Folder::with(name, &[("schemas/desk/pack.yaml", PACK), ("schemas/desk/any.json", ANY)]);
        let settings = connection("desk", &provider.address, RETRY);
        folder.write("jackfield.yaml", &format!("connections:\n{settings}"));
        folder.write("routes/in.yaml", ROUTE);
        Desk { sick, made, folder }
    }
}

fn is_down(status: &Value) -> bool {
    status["connections"]["desk"]["down_since"].is_string()
}

#[test]
fn those_who_wait_for_a_call_that_fails_do_not_each_make_it() {
    for (name, fault) in [("broken", None), ("fault", Some(500))] {
        let desk = Desk::start(name, fault);
        let server = Server::start(desk.folder.path(), &[], &[]);
        send_all(&server, "/hooks/in", &vec![json!({ "person": "ana" }); 40]);
        server.wait_for("the outage", is_down);
        std::thread::sleep(Duration::from_secs(3));
        let made = desk.made.load(Ordering::SeqCst);
        // Five show that it is down, and after that one at a time tries, a second apart at the least.
        assert!((5..=9).contains(&made), "{name}: {made} calls");
        desk.sick.store(false, Ordering::SeqCst);
        server.wait_for("all delivered", |status| status["deliveries"]["delivered"] == 40);
        let last = desk.made.load(Ordering::SeqCst);
        assert!(last <= made + 2, "{name}: {last} calls, of which {made} in the outage");
    }
}

#[test]
fn while_a_provider_is_down_no_time_is_told() {
    let desk = Desk::start("no-time", Some(500));
    let server = Server::start(desk.folder.path(), &[], &[]);
    let events: Vec<Value> = (0..30).map(|number| json!({ "person": number })).collect();
    send_all(&server, "/hooks/in", &events);
    server.wait_for("the outage", is_down);
    let listed = get(&server.admin, "/deliveries?state=pending,leased,retrying&last=1").body;
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    let story: Value = serde_json::from_slice(&get(&server.admin, &format!("/deliveries/{id}")).body).unwrap();
    let estimate = &story["estimate"];
    assert!(estimate["at"].is_null() && estimate["seconds"].is_null(), "{estimate}");
    assert!(estimate["asked_again"].is_string(), "{estimate}");
    let shown = jackfield(desk.folder.path(), &["deliveries", id, "--admin", &server.admin]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("\n  no time is known: it goes out when Desk is back"), "{shown}");
    assert!(!shown.contains("goes out now") && shown.contains("Desk does not answer well since"), "{shown}");
}

//! Many that wait for one thing which a provider that fails is to make.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::dispatch::{Provider, answer, connection, send_all};
use crate::support::{Folder, Server, get, jackfield, wait_for};

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
    calls: Arc<Mutex<Vec<Instant>>>,
    folder: Folder,
}

impl Desk {
    /// `fault`: a status, or none where the connection breaks.
    fn start(name: &str, fault: Option<u16>) -> Desk {
        let (sick, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
        let (is_sick, heard) = (sick.clone(), calls.clone());
        let provider = Provider::start(move |stream, path, _| {
            if path.ends_with("/contacts") {
                heard.lock().unwrap().push(Instant::now());
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
        Desk { sick, calls, folder }
    }

    /// When a contact was asked for.
    fn calls(&self) -> Vec<Instant> {
        self.calls.lock().unwrap().clone()
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
        let calls = wait_for("calls that fail", || Some(desk.calls()).filter(|calls| calls.len() >= 4));
        // The first tries again after a second at the least, by its own `retry:`, and all others wait for it.
        for (earlier, later) in calls.iter().zip(&calls[1..]) {
            let gap = later.duration_since(*earlier);
            assert!(gap >= Duration::from_millis(990), "{name}: {gap:?} from one call to the next");
        }
        desk.sick.store(false, Ordering::SeqCst);
        let failed = desk.calls().len();
        server.wait_for("all delivered", |status| status["deliveries"]["delivered"] == 40);
        let made = desk.calls().len() - failed;
        assert!(made <= 1, "{name}: {made} calls that make it");
        // One delivery has failed, not forty.
        let failed_once = get(&server.admin, "/deliveries?last=100").body;
        let listed: Value = serde_json::from_slice(&failed_once).unwrap();
        let tried: Vec<&Value> = listed["deliveries"].as_array().unwrap().iter().map(|one| &one["attempts"]).collect();
        assert_eq!(tried.iter().filter(|attempts| **attempts != &json!(1)).count(), 1, "{name}: {tried:?}");
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

#[test]
fn what_was_asked_for_in_vain_is_asked_for_once_while_there_is_little_leave() {
    const FINDS: &str = "
title: Desk
base_url: https://desk.example
rate_limit: { requests: 4, per: 1s }
operations:
  find_contact: { method: GET, path: /contacts }
  create_contact:
    path: /contacts
    request: { json: any.json }
  create_message:
    path: /messages
    request: { json: any.json }
  ensure_message:
    request: { json: any.json }
    steps:
      - call: find_contact
        query: { person: \"{{ body.person }}\" }
        save: { contact?: $.id }
        remember: { key: \"{{ body.person }}\", for: 30d }
      - call: create_contact
        unless: \"{{ contact }}\"
        body: { person: \"{{ body.person }}\" }
        save: { contact: $.id }
        remember: { key: \"{{ body.person }}\", for: 30d }
      - call: create_message
        body: { contact: \"{{ contact }}\" }
";
    let (found, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (finds, makes) = (found.clone(), made.clone());
    let provider = Provider::start(move |stream, path, _| {
        let is_get = path.contains("?person=");
        match path.contains("/contacts") {
            true if is_get => drop(finds.fetch_add(1, Ordering::SeqCst)),
            true => drop(makes.fetch_add(1, Ordering::SeqCst)),
            false => {}
        }
        answer(stream, 200, "", &if is_get { json!({}) } else { json!({ "id": 1 }) });
    });
    let folder = Folder::with("little-leave", &[("schemas/desk/pack.yaml", FINDS), ("schemas/desk/any.json", ANY)]);
    folder.write("jackfield.yaml", &format!("connections:\n{}", connection("desk", &provider.address, "")));
    folder.write("routes/in.yaml", ROUTE);
    let server = Server::start(folder.path(), &[], &[]);
    let events: Vec<Value> = (0..40).map(|number| json!({ "person": number % 8 })).collect();
    send_all(&server, "/hooks/in", &events);
    server.wait_for("all delivered", |status| status["deliveries"]["delivered"] == 40);
    assert_eq!((found.load(Ordering::SeqCst), made.load(Ordering::SeqCst)), (8, 8));
}

//! Calls of which nobody knows what they have done: what a lost one made is found and not made twice, and a person decides where
//! the route says so, also over a crash.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use crate::dispatch::{Provider, answer, connection, send_all};
use crate::support::{Folder, Server, get, jackfield, wait_for};

const PACK: &str = "
title: Desk
base_url: https://desk.example
operations:
  find_contact:
    path: /find
    request: { json: any.json }
    idempotency: safe
  create_contact:
    path: /contacts
    request: { json: any.json }
    response: [{ delivered: \"{{ status == 200 and body.id }}\" }, { forget: \"{{ status == 422 }}\" }]
  create_message:
    path: /messages
    request: { json: any.json }
    response: [{ forget: \"{{ status == 404 }}\" }]
  ensure_message:
    request: { json: any.json }
    steps:
      - call: find_contact
        body: { person: \"{{ body.person }}\" }
        save: { contact?: \"$.found[0].id\" }
        remember: { key: \"{{ body.person }}\", for: 30d }
      - call: create_contact
        unless: \"{{ contact }}\"
        body: { person: \"{{ body.person }}\" }
        save: { contact: $.id }
        remember: { key: \"{{ body.person }}\", for: 30d }
      - call: create_message
        body: { contact: \"{{ contact }}\", text: \"{{ body.text }}\" }
";
const ANY: &str = "{\"type\":\"object\",\"properties\":{\"person\":{},\"contact\":{},\"text\":{}}}";
const CHAIN: &str = "source: { path: /in, verify: none }
send:
  - to: desk.ensure_message
    body: { person: \"{{ payload.person }}\", text: \"{{ payload.id }}\" }
";
/// The same without remembering anything.
const STEPS: &str = "source: { path: /in, verify: none }
send:
  - to: desk.create_message
    steps:
      - call: desk.find_contact
        body: { person: \"{{ payload.person }}\" }
        save: { contact?: \"$.found[0].id\" }
      - call: desk.create_contact
        unless: \"{{ contact }}\"
        body: { person: \"{{ payload.person }}\" }
        save: { contact: $.id }
    body: { contact: \"{{ contact }}\", text: \"{{ payload.id }}\" }
";
const QUICK: &str = ", timeout: 2s, retry: { attempts: 30, first: 50ms, longest: 200ms }";
/// No answer comes before the test is over.
const PATIENT: &str = ", timeout: 60s, retry: { attempts: 30, first: 50ms, longest: 200ms }";

/// A desk that makes each person once, and refuses to a second time.
#[derive(Default)]
struct Desk {
    calls: Vec<String>,
    people: BTreeMap<String, u64>,
    messages: Vec<u64>,
    /// The answers of so many calls that make a contact are lost; whether it was made.
    lost: Vec<bool>,
    /// So many were made already and asked for all the same.
    refused: usize,
    /// So many times a contact that is there is not found.
    blind: usize,
    /// Every contact was removed.
    empty: bool,
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Desk>>);

impl Seen {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }

    fn calls(&self) -> Vec<String> {
        self.desk().calls.clone()
    }

    fn start(&self) -> Provider {
        let seen = self.clone();
        Provider::start(move |stream, path, body| seen.serve(stream, path, body))
    }

    fn serve(&self, stream: &mut TcpStream, path: &str, body: &Value) {
        std::thread::sleep(Duration::from_millis(10));
        let operation = path.rsplit('/').next().unwrap();
        let person = body["person"].as_str().unwrap_or_default();
        let (status, body, is_lost) = self.desk().answers(operation, person, body);
        if is_lost {
            std::thread::sleep(Duration::from_secs(90));
        }
        answer(stream, status, "", &body);
    }
}

impl Desk {
    fn answers(&mut self, operation: &str, person: &str, body: &Value) -> (u16, Value, bool) {
        self.calls.push(operation.to_owned());
        match operation {
            "find" if self.blind > 0 => {
                self.blind -= 1;
                (200, json!({ "found": [] }), false)
            }
            "find" => {
                let found: Vec<Value> = self.people.get(person).map(|id| json!({ "id": id })).into_iter().collect();
                (200, json!({ "found": found }), false)
            }
            "contacts" => {
                let lost = self.lost.pop();
                let next = self.people.len() as u64 + 1;
                match lost {
                    Some(false) => return (200, Value::Null, true),
                    _ if self.people.contains_key(person) => {
                        self.refused += 1;
                        return (422, json!({ "message": "Identifier has already been taken" }), false);
                    }
                    _ => drop(self.people.insert(person.to_owned(), next)),
                }
                (200, json!({ "id": next }), lost.is_some())
            }
            _ if self.empty => (404, json!({}), false),
            _ => {
                self.messages.push(body["contact"].as_u64().unwrap_or_default());
                (200, json!({ "id": 1 }), false)
            }
        }
    }
}

fn workspace(name: &str, connections: &str, route: &str) -> Folder {
    let folder = Folder::with(name, &[("schemas/desk/pack.yaml", PACK), ("schemas/desk/any.json", ANY)]);
    folder.write("jackfield.yaml", &format!("connections:\n{connections}"));
    folder.write("routes/in.yaml", route);
    folder
}

fn send(server: &Server, person: &str, id: u64) {
    send_all(server, "/hooks/in", &[json!({ "id": id, "person": person })]);
}

fn said(folder: &Folder, server: &Server, args: &[&str]) -> String {
    let output = jackfield(folder.path(), &[args, &["--admin", &server.admin]].concat()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The ids of deliveries, the oldest first.
fn ids(server: &Server) -> Vec<String> {
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let ids = listed["deliveries"].as_array().unwrap().iter().rev();
    ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn delivered(server: &Server, count: u64) {
    server.wait_for("all delivered", |status| status["deliveries"]["delivered"] == count);
    assert_eq!(server.status()["deliveries"]["dead"], 0);
}

#[test]
fn what_a_step_makes_stands_for_what_another_did_not_find() {
    let seen = Seen::default();
    let folder = workspace("found", &connection("desk", &seen.start().address, QUICK), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    delivered(&server, 1);
    send(&server, "ana", 2);
    delivered(&server, 2);
    assert_eq!(seen.calls(), ["find", "contacts", "messages", "messages"], "no call more than needed");
    // When the desk has the contact no more, all of it is found out again, also by the one who made it.
    seen.desk().people.clear();
    seen.desk().empty = true;
    send(&server, "ana", 3);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    assert_eq!(seen.calls()[4..], ["messages", "find", "contacts", "messages"]);
}

#[test]
fn many_at_once_ask_once() {
    let seen = Seen::default();
    let folder = workspace("many", &connection("desk", &seen.start().address, QUICK), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    let events: Vec<Value> =
        (0..200).map(|number| json!({ "id": number, "person": format!("p{}", number % 10) })).collect();
    send_all(&server, "/hooks/in", &events);
    delivered(&server, 200);
    let count = |operation| seen.calls().iter().filter(|call| *call == operation).count();
    assert_eq!((count("find"), count("contacts"), count("messages")), (10, 10, 200));
}

#[test]
fn what_a_call_made_whose_answer_was_lost_is_found() {
    let seen = Seen::default();
    seen.desk().lost = vec![true];
    let folder = workspace("lost", &connection("desk", &seen.start().address, QUICK), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    delivered(&server, 1);
    assert_eq!(seen.calls(), ["find", "contacts", "find", "messages"]);
    send(&server, "ana", 2);
    delivered(&server, 2);
    assert_eq!(seen.calls()[4..], ["messages"]);
    // A call that made nothing is made again.
    seen.desk().lost = vec![false];
    send(&server, "bob", 3);
    delivered(&server, 3);
    assert_eq!(seen.calls()[5..], ["find", "contacts", "find", "contacts", "messages"]);
}

#[test]
fn what_a_call_made_before_a_crash_is_found() {
    let seen = Seen::default();
    seen.desk().lost = vec![true];
    let folder = workspace("crashed", &connection("desk", &seen.start().address, PATIENT), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    wait_for("the call", || (seen.desk().people.len() == 1).then_some(()));
    send(&server, "ana", 2);
    std::thread::sleep(Duration::from_millis(300));
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    delivered(&server, 2);
    assert_eq!(seen.calls(), ["find", "contacts", "find", "messages", "messages"]);
}

#[test]
fn what_nobody_remembers_is_asked_for_again_as_well() {
    let seen = Seen::default();
    let folder = workspace("steps", &connection("desk", &seen.start().address, QUICK), STEPS);
    let server = Server::start(folder.path(), &[], &[]);
    seen.desk().lost = vec![true];
    send(&server, "ana", 1);
    delivered(&server, 1);
    assert_eq!(seen.calls(), ["find", "contacts", "find", "messages"], "an answer was lost");
    seen.desk().blind = 1;
    send(&server, "ana", 2);
    delivered(&server, 2);
    assert_eq!(seen.calls()[4..], ["find", "contacts", "find", "messages"], "it was there already");
    seen.desk().lost = vec![true];
    folder.write("jackfield.yaml", &folder.read("jackfield.yaml").replace("timeout: 2s", "timeout: 60s"));
    server.wait_for("patience", |status| status["reloads"]["taken"] == 1);
    send(&server, "bob", 3);
    wait_for("the call", || (seen.desk().people.len() == 2).then_some(()));
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    delivered(&server, 3);
    assert_eq!(seen.calls()[8..], ["find", "contacts", "find", "messages"], "the process died");
}

#[test]
fn a_thousand_messages_whose_calls_get_lost_make_each_person_once() {
    let seen = Seen::default();
    seen.desk().lost = [true, false, true, true, false].repeat(4);
    let folder = workspace("thousand", &connection("desk", &seen.start().address, QUICK), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    let events: Vec<Value> =
        (0..1000).map(|number| json!({ "id": number, "person": format!("p{}", number % 20) })).collect();
    send_all(&server, "/hooks/in", &events);
    delivered(&server, 1000);
    let count = |operation| seen.calls().iter().filter(|call| *call == operation).count();
    // On a busy machine more calls may run out of time than those that get lost here.
    let (made, asked) = (count("contacts"), count("find"));
    let desk = seen.desk();
    assert_eq!((desk.people.len(), desk.refused, desk.messages.len() >= 1000), (20, 0, true));
    assert!((28..40).contains(&made) && asked < 100, "20 were made, 8 got lost: {made} calls, {asked} questions");
}

#[test]
fn what_is_there_already_is_asked_for_again() {
    let seen = Seen::default();
    let folder = workspace("taken", &connection("desk", &seen.start().address, QUICK), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    (seen.desk().blind, seen.desk().people) = (1, [("ana".to_owned(), 7)].into());
    send(&server, "ana", 1);
    delivered(&server, 1);
    assert_eq!(seen.calls(), ["find", "contacts", "find", "messages"]);
    assert_eq!(seen.desk().messages, [7]);
    // Where it is never found, that has an end.
    seen.desk().blind = 9;
    seen.desk().people.insert("bob".to_owned(), 8);
    send(&server, "bob", 2);
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    assert_eq!(seen.calls()[4..], ["find", "contacts", "find", "contacts"]);
}

#[test]
fn a_tight_budget_asks_no_more_than_once() {
    let seen = Seen::default();
    let folder = workspace("budget", &connection("desk", &seen.start().address, QUICK), CHAIN);
    folder.write("schemas/desk/pack.yaml", &format!("{PACK}rate_limit: {{ requests: 1, per: 2500ms }}\n"));
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    delivered(&server, 1);
    assert_eq!(seen.calls(), ["find", "contacts", "messages"]);
}

#[test]
fn steps_that_are_to_be_repeated_are_made_whatever_is_remembered() {
    let seen = Seen::default();
    let folder = workspace("repeat", &connection("desk", &seen.start().address, QUICK), CHAIN);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    delivered(&server, 1);
    let id = ids(&server)[0].clone();
    let again = said(&folder, &server, &["replay", &id, "--again"]);
    assert!(again.starts_with("1 delivery on the way again"), "{again}");
    delivered(&server, 2);
    assert_eq!(seen.calls()[3..], ["messages"]);
    said(&folder, &server, &["replay", &id, "--again", "--repeat-steps"]);
    delivered(&server, 3);
    assert_eq!(seen.calls()[4..], ["find", "messages"], "it is found, and so not made");
}

const HOLD: &str = "source: { path: /in, verify: none }
on_unknown: hold
send:
  - to: desk.create_message
    body: { contact: 1, text: \"{{ payload.id }}\" }
";

#[test]
fn a_call_under_way_at_a_crash_is_held_where_the_route_says_so() {
    let seen = Arc::new(Mutex::new(0_usize));
    let count = seen.clone();
    let provider = Provider::start(move |stream, _, _| {
        let first = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count <= 2
        };
        if first {
            std::thread::sleep(Duration::from_secs(90));
        }
        answer(stream, 200, "", &json!({ "id": 1 }));
    });
    let folder = workspace("held-crash", &connection("desk", &provider.address, PATIENT), HOLD);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    send(&server, "ana", 2);
    wait_for("both calls", || (*seen.lock().unwrap() == 2).then_some(()));
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    server.wait_for("both held", |status| status["deliveries"]["held"] == 2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(*seen.lock().unwrap(), 2, "neither is made again");
    let ids = ids(&server);
    let listed = said(&folder, &server, &["dead-letters"]);
    assert_eq!(listed.matches("  held  desk.create_message  in  (1 attempt, unknown broken)\n").count(), 2, "{listed}");
    let left_out = said(&folder, &server, &["release", "--all"]);
    assert!(left_out.contains("left out: 2 of which nobody knows"), "{left_out}");
    said(&folder, &server, &["release", &ids[0]]);
    delivered(&server, 1);
    said(&folder, &server, &["dismiss", &ids[1]]);
    server.wait_for("the other", |status| status["deliveries"]["skipped"] == 1);
    assert_eq!(*seen.lock().unwrap(), 3);
    // What was answered before a crash is not held.
    send(&server, "ana", 3);
    delivered(&server, 2);
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    assert_eq!(server.status()["deliveries"]["held"], 0);
    assert_eq!(server.status()["deliveries"]["delivered"], 2);
}

#[test]
fn what_a_held_delivery_may_have_made_is_made_by_no_other() {
    let seen = Seen::default();
    seen.desk().lost = vec![false];
    let route = CHAIN.replace("send:", "on_unknown: hold\nsend:");
    let folder = workspace("held-key", &connection("desk", &seen.start().address, QUICK), &route);
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    server.wait_for("one held", |status| status["deliveries"]["held"] == 1);
    let held = ids(&server)[0].clone();
    send(&server, "ana", 2);
    let waits =
        format!("waits for {held}, which is held and may have made what this one needs: release or dismiss it)");
    wait_for("the reason", || said(&folder, &server, &["deliveries"]).contains(&waits).then_some(()));
    send(&server, "bob", 3);
    delivered(&server, 1);
    assert_eq!(seen.calls().iter().filter(|call| *call == "contacts").count(), 2, "{:?}", seen.calls());
    // A start changes nothing of it.
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 4);
    wait_for("both wait", || (said(&folder, &server, &["deliveries"]).matches(&waits).count() == 2).then_some(()));
    said(&folder, &server, &["release", &held]);
    delivered(&server, 4);
    assert_eq!(seen.calls().iter().filter(|call| *call == "contacts").count(), 3, "{:?}", seen.calls());
    assert_eq!(seen.desk().people.len(), 2);
    let listed = said(&folder, &server, &["deliveries"]);
    assert!(!listed.contains("waits for"), "{listed}");
}

#[test]
fn what_never_went_out_counts_against_no_limit_after_a_crash() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let route = HOLD.replace("on_unknown: hold\n", "");
    let folder = workspace("uncounted", &connection("desk", &address.to_string(), QUICK), &route);
    folder.write("schemas/desk/pack.yaml", &format!("{PACK}rate_limit: {{ requests: 1, per: 1h }}\n"));
    let server = Server::start(folder.path(), &[], &[]);
    send(&server, "ana", 1);
    server.wait_for("a try", |status| status["deliveries"]["retrying"] == 1);
    server.kill();
    Provider::on(TcpListener::bind(address).unwrap(), |stream, _, _| answer(stream, 200, "", &json!({ "id": 1 })));
    let server = Server::start(folder.path(), &[], &[]);
    delivered(&server, 1);
}

//! Deliveries through the real program to real sockets: providers that misbehave, chains whose results are found out once,
//! the pace, and the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Folder, Server, get, jackfield, post, post_bytes, read_answer, wait_for};

/// What a test provider does with a request: the method and path, and the body.
type Behaviour = dyn Fn(&mut TcpStream, &str, &Value) + Send + Sync;

/// A provider on a port of its own, a thread for each connection.
pub struct Provider {
    pub address: String,
}

impl Provider {
    pub fn start(behaviour: impl Fn(&mut TcpStream, &str, &Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Provider::on(listener, behaviour);
        Provider { address }
    }

    pub fn on(listener: TcpListener, behaviour: impl Fn(&mut TcpStream, &str, &Value) + Send + Sync + 'static) {
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let behaviour = behaviour.clone();
                std::thread::spawn(move || serve(stream, &*behaviour));
            }
        });
    }
}

fn serve(mut stream: TcpStream, behaviour: &Behaviour) {
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    while let Some((path, body)) = read_request(&mut requests) {
        behaviour(&mut stream, &path, &body);
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<(String, Value)> {
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.rsplit_once(' ')?.0.to_owned();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        match header.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).unwrap_or_default()))
}

pub fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
}

const PACK: &str = "
title: Desk
base_url: https://desk.example
operations:
  note:
    path: /notes
    request: { json: any.json }
    response: [{ delivered: \"{{ status == 200 and body.id }}\" }]
  create_contact:
    path: /contacts
    request: { json: any.json }
  create_conversation:
    path: /conversations
    request: { json: any.json }
    response: [{ forget: \"{{ status == 404 }}\" }]
  create_message:
    path: /messages
    request: { json: any.json }
    response: [{ forget: \"{{ status == 404 }}\" }]
  ensure_message:
    request: { json: any.json }
    steps:
      - call: create_contact
        body: { person: \"{{ body.person }}\" }
        save: { contact: $.id }
        remember: { key: \"{{ body.person }}\", for: 30d }
      - call: create_conversation
        body: { contact: \"{{ contact }}\" }
        save: { conversation: $.id }
        remember: { key: \"{{ contact }}\", for: 30d }
      - call: create_message
        body: { conversation: \"{{ conversation }}\", text: \"{{ body.text }}\" }
";

const ANY: &str =
    "{\"type\":\"object\",\"properties\":{\"key\":{},\"person\":{},\"contact\":{},\"conversation\":{},\"text\":{}}}";

fn workspace(name: &str, connections: &str, routes: &[(&str, &str)]) -> Folder {
    let folder = Folder::with(name, &[("schemas/desk/pack.yaml", PACK), ("schemas/desk/any.json", ANY)]);
    folder.write("jackfield.yaml", &format!("connections:\n{connections}"));
    for (route, text) in routes {
        folder.write(&format!("routes/{route}.yaml"), text);
    }
    folder
}

pub fn connection(name: &str, address: &str, more: &str) -> String {
    format!("  {name}: {{ provider: desk, base_url: \"http://{address}\", allow_private_addresses: true{more} }}\n")
}

/// Sends bodies over some connections, as fast as they are taken.
pub fn send_all(server: &Server, path: &str, bodies: &[Value]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(&server.listen).unwrap();
                let mut answers = BufReader::new(stream.try_clone().unwrap());
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let bytes = post_bytes(path, "application/json", body.to_string().as_bytes());
                    stream.write_all(&bytes).unwrap();
                    assert_eq!(read_answer(&mut answers).unwrap().status, 202);
                }
            });
        }
    });
}

fn events(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({ "id": number })).collect()
}

fn note_route(path: &str, connections: &[&str], more: &str) -> String {
    let sends: String = connections
        .iter()
        .map(|to| format!("  - to: {to}.note\n    body: {{ key: \"{{{{ payload.id }}}}\" }}\n"))
        .collect();
    format!("source: {{ path: {path}, verify: none }}\n{more}send:\n{sends}")
}

#[test]
fn each_way_to_misbehave_has_its_outcome_and_holds_no_other_up() {
    let provider = Provider::start(|stream, path, _| match path.split('/').nth(1).unwrap() {
        "good" => answer(stream, 200, "", &json!({ "id": 1 })),
        "slow" => std::thread::sleep(Duration::from_secs(60)),
        "hangs" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
            std::thread::sleep(Duration::from_secs(60));
        }
        "garbage" => {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        "error" => answer(stream, 200, "", &json!({ "error": "no such customer" })),
        "failing" => answer(stream, 503, "", &json!({})),
        _ => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\":1");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    // Nobody listens there any more.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let bad = ["slow", "hangs", "garbage", "error", "failing", "half"];
    let retry = ", retry: { attempts: 9, first: 1h, longest: 1h }";
    // Only those that never end are given up soon: the others have the time that a busy machine takes.
    let timeout = |name: &str| if ["slow", "hangs"].contains(&name) { ", timeout: 500ms" } else { "" };
    let of =
        |name: &str| connection(name, &format!("{}/{name}", provider.address), &format!("{}{retry}", timeout(name)));
    let mut connections: String = bad.map(of).concat();
    connections.push_str(&connection("down", &nobody, retry));
    connections.push_str(&connection("good", &format!("{}/good", provider.address), ""));
    let bad_route = note_route("/bad", &["slow", "hangs", "garbage", "error", "failing", "half", "down"], "");
    let held = note_route("/held", &["slow"], "on_unknown: hold\n");
    let good = note_route("/good", &["good"], "");
    let folder = workspace("misbehaves", &connections, &[("bad", &bad_route), ("held", &held), ("good", &good)]);
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/held", &events(1));
    send_all(&server, "/hooks/bad", &events(40));
    let started = Instant::now();
    send_all(&server, "/hooks/good", &events(400));
    server.wait_for("what is good", |status| status["deliveries"]["delivered"] == 400);
    assert!(started.elapsed() < Duration::from_secs(20), "the good one took {:?}", started.elapsed());
    // An answer that says no is final; what nobody knows waits where that is wanted; the rest is tried again.
    server.wait_for("what is bad", |status| {
        status["deliveries"]["dead"] == 40
            && status["deliveries"]["held"] == 1
            && status["deliveries"]["delivered"] == 400
    });
    let outcomes = wait_for("each outcome", || {
        let outcomes = outcomes(&folder.read("serve.log"));
        (outcomes.len() == 8).then_some(outcomes)
    });
    let expected = [
        ("down.note", "not-sent connect retrying"),
        ("error.note", "reject 200 dead"),
        ("failing.note", "retry 503 retrying"),
        ("garbage.note", "unknown bad-answer retrying"),
        ("half.note", "unknown bad-answer retrying"),
        ("hangs.note", "unknown timeout retrying"),
        ("slow.note", "unknown timeout held"),
        ("slow.note", "unknown timeout retrying"),
    ];
    let expected: BTreeSet<(String, String)> = expected.map(|(to, what)| (to.to_owned(), what.to_owned())).into();
    assert_eq!(outcomes, expected);
    let status = server.status();
    let waiting: u64 =
        ["pending", "leased", "retrying"].iter().map(|state| status["deliveries"][state].as_u64().unwrap()).sum();
    assert_eq!(waiting, 240, "nothing is lost, and nothing is tried to death: {status}");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn each_outcome_that_a_pack_names_has_its_state() {
    let provider = Provider::start(|stream, path, _| match path.split('/').nth(1).unwrap() {
        "accepted" => answer(stream, 202, "", &json!({})),
        "duplicate" => answer(stream, 409, "", &json!({})),
        "retry" => answer(stream, 200, "", &json!({ "id": 1, "busy": true })),
        "reject" => answer(stream, 200, "", &json!({ "error": "no such customer" })),
        "refresh" => answer(stream, 401, "", &json!({})),
        "forget" => answer(stream, 404, "", &json!({})),
        "hold" => answer(stream, 403, "", &json!({ "error": "token revoked" })),
        _ => answer(stream, 200, "", &json!({ "id": 1 })),
    });
    let names = ["delivered", "accepted", "duplicate", "retry", "reject", "refresh", "forget", "hold"];
    let slow = ", retry: { attempts: 9, first: 1h, longest: 1h }";
    let connections = names.map(|name| connection(name, &format!("{}/{name}", provider.address), slow)).concat();
    let folder = workspace("outcomes", &connections, &[("in", &note_route("/in", &names, ""))]);
    let own = "response: [{ delivered: \"{{ status == 200 and body.id }}\" }]";
    let all = "response:
      - retry: \"{{ body.busy }}\"
      - delivered: \"{{ status == 200 and body.id }}\"
      - accepted: \"{{ status == 202 }}\"
      - duplicate: \"{{ status == 409 }}\"
      - refresh: \"{{ status == 401 }}\"
      - forget: \"{{ status == 404 }}\"
      - hold: \"{{ status == 403 and body.error == 'token revoked' }}\"";
    folder.write("schemas/desk/pack.yaml", &PACK.replace(own, all));
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/in", &events(1));
    let fates = wait_for("eight fates", || {
        let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
        let fate = |one: &Value| {
            let id = one["id"].as_str().unwrap();
            let story: Value = serde_json::from_slice(&get(&server.admin, &format!("/deliveries/{id}")).body).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            (text(&one["to"]), text(&story["state"]), text(&story["calls"][0]["result"]))
        };
        let fates: BTreeSet<_> = listed["deliveries"].as_array().unwrap().iter().map(fate).collect();
        let told = |(_, state, result): &(String, String, String)| state != "leased" && result != "-";
        (fates.len() == 8 && fates.iter().all(told)).then_some(fates)
    });
    let expected = [
        ("accepted", "accepted", "accepted"),
        ("delivered", "delivered", "delivered"),
        ("duplicate", "delivered", "duplicate"),
        ("forget", "dead", "forget"),
        ("hold", "held", "hold"),
        ("refresh", "held", "refresh"),
        ("reject", "dead", "reject"),
        ("retry", "retrying", "retry"),
    ];
    let expected = expected.map(|(to, state, result)| (format!("{to}.note"), state.to_owned(), result.to_owned()));
    assert_eq!(fates, expected.into());
}

/// What the log says became of attempts, by operation.
fn outcomes(log: &str) -> BTreeSet<(String, String)> {
    let field = |line: &str, name: &str| {
        let rest = line.split(&format!(" {name}=")).nth(1)?;
        Some(rest.split([' ', '\n']).next()?.trim_matches('"').to_owned())
    };
    let row = |line: &str| {
        let state = match line {
            line if line.contains("tried again later") => "retrying",
            line if line.contains("given up") => "dead",
            line if line.contains("waits for a person") => "held",
            _ => return None,
        };
        let what = field(line, "trouble").or_else(|| field(line, "status"))?;
        Some((field(line, "to")?, format!("{} {what} {state}", field(line, "result")?)))
    };
    log.lines().filter_map(row).collect()
}

#[test]
fn a_thousand_first_messages_of_fifty_people_make_fifty_contacts_and_fifty_conversations() {
    #[derive(Default)]
    struct Desk {
        contacts: Vec<String>,
        conversations: Vec<String>,
        messages: BTreeMap<String, Vec<String>>,
        notes: usize,
        failures: usize,
    }
    let desk = Arc::new(Mutex::new(Desk::default()));
    let seen = desk.clone();
    let provider = Provider::start(move |stream, path, body| {
        // Long enough that all who come at once would ask.
        std::thread::sleep(Duration::from_millis(20));
        let mut desk = desk.lock().unwrap();
        let text = |key: &str| body[key].as_str().map_or_else(|| body[key].to_string(), str::to_owned);
        // Some calls fail for now: the next who asks tries again, and what is done stays done.
        desk.failures += 1;
        if desk.failures % 10 == 3 {
            return answer(stream, 503, "", &json!({}));
        }
        let id = match path.rsplit('/').next().unwrap() {
            "contacts" => {
                desk.contacts.push(text("person"));
                desk.contacts.len()
            }
            "conversations" => {
                desk.conversations.push(text("contact"));
                desk.conversations.len()
            }
            "messages" => {
                desk.messages.entry(text("conversation")).or_default().push(text("text"));
                1
            }
            _ => {
                desk.notes += 1;
                1
            }
        };
        answer(stream, 200, "", &json!({ "id": id }));
    });
    let retry = ", retry: { attempts: 30, first: 50ms, longest: 200ms }";
    let connections = connection("desk", &provider.address, retry) + &connection("crm", &provider.address, retry);
    let chain = "source: { path: /in, verify: none }\nsend:\n  - to: desk.ensure_message\n    body: { person: \"{{ payload.person }}\", \
                 text: \"{{ payload.id }}\" }\n";
    // Another worker wants the same contacts.
    let steps = "source: { path: /in, verify: none }\nsend:\n  - to: crm.note\n    steps:\n      - call: desk.create_contact\n        \
                 body: { person: \"{{ payload.person }}\" }\n        save: { contact: $.id }\n        remember: { key: \
                 \"{{ payload.person }}\", for: 30d }\n    body: { key: \"{{ contact }}\" }\n";
    let shared = "sources:\n  in: { path: /in, verify: none }\n";
    let source = |text: &str| text.replace("source: { path: /in, verify: none }", "source: in");
    let folder = workspace("first", &connections, &[("chain", &source(chain)), ("steps", &source(steps))]);
    folder.write("jackfield.yaml", &format!("{}{shared}", folder.read("jackfield.yaml")));
    let server = Server::start(folder.path(), &[], &[]);
    let events: Vec<Value> =
        (0..1000).map(|number| json!({ "id": number, "person": format!("p{}", number % 50) })).collect();
    send_all(&server, "/hooks/in", &events);
    server.wait_for("everything", |status| status["deliveries"]["delivered"] == 2000);
    let desk = seen.lock().unwrap();
    let (contacts, conversations) =
        (desk.contacts.iter().collect::<BTreeSet<_>>(), desk.conversations.iter().collect::<BTreeSet<_>>());
    assert_eq!((desk.contacts.len(), contacts.len()), (50, 50));
    assert_eq!((desk.conversations.len(), conversations.len()), (50, 50));
    let messages: BTreeSet<&String> = desk.messages.values().flatten().collect();
    assert_eq!((messages.len(), desk.notes), (1000, 1000));
    assert_eq!(desk.messages.values().map(Vec::len).sum::<usize>(), 1000);
    for texts in desk.messages.values() {
        let people: BTreeSet<usize> = texts.iter().map(|text| text.parse::<usize>().unwrap() % 50).collect();
        assert_eq!(people.len(), 1, "a conversation is of one person");
    }
}

#[test]
fn what_the_provider_has_no_more_is_found_out_again_once_for_all_who_knew_it() {
    #[derive(Default)]
    struct Desk {
        contacts: u64,
        conversations: u64,
        messages: Vec<u64>,
        /// Contacts and conversations up to this one were removed.
        removed: u64,
    }
    let desk = Arc::new(Mutex::new(Desk::default()));
    let seen = desk.clone();
    let provider = Provider::start(move |stream, path, body| {
        std::thread::sleep(Duration::from_millis(5));
        let mut desk = desk.lock().unwrap();
        let id = match path.rsplit('/').next().unwrap() {
            "contacts" => {
                desk.contacts += 1;
                desk.contacts
            }
            "conversations" if body["contact"].as_u64().unwrap() <= desk.removed => 0,
            "conversations" => {
                desk.conversations += 1;
                desk.conversations
            }
            _ if body["conversation"].as_u64().unwrap() <= desk.removed => 0,
            _ => {
                let conversation = body["conversation"].as_u64().unwrap();
                desk.messages.push(conversation);
                1
            }
        };
        match id {
            0 => answer(stream, 404, "", &json!({ "error": "Resource could not be found" })),
            id => answer(stream, 200, "", &json!({ "id": id })),
        }
    });
    let route = "source: { path: /in, verify: none }\nsend:\n  - to: desk.ensure_message\n    body: { person: \"{{ payload.person }}\", \
                 text: \"{{ payload.id }}\" }\n";
    let folder = workspace("forget", &connection("desk", &provider.address, ""), &[("in", route)]);
    let server = Server::start(folder.path(), &[], &[]);
    let of_ana = |numbers: std::ops::Range<usize>| -> Vec<Value> {
        numbers.map(|number| json!({ "id": number, "person": "ana" })).collect()
    };
    send_all(&server, "/hooks/in", &of_ana(0..1));
    server.wait_for("the first", |status| status["deliveries"]["delivered"] == 1);
    seen.lock().unwrap().removed = 1;
    send_all(&server, "/hooks/in", &of_ana(1..200));
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 200);
    {
        let desk = seen.lock().unwrap();
        assert_eq!((desk.contacts, desk.conversations), (2, 2), "found out again once");
        assert_eq!((desk.messages[0], desk.messages[1..].iter().all(|to| *to == 2)), (1, true));
        assert_eq!(desk.messages.len(), 200);
    }
    // A provider that never finds anything is not asked for ever.
    seen.lock().unwrap().removed = u64::MAX;
    send_all(&server, "/hooks/in", &of_ana(200..201));
    server.wait_for("a dead letter", |status| status["deliveries"]["dead"] == 1);
    assert_eq!(seen.lock().unwrap().contacts, 3, "once more, and no more");
    let dead = jackfield(folder.path(), &["dead-letters", "--admin", &server.admin]).output().unwrap();
    let dead = String::from_utf8(dead.stdout).unwrap();
    assert!(dead.contains("(2 attempts, 404 forget: Resource could not be found)\n"), "{dead}");
}

#[test]
fn a_limit_of_the_whole_pack_counts_all_operations_with_the_same_key() {
    let times = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let seen = times.clone();
    let provider = Provider::start(move |stream, _, _| {
        times.lock().unwrap().push(Instant::now());
        answer(stream, 200, "", &json!({ "id": 1 }));
    });
    let route = note_route("/in", &["desk"], "").replace("payload.id", "payload.key")
        + "  - to: desk.create_contact\n    body: { key: \"{{ payload.key }}\" }\n";
    let folder = workspace("shared-limit", &connection("desk", &provider.address, ""), &[("in", &route)]);
    let limit = "rate_limit: { requests: 4, per: 500ms, key: \"{{ body.key }}\" }\n";
    folder.write("schemas/desk/pack.yaml", &format!("{PACK}{limit}"));
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/in", &vec![json!({ "key": "one" }); 10]);
    server.wait_for("everything", |status| status["deliveries"]["delivered"] == 20);
    let times = seen.lock().unwrap();
    let late = times.windows(5).filter(|five| five[4].duration_since(five[0]) < Duration::from_millis(480)).count();
    assert_eq!((times.len(), late), (20, 0), "a window held more than its four");
}

#[test]
fn the_same_event_at_once_and_after_a_kill_is_delivered_once() {
    let seen = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let counts = seen.clone();
    let provider = Provider::start(move |stream, _, body| {
        *counts.lock().unwrap().entry(body["key"].to_string()).or_default() += 1;
        answer(stream, 200, "", &json!({ "id": 1 }));
    });
    let route = note_route("/in", &["desk"], "identity: \"{{ payload.id }}\"\n");
    let folder = workspace("identity", &connection("desk", &provider.address, ""), &[("in", &route)]);
    let server = Server::start(folder.path(), &[], &[]);
    // Each comes eight times, by eight connections.
    let eight: Vec<Value> = (0..800).map(|number| json!({ "id": number / 8 })).collect();
    send_all(&server, "/hooks/in", &eight);
    server
        .wait_for("a hundred", |status| status["deliveries"]["delivered"] == 100 && status["events"]["unrouted"] == 0);
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/in", &eight);
    let status = server
        .wait_for("all routed", |status| status["events"]["accepted"] == 1600 && status["events"]["unrouted"] == 0);
    assert_eq!((&status["events"]["duplicates"], &status["deliveries"]["delivered"]), (&json!(1500), &json!(100)));
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 100 && seen.values().all(|times| *times == 1), "{seen:?}");
}

#[test]
fn no_window_of_the_provider_sees_more_than_its_limit() {
    let times = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let seen = times.clone();
    let provider = Provider::start(move |stream, _, _| {
        let now = Instant::now();
        let mut times = times.lock().unwrap();
        times.push(now);
        let late = times.iter().filter(|at| now.duration_since(**at) < Duration::from_secs(1)).count();
        match late > 20 {
            true => answer(stream, 429, "", &json!({})),
            false => answer(stream, 200, "", &json!({ "id": 1 })),
        }
    });
    let folder =
        workspace("pace", &connection("desk", &provider.address, ""), &[("in", &note_route("/in", &["desk"], ""))]);
    folder.write("schemas/desk/pack.yaml", &format!("{PACK}rate_limit: {{ requests: 20, per: 1s }}\n"));
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/in", &events(100));
    server.wait_for("everything", |status| status["deliveries"]["delivered"] == 100);
    assert_eq!(seen.lock().unwrap().len(), 100, "none was refused");
}

#[test]
fn a_provider_is_left_alone_for_as_long_as_it_says_in_each_of_its_ways() {
    let calls = Arc::new(Mutex::new(BTreeMap::<String, Vec<Instant>>::new()));
    let seen = calls.clone();
    let provider = Provider::start(move |stream, path, _| {
        let way = path.split('/').nth(1).unwrap().to_owned();
        let mut calls = calls.lock().unwrap();
        let times = calls.entry(way.clone()).or_default();
        times.push(Instant::now());
        if times.len() > 1 {
            return answer(stream, 200, "", &json!({ "id": 1 }));
        }
        // A date has whole seconds: from the middle of one to the next but two is two at least.
        let moment = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3;
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(moment));
        let (status, headers) = match way.as_str() {
            "seconds" => (429, "Retry-After: 2\r\n".to_owned()),
            "date" => (429, format!("Retry-After: {date}\r\n")),
            "busy" => (503, "Retry-After: 2\r\n".to_owned()),
            "window" => (429, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Interval-Milliseconds: 2000\r\n".to_owned()),
            "reset" => (429, format!("X-RateLimit-Reset: {moment}\r\n")),
            // It took this one, and says that it was the last for now.
            _ => (200, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 2\r\n".to_owned()),
        };
        answer(stream, status, &headers, &json!({ "id": 1 }));
    });
    let ways = ["seconds", "date", "busy", "window", "reset", "last"];
    let quick = ", retry: { attempts: 5, first: 10ms, longest: 10ms }";
    let connections = ways.map(|way| connection(way, &format!("{}/{way}", provider.address), quick)).concat();
    // One after the other, so that the second has not left when the first is answered.
    let route = note_route("/in", &ways, "lane: one\n");
    let folder =
        workspace("alone", &connections, &[("in", &route.replace("lane: one", "lane: \"{{ payload.lane }}\""))]);
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/in", &[json!({ "id": 1, "lane": "a" }), json!({ "id": 2, "lane": "a" })]);
    server.wait_for("everything", |status| status["deliveries"]["delivered"] == 12);
    for (way, times) in &*seen.lock().unwrap() {
        let pause = times[1].duration_since(times[0]);
        assert!(pause > Duration::from_millis(1900) && pause < Duration::from_secs(8), "{way}: {pause:?}");
        assert_eq!(times.len(), if way == "last" { 2 } else { 3 }, "{way}");
    }
}

#[test]
fn an_outage_uses_up_no_attempts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let retry = ", retry: { attempts: 3, first: 200ms, longest: 1s }";
    let connections = connection("desk", &address.to_string(), retry);
    let folder = workspace("outage", &connections, &[("in", &note_route("/in", &["desk"], ""))]);
    let server = Server::start(folder.path(), &[], &[]);
    send_all(&server, "/hooks/in", &events(200));
    server.wait_for("the outage", |status| status["deliveries"]["retrying"].as_u64() > Some(0));
    std::thread::sleep(Duration::from_secs(3));
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    Provider::on(TcpListener::bind(address).unwrap(), move |stream, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        answer(stream, 200, "", &json!({ "id": 1 }));
    });
    let status = server.wait_for("everything", |status| status["deliveries"]["delivered"] == 200);
    assert_eq!(status["deliveries"]["dead"], 0, "three attempts in three seconds would have been all");
    assert_eq!(seen.load(Ordering::SeqCst), 200);
}

#[test]
fn a_stop_breaks_off_what_takes_too_long_and_says_that_nobody_knows() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let provider = Provider::start(move |stream, _, _| {
        // The first is never answered.
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_secs(60));
        }
        answer(stream, 200, "", &json!({ "id": 1 }));
    });
    let held = note_route("/in", &["desk"], "on_unknown: hold\nlane: \"{{ payload.lane }}\"\n");
    let folder = workspace("stops", &connection("desk", &provider.address, ""), &[("in", &held)]);
    let server = Server::start(folder.path(), &[], &[]);
    let body = |number: usize, lane: &str| json!({ "id": number, "lane": lane }).to_string();
    post(&server.listen, "/hooks/in", "application/json", body(0, "one").as_bytes());
    wait_for("the first call", || (seen.load(Ordering::SeqCst) == 1).then_some(()));
    post(&server.listen, "/hooks/in", "application/json", body(1, "one").as_bytes());
    let started = Instant::now();
    assert_eq!(server.terminate(), 0);
    assert!(started.elapsed() < Duration::from_secs(12), "the stop took {:?}", started.elapsed());
    let server = Server::start(folder.path(), &[], &[]);
    // The one is not sent again, and does not hold its lane.
    server.wait_for("the other one", |status| {
        status["deliveries"]["held"] == 1 && status["deliveries"]["delivered"] == 1
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[test]
fn a_route_with_a_flood_leaves_the_others_their_turn() {
    let order = Arc::new(Mutex::new(Vec::<String>::new()));
    let seen = order.clone();
    let provider = Provider::start(move |stream, _, body| {
        order.lock().unwrap().push(body["key"].as_str().unwrap_or("flood").to_owned());
        answer(stream, 200, "", &json!({ "id": 1 }));
    });
    let flood = note_route("/flood", &["desk"], "").replace("verify: none", "verify: none, split: \"$.events[*]\"");
    let calm = note_route("/calm", &["desk"], "").replace("{{ payload.id }}", "calm");
    let folder = workspace("flood", &connection("desk", &provider.address, ""), &[("calm", &calm), ("flood", &flood)]);
    folder.write("schemas/desk/pack.yaml", &format!("{PACK}rate_limit: {{ requests: 50, per: 1s }}\n"));
    let server = Server::start(folder.path(), &[], &[]);
    // Requests with many events each: they are there at once.
    send_all(&server, "/hooks/flood", &vec![json!({ "events": events(100) }); 40]);
    server.wait_for("the flood", |status| status["events"]["accepted"] == 4000 && status["events"]["unrouted"] == 0);
    let before = seen.lock().unwrap().len();
    send_all(&server, "/hooks/calm", &events(5));
    let after = wait_for("the calm route", || {
        let order = seen.lock().unwrap();
        (order.iter().filter(|key| *key == "calm").count() == 5).then_some(order.len())
    });
    assert!(after - before < 500, "{} went out before it was its turn", after - before);
    let status = server.status();
    assert!(status["deliveries"]["delivered"].as_u64() < Some(3000), "{status}");
    // What waits has an honest time: the next place of the budget.
    let next = status["connections"]["desk"]["next"].as_str().unwrap();
    assert!(next >= status["started_at"].as_str().unwrap(), "{next}");
    // And so has each delivery, with what stands before it.
    let listed = get(&server.admin, "/deliveries?state=pending,leased,retrying&route=flood&last=1").body;
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    let story: Value = serde_json::from_slice(&get(&server.admin, &format!("/deliveries/{id}")).body).unwrap();
    let estimate = &story["estimate"];
    assert_eq!(estimate["limits"], json!([{ "requests": 50, "seconds": 1.0 }]), "{estimate}");
    let shown = jackfield(folder.path(), &["deliveries", id, "--admin", &server.admin]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("\n  goes out ") && shown.contains("; Desk takes 50 in 1 second\n"), "{shown}");
    assert_eq!(server.terminate(), 0);
}

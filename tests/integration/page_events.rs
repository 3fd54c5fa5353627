//! The page's events, the story of one, dead letters, and what is sent again, let go on or dismissed from it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{ACME, Answer, Folder, Server, exchange, get, post, root};

const PACK: &str = "
title: Acme
base_url: https://api.acme.example
settings: { token: { secret: true, required: true } }
headers: { Authorization: \"Bearer {{ connection.token }}\" }
operations:
  find:
    method: POST
    path: /contacts
    request: { json: find.json }
    response: [{ delivered: \"{{ status == 200 }}\" }]
    sandbox: { reply: { status: 200, body: { id: \"c{{ sequence }}\" } } }
  note:
    path: /notes
    request: { json: note.json }
    response: [{ delivered: \"{{ status == 200 and body.id }}\" }]
    sandbox: { reply: { status: 200, body: { id: \"{{ sequence }}\" } } }
";
const FIND: &str = "{\"type\":\"object\",\"required\":[\"phone\"],\"properties\":{\"phone\":{\"type\":\"string\"}}}";

const CHAIN: &str = "
description: Who writes is found first
source: { path: /in, verify: none, split: \"$.messages[*]\" }
match: \"{{ payload.kind == 'message' and payload.text }}\"
extract:
  name: $.who.name
  phone: { path: $.who.phone, as: phone, region: BR }
  tag: { path: $.tag, map: { v: VIP }, else: plain, default: none }
identity: \"{{ payload.id }}\"
lane: \"{{ phone }}\"
on_unknown: hold
send:
  - to: acme.note
    steps:
      - call: acme.find
        body: { phone: \"{{ phone }}\" }
        save: { contact: $.id }
    body: { key: \"{{ payload.id }}\", text: \"{{ name }}: {{ payload.text }} ({{ contact }}, {{ tag }})\" }
";
const OTHER: &str = "
source: new
fallback: true
send:
  - to: acme.note
    body: { key: other, text: other }
";

/// A workspace whose provider does not know a repetition.
fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("schemas/acme/pack.yaml", PACK);
    folder.write("schemas/acme/find.json", FIND);
    folder.write("routes/in.yaml", CHAIN);
    folder.write(
        "jackfield.yaml",
        "connections:
  acme: { provider: acme, token: t0ken, timeout: 400ms, retry: { first: 100ms, longest: 300ms } }
sources:
  new: { path: /new, verify: none, capture: true }
",
    );
    folder
}

fn start(folder: &Folder) -> Server {
    Server::start(folder.path(), &["--sandbox"], &[])
}

fn message(id: u32) -> String {
    format!(
        "{{\"kind\":\"message\",\"id\":\"m{id}\",\"text\":\"hello\\nagain\",\"tag\":\"v\",\
         \"who\":{{\"name\":\"Ana {id}\",\"phone\":\"(11) 99999-{id:04}\"}}}}"
    )
}

fn send(server: &Server, path: &str, body: &str) {
    assert_eq!(post(&server.listen, path, "application/json", body.as_bytes()).status, 202, "{body}");
}

fn send_messages(server: &Server, ids: std::ops::Range<u32>) {
    let all: Vec<String> = ids.map(message).collect();
    send(server, "/hooks/in", &format!("{{\"messages\":[{}]}}", all.join(",")));
}

fn fail(server: &Server, order: &str) {
    assert_eq!(post(server.sandbox(), "/_sandbox/fail", "application/json", order.as_bytes()).status, 200, "{order}");
}

fn json(server: &Server, path: &str) -> Value {
    let answer = get(&server.page, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

fn page(server: &Server, path: &str) -> String {
    let answer = get(&server.page, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    main(&answer)
}

/// What stands between the menu and the foot of a view, as it is read.
fn main(answer: &Answer) -> String {
    let html = answer.text();
    let main = html.split("<main").nth(1).and_then(|rest| rest.split("</main>").next()).unwrap_or(&html);
    let letters = [("&#x2f;", "/"), ("&#x27;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    letters.iter().fold(main.to_owned(), |text, (written, letter)| text.replace(written, letter))
}

/// The events of the list, the newest first.
fn events(server: &Server, query: &str) -> Vec<Value> {
    json(server, &format!("/api/events{query}"))["events"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The story of the newest event that stands so.
fn story_of(server: &Server, state: &str) -> Value {
    let found = events(server, &format!("?state={state}"));
    json(server, &format!("/api/events/{}", text(&found[0]["id"])))
}

fn field<'h>(html: &'h str, name: &str) -> &'h str {
    let at = html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {html}"));
    at.split('"').next().unwrap()
}

#[test]
fn what_the_search_does_not_know_yet_is_told() {
    let folder = workspace("page-not-searched");
    // Where the words would lie is something else, so that they are never known.
    std::fs::create_dir_all(folder.path().join("data/sandbox/jackfield.search.db")).unwrap();
    let server = start(&folder);
    send_messages(&server, 0..60);
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 60);
    let found = json(&server, "/api/events?value=Ana");
    // One more is looked at than is shown: it says that there are more.
    assert_eq!((found["events"].as_array().unwrap().len(), &found["not_searched"]), (50, &9.into()));
    assert_eq!(json(&server, "/api/events")["not_searched"], 0);
    let told = "9 older events are not prepared for the search yet, so that looking through them takes longer.";
    assert!(page(&server, "/events?value=Ana").contains(told));
    assert!(!page(&server, "/events").contains("not prepared for the search"));
    let portuguese = format!(
        "GET /events?value=Ana HTTP/1.1\r\nHost: {}\r\nAccept-Language: pt-BR\r\nConnection: close\r\n\r\n",
        server.page
    );
    let told = main(&exchange(&server.page, portuguese.as_bytes()).unwrap());
    assert!(told.contains("9 eventos mais antigos ainda não estão preparados para a busca"), "{told}");
}

/// A browser that opens a form, sends it with some fields changed or added, and sees where it leads.
fn confirm(server: &Server, path: &str, more: &[(&str, &str)]) -> Done {
    let form = get(&server.page, path);
    let html = main(&form);
    let cookie = form.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let mut fields: Vec<(String, String)> = Vec::new();
    for input in html.split("<input ").skip(1) {
        if input.starts_with("type=\"hidden\"") {
            let of =
                |key: &str| input.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
            fields.push((of("name"), of("value")));
        }
    }
    fields.retain(|(name, _)| name != "csrf" && !more.iter().any(|(known, _)| known == name));
    fields.push(("csrf".to_owned(), field(&html, "csrf").to_owned()));
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let body = body.join("&");
    let action = path.split('?').next().unwrap();
    let request = format!(
        "POST {action} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        server.page,
        body.len()
    );
    Done { answer: exchange(&server.page, request.as_bytes()).unwrap(), cookie }
}

/// What came of a form, in the browser that sent it.
struct Done {
    answer: Answer,
    cookie: String,
}

/// Where a form has led back to, which tells what has been done.
fn back(server: &Server, done: &Done, told: &str) -> String {
    assert_eq!(done.answer.status, 303, "{}", done.answer.text());
    let back = done.answer.header("location").unwrap();
    let notice = done.answer.header("set-cookie").unwrap();
    let cookies = format!("{}; {}", done.cookie, notice.split(';').next().unwrap());
    let request =
        format!("GET {back} HTTP/1.1\r\nHost: {}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n", server.page);
    let shown = exchange(&server.page, request.as_bytes()).unwrap();
    assert!(shown.text().contains(told), "{told}: {}", shown.text());
    back
}

/// Every key of what a view is given, by where it stands; what is null says nothing of what it could be.
fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                // The parts of a condition are conditions.
                let below = if key == "parts" && inner.is_array() { at.to_owned() } else { format!("{at}.{key}") };
                found.insert(below.clone());
                keys(inner, &below, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, at, found)),
        _ => {}
    }
}

/// What of the live view no fixture of these has: a template may not know it.
fn unknown_to(fixtures: &[&str], live: &Value) -> Vec<String> {
    let (mut known, mut found) = (BTreeSet::new(), BTreeSet::new());
    for name in fixtures {
        let text = std::fs::read_to_string(root().join(format!("web/fixtures/{name}.json"))).unwrap();
        keys(&serde_json::from_str::<Value>(&text).unwrap()["view"], "", &mut known);
    }
    keys(live, "", &mut found);
    found.difference(&known).cloned().collect()
}

const EVENT_FIXTURES: &[&str] = &["event", "event-delivered", "event-held", "event-failed", "event-unmatched"];

#[test]
fn a_story_is_told_from_the_request_to_the_last_answer() {
    let folder = workspace("page-story");
    let server = start(&folder);
    fail(&server, r#"{"provider":"acme","operation":"note","error":"503"}"#);
    send_messages(&server, 1..3);
    server.wait_for("both", |status| status["deliveries"]["delivered"] == 2);
    let listed = events(&server, "");
    assert_eq!(listed.len(), 2);
    let parts: Vec<[u64; 2]> =
        listed.iter().map(|one| ["part", "parts"].map(|key| one[key].as_u64().unwrap())).collect();
    assert_eq!(parts, [[1, 2], [0, 2]]);
    let stories: Vec<Value> =
        listed.iter().map(|one| json(&server, &format!("/api/events/{}", text(&one["id"])))).collect();
    let of = |story: &Value| story["routes"][0]["deliveries"][0]["attempts"].as_array().unwrap().len();
    let story = stories.iter().max_by_key(|story| of(story)).unwrap();
    // On a phone the heads of the columns are not seen.
    let told = page(&server, &format!("/events/{}", text(&story["event"]["id"])));
    assert!(told.contains("<span class=\"narrow-word\">Try </span>1"), "{told}");
    let list = page(&server, "/events");
    assert!(list.contains("<span class=\"note narrow\">→ acme.note</span>"), "{list}");
    assert_eq!(unknown_to(EVENT_FIXTURES, story), Vec::<String>::new());

    let event = &story["event"];
    assert_eq!(event["state"], "delivered");
    assert_eq!(event["format"], "json");
    assert_eq!(event["revision_is_current"], true);
    assert!(text(&event["part_path"]).starts_with("$.messages["), "{event}");
    let route = &story["routes"][0];
    assert_eq!((&route["route"], &route["result"]), (&"in".into(), &"taken".into()));
    assert_eq!(route["description"], "Who writes is found first");
    assert_eq!(route["trace"]["match"]["holds"], true);
    assert_eq!(route["trace"]["match"]["parts"].as_array().unwrap().len(), 2);
    let extract = route["trace"]["extract"].as_array().unwrap();
    let tag = extract.iter().find(|one| one["name"] == "tag").unwrap();
    assert_eq!((&tag["was"], &tag["shown"], &tag["from"]), (&"\"v\"".into(), &"\"VIP\"".into(), &"map".into()));
    let row = text(&tag["found"][0]["row"]);
    let line = event["payload"].as_array().unwrap().iter().find(|line| line["id"] == row).unwrap();
    assert_eq!((&line["key"], &line["shown"], &line["used"]), (&"\"tag\"".into(), &"\"v\"".into(), &true.into()));

    let delivery = &route["deliveries"][0];
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["actions"], serde_json::json!([]));
    let tries: Vec<String> = delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| format!("{} {} {} {}", call["number"], text(&call["call"]), text(&call["result"]), call["status"]))
        .collect();
    assert_eq!(tries, ["1 acme.find delivered 200", "1 acme.note retry 503", "2 acme.note delivered 200"]);
    let last = &delivery["attempts"][2];
    assert!(text(&last["answer"]).contains("\"id\""), "{last}");
    let headers = last["headers"].as_array().unwrap();
    assert!(headers.iter().any(|header| header[0] == "content-type" && header[1] == "application/json"), "{last}");
    let request = &delivery["request"];
    let fields = request["fields"].as_array().unwrap();
    let sent = fields.iter().find(|field| field["field"] == "text").unwrap();
    let names: Vec<&str> = sent["names"].as_array().unwrap().iter().map(|name| text(&name["from"])).collect();
    assert_eq!(names, ["payload", "payload", "saved", "payload"]);
    assert_eq!(sent["place"]["file"], "routes/in.yaml");
    let secret = fields.iter().find(|field| field["field"] == "Authorization").unwrap();
    assert_eq!((&secret["secret"], &secret["shown"]), (&true.into(), &"\"***\"".into()));
    let calls: Vec<String> = request["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| format!("{} {} {}", text(&call["call"]), text(&call["method"]), call["saves"]))
        .collect();
    assert_eq!(calls, ["acme.find POST [\"contact\"]", "acme.note POST []"]);
    let body = text(&request["calls"][1]["body"]);
    assert!(body.contains("hello\\nagain (c"), "what the first call saved is in it: {body}");
    assert!(!story.to_string().contains("t0ken"), "{story}");

    let id = text(&event["id"]);
    let html = page(&server, &format!("/events/{id}"));
    for wanted in ["Who writes is found first", "acme.find", "503", "hello\nagain"] {
        assert!(html.contains(wanted), "{wanted}: {html}");
    }
    let download = get(&server.page, &format!("/events/{id}/request"));
    assert!(download.text().starts_with("POST /hooks/in HTTP/1.1\r\n"), "{}", download.text());
    let to = get(&server.page, &format!("/deliveries/{}", text(&delivery["id"])));
    assert_eq!((to.status, to.header("location")), (303, Some(format!("/events/{id}#{}", text(&delivery["id"])))));

    // By the routes of yesterday, whose files are kept.
    folder.write("routes/in.yaml", &CHAIN.replace("Who writes is found first", "Another"));
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    let later = json(&server, &format!("/api/events/{id}"));
    assert_eq!(later["event"]["revision_is_current"], false);
    assert_eq!(later["routes"], story["routes"]);
    assert_eq!(later["event"]["payload"], event["payload"]);
}

#[test]
fn what_people_are_not_shown_stands_nowhere() {
    let folder = workspace("page-privacy");
    let settings = folder.read("jackfield.yaml") + "privacy: { mask: [phones, $.who.name] }\n";
    folder.write("jackfield.yaml", &settings);
    let server = start(&folder);
    send_messages(&server, 1..2);
    server.wait_for("it", |status| status["deliveries"]["delivered"] == 1);
    let story = story_of(&server, "delivered");
    assert_eq!(story["event"]["masked"], true);
    let id = text(&story["event"]["id"]).to_owned();
    let sent = server.received().iter().any(|request| request.to_string().contains("Ana 1: hello"));
    assert!(sent, "what is delivered stays whole");
    let html = page(&server, &format!("/events/{id}"));
    let file = get(&server.page, &format!("/events/{id}/request")).text();
    for shown in [story.to_string(), html, file] {
        assert!(!shown.contains("Ana 1") && !shown.contains("99999") && shown.contains("•••"), "{shown}");
        assert!(shown.contains("hello"), "{shown}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let folder = workspace("page-nothing");
    let server = start(&folder);
    for path in [
        "/events/evt_01a1ff6ba9c474c7b2793e4c0f98f414",
        "/events/nonsense",
        "/events/evt_01a1ff6ba9c474c7b2793e4c0f98f414/request",
        "/deliveries/dlv_01a1ff6ba9c474c7b2793e4c0f98f414",
        "/api/events/evt_01a1ff6ba9c474c7b2793e4c0f98f414",
    ] {
        assert_eq!(get(&server.page, path).status, 404, "{path}");
    }
    assert!(page(&server, "/events").contains("Nothing has been received yet"));
    assert!(page(&server, "/dead-letters").contains("Nothing failed and nothing is held"));
    let wrong = get(&server.page, "/api/events?state=odd");
    let wanted = "there is no state `odd`: delivered, accepted, waiting, retrying, held, dead, failed, unmatched, skipped, \
                  duplicate, replayed, unrouted";
    assert_eq!((wrong.status, text(&serde_json::from_slice::<Value>(&wrong.body).unwrap()["message"])), (400, wanted));
    let wrong = get(&server.page, "/api/events?since=soon");
    assert!(wrong.text().contains("`since` is a moment in UTC: 2026-11-21T09:30"), "{}", wrong.text());
    assert!(page(&server, "/replay").contains("Nothing is like that any more"), "nothing says which");
}

#[test]
fn events_are_found_by_what_is_asked_for_and_page_by_page() {
    let folder = workspace("page-list");
    let server = start(&folder);
    send_messages(&server, 0..120);
    send(&server, "/hooks/in", "{\"messages\":[{\"kind\":\"other\",\"id\":\"x\"}]}");
    send_messages(&server, 7..8);
    send_messages(&server, 200..201);
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 121);
    assert_eq!(server.status()["events"]["duplicates"], 1);
    let first = json(&server, "/api/events");
    assert_eq!((first["total"].as_u64(), first["events"].as_array().unwrap().len()), (Some(123), 50));
    assert_eq!(first["pages"]["newer"], Value::Null);
    let at = |list: &Value, key: &str| text(&list["pages"][key]).to_owned();
    let second = json(&server, &format!("/api{}", at(&first, "older")));
    assert_eq!(at(&second, "newer"), "/events");
    let third = json(&server, &format!("/api{}", at(&second, "older")));
    assert_eq!((third["events"].as_array().unwrap().len(), &third["pages"]["older"]), (23, &Value::Null));
    let back = json(&server, &format!("/api{}", at(&third, "newer")));
    assert_eq!(back["events"], second["events"]);
    let ids: BTreeSet<String> = [&first, &second, &third]
        .into_iter()
        .flat_map(|list| list["events"].as_array().unwrap())
        .map(|event| text(&event["id"]).to_owned())
        .collect();
    assert_eq!(ids.len(), 123, "each stands on one page");

    assert_eq!(events(&server, "?state=unmatched").len(), 1);
    assert_eq!(events(&server, "?state=duplicate").len(), 1);
    assert_eq!(events(&server, "?state=dead").len(), 0);
    assert_eq!(events(&server, "?source=new").len(), 0);
    assert_eq!(events(&server, "?until=2020-01-01T00:00").len(), 0);
    assert_eq!(events(&server, "?since=2020-01-01T00:00&state=unmatched").len(), 1);
    let found = crate::support::wait_for("the words", || {
        let found = json(&server, "/api/events?value=11999990200&state=delivered");
        (found["total"] == 1).then_some(found)
    });
    assert_eq!(found["events"][0]["state"], "delivered");
    let html = page(&server, "/events?value=11999990200&route=in&state=delivered");
    assert!(html.contains(text(&found["events"][0]["id"])), "{html}");
    assert!(html.contains("1 of 1 events"), "{html}");
    assert!(!html.contains("Ana 200"), "a list shows nothing of what was sent");
    let fixtures = ["events", "events-found", "events-none"];
    assert_eq!(unknown_to(&fixtures, &json(&server, "/api/events")), Vec::<String>::new());
}

#[test]
fn a_dead_letter_is_sent_again_from_the_page() {
    let folder = workspace("page-dead");
    let server = start(&folder);
    fail(&server, r#"{"provider":"acme","operation":"note","error":"403","times":3}"#);
    send_messages(&server, 0..3);
    server.wait_for("three dead", |status| status["deliveries"]["dead"] == 3);
    let html = page(&server, "/dead-letters");
    assert_eq!(html.matches("name=\"ids\"").count(), 3, "{html}");
    let story = story_of(&server, "dead");
    assert_eq!(unknown_to(EVENT_FIXTURES, &story), Vec::<String>::new());
    let delivery = &story["routes"][0]["deliveries"][0];
    assert_eq!(delivery["actions"], serde_json::json!(["replay", "dismiss"]));
    let id = text(&delivery["id"]);

    // More are meant by now than were counted: nothing is done.
    let more = confirm(&server, "/replay?state=dead", &[("count", "2")]);
    assert_eq!(more.answer.status, 200);
    assert!(main(&more.answer).contains("3 deliveries are meant"), "{}", main(&more.answer));
    assert_eq!(server.status()["deliveries"]["dead"], 3);
    // A form that is not from this page does nothing either.
    let body = format!("ids={id}&count=1");
    let foreign = post(&server.page, "/replay", "application/x-www-form-urlencoded", body.as_bytes());
    assert_eq!(foreign.status, 403);

    let html = page(&server, &format!("/replay?ids={id}"));
    assert!(html.contains("1 delivery is meant"), "{html}");
    assert!(html.contains("Call the steps that are done again, too"), "{html}");
    let done = confirm(&server, &format!("/replay?ids={id}"), &[]);
    assert_eq!(back(&server, &done, "1 delivery is sent again."), "/dead-letters");
    server.wait_for("it is delivered", |status| status["deliveries"]["delivered"] == 1);
    let again = page(&server, &format!("/replay?ids={id}"));
    assert!(again.contains("was sent again already, as another delivery"), "{again}");
    let story = json(&server, &format!("/api/events/{}", text(&story["event"]["id"])));
    let states: Vec<&str> =
        story["routes"][0]["deliveries"].as_array().unwrap().iter().map(|one| text(&one["state"])).collect();
    assert_eq!((text(&story["event"]["state"]), states), ("delivered", vec!["replayed", "delivered"]));
    assert_eq!(story["routes"][0]["deliveries"][0]["replayed_as"], story["routes"][0]["deliveries"][1]["id"]);

    // The others go through the routes as they are now.
    let done = confirm(&server, "/replay?state=dead&through_routes=", &[("through_routes", "on")]);
    back(&server, &done, "2 events go through their routes again.");
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3 && status["deliveries"]["dead"] == 0);
    let again: Vec<Value> = events(&server, "").into_iter().map(|one| one["state"].clone()).collect();
    assert_eq!(again, ["delivered", "delivered", "delivered"]);
    let newest = json(&server, &format!("/api/events/{}", text(&events(&server, "")[0]["id"])));
    assert_eq!(unknown_to(EVENT_FIXTURES, &newest), Vec::<String>::new());
}

#[test]
fn what_is_held_goes_on_when_a_person_says_so() {
    let folder = workspace("page-held");
    let server = start(&folder);
    fail(&server, r#"{"provider":"acme","operation":"note","error":"hang","times":2}"#);
    send_messages(&server, 0..2);
    server.wait_for("two held", |status| status["deliveries"]["held"] == 2);
    let story = story_of(&server, "held");
    assert_eq!(unknown_to(EVENT_FIXTURES, &story), Vec::<String>::new());
    let delivery = &story["routes"][0]["deliveries"][0];
    assert_eq!(delivery["held_because"], "unknown");
    assert_eq!(delivery["actions"], serde_json::json!(["release", "replay", "dismiss"]));
    assert_eq!(page(&server, "/dead-letters?kind=held").matches("name=\"ids\"").count(), 2);
    let listed = events(&server, "?state=held");
    assert_eq!((listed.len(), &listed[0]["trouble"]), (2, &"timeout".into()));

    // Nobody knows whether the provider has them, so that all together stay, unless it is said.
    let form = page(&server, "/release?state=held");
    assert!(form.contains("2 more stay held, unless you choose them below"), "{form}");
    let stays = confirm(&server, "/release?state=held", &[]);
    assert_eq!((stays.answer.status, server.status()["deliveries"]["held"].as_u64()), (200, Some(2)));
    let id = text(&delivery["id"]);
    let story_at = format!("/events/{}", text(&story["event"]["id"]));
    let done = confirm(&server, &format!("/release?ids={id}&back={story_at}"), &[]);
    assert_eq!(back(&server, &done, "1 delivery goes on."), story_at);
    server.wait_for("one delivered", |status| status["deliveries"]["delivered"] == 1);

    let other = story_of(&server, "held");
    let id = text(&other["routes"][0]["deliveries"][0]["id"]);
    let done = confirm(&server, &format!("/dismiss?ids={id}"), &[("note", "it is in the inbox")]);
    back(&server, &done, "1 entry was taken off the list.");
    server.wait_for("dismissed", |status| status["deliveries"]["skipped"] == 1);
    let story = json(&server, &format!("/api/events/{}", text(&other["event"]["id"])));
    fail(&server, r#"{"provider":"acme","operation":"note","error":"hang","times":2}"#);
    send_messages(&server, 4..6);
    server.wait_for("two more held", |status| status["deliveries"]["held"] == 2);
    let all = confirm(&server, "/release?state=held", &[("unknown", "on")]);
    assert_eq!(back(&server, &all, "2 deliveries go on."), "/dead-letters?kind=held");
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3);
    let dismissed = &story["routes"][0]["deliveries"][0]["dismissed"];
    assert_eq!(dismissed, &serde_json::json!({ "by": "a person", "note": "it is in the inbox" }));
    assert!(page(&server, &format!("/events/{}", text(&other["event"]["id"]))).contains("it is in the inbox"));
}

#[test]
fn what_no_route_takes_is_shown_and_goes_through_a_new_route() {
    let folder = workspace("page-unmatched");
    let server = start(&folder);
    send(&server, "/hooks/in", "{\"messages\":[{\"kind\":\"other\",\"id\":\"x\"}]}");
    send(&server, "/hooks/new", "{\"contact\":{\"name\":\"Ana Souza\",\"phones\":[\"11999990000\"]},\"note\":\"hi\"}");
    server.wait_for("both", |status| status["events"]["unmatched"] == 2);
    let story = story_of(&server, "unmatched");
    assert_eq!((&story["routes"], &story["not_taken"]), (&serde_json::json!([]), &serde_json::json!([])));
    let html = crate::support::wait_for("the list", || {
        Some(page(&server, "/unmatched")).filter(|html| html.matches("row-link").count() == 2)
    });
    assert!(html.contains("contact.name, contact.phones[], note"), "{html}");
    assert!(!html.contains("Ana Souza"), "{html}");
    assert!(html.contains("/replay?unmatched=on&source=in"), "{html}");
    assert!(!html.contains("source=new"), "it has no route yet: {html}");
    let of_in = events(&server, "?source=in");
    let story = json(&server, &format!("/api/events/{}", text(&of_in[0]["id"])));
    assert_eq!(unknown_to(EVENT_FIXTURES, &story), Vec::<String>::new());
    let why = &story["not_taken"][0];
    assert_eq!((&why["route"], &why["why"], &why["match"]["holds"]), (&"in".into(), &"match".into(), &false.into()));

    folder.write("routes/other.yaml", OTHER);
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    let done = confirm(&server, "/replay?unmatched=on&source=new", &[]);
    assert_eq!(back(&server, &done, "1 event goes through its routes again."), "/unmatched");
    server.wait_for("delivered", |status| status["deliveries"]["delivered"] == 1);
}

#[test]
fn what_a_route_could_not_use_goes_through_it_when_it_is_mended() {
    let folder = workspace("page-failed");
    let server = start(&folder);
    send(
        &server,
        "/hooks/in",
        "{\"messages\":[{\"kind\":\"message\",\"id\":\"a\",\"text\":\"x\",\"who\":{\"name\":\"A\"}}]}",
    );
    send(
        &server,
        "/hooks/in",
        "{\"messages\":[{\"kind\":\"message\",\"id\":\"b\",\"text\":\"x\",\"who\":{\"phone\":\"11999990000\"}}]}",
    );
    server.wait_for("both", |status| status["events"]["failed"] == 2);
    let listed = events(&server, "?state=failed");
    assert_eq!(listed[0]["reason"], "`name` found no value, and is required");
    let story = story_of(&server, "failed");
    assert_eq!(unknown_to(EVENT_FIXTURES, &story), Vec::<String>::new());
    assert_eq!(story["routes"][0]["problem"]["code"], "value-not-found");
    assert_eq!(story["routes"][0]["problem"]["places"][0]["file"], "routes/in.yaml");
    page(&server, &format!("/events/{}", text(&story["event"]["id"])));
    let html = page(&server, "/dead-letters?kind=failed");
    assert_eq!(html.matches("name=\"ids\"").count(), 2, "{html}");
    assert!(html.contains("/replay?state=failed&through_routes=on"), "{html}");

    let without = listed.iter().find(|one| one["reason"] != "`name` found no value, and is required").unwrap();
    let id = text(&without["id"]);
    back(&server, &confirm(&server, &format!("/dismiss?ids={id}"), &[]), "1 entry was taken off the list.");
    server.wait_for("one", |status| status["events"]["failed"] == 1);
    let story = json(&server, &format!("/api/events/{id}"));
    assert_eq!(story["routes"][0]["problem"]["message"], "dismissed by a person");
    page(&server, &format!("/events/{id}"));

    folder.write(
        "routes/in.yaml",
        &CHAIN.replace("  name: $.who.name", "  name: { path: $.who.name, default: somebody }"),
    );
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    let done = confirm(&server, "/replay?state=failed&through_routes=on", &[]);
    assert_eq!(back(&server, &done, "1 event goes through its routes again."), "/dead-letters?kind=failed");
    server.wait_for("delivered", |status| status["deliveries"]["delivered"] == 1);
    let story = story_of(&server, "delivered");
    assert_eq!((&story["event"]["replay_of"], &story["event"]["state"]), (&true.into(), &"delivered".into()));
    page(&server, &format!("/events/{}", text(&story["event"]["id"])));
}

//! The page in the browser: who is let in, what proves that a form came from it, and the views of how all goes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ACME, Answer, Folder, Server, exchange, jackfield, post, root, run, transcript, wait_for};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Somebody's browser, as far as it matters: it keeps cookies, and sends forms with what the page gave it.
pub struct Browser {
    address: String,
    cookies: BTreeMap<String, String>,
    /// What it says beside.
    pub headers: Vec<(String, String)>,
}

impl Browser {
    pub fn at(address: &str) -> Self {
        Browser { address: address.to_owned(), cookies: BTreeMap::new(), headers: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// What a view shows, as a program gets it.
    pub fn view(&mut self, path: &str) -> Value {
        let answer = self.send("GET", path, &[("Accept", "application/json")], b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Sends a form, with what proves that it is from the page.
    pub fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let fields = [&[("csrf", csrf.as_str())], fields].concat();
        self.form(path, &fields)
    }

    pub fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], body.as_bytes())
    }

    /// Asks as the script does.
    pub fn ask(&mut self, method: &str, path: &str, accept: &str, body: &Value) -> Answer {
        let csrf = self.csrf();
        let headers = [("Content-Type", "application/json"), ("X-CSRF-Token", csrf.as_str()), ("Accept", accept)];
        self.send(method, path, &headers, body.to_string().as_bytes())
    }

    /// What the page gives to forms and script; the page for signing in is the only one that anybody gets.
    pub fn csrf(&mut self) -> String {
        let text = ["/nowhere", "/sign-in"].map(|path| self.get(path).text());
        let field = text.iter().find_map(|text| text.split("name=\"csrf\" value=\"").nth(1));
        field.expect("a form").split('"').next().unwrap().to_owned()
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let answer = exchange(&self.address, &[request.as_bytes(), b"\r\n", body].concat()).unwrap();
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in cookies(answer) {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match cookie.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}

/// The cookies that an answer sets, whole.
pub fn cookies(answer: &Answer) -> Vec<String> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value.to_owned()).collect()
}

/// The view of a fixture in `web/fixtures`.
pub fn fixture(name: &str) -> Value {
    let file = root().join(format!("web/fixtures/{name}.json"));
    serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap()["view"].take()
}

/// Proves that two views have the same keys everywhere. What is null, or empty, in one of them says nothing of the other;
/// the items of a list are looked at together.
pub fn same_keys(live: &Value, fixture: &Value) {
    let mut wrong = Vec::new();
    compare("view", live, fixture, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(place: &str, live: &Value, fixture: &Value, wrong: &mut Vec<String>) {
    match (live, fixture) {
        (Value::Object(one), Value::Object(other)) => {
            wrong.extend(other.keys().filter(|key| !one.contains_key(*key)).map(|key| format!("{place} has no {key}")));
            wrong.extend(
                one.keys().filter(|key| !other.contains_key(*key)).map(|key| format!("no fixture has {place}.{key}")),
            );
            for (key, value) in one {
                if let Some(other) = other.get(key) {
                    compare(&format!("{place}.{key}"), value, other, wrong);
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            if let Some(model) = other.first() {
                one.iter().for_each(|item| compare(&format!("{place}[]"), item, model, wrong));
            }
        }
        (Value::Object(_) | Value::Array(_), Value::Null) | (Value::Null, _) | (_, Value::Null) => {}
        (one, other) => {
            if std::mem::discriminant(one) != std::mem::discriminant(other) {
                wrong.push(format!("{place} is {one}, and in the fixture {other}"));
            }
        }
    }
}

const ROUTE: &str = "source:\n  path: /in\n  verify: none\nextract:\n  text: $.text\nsend:\n  - to: acme.note\n    body:\n      \
                     key: \"{{ event.id }}\"\n      text: \"{{ text }}\"\n";

/// A workspace that delivers, with more lines in `jackfield.yaml`.
fn workspace(name: &str, more: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{more}{}", folder.read("jackfield.yaml")));
    folder.write("routes/one.yaml", ROUTE);
    folder
}

fn start(folder: &Folder, env: &[(&str, &str)]) -> Server {
    Server::start(folder.path(), &["--sandbox"], env)
}

fn accepted(server: &Server, text: &str) {
    let answer = post(&server.listen, "/hooks/in", "application/json", json!({ "text": text }).to_string().as_bytes());
    assert_eq!(answer.status, 202);
}

#[test]
fn on_this_machine_anyone_is_let_in_by_a_name_that_is_this_machines() {
    let folder = workspace("page-hosts", "page: { hosts: [jackfield.example.com] }\n");
    let server = start(&folder, &[]);
    let port = server.page.rsplit(':').next().unwrap();
    for (host, status) in [
        (server.page.clone(), 200),
        (format!("localhost:{port}"), 200),
        ("[::1]:8082".to_owned(), 200),
        ("jackfield.example.com".to_owned(), 200),
        ("Jackfield.Example.com:443".to_owned(), 200),
        ("evil.example".to_owned(), 403),
        (format!("localhost.evil.example:{port}"), 403),
        ("127.0.0.1.evil.example".to_owned(), 403),
        (String::new(), 403),
    ] {
        let mut browser = Browser::at(&server.page).with("Host", &host);
        assert_eq!(browser.get("/").status, status, "{host}");
        assert_eq!(browser.get("/api/status").status, status, "{host}");
        assert_eq!(browser.get("/assets/style.css").status, status, "{host}");
    }
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let folder = workspace("page-headers", "");
    let server = start(&folder, &[]);
    let mut browser = Browser::at(&server.page);
    for (path, status, kept) in [
        ("/", 200, "no-store"),
        ("/nowhere", 404, "no-store"),
        ("/api/status", 200, "no-store"),
        ("/assets/script.js", 200, "no-cache"),
        ("/assets/../Cargo.toml", 404, "no-store"),
    ] {
        let answer = browser.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-security-policy").unwrap(), POLICY, "{path}");
        assert_eq!(answer.header("x-content-type-options").unwrap(), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy").unwrap(), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy").unwrap(), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control").unwrap(), kept, "{path}");
    }
    let text = browser.get("/").text();
    for never in ["<style", "style=\"", " onclick", "javascript:", "http://", "https://"] {
        assert!(!text.contains(never), "{never} in {text}");
    }
}

#[test]
fn an_asset_is_sent_again_only_when_it_has_changed() {
    let folder = workspace("page-assets", "");
    let server = start(&folder, &[]);
    let mut browser = Browser::at(&server.page);
    for file in std::fs::read_dir(root().join("web/assets")).unwrap().map(|entry| entry.unwrap()) {
        let path = format!("/assets/{}", file.file_name().to_str().unwrap());
        let first = browser.get(&path);
        assert_eq!((first.status, &first.body), (200, &std::fs::read(file.path()).unwrap()), "{path}");
        let tag = first.header("etag").unwrap();
        let again = browser.send("GET", &path, &[("If-None-Match", &tag)], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let other = browser.send("GET", &path, &[("If-None-Match", "\"0\"")], b"");
        assert_eq!(other.status, 200, "{path}");
    }
    let kinds = ["script.js", "style.css", "icon.svg"].map(|name| browser.get(&format!("/assets/{name}")));
    let kinds = kinds.map(|answer| answer.header("content-type").unwrap());
    assert_eq!(kinds, ["text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"]);
}

#[test]
fn a_form_counts_only_when_it_is_from_the_page() {
    let folder = workspace("page-csrf", "");
    let server = start(&folder, &[]);
    let fields = [("language", "pt-BR"), ("back", "/connections")];
    let mut browser = Browser::at(&server.page);
    let refused = browser.form("/language", &fields);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("This was not asked from this page"), "{}", refused.text());
    let taken = browser.submit("/language", &fields);
    assert_eq!((taken.status, taken.header("location").unwrap().as_str()), (303, "/connections"));
    // What another browser was given proves nothing, and neither does it from another site.
    let others = Browser::at(&server.page).csrf();
    assert_eq!(browser.form("/language", &[&[("csrf", others.as_str())], &fields[..]].concat()).status, 403);
    for site in ["cross-site", "same-site"] {
        let mut from_elsewhere = Browser::at(&server.page);
        from_elsewhere.csrf();
        let csrf = from_elsewhere.csrf();
        from_elsewhere.headers.push(("Sec-Fetch-Site".to_owned(), site.to_owned()));
        assert_eq!(from_elsewhere.form("/language", &[("csrf", &csrf), fields[0]]).status, 403, "{site}");
        assert_eq!(from_elsewhere.get("/api/status").status, 403, "{site}");
        // A link leads here.
        let link = [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];
        assert_eq!(from_elsewhere.send("GET", "/", &link, b"").status, 200, "{site}");
        let frame = [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")];
        assert_eq!(from_elsewhere.send("GET", "/", &frame, b"").status, 403, "{site}");
    }
    let nowhere = browser.submit("/language", &[("language", "xx"), ("back", "//evil.example/")]);
    assert_eq!((nowhere.header("location").unwrap().as_str(), cookies(&nowhere).len()), ("/", 0));
}

#[test]
fn a_program_changes_something_with_json_that_no_browser_sends() {
    let folder = workspace("page-program", "");
    let server = start(&folder, &[]);
    let mut program = Browser::at(&server.page);
    // Nothing is behind this address; what is refused before that is 403.
    let json = ("Content-Type", "application/json");
    let mut status = |headers: &[(&str, &str)]| program.send("POST", "/api/nothing", headers, b"{}").status;
    assert_eq!(status(&[json]), 404);
    assert_eq!(status(&[json, ("Origin", "https://evil.example")]), 403);
    assert_eq!(status(&[json, ("Sec-Fetch-Site", "same-origin")]), 403);
    assert_eq!(status(&[json, ("Cookie", "a=b")]), 403);
    assert_eq!(status(&[("Content-Type", "text/plain")]), 403);
    assert_eq!(status(&[("Content-Type", "application/x-www-form-urlencoded")]), 403);
    // The script brings what the page gave it.
    let asked = Browser::at(&server.page).ask("POST", "/api/nothing", "application/json", &json!({}));
    assert_eq!((asked.status, asked.text().contains("\"error\": \"not_found\"")), (404, true), "{}", asked.text());
}

const TOKEN: &str = "a-token-of-our-own-1";

#[test]
fn whoever_has_the_token_signs_in() {
    let folder = workspace("page-token", "page: { token: \"${env:PAGE_TOKEN}\" }\n");
    let server = start(&folder, &[("PAGE_TOKEN", TOKEN)]);
    let mut browser = Browser::at(&server.page);
    let first = browser.get("/connections?x=1");
    assert_eq!(first.header("location").unwrap(), "/sign-in?back=%2Fconnections%3Fx%3D1");
    assert_eq!((browser.get("/api/status").status, browser.get("/api/stream").status), (401, 401));
    let form = browser.get("/sign-in?back=%2Fconnections%3Fx%3D1");
    assert_eq!(form.status, 200);
    assert!(form.text().contains("name=\"back\" value=\"&#x2f;connections?x=1\""), "{}", form.text());
    assert!(
        !form.text().contains("acme") && !form.text().contains("class=\"menu\""),
        "nothing of the workspace is told"
    );
    let wrong = browser.submit("/sign-in", &[("token", "another"), ("back", "/")]);
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("This is not the token."), "{}", wrong.text());
    assert_eq!(browser.form("/sign-in", &[("token", TOKEN), ("back", "/")]).status, 403, "without a proof of origin");

    let before = browser.cookies.clone();
    let done = browser.submit("/sign-in", &[("token", TOKEN), ("back", "/connections?x=1")]);
    assert_eq!((done.status, done.header("location").unwrap().as_str()), (303, "/connections?x=1"));
    let set = cookies(&done);
    assert!(set.iter().all(|cookie| cookie.contains("; HttpOnly; SameSite=Lax; Path=/")), "{set:?}");
    assert!(browser.cookies.iter().any(|(name, id)| before.get(name).is_some_and(|old| old != id)), "a new session");
    let shown = browser.get("/connections?x=1").text();
    assert!(shown.contains("You are signed in.") && shown.contains("acme"), "{shown}");
    assert!(!browser.get("/connections").text().contains("You are signed in."), "it is told once");
    assert_eq!(browser.get("/sign-in").status, 303);

    let out = browser.submit("/sign-out", &[]);
    assert_eq!((out.status, out.header("location").unwrap().as_str()), (303, "/sign-in"));
    assert!(browser.get("/sign-in").text().contains("You are signed out."));
    assert_eq!(browser.get("/").status, 303);
    let log = folder.read("serve.log");
    assert!(!log.contains(TOKEN) && !log.contains("another"), "{log}");
}

#[test]
fn a_program_brings_the_token_itself() {
    let folder = workspace("page-bearer", "page: { token: \"${env:PAGE_TOKEN}\" }\n");
    let server = start(&folder, &[("PAGE_TOKEN", TOKEN)]);
    let mut program = Browser::at(&server.page).with("Authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(program.get("/api/status").status, 200);
    assert_eq!(program.send("POST", "/api/nothing", &[("Content-Type", "application/json")], b"{}").status, 404);
    let mut stranger = Browser::at(&server.page);
    assert_eq!(stranger.send("POST", "/api/nothing", &[("Content-Type", "application/json")], b"{}").status, 401);
}

#[test]
fn tokens_are_not_tried_out() {
    let folder = workspace("page-tries", "page: { token: \"${env:PAGE_TOKEN}\" }\n");
    let server = start(&folder, &[("PAGE_TOKEN", TOKEN)]);
    let mut browser = Browser::at(&server.page);
    for _ in 0..10 {
        assert_eq!(browser.submit("/sign-in", &[("token", "guess"), ("back", "/")]).status, 403);
    }
    let late = browser.submit("/sign-in", &[("token", TOKEN), ("back", "/")]);
    assert_eq!(late.status, 429);
    assert!(late.text().contains("Too many tries. Wait a minute."), "{}", late.text());
    let mut program = Browser::at(&server.page).with("Authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(program.get("/api/status").status, 429);
}

#[test]
fn a_proxy_says_who_comes_in() {
    let folder = workspace("page-proxy", "page: { proxy_header: X-Forwarded-User, hosts: [page.example.com] }\n");
    let server = start(&folder, &[]);
    let mut nobody = Browser::at(&server.page);
    assert_eq!(nobody.get("/").status, 403);
    assert_eq!(nobody.get("/").text(), "the proxy before this page does not say who you are\n");
    let known = |name: &str| {
        let browser = Browser::at(&server.page).with("X-Forwarded-User", name).with("Host", "page.example.com");
        browser.with("X-Forwarded-Proto", "https")
    };
    let mut ana = known("ana@example.com");
    let first = ana.get("/");
    assert_eq!(first.status, 200);
    assert!(cookies(&first).iter().all(|cookie| cookie.ends_with("; Secure")), "{:?}", cookies(&first));
    assert_eq!(ana.submit("/language", &[("language", "en"), ("back", "/")]).status, 303);
    // What was given to one is not good for another.
    let csrf = ana.csrf();
    let mut bea = known("bea@example.com");
    bea.cookies = ana.cookies.clone();
    assert_eq!(bea.form("/language", &[("csrf", &csrf), ("language", "en"), ("back", "/")]).status, 403);
    let mut elsewhere =
        Browser::at(&server.page).with("X-Forwarded-User", "ana@example.com").with("Host", "evil.example");
    assert_eq!(elsewhere.get("/").status, 403);
}

#[test]
fn the_language_is_the_browsers_or_the_one_that_was_chosen() {
    let folder = workspace("page-language", "");
    let server = start(&folder, &[]);
    let title = |browser: &mut Browser| {
        let text = browser.get("/").text();
        let tag = text.split("<html lang=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        (tag, text.split("<title>").nth(1).unwrap().split(" ·").next().unwrap().to_owned())
    };
    let (en, pt) = (("en".to_owned(), "Overview".to_owned()), ("pt-BR".to_owned(), "Visão geral".to_owned()));
    assert_eq!(title(&mut Browser::at(&server.page)), en);
    assert_eq!(title(&mut Browser::at(&server.page).with("Accept-Language", "pt-BR,pt;q=0.9,en;q=0.5")), pt);
    let mut browser = Browser::at(&server.page).with("Accept-Language", "en");
    let chosen = browser.submit("/language", &[("language", "pt-BR"), ("back", "/")]);
    assert!(cookies(&chosen)[0].starts_with("jackfield_language=pt-BR; HttpOnly"), "{:?}", cookies(&chosen));
    assert_eq!(title(&mut browser), pt);
}

#[test]
fn the_overview_tells_how_all_goes_and_what_needs_somebody() {
    let folder = workspace("page-overview", "");
    let server = start(&folder, &[]);
    let mut browser = Browser::at(&server.page);
    let quiet = browser.view("/?window=1h");
    same_keys(&quiet, &fixture("overview"));
    assert_eq!(
        (&quiet["needs"], &quiet["figures"]["received"], &quiet["reload"]),
        (&json!([]), &json!(0), &Value::Null)
    );
    assert_eq!(quiet["connections"][0]["state"], "unused");
    assert!(browser.get("/").text().contains("All is well. Nothing needs you."));

    (0..3).for_each(|n| accepted(&server, &format!("note {n}")));
    server.wait_for("the deliveries", |status| status["deliveries"]["delivered"] == 3);
    let busy =
        wait_for("the figures", || Some(browser.view("/?window=1h")).filter(|view| view["figures"]["delivered"] == 3));
    same_keys(&busy, &fixture("overview"));
    assert_eq!((&busy["figures"]["received"], &busy["figures"]["success"]), (&json!(3), &json!(1.0)));
    assert!(busy["figures"]["latency"]["half_ms"].is_u64(), "{busy:#}");
    assert_eq!(busy["connections"][0]["state"], "works");
    assert_eq!(busy["bars"].as_array().unwrap().len(), 60);

    // A bad file needs somebody; the link leads to the line.
    folder.write("routes/one.yaml", &ROUTE.replace("verify", "verifyy"));
    let refused = wait_for("the refusal", || Some(browser.view("/")).filter(|view| !view["needs"][0].is_null()));
    same_keys(&refused, &fixture("overview"));
    assert_eq!((&refused["needs"][0]["what"], &refused["reload"]["taken"]), (&json!("reload"), &json!(false)));
    assert_eq!(refused["reload"]["problems"][0]["href"], "/routes/one");
    let text = browser.get("/").text();
    assert!(text.contains("href=\"&#x2f;routes&#x2f;one?line=") || text.contains("href=\"/routes/one?line="), "{text}");
}

#[test]
fn a_start_with_bad_files_needs_somebody() {
    let folder = workspace("page-bad-start", "");
    let server = start(&folder, &[]);
    server.terminate();
    folder.write("routes/one.yaml", &ROUTE.replace("verify", "verifyy"));
    let server = start(&folder, &[]);
    let view = Browser::at(&server.page).view("/");
    same_keys(&view, &fixture("overview"));
    assert_eq!((&view["needs"][0]["what"], &view["reload"]["taken"]), (&json!("reload"), &json!(false)));
}

#[test]
fn what_was_given_up_needs_somebody() {
    let folder = workspace("page-dead", "");
    // No request can be made of it: the template fails with this event.
    folder.write("routes/one.yaml", &ROUTE.replace("\"{{ text }}\"", "\"{{ text | truncate(payload.most) }}\""));
    let server = start(&folder, &[]);
    let mut browser = Browser::at(&server.page);
    accepted(&server, "too much");
    server.wait_for("the end", |status| status["deliveries"]["dead"] == 1);
    let view = wait_for("the count", || Some(browser.view("/")).filter(|view| view["figures"]["given_up"] == 1));
    same_keys(&view, &fixture("overview"));
    let needs: Vec<(&str, &str)> = view["needs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|need| (need["what"].as_str().unwrap(), need["href"].as_str().unwrap()))
        .collect();
    assert_eq!(needs, [("route", "/routes/one"), ("dead", "/dead-letters")]);
    let text = browser.get("/").text();
    for words in ["1 delivery was given up", "Given up in this time", ">1 is still there</a>"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(view["needs"][1]["since"].is_string(), "{view:#}");
    let connections = wait_for("the connection", || {
        Some(browser.view("/connections")).filter(|view| view["connections"][0]["dead"] == 1)
    });
    same_keys(&connections, &fixture("connections"));
    let menu = browser.get("/").text();
    assert!(menu.contains("<span class=\"count\">1</span>"), "{menu}");
}

#[test]
fn connections_and_addresses_are_shown() {
    let folder = workspace("page-connections", "public_url: https://hooks.example.com\n");
    let server = start(&folder, &[]);
    let mut browser = Browser::at(&server.page);
    let view = browser.view("/connections");
    same_keys(&view, &fixture("connections"));
    assert_eq!(view["connections"][0]["routes"], json!(["one"]));
    assert_eq!(view["sources"][0]["address"], "https://hooks.example.com/hooks/in");
    assert_eq!((&view["sources"][0]["proof"], &view["sources"][0]["last_at"]), (&Value::Null, &Value::Null));
    accepted(&server, "a note");
    wait_for("the last event", || {
        Some(browser.view("/connections")).filter(|view| view["sources"][0]["last_at"].is_string())
    });
    let text = browser.get("/connections").text();
    assert!(!text.contains("t0ken") && text.contains("Anyone may send"), "{text}");
}

#[test]
fn addresses_are_those_at_which_the_server_listens() {
    let folder = workspace("page-listen", "");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = Server::start(folder.path(), &["--sandbox", "--listen", &free], &[]);
    let view = Browser::at(&server.page).view("/connections");
    assert_eq!(view["sources"][0]["address"], format!("http://{free}/hooks/in"));
    // A file that changes does not bring the other address back.
    folder.write("routes/one.yaml", &format!("description: changed\n{ROUTE}"));
    server.wait_for("the change", |status| status["reloads"]["last"]["taken"] == true);
    let view = Browser::at(&server.page).view("/connections");
    assert_eq!(view["sources"][0]["address"], format!("http://{free}/hooks/in"));
}

#[test]
fn the_settings_have_a_name_of_their_own() {
    let folder = workspace("page-settings-name", "");
    let server = start(&folder, &[]);
    let text = Browser::at(&server.page).get("/settings").text();
    assert!(text.contains("<h1>Settings ") && text.matches(">jackfield.yaml<").count() == 1, "{text}");
}

#[test]
fn a_connection_with_refusals_does_not_look_well() {
    let folder = workspace("page-refusals", "");
    let server = start(&folder, &[]);
    let order = br#"{"provider":"acme","operation":"note","error":"422"}"#;
    (0..3).for_each(|n| accepted(&server, &format!("note {n}")));
    server.wait_for("the deliveries", |status| status["deliveries"]["delivered"] == 3);
    assert_eq!(post(server.sandbox(), "/_sandbox/fail", "application/json", order).status, 200);
    accepted(&server, "refused");
    server.wait_for("the refusal", |status| status["deliveries"]["dead"] == 1);
    let mut browser = Browser::at(&server.page);
    let view = wait_for("the share", || {
        Some(browser.view("/connections")).filter(|view| view["connections"][0]["success"] == json!(0.75))
    });
    assert_eq!(view["connections"][0]["state"], "slow", "{view:#}");
}

#[test]
fn open_pages_hear_of_news_and_let_the_server_stop() {
    let folder = workspace("page-stream", "");
    let server = start(&folder, &[]);
    let mut stream = TcpStream::connect(&server.page).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET /api/stream HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n", server.page).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
    (0..2).for_each(|n| accepted(&server, &format!("note {n}")));
    let mut events = 0;
    while events < 2 {
        let line = lines.next().expect("news");
        if let Some(data) = line.strip_prefix("data: ").filter(|data| !data.is_empty()) {
            events += serde_json::from_str::<Value>(data).unwrap()["events"].as_u64().unwrap();
        }
    }
    assert_eq!(events, 2);
    let began = Instant::now();
    assert_eq!(server.terminate(), 0);
    assert!(began.elapsed() < Duration::from_secs(8), "an open page kept the server for {:?}", began.elapsed());
}

#[test]
fn no_page_is_open_to_all_by_mistake() {
    let folder = workspace("page-off", "");
    let open = run(
        folder.path(),
        &[
            "serve",
            "--sandbox",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--page",
            "0.0.0.0:0",
            "--sandbox-listen",
            "127.0.0.1:0",
        ],
    );
    assert!(transcript(&open).ends_with(
        "`--page` is reached by others than this machine: jackfield.yaml has to say who may open it, under `page:`\n\
         --- exit 3\n"
    ));
}

#[test]
fn there_may_be_no_page() {
    let folder = workspace("page-none", "page: off\n");
    let mut command =
        jackfield(folder.path(), &["serve", "--sandbox", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(["--sandbox-listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<String> = lines.take_while(|line| !line.starts_with("sandbox on")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let words: Vec<&str> =
        told.iter().map(|line| line.split("  ").next().unwrap().split(" http").next().unwrap()).collect();
    assert_eq!(words, ["receiving on", "state on"], "{told:?}");
}

//! Routes on the page: what is wrong while one types, what a draft makes of a request, what it would change, and saving it.

use serde_json::{Value, json};

use crate::page::{Browser, fixture, same_keys};
use crate::support::{ACME, Answer, Folder, Server, post, run, wait_for};

const ROUTE: &str = "\
description: What comes in is noted
source: { path: /in, verify: none }
extract:
  id: $.id
  text?: $.text
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"{{ text | default('-') }}\" }
";

const FILE: &str = "routes/in.yaml";

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

/// A workspace with one route that delivers, served.
fn served(name: &str, more: &str) -> (Folder, Server) {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{more}{}", folder.read("jackfield.yaml")));
    folder.write(FILE, ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (folder, server)
}

fn send(server: &Server, path: &str, body: &str) {
    assert_eq!(post(&server.listen, path, "application/json", body.as_bytes()).status, 202);
}

fn delivered(server: &Server, count: u64) {
    server.wait_for("deliveries", |status| status["deliveries"]["delivered"] == count);
}

/// What a program asks, with JSON that no browser sends.
fn ask(server: &Server, method: &str, path: &str, accept: &str, body: &Value) -> Answer {
    let headers = [("Content-Type", "application/json"), ("Accept", accept)];
    Browser::at(&server.page).send(method, path, &headers, body.to_string().as_bytes())
}

fn check(server: &Server, file: &str, draft: &str) -> Value {
    let answer = ask(server, "POST", "/api/check", "application/json", &json!({ "file": file, "draft": draft }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    json_of(&answer)
}

/// Saves a route, and says the status with the answer.
fn save(server: &Server, name: &str, draft: &str, base: &Value) -> (u16, Value) {
    let body = json!({ "draft": draft, "base": base, "from": null });
    let answer = ask(server, "PUT", &format!("/api/routes/{name}"), "application/json", &body);
    (answer.status, json_of(&answer))
}

/// What a file is now, as the page identifies it.
fn base(server: &Server, address: &str) -> Value {
    Browser::at(&server.page).view(address)["route"]["base"].clone()
}

fn serving(server: &Server) -> Value {
    server.status()["revision"].clone()
}

#[test]
fn the_views_are_given_what_the_templates_expect() {
    let folder = Folder::of_repository("page-routes-views");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let mut browser = Browser::at(&server.page);
    let name = "/routes/telephony/missed-call-to-chat2desk";
    let (view, wanted) = (browser.view(name), fixture("route"));
    same_keys(&view, &wanted);
    let stand_in = format!("http://{}/chat2desk", server.sandbox());
    let trace = view["play"]["trace"].to_string().replace(&stand_in, "https://api.chat2desk.com");
    assert_eq!(serde_json::from_str::<Value>(&trace).unwrap(), wanted["play"]["trace"]);
    assert_eq!((&view["draft"], &view["tests"]), (&wanted["draft"], &wanted["tests"]));
    assert_eq!(view["route"]["state"], "quiet");
    assert!(browser.get(name).text().contains("2 tests passed"));

    let two = "/routes/crm/hubspot-lifecycle-to-omnivibe";
    same_keys(&browser.view(two), &fixture("route-two-events"));
    assert_eq!(browser.view(two)["play"]["trace"]["events"].as_array().unwrap().len(), 2);
    same_keys(&browser.view("/settings"), &fixture("settings"));
    assert_eq!(browser.view("/settings")["tests"], 13);
    same_keys(&browser.view("/routes"), &fixture("routes"));
    assert_eq!(browser.view("/routes")["routes"].as_array().unwrap().len(), 8);
    for nowhere in ["/routes/nowhere", "/routes/telephony", "/new-route?from=evt_1"] {
        assert_eq!(browser.get(nowhere).status, 404, "{nowhere}");
    }
    for path in ["/routes", "/settings", two] {
        assert_eq!(browser.get(path).status, 200, "{path}");
    }
}

#[test]
fn what_is_wrong_is_told_while_one_types() {
    let folder = Folder::of_repository("page-routes-check");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let file = "routes/telephony/missed-call-to-chat2desk.yaml";
    let draft = folder.read(file);
    let good = json!({ "good": true, "tests": { "passed": 2, "failed": 0 }, "problems": [] });
    assert_eq!(check(&server, file, &draft), good);
    assert_eq!(check(&server, file, &draft.replace('\n', "\r\n")), good);

    let mut told = check(&server, file, &draft.replace("\nlane:", "\nlanee:"));
    let place = |column: u64| json!({ "line": 18, "column": column });
    let wanted = json!({
        "severity": "error", "code": "unknown-key", "message": "a route has no key `lanee`",
        "label": "nothing reads this key", "help": "did you mean `lane`?", "file": file, "from": place(1), "to": place(6),
        "fix": { "from": place(1), "to": place(6), "replacement": "lane" },
    });
    assert_eq!(told["problems"].take(), json!([wanted]));
    assert_eq!(told, json!({ "good": false, "tests": { "passed": 0, "failed": 0 }, "problems": null }));

    // Columns count characters.
    let wide = draft.replace("match: \"{{", "match: \"{{ 'é😀' and nowhere and");
    let problems = check(&server, file, &wide)["problems"].clone();
    let from = problems[0]["from"].clone();
    assert_eq!(from, json!({ "line": 10, "column": 21 }), "{problems:#}");

    // A test that fails is a problem of the draft.
    let failing = check(&server, file, &draft.replace("body: \"Missed", "body: \"Lost"));
    assert_eq!((&failing["good"], &failing["tests"]), (&json!(false), &json!({ "passed": 1, "failed": 1 })));

    // What a draft of the settings does to routes is told; what was wrong before is not.
    folder.write("routes/broken.yaml", "sauce: 1\n");
    let settings = folder.read("jackfield.yaml");
    assert_eq!(check(&server, "jackfield.yaml", &settings)["problems"], json!([]));
    let without = settings.replace("  chat2desk:\n", "  chat3desk:\n");
    let told = check(&server, "jackfield.yaml", &without);
    let files: Vec<&str> =
        told["problems"].as_array().unwrap().iter().map(|problem| problem["file"].as_str().unwrap()).collect();
    assert!(files.contains(&file) && !files.contains(&"routes/broken.yaml"), "{files:?}");

    for bad in ["sandbox.env", "routes/../jackfield.yaml", "schemas/a/pack.yaml", ""] {
        let answer = ask(&server, "POST", "/api/check", "*/*", &json!({ "file": bad, "draft": "" }));
        assert_eq!(answer.status, 400, "{bad}");
    }
    assert_eq!(ask(&server, "POST", "/api/check", "*/*", &json!("text")).status, 400);
}

#[test]
fn a_draft_is_tried_as_the_terminal_tries_a_route() {
    let folder = Folder::of_repository("page-routes-trial");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let name = "telephony/missed-call-to-chat2desk";
    let (file, sample) = (format!("routes/{name}.yaml"), "samples/zadarma-missed-call.http");
    let (draft, request) = (folder.read(&file), folder.read(sample));
    let trial = |draft: &str, sample: Option<&str>, request: &str, accept: &str| {
        let body = json!({ "file": file, "draft": draft, "sample": sample, "request": request });
        ask(&server, "POST", "/api/dry-run", accept, &body)
    };
    // What a text box makes of line ends does not count: the bytes are those that were chosen.
    let bare = request.replace("\r\n", "\n");
    let tried = trial(&draft, Some(sample), &bare, "application/json");
    let printed = run(folder.path(), &["dry-run", name, "--request", sample, "--format", "json"]);
    let stand_in = format!("http://{}/chat2desk", server.sandbox());
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(tried.text().replace(&stand_in, "https://api.chat2desk.com"), printed);

    let html = trial(&draft, Some(sample), &bare, "text/html").text();
    assert!(html.contains("Missed call to 442079460000") && html.contains("href=\"#p1-4\""), "{html}");
    assert!(!html.contains("<html"), "a part of a page");
    // The edited request counts, and the draft as it stands.
    let edited =
        trial(&draft.replace("Missed call", "Lost call"), None, &bare.replace("no+answer", "busy"), "text/html");
    assert!(edited.text().contains("Lost call to") && edited.text().contains("&quot;busy&quot;"), "{}", edited.text());
    let answered = trial(&draft, None, &bare.replace("no+answer", "answered"), "text/html").text();
    assert!(answered.contains("The route does not take it"), "{answered}");
    for (request, words) in [
        ("hello", "this is no captured request: its first line is no request line"),
        ("POST /hooks/nowhere HTTP/1.1\n\n{}", "where no source is"),
    ] {
        let answer = trial(&draft, None, request, "text/html");
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    let typeform = "routes/forms/typeform-to-cloudchat.yaml";
    let broken = "POST /hooks/typeform HTTP/1.1\nContent-Type: application/json\n\n{\"a\":";
    let body = json!({ "file": typeform, "draft": folder.read(typeform), "sample": null, "request": broken });
    let unread = ask(&server, "POST", "/api/dry-run", "text/html", &body);
    assert!(unread.status == 200 && unread.text().contains("undecodable-body"), "{}", unread.text());
    let hindered = trial(&draft.replace("\nlane:", "\nlanee:"), Some(sample), &bare, "text/html");
    assert_eq!((hindered.status, &json_of(&hindered)["problems"][0]["code"]), (422, &json!("unknown-key")));
    let unfit = json!({ "file": "jackfield.yaml", "draft": folder.read("jackfield.yaml"), "request": "{}" });
    assert_eq!(ask(&server, "POST", "/api/dry-run", "text/html", &unfit).status, 422);
    assert_eq!(server.status()["events"]["accepted"], 0, "nothing is stored");

    // What can be tried is a captured request, and nothing else of the workspace.
    let of = |what: &str| Browser::at(&server.page).get(&format!("/api/sample?of={what}"));
    assert_eq!((of(sample).status, of(sample).text()), (200, bare));
    assert_eq!(of(sample).header("content-type").unwrap(), "text/plain; charset=utf-8");
    folder.write("samples/secret.http", "no request");
    for bad in
        ["sandbox.env", "samples/../sandbox.env", "/etc/passwd", "jackfield.yaml", "samples/secret.http", "evt_1", ""]
    {
        assert_eq!(of(bad).status, 404, "{bad}");
    }
    std::fs::write(folder.path().join("samples/bytes.http"), b"POST /a HTTP/1.1\n\n\xff\xfe").unwrap();
    assert_eq!(of("samples/bytes.http").status, 415);
}

#[test]
fn a_draft_is_compared_with_what_serves() {
    let (folder, server) = served("page-routes-diff", "");
    send(&server, "/hooks/in", r#"{"id":1,"text":"hello"}"#);
    send(&server, "/hooks/in", r#"{"id":2,"text":"good morning"}"#);
    send(&server, "/hooks/in", r#"{"id":3}"#);
    delivered(&server, 3);
    let compared =
        |draft: &str, accept: &str| ask(&server, "POST", "/api/diff", accept, &json!({ "file": FILE, "draft": draft }));
    let same = json_of(&compared(ROUTE, "application/json"));
    assert_eq!((&same["events"], &same["changed"], &same["worse"]), (&json!(3), &json!(0), &json!(0)));
    let edited = ROUTE.replace("text?:", "text:").replace("\"m{{ id }}\"", "\"n{{ id }}\"");
    let told = json_of(&compared(&edited, "application/json"));
    assert_eq!((&told["events"], &told["changed"], &told["worse"]), (&json!(3), &json!(3), &json!(1)));
    assert_eq!(told["against"], "the workspace that is served");
    let html = compared(&edited, "text/html").text();
    for words in [
        "1 event could not be delivered any more.",
        "found no value, and is required",
        "body.key",
        "<ins>&quot;n2&quot;</ins>",
    ] {
        assert!(html.contains(words), "{words} in {html}");
    }
    let hindered = compared(&ROUTE.replace("send:", "sent:"), "text/html");
    assert_eq!((hindered.status, &json_of(&hindered)["good"]), (422, &json!(false)));

    // The same without script.
    let mut browser = Browser::at(&server.page);
    let csrf = browser.csrf();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("csrf", csrf.as_str()),
            ("do", "diff"),
            ("base", "x"),
            ("draft", &edited.replace('\n', "\r\n")),
        ])
        .finish();
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
    let view = json_of(&browser.send("POST", "/routes/in", &headers, form.as_bytes()));
    same_keys(&view, &fixture("route-problems"));
    let groups = view["diff"]["groups"].as_array().unwrap();
    let brief = |group: &Value| format!("{} {}", group["what"].as_str().unwrap(), group["count"]);
    assert_eq!(groups.iter().map(brief).collect::<Vec<_>>(), ["fails 1", "differs 2"]);
    assert_eq!(groups[1]["fields"], json!([{ "path": "body.key", "before": "\"m2\"", "after": "\"n2\"" }]));
    assert_eq!((&view["draft"], &view["play"]["blocked"]), (&json!(edited), &json!(false)));
    assert_eq!(folder.read(FILE), ROUTE, "nothing is saved");
}

#[test]
fn a_good_draft_is_saved_and_live() {
    let (folder, server) = served("page-routes-save", "");
    let first = serving(&server);
    let draft = ROUTE.replace("m{{ id }}", "n{{ id }}");
    let (status, saved) = save(&server, "in", &draft, &base(&server, "/routes/in"));
    assert_eq!((status, &saved["result"], &saved["live"]), (200, &json!("live"), &json!(true)));
    assert_eq!(saved["message"], format!("Saved, and live as revision {}.", saved["revision"].as_str().unwrap()));
    assert_eq!((folder.read(FILE), &saved["base"]), (draft.clone(), &base(&server, "/routes/in")));
    assert_eq!((&serving(&server), serving(&server) != first), (&saved["revision"], true));
    send(&server, "/hooks/in", r#"{"id":1}"#);
    delivered(&server, 1);
    assert_eq!(server.received()[0]["body"]["key"], "n1");
    // The notice of the same change makes no second reload.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(server.status()["reloads"]["taken"], 1);

    // Whoever has the older text overwrites nothing.
    let (status, refused) = save(&server, "in", &ROUTE.replace("m{{", "o{{"), &json!("sha256:0"));
    assert_eq!((status, &refused["result"], &refused["base"]), (409, &json!("changed"), &Value::Null));
    let (status, _) = save(&server, "in", &ROUTE.replace("m{{", "o{{"), &Value::Null);
    assert_eq!((status, folder.read(FILE)), (409, draft.clone()));

    // A draft with errors is not written.
    let (status, refused) = save(&server, "in", &draft.replace("send:", "sent:"), &saved["base"]);
    assert_eq!((status, &refused["result"]), (422, &json!("not_saved")));
    assert!(refused["problems"].as_array().unwrap().iter().any(|problem| problem["code"] == "unknown-key"));
    assert_eq!(folder.read(FILE), draft);

    // Written, and not live, as long as another file is broken.
    folder.write("routes/other.yaml", "sauce: 1\n");
    let (status, refused) = save(&server, "in", &draft.replace("n{{", "o{{"), &saved["base"]);
    assert_eq!((status, &refused["result"], &refused["live"]), (200, &json!("refused"), &json!(false)));
    assert!(refused["problems"].as_array().unwrap().iter().all(|problem| problem["file"] == "routes/other.yaml"));
    assert_eq!(folder.read(FILE), draft.replace("n{{", "o{{"));
    assert_eq!(serving(&server), saved["revision"]);
    let listed = Browser::at(&server.page).view("/routes");
    same_keys(&listed, &fixture("routes"));
    assert_eq!(listed["problems"][0]["href"], "/routes/other");
    let states: Vec<&Value> = listed["routes"].as_array().unwrap().iter().map(|route| &route["state"]).collect();
    assert_eq!(states, ["warnings", "problems"]);
    // It is mended on the page.
    let mended = save(&server, "other", &ROUTE.replace("/in", "/other"), &base(&server, "/routes/other"));
    assert_eq!((mended.0, &mended.1["result"]), (200, &json!("live")));
    assert!(Browser::at(&server.page).view("/routes")["problems"].as_array().unwrap().is_empty());
    let log = folder.read("serve.log");
    assert!(log.contains("a file was saved from the page") && !log.contains("default('-')"), "{log}");
}

#[test]
fn a_form_saves_as_the_script_does() {
    let (folder, server) = served("page-routes-form", "");
    let mut browser = Browser::at(&server.page).with("Accept", "text/html");
    let known = base(&server, "/routes/in");
    let draft = ROUTE.replace("m{{ id }}", "n{{ id }}");
    let typed = draft.replace('\n', "\r\n");
    let fields = [
        ("draft", typed.as_str()),
        ("base", known.as_str().unwrap()),
        ("do", "save"),
        ("sample", ""),
        ("request", "{\"id\":7}"),
    ];
    let page = browser.submit("/routes/in", &fields).text();
    assert!(page.contains("Saved, and live as revision"), "{page}");
    assert!(page.contains("&quot;n7&quot;"), "the playground goes on with the request that was sent: {page}");
    assert_eq!(folder.read(FILE), draft);
    // The file keeps the line ends that it has.
    folder.write(FILE, &typed);
    wait_for("the reload", || (server.status()["reloads"]["taken"] == 2).then_some(()));
    let (status, _) = save(&server, "in", &ROUTE.replace("m{{ id }}", "o{{ id }}"), &base(&server, "/routes/in"));
    assert_eq!((status, folder.read(FILE)), (200, ROUTE.replace("m{{ id }}", "o{{ id }}").replace('\n', "\r\n")));
    let again = browser.submit("/routes/in", &fields).text();
    assert!(again.contains("The file has changed since you opened it."), "{again}");
    assert_eq!(browser.form("/routes/in", &fields).status, 403, "without a proof of origin");
}

#[test]
fn the_settings_are_saved_as_well() {
    let (folder, server) = served("page-routes-settings", "");
    let settings = format!("# Ours\n{}", folder.read("jackfield.yaml"));
    let body = |base: &Value| json!({ "draft": settings, "base": base, "from": null });
    let known = base(&server, "/settings");
    let saved = ask(&server, "PUT", "/api/settings", "application/json", &body(&known));
    assert_eq!((saved.status, &json_of(&saved)["result"]), (200, &json!("live")));
    assert_eq!(folder.read("jackfield.yaml"), settings);
    let late = ask(&server, "PUT", "/api/settings", "application/json", &json!({ "draft": "# no\n", "base": known }));
    assert_eq!(late.status, 409);
}

#[test]
fn recorded_events_keep_a_change_from_being_saved() {
    let (folder, server) = served("page-routes-clean", "reload: require_clean_diff\n");
    send(&server, "/hooks/in", r#"{"id":1}"#);
    delivered(&server, 1);
    let known = base(&server, "/routes/in");
    let (status, refused) = save(&server, "in", &ROUTE.replace("text?:", "text:"), &known);
    assert_eq!((status, &refused["result"], &refused["base"]), (422, &json!("not_clean"), &Value::Null));
    assert_eq!(refused["problems"][0]["code"], "value-not-found");
    assert_eq!(folder.read(FILE), ROUTE);
    let (status, saved) = save(&server, "in", &ROUTE.replace("m{{", "n{{"), &known);
    assert_eq!((status, &saved["result"]), (200, &json!("live")));
}

#[test]
fn an_event_that_nobody_knew_becomes_a_route() {
    let more = "sources: { new-sender: { path: /new, verify: { token: { query: key } }, secret: k3y-of-theirs, capture: true } }\n";
    let account = "connections:\n  omnivibe: { provider: omnivibe, inbox_identifier: a, contact_identifier: b, conversation_id: 42 }\n";
    let folder = Folder::with("page-routes-new", ACME);
    let settings = folder.read("jackfield.yaml").replace("connections:\n", account);
    folder.write("jackfield.yaml", &format!("{more}{settings}"));
    folder.write(FILE, ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    send(
        &server,
        "/hooks/new?key=k3y-of-theirs",
        r#"{"contact":{"full_name":"Ana Souza"},"text":"When do you open today?"}"#,
    );
    let mut browser = Browser::at(&server.page);
    server.wait_for("the event", |status| status["events"]["unmatched"] == 1);
    let listed = run(folder.path(), &["events", "--admin", &server.admin, "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let id = listed["events"][0]["id"].as_str().unwrap().to_owned();
    let asked = browser.view(&format!("/new-route?from={id}"));
    same_keys(&asked, &fixture("new-route"));
    assert_eq!(
        (&asked["name"], &asked["to"], &asked["source"]),
        (&json!("new-sender"), &json!("acme.note"), &json!("new-sender"))
    );
    for (name, words) in
        [("in", "is there already"), ("../jackfield", "can&#x27;t be the name of a route"), ("a b", "can&#x27;t be")]
    {
        let page = browser.submit("/new-route", &[("from", &id), ("name", name), ("to", "acme.note")]).text();
        assert!(page.contains(words), "{name}: {page}");
    }

    let csrf = browser.csrf();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("csrf", csrf.as_str()), ("from", &id), ("name", "leads"), ("to", "omnivibe.create_message")])
        .finish();
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
    let view = json_of(&browser.send("POST", "/new-route", &headers, form.as_bytes()));
    same_keys(&view, &fixture("route-draft"));
    let route = &view["route"];
    assert_eq!((&route["state"], &route["base"], &route["from"]), (&json!("new"), &json!(""), &json!(id)));
    assert_eq!((&route["file"], &route["address"]), (&json!("routes/leads.yaml"), &json!("/routes/leads")));
    let codes: Vec<&str> =
        view["problems"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"unconfirmed-guess") && !codes.contains(&"missing-file"), "{codes:?}");
    let told = view["problems"].to_string();
    assert!(told.contains("press *It is right*") && !told.contains("dry-run"), "{told}");
    assert_eq!(view["play"]["sample"], id.as_str());
    assert!(view["play"]["request"].as_str().unwrap().starts_with("POST /hooks/new?key=*** HTTP/1.1\n"), "{view:#}");
    assert!(view["play"]["trace"]["events"][0]["matched"] == true, "guesses can be tried");
    assert!(
        !folder.path().join("routes/leads.yaml").exists() && !folder.path().join("samples").exists(),
        "nothing yet"
    );

    let draft = "source: new-sender\nextract:\n  name: $.contact.full_name\n  text: $.text\nsend:\n  - to: acme.note\n    \
                 body: { key: \"{{ name }}\", text: \"{{ text }}\" }\ntests:\n  - name: the captured request\n    \
                 request: samples/leads.http\n    expect:\n      - to: acme.note\n        body: { key: Ana Souza }\n";
    let verdict = check(&server, "routes/leads.yaml", draft);
    assert_eq!(verdict, json!({ "good": true, "tests": { "passed": 1, "failed": 0 }, "problems": [] }));
    let body = json!({ "draft": draft, "base": null, "from": id });
    let saved = ask(&server, "PUT", "/api/routes/leads", "application/json", &body);
    assert_eq!((saved.status, &json_of(&saved)["result"]), (200, &json!("live")), "{}", saved.text());
    let sample = folder.read("samples/leads.http");
    assert!(sample.starts_with("POST /hooks/new?key=*** HTTP/1.1\r\n") && sample.contains("Ana Souza"), "{sample}");
    assert_eq!(folder.read("routes/leads.yaml"), draft);
    let tests = run(folder.path(), &["test", "leads"]);
    assert!(String::from_utf8_lossy(&tests.stdout).contains("1 passed, 0 failed"));
    send(&server, "/hooks/new?key=k3y-of-theirs", r#"{"contact":{"full_name":"Rui"},"text":"Hello"}"#);
    delivered(&server, 1);
    // The name is taken by now.
    assert_eq!(
        ask(&server, "PUT", "/api/routes/leads", "*/*", &body.clone()).status,
        200,
        "the same again is no change"
    );
    let other = json!({ "draft": format!("{draft}# more\n"), "base": null, "from": id });
    assert_eq!(ask(&server, "PUT", "/api/routes/leads", "*/*", &other).status, 409);
}

#[test]
fn names_and_links_do_not_lead_out() {
    let (folder, server) = served("page-routes-out", "");
    let outside = Folder::with("page-routes-outside", &[("kept.yaml", ROUTE)]);
    let before = folder.read("jackfield.yaml");
    for name in
        ["..%2fjackfield", "../jackfield", "a/..%2f..%2fjackfield", "%2fetc%2fcron", ".hidden", "a%5c..%5cb", "a%00b"]
    {
        let body = json!({ "draft": ROUTE.replace("/in", "/out"), "base": null, "from": null });
        let answer = ask(&server, "PUT", &format!("/api/routes/{name}"), "application/json", &body);
        assert!(matches!(answer.status, 400 | 404), "{name}: {}", answer.text());
        assert_eq!(Browser::at(&server.page).get(&format!("/routes/{name}")).status, 404, "{name}");
    }
    let (status, refused) = save(&server, "a%20b", &ROUTE.replace("/in", "/out"), &Value::Null);
    assert_eq!((status, &refused["result"]), (422, &json!("not_saved")), "a new name is a plain one");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path(), folder.path().join("routes/linked")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("kept.yaml"), folder.path().join("routes/kept.yaml")).unwrap();
        let draft = ROUTE.replace("/in", "/linked");
        let (status, refused) = save(&server, "linked/new", &draft, &Value::Null);
        assert_eq!((status, &refused["result"]), (500, &json!("failed")), "{refused:#}");
        assert_eq!(
            refused["problems"][0]["message"],
            "`routes/linked/new.yaml` was not written: it leads out of the workspace"
        );
        assert_eq!(Browser::at(&server.page).get("/routes/kept").status, 404);
        assert_eq!(save(&server, "kept", &draft, &Value::Null).0, 409);
        assert_eq!(outside.read("kept.yaml"), ROUTE);
        assert!(!outside.path().join("new.yaml").exists());
    }
    assert_eq!(folder.read("jackfield.yaml"), before);
    let left: Vec<String> = std::fs::read_dir(folder.path().join("routes"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !matches!(name.as_str(), "in.yaml" | "linked" | "kept.yaml"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_not_shown_is_not_shown_here_either() {
    let (folder, server) = served("page-routes-private", "privacy: { mask: [phones, $.text] }\n");
    send(&server, "/hooks/in", r#"{"id":"+447700900001","text":"for nobody else"}"#);
    delivered(&server, 1);
    let mut browser = Browser::at(&server.page);
    let view = browser.view("/routes/in");
    let id = view["play"]["sample"].as_str().unwrap();
    assert!(id.starts_with("evt_") && view["play"]["request"] == "", "{view:#}");
    let draft = ROUTE.replace("m{{ id }}", "n{{ id }}");
    let compared = ask(&server, "POST", "/api/diff", "text/html", &json!({ "file": FILE, "draft": draft }));
    let trial = json!({ "file": FILE, "draft": draft, "sample": id, "request": "" });
    let tried = ask(&server, "POST", "/api/dry-run", "application/json", &trial);
    let drafted = browser.get(&format!("/new-route?from={id}"));
    for text in [view.to_string(), compared.text(), tried.text(), drafted.text()] {
        assert!(text.contains("•••"), "{text}");
        assert!(!text.contains("7700900001") && !text.contains("for nobody else"), "{text}");
    }
    assert_eq!(browser.get(&format!("/api/sample?of={id}")).status, 415);
    assert_eq!(server.received()[0]["body"]["text"], "for nobody else", "what is delivered stays whole");
    drop(folder);
}

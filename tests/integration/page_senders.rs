//! Senders on the page: what one must know to send, what is said of one that is turned away, and the way from an address to a route
//! without a shell.

use serde_json::{Value, json};

use crate::page::{Browser, fixture, same_keys};
use crate::support::{ACME, Folder, Server, get, post, wait_for};
use crate::vendor::{Vendor, reply};

const SOURCES: &str = "sources:\n  shop: { path: /shop, verify: { token: { query: key } }, secret: the-secret, capture: true }\n  \
                       bank: { path: /bank, verify: { basic: {} }, secret: \"user:the-secret\", capture: true }\n";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{SOURCES}{}", folder.read("jackfield.yaml")));
    folder
}

fn sent(server: &Server, path: &str) -> u16 {
    post(&server.listen, path, "application/json", b"{\"id\":1}").status
}

fn needs(browser: &mut Browser) -> Value {
    browser.view("/")["needs"].take()
}

/// The source of a view, by its name.
fn source(view: &Value, key: &str, name: &str) -> Value {
    view["sources"].as_array().unwrap().iter().find(|one| one[key] == name).unwrap().clone()
}

#[test]
fn a_sender_that_is_turned_away_is_seen() {
    let folder = workspace("page-turned-away");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let mut browser = Browser::at(&server.page);
    assert_eq!(needs(&mut browser), json!([]));
    assert_eq!(
        [sent(&server, "/hooks/shop"), sent(&server, "/hooks/shop?key=wrong"), sent(&server, "/hooks/no")],
        [401, 401, 404]
    );

    let told = needs(&mut browser);
    assert_eq!(
        (&told[0]["what"], &told[0]["name"], &told[0]["count"]),
        (&json!("turned_away"), &json!("shop"), &json!(2))
    );
    assert!(told[0]["since"].is_string() && told.as_array().unwrap().len() == 1, "{told:#}");
    let overview = browser.get("/").text();
    assert!(overview.contains("2 requests to shop were refused") && !overview.contains("All is well"), "{overview}");

    let view = browser.view("/connections");
    same_keys(&view, &fixture("connections"));
    let away = source(&view, "name", "shop")["turned_away"].clone();
    assert_eq!((&away["count"], &away["reason"]), (&json!(2), &json!("verification-failed")));
    assert_eq!(source(&view, "name", "bank")["turned_away"], Value::Null);
    let view = browser.view("/unmatched");
    same_keys(&view, &fixture("unmatched"));
    assert_eq!(source(&view, "source", "shop")["turned_away"]["count"], 2);
    for path in ["/connections", "/unmatched"] {
        let text = browser.get(path).text();
        assert!(text.contains("2 requests refused since the start, the last"), "{path}: {text}");
        assert!(
            text.contains("it did not prove that it is from the sender") && !text.contains("wrong"),
            "{path}: {text}"
        );
    }
    let metrics = get(&server.admin, "/metrics").text();
    for line in [
        "{reason=\"verification-failed\",source=\"shop\"} 2",
        "{reason=\"verification-failed\",source=\"bank\"} 0",
        "{reason=\"verification-failed\"} 0",
        "{reason=\"not-found\"} 1",
    ] {
        assert!(metrics.contains(&format!("\njackfield_requests_refused_total{line}\n")), "{line}: {metrics}");
    }

    // Who is heard needs nobody, whatever came before.
    assert_eq!(sent(&server, "/hooks/shop?key=the-secret"), 202);
    wait_for("nothing that needs somebody", || (needs(&mut browser) == json!([])).then_some(()));
}

#[test]
fn an_address_says_where_the_secret_goes() {
    let folder = workspace("page-address");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let mut browser = Browser::at(&server.page).with("Accept-Language", "pt-BR");
    for path in ["/connections", "/unmatched"] {
        let text = browser.get(path).text().replace("&#x2f;", "/");
        assert!(text.contains("/hooks/shop?key=<em>O-SEGREDO</em></code>"), "{path}: {text}");
        assert!(text.contains("/hooks/bank</code>"), "{path}: {text}");
    }
    let view = browser.view("/connections");
    let proof = |name: &str| source(&view, "name", name)["proof"].clone();
    assert_eq!(proof("shop"), json!([{ "how": "token", "place": "query", "name": "key" }]));
    assert_eq!(proof("bank"), json!([{ "how": "basic", "place": null, "name": null }]));
    let text = browser.get("/connections").text();
    assert!(text.contains("pelo token no parâmetro key do endereço") && !text.contains("by the token"), "{text}");
    assert!(text.contains("por usuário e senha"), "{text}");
}

#[test]
fn a_sender_is_captured_by_the_page_alone() {
    let vendor = Vendor::start(|_| reply("200 OK", "{\"id\":1}"));
    let folder = vendor.workspace("page-alone", "t0ken", "attempts: 1");
    let server = Server::start(folder.path(), &[], &[]);
    let mut browser = Browser::at(&server.page);
    let text = browser.get("/unmatched").text();
    assert!(text.contains("NEW_SENDER_KEY must be set where Jackfield is started"), "{text}");
    // The first of the two is pasted below what is there.
    let snippet = text.split("<code>sources:").nth(1).unwrap().split("</code>").next().unwrap();
    let path = snippet.lines().find_map(|line| line.trim().strip_prefix("path: ")).unwrap();
    assert!(path.strip_prefix("/new-sender/").unwrap().len() == 32, "{path}");
    let other = browser.get("/unmatched").text();
    assert!(!other.contains(path), "another address each time");
    let draft = format!("{}\nsources:{snippet}\n", folder.read("jackfield.yaml"));
    let base = browser.view("/settings")["route"]["base"].clone();
    let saved =
        browser.ask("PUT", "/api/settings", "application/json", &json!({ "draft": draft, "base": base, "from": null }));
    assert_eq!(saved.status, 200, "{}", saved.text());
    assert_eq!(serde_json::from_slice::<Value>(&saved.body).unwrap()["result"], "live", "{}", saved.text());
    assert_eq!([sent(&server, &format!("/hooks{path}")), sent(&server, "/hooks/new-sender")], [202, 404]);
    wait_for("what was captured", || {
        let view = browser.view("/unmatched");
        source(&view, "source", "new-sender")["newest"].is_string().then_some(())
    });
}

#[test]
fn what_can_not_be_drafted_is_told_in_the_language_of_the_page() {
    let folder = workspace("page-taken");
    folder.write("routes/in.yaml", crate::vendor::ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    assert_eq!(sent(&server, "/hooks/shop?key=the-secret"), 202);
    server.wait_for("the event", |status| status["events"]["unmatched"] == 1);
    let mut browser = Browser::at(&server.page).with("Accept-Language", "pt-BR");
    let without = browser.get("/new-route");
    assert_eq!((without.status, without.header("location").as_deref()), (303, Some("/unmatched")));
    let id = browser.view("/events")["events"][0]["id"].as_str().unwrap().to_owned();
    let text = browser.submit("/new-route", &[("from", &id), ("name", "in"), ("to", "acme.note")]).text();
    assert!(text.contains("já existe. Escolha outro nome.") && !text.contains("is there already"), "{text}");
    // Problems are English, and it is said so once; what is to be done with a guess is told by the button's own words.
    let text = browser.submit("/new-route", &[("from", &id), ("name", "leads"), ("to", "acme.note")]).text();
    assert!(text.contains("<p class=\"note\">O que o programa diz de problemas está em inglês.</p>"), "{text}");
    let shown = text.split("id=\"texts\"").next().unwrap();
    assert!(!shown.contains("It is right"), "{shown}");
    let english = Browser::at(&server.page).get("/settings").text();
    assert!(!english.contains("<p class=\"note\"></p>"), "{english}");
}

#[test]
fn what_can_not_be_put_into_the_editor_is_said_so() {
    let folder = workspace("page-not-shown");
    let all = format!("privacy: {{ mask: [phones] }}\n{}", folder.read("jackfield.yaml"));
    folder.write("jackfield.yaml", &all);
    folder.write("routes/in.yaml", crate::vendor::ROUTE);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let hidden = |text: &str| text.contains("id=\"sample-note\" role=\"status\" hidden");
    let mut browser = Browser::at(&server.page);
    assert!(hidden(&browser.get("/routes/in").text()));
    let body = br#"{"id":"+447700900001"}"#;
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", body).status, 202);
    server.wait_for("the delivery", |status| status["deliveries"]["delivered"] == 1);
    let text = browser.get("/routes/in").text();
    assert!(!hidden(&text) && text.contains("It is tried as it came."), "{text}");
    assert!(!text.contains("7700900001"), "{text}");
}

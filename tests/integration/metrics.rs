//! `/metrics` after real traffic, the files in `deploy/` that read it, and the figures that outlive a restart.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Folder, Server, get, post, root, wait_for};
use crate::vendor::{Request, Vendor, reply};

/// A third of what is sent is refused by the provider.
fn moody(request: &Request) -> (String, Vec<u8>) {
    match request.body.contains("bad") {
        true => reply("422 No", "{}"),
        false => reply("200 OK", "{\"id\":1}"),
    }
}

fn send(server: &Server, id: &str) {
    let body = format!("{{\"id\":\"{id}\"}}");
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
}

/// Each line that is no comment, by its name and labels.
fn scraped(server: &Server) -> BTreeMap<String, f64> {
    let answer = get(&server.admin, "/metrics");
    assert_eq!(answer.header("content-type").as_deref(), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs: Vec<_> = lines.map(|line| line.rsplit_once(' ').expect(line)).collect();
    let all: BTreeMap<String, f64> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.parse().expect(value))).collect();
    assert_eq!(all.len(), pairs.len(), "a metric is there twice");
    all
}

/// What `promtool` says, where the machine has it.
fn promtool(args: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    let child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {args:?}:\n{said}");
    let lint: Vec<&str> = said.lines().filter(|line| line.contains("error") || line.contains("should")).collect();
    assert!(lint.is_empty(), "{lint:?}");
}

fn traffic(name: &str) -> (Vendor, Folder, Server) {
    let vendor = Vendor::start(moody);
    let folder = vendor.workspace(name, "t0ken", "attempts: 2, first: 1h, longest: 1h");
    let server = Server::start(folder.path(), &[], &[]);
    ["a", "b", "bad1", "c"].into_iter().for_each(|id| send(&server, id));
    assert_eq!(get(&server.listen, "/hooks/nowhere").status, 404);
    server.wait_for("all", |status| status["deliveries"]["delivered"] == 3 && status["deliveries"]["dead"] == 1);
    (vendor, folder, server)
}

#[test]
fn the_metrics_are_what_happened() {
    let (vendor, _folder, server) = traffic("metrics");
    let was = scraped(&server);
    let wanted = [
        ("jackfield_events_accepted_total{source=\"in\"}", 4.0),
        ("jackfield_requests_refused_total{reason=\"not-found\"}", 1.0),
        ("jackfield_requests_refused_total{reason=\"overloaded\"}", 0.0),
        ("jackfield_requests_refused_total{reason=\"verification-failed\",source=\"in\"}", 0.0),
        ("jackfield_events_routed_total{route=\"in\",result=\"taken\"}", 4.0),
        ("jackfield_events_unmatched_total", 0.0),
        ("jackfield_deliveries_total{route=\"in\",connection=\"acme\",state=\"delivered\"}", 3.0),
        ("jackfield_deliveries_total{route=\"in\",connection=\"acme\",state=\"dead\"}", 1.0),
        ("jackfield_attempts_total{connection=\"acme\",outcome=\"delivered\"}", 3.0),
        ("jackfield_attempts_total{connection=\"acme\",outcome=\"reject\"}", 1.0),
        ("jackfield_attempt_duration_seconds_count{connection=\"acme\"}", 4.0),
        ("jackfield_delivery_duration_seconds_count{connection=\"acme\"}", 3.0),
        ("jackfield_delivery_duration_seconds_bucket{connection=\"acme\",le=\"+Inf\"}", 3.0),
        ("jackfield_answer_duration_seconds_count", 4.0),
        ("jackfield_connection_state{connection=\"acme\",state=\"works\"}", 1.0),
        ("jackfield_backlog_deliveries{connection=\"acme\"}", 0.0),
        ("jackfield_backlog_oldest_age_seconds{connection=\"acme\"}", 0.0),
        ("jackfield_dead_letters{kind=\"dead\"}", 1.0),
        ("jackfield_stored_events", 4.0),
        ("jackfield_store_trouble", 0.0),
        ("jackfield_reloads_total{result=\"taken\"}", 0.0),
        ("jackfield_routes", 1.0),
        ("jackfield_ready", 1.0),
    ];
    for (name, value) in wanted {
        assert_eq!(was.get(name), Some(&value), "{name}");
    }
    assert!(was["jackfield_store_size_bytes"] > 4096.0 && was["process_resident_memory_bytes"] > 1e6);
    assert!(was["process_start_time_seconds"] > 1.7e9);
    vendor.answers(|_| reply("503 Oops", "{}"));
    send(&server, "d");
    server.wait_for("one that waits", |status| status["deliveries"]["retrying"] == 1);
    let is = scraped(&server);
    assert_eq!(is["jackfield_backlog_deliveries{connection=\"acme\"}"], 1.0);
    assert_eq!(is["jackfield_attempts_total{connection=\"acme\",outcome=\"retry\"}"], 1.0);
    wait_for("an older one", || {
        (scraped(&server)["jackfield_backlog_oldest_age_seconds{connection=\"acme\"}"] > 0.0).then_some(())
    });
    promtool(&["check", "metrics"], &get(&server.admin, "/metrics").text());
}

/// The metrics that a text names, without what a histogram adds.
fn named(text: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !word(c));
    let ours = words.filter(|name| name.starts_with("jackfield_") || name.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn what_the_dashboard_and_the_rules_read_is_there() {
    let (_vendor, folder, server) = traffic("deploy");
    folder.write("routes/in.yaml", "not: a route\n");
    server.wait_for("a change that is refused", |status| status["reloads"]["refused"] == 1);
    let was = scraped(&server);
    assert_eq!((was["jackfield_reload_refused"], was["jackfield_reloads_total{result=\"refused\"}"]), (1.0, 1.0));
    let names: Vec<&str> = was.keys().map(|line| line.split('{').next().unwrap()).collect();
    for file in ["deploy/grafana-dashboard.json", "deploy/prometheus-rules.yaml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let found = named(&text);
        assert!(found.len() > 10, "{file} reads {} metrics", found.len());
        let lacking: Vec<_> = found.iter().filter(|name| !names.contains(&name.as_str())).collect();
        assert!(lacking.is_empty(), "{file} reads what is not there: {lacking:?}");
    }
    let dashboard = std::fs::read(root().join("deploy/grafana-dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_slice(&dashboard).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(panel["type"] == "row" || panel["targets"][0]["expr"].is_string(), "{}", panel["title"]);
    }
    let at = |file: &str| root().join(file).display().to_string();
    promtool(&["check", "rules", &at("deploy/prometheus-rules.yaml")], "");
    promtool(&["test", "rules", &at("deploy/prometheus-rules.test.yaml")], "");
}

#[test]
fn figures_that_can_not_be_read_begin_anew() {
    let (_vendor, folder, server) = traffic("figures");
    assert_eq!(server.terminate(), 0);
    let file = folder.path().join("data/figures.json.gz");
    let good = std::fs::read(&file).unwrap();
    let log = || folder.read("serve.log").matches("the figures of the last seven days can't be read").count();
    drop(Server::start(folder.path(), &[], &[]));
    assert_eq!(log(), 0);
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    let server = Server::start(folder.path(), &[], &[]);
    assert_eq!((log(), server.status()["events"]["accepted"].as_u64()), (1, Some(4)));
}

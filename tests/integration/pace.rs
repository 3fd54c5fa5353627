//! The pace that a provider allows is kept over the end of a process, by the provider's own clock.

use std::time::Duration;

use crate::support::{ACME, Folder, Server, StandIn, post, wait_for};

const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id }
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"event {{ id }}\" }
";
const REQUESTS: usize = 5;
const PER: i64 = 3000;

/// When the provider has had each request, in milliseconds.
fn times(provider: &StandIn) -> Vec<i64> {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    provider.received().iter().map(|request| at(request["at"].as_str().unwrap())).collect()
}

#[test]
fn a_server_that_is_killed_exceeds_no_limit_when_it_starts_again() {
    let folder = Folder::with("pace", ACME);
    let pack = folder.read("schemas/acme/pack.yaml");
    let limit = format!("rate_limit: {{ requests: {REQUESTS}, per: {}s }}\n", PER / 1000);
    folder.write("schemas/acme/pack.yaml", &format!("{pack}{limit}"));
    folder.write("routes/in.yaml", ROUTE);
    let provider = StandIn::start(&folder, &["--remember", "1000"]);
    let connection = format!("base_url: \"http://{}/acme\", allow_private_addresses: true", provider.address);
    folder.write("jackfield.yaml", &format!("connections:\n  acme: {{ {connection}, provider: acme, token: t }}\n"));

    let server = Server::start(folder.path(), &[], &[]);
    for id in 0..12 {
        let answer = post(&server.listen, "/hooks/in", "application/json", format!("{{\"id\":{id}}}").as_bytes());
        assert_eq!(answer.status, 202);
    }
    wait_for("the first window", || (times(&provider).len() >= REQUESTS).then_some(()));
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    std::thread::sleep(Duration::from_millis(500));
    server.kill();
    let server = Server::start(folder.path(), &[], &[]);
    wait_for("the second window", || (times(&provider).len() >= 2 * REQUESTS).then_some(()));
    server.terminate();
    let server = Server::start(folder.path(), &[], &[]);
    server.wait_for("all to be delivered", |status| status["deliveries"]["delivered"] == 12);

    let times = times(&provider);
    for window in times.windows(REQUESTS + 1) {
        let spread = window[REQUESTS] - window[0];
        assert!(spread >= PER, "{} requests within {spread} ms: {times:?}", REQUESTS + 1);
    }
}

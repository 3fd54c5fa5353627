//! Answers that are not what was asked for: no JSON, compressed, in other letters, or with an odd word of when to come back.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use serde_json::Value;

use crate::support::{Server, get, post};
use crate::vendor::{Reply, Vendor, reply};

const SLOW: &str = "attempts: 9, first: 1h, longest: 1h";
const GOOD: &[u8] = b"{\"id\":1}";

/// The state of one delivery after its first call, and what that came to.
fn fate(name: &str, pack: &[(&str, &str)], route: Option<&str>, answer: Reply) -> (Vendor, String) {
    let vendor = Vendor::start(move |_| answer.clone());
    let folder = vendor.workspace(name, "t0ken", SLOW);
    for (from, to) in pack {
        let text = folder.read("schemas/acme/pack.yaml");
        assert!(text.contains(from), "{from}");
        folder.write("schemas/acme/pack.yaml", &text.replace(from, to));
    }
    route.iter().for_each(|route| folder.write("routes/in.yaml", route));
    let server = Server::start(folder.path(), &[], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{\"id\":\"m\"}").status, 202);
    const STATES: [&str; 4] = ["delivered", "held", "retrying", "dead"];
    let status = server.wait_for("a call", |status| STATES.iter().any(|state| status["deliveries"][state] == 1));
    let state = STATES.into_iter().find(|state| status["deliveries"][state] == 1).unwrap();
    assert_eq!(server.terminate(), 0);
    let store = rusqlite::Connection::open(folder.path().join("data/jackfield.db")).unwrap();
    let sql = "SELECT result || ' ' || coalesce(trouble, '-') FROM attempts ORDER BY number DESC";
    let result: String = store.query_row(sql, [], |row| row.get(0)).unwrap();
    (vendor, format!("{state} {result}"))
}

const CONDITIONS: &str = "    response: [{ delivered: \"{{ status == 200 and body.id }}\" }]\n";
const PORTAL: &str = "<html><title>Log in to the network</title></html>";

const STEPS: &str = "
source: { path: /in, verify: none }
send:
  - to: acme.note
    steps:
      - call: acme.note
        body: { key: first, text: hello }
    body: { key: second, text: hello }
";

#[test]
fn what_is_no_json_is_a_success_only_where_nothing_is_looked_for_in_it() {
    let page = || reply("200 OK\r\nContent-Type: text/html", PORTAL);
    let of = |name: &str, pack: &[(&str, &str)], route: Option<&str>, answer: Reply| fate(name, pack, route, answer).1;
    // The conditions look for a field: nobody knows who has answered.
    assert_eq!(of("page", &[], None, page()), "retrying unknown bad-answer");
    let hold = STEPS.replace("\nsend:", "\non_unknown: hold\nsend:");
    let unsafe_pack = [("    idempotency: { field: key }\n", "")];
    assert_eq!(of("page-hold", &unsafe_pack, Some(&hold), page()), "held unknown bad-answer");
    // A JSON that does not say it is an answer, and so is none at all.
    assert_eq!(of("json", &[], None, reply("200 OK", "{\"error\":\"no\"}")), "dead reject -");
    assert_eq!(of("empty", &[], None, reply("200 OK", "")), "dead reject -");
    // Where the status is all that counts, the status counts.
    let by_status = [(CONDITIONS, "    response: [{ delivered: \"{{ status == 200 }}\" }]\n")];
    assert_eq!(of("status", &by_status, None, page()), "delivered delivered -");
    assert_eq!(of("no-conditions", &[(CONDITIONS, "")], None, page()), "delivered delivered -");
    assert_eq!(of("steps", &[(CONDITIONS, "")], Some(STEPS), reply("200 OK", "OK")), "delivered delivered -");
    // A step that saves something of it can't.
    let saving = STEPS.replace("text: hello }\n    body", "text: hello }\n        save: { number: $.id }\n    body");
    assert_ne!(saving, STEPS);
    assert_eq!(of("save", &[(CONDITIONS, "")], Some(&saving), page()), "retrying unknown bad-answer");
}

#[test]
fn an_answer_that_is_compressed_all_the_same_is_read() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(GOOD).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
    raw.write_all(GOOD).unwrap();
    // Larger than any answer that is read, and ever so small on the way.
    let bomb = gzip(&[b"{\"id\":1,\"more\":\"", vec![b'a'; 20_000_000].as_slice(), b"\"}"].concat());
    let cases = [
        ("gzip", gzip(GOOD), "delivered delivered -"),
        ("x-gzip", gzip(GOOD), "delivered delivered -"),
        ("deflate", zlib.finish().unwrap(), "delivered delivered -"),
        ("deflate", raw.finish().unwrap(), "delivered delivered -"),
        ("identity", GOOD.to_vec(), "delivered delivered -"),
        ("br", b"\x0b\x02\x80{\"id\":1}\x03".to_vec(), "retrying unknown bad-answer"),
        ("gzip", b"no gzip".to_vec(), "retrying unknown bad-answer"),
        ("gzip", bomb, "retrying unknown bad-answer"),
    ];
    for (coding, body, wanted) in cases {
        let answer = (format!("200 OK\r\nContent-Encoding: {coding}\r\n"), body);
        let (vendor, fate) = fate("compressed", &[], None, answer);
        assert_eq!(fate, wanted, "{coding}");
        let asked = vendor.received();
        assert!(asked.iter().all(|request| request.header("accept-encoding").is_none()), "{asked:?}");
    }
}

#[test]
fn an_answer_is_read_by_the_letters_that_it_says() {
    let wide: Vec<u8> = "\u{feff}{\"id\":1,\"name\":\"José\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, &[u8]); 3] = [
        ("application/json; charset=ISO-8859-1", b"{\"id\":1,\"name\":\"Jos\xe9\"}"),
        ("application/json; charset=utf-16", &wide),
        // One byte that is no letter.
        ("application/json", b"{\"id\":1,\"name\":\"Jos\xe9\"}"),
    ];
    for (kind, body) in cases {
        let answer = (format!("200 OK\r\nContent-Type: {kind}\r\n"), body.to_vec());
        assert_eq!(fate("letters", &[], None, answer).1, "delivered delivered -", "{kind}");
    }
}

#[test]
fn a_provider_that_has_nothing_left_and_does_not_say_until_when_is_left_alone_for_a_moment() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = times.clone();
    let vendor = Vendor::start(move |_| {
        seen.lock().unwrap().push(Instant::now());
        reply("200 OK\r\nX-RateLimit-Remaining: 0", "{\"id\":1}")
    });
    let folder = vendor.workspace("nothing-left", "t0ken", SLOW);
    let server = Server::start(folder.path(), &[], &[]);
    for number in 1..=3 {
        let body = format!("{{\"id\":\"m{number}\"}}");
        assert_eq!(post(&server.listen, "/hooks/in", "application/json", body.as_bytes()).status, 202);
        server.wait_for("a delivery", |status| status["deliveries"]["delivered"] == number);
    }
    let times = times.lock().unwrap();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(950), "{:?}", pair[1] - pair[0]);
    }
}

#[test]
fn a_provider_that_asks_for_ages_is_asked_again_after_a_day() {
    let vendor = Vendor::start(|_| reply("429 X\r\nRetry-After: 999999999999999999999", "{}"));
    let folder = vendor.workspace("ages", "t0ken", "attempts: 9, first: 1s, longest: 1s");
    let server = Server::start(folder.path(), &[], &[]);
    assert_eq!(post(&server.listen, "/hooks/in", "application/json", b"{\"id\":\"m\"}").status, 202);
    server.wait_for("a call", |status| status["deliveries"]["retrying"] == 1);
    let listed: Value = serde_json::from_slice(&get(&server.admin, "/deliveries").body).unwrap();
    let due: jiff::Timestamp = listed["deliveries"][0]["due"].as_str().unwrap().parse().unwrap();
    let hours = (due.as_second() - jiff::Timestamp::now().as_second()) / 3600;
    assert!((22..=24).contains(&hours), "{due}");
}

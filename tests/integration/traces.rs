//! Traces: from the sender's own over the routes to the provider, in the log, and at a collector.

use serde_json::Value;

use crate::support::{Server, exchange, wait_for};
use crate::vendor::{Vendor, reply};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn send(server: &Server, id: &str, header: &str) {
    let body = format!("{{\"id\":\"{id}\",\"phone\":\"+447700900001\"}}");
    let head = format!(
        "POST /hooks/in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{header}Content-Length: {}\r\n\r\n",
        body.len()
    );
    assert_eq!(exchange(&server.listen, (head + &body).as_bytes()).unwrap().status, 202);
}

/// Every span that the collector has.
fn spans(collector: &Vendor) -> Vec<Value> {
    let bodies = collector.received().into_iter().map(|request| {
        assert!(request.head.starts_with("POST /v1/traces HTTP/1.1"), "{}", request.head);
        assert_eq!(request.header("x-key"), Some("s3cret"));
        serde_json::from_str::<Value>(&request.body).unwrap()
    });
    let of = |body: Value| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    bodies.flat_map(of).collect()
}

fn span<'s>(all: &'s [Value], trace: &str, name: &str) -> Option<&'s Value> {
    all.iter().find(|span| span["traceId"] == trace && span["name"] == name)
}

#[test]
fn a_trace_goes_from_the_sender_to_the_provider() {
    let vendor = Vendor::start(|_| reply("200 OK", "{\"id\":1}"));
    let collector = Vendor::start(|_| reply("200 OK", "{}"));
    let folder = vendor.workspace("traces", "t0ken", "attempts: 2");
    let settings = folder.read("jackfield.yaml").replace("retry:", "traceparent: true, retry:");
    folder.write("jackfield.yaml", &settings);
    let endpoint = format!("http://{}/", collector.address);
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret"),
        ("JACKFIELD_LOG", "jackfield=debug"),
    ];
    let server = Server::start(folder.path(), &["--log-format", "json"], &env);
    send(&server, "a", &format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"));
    send(&server, "b", "");
    server.wait_for("both", |status| status["deliveries"]["delivered"] == 2);
    let calls = vendor.received();
    let handed = |call: usize| calls[call].header("traceparent").unwrap().to_owned();
    let (own, other) = match handed(0).contains(TRACE) {
        true => (handed(0), handed(1)),
        false => (handed(1), handed(0)),
    };
    assert!(own.starts_with(&format!("00-{TRACE}-")) && own.ends_with("-01"), "{own}");
    let all = wait_for("all spans", || Some(spans(&collector)).filter(|all| all.len() == 6));
    for (header, above) in [(&own, "00f067aa0ba902b7"), (&other, "")] {
        let (trace, last) = (&header[3..35], &header[36..52]);
        let [accept, route, call] =
            ["accept in", "route", "call acme.note"].map(|name| span(&all, trace, name).unwrap());
        assert_eq!((&accept["parentSpanId"], accept["kind"].as_u64()), (&above.into(), Some(2)));
        assert_eq!((&route["parentSpanId"], &call["parentSpanId"]), (&accept["spanId"], &route["spanId"]));
        assert_eq!((&call["spanId"], call["kind"].as_u64()), (&last.into(), Some(3)));
        let times = [accept, route, call].map(|span| {
            let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
            assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
            time("startTimeUnixNano")
        });
        assert!(times.is_sorted() && times[0] > 1_700_000_000_000_000_000);
    }
    let told: String = collector.received().into_iter().map(|request| request.body).collect();
    assert!(!told.contains("447700900001") && !told.contains("t0ken"), "{told}");
    assert_eq!(server.terminate(), 0);
    let log = folder.read("serve.log");
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for message in ["accepted", "routed", "delivered"] {
        assert!(lines.iter().any(|line| line["message"] == message && line["trace"] == TRACE), "{message}:\n{log}");
    }
}

#[test]
fn a_trace_is_kept_to_oneself_and_left_out_where_it_is_not_wanted() {
    let vendor = Vendor::start(|_| reply("200 OK", "{\"id\":1}"));
    let collector = Vendor::start(|_| reply("500 Oops", "{}"));
    let folder = vendor.workspace("traces-none", "t0ken", "attempts: 2");
    let endpoint = format!("http://{}/v1/traces", collector.address);
    let env =
        [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()), ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret")];
    let server = Server::start(folder.path(), &[], &env);
    send(&server, "a", &format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-00\r\n"));
    send(&server, "b", "");
    server.wait_for("both", |status| status["deliveries"]["delivered"] == 2);
    assert!(vendor.received().iter().all(|call| call.header("traceparent").is_none()));
    wait_for("the spans of one", || (spans(&collector).len() == 3).then_some(()));
    assert!(spans(&collector).iter().all(|span| span["traceId"] != TRACE), "its sender wants none");
    wait_for("a word of the collector", || {
        folder.read("serve.log").contains("the collector of traces does not take them").then_some(())
    });
    assert_eq!(server.terminate(), 0);
}

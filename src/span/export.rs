//! Spans on their way to a collector: OTLP over HTTP, as JSON. It is asked for by the variables that every program with
//! OpenTelemetry knows. What the collector does not take in time is left out: nothing else waits for it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Span;
use crate::client;
use crate::secret::Secret;

/// The collector, as `http://localhost:4318`.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The whole address for traces, where it is another.
const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// Headers that the collector wants, as `name=value,name=value`.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// How this server is called there.
const SERVICE: &str = "OTEL_SERVICE_NAME";

/// So many spans wait at the most.
const WAITING: usize = 8192;
/// So many go out together.
const BATCH: usize = 512;
/// How long the first of them waits for others.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans are put; a clone is the same. Without a collector they go nowhere, at no cost.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<mpsc::Sender<Span>>);

/// Brings spans to the collector.
#[derive(Debug)]
pub struct Exporter {
    address: String,
    headers: Vec<(String, Secret)>,
    service: String,
    spans: mpsc::Receiver<Span>,
}

impl Spans {
    /// Puts one, made only where it is wanted.
    pub fn put(&self, sampled: bool, span: impl FnOnce() -> Span) {
        if let Some(waiting) = self.0.as_ref().filter(|_| sampled) {
            let _ = waiting.try_send(span());
        }
    }
}

/// As the environment asks for it: where spans are put, and who brings them on.
pub fn from_environment() -> (Spans, Option<Exporter>) {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let base = || given(ENDPOINT).map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
    let Some(address) = given(TRACES).or_else(base) else { return (Spans::default(), None) };
    let headers = given(HEADERS).map(|text| headers(&text)).unwrap_or_default();
    let service = given(SERVICE).unwrap_or_else(|| "jackfield".to_owned());
    let (put, spans) = mpsc::channel(WAITING);
    (Spans(Some(put)), Some(Exporter { address, headers, service, spans }))
}

fn headers(text: &str) -> Vec<(String, Secret)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = |text: &str| percent_encoding::percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    pairs.map(|(name, value)| (name.trim().to_owned(), Secret::new(decoded(value)))).collect()
}

impl Exporter {
    /// Brings them until nobody puts any more.
    pub async fn run(mut self) {
        let Ok(client) = client::builder().timeout(TIMEOUT).build() else {
            tracing::error!("no spans are sent: no HTTP client can be made on this machine");
            return;
        };
        let mut fails = false;
        let mut batch = Vec::with_capacity(BATCH);
        while self.spans.recv_many(&mut batch, BATCH).await > 0 {
            let more = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if self.spans.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            let _ = tokio::time::timeout(PATIENCE, more).await;
            let sent = self.send(&client, &batch).await;
            match (&sent, std::mem::replace(&mut fails, sent.is_err())) {
                (Err(why), false) => {
                    tracing::warn!(why, "the collector of traces does not take them; they are left out")
                }
                (Ok(()), true) => tracing::info!("the collector of traces takes them again"),
                _ => {}
            }
            batch.clear();
        }
    }

    async fn send(&self, client: &reqwest::Client, batch: &[Span]) -> Result<(), String> {
        let body = body(&self.service, batch).to_string();
        let mut request = client.post(&self.address).header("content-type", "application/json").body(body);
        for (name, value) in &self.headers {
            request = request.header(name, value.expose());
        }
        // What the client would say has the address, which may hold a key.
        let answer = request.send().await.map_err(|error| {
            if error.is_timeout() { "it took too long".to_owned() } else { "it can't be reached".to_owned() }
        })?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("it answered {}", answer.status().as_u16())),
        }
    }
}

/// `ExportTraceServiceRequest`, as JSON.
fn body(service: &str, batch: &[Span]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [attribute("service.name", service), attribute("service.version", version)];
    let spans: Vec<Value> = batch.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": "jackfield", "version": version }, "spans": spans }],
    }]})
}

fn span(span: &Span) -> Value {
    let nanoseconds = |at: crate::clock::Timestamp| at.0.max(0).saturating_mul(1_000_000).to_string();
    json!({
        "traceId": span.trace.to_string(),
        "spanId": span.id.to_string(),
        "parentSpanId": span.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanoseconds(span.began),
        "endTimeUnixNano": nanoseconds(span.ended),
        "attributes": span.attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
        "status": { "code": if span.failed { 2 } else { 0 } },
    })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

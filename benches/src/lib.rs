//! What is measured: three real payloads, each through one route to a body that its operation's schema has proved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield::clock::Timestamp;
use jackfield::event::{Event, RawRequest, capture};
use jackfield::id::EventId;
use jackfield::load::{self, Options};
use jackfield::pack::Body;
use jackfield::pipeline::{self, Prepared, RouteResult, Taken};
use jackfield::request::{Files, Request};
use jackfield::route::{Route, RouteSet, Send};
use jackfield::source::Source;
use jackfield::template::Scope;
use jackfield::value::{Value, json};

/// Each has a route in `workspace`, a payload among the tests' and a body in `expected`.
pub const SIZES: [&str; 3] = ["small", "middle", "large"];

/// One mapping, ready to run.
pub struct Job {
    pub size: &'static str,
    pub set: RouteSet,
    pub source: Arc<Source>,
    pub route: Arc<Route>,
    pub raw: Arc<RawRequest>,
    id: EventId,
}

/// The folder of this package.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn capture_of(size: &str) -> PathBuf {
    let name = match size {
        "small" => "webflow-form-submission",
        "middle" => "typeform-form-response",
        _ => "freeswitch-json-cdr",
    };
    here().join("../tests/payloads").join(name).with_extension("http")
}

impl Job {
    pub fn of(size: &str) -> Job {
        let size = SIZES.into_iter().find(|known| *known == size).expect("a size");
        let compiled = load::compile(&here().join("workspace"), &Options { tests: false, ..Options::offline() });
        assert!(compiled.is_good(), "{:#?}", compiled.diagnostics);
        let set = compiled.set;
        let route = set.route(size).expect("its route").clone();
        let source = set.sources.get(&route.source).expect("its source").clone();
        let raw = capture::parse(&std::fs::read(capture_of(size)).expect("a capture")).expect("a request");
        let id = "evt_0198c0de000070008000000000000000".parse().expect("an id");
        Job { size, set, source, route, raw: Arc::new(raw), id }
    }

    pub fn payload(&self) -> Value {
        self.source.payload(&self.raw).expect("a payload")
    }

    pub fn event(&self) -> Event {
        let payload = self.payload();
        let (source, received_at) = (self.source.name.clone(), Timestamp::from_seconds(1_800_000_000));
        let (envelope, params) = (payload.clone(), Value::object::<&str, Value>([]));
        Event { id: self.id, source, received_at, raw: self.raw.clone(), part: 0, payload, envelope, params }
    }

    pub fn send(&self) -> &Send {
        self.route.sends.first().expect("a send")
    }

    pub fn body(&self) -> &Body {
        self.send().draft.body.as_ref().expect("a body")
    }

    /// The text of the message.
    pub fn content(&self) -> &Body {
        let field = |body: &'_ Body, name: &str| match body {
            Body::Object(fields) => fields.iter().position(|(key, _)| **key == *name),
            _ => None,
        };
        let inner = |body, name| match (body, field(body, name)) {
            (Body::Object(fields), Some(at)) => fields.get(at).map(|(_, field)| field),
            _ => None,
        };
        inner(self.body(), "message").and_then(|message| inner(message, "content")).expect("a message")
    }

    /// The names of the route, as they are when its body is made.
    pub fn scope(&self) -> Scope {
        let event = self.event();
        let mut scope = pipeline::scope(&self.set, &event);
        for (name, found) in self.taken(&event).names {
            scope.set(name, found.map(|found| found.value));
        }
        scope.with("connection", self.send().connection.settings.clone())
    }

    fn taken(&self, event: &Event) -> Taken {
        match pipeline::run_one(&self.set, &self.route, event).result {
            RouteResult::Taken(taken) => *taken,
            other => panic!("{}: {other:?}", self.size),
        }
    }

    fn request(&self) -> Request {
        let sends = self.taken(&self.event()).sends;
        match sends.into_iter().next() {
            Some(Prepared::Ready(request)) => *request,
            other => panic!("{}: {other:?}", self.size),
        }
    }

    /// The body that is sent.
    pub fn finished(&self) -> Value {
        self.request().body.expect("a body")
    }

    /// Bytes in, bytes out.
    #[inline(never)]
    pub fn mapped(&self) -> Vec<u8> {
        self.request().body_bytes(&Files::new())
    }

    /// Whether the body is the one that every program makes.
    pub fn prove(&self) {
        let path = here().join("expected").join(self.size).with_extension("json");
        let expected = std::fs::read(path).unwrap_or_default();
        let read = |bytes: &[u8]| json::parse(bytes, &json::Limits::default()).ok();
        let mapped = self.mapped();
        assert_eq!(read(&mapped), read(&expected), "{}: {}", self.size, String::from_utf8_lossy(&mapped));
    }
}

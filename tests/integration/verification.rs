//! Verification: what senders publish and send is taken, and nothing that was changed on its way.

mod cases;
mod signed;
mod tampering;

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield::clock::Timestamp;
use jackfield::compile::{Compiled, Input, Secrets, compile, with_stack};
use jackfield::document::reference::Environment;
use jackfield::event::{RawRequest, capture};
use jackfield::source::Source;
use jackfield::value::Value;
use jackfield::verify::{Context, VerifyError};

use crate::support::root;
use cases::Case;

/// A workspace of one route whose source verifies as written.
fn compiled(verify: &str, secret: &str) -> Compiled {
    let route = format!(
        "source:\n  path: /a\n  methods: [POST, GET]\n  verify: {verify}\n  secret: ${{env:SECRET}}\n\
         send: [{{ to: acme.take, body: {{ id: \"{{{{ event.id }}}}\" }} }}]\n"
    );
    let pack = "title: Acme\nbase_url: https://acme.example.com\noperations:\n  take: { path: /a, request: { json: take.json } }\n";
    let files = [
        ("jackfield.yaml", "connections: { acme: { provider: acme } }\n"),
        ("routes/a.yaml", &route),
        ("schemas/acme/pack.yaml", pack),
        ("schemas/acme/take.json", "{}"),
    ];
    let variables = BTreeMap::from([("SECRET".to_owned(), secret.to_owned())]);
    let input = Input {
        files: files.map(|(path, text)| (path.into(), text.into())).into(),
        environment: Environment { variables, ..Environment::default() },
        secrets: Secrets::Required,
        sandbox: None,
        samples: Vec::new(),
        read: &|_| None,
        now: Timestamp(0),
        tests: false,
    };
    with_stack(|| compile(&input)).unwrap()
}

/// The source of a case; nothing where it can't be compiled.
fn source(verify: &str, secret: &str) -> Option<Arc<Source>> {
    let compiled = compiled(verify, secret);
    compiled.is_good().then(|| compiled.set.sources.get("a").cloned()).flatten()
}

fn context<'a>(public_url: &'a str, now: Timestamp, source: &Source) -> Context<'a> {
    Context { public_url, now, format: source.format, params: &Value::Null }
}

fn verified(source: &Source, case: &Case, raw: &RawRequest) -> Result<(), VerifyError> {
    verified_at(source, case, raw, case.now(source))
}

fn verified_at(source: &Source, case: &Case, raw: &RawRequest, now: Timestamp) -> Result<(), VerifyError> {
    source.verify.verify(Arc::new(raw.clone()), &context(&case.public_url, now, source)).map(|_| ())
}

impl Case {
    /// The clock of the request.
    fn now(&self, source: &Source) -> Timestamp {
        let context = context(&self.public_url, Timestamp(0), source);
        source.verify.signed_at(&self.raw, &context).unwrap_or_default()
    }
}

#[test]
fn what_senders_publish_and_send_is_verified() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        match source(&case.verify, &case.secret) {
            Some(source) => {
                let found = verified(&source, &case, &case.raw);
                wrong.extend(found.err().map(|error| format!("{}: {error}", case.name)));
            }
            None => {
                let problems = compiled(&case.verify, &case.secret).diagnostics;
                wrong.push(format!("{}: does not compile: {problems:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases::all().len() > 60, "there are only {} cases", cases::all().len());
}

fn request(name: &str) -> RawRequest {
    let file = root().join("tests/verification/requests").join(format!("{name}.http"));
    capture::parse(&std::fs::read(file).unwrap()).unwrap()
}

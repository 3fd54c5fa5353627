//! Any request against every kind of verification: none panics, and none takes what nobody signed.

#![no_main]

use std::sync::{Arc, LazyLock};

use jackfield::clock::Timestamp;
use jackfield::compile::{Input, Secrets, compile, with_stack};
use jackfield::document::reference::Environment;
use jackfield::event::capture;
use jackfield::source::Source;
use jackfield::value::Value;
use libfuzzer_sys::fuzz_target;

/// The secret is long enough that no run finds it.
const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const KINDS: &[&str] = &[
    "{ hmac: { header: x-s, signs: \"{{ url }}{{ sorted_form }}\", body_hash: { query: h, optional: true } } }",
    "{ hmac: { header: x-s, separator: \",\", item: \"1;{{ timestamp }};{{ signature }}\", key: base64, signs: \"{{ timestamp }}{{ body }}\", timestamp: { unit: iso } } }",
    "{ hmac: { query: sig, encoding: base64-of-hex, signs: \"{{ sorted_fields }}{{ sorted_url }}{{ url_decoded }}{{ payload.a }}\" } }",
    "{ sha256: { field: $.sign, signs: \"{{ form.a }}{{ query.b }}{{ headers['x-n'] }}{{ secret }}{{ sorted_query }}\" } }",
    "{ ed25519: { header: x-s, public_key: 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=, signs: \"{{ timestamp }}|{{ body }}\", timestamp: { field: $.t } } }",
    "{ jwt: { header: authorization, prefix: \"Bearer \", tolerance: 5m, body_hash: h } }",
    "{ jwt: {} }",
    "{ any_of: [ { token: { header: x-s } }, { token: { query: key } }, { basic: { secret: \"user:${env:SECRET}\" } } ] }",
];

static SOURCES: LazyLock<Vec<Arc<Source>>> = LazyLock::new(|| KINDS.iter().map(|kind| source(kind)).collect());

fn source(verify: &str) -> Arc<Source> {
    let route = format!(
        "source: {{ path: /a, verify: {verify}, secret: \"${{env:SECRET}}\" }}\n\
         send: [{{ to: acme.take, body: {{ id: \"{{{{ event.id }}}}\" }} }}]\n"
    );
    let pack = "title: Acme\nbase_url: https://acme.example.com\noperations:\n  take: { path: /a, request: { json: take.json } }\n";
    let files = [
        ("jackfield.yaml", "connections: { acme: { provider: acme } }\n"),
        ("routes/a.yaml", &route),
        ("schemas/acme/pack.yaml", pack),
        ("schemas/acme/take.json", "{}"),
    ];
    let input = Input {
        files: files.map(|(path, text)| (path.into(), text.into())).into(),
        environment: Environment { variables: [("SECRET".to_owned(), SECRET.to_owned())].into(), ..Environment::default() },
        secrets: Secrets::Required,
        sandbox: None,
        listen: None,
        samples: Vec::new(),
        read: &|_| None,
        now: Timestamp(0),
        tests: false,
    };
    let compiled = with_stack(|| compile(&input)).expect("a thread");
    assert!(compiled.is_good(), "{verify}: {:?}", compiled.diagnostics);
    compiled.set.sources.get("a").cloned().expect("the source")
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.to_owned();
    jackfield_fuzz::deep(move || {
        let Ok(raw) = capture::parse(&bytes) else { return };
        let raw = Arc::new(raw);
        for source in SOURCES.iter() {
            let now = Timestamp(1_700_000_000_000);
            let context = source.context(&raw, &Value::Null, "https://hooks.example.com", now);
            let _ = source.verify.signed_at(&context);
            assert!(source.verify.verify(&context).is_err(), "{} takes it", source.verify.describe());
        }
    });
});

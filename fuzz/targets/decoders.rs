//! Any bytes as JSON, as a form, and as a captured request on its way through the repository's own routes.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use jackfield::compile::Compiled;
use jackfield::event::{RawRequest, capture};
use jackfield::load;
use jackfield::payload::{self, Format, form};
use jackfield::pipeline;
use jackfield::route::Lookup;
use jackfield::test_case;
use jackfield::value::{Value, json};
use jackfield::verify::Context;
use libfuzzer_sys::fuzz_target;

static WORKSPACE: LazyLock<Compiled> = LazyLock::new(|| {
    let compiled = load::compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &load::Options::offline());
    assert!(compiled.is_good());
    compiled
});

fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.to_owned();
    jackfield_fuzz::deep(move || {
        if let Ok(value) = json::parse(&bytes, &json::Limits::default()) {
            is_json(&value);
            keeps_digits(&value, &bytes);
        }
        if let Ok(value) = form::decode(&bytes) {
            is_json(&value);
        }
        let _ = form::pairs(&bytes);
        if let Ok(raw) = capture::parse(&bytes) {
            for format in [Format::Auto, Format::Json, Format::Form, Format::Query, Format::Text] {
                if let Ok(value) = payload::decode(&raw, format) {
                    is_json(&value);
                }
            }
            receive(raw);
        }
    });
});

/// Written out and read again it is the same, to the digit.
fn is_json(value: &Value) {
    let text = value.to_json();
    let again = json::parse(text.as_bytes(), &json::Limits::default()).expect("what is written can be read");
    assert_eq!(*value, again);
    assert_eq!(text, again.to_json());
}

/// A number alone is written as it was sent.
fn keeps_digits(value: &Value, bytes: &[u8]) {
    if let Some(number) = value.as_number() {
        let sent = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
        assert_eq!(number.text().as_bytes(), sent);
    }
}

/// A request on its way from its address to the finished requests.
fn receive(raw: RawRequest) {
    let set = &WORKSPACE.set;
    let path = raw.path().strip_prefix("/hooks").unwrap_or(raw.path()).to_owned();
    let Lookup::Found(source, params) = set.find(&raw.method, &path) else { return };
    let now = jackfield::clock::Timestamp(1_790_000_000_000);
    let context = Context { public_url: &set.public_url, now, format: source.format, params: &params };
    let _ = source.verify.verify(Arc::new(raw.clone()), &context);
    let Ok(events) = source.events(&test_case::assumed(raw), params, now) else { return };
    for event in events.iter().take(10) {
        let _ = pipeline::run(set, event);
    }
}

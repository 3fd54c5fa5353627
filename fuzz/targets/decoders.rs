//! Any bytes as JSON, as a form, and as a captured request: by every decoder, by texts inside texts, and on its way through
//! the repository's own routes.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use jackfield::compile::Compiled;
use jackfield::event::{RawRequest, capture};
use jackfield::load;
use jackfield::payload::nested::{self, Layer, Nested};
use jackfield::payload::{self, Format, form};
use jackfield::pipeline;
use jackfield::route::Lookup;
use jackfield::test_case;
use jackfield::value::{Value, json};
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
            every_way(&raw);
            receive(raw);
        }
        // The same bytes under each content type, compressed and not: most inputs are no whole request.
        for (kind, coding) in KINDS {
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let headers = vec![header("content-type", kind), header("content-encoding", coding)];
            every_way(&RawRequest { method: "POST".into(), target: "/?a[b]=1".into(), headers, body: bytes.clone() });
        }
    });
});

const KINDS: &[(&str, &str)] = &[
    ("multipart/form-data; boundary=b", ""),
    ("multipart/form-data; boundary=\"a b\"; charset=iso-8859-1", ""),
    ("text/xml; charset=utf-16", ""),
    ("application/xml", ""),
    ("application/x-www-form-urlencoded; charset=shift_jis", ""),
    ("application/jwt", ""),
    ("", "gzip"),
    ("application/json", "deflate, gzip"),
];

/// Small limits are met by small inputs.
const TIGHT: payload::Limits = payload::Limits { inflated: 2000, parts: 3, depth: 8, nodes: 50 };

static NESTED: LazyLock<Vec<Nested>> = LazyLock::new(|| {
    let all = [
        ("$..*", vec![Layer::Base64]),
        ("$..*", vec![Layer::Url, Layer::Json]),
        ("$..*", vec![Layer::Xml]),
        ("$..*", vec![Layer::Form]),
    ];
    let path = |text: &str| text.parse().expect("a path");
    all.into_iter().map(|(text, layers)| Nested { path: path(text), layers }).collect()
});

/// By each decoder; whatever comes of it is a value within the limits.
fn every_way(raw: &RawRequest) {
    for limits in [payload::Limits::default(), TIGHT] {
        for format in Format::ALL {
            let Ok(value) = payload::decode_within(raw, *format, &limits) else { continue };
            is_within(&value, &limits);
            for nested in NESTED.iter() {
                if let Ok(value) = nested::decode(value.clone(), std::slice::from_ref(nested), &limits) {
                    is_within(&value, &limits);
                }
            }
        }
    }
}

/// It can be written and read within the same limits. A list of repeated keys may make one value and one level more.
fn is_within(value: &Value, limits: &payload::Limits) {
    let text = value.to_json();
    let limits = json::Limits { depth: limits.depth + 2, nodes: limits.nodes * 6 + 10 };
    let again = json::parse(text.as_bytes(), &limits).expect("what is written can be read");
    assert_eq!(*value, again);
}

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
    let request = Arc::new(raw.clone());
    let _ = source.verify.verify(&source.context(&request, &params, &set.public_url, now));
    let Ok(events) = source.events(&test_case::assumed(raw), &params, now) else { return };
    for event in events.iter().take(10) {
        let _ = pipeline::run(set, event);
    }
}

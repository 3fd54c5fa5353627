//! What a request costs before anything is proved, and that a large one is verified as it is read.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use jackfield::event::RawRequest;
use jackfield::source::Source;
use jackfield::value::Value;
use jackfield::verify::VerifyError;

use super::signed::{hex, sha256};
use super::source;

fn raw(signatures: &str, headers: &[(&str, &str)], body: &[u8]) -> RawRequest {
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers.push(("x-sign".to_owned(), signatures.to_owned()));
    RawRequest { method: "POST".to_owned(), target: "/hooks/a?q='".to_owned(), headers, body: body.to_vec() }
}

fn verified(source: &Source, raw: &RawRequest) -> Result<(), VerifyError> {
    let raw = Arc::new(raw.clone());
    let context = source.context(&raw, &Value::Null, "https://hooks.example.com", Default::default());
    source.verify.verify(&context).map(|_| ())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A list of so many numbers behind an id.
fn numbers(count: usize) -> String {
    format!("{{\"id\":\"1\",\"list\":[{}0]}}", "0,".repeat(count - 1))
}

#[test]
fn a_request_is_decoded_once_however_many_signatures_it_carries() {
    let pieces = "{{ payload.id }}".repeat(8);
    let verify = format!("{{ hmac: {{ header: X-Sign, separator: ',', signs: \"{{{{ url }}}}{pieces}\" }} }}");
    let source = source(&verify, "secret").unwrap();
    let body = gzip(numbers(50_000).as_bytes());
    let wrong = vec!["0".repeat(64); 15].join(",");
    let message = format!("https://hooks.example.com:443/hooks/a?q=%27{}", "1".repeat(8));
    let right = format!("{wrong},{}", hex(&sha256("secret", &message)));

    let started = Instant::now();
    source.payload(&raw("", &[], &body)).unwrap();
    let once = started.elapsed();
    let started = Instant::now();
    assert_eq!(verified(&source, &raw(&wrong, &[], &body)), Err(VerifyError::Mismatch("signature")));
    assert_eq!(verified(&source, &raw(&right, &[], &body)), Ok(()));
    // Both together took five hundred times as long as one when each piece of each message was decoded anew.
    assert!(started.elapsed() < once * 20, "{:?} for two, {once:?} to decode one", started.elapsed());
}

#[test]
fn only_so_many_times_of_signing_are_tried() {
    let verify = "{ hmac: { header: X-Sign, separator: ',', item: 't={{ timestamp }};{{ signature }}', \
                  signs: \"{{ timestamp }}.{{ body }}\", timestamp: { unit: s } } }";
    let source = source(verify, "secret").unwrap();
    let sign = |time: u32| format!("t={time};{}", hex(&sha256("secret", &format!("{time}.{{}}"))));
    let wrong = |time: u32| format!("t={time};{}", "0".repeat(64));
    for (given, is_good) in [
        (vec![wrong(0), wrong(1), wrong(2), sign(3)], true),
        (vec![wrong(0), wrong(1), wrong(2), wrong(3), wrong(3), sign(0)], true),
        (vec![wrong(0), wrong(1), wrong(2), wrong(3), sign(4)], false),
    ] {
        assert_eq!(verified(&source, &raw(&given.join(","), &[], b"{}")).is_ok(), is_good, "{given:?}");
    }
}

/// One way of each kind that looks into the body.
const IN_THE_BODY: [&str; 4] = [
    "{ token: { field: $.key } }",
    "{ hmac: { header: X-Sign, signs: \"{{ payload.id }}\" } }",
    "{ hmac: { header: X-Sign, signs: \"{{ sorted_fields }}\" } }",
    "{ hmac: { header: X-Sign, signs: \"{{ body }}\", timestamp: { field: $.t } } }",
];

#[test]
fn a_body_is_verified_within_the_limits_of_its_source() {
    let verify = "{ hmac: { header: X-Sign, signs: \"{{ payload.id }}\" } }\n  limits: { nodes: 200000 }";
    let source = source(verify, "secret").unwrap();
    let right = hex(&sha256("secret", "1"));
    assert_eq!(verified(&source, &raw(&right, &[], numbers(150_000).as_bytes())), Ok(()));
    let error = verified(&source, &raw(&right, &[], numbers(250_000).as_bytes())).unwrap_err();
    assert!(
        error.to_string().starts_with("its proof can't be looked for in its body: the body is not JSON: "),
        "{error}"
    );
}

#[test]
fn what_cannot_be_read_is_said_to_be_so_and_not_shown() {
    for verify in IN_THE_BODY {
        let source = source(verify, "secret").unwrap();
        let error = verified(&source, &raw("aa", &[], b"{\"key\": private")).unwrap_err();
        assert!(matches!(error, VerifyError::Unreadable(_)), "{verify}: {error}");
        assert!(!error.to_string().contains("private"), "{error}");
    }
    // Of several proofs, that is told which the request carries.
    let both = format!("{{ any_of: [{}, {{ token: {{ header: X-Sign }} }}] }}", IN_THE_BODY[0]);
    let error = verified(&source(&both, "secret").unwrap(), &raw("aa", &[], b"{")).unwrap_err();
    assert_eq!(error, VerifyError::Mismatch("token"));
}

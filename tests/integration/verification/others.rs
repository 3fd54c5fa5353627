//! Senders that no pack knows, each told by `verify` alone: what the kinds can say together.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::Hmac;
use jackfield::event::RawRequest;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::cases::Case;
use super::signed::{hex, key_pair, mac};
use super::{source, verified};

const BODY: &str = r#"{"id":"7","amount":1.50,"sign":"SIGN"}"#;
const HOST: &str = "https://hooks.example.com";

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn sha512(text: &str) -> Vec<u8> {
    mac::<Hmac<Sha512>>(b"secret", text)
}

fn sha256(text: &str) -> Vec<u8> {
    mac::<Hmac<Sha256>>(b"secret", text)
}

fn sha1(text: &str) -> Vec<u8> {
    mac::<Hmac<Sha1>>(b"secret", text)
}

/// `header` is that of the signature and its value; more stand in `headers`.
fn case(name: &str, verify: &str, signature: String, target: &str, headers: &[(&str, &str)], body: &str) -> Case {
    let mut all = vec![("x-sign".to_owned(), signature)];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Case {
        name: name.to_owned(),
        verify: format!("{{ {verify} }}"),
        secret: "secret".to_owned(),
        public_url: HOST.to_owned(),
        raw: RawRequest { method: "POST".to_owned(), target: target.to_owned(), headers: all, body: body.into() },
    }
}

fn cases() -> Vec<Case> {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let iso = "2026-11-21T09:30:00.250Z";
    let at = "/hooks/a";
    let field_sign = hex(&sha1("7|1.50"));
    let mut keyed = case(
        "a key in base64, SHA-512, hexadecimal",
        "hmac: { header: X-Sign, algorithm: sha512, key: base64, key_prefix: key_ }",
        hex(&sha512(BODY)).to_uppercase(),
        at,
        &[],
        BODY,
    );
    keyed.secret = format!("key_{}", base64(b"secret"));
    let mut ported = case(
        "an address with a port",
        r#"hmac: { header: X-Sign, signs: "{{ method }} {{ url }}\n{{ body }}" }"#,
        hex(&sha256(&format!("POST {HOST}:8443/hooks/a?x=1\n{BODY}"))),
        "/hooks/a?x=1",
        &[],
        BODY,
    );
    ported.public_url = format!("{HOST}:8443");
    let ed = key_pair();
    let public = base64(ring::signature::KeyPair::public_key(&ed).as_ref());
    vec![
        keyed,
        ported,
        case(
            "SHA-512 in base64 behind a word",
            r#"hmac: { header: X-Sign, algorithm: sha512, encoding: base64, prefix: "HMAC " }"#,
            format!("HMAC {}", base64(&sha512(BODY))),
            at,
            &[],
            BODY,
        ),
        case(
            "a time as in ISO 8601",
            r#"hmac: { header: X-Sign, algorithm: sha512, signs: "{{ timestamp }}\n{{ body }}", timestamp: { header: X-At, unit: iso } }"#,
            hex(&sha512(&format!("{iso}\n{BODY}"))),
            at,
            &[("x-at", iso)],
            BODY,
        ),
        case(
            "milliseconds behind a word",
            r#"hmac: { header: X-Sign, algorithm: sha1, signs: "{{ timestamp }}:{{ body }}", timestamp: { header: X-At, unit: ms, prefix: "ms=" } }"#,
            hex(&sha1(&format!("1700000000123:{BODY}"))),
            at,
            &[("x-at", "ms=1700000000123")],
            BODY,
        ),
        case(
            "base64 of hexadecimal digits behind a word",
            r#"hmac: { header: X-Sign, encoding: base64-of-hex, prefix: "v2=" }"#,
            format!("v2={}", base64(hex(&sha256(BODY)).as_bytes())),
            at,
            &[],
            BODY,
        ),
        case(
            "several signatures, the time in a header of its own",
            r#"hmac: { header: X-Sign, prefix: "v1=", separator: " ", signs: "{{ timestamp }}.{{ body }}", timestamp: { header: X-At } }"#,
            format!("v0=x v1={} v1={}", "0".repeat(64), hex(&sha256(&format!("1700000000.{BODY}")))),
            at,
            &[("x-at", "1700000000")],
            BODY,
        ),
        case(
            "a nonce, the time and the body",
            r#"hmac: { header: X-Sign, encoding: base64, signs: "{{ headers['X-Nonce'] }}-{{ timestamp }}-{{ body }}", timestamp: { header: X-At } }"#,
            base64(&sha256(&format!("n0nce-1700000000-{BODY}"))),
            at,
            &[("x-nonce", "n0nce"), ("x-at", "1700000000")],
            BODY,
        ),
        case(
            "sorted fields of a form behind the address without its query",
            r#"hmac: { header: X-Sign, algorithm: sha512, signs: "{{ url_without_query }}{{ sorted_form }}" }"#,
            hex(&sha512(&format!("{HOST}/hooks/aa1b2 c"))),
            "/hooks/a?x=1",
            &[form],
            "b=2+c&a=1",
        ),
        case(
            "fields of the payload, the signature among them",
            r#"hmac: { field: $.sign, algorithm: sha1, signs: "{{ payload.id }}|{{ payload.amount }}" }"#,
            String::new(),
            at,
            &[],
            &BODY.replace("SIGN", &field_sign),
        ),
        case(
            "a signature in the query over the body",
            "hmac: { query: sig, algorithm: md5, encoding: base64 }",
            String::new(),
            &format!(
                "/hooks/a?sig={}",
                base64(&mac::<Hmac<Md5>>(b"secret", BODY)).replace('+', "%2B").replace('=', "%3D")
            ),
            &[],
            BODY,
        ),
        case(
            "a plain hash with the secret at its end, and a time",
            r#"sha256: { header: X-Sign, encoding: base64, signs: "{{ timestamp }}{{ body }}{{ secret }}", timestamp: { header: X-At } }"#,
            base64(&Sha256::digest(format!("1700000000{BODY}secret"))),
            at,
            &[("x-at", "1700000000")],
            BODY,
        ),
        case(
            "Ed25519 in hexadecimal digits over a time and the body, as of chat apps",
            &format!(
                r#"ed25519: {{ header: X-Sign, encoding: hex, public_key: "{public}", signs: "{{{{ timestamp }}}}{{{{ body }}}}", timestamp: {{ header: X-At }} }}"#
            ),
            hex(ed.sign(format!("1700000000{BODY}").as_bytes()).as_ref()),
            at,
            &[("x-at", "1700000000")],
            BODY,
        ),
    ]
}

#[test]
fn a_sender_that_no_pack_knows_is_told_by_data() {
    let mut wrong = Vec::new();
    for case in cases() {
        let Some(known) = source(&case.verify, &case.secret) else {
            let problems = super::compiled(&case.verify, &case.secret).diagnostics;
            wrong.push(format!("{}: does not compile: {problems:?}", case.name));
            continue;
        };
        wrong.extend(verified(&known, &case, &case.raw).err().map(|error| format!("{}: {error}", case.name)));
        let mut changed = case.raw.clone();
        changed.body = String::from_utf8(changed.body).unwrap().replace(['7', '2'], "8").into_bytes();
        if verified(&known, &case, &changed).is_ok() {
            wrong.push(format!("{}: takes another body", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

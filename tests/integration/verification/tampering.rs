//! What is changed on its way is refused, wherever and however it is changed.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use jackfield::clock::Timestamp;
use jackfield::event::RawRequest;
use jackfield::value::Value;
use jackfield::verify::VerifyError;
use proptest::prelude::*;
use sha2::Sha256;

use super::cases::{Case, all};
use super::{signed, source, verified, verified_at};

/// A change of a request, and its name.
type Change = (String, RawRequest);

/// The header, or what else, that carries the proof.
fn carriers(case: &Case) -> Vec<String> {
    let proofs = ["signature", "hmac", "authorization"];
    let is_proof = |name: &&String| {
        proofs.iter().any(|word| name.contains(word))
            && !name.ends_with("nonce")
            && !name.ends_with("timestamp")
            && !name.ends_with("version")
    };
    let names = case.raw.headers.iter().map(|(name, _)| name).filter(is_proof).cloned();
    // A captured request may carry an older signature beside the one that is asked for.
    let verify = case.verify.to_lowercase();
    let is_asked = |name: &String| {
        ["basic", "header: "].iter().any(|word| match *word {
            "basic" => verify.contains("basic"),
            word => [",", " "].iter().any(|end| verify.contains(&format!("{word}{name}{end}"))),
        })
    };
    names.filter(is_asked).collect()
}

fn with_header(raw: &RawRequest, name: &str, change: impl Fn(&str) -> String) -> RawRequest {
    let mut raw = raw.clone();
    raw.headers.iter_mut().filter(|(known, _)| known == name).for_each(|(_, value)| *value = change(value));
    raw
}

fn changes_of_the_proof(case: &Case) -> Vec<Change> {
    let mut changes = Vec::new();
    for name in carriers(case) {
        let mut add = |what: &str, raw: RawRequest| changes.push((format!("{what} in `{name}`"), raw));
        let mut without = case.raw.clone();
        without.headers.retain(|(known, _)| *known != name);
        add("nothing", without);
        let mut twice = case.raw.clone();
        twice.headers.push((name.clone(), case.raw.header(&name).unwrap().to_owned()));
        add("the same again", twice);
        add("an empty text", with_header(&case.raw, &name, |_| String::new()));
        // Of a password's base64 the padding may be missing: it is no signature.
        if case.verify.contains("basic:") {
            continue;
        }
        add("one character less", with_header(&case.raw, &name, |text| text[..text.len() - 1].to_owned()));
        add("one character more", with_header(&case.raw, &name, |text| format!("{text}A")));
        add("padding more", with_header(&case.raw, &name, |text| format!("{text}=")));
        add("another last character", with_header(&case.raw, &name, other_end));
        // Of several signatures in one header the first may be another's.
        if !case.name.ends_with("several") {
            add("another word before it", with_header(&case.raw, &name, |text| format!("x{text}")));
        }
        let is_base64 = is_signed(case) && case.raw.header(&name).unwrap().ends_with('=');
        if is_base64 {
            add("no padding", with_header(&case.raw, &name, |text| text.trim_end_matches('=').to_owned()));
            add("another case", with_header(&case.raw, &name, other_case));
        }
    }
    changes
}

fn other_end(text: &str) -> String {
    let bare = text.trim_end_matches('=');
    let (rest, last) = bare.split_at(bare.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    format!("{rest}{other}{}", &text[bare.len()..])
}

fn other_case(text: &str) -> String {
    text.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
}

/// Tokens and passwords prove the sender, and nothing of what it sends.
fn is_signed(case: &Case) -> bool {
    !case.verify.contains("token:") && !case.verify.contains("basic:")
}

/// What of a request its signature covers.
fn covers(case: &Case, pieces: &[&str]) -> bool {
    is_signed(case) && pieces.iter().any(|piece| case.verify.contains(piece))
}

fn covers_body(case: &Case) -> bool {
    let named = ["{{ body }}", "sorted_form", "sorted_url", "body_hash"];
    covers(case, &named) || (is_signed(case) && !case.verify.contains("signs:"))
}

fn changes_of_the_body(case: &Case) -> Vec<Change> {
    let mut changes = Vec::new();
    let length = case.raw.body.len();
    for at in [0, length / 3, length / 2, length.saturating_sub(1)].into_iter().filter(|at| *at < length) {
        let mut raw = case.raw.clone();
        raw.body[at] ^= 1;
        changes.push((format!("byte {at} of the body"), raw));
    }
    let mut longer = case.raw.clone();
    longer.body.extend_from_slice(b"&x=1");
    changes.push(("more at the end of the body".to_owned(), longer));
    let mut none = case.raw.clone();
    none.body.clear();
    if length > 0 {
        changes.push(("no body".to_owned(), none));
    }
    changes
}

fn changes_of_the_address(case: &Case) -> Vec<Change> {
    let sign = if case.raw.query().is_empty() { '?' } else { '&' };
    [format!("{}{sign}x=1", case.raw.target), format!("/other{}", case.raw.target)]
        .into_iter()
        .map(|target| (format!("the address {target}"), RawRequest { target, ..case.raw.clone() }))
        .collect()
}

fn changes(case: &Case) -> Vec<Change> {
    let mut changes = changes_of_the_proof(case);
    if covers_body(case) {
        changes.extend(changes_of_the_body(case));
    }
    if covers(case, &["{{ url }}", "{{ url_decoded }}", "sorted_url"]) {
        changes.extend(changes_of_the_address(case));
    }
    if covers(case, &["{{ method }}"]) {
        changes.push(("the method".to_owned(), RawRequest { method: "PUT".to_owned(), ..case.raw.clone() }));
    }
    for (name, _) in case.raw.headers.iter().filter(|(name, _)| name.ends_with("timestamp") || name.ends_with("nonce"))
    {
        let is_used = case.verify.to_lowercase().contains(name.as_str());
        if is_used {
            changes.push((format!("more in `{name}`"), with_header(&case.raw, name, |text| format!("{text}0"))));
            changes.push((format!("nothing in `{name}`"), with_header(&case.raw, name, |_| String::new())));
        }
    }
    changes
}

#[test]
fn what_was_changed_is_refused() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for case in all() {
        let source = source(&case.verify, &case.secret).unwrap();
        let now = case.now(&source);
        for (what, raw) in changes(&case) {
            tried += 1;
            if verified_at(&source, &case, &raw, now).is_ok() {
                wrong.push(format!("{}: {what}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "taken although changed:\n{}", wrong.join("\n"));
    assert!(tried > 700, "only {tried} changes");
}

#[test]
fn another_secret_key_or_algorithm_refuses() {
    let mut wrong = Vec::new();
    let other_key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    for case in all() {
        let mut others = vec![(case.verify.clone(), "c2VjcmV0LW90aGVy".to_owned())];
        if case.verify.contains("basic") {
            others[0].1 = "username:other".to_owned();
        }
        let words =
            [("sha1,", "sha256,"), ("sha1 ", "sha512 "), ("HS384", "HS512"), ("HS512", "HS256"), ("md5 ", "sha1 ")];
        others.extend(
            words
                .iter()
                .filter(|(word, _)| case.verify.contains(&format!("algorithm: {word}")))
                .map(|(word, other)| (case.verify.replace(word, other), case.secret.clone())),
        );
        if case.verify.contains("{ hmac: {") && !case.verify.contains("algorithm") {
            others.push((case.verify.replace("{ hmac: {", "{ hmac: { algorithm: sha512,"), case.secret.clone()));
        }
        // A public key is no secret: one of another sender takes its place.
        if case.verify.contains("ed25519") || case.verify.contains("EdDSA") {
            let at = case.verify.find("public_key: ").unwrap() + "public_key: ".len();
            let end = at + case.verify[at..].find([',', '}']).unwrap();
            others = vec![(format!("{}{other_key}{}", &case.verify[..at], &case.verify[end..]), case.secret.clone())];
        }
        if case.verify.contains("rsa:") || case.verify.contains("RS256") {
            continue;
        }
        for (verify, secret) in others {
            let source = source(&verify, &secret).unwrap_or_else(|| panic!("{}: {verify}", case.name));
            if verified(&source, &case, &case.raw).is_ok() {
                wrong.push(format!("{}: {verify} with {secret}", case.name));
            }
        }
        let is_public = case.verify.contains("public_key");
        assert!(
            is_public || case.secret == "none" || source(&case.verify, "").is_none(),
            "{}: an empty secret compiles",
            case.name
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_was_signed_long_ago_or_tomorrow_is_refused() {
    let mut tried = 0;
    for case in all().into_iter().filter(|case| case.verify.contains("timestamp:") || case.name == "vonage-jwt") {
        let source = source(&case.verify, &case.secret).unwrap();
        let now = case.now(&source);
        for apart in [-300_001, 300_001, i64::MIN / 2, i64::MAX / 2] {
            let found = verified_at(&source, &case, &case.raw, Timestamp(now.0.saturating_add(apart)));
            assert_eq!(found, Err(VerifyError::Stale), "{} at {apart}", case.name);
        }
        for apart in [-300_000, 300_000] {
            assert_eq!(
                verified_at(&source, &case, &case.raw, Timestamp(now.0 + apart)),
                Ok(()),
                "{} at {apart}",
                case.name
            );
        }
        tried += 1;
    }
    assert!(tried > 15, "only {tried} cases have a time");
}

/// The algorithm is the source's: a token can't choose another, nor none, nor the public key as a secret.
#[test]
fn a_token_does_not_choose_its_algorithm() {
    let hs256 = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let jwt = |name: &str| all().into_iter().find(|case| case.name == name).unwrap();
    let pem = std::fs::read_to_string(crate::support::root().join("tests/verification/rsa-public.pem")).unwrap();
    let hash = r#"{"iat":1700000000,"sha256":"x","payload_hash":"x"}"#;
    let forged = [
        ("vonage-jwt", signed::token(r#"{"alg":"none"}"#, hash, |_| Vec::new())),
        ("vonage-jwt", signed::token(r#"{"alg":"HS512"}"#, hash, |text| hs256(b"secret", text))),
        ("vonage-jwt", signed::token(r#"{"alg":"HS256","crit":["exp"]}"#, hash, |text| hs256(b"secret", text))),
        ("vonage-jwt", signed::token(r#"{"alg":"HS256"}"#, "[]", |text| hs256(b"secret", text))),
        ("vonage-jwt", signed::token(r#"{"alg":"HS256"}"#, r#"{"iat":1700000000}"#, |text| hs256(b"secret", text))),
        ("jwt-rs256", signed::token(r#"{"alg":"HS256"}"#, hash, |text| hs256(pem.as_bytes(), text))),
        ("jwt-rs256", signed::token(r#"{"alg":"RS256"}"#, hash, |text| hs256(pem.as_bytes(), text))),
        ("jwt-eddsa", signed::token(r#"{"alg":"EdDSA"}"#, hash, |text| hs256(b"secret", text))),
    ];
    for (name, token) in forged {
        let case = jwt(name);
        let source = source(&case.verify, &case.secret).unwrap();
        let header = case.raw.headers[0].0.clone();
        let prefix = if header == "authorization" { "Bearer " } else { "" };
        let raw = with_header(&case.raw, &header, |_| format!("{prefix}{token}"));
        let now = case.now(&source);
        assert!(verified_at(&source, &case, &raw, now).is_err(), "{name} takes {token}");
    }
}

/// Senders that sign the body as it is: nothing of it can change.
const WHOLE: &[&str] = &[
    "slack-v0",
    "stripe",
    "standard-webhooks-v1",
    "telnyx-call-event",
    "zendesk-ticket-created",
    "hubspot-crm-events-batch",
    "vonage-jwt",
    "openphone-legacy",
    "twilio-json",
    "ghl-new",
    "ghl-legacy",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_random_change_verifies(which in 0..WHOLE.len(), part in 0..3, at in any::<prop::sample::Index>(), with in 0x21u8..0x7f, kind in 0..3) {
        thread_local! {
            static KNOWN: Vec<(Case, std::sync::Arc<jackfield::source::Source>)> = all().into_iter()
                .filter(|case| WHOLE.contains(&case.name.as_str()))
                .map(|case| { let source = source(&case.verify, &case.secret).unwrap(); (case, source) })
                .collect();
        }
        KNOWN.with(|known| {
            let (case, source) = known.iter().find(|(case, _)| case.name == WHOLE[which]).unwrap();
            let now = case.now(source);
            let mut raw = case.raw.clone();
            let edit = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                let at = at.index(bytes.len().max(1));
                match kind {
                    0 if at < bytes.len() => bytes[at] = with,
                    1 if at < bytes.len() => { bytes.remove(at); }
                    _ => bytes.insert(at, with),
                }
                bytes
            };
            let names = carriers(case);
            match (part, names.first()) {
                (0, Some(name)) => raw = with_header(&raw, name, |text| String::from_utf8(edit(text.as_bytes())).unwrap()),
                (1, _) if case.verify.contains("{{ url") => {
                    raw.target = String::from_utf8(edit(raw.target.as_bytes())).unwrap();
                }
                _ => raw.body = edit(&raw.body),
            }
            let same = |a: &RawRequest, b: &RawRequest| {
                let headers = |raw: &RawRequest| format!("{:?}", raw.headers).to_lowercase();
                a.body == b.body && a.target == b.target && (headers(a) == headers(b) || is_in_an_item_that_is_not_read(case, a))
            };
            if !same(&raw, &case.raw) {
                prop_assert!(verified_at(source, case, &raw, now).is_err(), "{}: {raw:?}", case.name);
            }
            Ok(())
        })?;
    }
}

/// Of several signatures in one header, those that are another's may be anything.
fn is_in_an_item_that_is_not_read(case: &Case, raw: &RawRequest) -> bool {
    let proof = |raw: &RawRequest| carriers(case).first().and_then(|name| raw.header(name).map(str::to_owned));
    let items =
        |raw: &RawRequest| proof(raw).unwrap_or_default().split([',', ' ']).map(str::to_owned).collect::<Vec<_>>();
    case.name == "stripe"
        && items(&case.raw).last() == items(raw).last()
        && items(&case.raw).first() == items(raw).first()
}

/// A field that is signed, and another that a form makes one of with it when it is read.
#[test]
fn a_signed_field_has_no_second_value_by_another_spelling() {
    let verify = "{ hmac: { header: x-sig, signs: \"{{ form.caller }}\" } }";
    let source = source(verify, "secret").unwrap();
    let signature = signed::hex(&signed::sha256("secret", "1"));
    let check = |body: &[u8]| {
        let headers = [("x-sig", signature.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let raw =
            Arc::new(RawRequest { method: "POST".into(), target: "/hooks/a".into(), headers, body: body.to_vec() });
        source.verify.verify(&source.context(&raw, &Value::Null, "https://t.example", Timestamp(0))).map(|_| ())
    };
    for good in [b"caller=1&id=2".as_slice(), b"\xEF\xBB\xBFcaller=1", b"x=Jos%E9&caller=1", b"caller[a]b=2&caller=1"] {
        assert_eq!(check(good), Ok(()), "{}", good.escape_ascii());
    }
    let several = Err(VerifyError::Several("form field `caller`".to_owned()));
    let bad: [&[u8]; 6] = [
        b"caller=1&caller=2",
        b"caller[]=2&caller=1",
        b"%EF%BB%BFcaller=2&caller=1",
        b"\xEF\xBB\xBFcaller=2&caller=1",
        b"%FE%FF%00c%00a%00l%00l%00e%00r=2&caller=1",
        b"_charset_=iso-2022-jp&%1B(Bcaller=2&caller=1",
    ];
    for body in bad {
        assert_eq!(check(body), several, "{}", body.escape_ascii());
    }
}

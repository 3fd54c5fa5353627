//! Requests of senders of which only the description is published, signed here as it says.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jackfield::event::RawRequest;
use md5::Md5;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::cases::{Case, STANDARD};
use crate::support::root;

const BODY: &str = r#"{"type":"ContactCreate","id":"1"}"#;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const URL: &str = "https://hooks.example.com/hooks/a";

pub fn mac<M: Mac + KeyInit>(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub fn sha256(key: &str, message: &str) -> Vec<u8> {
    mac::<Hmac<Sha256>>(key.as_bytes(), message)
}

fn case(name: &str, verify: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Case {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Case {
        name: name.to_owned(),
        verify: verify.to_owned(),
        secret: "secret".to_owned(),
        public_url: "https://hooks.example.com".to_owned(),
        raw: RawRequest { method: "POST".to_owned(), target: target.to_owned(), headers, body: body.into() },
    }
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/verification").join(name)).unwrap()
}

fn part(json: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// A token with a signature of its own making.
pub fn token(head: &str, claims: &str, sign: impl Fn(&str) -> Vec<u8>) -> String {
    let message = format!("{}.{}", part(head), part(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(sign(&message));
    format!("{message}.{signature}")
}

pub fn key_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

pub fn all() -> Vec<Case> {
    let mut cases = hashes();
    cases.extend(addresses());
    cases.extend(tokens());
    cases.extend(public_keys());
    cases
}

fn hashes() -> Vec<Case> {
    let stripe =
        format!("t=1700000000,v1={},v1={}", "0".repeat(64), hex(&sha256("secret", &format!("1700000000.{BODY}"))));
    let quo =
        format!("hmac;1;1700000000000;{}", base64(&mac::<Hmac<Sha256>>(b"secret", &format!("1700000000000.{BODY}"))));
    let mut quo = case(
        "openphone-legacy",
        r#"{ hmac: { header: openphone-signature, encoding: base64, key: base64, separator: ",",
            item: "hmac;1;{{ timestamp }};{{ signature }}", signs: "{{ timestamp }}.{{ body }}", timestamp: { unit: ms } } }"#,
        "/hooks/a",
        &[("openphone-signature", &quo)],
        BODY,
    );
    quo.secret = base64(b"secret");
    let several = format!(
        "v1,{} v1a,x v1,{}",
        base64(b"another"),
        base64(&mac::<Hmac<Sha256>>(b"secret", &format!("m1.1700000000.{BODY}")))
    );
    let mut standard = case(
        "standard-webhooks-several",
        STANDARD,
        "/hooks/a",
        &[("webhook-id", "m1"), ("webhook-timestamp", "1700000000"), ("webhook-signature", &several)],
        BODY,
    );
    standard.secret = format!("whsec_{}", base64(b"secret").trim_end_matches('='));
    let sha512 = hex(&mac::<Hmac<Sha512>>(b"secret", BODY));
    let md5 = hex(&mac::<Hmac<Md5>>(b"secret", BODY));
    let rotated = hex(&sha256("secret", BODY));
    vec![
        case(
            "stripe",
            r#"{ hmac: { header: Stripe-Signature, prefix: v1=, separator: ",", signs: "{{ timestamp }}.{{ body }}",
                timestamp: { header: Stripe-Signature, prefix: t=, separator: "," } } }"#,
            "/hooks/a",
            &[("stripe-signature", &stripe)],
            BODY,
        ),
        quo,
        standard,
        case(
            "hmac-sha512",
            "{ hmac: { header: X-Signature, algorithm: sha512 } }",
            "/hooks/a",
            &[("x-signature", &sha512)],
            BODY,
        ),
        case(
            "hmac-md5",
            "{ hmac: { header: X-Signature, algorithm: md5 } }",
            "/hooks/a",
            &[("x-signature", &md5)],
            BODY,
        ),
        case(
            "viber",
            "{ hmac: { header: X-Viber-Content-Signature } }",
            "/hooks/a",
            &[("x-viber-content-signature", &hex(&sha256("secret", BODY)))],
            BODY,
        ),
        case(
            "two-secrets",
            "{ hmac: { header: X-Signature, secret: [new-word, \"${env:SECRET}\"] } }",
            "/hooks/a",
            &[("x-signature", &rotated)],
            BODY,
        ),
        case(
            "value-of-the-payload",
            r#"{ hmac: { header: X-Signature, signs: "{{ payload.type }}:{{ payload['id'] }}" } }"#,
            "/hooks/a",
            &[("x-signature", &hex(&sha256("secret", "ContactCreate:1")))],
            BODY,
        ),
        vonage(
            "vonage-sig",
            "hmac: { query: sig, algorithm: sha1, signs: \"{{ sorted_fields }}\", timestamp: { query: timestamp } }",
            |text| hex(&mac::<Hmac<Sha1>>(b"secret", text)).to_uppercase(),
        ),
        vonage(
            "vonage-sig-md5",
            "md5: { query: sig, signs: \"{{ sorted_fields }}{{ secret }}\", timestamp: { query: timestamp } }",
            |text| hex(&Md5::digest(format!("{text}secret"))),
        ),
    ]
}

fn vonage(name: &str, verify: &str, sign: impl Fn(&str) -> String) -> Case {
    let sig = sign("&msisdn=447700900001&text=a_b_c d&timestamp=1700000000&to=447700900000");
    let target =
        format!("/hooks/a?to=447700900000&msisdn=447700900001&text=a%26b%3Dc+d&timestamp=1700000000&sig={sig}");
    let mut case = case(name, &format!("{{ {verify} }}"), &target, &[], "");
    case.raw.method = "GET".to_owned();
    case
}

fn addresses() -> Vec<Case> {
    let plivo = base64(&sha256("secret", &format!("{URL}nonce-1")));
    let hash = hex(&Sha256::digest(BODY));
    let twilio_json = format!("/hooks/a?bodySHA256={hash}");
    let twilio = base64(&mac::<Hmac<Sha1>>(b"secret", &format!("https://hooks.example.com{twilio_json}")));
    let either = r#"{ hmac: { header: X-Twilio-Signature, algorithm: sha1, encoding: base64,
        signs: "{{ url }}{{ sorted_form }}", body_hash: { query: bodySHA256, optional: true } } }"#;
    let ported = base64(&mac::<Hmac<Sha1>>(b"secret", "https://hooks.example.com:443/hooks/a?q='x'From+1To+2"));
    let hubspot = base64(&sha256("secret", &format!("POST{URL}?at=a:b/c&name=%C3%A9(x){BODY}1700000000000")));
    vec![
        case(
            "plivo-v2",
            r#"{ hmac: { header: X-Plivo-Signature-V2, encoding: base64,
                signs: "{{ url_without_query }}{{ headers['X-Plivo-Signature-V2-Nonce'] }}" } }"#,
            "/hooks/a?x=1",
            &[("x-plivo-signature-v2", &plivo), ("x-plivo-signature-v2-nonce", "nonce-1")],
            "",
        ),
        case("twilio-json", either, &twilio_json, &[("x-twilio-signature", &twilio)], BODY),
        case(
            "twilio-port-and-apostrophe",
            either,
            "/hooks/a?q=%27x%27",
            &[("x-twilio-signature", &ported), FORM],
            "To=%2B2&From=%2B1",
        ),
        case(
            "hubspot-v3-decoded",
            r#"{ hmac: { header: X-HubSpot-Signature-v3, encoding: base64,
                signs: "{{ method }}{{ url_decoded }}{{ body }}{{ timestamp }}",
                timestamp: { header: X-HubSpot-Request-Timestamp, unit: ms } } }"#,
            "/hooks/a?at=a%3Ab%2fc&name=%C3%A9%28x%29",
            &[("x-hubspot-signature-v3", &hubspot), ("x-hubspot-request-timestamp", "1700000000000")],
            BODY,
        ),
    ]
}

fn tokens() -> Vec<Case> {
    let hash = hex(&Sha256::digest(BODY));
    let claims = format!(r#"{{"iat":1700000000,"exp":1700000900,"payload_hash":"{hash}"}}"#);
    let vonage = token(r#"{"alg":"HS256","typ":"JWT"}"#, &claims, |text| sha256("secret", text));
    let hs384 = token(r#"{"alg":"HS384"}"#, &claims, |text| mac::<Hmac<Sha384>>(b"secret", text));
    let hs512 = token(r#"{"alg":"HS512"}"#, &claims, |text| mac::<Hmac<Sha512>>(b"secret", text));
    let ed = token(r#"{"alg":"EdDSA"}"#, &claims, |text| key_pair().sign(text.as_bytes()).as_ref().to_vec());
    let public = base64(key_pair().public_key().as_ref());
    let bearer = |token: &str| format!("Bearer {token}");
    let jwt = |rest: &str| {
        format!("{{ jwt: {{ header: Authorization, prefix: \"Bearer \", body_hash: payload_hash, {rest} }} }}")
    };
    vec![
        case("vonage-jwt", &jwt("tolerance: 5m"), "/hooks/a", &[("authorization", &bearer(&vonage))], BODY),
        case("jwt-hs384", &jwt("algorithm: HS384"), "/hooks/a", &[("authorization", &bearer(&hs384))], BODY),
        case("jwt-hs512", &jwt("algorithm: HS512"), "/hooks/a", &[("authorization", &bearer(&hs512))], BODY),
        case(
            "jwt-eddsa",
            &jwt(&format!("algorithm: EdDSA, public_key: {public}")),
            "/hooks/a",
            &[("authorization", &bearer(&ed))],
            BODY,
        ),
        case(
            "jwt-rs256",
            &format!(
                "{{ jwt: {{ header: X-Webhook-Signature, algorithm: RS256, body_hash: sha256, public_key: {:?} }} }}",
                file("rsa-public.pem")
            ),
            "/hooks/a",
            &[("x-webhook-signature", &file("rs256-token.txt"))],
            BODY,
        ),
    ]
}

fn public_keys() -> Vec<Case> {
    let pem = file("rsa-public.pem");
    let ed = base64(key_pair().sign(BODY.as_bytes()).as_ref());
    let public = hex(key_pair().public_key().as_ref());
    let both = format!(
        "{{ any_of: [ {{ ed25519: {{ header: x-ghl-signature, public_key: \"{public}\" }} }},
            {{ rsa: {{ header: x-wh-signature, public_key: {pem:?} }} }} ] }}"
    );
    vec![
        case("ghl-new", &both, "/hooks/a", &[("x-ghl-signature", &ed)], BODY),
        case("ghl-legacy", &both, "/hooks/a", &[("x-wh-signature", &file("rsa-sha256.txt"))], BODY),
        case(
            "rsa-sha1",
            &format!("{{ rsa: {{ header: X-Signature, algorithm: sha1, public_key: {pem:?} }} }}"),
            "/hooks/a",
            &[("x-signature", &file("rsa-sha1.txt"))],
            BODY,
        ),
        case(
            "token",
            "{ token: { header: Authorization, prefix: \"Bearer \" } }",
            "/hooks/a",
            &[("authorization", "Bearer secret")],
            BODY,
        ),
        case("token-in-the-query", "{ token: { query: key } }", "/hooks/a?key=secret", &[], BODY),
        case("token-in-the-payload", "{ token: { field: $.token } }", "/hooks/a", &[], r#"{"token":"secret"}"#),
    ]
}

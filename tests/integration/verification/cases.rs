//! Signed requests: the published vectors, the captured requests, and what only is described.

use jackfield::event::RawRequest;
use serde_json::Value;

use super::{request, signed};
use crate::support::root;

/// A signed request, and how its sender is described.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub verify: String,
    pub secret: String,
    pub public_url: String,
    pub raw: RawRequest,
}

pub fn all() -> Vec<Case> {
    let vectors = std::fs::read_to_string(root().join("tests/verification/vectors.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_str(&vectors).unwrap();
    vectors.iter().map(of_vector).chain(captured()).chain(signed::all()).collect()
}

const TWILIO: &str = r#"{ hmac: { header: X-Twilio-Signature, algorithm: sha1, encoding: base64, signs: "{{ url }}{{ sorted_form }}" } }"#;
const PLIVO: &str = r#"{ hmac: { header: X-Plivo-Signature-V3, encoding: base64, separator: ",",
    signs: "{{ sorted_url }}.{{ headers['X-Plivo-Signature-V3-Nonce'] }}" } }"#;
const SLACK: &str = r#"{ hmac: { header: X-Slack-Signature, prefix: v0=, signs: "v0:{{ timestamp }}:{{ body }}",
    timestamp: { header: X-Slack-Request-Timestamp }, tolerance: 5m } }"#;
const META: &str = "{ hmac: { header: X-Hub-Signature-256, prefix: sha256= } }";
pub const STANDARD: &str = r#"{ hmac: { header: webhook-signature, prefix: "v1,", separator: " ", encoding: base64,
    key: base64, key_prefix: whsec_, signs: "{{ headers['webhook-id'] }}.{{ timestamp }}.{{ body }}",
    timestamp: { header: webhook-timestamp } } }"#;
const HUBSPOT_3: &str = r#"{ hmac: { header: X-HubSpot-Signature-v3, encoding: base64,
    signs: "{{ method }}{{ url_decoded }}{{ body }}{{ timestamp }}",
    timestamp: { header: X-HubSpot-Request-Timestamp, unit: ms } } }"#;
const GHL: &str = "{ ed25519: { header: x-ghl-signature, public_key: 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= } }";

/// How the sender of a scheme is described, and the headers beside the signature's.
fn scheme(vector: &Value) -> (String, &'static str, Vec<(&'static str, String)>) {
    let input = |name: &str| vector["inputs"][name].as_str().unwrap_or_default().to_owned();
    let name = vector["scheme"].as_str().unwrap();
    match name.split([' ', '/']).next().unwrap() {
        "twilio-v1" => (TWILIO.to_owned(), "x-twilio-signature", vec![]),
        "plivo-v1" => (TWILIO.replace("Twilio", "Plivo"), "x-plivo-signature", vec![]),
        "plivo-v3" => (PLIVO.to_owned(), "x-plivo-signature-v3", vec![("x-plivo-signature-v3-nonce", input("nonce"))]),
        "hubspot-v1" => (
            r#"{ sha256: { header: X-HubSpot-Signature, signs: "{{ secret }}{{ body }}" } }"#.to_owned(),
            "x-hubspot-signature",
            vec![],
        ),
        "hubspot-v2" => (
            r#"{ sha256: { header: X-HubSpot-Signature, signs: "{{ secret }}{{ method }}{{ url }}{{ body }}" } }"#
                .to_owned(),
            "x-hubspot-signature",
            vec![],
        ),
        "slack-v0" => (SLACK.to_owned(), "x-slack-signature", vec![("x-slack-request-timestamp", input("timestamp"))]),
        "x-hub-signature-256" => (META.to_owned(), "x-hub-signature-256", vec![]),
        "standard-webhooks" => (
            STANDARD.to_owned(),
            "webhook-signature",
            vec![("webhook-id", input("webhook-id")), ("webhook-timestamp", input("webhook-timestamp"))],
        ),
        "hex" => ("{ hmac: { header: X-Signature } }".to_owned(), "x-signature", vec![]),
        "x-shopify-hmac-sha256" => (
            "{ hmac: { header: X-Shopify-Hmac-Sha256, encoding: base64 } }".to_owned(),
            "x-shopify-hmac-sha256",
            vec![],
        ),
        "Ed25519" => (
            format!(
                "{{ ed25519: {{ header: X-Signature, encoding: hex, public_key: \"{}\" }} }}",
                input("public_key_hex")
            ),
            "x-signature",
            vec![],
        ),
        other => panic!("nothing describes the scheme {other}"),
    }
}

fn of_vector(vector: &Value) -> Case {
    let inputs = &vector["inputs"];
    let input = |name: &str| inputs[name].as_str().map(str::to_owned);
    let (verify, header, mut headers) = scheme(vector);
    headers.insert(0, (header, vector["expected"].as_str().unwrap().to_owned()));
    let plivo = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml";
    let url = input("url").unwrap_or_else(|| match vector["id"].as_str().unwrap() {
        "plivo-v1" => "http://foo.com/answer/".to_owned(),
        "plivo-v3-post-query" => format!("{plivo}/?a=b&c=d"),
        id if id.starts_with("plivo-v3") => plivo.to_owned(),
        _ => "https://hooks.example.com/hooks/a".to_owned(),
    });
    let method = input("method").unwrap_or_else(|| "POST".to_owned());
    let fields = inputs["params"].as_object().map(|fields| {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let fields = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value.as_str().unwrap())));
        fields.collect::<Vec<_>>().join("&")
    });
    let body = input("body").or_else(|| input("payload")).or_else(|| input("message_hex").map(|_| "r".to_owned()));
    let (query, body) = match (fields, method.as_str()) {
        (Some(fields), "GET") => (format!("?{fields}"), String::new()),
        (Some(fields), _) => {
            headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
            (String::new(), fields)
        }
        (None, _) => (String::new(), body.unwrap_or_default()),
    };
    let start = url.find("://").unwrap() + 3;
    let at = start + url[start..].find('/').unwrap();
    let secret = ["auth_token", "client_secret", "signing_secret", "secret"].iter().find_map(|name| input(name));
    Case {
        name: vector["id"].as_str().unwrap().to_owned(),
        verify,
        secret: secret.unwrap_or_else(|| "none".to_owned()),
        public_url: url[..at].to_owned(),
        raw: RawRequest {
            method,
            target: format!("{}{query}", &url[at..]),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.into_bytes(),
        },
    }
}

fn captured() -> Vec<Case> {
    let case = |name: &str, verify: &str, secret: &str| Case {
        name: name.to_owned(),
        verify: verify.to_owned(),
        secret: secret.to_owned(),
        public_url: match name {
            "plivo-call-event-v3" => "https://plivobin.non-prod.plivops.com",
            _ => "https://ingress.example.test",
        }
        .to_owned(),
        raw: request(name),
    };
    vec![
        case("twilio-voice-status-callback", TWILIO, "12345"),
        case("twilio-sms-incoming", TWILIO, "12345"),
        case("twilio-whatsapp-incoming", TWILIO, "12345"),
        case("twilio-recording-status-callback", TWILIO, "12345"),
        case("plivo-call-event-v3", PLIVO, "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"),
        case(
            "telnyx-call-event",
            r#"{ ed25519: { header: telnyx-signature-ed25519, signs: "{{ timestamp }}|{{ body }}",
                public_key: 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=, timestamp: { header: telnyx-timestamp } } }"#,
            "none",
        ),
        case(
            "callrail-post-call",
            "{ hmac: { header: Signature, algorithm: sha1, encoding: base64 } }",
            "072e77e426f92738a72fe23c4d1953b4",
        ),
        case(
            "zadarma-notify-end",
            r#"{ hmac: { header: Signature, algorithm: sha1, encoding: base64-of-hex,
                signs: "{{ form.caller_id }}{{ form.called_did }}{{ form.call_start }}" } }"#,
            "zadarma_test_secret",
        ),
        case(
            "mango-office-call-event",
            r#"{ sha256: { field: $.sign, signs: "{{ form.vpbx_api_key }}{{ form.json }}{{ secret }}" } }"#,
            "testsalt000000000000000000000000",
        ),
        case("dialpad-call-hangup-jwt", "{ jwt: {} }", "dialpad_test_secret"),
        case(
            "typeform-form-response",
            "{ hmac: { header: Typeform-Signature, prefix: sha256=, encoding: base64 } }",
            "typeform_test_secret",
        ),
        case("tally-form-response", "{ hmac: { header: Tally-Signature, encoding: base64 } }", "tally_test_secret"),
        case(
            "webflow-form-submission",
            r#"{ hmac: { header: x-webflow-signature, signs: "{{ timestamp }}:{{ body }}",
                timestamp: { header: x-webflow-timestamp, unit: ms } } }"#,
            "webflow_test_secret",
        ),
        case("meta-leadgen", META, "meta_app_secret"),
        case(
            "calendly-invitee-created",
            r#"{ hmac: { header: Calendly-Webhook-Signature, prefix: v1=, separator: ",", signs: "{{ timestamp }}.{{ body }}",
                timestamp: { header: Calendly-Webhook-Signature, prefix: t=, separator: "," } } }"#,
            "calendly_test_key",
        ),
        case("hubspot-crm-events-batch", HUBSPOT_3, "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"),
        case(
            "zendesk-ticket-created",
            r#"{ hmac: { header: X-Zendesk-Webhook-Signature, encoding: base64, signs: "{{ timestamp }}{{ body }}",
                timestamp: { header: X-Zendesk-Webhook-Signature-Timestamp, unit: iso } } }"#,
            "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
        ),
        case(
            "intercom-contact-user-updated",
            "{ hmac: { header: X-Hub-Signature, algorithm: sha1, prefix: sha1= } }",
            "intercom_client_secret",
        ),
        case("gohighlevel-contact-create", GHL, "none"),
        case("gohighlevel-inbound-message-sms", GHL, "none"),
        case("whatsapp-cloud-text", META, "meta_app_secret"),
        case("whatsapp-cloud-status-failed", META, "meta_app_secret"),
        case("slack-event-message", SLACK, "8f742231b10e8888abcd99yyyzzz85a5"),
        case("slack-block-actions", SLACK, "8f742231b10e8888abcd99yyyzzz85a5"),
        case("slack-url-verification", SLACK, "8f742231b10e8888abcd99yyyzzz85a5"),
        case(
            "chatwoot-message-created",
            r#"{ hmac: { header: X-Chatwoot-Signature, prefix: sha256=, signs: "{{ timestamp }}.{{ body }}",
                timestamp: { header: X-Chatwoot-Timestamp } } }"#,
            "chatwoot_test_secret",
        ),
        case(
            "zoom-url-validation",
            r#"{ hmac: { header: x-zm-signature, prefix: v0=, signs: "v0:{{ timestamp }}:{{ body }}",
                timestamp: { header: x-zm-request-timestamp } } }"#,
            "zoom_test_secret",
        ),
        case("pipedrive-v2-lead-change", "{ basic: {} }", "username:password"),
    ]
}

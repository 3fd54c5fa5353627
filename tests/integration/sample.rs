//! Captured requests of real senders, sent by `curl`, arrive at the sandbox as the exact requests expected.

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jackfield::clock::Clock;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Folder, Server, root};

/// Sends a captured request with `curl`, its headers and body as they are.
fn curl(folder: &Folder, server: &Server, sample: &str) -> (u16, String) {
    let bytes = std::fs::read(root().join("samples").join(sample)).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    std::fs::write(folder.path().join("body"), &bytes[end + 4..]).unwrap();
    let mut lines = head.lines();
    let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let mut command = Command::new("curl");
    command.args([
        "-s",
        "-w",
        "\n%{http_code}",
        "--data-binary",
        "@body",
        &format!("http://{}{target}", server.listen),
    ]);
    const OWN: &[&str] = &["Content-Length", "Connection", "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3"];
    for line in lines.filter(|line| !OWN.iter().any(|own| line.starts_with(own))) {
        command.args(["-H", line]);
    }
    if head.contains("X-HubSpot-Signature-v3") {
        for header in hubspot(&target, &bytes[end + 4..]) {
            command.args(["-H", &header]);
        }
    }
    let output = command.current_dir(folder.path()).output().expect("curl is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// What HubSpot signs, as of now: an old signature is refused.
fn hubspot(target: &str, body: &[u8]) -> [String; 2] {
    let time = Clock::default().now().0.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy").unwrap();
    for piece in ["POST".as_bytes(), b"https://ingress.example.test", target.as_bytes(), body, time.as_bytes()] {
        mac.update(piece);
    }
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    [format!("X-HubSpot-Request-Timestamp: {time}"), format!("X-HubSpot-Signature-v3: {signature}")]
}

/// What a request to a provider must be.
struct Expected {
    sample: &'static str,
    reply: u16,
    operation: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Value,
}

fn expected() -> Vec<Expected> {
    let all = json!({
        "missed_call": { "external_id": "jackfield-in_1790856000.1", "body": "Missed call to 442079460000 at 2026-01-15 12:34:56.",
            "from_client": { "phone": "447700900001" }, "channel_id": 3254 },
        "typeform": { "inbox_id": "1", "contact_email": "laura@example.com", "message": { "message_type": "incoming",
            "content": "Laura filled in the form.\nIt's cold right now! I live in an older medium-sized city with a university. Geographically, the area is hilly." },
            "custom_attributes": { "origin": "typeform", "favourite_city": "london" } },
        "hubspot": { "content": "HubSpot contact 1246965 is now a subscriber." },
        "freeswitch": { "content": "Call from 1001 to 1002: ended normally, 68 seconds of talk." },
    });
    vec![
        Expected {
            sample: "zadarma-missed-call.http",
            reply: 200,
            operation: "chat2desk.messages_inbox",
            path: "/v1/messages/inbox",
            headers: &[("authorization", "***")],
            body: all["missed_call"].clone(),
        },
        Expected {
            sample: "typeform-response.http",
            reply: 202,
            operation: "cloudchat.create_conversation",
            path: "/api/v1/accounts/3/conversations",
            headers: &[("api_access_token", "***")],
            body: all["typeform"].clone(),
        },
        Expected {
            sample: "hubspot-two-events.http",
            reply: 202,
            operation: "omnivibe.create_message",
            path: "/public/api/v1/inboxes/***/contacts/***/conversations/42/messages",
            headers: &[],
            body: all["hubspot"].clone(),
        },
        Expected {
            sample: "freeswitch-call-record.http",
            reply: 202,
            operation: "omnivibe.create_message",
            path: "/public/api/v1/inboxes/***/contacts/***/conversations/42/messages",
            headers: &[],
            body: all["freeswitch"].clone(),
        },
        Expected {
            sample: "rdstation-conversion.http",
            reply: 202,
            operation: "partoo.ingest_message",
            path: "/custom-channels/chn_1/messages",
            headers: &[("x-apikey", "***")],
            body: Value::Null,
        },
        Expected {
            sample: "kommo-lead-added.http",
            reply: 202,
            operation: "cloudchat.create_conversation",
            path: "/api/v1/accounts/3/conversations",
            headers: &[("api_access_token", "***")],
            body: Value::Null,
        },
        Expected {
            sample: "elementor-contact-form.http",
            reply: 200,
            operation: "chat2desk.messages_inbox",
            path: "/v1/messages/inbox",
            headers: &[("authorization", "***")],
            body: Value::Null,
        },
        Expected {
            sample: "twilio-call-completed.http",
            reply: 200,
            operation: "gohighlevel.inbound_message",
            path: "/conversations/messages/inbound",
            headers: &[("authorization", "***"), ("version", "2021-07-28")],
            body: Value::Null,
        },
    ]
}

#[test]
fn each_sample_arrives_at_its_provider_as_the_exact_request() {
    let folder = Folder::of_repository("samples");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let mut bodies = Vec::new();
    for (count, wanted) in expected().into_iter().enumerate() {
        let (reply, _) = curl(&folder, &server, wanted.sample);
        assert_eq!(reply, wanted.reply, "{}", wanted.sample);
        let received = crate::support::wait_for(wanted.sample, || {
            Some(server.received()).filter(|received| received.len() == count + 1)
        });
        let found = received.last().unwrap();
        let operation = format!("{}.{}", found["provider"].as_str().unwrap(), found["operation"].as_str().unwrap());
        assert_eq!((operation.as_str(), found["verdict"].as_str()), (wanted.operation, Some("good")), "{found}");
        assert_eq!((found["method"].as_str(), found["path"].as_str()), (Some("POST"), Some(wanted.path)));
        assert_eq!(found["headers"]["content-type"], "application/json");
        for (name, value) in wanted.headers {
            assert_eq!(found["headers"][name], *value, "{found}");
        }
        if !wanted.body.is_null() {
            assert_eq!(found["body"], wanted.body, "{}", wanted.sample);
        }
        bodies.push(json!({ "sample": wanted.sample, "to": operation, "body": found["body"] }));
    }
    let shown = serde_json::to_string_pretty(&bodies).unwrap();
    let masked = |part: &str| part.get(32..).map_or(part.to_owned(), |rest| format!("ID{rest}"));
    let mut parts = shown.split("evt_");
    let first = parts.next().unwrap().to_owned();
    insta::assert_snapshot!("bodies", parts.fold(first, |text, part| format!("{text}evt_{}", masked(part))));
    server.wait_for("eight deliveries", |status| {
        status["deliveries"]["delivered"] == 7 && status["deliveries"]["accepted"] == 1
    });
    assert_eq!(server.terminate(), 0);
    let log = folder.read("serve.log");
    for secret in
        ["typeform_test_secret", "laura@example.com", "447700900001", "test-omnivibe-inbox", "juan@correo.com"]
    {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[test]
fn the_same_event_again_makes_no_second_delivery() {
    let folder = Folder::of_repository("again");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    for _ in 0..3 {
        assert_eq!(curl(&folder, &server, "zadarma-missed-call.http").0, 200);
    }
    server.wait_for("three events, one delivery", |status| {
        status["events"]["accepted"] == 3 && status["events"]["unrouted"] == 0 && status["deliveries"]["delivered"] == 1
    });
    assert_eq!(server.received().len(), 1);
}

//! The built-in packs against the captured requests of their vendors.

use serde_json::Value;

use crate::support::{Folder, root, run};

const SETTINGS: &str = "
public_url: https://ingress.example.test
connections:
  partoo: { provider: partoo, api_key: key, channel_id: chn, business_id: b1 }
";

/// The webhook, its captured request, and the secret that it was signed with.
const SIGNED: &[(&str, &str, &str)] = &[
    ("freeswitch.json_cdr", "freeswitch", "fsuser:secret"),
    ("hubspot.crm_events", "hubspot", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"),
    ("twilio.sms", "twilio", "12345"),
    ("twilio.voice_status", "twilio", "12345"),
    ("typeform.form_response", "typeform", "typeform_test_secret"),
    ("zadarma.notify_end", "zadarma", "zadarma_test_secret"),
];

/// The samples that a webhook names in its pack.
fn sample(webhook: &str, vendor: &str) -> Vec<u8> {
    let (_, name) = webhook.split_once('.').unwrap();
    let pack = std::fs::read_to_string(root().join(format!("schemas/{vendor}/pack.yaml"))).unwrap();
    let of_webhook = pack.split(&format!("\n  {name}:")).nth(1).unwrap();
    let file = of_webhook.split("samples: [").nth(1).unwrap().split(']').next().unwrap();
    let bytes = std::fs::read(root().join(format!("schemas/{vendor}/{file}"))).unwrap();
    // FreeSWITCH's goes to an address of its own, which nothing signs.
    match bytes.strip_prefix(b"POST /cdr") {
        Some(rest) => [b"POST /hooks/cdr", rest].concat(),
        None => bytes,
    }
}

fn dry_run(webhook: &str, secret: &str, sample: &[u8]) -> Value {
    let line = String::from_utf8_lossy(sample.split(|byte| *byte == b'\r').next().unwrap()).into_owned();
    let target = line.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap().strip_prefix("/hooks").expect("the sample goes to a hook").to_owned();
    let route = format!(
        "source: {{ from: {webhook}, path: \"{path}\", secret: \"{secret}\" }}\nsend:\n  - to: partoo.ingest_message\n    \
         body: {{ external_conversation_id: c, external_message_id: m, content: hi, sender_type: Consumer }}\n"
    );
    let folder = Folder::with("packs", &[("jackfield.yaml", SETTINGS), ("routes/in.yaml", &route)]);
    std::fs::write(folder.path().join("sample.http"), sample).unwrap();
    let output = run(folder.path(), &["dry-run", "in", "--request", "sample.http", "--format", "json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_captured_requests_verify_and_are_read() {
    for (webhook, vendor, secret) in SIGNED {
        let found = dry_run(webhook, secret, &sample(webhook, vendor));
        assert_eq!(found["verified"], true, "{webhook}: {}", found["refused_because"]);
        assert!(found["events"].as_array().is_some_and(|events| !events.is_empty()), "{webhook}");
    }
}

#[test]
fn a_changed_byte_a_wrong_secret_and_a_missing_header_are_refused() {
    for (webhook, vendor, secret) in SIGNED {
        let good = sample(webhook, vendor);
        let wrong = dry_run(webhook, &format!("{secret}x"), &good);
        assert_eq!(wrong["verified"], false, "{webhook} takes a wrong secret");
        let signed_over_body = !webhook.starts_with("freeswitch") && !webhook.starts_with("zadarma");
        if signed_over_body {
            let mut changed = good.clone();
            let last = changed.iter().rposition(|byte| byte.is_ascii_digit()).unwrap();
            changed[last] = if changed[last] == b'7' { b'8' } else { b'7' };
            assert_eq!(dry_run(webhook, secret, &changed)["verified"], false, "{webhook} takes a changed body");
        }
        let text = String::from_utf8(good).unwrap();
        let bare: Vec<&str> = text.split("\r\n").filter(|line| !is_proof(line)).collect();
        assert_eq!(
            dry_run(webhook, secret, bare.join("\r\n").as_bytes())["verified"],
            false,
            "{webhook} takes no proof"
        );
    }
}

fn is_proof(line: &str) -> bool {
    let name = line.split(':').next().unwrap().to_lowercase();
    name.contains("signature") || name == "authorization"
}

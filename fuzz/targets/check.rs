//! Any text as a whole workspace: files, each under a line `=== path`, compiled with the built-in packs that it names.

#![no_main]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use jackfield::clock::Timestamp;
use jackfield::compile::{Input, SETTINGS, Secrets, compile};
use jackfield::document::reference::Environment;
use jackfield::load;
use libfuzzer_sys::fuzz_target;

type Files = BTreeMap<Arc<str>, Arc<str>>;

/// The packs that are built in: what a folder that is not there has.
static BUILT_IN: LazyLock<Files> = LazyLock::new(|| load::read(Path::new("/nowhere")).texts);

/// What `jackfield.yaml` says unless the text has its own.
const CONNECTIONS: &str = "
connections:
  chat2desk: { provider: chat2desk, token: '${env:KEY}', channel_id: 3254 }
  cloudchat: { provider: cloudchat, base_url: https://chat.example.com, account_id: 3, inbox_id: '1', api_access_token: t }
  partoo: { provider: partoo, api_key: k, channel_id: c, business_id: b }
vars: { team: sales }
";

/// The variables that the repository's own workspace and the broken ones in its tests name.
const VARIABLES: &str = "KEY ZADARMA_SECRET TWILIO_AUTH_TOKEN FREESWITCH_LOGIN TYPEFORM_SECRET ELEMENTOR_KEY \
    RDSTATION_KEY KOMMO_KEY HUBSPOT_CLIENT_SECRET CHAT2DESK_TOKEN OMNIVIBE_INBOX OMNIVIBE_CONTACT CLOUDCHAT_TOKEN \
    PARTOO_API_KEY GOHIGHLEVEL_TOKEN";

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    jackfield_fuzz::deep(move || check(&text));
});

fn check(text: &str) {
    let files = files(text);
    let read = |path: &str| files.get(path).map(|text| text.as_bytes().to_owned());
    let mut environment = Environment::default();
    environment.variables.extend(VARIABLES.split_whitespace().map(|name| (name.to_owned(), "user:k3y".to_owned())));
    let input = Input {
        files: files.clone(),
        environment,
        secrets: Secrets::Optional,
        sandbox: text.starts_with('s').then(|| "http://127.0.0.1:8090".into()),
        listen: None,
        samples: files.keys().filter(|path| path.starts_with("samples/")).cloned().collect(),
        read: &read,
        now: Timestamp(1_790_000_000_000),
        tests: true,
    };
    let compiled = compile(&input);
    for diagnostic in &compiled.diagnostics {
        jackfield_fuzz::is_drawable(diagnostic, &compiled.documents);
    }
}

fn files(text: &str) -> Files {
    let mut files = Files::new();
    for part in text.split("=== ").skip(1) {
        let (path, text) = jackfield_fuzz::first_line(part);
        files.insert(path.into(), text.into());
    }
    if files.is_empty() {
        files.insert("routes/a.yaml".into(), text.into());
    }
    files.entry(SETTINGS.into()).or_insert_with(|| CONNECTIONS.into());
    let named: String = files.values().map(|text| &**text).collect();
    for (path, text) in BUILT_IN.iter() {
        let vendor = path.split('/').nth(1).unwrap_or_default();
        let is_own = files.contains_key(format!("schemas/{vendor}/pack.yaml").as_str());
        if named.contains(vendor) && (!is_own || BUILT_IN.get(path) == files.get(path)) {
            files.entry(path.clone()).or_insert_with(|| text.clone());
        }
    }
    files
}

//! The built-in packs against the captured requests of their vendors: the tests that they carry, and what a forger would do.

use std::collections::BTreeMap;
use std::ops::Range;

use jackfield::config::Decode;
use jackfield::config::pack::{Pack, Webhook, WebhookExpect, WebhookTest};
use jackfield::diagnostic::Place;
use jackfield::document::Document;

use crate::support::{Folder, copy, root, run, transcript};

/// A workspace that has nothing of its own but a route.
const WORKSPACE: &[(&str, &str)] = &[
    (
        "jackfield.yaml",
        "connections: { partoo: { provider: partoo, api_key: word, channel_id: chn, business_id: b1 } }\n",
    ),
    (
        "routes/in.yaml",
        "source: { path: /in, verify: { token: { query: key } }, secret: word }\nsend:\n  - to: partoo.ingest_message\n    \
         body: { external_conversation_id: c, external_message_id: m, content: hi, sender_type: Consumer }\n",
    ),
];

/// Every pack as written, by vendor.
fn packs() -> BTreeMap<String, (Document, Pack)> {
    let folders = std::fs::read_dir(root().join("schemas")).unwrap().map(|entry| entry.unwrap());
    let read = |vendor: String| {
        let file = format!("schemas/{vendor}/pack.yaml");
        let (document, _) = Document::parse(&file, &std::fs::read_to_string(root().join(&file)).unwrap());
        let mut problems = Vec::new();
        let pack = Pack::decode(document.root.as_ref().unwrap(), &mut problems).unwrap();
        assert!(problems.is_empty(), "{file}: {}", problems[0].message);
        (vendor, (document, pack))
    };
    folders.map(|folder| read(folder.file_name().into_string().unwrap())).collect()
}

fn check(folder: &Folder) -> String {
    transcript(&run(folder.path(), &["check"]))
}

fn with_packs(name: &str) -> Folder {
    let folder = Folder::with(name, WORKSPACE);
    copy(&root().join("schemas"), &folder.path().join("schemas"));
    folder
}

/// What `explain` shows of a webhook or an operation says all that is needed, and refers to nothing that it does not show.
#[test]
fn what_an_account_or_a_source_needs_besides_is_said_where_it_is_needed() {
    let mut lacking = Vec::new();
    for (vendor, (document, pack)) in packs() {
        let written = |section: &str, name: &str| {
            let node = document.root.as_ref().unwrap().get(section).unwrap().get(name).unwrap();
            document.text[node.span.clone()].to_owned()
        };
        for named in pack.webhooks.iter() {
            let webhook = written("webhooks", &named.name.value);
            let signs_address = webhook.lines().any(|line| line.contains("signs:") && line.contains("url"));
            let told = named.value.description.as_ref().is_some_and(|text| text.value.contains("`public_url`"));
            if signs_address != told {
                lacking.push(format!("{vendor}.{}: the address is signed, and `public_url`", named.name.value));
            }
        }
        let guards = pack.webhooks.iter().map(|named| (&named.name.value, &named.value.loop_guard));
        let guards = guards.chain(pack.operations.iter().map(|named| (&named.name.value, &named.value.loop_guard)));
        for (name, _) in
            guards.filter(|(_, guard)| guard.as_ref().is_some_and(|text| text.value.starts_with("As with")))
        {
            lacking.push(format!("{vendor}.{name}: the loop guard is said elsewhere"));
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn every_webhook_is_described_and_has_samples_and_tests() {
    let mut lacking = Vec::new();
    for (vendor, (_, pack)) in packs() {
        for named in pack.webhooks.iter() {
            let webhook = &named.value;
            let has = [
                ("a description", webhook.description.is_some()),
                // What Jackfield sends itself is told of here.
                ("docs", webhook.docs.is_some() || vendor == "jackfield"),
                ("a sample", !webhook.samples.is_empty()),
                ("a test", !webhook.tests.is_empty()),
            ];
            let missing = has.iter().filter(|(_, there)| !there).map(|(what, _)| *what);
            lacking.extend(missing.map(|what| format!("{vendor}.{} lacks {what}", &*named.name.value)));
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

#[test]
fn the_tests_of_all_packs_pass() {
    let webhooks = |pack: &Pack| pack.webhooks.iter().map(|webhook| webhook.value.tests.len()).sum::<usize>();
    let count: usize = packs().values().map(|(_, pack)| webhooks(pack)).sum();
    assert_eq!(check(&with_packs("packs")), format!("1 route, 0 tests, {count} pack tests: all good\n--- exit 0\n"));
}

/// A change to a test whose request is taken, after which it must be refused: parts of pack.yaml with what they become,
/// and a new sample.
struct Forgery {
    secret: Option<String>,
    sample: Option<Vec<u8>>,
}

/// Makes a forgery of every test whose request proves itself, and counts those of which it is refused.
fn forge(name: &str, forged: impl Fn(&Attempt) -> Option<Forgery>) -> usize {
    let folder = with_packs(name);
    let mut count = 0;
    for (vendor, (document, pack)) in packs() {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        for webhook in pack.webhooks.iter().map(|named| &named.value) {
            let Some(proof) = proof(&document, webhook) else { continue };
            for test in webhook.tests.iter().filter(|test| matches!(test.expect, WebhookExpect::Events(_))) {
                let attempt = Attempt::new(&vendor, &document, &proof, test);
                let Some(forgery) = forged(&attempt) else { continue };
                let at = |key: &str| document.resolve(&test.place.key(key));
                edits.push((at("expect"), "refused".to_owned()));
                edits.extend(forgery.secret.map(|secret| (at("secret"), format!("{secret:?}"))));
                if let Some(sample) = forgery.sample {
                    let file = format!("samples/forged-{count}.http");
                    std::fs::write(folder.path().join(format!("schemas/{vendor}/{file}")), sample).unwrap();
                    edits.push((at("request"), file));
                }
                count += 1;
            }
        }
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut text = document.text.to_string();
        edits.into_iter().for_each(|(range, by)| text.replace_range(range, &by));
        folder.write(&document.file, &text);
    }
    let report = check(&folder);
    assert!(report.ends_with(": all good\n--- exit 0\n"), "{name}: taken, and should be refused:\n{report}");
    count
}

/// A test whose request is taken, for whoever wants to forge it.
struct Attempt {
    /// `verify` as written.
    proof: String,
    secret: Option<String>,
    head: String,
    body: Vec<u8>,
}

/// How a webhook verifies, as written; nothing where anyone may send.
fn proof(document: &Document, webhook: &Webhook) -> Option<String> {
    webhook.verify.as_ref()?;
    let text = text(document, &webhook.place.key("verify"));
    (text != "none").then_some(text)
}

fn text(document: &Document, place: &Place) -> String {
    document.text[document.resolve(place)].to_owned()
}

impl Attempt {
    fn new(vendor: &str, document: &Document, proof: &str, test: &WebhookTest) -> Self {
        let bytes = std::fs::read(root().join(format!("schemas/{vendor}/{}", test.request.value))).unwrap();
        let find = |end: &[u8]| bytes.windows(end.len()).position(|window| window == end).map(|at| at + end.len());
        let body = find(b"\r\n\r\n").or_else(|| find(b"\n\n")).unwrap_or(bytes.len());
        Attempt {
            proof: proof.to_owned(),
            secret: test.secret.as_ref().map(|secret| text(document, &secret.place)),
            head: String::from_utf8(bytes[..body].to_vec()).unwrap(),
            body: bytes[body..].to_vec(),
        }
    }

    /// Whether what proves the request covers its whole body.
    fn covers_body(&self) -> bool {
        let is = |word: &str| self.proof.contains(word);
        match (is("signs"), is("jwt")) {
            (true, _) => is("body") || is("sorted_form"),
            (false, true) => is("body_hash") || !is("header"),
            (false, false) => is("hmac") || is("ed25519") || is("rsa"),
        }
    }

    /// The request with another secret behind it: each letter and digit is the next one.
    fn with_wrong_secret(&self) -> Option<Forgery> {
        let secret = self.secret.as_ref()?.trim_matches(['"', '\'', '[', ']']);
        let fixed = secret.rfind('_').map_or(0, |at| at + 1);
        let next = |c: char| match c {
            'z' | 'Z' | '9' => '0',
            c if c.is_ascii_alphanumeric() => (c as u8 + 1) as char,
            c => c,
        };
        let wrong = secret[..fixed].to_owned() + &secret[fixed..].chars().map(next).collect::<String>();
        Some(Forgery { secret: Some(wrong), sample: None })
    }

    fn with_changed_body(&self) -> Option<Forgery> {
        let mut body = self.body.clone();
        let last =
            body.iter().rposition(u8::is_ascii_digit).or_else(|| body.iter().rposition(u8::is_ascii_alphabetic))?;
        body[last] = if body[last] == b'7' { b'8' } else { b'7' };
        self.covers_body().then(|| Forgery { secret: None, sample: Some([self.head.as_bytes(), &body].concat()) })
    }

    /// Without a query, without any header that could prove something, and where the proof is in the body without that.
    fn without_proof(&self) -> Forgery {
        const PLAIN: &[&str] = &["host", "content-type", "content-encoding", "user-agent"];
        let mut lines = self.head.lines();
        let target = lines.next().unwrap().split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
        let is_plain = |line: &&str| PLAIN.contains(&line.split(':').next().unwrap().to_lowercase().as_str());
        let kept: Vec<&str> = lines.filter(is_plain).collect();
        let is_in_body = self.proof.contains("field") || (self.proof.contains("jwt") && !self.proof.contains("header"));
        let body = match (is_in_body, self.head.to_lowercase().contains("json")) {
            (false, _) => self.body.clone(),
            (true, true) => b"{}".to_vec(),
            (true, false) => b"a=1".to_vec(),
        };
        let head = format!("{target} HTTP/1.1\r\n{}\r\n\r\n", kept.join("\r\n"));
        Forgery { secret: None, sample: Some([head.as_bytes(), &body].concat()) }
    }
}

#[test]
fn a_wrong_secret_is_refused() {
    assert!(forge("wrong-secret", Attempt::with_wrong_secret) > 8);
}

#[test]
fn a_changed_body_is_refused() {
    assert!(forge("changed-body", Attempt::with_changed_body) > 3);
}

#[test]
fn a_request_without_proof_is_refused() {
    assert!(forge("no-proof", |attempt| Some(attempt.without_proof())) > 8);
}

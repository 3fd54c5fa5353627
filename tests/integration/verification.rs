//! Verification: what senders publish and send is taken, and nothing that was changed on its way.

mod cases;
mod covered;
mod invented;
mod others;
mod signed;
mod tampering;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield::clock::Timestamp;
use jackfield::compile::{Compiled, Input, Secrets, compile, with_stack};
use jackfield::document::reference::Environment;
use jackfield::event::{RawRequest, capture};
use jackfield::source::Source;
use jackfield::value::Value;
use jackfield::verify::VerifyError;

use crate::support::root;
use cases::Case;

/// A workspace of one route whose source verifies as written.
fn compiled(verify: &str, secret: &str) -> Compiled {
    let route = format!(
        "source:\n  path: /a\n  methods: [POST, GET]\n  verify: {verify}\n  secret: ${{env:SECRET}}\n\
         send: [{{ to: acme.take, body: {{ id: \"{{{{ event.id }}}}\" }} }}]\n"
    );
    let pack = "title: Acme\nbase_url: https://acme.example.com\noperations:\n  take: { path: /a, request: { json: take.json } }\n";
    let files = [
        ("jackfield.yaml", "connections: { acme: { provider: acme } }\n"),
        ("routes/a.yaml", &route),
        ("schemas/acme/pack.yaml", pack),
        ("schemas/acme/take.json", "{}"),
    ];
    let variables = BTreeMap::from([("SECRET".to_owned(), secret.to_owned())]);
    let input = Input {
        files: files.map(|(path, text)| (path.into(), text.into())).into(),
        environment: Environment { variables, ..Environment::default() },
        secrets: Secrets::Required,
        sandbox: None,
        listen: None,
        samples: Vec::new(),
        read: &|_| None,
        now: Timestamp(0),
        tests: false,
    };
    with_stack(|| compile(&input)).unwrap()
}

/// The source of a case; nothing where it can't be compiled.
fn source(verify: &str, secret: &str) -> Option<Arc<Source>> {
    let compiled = compiled(verify, secret);
    compiled.is_good().then(|| compiled.set.sources.get("a").cloned()).flatten()
}

fn verified(source: &Source, case: &Case, raw: &RawRequest) -> Result<(), VerifyError> {
    verified_at(source, case, raw, case.now(source))
}

fn verified_at(source: &Source, case: &Case, raw: &RawRequest, now: Timestamp) -> Result<(), VerifyError> {
    let raw = Arc::new(raw.clone());
    source.verify.verify(&source.context(&raw, &Value::Null, &case.public_url, now)).map(|_| ())
}

impl Case {
    /// The clock of the request.
    fn now(&self, source: &Source) -> Timestamp {
        let raw = Arc::new(self.raw.clone());
        source.verify.signed_at(&source.context(&raw, &Value::Null, &self.public_url, Timestamp(0))).unwrap_or_default()
    }
}

#[test]
fn what_senders_publish_and_send_is_verified() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        match source(&case.verify, &case.secret) {
            Some(source) => {
                let found = verified(&source, &case, &case.raw);
                wrong.extend(found.err().map(|error| format!("{}: {error}", case.name)));
            }
            None => {
                let problems = compiled(&case.verify, &case.secret).diagnostics;
                wrong.push(format!("{}: does not compile: {problems:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases::all().len() > 60, "there are only {} cases", cases::all().len());
}

/// Each kind of the page of the language has an example that compiles.
#[test]
fn the_kinds_of_the_docs_compile() {
    let page = std::fs::read_to_string(root().join("docs/language.md")).unwrap();
    let pem = std::fs::read_to_string(root().join("tests/verification/rsa-public.pem")).unwrap();
    let rows =
        page.lines().skip_while(|line| !line.starts_with("| kind |")).skip(2).take_while(|line| !line.is_empty());
    let examples: Vec<&str> =
        rows.filter_map(|row| row.trim_end_matches(" |").rsplit_once(" | `")).map(|row| row.1).collect();
    assert_eq!(examples.len(), 8);
    for example in examples {
        let example = example.trim_end_matches('`');
        let filled = example.replace("${env:SENDER_KEY}", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        let filled = filled.replace("\"${file:keys/sender.pem}\"", &format!("{pem:?}"));
        let problems = compiled(&filled, "user:password").diagnostics;
        assert!(problems.is_empty(), "{example}: {problems:?}");
    }
}

fn request(name: &str) -> RawRequest {
    let file = root().join("tests/verification/requests").join(format!("{name}.http"));
    capture::parse(&std::fs::read(file).unwrap()).unwrap()
}

/// What would let anyone send another request is not kept; a signature is good for one only, and is.
#[test]
fn credentials_are_not_kept() {
    for (name, hidden) in [("vonage-jwt", true), ("token", true), ("pipedrive-v2-lead-change", true), ("stripe", false)]
    {
        let case = cases::all().into_iter().find(|case| case.name == name).unwrap();
        let source = source(&case.verify, &case.secret).unwrap();
        let raw = Arc::new(case.raw.clone());
        let context = source.context(&raw, &Value::Null, &case.public_url, case.now(&source));
        let (kept, _) = source.without_credentials(source.verify.verify(&context).unwrap(), Value::Null);
        assert_eq!(kept.raw().headers.iter().any(|(_, value)| value == "***"), hidden, "{name}");
        assert_eq!(**kept.raw() == case.raw, !hidden, "{name}");
    }
}

/// A token in a field is masked where it stands, however it is written there, and nothing else is.
#[test]
fn a_token_in_the_body_is_not_kept() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let xml = ("content-type", "text/xml");
    let cases = [
        ("$.token", "a/b+c", form, "a=a%2Fb%2Bc&token=a%2Fb%2Bc&b=1", "a=a%2Fb%2Bc&token=***&b=1"),
        ("$.auth.token", "k3y", form, "id=k3y&auth[token]=k3y", "id=k3y&auth[token]=***"),
        ("$.token", "a/\"é", ("x-a", "b"), r#"{"t":"a/\"é","token":"a\/\"é"}"#, r#"{"t":"a/\"é","token":"***"}"#),
        ("$.token", "t", ("x-a", "b"), r#"{"text":"t","token":"t"}"#, r#"{"text":"t","token":"***"}"#),
        ("$.a.token", "a<b", xml, "<a><token>a&lt;b</token></a>", "<a><token>***</token></a>"),
        ("$.a.token", "a<b", xml, "<a><token>&#97;&#x3c;b</token></a>", "<a><token>***</token></a>"),
        ("$.token", "k3y", form, "token=%6B3%79&b=1", "token=***&b=1"),
        ("$.token", "k3y é", form, "a=1&token=k3y+%e9", "a=1&token=***"),
        ("$.token", "k3y", ("x-a", "b"), r#"{"token":"\u006b3\u0079"}"#, r#"{"token":"***"}"#),
    ];
    for (path, secret, (name, value), body, kept) in cases {
        let source = source(&format!("{{ token: {{ field: \"{path}\" }} }}"), secret).unwrap();
        let headers = vec![(name.to_owned(), value.to_owned())];
        let raw = RawRequest { method: "POST".to_owned(), target: "/hooks/a".to_owned(), headers, body: body.into() };
        let raw = Arc::new(raw);
        let context = source.context(&raw, &Value::Null, "", Timestamp(0));
        let verified = source.verify.verify(&context).unwrap_or_else(|error| panic!("{body}: {error}"));
        let (verified, _) = source.without_credentials(verified, Value::Null);
        assert_eq!(String::from_utf8_lossy(&verified.raw().body), kept);
    }
}

/// However the name of its parameter is written: what is read by it is masked by it.
#[test]
fn a_token_in_the_query_is_not_kept() {
    let source = source("{ token: { query: key } }", "k3y").unwrap();
    let cases = [
        ("?key=k3y", "?key=***"),
        ("?a=1&key=k3y&b", "?a=1&key=***&b"),
        ("?%6Bey=k3y", "?%6Bey=***"),
        ("?%6b%65%79=%6b3y", "?%6b%65%79=***"),
        ("?%EF%BB%BFkey=k3y", "?%EF%BB%BFkey=***"),
        ("?a=1&%ef%bb%bfkey=k3y", "?a=1&%ef%bb%bfkey=***"),
        ("?%FF%FEk%00e%00y%00=k3y", "?%FF%FEk%00e%00y%00=***"),
        ("?\u{feff}key=k3y", "?\u{feff}key=***"),
        ("?_charset_=utf-8&key=k3y", "?_charset_=utf-8&key=***"),
        ("?&&key=k3y&", "?&&key=***&"),
    ];
    for (query, kept) in cases {
        let target = format!("/hooks/a{query}");
        let raw = Arc::new(RawRequest { method: "POST".to_owned(), target, headers: Vec::new(), body: b"{}".to_vec() });
        let context = source.context(&raw, &Value::Null, "", Timestamp(0));
        let verified = source.verify.verify(&context).unwrap_or_else(|error| panic!("{query}: {error}"));
        let (verified, _) = source.without_credentials(verified, Value::Null);
        assert_eq!(verified.raw().target, format!("/hooks/a{kept}"));
    }
}

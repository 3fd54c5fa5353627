//! Plans made, stored, read again and opened, as a worker does.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Content, Key, Known, Opened, Plan, Saved};
use crate::clock::Timestamp;
use crate::compile::{Compiled, Input, Secrets, compile, with_stack};
use crate::diagnostic::text;
use crate::document::reference::Environment;
use crate::event::capture;
use crate::pack::outcome::Answer;
use crate::pipeline::{self, Prepared, RouteResult};
use crate::request::masked;
use crate::test_case;
use crate::value::Value;

const SETTINGS: &str = "connections:
  omnivibe: { provider: omnivibe, inbox_identifier: \"${env:KEY}\" }
  chatwoot:
    { provider: chatwoot, base_url: https://chat.example.com, account_id: 1, inbox_id: 5, api_access_token: \"${env:KEY}\" }
";

const START: &str = "source: { path: /in, verify: { token: { query: key } }, secret: \"${env:KEY}\" }
extract: { name: $.name, email: $.email, phone?: $.phone }
";

/// A workspace with one route that goes on so.
fn workspace(route: &str) -> Compiled {
    workspace_of(SETTINGS, route)
}

fn workspace_of(settings: &str, route: &str) -> Compiled {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for pack in ["omnivibe", "chatwoot"] {
        for entry in std::fs::read_dir(root.join("schemas").join(pack)).unwrap().map(Result::unwrap) {
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                files.insert(format!("schemas/{pack}/{}", entry.file_name().to_str().unwrap()).into(), text.into());
            }
        }
    }
    files.insert("jackfield.yaml".into(), settings.into());
    files.insert("routes/r.yaml".into(), format!("{START}{route}").into());
    let input = Input {
        files,
        environment: Environment {
            variables: [("KEY".to_owned(), "secret-inbox".to_owned())].into(),
            files: BTreeMap::new(),
        },
        secrets: Secrets::Required,
        sandbox: None,
        listen: None,
        samples: Vec::new(),
        read: &|_| None,
        now: Timestamp(0),
        tests: false,
    };
    let compiled = with_stack(|| compile(&input)).unwrap();
    assert!(compiled.is_good(), "{:#?}", compiled.diagnostics);
    compiled
}

fn prepared(compiled: &Compiled, payload: &str) -> Prepared {
    let route = compiled.set.route("r").unwrap();
    let source = &compiled.set.sources[&route.source];
    let raw = capture::parse(payload.as_bytes()).unwrap();
    let event = test_case::events(&compiled.set, source, raw, Timestamp(0)).unwrap().remove(0);
    match pipeline::run_one(&compiled.set, route, &event).result {
        RouteResult::Taken(mut taken) => taken.sends.remove(0),
        other => panic!("{other:?}"),
    }
}

/// The plan of the first delivery, stored and read again.
fn plan(compiled: &Compiled, payload: &str) -> Plan {
    let Prepared::Planned(plan) = prepared(compiled, payload) else { panic!("not a plan") };
    let stored = plan.to_json(&|place| text::at(place, &compiled.documents));
    let read = Plan::from_json(stored.as_bytes()).unwrap();
    assert_eq!(read.to_json(&|place| place.to_string()), stored, "what is read is what was stored");
    assert!(!stored.contains("secret-inbox"), "a secret is named, never stored");
    read
}

fn answer(body: &str) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// What a step calls: `POST /path body`; nothing when it is left out.
fn called(compiled: &Compiled, plan: &Plan, step: usize, saved: &Saved) -> Option<String> {
    match plan.open(step, saved, &compiled.set, "dlv").unwrap() {
        Opened::Skip => None,
        Opened::Call(request) => {
            let body = request.body.as_ref().map(|body| format!(" {}", body.to_json())).unwrap_or_default();
            Some(format!("{} {}{body}", request.method, masked(&request.path)))
        }
    }
}

const ENSURE: &str = "send:
  - to: omnivibe.ensure_message
    body: { contact: { source_id: \"form-{{ email }}\", name: \"{{ name }}\", phone_number: \"{{ phone }}\" }, content: \"{{ name }}: hi\" }
";
const ANA: &str = r#"{ "name": "Ana", "email": "ana@example.com" }"#;
const INBOX: &str = "/public/api/v1/inboxes/***/contacts";

#[test]
fn a_chain_is_opened_step_by_step() {
    let compiled = workspace(ENSURE);
    let plan = plan(&compiled, ANA);
    let mut saved = Saved::default();
    assert_eq!(plan.last(), 3);
    let first = called(&compiled, &plan, 0, &saved).unwrap();
    assert_eq!(first, format!("POST {INBOX} {{\"source_id\":\"form-ana@example.com\",\"name\":\"Ana\"}}"));
    saved.set(0, plan.steps[0].saved(&answer(r#"{ "source_id": "form-ana@example.com", "id": 7 }"#)).unwrap());
    saved.set(1, plan.steps[1].saved(&answer("[]")).unwrap());
    let contact = format!("{INBOX}/form-ana%40example.com/conversations");
    assert_eq!(called(&compiled, &plan, 1, &saved).unwrap(), format!("GET {contact}"));
    assert_eq!(called(&compiled, &plan, 2, &saved).unwrap(), format!("POST {contact} {{}}"));
    saved.set(2, plan.steps[2].saved(&answer(r#"{ "id": 12 }"#)).unwrap());
    let last = called(&compiled, &plan, 3, &saved).unwrap();
    assert_eq!(last, format!("POST {contact}/12/messages {{\"content\":\"Ana: hi\"}}"));
}

#[test]
fn what_is_known_already_is_not_called() {
    let compiled = workspace(ENSURE);
    let plan = plan(&compiled, ANA);
    let ledger = [(0, r#"{"source_id":"a"}"#), (1, r#"{"conversation_id":9}"#), (2, "{}")];
    let saved = Saved::from_ledger(ledger).unwrap();
    assert!(saved.has(2) && !saved.has(3));
    assert_eq!(called(&compiled, &plan, 2, &saved), None);
    assert!(called(&compiled, &plan, 3, &saved).unwrap().contains("/conversations/9/messages"));
}

#[test]
fn what_an_answer_lacks_is_told_at_the_line_that_wants_it() {
    let compiled = workspace(ENSURE);
    let plan = plan(&compiled, ANA);
    let problem = plan.steps[0].saved(&answer(r#"{ "sourceId": "a" }"#)).unwrap_err();
    assert!(problem.message.starts_with("of the answer of `omnivibe.create_contact`, `source_id` found no value"));
    assert!(problem.place().unwrap().to_string().starts_with("schemas/omnivibe/pack.yaml:"), "{problem:?}");
}

#[test]
fn the_same_call_is_known_again_at_the_same_account_alone() {
    let memory = |settings: &str| {
        let compiled = workspace(ENSURE);
        let plan = plan(&compiled, ANA);
        let live = workspace_of(settings, ENSURE);
        plan.memory(0, &Saved::default(), &live.set).unwrap().unwrap()
    };
    let first = memory(SETTINGS);
    assert!(first.key.starts_with("omnivibe.create_contact/") && first.key.ends_with("/form-ana@example.com"));
    assert_eq!(first.period.as_secs(), 30 * 24 * 3600);
    assert_eq!(first, memory(SETTINGS));
    let other = SETTINGS.replace("inbox_identifier: ", "base_url: https://other.example.com, inbox_identifier: ");
    assert_ne!(first, memory(&other));
}

const STEPS: &str = "lookup:
  - call: chatwoot.search_contacts
    query: { q: \"{{ email }}\" }
    save: { known?: \"$.payload[0].name\" }
send:
  - to: omnivibe.ensure_message
    when: \"{{ known != 'Nobody' }}\"
    body: { contact: { source_id: \"{{ email }}\" }, content: \"{{ known or name }} wrote\" }
";

#[test]
fn a_lookup_is_made_once_for_each_event_and_its_names_reach_the_chain() {
    let compiled = workspace(STEPS);
    let plan = plan(&compiled, ANA);
    assert!(matches!(&plan.steps[0].remember.as_ref().unwrap().key, Key::Once(key) if key.ends_with("/r/0")));
    assert!(matches!(plan.steps[0].content, Content::Ready(_)));
    let mut saved = Saved::default();
    saved.set(0, plan.steps[0].saved(&answer(r#"{ "payload": [{ "name": "Ana Souza" }] }"#)).unwrap());
    for (step, body) in [(1, r#"{"source_id":"ana"}"#), (2, "[]"), (3, r#"{"id":1}"#)] {
        assert!(called(&compiled, &plan, step, &saved).is_some());
        saved.set(step, plan.steps[step].saved(&answer(body)).unwrap());
    }
    let last = called(&compiled, &plan, 4, &saved).unwrap();
    assert!(last.ends_with("/conversations/1/messages {\"content\":\"Ana Souza wrote\"}"), "{last}");
    saved.set(0, plan.steps[0].saved(&answer(r#"{ "payload": [{ "name": "Nobody" }] }"#)).unwrap());
    assert_eq!(called(&compiled, &plan, 1, &saved), None, "the condition of the delivery holds for all of its calls");
    assert_eq!(called(&compiled, &plan, 4, &saved), None);
}

#[test]
fn a_body_that_breaks_the_schema_only_now_is_told() {
    let compiled = workspace(
        "send:
  - to: omnivibe.create_message
    steps:
      - call: chatwoot.search_contacts
        query: { q: \"{{ email }}\" }
        save: { text: $.text }
    params: { contact_identifier: \"{{ email }}\", conversation_id: 4 }
    body: { content: \"{{ text }}\", echo_id: \"{{ name }}\" }
",
    );
    let plan = plan(&compiled, ANA);
    let mut saved = Saved::default();
    saved.set(0, Value::object([("text", 5)]));
    let problem = plan.open(1, &saved, &compiled.set, "dlv").unwrap_err();
    assert_eq!(problem.code.word(), "invalid-body");
    assert!(problem.place().unwrap().to_string().starts_with("routes/r.yaml:10:"), "{problem:?}");
}

#[test]
fn one_call_is_stored_as_its_request_unless_its_unknown_outcome_is_kept() {
    let send = "send:
  - to: omnivibe.create_message
    params: { contact_identifier: a, conversation_id: 4 }
    body: { content: \"{{ name }} ({{ email }}, {{ phone | default('-') }})\" }
";
    let compiled = workspace(send);
    let Prepared::Ready(request) = prepared(&compiled, ANA) else { panic!("a plan") };
    let read = Plan::from_json(request.to_value().to_json().as_bytes()).unwrap();
    let Content::Ready(again) = &read.steps[0].content else { panic!("late") };
    assert_eq!(**again, *request);
    assert_eq!(read.to_json(&|_| String::new()), request.to_value().to_json());
    let compiled = workspace(&format!("on_unknown: hold\n{send}"));
    let plan = plan(&compiled, ANA);
    assert_eq!((plan.steps.len(), plan.on_unknown), (1, super::OnUnknown::Hold));
}

#[test]
fn a_name_that_is_given_makes_the_rest_known() {
    let compiled = workspace(ENSURE);
    let plan = plan(&compiled, ANA);
    let count = |given: &[(Arc<str>, Option<Value>)]| {
        let steps = plan.preview(&compiled.set, given);
        steps.iter().filter(|step| matches!(step.state, Known::Whole(_))).count()
    };
    assert_eq!(count(&[]), 1);
    assert_eq!(count(&[("source_id".into(), Some("a".into()))]), 2);
    let both = [("source_id".into(), Some("a".into())), ("conversation_id".into(), Some(7.into()))];
    assert_eq!(count(&both), 3, "the conversation is not made");
}

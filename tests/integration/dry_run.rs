//! `dry-run`: what it shows, from outside, with its exact output.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Folder, jackfield, run, transcript};

/// A provider whose operation has nested fields, lists, defaults, and an address with a setting in it.
const PACK: &str = r#"
title: Acme
base_url: https://api.acme.example
settings:
  token: { secret: true, required: true }
  space: { secret: true, required: true }
  desk: { description: The desk }
headers: { Authorization: "Bearer {{ connection.token }}", X-Desk: "desk {{ connection.desk }}" }
operations:
  note:
    path: /spaces/{space}/desks/{desk}/{kind}
    request: { json: note.json }
    defaults: { source: webhook, desk: "{{ connection.desk }}" }
    response: [{ delivered: "{{ status == 200 }}" }]
    idempotency: { field: key }
"#;

const SCHEMA: &str = r#"{ "type": "object", "required": ["key"], "additionalProperties": false, "properties": {
  "key": { "type": "string" }, "text": { "type": "string" }, "source": { "type": "string" }, "desk": { "type": "string" },
  "tags": { "type": "array", "items": { "type": "string" } }, "count": { "type": "integer" },
  "items": { "type": "array" }, "contact": { "type": "object" } } }"#;

const SETTINGS: &str = "
vars: { team: sales }
connections:
  acme: { provider: acme, token: t0ken-of-acme, space: sp4ce, desk: d1 }
";

/// Extracts of every sort, and a body with constants, templates, lists and nested objects.
const ROUTE: &str = r#"
source: { path: "/calls/{line}", verify: { token: { query: key } }, secret: s3cret }

match: "{{ payload.status == 'missed' and (payload.direction == 'in' or payload.forwarded) and not payload.test }}"

extract:
  who: { path: $.from.phone, as: phone, region: BR }
  name?: $.answers[?@.ref == 'name'].text
  email?: $.from.email
  topic?: $.from.topic
  kind: { path: $.kind, map: { a: alpha, b: beta }, else: other }
  tags: { path: "$.items[*].tag", all: true }
  count: { first_of: [$.count, $.size], as: integer, default: 3 }
  from: $.from
  id: $.id

identity: "{{ id }}"
lane: "{{ email or who }}"

send:
  - to: acme.note
    params: { kind: "{{ kind }}" }
    query: { page: "{{ count }}", q: "{{ name }}" }
    headers: { X-Team: "{{ vars.team }}" }
    body:
      key: "{{ id }}"
      text: |
        Call of {{ name | default('somebody') }} on {{ request.params.line }}:
        {{ kind }}
      tags: [fixed, "{{ topic }}", "{{ name }}"]
      items: [{ tag: "{{ tags | first }}", at: "{{ payload.when }}" }]
      contact: { name: "{{ name }}", mail: "{{ email }}", city: "{{ from.city }}", seen: [] }
      count: "{{ count }}"
  - to: acme.note
    when: "{{ email is defined or count > 5 }}"
    params: { kind: mail }
    body: { key: "{{ id }}-2", text: "{{ count }} {{ request.query.key }}" }
"#;

const CALL: &str = r#"POST /hooks/calls/7?key=s3cret HTTP/1.1
Content-Type: application/json

{"id":"c1","status":"missed","direction":"in","forwarded":false,"test":false,
"from":{"phone":"(11) 99999-0000","e_mail":"ana@example.com","topic":"","city":"Recife"},
"answers":[{"ref":"age","text":"30"},{"ref":"name","text":"Ana"}],"kind":"z",
"items":[{"tag":"x"},{"tag":"y"}],"size":"4"}
"#;

fn workspace(name: &str) -> Folder {
    let files = [
        ("schemas/acme/pack.yaml", PACK),
        ("schemas/acme/note.json", SCHEMA),
        ("jackfield.yaml", SETTINGS),
        ("routes/call.yaml", ROUTE),
        ("samples/call.http", CALL),
    ];
    Folder::with(name, &files)
}

/// What a dry run prints, with its standard error and exit code.
fn dry_run(folder: &Folder, args: &[&str]) -> String {
    transcript(&run(folder.path(), &[&["dry-run"], args].concat()))
}

/// The lines from the one that begins like this.
fn from<'t>(text: &'t str, start: &str) -> &'t str {
    let at = text.find(&format!("\n{start}")).unwrap_or_else(|| panic!("no line begins with {start}:\n{text}"));
    &text[at + 1..]
}

#[test]
fn the_whole_route_is_shown_with_where_each_value_is_from() {
    let folder = workspace("origins");
    let shown = dry_run(&folder, &["call", "--request", "samples/call.http"]);
    insta::assert_snapshot!("origins", shown);
    let longest = shown.lines().filter(|line| !line.contains("match ")).map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{shown}");
    for secret in ["t0ken", "sp4ce", "s3cret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_login_in_an_address_is_not_shown() {
    let folder = workspace("login");
    let settings = SETTINGS.replace("token:", "base_url: \"https://bob:pa55@acme.example/v1\", token:");
    folder.write("jackfield.yaml", &settings);
    for format in ["text", "json", "curl"] {
        let shown = dry_run(&folder, &["call", "--request", "samples/call.http", "--format", format]);
        assert!(shown.contains("https://***@acme.example/v1/spaces/***/desks/d1/other?page=4"), "{shown}");
        assert!(!shown.contains("pa55") && !shown.contains("t0ken") && !shown.contains("sp4ce"), "{shown}");
    }
}

#[test]
fn a_narrow_terminal_has_shorter_lines() {
    let folder = workspace("narrow");
    let mut command = jackfield(folder.path(), &["dry-run", "call", "--request", "samples/call.http"]);
    let shown = transcript(&command.env("COLUMNS", "72").stdin(Stdio::null()).output().unwrap());
    insta::assert_snapshot!("narrow", from(&shown, "extract"));
}

#[test]
fn colours_change_nothing_but_the_colours() {
    let folder = workspace("colours");
    let args = ["dry-run", "call", "--request", "samples/call.http"];
    let plain = run(folder.path(), &args);
    let painted = jackfield(folder.path(), &args).env("CLICOLOR_FORCE", "1").stdin(Stdio::null()).output().unwrap();
    let painted = String::from_utf8(painted.stdout).unwrap();
    assert!(painted.contains("\u{1b}[32myes"), "{painted}");
    let mut bare = String::new();
    for (number, part) in painted.split('\u{1b}').enumerate() {
        bare.push_str(if number == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(bare, String::from_utf8(plain.stdout).unwrap());
}

#[test]
fn the_same_is_there_for_programs() {
    let folder = workspace("json");
    let args =
        ["call", "--request", "samples/call.http", "--format", "json", "--set", "name", "--set", "payload.test=0"];
    let shown = dry_run(&folder, &args);
    insta::assert_snapshot!("json", shown);
    for secret in ["t0ken", "sp4ce", "s3cret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// Conditions with a payload, and what is said of them.
#[test]
fn a_condition_says_which_of_its_parts_does_not_hold() {
    let payload = r#"{"status":"answered","direction":"in","Form Id":"x1","tags":["a","b"],"name":" Ana ","n":3,
        "contact":{"e_mail":"ana@example.com"},"empty":"","none":null}"#;
    let conditions = [
        "payload.status == 'missed'",
        "payload.status == 'answered'",
        "payload.status in ['missed', 'busy']",
        "payload.status not in ['missed', 'busy']",
        "payload.status == 'missed' and payload.direction == 'in'",
        "payload.direction == 'in' and payload.n > 5 and payload.status != 'missed'",
        "payload.status == 'missed' or payload.n >= 5 or payload.direction == 'out'",
        "payload.n == 3 and (payload.status == 'missed' or payload.direction == 'out')",
        "(payload.n == 3 and payload.status == 'missed') or payload.direction == 'out'",
        "not (payload.n == 3 or payload.status == 'missed')",
        "not payload.contact",
        "not payload.n == 3",
        "payload.satus == 'missed'",
        "payload.contact.email is defined",
        "payload.contact.email is defined and payload.contact.email.domain == 'x'",
        "payload.contact.phone.number == '1'",
        "payload.satus | default(payload.status) == 'missed'",
        "payload.satus | default('') == 'missed'",
        "payload.name | trim | lower == 'bob'",
        "payload.contact.name.first != 'Ana' and payload.satus not in ['a']",
        "payload.satus != '' or payload.none == ''",
        "payload.age > 18",
        "payload.n == 3 and payload.age > 18",
        "payload.tags | length > 2",
        "'c' in payload.tags",
        "payload.tags[1] == 'c'",
        "payload['Form Id'] == 'x2'",
        "payload.empty",
        "payload.none",
        "request.headers['content-type'] == 'text/plain'",
        "event.source == 'other' and vars.team == 'support'",
        "'yes' if payload.n == 4 else false",
        "payload.status == 'a and b' or payload.n | float * 2 == 7",
    ];
    let folder = workspace("conditions");
    folder.write("payload.json", payload);
    let mut shown = String::new();
    for condition in conditions {
        let quoted = serde_json::to_string(&format!("{{{{ {condition} }}}}")).unwrap();
        let route = format!(
            "source: {{ path: /one, verify: none }}\nmatch: {quoted}\nsend:\n  - to: acme.note\n    params: {{ kind: a }}\n    body: {{ key: a }}\n"
        );
        folder.write("routes/one.yaml", &route);
        let all = dry_run(&folder, &["one", "--request", "payload.json"]);
        let end = ["\n\nrequest 1", "\nThe route", "\n\nerror"].iter().filter_map(|end| all.find(end)).min();
        let part = from(&all[..end.unwrap_or(all.len())], "match");
        shown.push_str(&format!("{part}\n\n"));
    }
    insta::assert_snapshot!("conditions", shown);
}

#[test]
fn a_match_on_what_is_absent_does_not_hold() {
    let folder = workspace("absent");
    let args = ["call", "--request", "samples/call.http", "--set", "payload.status"];
    insta::assert_snapshot!("match-absent", from(&dry_run(&folder, &args), "match"));
}

#[test]
fn a_match_that_fails_is_reported_beside_what_it_saw() {
    let folder = workspace("failing");
    folder.write("routes/call.yaml", &ROUTE.replace("payload.status == 'missed'", "payload.count > 2"));
    let args = ["call", "--request", "samples/call.http", "--set", "payload.count"];
    insta::assert_snapshot!("match-fails", from(&dry_run(&folder, &args), "match"));
}

#[test]
fn names_that_fail_are_all_reported() {
    let folder = workspace("names");
    let sets = ["payload.from.phone=12", "payload.kind=", "payload.id", "payload.ids=3", "payload.items=[]"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let shown = dry_run(&folder, &[&["call", "--request", "samples/call.http"], sets.as_slice()].concat());
    insta::assert_snapshot!("names-fail", from(&shown, "extract"));
}

#[test]
fn a_body_that_fails_shows_where_its_values_are_from() {
    let folder = workspace("body");
    folder.write(
        "routes/call.yaml",
        &ROUTE.replace("count: \"{{ count }}\"\n  - to", "count: \"{{ from.city }}\"\n  - to"),
    );
    let shown = dry_run(&folder, &["call", "--request", "samples/call.http"]);
    insta::assert_snapshot!("body-fails", from(&shown, "request 1"));
}

#[test]
fn values_can_be_set_to_try_other_cases() {
    let folder = workspace("set");
    let sets = [
        "who=+5511988880000",
        "name",
        "email=bo@example.com",
        "count=7",
        "tags=[\"q\"]",
        "payload.kind=b",
        "payload.from.vip=true",
    ];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let shown = dry_run(&folder, &[&["call", "--request", "samples/call.http"], sets.as_slice()].concat());
    insta::assert_snapshot!("set", shown);
}

#[test]
fn what_can_t_be_set_is_refused_with_what_can() {
    let folder = workspace("refused");
    let cases = [
        ("whoo=1", "`--set whoo`: the route extracts no such name; did you mean `who`?"),
        (
            "status=1",
            "`--set status`: the route extracts no such name; for the field of the payload write `payload.status`",
        ),
        (
            "xyzzy",
            "`--set xyzzy`: the route extracts no such name; set `count`, `email`, `from`, `id`, `kind`, `name`, `tags`, `topic` or `who`, or a field as `payload.status=missed`",
        ),
        (
            "who",
            "`--set who`: it is required, so the route stops for an event without it; give it a value, or write `who?:` in the route",
        ),
        (
            "count=abc",
            "`--set count=abc`: a text of 3 characters is not a number; a number is written like `12` or `12.50`",
        ),
        ("tags=q", "`--set tags=q`: it is a list: write it as `[\"a\"]`"),
        (
            "payload.form.city=1",
            "`--set payload.form.city`: there is no `payload.form` that it could be part of; there is payload.from.city (text)",
        ),
        ("payload[*]=1", "`--set payload[*]`: a field is named as in a template: `payload.contact.phones[0]`"),
    ];
    for (set, wanted) in cases {
        let shown = dry_run(&folder, &["call", "--request", "samples/call.http", "--set", set]);
        assert_eq!(shown, format!("--- standard error\n{wanted}\n--- exit 2\n"));
    }
}

/// Names of every sort, and a body that shows them.
const KINDS: &str = "source: { path: /kinds, verify: none }
extract:
  day: { path: $.day, as: datetime, format: \"%d/%m/%Y\", timezone: America/Sao_Paulo }
  at: { path: $.at, as: datetime }
  phone: { path: $.phone, as: phone, region: BR }
  digits: { path: $.phone, as: digits }
  count: { path: $.count, as: integer }
  price: { path: $.price, as: number }
  flag: { path: $.flag, as: boolean }
  mail: { path: $.mail, as: email }
  page: { path: $.page, as: url }
  data: { path: $.data, as: json }
  word: { path: $.word, as: string }
  counts: { path: '$.counts[*]', as: integer, all: true }
  topic: { path: $.topic, map: { Vendas: sales, Suporte: 2 }, else: other }
  note?: $.note
send:
  - to: acme.note
    body: { key: k, text: \"{{ [day, at, phone, digits, count, price, flag, mail, page, data, word, counts, topic, note] | json }}\" }
";

const KINDS_SENT: &str = r#"{"day":"15/01/2026","at":1456824464,"phone":"+5511999990000","count":"1","price":"2.5","flag":"yes","mail":"a@b.example",
"page":"https://a.example","data":"{}","word":"w","counts":["1"],"topic":"Vendas","note":"n"}"#;

#[test]
fn a_value_that_is_set_is_converted_as_one_that_is_found() {
    let folder = Folder::with("kinds", crate::support::ACME);
    folder.write("routes/kinds.yaml", KINDS);
    folder.write("kinds.json", KINDS_SENT);
    let set = |set: &str| {
        let args = ["kinds", "--request", "kinds.json", "--format", "json", "--set", set];
        let shown = String::from_utf8(run(folder.path(), &[&["dry-run"], args.as_slice()].concat()).stdout).unwrap();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["set"][0]["value"].to_string()
    };
    let cases = [
        ("day=16/02/2026", "\"2026-02-16T00:00:00-03:00\""),
        ("day=2026-02-16T10:00:00Z", "\"2026-02-16T07:00:00-03:00\""),
        ("at=2026-02-16 10:00", "\"2026-02-16T10:00:00Z\""),
        ("phone=(11) 98888-0000", "\"+5511988880000\""),
        ("digits=+55 (11) 9", "\"55119\""),
        ("count= 7 ", "7"),
        ("price=7.50", "7.5"),
        ("flag=sim", "true"),
        ("mail= bo@example.com", "\"bo@example.com\""),
        ("page= https://b.example", "\"https://b.example\""),
        ("data=[1]", "[1]"),
        ("word=5", "\"5\""),
        ("counts=[\"5\",6]", "[5,6]"),
        ("topic=sales", "\"sales\""),
        ("topic=2", "2"),
        ("note=", "null"),
    ];
    for (written, wanted) in cases {
        assert_eq!(set(written), wanted, "{written}");
    }
}

#[test]
fn a_value_that_can_t_be_converted_is_refused() {
    let folder = Folder::with("unfit", crate::support::ACME);
    folder.write("routes/kinds.yaml", KINDS);
    folder.write("kinds.json", KINDS_SENT);
    let mut shown = String::new();
    for set in [
        "day=tomorrow",
        "at=tomorrow",
        "phone=12",
        "digits=none",
        "count=7.5",
        "flag=maybe",
        "mail=bo",
        "page=b",
        "data={",
        "counts=[\"x\"]",
        "counts=5",
        "topic=Vendas",
        "topic=else",
        "word=",
    ] {
        shown += &dry_run(&folder, &["kinds", "--request", "kinds.json", "--set", set]);
    }
    insta::assert_snapshot!("set-unfit", shown.replace("--- standard error\n", ""));
}

#[test]
fn a_request_comes_from_a_file_a_bare_body_or_standard_input() {
    let folder = workspace("input");
    let body = CALL.split_once("\n\n").unwrap().1;
    folder.write("body.json", body);
    let verified = |shown: &str| shown.lines().skip(2).take(2).collect::<Vec<_>>().join("\n");
    let bare = dry_run(&folder, &["call", "--request", "body.json"]);
    assert_eq!(verified(&bare), "request    body.json\nverified   not verified: the file holds a body only");
    for (sent, wanted) in
        [(CALL, "yes, by the token in query parameter `key`"), (body, "not verified: it holds a body only")]
    {
        let mut command = jackfield(folder.path(), &["dry-run", "call", "--request", "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(sent.as_bytes()).unwrap();
        let shown = transcript(&child.wait_with_output().unwrap());
        assert_eq!(verified(&shown), format!("request    standard input\nverified   {wanted}"));
        assert!(shown.contains("who    \"(11) 99999-0000\" → \"+5511999990000\""), "{shown}");
    }
    let unasked = dry_run(&folder, &["call", "--request", "samples/call.http", "--no-verify"]);
    assert_eq!(verified(&unasked), "request    samples/call.http\nverified   not asked (`--no-verify`)");
}

#[test]
fn a_request_that_is_not_there_or_goes_elsewhere_is_answered_with_the_nearest() {
    let folder = workspace("elsewhere");
    folder.write("routes/other.yaml", "source: { path: /other-calls, verify: none }\nsend:\n  - to: acme.note\n    params: { kind: a }\n    body: { key: a }\n");
    folder.write("samples/other.http", "POST /hooks/other-calls HTTP/1.1\n\n{}");
    folder.write("samples/near.http", "POST /hooks/other-call HTTP/1.1\n\n{}");
    folder.write("samples/get.http", "GET /hooks/calls/7?key=s3cret HTTP/1.1\n\n");
    let cases = [
        ("call.http", "there is no file `call.http`; did you mean `samples/call.http`?"),
        ("call", "there is no file `call`; did you mean `samples/call.http`?"),
        ("samples/cal.http", "there is no file `samples/cal.http`; did you mean `samples/call.http`?"),
        ("inbound.txt", "there is no file `inbound.txt`; write `--request samples/call.http`"),
        (
            "samples/other.http",
            "the request goes to `/hooks/other-calls`, which is source `other`; this route's source is at `/hooks/calls/{line}`; did you mean the route `other`?\nwrite `--request samples/call.http`; or, to try it here, change line 1 of samples/other.http to `POST /hooks/calls/1 HTTP/1.1`",
        ),
        (
            "samples/near.http",
            "the request goes to `/hooks/other-call`, where no source is; this route's source is at `/hooks/calls/{line}`; did you mean the route `other`?\nwrite `--request samples/call.http`; or, to try it here, change line 1 of samples/near.http to `POST /hooks/calls/1 HTTP/1.1`",
        ),
        (
            "samples/get.http",
            "the source does not take GET\nwrite `--request samples/call.http`; or, to try it here, change line 1 of samples/get.http to `POST /hooks/calls/7?key=s3cret HTTP/1.1`",
        ),
    ];
    for (request, wanted) in cases {
        let shown = dry_run(&folder, &["call", "--request", request]);
        assert_eq!(shown, format!("--- standard error\n{wanted}\n--- exit 2\n"));
    }
    let wanted = "the route has no test to take a request from; write `--request samples/call.http`";
    assert_eq!(dry_run(&folder, &["call"]), format!("--- standard error\n{wanted}\n--- exit 2\n"));
}

#[test]
fn a_route_whose_tests_fail_can_be_tried_and_one_with_problems_says_so() {
    let folder = workspace("problems");
    let tests = "\ntests:\n  - name: none\n    request: samples/call.http\n    expect: []\n";
    folder.write("routes/call.yaml", &format!("{ROUTE}{tests}"));
    assert!(transcript(&run(folder.path(), &["check"])).contains("error[test-failed]"));
    let shown = dry_run(&folder, &["call"]);
    assert!(shown.contains("\nrequest    samples/call.http, of the route's first test\n"), "{shown}");
    assert!(shown.ends_with("--- exit 0\n"), "{shown}");
    folder.write("routes/call.yaml", &ROUTE.replace("contact: {", "contct: {"));
    let shown = dry_run(&folder, &["call", "--request", "samples/call.http"]);
    insta::assert_snapshot!("route-with-problems", from(&shown, "--- standard error"));
    folder.write("routes/call.yaml", &ROUTE.replace("$.kind", "$.kind["));
    insta::assert_snapshot!(
        "route-that-does-not-compile",
        dry_run(&folder, &["call", "--request", "samples/call.http"])
    );
}

#[test]
fn each_event_of_a_request_that_is_split_is_numbered() {
    let folder = workspace("split");
    folder.write(
        "routes/call.yaml",
        "source: { path: /in, verify: none, split: \"$.calls[*]\" }\nmatch: \"{{ payload.n > 1 }}\"\nextract: { n: $.n }\nsend:\n  - to: acme.note\n    params: { kind: \"{{ envelope.account.id }}\" }\n    body: { key: \"{{ n }} of {{ envelope.account.name }}\" }\n",
    );
    folder.write("in.json", r#"{"account":{"id":5,"name":"Acme"},"calls":[{"n":1},{"n":2}]}"#);
    insta::assert_snapshot!("split", dry_run(&folder, &["call", "--request", "in.json"]));
    let curl = dry_run(&folder, &["call", "--request", "in.json", "--format", "curl"]);
    insta::assert_snapshot!("split-curl", curl);
}

#[test]
fn a_fallback_says_who_takes_the_event_before_it() {
    let folder = workspace("fallback");
    let send = "send:\n  - to: acme.note\n    params: { kind: a }\n    body: { key: a }\n";
    let settings = format!("{SETTINGS}sources:\n  calls: {{ path: /in, verify: none }}\n");
    folder.write("jackfield.yaml", &settings);
    folder.write("routes/first.yaml", &format!("source: calls\nmatch: \"{{{{ payload.n == 1 }}}}\"\n{send}"));
    folder.write("routes/call.yaml", &format!("source: calls\nfallback: true\n{send}"));
    folder.write("in.json", r#"{"n":1}"#);
    let shown = dry_run(&folder, &["call", "--request", "in.json"]);
    let wanted = "fallback   no   `first` takes this event; what follows is for when none does\n";
    assert!(shown.contains(wanted), "{shown}");
    assert!(!dry_run(&folder, &["call", "--request", "in.json", "--set", "payload.n=2"]).contains("fallback   no"));
}

#[test]
fn signs_that_would_steer_the_terminal_are_written_out() {
    let folder = workspace("signs");
    folder.write("body.json", "{\"id\":\"\u{9b}31m\\u001b[2J\",\"status\":\"missed\",\"direction\":\"in\",\"test\":false,\"from\":{\"phone\":\"+5511999990000\"},\"kind\":\"a\",\"items\":[{\"tag\":\"x\"}]}");
    let shown = dry_run(&folder, &["call", "--request", "body.json"]);
    assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown}");
    assert!(shown.contains("identity   \\u{9b}31m\\u{1b}[2J"), "{shown}");
}

#[test]
fn a_body_that_can_t_be_read_is_shown_where_it_breaks() {
    let folder = Folder::new("undecodable");
    folder.write("jackfield.yaml", "connections: { omnivibe: { provider: omnivibe, inbox_identifier: i, contact_identifier: c, conversation_id: 1 } }\n");
    folder.write(
        "routes/a.yaml",
        "source: { path: /a, verify: none }\nextract: { name: $.name }\nsend:\n  - { to: omnivibe.create_message, body: { content: \"{{ name }}\" } }\n",
    );
    folder.write("a.http", "POST /hooks/a HTTP/1.1\nContent-Type: application/json\n\n{\"name\":1,}");
    let shown = transcript(&run(folder.path(), &["dry-run", "a", "-r", "a.http"]));
    assert_eq!(
        shown,
        "--- standard error
error[undecodable-body]: the body is not JSON: expected another entry after `,`, found `}`
 --> a.http:4:11
  |
4 | {\"name\":1,}
  |           ^
  |
  = help: remove the comma before this

--- exit 1
"
    );
    let output = run(folder.path(), &["dry-run", "a", "-r", "a.http", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["problem"]["code"], &json["problem"]["places"][0]["line"]),
        (&"undecodable-body".into(), &4.into())
    );
    assert_eq!(output.status.code(), Some(1));
}

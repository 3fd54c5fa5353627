//! From a captured request to a route of one's own, by commands alone.

use crate::support::{Folder, Server, post, run, transcript};

const SETTINGS: &str = "
connections:
  omnivibe: { provider: omnivibe, inbox_identifier: inbox-123, contact_identifier: contact-123, conversation_id: 42 }
  partoo: { provider: partoo, api_key: 4f9a1c77, channel_id: chn, business_id: b1 }
sources:
  unknown: { path: /unknown, verify: { token: { query: key } }, secret: k3y, capture: true }
";

const CALL: &str = "POST /hooks/acme/calls HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
    {\"event\":\"call.missed\",\"call\":{\"id\":\"c-9\",\"caller\":\"(11) 99999-0000\",\"nome\":\"Ana Souza\",\"correo\":\"ana@example.com\",\"Observa\u{e7}\u{e3}o\":\"\"}}";

fn workspace(name: &str) -> Folder {
    let folder = Folder::with(name, &[("jackfield.yaml", SETTINGS), ("samples/call.http", CALL)]);
    std::fs::create_dir_all(folder.path().join("routes")).unwrap();
    folder
}

fn said(folder: &Folder, args: &[&str]) -> String {
    transcript(&run(folder.path(), args))
}

#[test]
fn a_draft_is_refused_until_its_guesses_are_confirmed() {
    let folder = workspace("draft");
    insta::assert_snapshot!(
        "draft_made",
        said(&folder, &["new", "route", "--from", "samples/call.http", "--to", "partoo.ingest_message"])
    );
    insta::assert_snapshot!("draft_route", folder.read("routes/call.yaml"));
    insta::assert_snapshot!("draft_check", said(&folder, &["check"]));
    let dry_run = said(&folder, &["dry-run", "call"]);
    assert!(dry_run.contains("+5511999990000"), "{dry_run}");
    let left = "--- standard error\n3 guesses of routes/call.yaml to be confirmed: delete `guess` where the value is right\n--- exit 1\n";
    assert!(dry_run.ends_with(left), "{dry_run}");
    let draft = folder.read("routes/call.yaml");
    let confirmed: Vec<&str> =
        draft.lines().map(|line| line.split_once(", guess:").map_or(line, |(line, _)| line)).collect();
    let confirmed: Vec<String> =
        confirmed
            .iter()
            .map(|line| {
                if line.contains("{ path: $") && !line.contains('}') {
                    format!("{line} }}")
                } else {
                    (*line).to_owned()
                }
            })
            .collect();
    folder.write("routes/call.yaml", &(confirmed.join("\n") + "\n"));
    let said_then = said(&folder, &["test"]);
    assert!(said_then.starts_with("ok     call: the captured request\n"), "{said_then}");
    let again = said(&folder, &["new", "route", "--from", "samples/call.http", "--to", "partoo.ingest_message"]);
    assert_eq!(
        again,
        "--- standard error\n`routes/call.yaml` is there already; name the route otherwise\n--- exit 2\n"
    );
}

#[test]
fn an_event_that_no_route_took_becomes_a_route() {
    let folder = workspace("draft-event");
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let body =
        "{\"lead\":{\"Prénom\":\"Ana\",\"téléphone\":\"+33 6 12 34 56 78\",\"mensaje\":\"Quiero saber el precio\"}}";
    assert_eq!(post(&server.listen, "/hooks/unknown?key=k3y", "application/json", body.as_bytes()).status, 202);
    server.wait_for("the event", |status| status["events"]["unmatched"] == 1);
    let listed = said(&folder, &["events", "--admin", &server.admin]);
    let id = listed.split_whitespace().nth(1).unwrap();
    let made = said(&folder, &["new", "route", "lead", "--from", id, "--to", "omnivibe.create_message", "--sandbox"]);
    assert!(made.starts_with("made    samples/lead.http\nmade    routes/lead.yaml\n"), "{made}");
    insta::assert_snapshot!("draft_event", folder.read("routes/lead.yaml"));
    let dry_run = said(&folder, &["dry-run", "lead"]);
    assert!(dry_run.contains("`***` stands where the proof stood when the request was captured"), "{dry_run}");
    let listed = said(&folder, &["events", "--admin", &server.admin, "--format", "json"]);
    assert!(listed.contains("\"source\": \"unknown\""), "{listed}");
    let named = ["new", "route", "named", "--from", id, "--to", "omnivibe.create_message", "--print", "--admin"];
    let asked = said(&folder, &[&named[..], &[&server.admin]].concat());
    assert!(asked.contains("Prénom") && asked.ends_with("--- exit 0\n"), "{asked}");
    let gone = id.replace("evt_", "evt_f");
    let nothing = said(
        &folder,
        &["new", "route", "no", "--from", &gone, "--to", "omnivibe.create_message", "--admin", &server.admin],
    );
    assert!(nothing.contains(&format!("there is no event `{gone}`; `jackfield events` lists the newest")), "{nothing}");
    // The running server is asked, as by `events`.
    folder.write("jackfield.yaml", &format!("admin: {}\n{SETTINGS}", server.admin));
    let asked = said(&folder, &["new", "route", "asked", "--from", id, "--to", "omnivibe.create_message", "--print"]);
    assert!(asked.contains("Prénom") && asked.ends_with("--- exit 0\n"), "{asked}");
    server.terminate();
    let elsewhere = said(&folder, &["events"]);
    assert!(elsewhere.contains("`--sandbox` looks into the store that `serve --sandbox` has left"), "{elsewhere}");
    let elsewhere = said(&folder, &["new", "route", "other", "--from", id, "--to", "omnivibe.create_message"]);
    assert!(elsewhere.contains("`serve --sandbox` has left one: add `--sandbox`"), "{elsewhere}");
    assert!(said(&folder, &["events", "--sandbox"]).ends_with("  unknown  no route took it\n--- exit 0\n"));
}

#[test]
fn a_draft_takes_the_path_behind_the_prefix_of_the_file() {
    let folder = workspace("draft-prefix");
    let paths = |prefix: &str, path: &str| {
        folder.write("jackfield.yaml", &format!("path_prefix: {prefix}\n{SETTINGS}"));
        let request =
            format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{{\"email\":\"ana@example.com\"}}");
        source(&drafted(&folder, &request, "partoo.ingest_message")).to_owned()
    };
    assert_eq!(paths("/in", "/in/acme/calls"), " { path: /acme/calls, verify: none }");
    assert_eq!(paths("/in", "/hooks/acme/calls"), " { path: /hooks/acme/calls, verify: none }");
    assert_eq!(paths("/", "/acme/calls"), " { path: /acme/calls, verify: none }");
}

#[test]
fn what_can_t_be_drafted_is_told() {
    let folder = workspace("draft-wrong");
    let cases = [
        (vec!["--from", "samples/call.http", "--to", "partoo.ingest_mesage"], "did you mean `partoo.ingest_message`?"),
        (vec!["--from", "samples/none.http", "--to", "partoo.ingest_message"], "`samples/none.http` can't be read"),
        (
            vec!["a b", "--from", "samples/call.http", "--to", "partoo.ingest_message"],
            "`a b` can't be the name of a route",
        ),
        (
            vec!["../x", "--from", "samples/call.http", "--to", "partoo.ingest_message"],
            "`../x` can't be the name of a route",
        ),
    ];
    for (args, wanted) in cases {
        let told = said(&folder, &[&["new", "route"], &args[..]].concat());
        assert!(told.contains(wanted) && told.ends_with("--- exit 2\n"), "{told}");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("routes")).unwrap().count(), 0);
}

/// The draft of a request, shown only.
fn drafted(folder: &Folder, request: &str, to: &str) -> String {
    folder.write("samples/x.http", request);
    said(folder, &["new", "route", "x", "--from", "samples/x.http", "--to", to, "--print"])
}

/// The captured request of a pack's webhook.
fn of_pack(folder: &Folder, webhook: &str) -> String {
    String::from_utf8(run(folder.path(), &["explain", webhook, "--sample"]).stdout).unwrap()
}

/// The source of a draft.
fn source(draft: &str) -> &str {
    draft.split_once("\nsource:").unwrap().1.split("\n\n").next().unwrap()
}

#[test]
fn a_sender_that_has_a_pack_proves_itself() {
    let folder = workspace("draft-sender");
    let cases = [
        (
            "hubspot.workflow",
            "\n  from: hubspot.workflow\n  path: /hubspot-workflow\n  secret: ${env:HUBSPOT_WORKFLOW_SECRET}",
        ),
        ("twilio.sms", "\n  from: twilio.sms\n  path: /twilio-sms-incoming\n  secret: ${env:TWILIO_SECRET}"),
        (
            "hubspot.crm_events",
            "\n  from: hubspot.crm_events\n  path: /hubspot\n  secret: ${env:HUBSPOT_CRM_EVENTS_SECRET}",
        ),
        // Of two with the same fields, that whose sample has the same texts; then that which is for this alone.
        (
            "callrail.call_modified",
            "\n  from: callrail.call_modified\n  path: /callrail-modified\n  secret: ${env:CALLRAIL_SECRET}",
        ),
        ("callrail.post_call", "\n  from: callrail.post_call\n  path: /callrail\n  secret: ${env:CALLRAIL_SECRET}"),
        (
            "zadarma.notify_end",
            "\n  from: zadarma.notify_end\n  # zadarma.call takes this request, too\n  path: /zadarma\n  secret: ${env:ZADARMA_SECRET}",
        ),
        ("zadarma.call", "\n  from: zadarma.call\n  path: /zadarma\n  secret: ${env:ZADARMA_SECRET}"),
        (
            "kommo.leads_add",
            "\n  from: kommo.leads_add\n  # kommo.events takes this request, too\n  path: /kommo\n  secret: ${env:KOMMO_SECRET}",
        ),
        // What only the webhook for everything takes is of that one.
        ("kommo.events", "\n  from: kommo.events\n  path: /kommo-events\n  secret: ${env:KOMMO_SECRET}"),
        ("chat2desk.event", "\n  from: chat2desk.event\n  path: /chat2desk-event\n  secret: ${env:CHAT2DESK_SECRET}"),
    ];
    for (webhook, wanted) in cases {
        let draft = drafted(&folder, &of_pack(&folder, webhook), "partoo.ingest_message");
        assert_eq!(source(&draft), wanted, "{draft}");
    }
    // Another workflow sends other properties.
    let changed = of_pack(&folder, "hubspot.workflow").replace("lifecyclestage", "cidade").replace("firstname", "nome");
    let draft = drafted(&folder, &changed, "partoo.ingest_message");
    assert!(source(&draft).starts_with("\n  from: hubspot.workflow\n"), "{draft}");
}

#[test]
fn a_request_without_an_event_of_a_webhook_is_of_another() {
    let folder = workspace("draft-split");
    // The fields are those of a lead that was added; the address is of no webhook.
    let changed = of_pack(&folder, "kommo.leads_add").replace("leads%5Badd", "leads%5Bupdate");
    let draft = drafted(&folder, &changed, "partoo.ingest_message");
    assert!(source(&draft).starts_with("\n  from: kommo.events\n"), "{draft}");
    assert!(!draft.contains("takes this request, too"), "{draft}");
}

#[test]
fn an_unknown_sender_proves_itself_as_its_request_shows() {
    let folder = workspace("draft-proof");
    let token = |verify: &str| format!("\n  path: /pbx\n  verify: {verify}\n  secret: ${{env:X_SECRET}}");
    let signed = "\n  path: /pbx\n  verify: none\n  guess: \"the header `X-Acme-Signature` looks like a signature: write \
                  under `verify` how it is made\"";
    let cases = [
        ("?key=pbx-key", "", token("{ token: { query: key } }")),
        ("", "X-Api-Key: k3y\r\n", token("{ token: { header: X-Api-Key } }")),
        ("", "Authorization: Bearer k3y\r\n", token("{ token: { header: Authorization, prefix: \"Bearer \" } }")),
        ("", "Authorization: Basic YTpi\r\n", token("{ basic: {} }")),
        ("", "Idempotency-Key: 17\r\n", " { path: /pbx, verify: none }".to_owned()),
        ("", "X-Acme-Signature: ab12\r\n", signed.to_owned()),
    ];
    for (query, header, wanted) in cases {
        let body = "{\"caller\":\"+5511999990000\",\"text\":\"oi\"}";
        let request =
            format!("POST /hooks/pbx{query} HTTP/1.1\r\nContent-Type: application/json\r\n{header}\r\n{body}");
        let draft = drafted(&folder, &request, "partoo.ingest_message");
        assert_eq!(source(&draft), wanted, "{draft}");
        assert!(!draft.contains("k3y") && !draft.contains("pbx-key"), "{draft}");
    }
    let made = said(&folder, &["new", "route", "x", "--from", "samples/x.http", "--to", "partoo.ingest_message"]);
    assert!(made.contains("3 guesses to confirm: verify, phone, message\n"), "{made}");
    let problem = "error[unconfirmed-guess]: `verify` is a guess: the header `X-Acme-Signature` looks like a signature";
    assert!(said(&folder, &["check"]).contains(problem));
}

#[test]
fn who_sent_is_told_from_who_received_and_people_from_things() {
    let folder = workspace("draft-who");
    let draft = drafted(&folder, &of_pack(&folder, "twilio.sms"), "partoo.ingest_message");
    for wanted in ["phone: { path: $.From, as: phone,", "message: { path: $.Body, guess:"] {
        assert!(draft.contains(wanted), "{draft}");
    }
    let post = |body: &str| format!("POST /hooks/new HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}");
    let cases = [
        (
            r#"{"form_name":"Contato","fields":{"nome":"João","telefone":"11 98765-4321","mensagem":"oi"}}"#,
            "name: { path: $.fields.nome,",
        ),
        (r#"{"form":{"name":"Contato"},"plan":{"name":"Pro"},"caller_name":"Ana"}"#, "name: { path: $.caller_name,"),
        (r#"{"company_name":"Acme","full_name":"Ana Souza"}"#, "name: { path: $.full_name,"),
        (r#"{"called":"+551133334444","caller":"+5511999990000"}"#, "phone: { path: $.caller, as: phone,"),
        (
            r#"{"agent":{"phone":"+551133334444"},"data":{"customer":{"phone":"+5511999990000"}}}"#,
            "phone: { path: $.data.customer.phone, as: phone,",
        ),
        (r#"{"message_id":"wamid-17","body":"oi"}"#, "message: { path: $.body,"),
        // No country makes a number of it.
        (
            r#"{"phone":"00000000","nome":"Ana"}"#,
            "phone: { path: $.phone, guess: \"called `phone`; `as: phone` can't read this value\" }",
        ),
    ];
    for (body, wanted) in cases {
        let draft = drafted(&folder, &post(body), "omnivibe.create_message");
        assert!(draft.contains(&format!("  {wanted}")), "{wanted}\n{draft}");
    }
}

#[test]
fn a_list_is_split_and_a_name_put_together() {
    let folder = workspace("draft-list");
    let body = r#"[{"firstname":"Ana","lastname":"Souza","phone":"+5511999990000"},{"firstname":"Bea"}]"#;
    let request = format!("POST /hooks/list HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}");
    let draft = drafted(&folder, &request, "omnivibe.ensure_message");
    assert_eq!(source(&draft), "\n  path: /list\n  verify: none\n  split: \"$[*]\"");
    assert!(draft.contains("first_name: { path: $.firstname,"), "{draft}");
    assert!(draft.contains(r#""{{ first_name }} {{ last_name }}""#), "{draft}");
}

/// A draft of a JSON payload.
fn of_payload(folder: &Folder, payload: &str, to: &str) -> String {
    let request = format!("POST /forms HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{payload}");
    drafted(folder, &request, to)
}

/// A workspace with connections of many kinds.
fn connected(name: &str) -> Folder {
    let folder = workspace(name);
    folder.write(
        "jackfield.yaml",
        "
connections:
  chat2desk: { provider: chat2desk, token: t0ken, channel_id: 7 }
  cloudchat: { provider: cloudchat, base_url: \"https://chat.example.com\", account_id: 3, inbox_id: \"1\", api_access_token: t0ken }
  gohighlevel: { provider: gohighlevel, token: t0ken }
",
    );
    folder
}

/// A draft whose guesses are confirmed is good.
fn confirmed(folder: &Folder, draft: &str) {
    let confirmed: Vec<String> = draft
        .lines()
        .map(|line| line.split_once(", guess:").map_or(line.to_owned(), |(line, _)| format!("{line} }}")))
        .collect();
    let text = confirmed.join("\n");
    folder.write("routes/x.yaml", text.split("--- exit").next().unwrap());
    let checked = said(folder, &["check"]);
    std::fs::remove_file(folder.path().join("routes/x.yaml")).unwrap();
    assert!(checked.ends_with("--- exit 0\n"), "{checked}\n{text}");
}

#[test]
fn what_describes_a_message_is_not_taken_for_it() {
    let folder = connected("draft-described");
    let payload = r#"{"content_type":"text","message_type":"incoming","content":"Hi","customer_state":"PA",
        "sip_from_uri":"1001@pbx.example.com","phone":"+5511999990000","call_status":"missed"}"#;
    let draft = of_payload(&folder, payload, "chat2desk.messages_inbox");
    assert!(draft.contains("\n  message: { path: $.content, guess:"), "{draft}");
    for other in ["content_type", "message_type", "customer_state", "sip_from_uri"] {
        assert!(!draft.contains(&format!("path: $.{other}")), "{other}: {draft}");
    }
    confirmed(&folder, &draft);
}

#[test]
fn a_number_of_digits_alone_is_a_phone_where_its_name_says_so() {
    let folder = connected("draft-digits");
    for (payload, path) in [
        (r#"{"from":"5511999998888","to":"551133334444","text":"oi"}"#, "$.from"),
        (r#"{"from":"442079460000","text":"hi"}"#, "$.from"),
        (r#"{"from":{"number":"79990000761"},"to":{"number":"74994509495"},"text":"hi"}"#, "$.from.number"),
        (r#"{"contacts":[{"wa_id":"5511999998888"}],"text":"oi"}"#, "$.contacts[0].wa_id"),
        (r#"{"msisdn":"447700900000","text":"hi"}"#, "$.msisdn"),
        (r#"{"de":"5511999998888","recado":"oi"}"#, "$.de"),
    ] {
        let draft = of_payload(&folder, payload, "chat2desk.messages_inbox");
        assert!(
            draft.contains(&format!("\n  phone: {{ path: {}", path)) || draft.contains(&format!("\"{path}\"")),
            "{draft}"
        );
        assert!(draft.contains("phone: \"{{ phone | digits }}\""), "{draft}");
        confirmed(&folder, &draft);
    }
    for payload in [
        r#"{"from":1700000000,"text":"hi"}"#,
        r#"{"order":"5511999998888","text":"hi"}"#,
        r#"{"from":"12345","text":"hi"}"#,
        r#"{"contact_id":"5511999998888","text":"hi"}"#,
    ] {
        let draft = of_payload(&folder, payload, "chat2desk.messages_inbox");
        assert!(!draft.contains("as: phone"), "{draft}");
    }
}

#[test]
fn one_of_the_fields_of_which_one_is_needed_is_filled() {
    let folder = connected("draft-one-of");
    let payload = r#"{"telefone":"+5511999990000","mensagem":"oi"}"#;
    let draft = of_payload(&folder, payload, "cloudchat.create_conversation");
    assert!(draft.contains("      contact_phone_number: \"{{ phone }}\"\n"), "{draft}");
    confirmed(&folder, &draft);
    let draft = of_payload(&folder, r#"{"email":"ana@example.com","mensagem":"oi"}"#, "chat2desk.messages_inbox");
    assert!(draft.contains("        id: \"{{ email }}\"\n"), "{draft}");
    confirmed(&folder, &draft);
    let made = |payload: &str, to: &str| {
        folder.write(
            "samples/made.http",
            &format!("POST /f HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{payload}"),
        );
        let told = said(&folder, &["new", "route", "made", "--from", "samples/made.http", "--to", to]);
        std::fs::remove_file(folder.path().join("routes/made.yaml")).unwrap();
        told
    };
    let open = made(r#"{"mensagem":"oi"}"#, "cloudchat.create_conversation");
    let group = "to write yourself: contact_identifier or contact_email or contact_phone_number\n";
    assert!(open.contains(group), "{open}");
    let open = made(r#"{"email":"ana@example.com"}"#, "gohighlevel.upsert_contact");
    assert!(open.contains("to write yourself: locationId\n"), "{open}");
    let open = made(r#"{"n":1}"#, "chat2desk.messages_inbox");
    let both = "to write yourself: body or image or video or location, from_client.id or from_client.phone\n";
    assert!(open.contains(both), "{open}");
}

#[test]
fn what_people_wrote_is_used_or_named() {
    let folder = connected("draft-unused");
    for name in ["recado", "obs", "detalhes", "mensaje", "remarque", "inquiry", "transcrição"] {
        let payload = format!("{{\"fone\":\"+5511999990000\",\"{name}\":\"Quero remarcar\"}}");
        let draft = of_payload(&folder, &payload, "chat2desk.messages_inbox");
        assert!(draft.contains("\n  message: { path: ") && draft.contains("      body: \"{{ message }}"), "{draft}");
    }
    let payload = r#"{"fone":"+5511999990000","mensagem":"oi","xyz":"Quero remarcar a consulta","user_agent":"Mozilla/5.0 (X11)"}"#;
    let draft = of_payload(&folder, payload, "chat2desk.messages_inbox");
    assert!(draft.contains("  # Not used of the request: $.xyz\n"), "{draft}");
    // Where nothing says what it is, the longest text is better than none.
    let draft =
        of_payload(&folder, r#"{"xyz":"Quero remarcar a consulta","code":"a1"}"#, "cloudchat.create_conversation");
    assert!(draft.contains("path: $.xyz"), "{draft}");
}

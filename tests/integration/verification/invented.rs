//! Senders that no pack describes, each by a source of `tests/invented/jackfield.yaml` alone: taken, verified and answered
//! over a socket, and refused when another secret has signed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::Hmac;
use jackfield::clock::{Clock, Timestamp};
use md5::Md5;
use ring::signature::KeyPair;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::signed::{hex, key_pair, mac, sha256, token};
use crate::support::{ACME, Folder, Server, exchange, root};

const HOST: &str = "https://hooks.example.com";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is sent, and what must come of it.
struct Sent {
    name: &'static str,
    request: Vec<u8>,
    status: u16,
    /// What the answer begins with, or has in its headers.
    answer: &'static str,
    events: u64,
}

/// Who signs: with this secret, now.
struct Signer {
    secret: &'static str,
    now: i64,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} /hooks{target} HTTP/1.1\r\nHost: hooks.example.com\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

impl Signer {
    fn seconds(&self) -> i64 {
        self.now / 1000
    }

    fn iso(&self) -> String {
        Timestamp(self.now).to_string()
    }

    fn sha1(&self, message: &str) -> Vec<u8> {
        mac::<Hmac<Sha1>>(self.secret.as_bytes(), message)
    }

    fn sha256(&self, message: &str) -> Vec<u8> {
        sha256(self.secret, message)
    }

    fn sha512(&self, message: &str) -> Vec<u8> {
        mac::<Hmac<Sha512>>(self.secret.as_bytes(), message)
    }

    fn jwt(&self, claims: &str) -> String {
        token(r#"{"alg":"HS256"}"#, claims, |text| self.sha256(text))
    }

    /// Events of every sender, each signed as it does it.
    fn events(&self) -> Vec<Sent> {
        let (s, ms, iso, secret) = (self.seconds(), self.now, self.iso(), self.secret);
        let body = r#"{"id":7,"name":"Ação"}"#;
        let raw = self.sha256(body);
        let mut all = Vec::new();
        let mut is = |name, events, answer, request| all.push(Sent { name, request, status: 0, answer, events });
        let json =
            |name: &str, headers: &[(&str, &str)]| request("POST", &format!("/{name}"), headers, body.as_bytes());

        let sign = format!("sha256={}", hex(&raw));
        is("github", 1, "", json("github", &[("X-Hub-Signature-256", &sign), ("X-GitHub-Event", "push")]));
        is("gitlab", 1, "", json("gitlab", &[("X-Gitlab-Token", secret)]));
        let sign = format!("t={s},v1={},v0=00", hex(&self.sha256(&format!("{s}.{body}"))));
        is("stripe", 1, "", json("stripe", &[("Stripe-Signature", &sign)]));
        let sign = format!("ts={s};h1={}", hex(&self.sha256(&format!("{s}:{body}"))));
        is("paddle", 1, "", json("paddle", &[("Paddle-Signature", &sign)]));
        let sign = format!("{ms},{},{}", "0".repeat(64), hex(&self.sha256(&format!("{ms}.{body}"))));
        is("recurly", 1, "", json("recurly", &[("recurly-signature", &sign)]));
        let text = format!(
            r#"{{"signature":{{"timestamp":"{s}","token":"t0ken","signature":"{}"}},"event-data":{{"event":"opened"}}}}"#,
            hex(&self.sha256(&format!("{s}t0ken")))
        );
        is("mailgun", 1, "", request("POST", "/mailgun", &[], text.as_bytes()));
        let sign = base64(self.sha256(&format!("{HOST}/hooks/square?a=1{body}")));
        is("square", 1, "", json("square?a=1", &[("x-square-hmacsha256-signature", &sign)]));
        let events = r#"[{"event":"open","_id":"1"},{"event":"click","_id":"2"}]"#;
        let form = "mandrill_events=%5B%7B%22event%22%3A%22open%22%2C%22_id%22%3A%221%22%7D%2C%7B%22event%22%3A%22click%22%2C%22_id%22%3A%222%22%7D%5D";
        let sign = base64(self.sha1(&format!("{HOST}/hooks/mandrillmandrill_events{events}")));
        let headers = [("Content-Type", FORM), ("X-Mandrill-Signature", &sign)];
        is("mandrill", 2, "", request("POST", "/mandrill", &headers, form.as_bytes()));
        let sign = base64(self.sha1(&format!("{body}{HOST}/hooks/trello")));
        is("trello", 1, "", json("trello", &[("X-Trello-Webhook", &sign)]));
        let text = r#"{"list_folder":{"accounts":["dbid:A","dbid:B"]}}"#;
        let sign = hex(&self.sha256(text));
        is("dropbox", 2, "", request("POST", "/dropbox", &[("X-Dropbox-Signature", &sign)], text.as_bytes()));
        let text = r#"{"events":[{"resourceId":"a"}],"firstEventSequence":1}"#;
        let sign = base64(self.sha256(text));
        is("xero", 1, "", request("POST", "/xero", &[("x-xero-signature", &sign)], text.as_bytes()));
        is(
            "monday",
            1,
            "",
            request("POST", &format!("/monday/{secret}"), &[], br#"{"event":{"type":"create_pulse"}}"#),
        );
        let text = r#"{"events":[{"action":"added"},{"action":"changed"}]}"#;
        let sign = hex(&self.sha256(text));
        is("asana", 2, "", request("POST", "/asana", &[("X-Hook-Signature", &sign)], text.as_bytes()));
        let sign = format!("v1,{}", base64(self.sha256(&format!("msg_1.{s}.{body}"))));
        let at = s.to_string();
        is("svix", 1, "", json("svix", &[("svix-id", "msg_1"), ("svix-timestamp", &at), ("svix-signature", &sign)]));
        let text = r#"{"object":"page","entry":[{"messaging":[{"message":{"text":"oi"}}]}]}"#;
        let sign = format!("sha256={}", hex(&self.sha256(text)));
        is("messenger", 1, "", request("POST", "/messenger", &[("X-Hub-Signature-256", &sign)], text.as_bytes()));
        let sign = format!("sha256={}", hex(&raw));
        is("ashby", 1, "", json("ashby", &[("Ashby-Signature", &sign)]));
        let old = base64([0; 32]);
        let sign = base64(&raw);
        let headers = [("X-DocuSign-Signature-1", &*old), ("X-DocuSign-Signature-2", &*sign)];
        is("docusign", 1, "", json("docusign", &headers));
        let sign = base64(self.sha256("PSP1::Shop:order 7:1000:EUR:AUTHORISATION:true"));
        let text = format!(
            r#"{{"live":"false","notificationItems":[{{"NotificationRequestItem":{{"additionalData":{{"hmacSignature":"{sign}"}},"amount":{{"currency":"EUR","value":1000}},"eventCode":"AUTHORISATION","merchantAccountCode":"Shop","merchantReference":"order 7","pspReference":"PSP1","success":"true"}}}}]}}"#
        );
        is("adyen", 1, "[accepted]", request("POST", "/adyen", &[], text.as_bytes()));
        let target = format!("/twilio-json?bodySHA256={}", hex(&Sha256::digest(body)));
        let sign = base64(self.sha1(&format!("{HOST}/hooks{target}")));
        let headers = [("Content-Type", "application/json"), ("X-Twilio-Signature", &sign)];
        is("twilio-json", 1, "", request("POST", &target, &headers, body.as_bytes()));
        let claims = format!(
            r#"{{"iat":{s},"payload_hash":"{}","application_id":"app-1","aud":["us","me"]}}"#,
            hex(&Sha256::digest(body))
        );
        let bearer = format!("Bearer {}", self.jwt(&claims));
        is("vonage", 1, "", json("vonage", &[("Authorization", &bearer)]));
        let text = format!(r#"{{"value":[{{"clientState":"{secret}","id":1}},{{"clientState":"{secret}","id":2}}]}}"#);
        is("graph", 2, "", request("POST", "/graph", &[], text.as_bytes()));
        let text = br#"[{"eventType":"Call","data":{}},{"eventType":"Call","data":{}}]"#;
        is("eventgrid", 2, "", request("POST", &format!("/eventgrid?code={secret}"), &[], text));
        let basic = format!("Basic {}", base64(format!("user:{secret}")));
        let text = br#"[{"msys":{"message_event":{"type":"delivery"}}},{"msys":{"track_event":{"type":"open"}}}]"#;
        is("sparkpost", 2, "", request("POST", "/sparkpost", &[("Authorization", &basic)], text));
        let target = format!("/exotel?key={secret}&CallSid=1&From=%2B551199&digits=%221%22");
        is("exotel", 1, "", request("GET", &target, &[], b""));
        is("knowlarity", 1, "", json("knowlarity", &[("Authorization", &format!("Token {secret}"))]));
        let parts = b"--X\r\nContent-Disposition: form-data; name=\"myoperator\"\r\n\r\n{\"event\":\"call\",\"_ld\":[1]}\r\n--X--\r\n";
        let headers = [("Content-Type", "multipart/form-data; boundary=X")];
        is("myoperator", 1, "", request("POST", &format!("/myoperator?key={secret}"), &headers, parts));
        let text = format!(r#"{{"token":"{secret}","data":{{"from":"+1 (555) 010-9999"}}}}"#);
        is("callhippo", 1, "", request("POST", "/callhippo", &[], text.as_bytes()));
        let sign = base64(hex(&self.sha512(body)));
        is("ringover", 1, "", json("ringover", &[("X-Ringover-Signature", &sign)]));
        let sign = format!("sha256={}", hex(&self.sha256(&format!("m1{iso}{body}"))));
        let headers = [
            ("Twitch-Eventsub-Message-Id", "m1"),
            ("Twitch-Eventsub-Message-Timestamp", &iso),
            ("Twitch-Eventsub-Message-Signature", &sign),
        ];
        is("twitch", 1, "", json("twitch", &headers));
        let text = br#"{"data":{"events":[{"eventType":"user.session.start"},{"eventType":"user.session.end"}]}}"#;
        is("okta", 2, "", request("POST", "/okta", &[("Authorization", secret)], text));
        let text = format!(r#"{{"type":"message_new","secret":"{secret}","object":{{}}}}"#);
        is("vk", 1, "ok", request("POST", "/vk", &[], text.as_bytes()));
        let text = format!(r#"{{"message":{{"data":"{}","messageId":"1"}}}}"#, base64(body));
        is("pubsub", 1, "", request("POST", &format!("/pubsub?token={secret}"), &[], text.as_bytes()));
        let sign = format!("HMAC {}", base64(&raw));
        is("teams", 1, r#"{"type":"message""#, json("teams", &[("Authorization", &sign)]));
        let sign = hex(&self.sha256(&format!("{s}{body}")));
        is("close", 1, "", json("close", &[("close-sig-timestamp", &at), ("close-sig-hash", &sign)]));
        let sign = format!("sha512={}", hex(&self.sha512(body)).to_uppercase());
        is("authorize-net", 1, "", json("authorize-net", &[("X-ANET-Signature", &sign)]));
        let sign = format!("hmac-sha256={}", hex(&raw));
        is("airtable", 1, "", json("airtable", &[("X-Airtable-Content-MAC", &sign)]));
        let sign = format!("ts={s},v1={}", hex(&self.sha256(&format!("id:123;request-id:r1;ts:{s};"))));
        let headers = [("x-request-id", "r1"), ("x-signature", &*sign)];
        is("mercadopago", 1, "", json("mercadopago?data.id=123&type=payment", &headers));
        let text = format!(r#"{{"action":"create","webhookTimestamp":{ms}}}"#);
        let sign = hex(&self.sha256(&text));
        is("linear", 1, "", request("POST", "/linear", &[("Linear-Signature", &sign)], text.as_bytes()));
        let message = [format!("{s}\n{HOST}/hooks/bird\n").as_bytes(), &Sha256::digest(body)].concat();
        let sign = base64(bytes_mac(secret, &message));
        let headers = [("messagebird-request-timestamp", &*at), ("messagebird-signature", &sign)];
        is("bird", 1, "", json("bird", &headers));
        let message = format!("POST\n{}\napplication/json\nx-timestamp:{iso}\n/hooks/sinch", base64(Md5::digest(body)));
        let sign = format!("Application app:{}", base64(self.sha256(&message)));
        let headers = [("Content-Type", "application/json"), ("x-timestamp", &iso), ("Authorization", &sign)];
        is("sinch", 1, "", json("sinch", &headers));
        let message = format!("POST\n/hooks/contentful?a=b%20c\nx-contentful-timestamp:{ms}\n{body}");
        let (at_ms, sign) = (ms.to_string(), hex(&self.sha256(&message)));
        let headers = [("x-contentful-timestamp", &*at_ms), ("x-contentful-signature", &sign)];
        is("contentful", 1, "", json("contentful?a=b%20c", &headers));
        let sign = hex(&Sha256::digest(format!("{s}n0nce{secret}{body}")));
        let headers =
            [("X-Lark-Request-Timestamp", &*at), ("X-Lark-Request-Nonce", "n0nce"), ("X-Lark-Signature", &sign)];
        is("lark", 1, "", json("lark", &headers));
        let sign = hex(&Md5::digest(format!("10.50:7:{secret}"))).to_uppercase();
        let text = format!("OutSum=10.50&InvId=7&SignatureValue={sign}");
        is("robokassa", 1, "OK7", request("POST", "/robokassa", &[("Content-Type", FORM)], text.as_bytes()));
        let sign = hex(&Sha1::digest(format!("card&9&5.00&{secret}&")));
        let text = format!("notification_type=card&operation_id=9&amount=5.00&sha1_hash={sign}");
        is("quickpay", 1, "", request("POST", "/quickpay", &[("Content-Type", FORM)], text.as_bytes()));
        let headers = [("Content-Type", FORM), ("X-Api-Key", secret)];
        is("tilda", 1, "ok", request("POST", "/tilda", &headers, b"Name=Ana&Phone=%2B7+900&tranid=1%3A2"));
        let text = r#"{"destination":"U1","events":[{"type":"message"},{"type":"follow"}]}"#;
        let sign = base64(self.sha256(text));
        is("line", 2, "", request("POST", "/line", &[("X-Line-Signature", &sign)], text.as_bytes()));
        let inner = serde_json::json!({ "data": "{\"id\":1}", "eventType": "OrderCreated" }).to_string();
        let claims = serde_json::json!({ "data": inner, "iat": s }).to_string();
        is("wix", 1, "", request("POST", "/wix", &[("Content-Type", "text/plain")], self.jwt(&claims).as_bytes()));
        let text = serde_json::Value::from(body).to_string();
        is("double", 1, "", request("POST", &format!("/double?key={secret}"), &[], text.as_bytes()));
        let sign = hex(&self.sha256(&format!("&from=4917&text=a_b c&timestamp={s}")));
        let target = format!("/tyntec?text=a%26b+c&timestamp={s}&from=4917&sig={sign}");
        is("tyntec", 1, "", request("GET", &target, &[], b""));
        all
    }

    /// What is signed by a private key, and so by nobody else.
    fn by_key(&self) -> Vec<Sent> {
        let (s, body, key) = (self.seconds(), r#"{"type":2}"#, key_pair());
        let at = s.to_string();
        let sign = format!("v1a,{}", base64(key.sign(format!("m1.{s}.{body}").as_bytes())));
        let headers = [("webhook-id", "m1"), ("webhook-timestamp", &*at), ("webhook-signature", &sign)];
        let standard = request("POST", "/standard-asymmetric", &headers, body.as_bytes());
        let discord = |body: &str| {
            let sign = hex(key.sign(format!("{s}{body}").as_bytes()).as_ref());
            let headers = [("X-Signature-Timestamp", &*at), ("X-Signature-Ed25519", &sign)];
            request("POST", "/discord", &headers, body.as_bytes())
        };
        let sent = |name, request, answer, status, events| Sent { name, request, status, answer, events };
        vec![
            sent("standard-asymmetric", standard, "", 202, 1),
            sent("discord", discord(body), "", 202, 1),
            sent("discord's ping", discord(r#"{"type":1}"#), r#"{"type":1}"#, 200, 0),
        ]
    }

    /// Challenges, and what must be refused.
    fn handshakes(&self) -> Vec<Sent> {
        let mut all = Vec::new();
        let mut is = |name, status, answer, request| all.push(Sent { name, request, status, answer, events: 0 });
        for (name, application, audience) in
            [("vonage for another", "app-2", "me"), ("vonage to another", "app-1", "you")]
        {
            let hash = hex(&Sha256::digest("{}"));
            let claims = format!(r#"{{"payload_hash":"{hash}","application_id":"{application}","aud":"{audience}"}}"#);
            let bearer = format!("Bearer {}", self.jwt(&claims));
            is(name, 401, "", request("POST", "/vonage", &[("Authorization", &bearer)], b"{}"));
        }
        let sign = format!("sha256={}", hex(&self.sha256("{}")));
        let headers = [("X-Hub-Signature-256", &*sign), ("X-GitHub-Event", "ping")];
        is("github's ping", 200, "pong", request("POST", "/github", &headers, b"{}"));
        is("trello's question", 200, "", request("HEAD", "/trello", &[], b""));
        is("mandrill's question", 200, "", request("HEAD", "/mandrill", &[], b""));
        is("dropbox's challenge", 200, "c4a", request("GET", "/dropbox?challenge=c4a", &[], b""));
        is("dropbox without a challenge", 405, "", request("GET", "/dropbox", &[], b""));
        is("xero's wrong one", 401, "", request("POST", "/xero", &[("x-xero-signature", "AAAA")], br#"{"events":[]}"#));
        is(
            "monday's challenge",
            200,
            r#"{"challenge":"c4a"}"#,
            request("POST", "/monday/secret", &[], br#"{"challenge":"c4a"}"#),
        );
        is("asana's secret", 204, "x-hook-secret: abc", request("POST", "/asana", &[("X-Hook-Secret", "abc")], b""));
        let target = "/messenger?hub.mode=subscribe&hub.challenge=77&hub.verify_token=";
        is("messenger's challenge", 200, "77", request("GET", &format!("{target}a-word"), &[], b""));
        is("messenger's wrong word", 403, "", request("GET", &format!("{target}another"), &[], b""));
        let target = "/graph?validationToken=Validation%3A%20Testing%20Request-Id%3A%20522";
        is(
            "graph's token",
            200,
            "Validation: Testing Request-Id: 522",
            request("POST", target, &[("Content-Type", "text/plain")], b""),
        );
        let text = br#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]"#;
        is(
            "eventgrid's code",
            200,
            r#"{"validationResponse":"512d38b6"}"#,
            request("POST", "/eventgrid?code=secret", &[], text),
        );
        let headers = [("WebHook-Request-Origin", "eventemitter.example.com")];
        is(
            "eventgrid's origin",
            200,
            "webhook-allowed-origin: eventemitter.example.com",
            request("OPTIONS", "/eventgrid", &headers, b""),
        );
        let headers = [("Authorization", "secret"), ("X-Okta-Verification-Challenge", "xyz")];
        is("okta's challenge", 200, r#"{"verification":"xyz"}"#, request("GET", "/okta", &headers, b""));
        is(
            "vk's confirmation",
            200,
            "a1b2c3d4",
            request("POST", "/vk", &[], br#"{"type":"confirmation","secret":"secret"}"#),
        );
        let headers = [("Content-Type", FORM), ("X-Api-Key", "secret")];
        is("tilda's test", 200, "ok", request("POST", "/tilda", &headers, b"test=test"));
        let text = r#"{"destination":"U1","events":[]}"#;
        let sign = base64(self.sha256(text));
        is("line's check", 200, "", request("POST", "/line", &[("X-Line-Signature", &sign)], text.as_bytes()));
        all
    }
}

fn bytes_mac(key: &str, message: &[u8]) -> Vec<u8> {
    use hmac::{KeyInit, Mac};
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn a_source_alone_takes_verifies_and_answers_senders_of_every_kind() {
    let sources = std::fs::read_to_string(root().join("tests/invented/jackfield.yaml")).unwrap();
    let sources = sources.replace("PUBLIC", &base64(key_pair().public_key().as_ref()));
    let folder = Folder::with("invented", &[("jackfield.yaml", &sources)]);
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let now = Clock::System.now().0;
    let (good, forger) = (Signer { secret: "secret", now }, Signer { secret: "another", now });
    let (old, mut wrong, mut events) = (Signer { secret: "secret", now: now - 3_600_000 }, Vec::new(), 0);

    let mut check = |sent: &Sent, what: &str, is_right: &dyn Fn(u16) -> bool| {
        let answer = exchange(&server.listen, &sent.request).unwrap();
        let text = format!("{}\n{}", answer.head.to_lowercase(), answer.text());
        let is_answered = what != "good" || answer.text().starts_with(sent.answer) || text.contains(sent.answer);
        if !is_right(answer.status) || !is_answered {
            wrong.push(format!("{} ({what}): {} {}", sent.name, answer.status, answer.text()));
        }
    };
    let (sent, forged, stale) = (good.events(), forger.events(), old.events());
    assert!(sent.len() >= 45, "there are {}", sent.len());
    for (sent, (forged, stale)) in sent.iter().zip(forged.iter().zip(&stale)) {
        check(sent, "good", &|status| (200..300).contains(&status));
        check(forged, "forged", &|status| status == 401 || status == 404 && sent.name == "monday");
        // What says when it was signed is refused an hour later; in a token it says when it was issued, which may be long ago.
        if sent.request != stale.request && !["vonage", "wix"].contains(&sent.name) {
            check(stale, "stale", &|status| status == 401);
        }
        events += sent.events;
    }
    for sent in good.by_key().iter().chain(&good.handshakes()) {
        check(sent, "good", &|status| status == sent.status);
        events += sent.events;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(server.status()["events"]["accepted"], events);
}

/// What is signed and new enough may come again, from whoever saw it: its identity tells.
#[test]
fn a_signed_request_that_is_sent_again_is_the_same_event() {
    let sources = std::fs::read_to_string(root().join("tests/invented/jackfield.yaml")).unwrap();
    let svix = sources.split("\n  svix:\n").nth(1).unwrap().split("\n  standard-asymmetric:").next().unwrap();
    let source = svix.replace("    capture: true", "").replace("\n    ", "\n  ");
    let folder = Folder::with("again", ACME);
    folder.write(
        "routes/in.yaml",
        &format!(
            "source:\n  {}\nsend:\n  - to: acme.note\n    body: {{ key: k, text: \"event {{{{ payload.id }}}}\" }}\n",
            source.trim()
        ),
    );
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    let now = Clock::System.now().0;
    let all = Signer { secret: "secret", now }.events();
    let sent = all.iter().find(|sent| sent.name == "svix").unwrap();
    for _ in 0..3 {
        assert_eq!(exchange(&server.listen, &sent.request).unwrap().status, 202);
    }
    let is_done =
        |status: &serde_json::Value| status["events"]["duplicates"] == 2 && status["deliveries"]["delivered"] == 1;
    let status = server.wait_for("the repetitions", is_done);
    assert_eq!((&status["events"]["accepted"], server.received().len()), (&3.into(), 1));
}

//! A webhook, for people: how its sender proves itself, and what its payload holds, by the sample of the pack.

use super::leaves;
use super::packs::Known;
use super::{Row, heading, pasted, rows, told};
use crate::cli::terminal::line;
use crate::config::Named;
use crate::config::handshake::{Handshakes, Reply};
use crate::config::pack::Webhook;
use crate::config::scalar::Text;
use crate::config::source::{Format, Verify};
use crate::event::capture;
use crate::first_draft::Sender;
use crate::load;

pub(super) fn show(known: &Known<'_>, found: &Named<Webhook>) {
    let (name, webhook) = (&found.name.value, &found.value);
    super::title(&format!("{}.{name}, a webhook of {}", known.name, known.title()), told(&webhook.description));
    webhook.docs.iter().for_each(|docs| line(format!("\nIts documentation: {}", docs.value)));
    heading("How it is received");
    rows(facts(webhook));
    if !webhook.settings.is_empty() {
        heading("What a source gives under `settings`");
        rows(webhook.settings.iter().map(super::pack::setting).collect());
    }
    if let Some(notes) = &webhook.notes {
        heading("What else is known of it, and what is not");
        super::wrapped(&notes.value).lines().for_each(|part| line(format!("  {part}")));
    }
    let sender = Sender { vendor: known.name, pack: known.pack, name, webhook };
    let mut source = sender.source(&sender.path(), &["  verify: { token: { query: key } }".to_owned()]);
    source.insert(0, "source:".to_owned());
    pasted("A source, to paste into a route", &source);
    for sample in &webhook.samples {
        show_sample(known, &sender, &sample.value);
    }
}

fn facts(webhook: &Webhook) -> Vec<Row> {
    let methods = webhook.methods.as_ref().map(|all| all.iter().map(|one| &*one.value).collect::<Vec<_>>().join(", "));
    let split = webhook.split.as_ref().map(|split| format!("each match of `{}` becomes an event", split.value));
    let verify = webhook.verify.as_ref().map_or_else(|| "the source says how: `verify:`".to_owned(), verified);
    let secret = webhook.secret.as_ref().map(|secret| secret.description.value.to_string());
    let identity =
        webhook.identity.as_ref().map(|identity| format!("`{}`: the same twice is one event", identity.value));
    let reply = webhook.reply.as_ref().map_or_else(|| "202 and the event's id".to_owned(), replied);
    let format = webhook.format.as_ref().map_or(Format::Auto, |format| format.value);
    let facts = [
        ("methods", Some(methods.unwrap_or_else(|| "POST".to_owned()))),
        ("format", Some(format.word().to_owned())),
        ("split", split),
        ("verify", Some(verify)),
        ("secret", secret),
        ("answers", webhook.handshake.as_ref().map(answered)),
        ("identity", identity),
        ("reply", Some(reply)),
    ];
    facts.into_iter().filter_map(|(label, text)| Some(Row::new(label, &text?, None))).collect()
}

/// The challenges that are answered.
fn answered(handshakes: &Handshakes) -> String {
    let told = handshakes.0.iter().map(|one| one.description.as_ref().map_or(&*one.when.value, |text| &*text.value));
    told.collect::<Vec<_>>().join("; ")
}

fn replied(reply: &Reply) -> String {
    let status = reply.status.as_ref().map_or(202, |status| status.value);
    match &reply.body {
        Some(body) => {
            let text =
                body.as_scalar().map_or_else(|| body.to_value().to_json(), |scalar| scalar.text.trim().to_owned());
            match text.is_empty() {
                true => format!("{status}, with an empty body"),
                false => format!("{status}, with the body `{text}`"),
            }
        }
        None => status.to_string(),
    }
}

/// How the sender proves itself, in words.
fn verified(verify: &Verify) -> String {
    match verify {
        Verify::None(_) => "not at all: anyone who knows the address may send".to_owned(),
        Verify::Hmac(hmac) => {
            let algorithm = hmac.algorithm.as_ref().map_or("sha256", |hash| hash.value.word());
            let what = format!("by a keyed hash ({algorithm})");
            over(&what, [&hmac.header, &hmac.query, &hmac.field], hmac.signs.as_ref())
        }
        Verify::Hash(hash, algorithm) => {
            let what = format!("by a hash ({})", algorithm.word());
            over(&what, [&hash.header, &hash.query, &hash.field], Some(&hash.signs))
        }
        Verify::Ed25519(key) => {
            over("by a signature (Ed25519)", [&key.header, &key.query, &key.field], key.signs.as_ref())
        }
        Verify::Rsa(key) => over("by a signature (RSA)", [&key.header, &key.query, &key.field], key.signs.as_ref()),
        Verify::Jwt(token) => match place([&token.header, &token.query, &token.field]) {
            Some(place) => format!("by a JSON Web Token {place}"),
            None => "by a JSON Web Token, which is the whole body".to_owned(),
        },
        Verify::Token(token) => match (&token.query, &token.path) {
            (Some(query), _) => format!("by the secret in the address: …?{}=SECRET", query.value),
            (_, Some(segment)) => format!("by the secret in the address, as its part `{{{}}}`", segment.value),
            _ => format!("by the secret {}", place([&token.header, &None, &token.field]).unwrap_or_default()),
        },
        Verify::Basic(_) => "by HTTP Basic authentication".to_owned(),
        Verify::AnyOf(kinds) => kinds.value.iter().map(verified).collect::<Vec<_>>().join("; or "),
    }
}

/// A header, a parameter of the query, or a field, whichever is named.
fn place(named: [&Option<Text>; 3]) -> Option<String> {
    let words = ["header", "query parameter", "field"];
    let found = words.into_iter().zip(named).find_map(|(word, name)| name.as_ref().map(|name| (word, name)));
    found.map(|(word, name)| format!("in {word} `{}`", name.value))
}

fn over(what: &str, named: [&Option<Text>; 3], signs: Option<&Text>) -> String {
    let signs = signs.map_or("{{ body }}", |signs| &signs.value);
    format!("{what} {} over `{signs}`", place(named).unwrap_or_default())
}

/// The payload of a captured request: every path that a route could extract, with the value that stands there.
fn show_sample(known: &Known<'_>, sender: &Sender<'_>, file: &str) {
    let Some(bytes) = load::beside_pack(&known.packs.root, known.name, file) else { return };
    let Ok(raw) = capture::parse(&bytes) else { return };
    let Ok(payload) = sender.payload(&raw) else { return };
    heading(match sender.webhook.split {
        Some(_) => "The payload of the first event in the pack's sample, as `extract:` sees it",
        None => "The payload of the pack's sample, as `extract:` sees it",
    });
    leaves::show(&payload);
}

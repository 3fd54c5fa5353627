//! A webhook, for people: how its sender proves itself, and what its payload holds, by the sample of the pack.

use super::packs::Known;
use super::{Row, heading, pasted, rows, told, yaml};
use crate::cli::terminal::line;
use crate::config::Named;
use crate::config::pack::Webhook;
use crate::config::source::{Format, Reply, Token, Verify};
use crate::event::capture;
use crate::load;
use crate::path::{Location, Path, Step};
use crate::payload;
use crate::value::Value;

/// No value of a sample is shown longer.
const LONGEST: usize = 60;

pub(super) fn show(known: &Known<'_>, found: &Named<Webhook>) {
    let (name, webhook) = (&found.name.value, &found.value);
    super::title(&format!("{}.{name}, a webhook of {}", known.name, known.title()), told(&webhook.description));
    webhook.docs.iter().for_each(|docs| line(format!("\nIts documentation: {}", docs.value)));
    heading("How it is received");
    rows(facts(webhook));
    pasted("A source, to paste into a route", &source(known, name, webhook));
    for sample in &webhook.samples {
        show_sample(known, webhook, &sample.value);
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
        ("identity", identity),
        ("reply", Some(reply)),
    ];
    facts.into_iter().filter_map(|(label, text)| Some(Row::new(label, &text?, None))).collect()
}

fn replied(reply: &Reply) -> String {
    let status = reply.status.as_ref().map_or(202, |status| status.value);
    match &reply.body {
        Some(body) => format!("{status}, with the body `{}`", body.value.trim()),
        None => status.to_string(),
    }
}

/// How the sender proves itself, in words.
fn verified(verify: &Verify) -> String {
    let signed = |header: Option<&str>, field: Option<&str>, what: &str| match (header, field) {
        (Some(header), _) => format!("by {what} in header `{header}`"),
        (None, Some(field)) => format!("by {what} in field `{field}`"),
        (None, None) => format!("by {what}"),
    };
    match verify {
        Verify::None(_) => "not at all: anyone who knows the address may send".to_owned(),
        Verify::Hmac(hmac) => {
            let what = format!("a keyed hash ({})", hmac.algorithm.as_ref().map_or("sha256", |hash| hash.value.word()));
            let signs = hmac.signs.as_ref().map_or("{{ body }}", |signs| &signs.value);
            format!("{} over `{signs}`", signed(hmac.header.as_ref().map(|h| &*h.value), None, &what))
        }
        Verify::Sha256(hash) => {
            let (header, field) = (hash.header.as_ref().map(|h| &*h.value), hash.field.as_ref().map(|f| &*f.value));
            format!("{} over `{}`", signed(header, field, "a hash (sha256)"), hash.signs.value)
        }
        Verify::Token(token) => match &token.query {
            Some(query) => format!("by the secret in the address: …?{}=SECRET", query.value),
            None => signed(token.header.as_ref().map(|h| &*h.value), token_field(token), "the secret"),
        },
        Verify::Basic(_) => "by HTTP Basic authentication".to_owned(),
        Verify::Later(kind) => format!("by `{}`, which this version can't do", kind.value),
    }
}

fn token_field(token: &Token) -> Option<&str> {
    token.field.as_ref().or(token.path.as_ref()).map(|field| &*field.value)
}

fn source(known: &Known<'_>, name: &str, webhook: &Webhook) -> Vec<String> {
    let mut lines = vec!["source:".to_owned(), format!("  from: {}.{name}", known.name)];
    lines.push(format!("  path: /{}-{}", known.name, name.replace('_', "-")));
    match &webhook.verify {
        Some(Verify::None(_)) => {}
        Some(_) => lines.push(format!("  secret: ${{env:{}}}", yaml::variable(&[known.name, "SECRET"]))),
        None => lines.push("  verify: { token: { query: key } }".to_owned()),
    }
    lines
}

/// The payload of a captured request: every path that a route could extract, with the value that stands there.
fn show_sample(known: &Known<'_>, webhook: &Webhook, file: &str) {
    let Some(bytes) = load::beside_pack(&known.packs.root, known.name, file) else { return };
    let Some(payload) = payload_of(&bytes, webhook) else { return };
    heading(match webhook.split {
        Some(_) => "The payload of the first event in the pack's sample, as `extract:` sees it",
        None => "The payload of the pack's sample, as `extract:` sees it",
    });
    let mut leaves = Vec::new();
    add_leaves(&payload, &mut Vec::new(), &mut leaves);
    let widest = leaves.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0).min(LONGEST);
    for (path, value) in leaves {
        line(format!("  {path:widest$}  {value}"));
    }
}

fn payload_of(bytes: &[u8], webhook: &Webhook) -> Option<Value> {
    let format = match webhook.format.as_ref().map(|format| format.value) {
        Some(Format::Json) => payload::Format::Json,
        Some(Format::Form) => payload::Format::Form,
        Some(Format::Query) => payload::Format::Query,
        Some(Format::Text) => payload::Format::Text,
        _ => payload::Format::Auto,
    };
    let whole = payload::decode(&capture::parse(bytes).ok()?, format).ok()?;
    let split = webhook.split.as_ref().and_then(|split| Path::parse(&split.value).ok());
    let first = split.and_then(|split| split.select(&whole, 1).into_iter().next().map(|(_, part)| part.clone()));
    Some(first.unwrap_or(whole))
}

/// The single values of a payload, with their paths.
fn add_leaves(value: &Value, at: &mut Vec<Step>, leaves: &mut Vec<(String, String)>) {
    let inner: Vec<(Step, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (Step::Key(key.clone()), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (Step::Index(index), item)).collect(),
        _ => Vec::new(),
    };
    if inner.is_empty() {
        leaves.push((Location(at.clone()).to_string(), short(&value.to_json())));
    }
    for (step, value) in inner {
        at.push(step);
        add_leaves(value, at, leaves);
        at.pop();
    }
}

fn short(text: &str) -> String {
    match text.chars().count() > LONGEST {
        true => text.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

//! Of which sender that has a pack a request is: by where it carries its proof, its path and the shape of its payload.

use std::collections::BTreeSet;
use std::path::Path as Root;

use super::written::Sender;
use crate::config::Decode;
use crate::config::pack::Pack;
use crate::config::source::Verify;
use crate::document::Document;
use crate::event::{RawRequest, capture};
use crate::load;
use crate::payload::form;
use crate::value::Value;

/// The packs of a workspace and those that are built in, by name.
pub(super) fn packs(root: &Root) -> Vec<(String, Pack)> {
    let pack = |(file, text): (&std::sync::Arc<str>, &std::sync::Arc<str>)| {
        let name = file.strip_prefix("schemas/")?.strip_suffix("/pack.yaml")?;
        // Most packs take requests and send none.
        let node = text.contains("\nwebhooks:").then(|| Document::parse(file, text).0.root).flatten()?;
        Some((name.to_owned(), Pack::decode(&node, &mut Vec::new())?))
    };
    load::read(root).texts.iter().filter_map(pack).collect()
}

/// The webhook that a request fits best, and the others of its vendor that it fits as well.
pub(super) struct Best<'p> {
    pub sender: Sender<'p>,
    pub others: Vec<Sender<'p>>,
}

/// The webhook that a request fits best, where one fits well; of two that are alike, that of a vendor with a connection.
pub(super) fn of<'p>(
    root: &Root,
    packs: &'p [(String, Pack)],
    raw: &RawRequest,
    is_connected: impl Fn(&str) -> bool,
) -> Option<Best<'p>> {
    let senders = packs.iter().flat_map(|(vendor, pack)| {
        pack.webhooks.iter().map(move |one| Sender { vendor, pack, name: &one.name.value, webhook: &one.value })
    });
    let fitting = senders.filter_map(|sender| {
        let fit = fit(root, &sender, raw)?;
        Some((Fit { score: fit.score + u32::from(is_connected(sender.vendor)), ..fit }, sender))
    });
    let fitting: Vec<_> = fitting.collect();
    // Of those that fit alike the first.
    let (best, sender) = *fitting.iter().rev().max_by_key(|(fit, _)| fit)?;
    let is_other = |(fit, other): &&(Fit, Sender<'p>)| {
        other.vendor == sender.vendor && other.name != sender.name && (fit.score, fit.equal) == (best.score, best.equal)
    };
    let others = fitting.iter().filter(is_other).map(|(_, other)| *other).collect();
    Some(Best { sender, others })
}

/// Where a request carries the proof that a webhook wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Carried {
    /// In a place that anybody's request may have, or the webhook wants none.
    Anywhere,
    /// In a header that says its name, but not that of the sender.
    Header,
    /// In a header with the sender's name.
    OwnHeader,
}

/// How well a request fits a webhook; of two with the same score, what comes later counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    score: u32,
    /// So many short texts are those of its sample.
    equal: u32,
    /// How much all its samples are like the request: a webhook for this alone goes before one for everything.
    on_average: u32,
}

/// How well a request fits a webhook: nothing where it is surely of another, or nobody can tell.
fn fit(root: &Root, sender: &Sender<'_>, raw: &RawRequest) -> Option<Fit> {
    let carried = match &sender.webhook.verify {
        Some(verify) => carried(verify, sender.vendor, raw)?,
        None => Carried::Anywhere,
    };
    let own = sender.whole(raw).ok()?;
    if !sender.has_events(&own) {
        return None;
    }
    let samples = sender.webhook.samples.iter().filter_map(|file| {
        let bytes = load::beside_pack(root, sender.vendor, &file.value)?;
        let sample = sender.whole(&capture::parse(&bytes).ok()?).ok()?;
        Some(Likeness::of(&own, &sample))
    });
    let samples: Vec<Likeness> = samples.collect();
    let on_average = samples.iter().map(|sample| sample.all).sum::<u32>().checked_div(counted(samples.len()))?;
    let likeness = samples.into_iter().max()?;
    let is_alike = match carried {
        Carried::OwnHeader => likeness.top >= 20,
        Carried::Header => likeness.all >= 50,
        Carried::Anywhere => likeness.all >= 60 && likeness.shared >= 4,
    };
    let at_its_path = u32::from(raw.path().ends_with(&sender.path())) * 20;
    let equal = likeness.equal.min(20);
    let score = likeness.all + likeness.top + at_its_path + equal + carried as u32 * 10;
    is_alike.then_some(Fit { score, equal: likeness.equal, on_average })
}

/// Where a request carries the proof; nothing where it does not.
fn carried(verify: &Verify, vendor: &str, raw: &RawRequest) -> Option<Carried> {
    let (header, query) = match verify {
        Verify::AnyOf(ways) => return ways.value.iter().filter_map(|way| carried(way, vendor, raw)).max(),
        Verify::None(_) => return Some(Carried::Anywhere),
        Verify::Basic(_) => return raw.header("authorization").map(|_| Carried::Anywhere),
        Verify::Hmac(hmac) => (&hmac.header, &hmac.query),
        Verify::Hash(hash, _) => (&hash.header, &hash.query),
        Verify::Token(token) => (&token.header, &token.query),
        Verify::Ed25519(key) => (&key.header, &key.query),
        Verify::Rsa(key) => (&key.header, &key.query),
        Verify::Jwt(token) => (&token.header, &token.query),
    };
    if let Some(header) = header {
        let name = header.value.to_lowercase();
        raw.header(&name)?;
        return Some(match name.as_str() {
            "authorization" => Carried::Anywhere,
            name if name.contains(vendor) => Carried::OwnHeader,
            _ => Carried::Header,
        });
    }
    match query {
        Some(name) => form::decode_lenient(raw.query()).get(&name.value).map(|_| Carried::Anywhere),
        None => Some(Carried::Anywhere),
    }
}

/// How much two payloads are alike, in hundredths of what either has.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Likeness {
    all: u32,
    top: u32,
    /// So many names both have.
    shared: u32,
    /// So many short texts are the same in both: `event: call.missed`.
    equal: u32,
}

impl Likeness {
    fn of(one: &Value, other: &Value) -> Likeness {
        let (one, other) = (Names::of(one), Names::of(other));
        let top = |names: &Names| names.all.iter().filter(|name| !name.contains('.')).cloned().collect();
        Likeness {
            all: hundredths(&one.all, &other.all),
            top: hundredths(&top(&one), &top(&other)),
            shared: counted(one.all.intersection(&other.all).count()),
            equal: counted(one.texts.intersection(&other.texts).count()),
        }
    }
}

fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn hundredths(one: &BTreeSet<String>, other: &BTreeSet<String>) -> u32 {
    let all = one.union(other).count();
    counted(one.intersection(other).count() * 100).checked_div(counted(all)).unwrap_or(0)
}

/// The names of a payload, not deep, and its short texts with theirs.
#[derive(Default)]
struct Names {
    all: BTreeSet<String>,
    texts: BTreeSet<String>,
}

impl Names {
    fn of(value: &Value) -> Names {
        let mut names = Names::default();
        names.add("", value, 0);
        names
    }

    fn add(&mut self, above: &str, value: &Value, depth: usize) {
        const DEEPEST: usize = 3;
        const MOST: usize = 300;
        match value {
            Value::Object(object) if depth < DEEPEST && self.all.len() < MOST => {
                for (key, value) in object.iter() {
                    let name = if above.is_empty() { key.to_string() } else { format!("{above}.{key}") };
                    self.all.insert(name.clone());
                    self.add(&name, value, depth + 1);
                }
            }
            Value::Array(items) => items.first().into_iter().for_each(|first| self.add(above, first, depth)),
            Value::String(text) if text.len() <= 40 => {
                self.texts.insert(format!("{above}={text}"));
            }
            _ => {}
        }
    }
}

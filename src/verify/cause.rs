//! Why a captured request does not verify: what would have to be written otherwise. Most of it is found by trying, so
//! that what is told is certain.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;

use super::hash::{Encoding, Hash, from_hex};
use super::jwt::Jwt;
use super::key::{BASE64, decoded_secret, secret_of_digits};
use super::piece::Signed;
use super::place::Where;
use super::signature::{Key, Proof, Signature};
use super::time::Unit;
use super::token::Token;
use super::{Context, Verify, VerifyError};
use crate::diagnostic::suggest;
use crate::event::RawRequest;
use crate::payload::form;
use crate::secret::MASK;

/// In larger bodies nothing is tried: each trial hashes all of it.
const LARGEST: usize = 64 * 1024;
/// A shorter token may be the same as another value by chance.
const SHORTEST_TOKEN: usize = 4;

/// A captured request with a proof that proves nothing.
#[derive(Debug)]
pub struct Refused {
    pub error: VerifyError,
    /// The header that carries the proof, or nearly has the name of the one that should.
    pub header: Option<Arc<str>>,
    pub cause: Option<Cause>,
}

/// What is certain of the reason.
#[derive(Debug, PartialEq, Eq)]
pub enum Cause {
    /// The verification says it otherwise than the sender does it; what to do to it: "write `encoding: base64`".
    Written(String),
    /// The header that is looked for is not there, and one of nearly the same name is.
    NearHeader { wanted: Arc<str>, found: Arc<str> },
}

impl Verify {
    /// Why a request that carries a proof would be refused. Nothing where it would be taken, carries none, or the secret
    /// is not known here.
    pub fn refused(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Refused> {
        match self {
            Verify::Open | Verify::Basic(_) => None,
            Verify::Signature(signature) => signature.refused(raw, context),
            Verify::Token(token) => token.refused(raw, context),
            Verify::Jwt(jwt) => jwt.refused(raw, context),
            Verify::AnyOf(ways) => {
                let checked = |way: &Verify| way.check(raw, context);
                let is_open =
                    ways.iter().map(checked).any(|found| matches!(found, Ok(()) | Err(VerifyError::NoSecret)));
                let mut refused = ways.iter().filter(|_| !is_open).filter_map(|way| way.refused(raw, context));
                refused.next()
            }
        }
    }

    /// Whether the address of the request is part of what is signed.
    pub fn signs_address(&self) -> bool {
        match self {
            Verify::Signature(signature) => signature.signs.iter().any(Signed::has_url),
            Verify::AnyOf(ways) => ways.iter().any(Verify::signs_address),
            Verify::Open | Verify::Token(_) | Verify::Basic(_) | Verify::Jwt(_) => false,
        }
    }
}

impl Jwt {
    fn refused(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Refused> {
        let found = self.at.find(raw, context).ok().filter(|found| !is_masked(found))?;
        match self.check(raw, context) {
            // A token that says no more than when it expires can't be looked at by its own clock.
            Ok(()) | Err(VerifyError::NoSecret | VerifyError::Stale | VerifyError::Miswritten(..)) => None,
            Err(_) if found.matches('.').count() != 2 => None,
            Err(error) => Some(Refused { error, header: header_of(&self.at), cause: None }),
        }
    }
}

impl Token {
    /// A capture without the token, or with a mask in its place, says nothing.
    fn refused(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Refused> {
        let error = self.check(raw, context).err()?;
        let is_long = |secret: &&str| secret.len() >= 8;
        let mut secrets = self.secrets.iter().map(|secret| secret.expose()).filter(is_long);
        let (header, cause) = match self.at.find(raw, context) {
            Ok(found) => {
                if is_marked(&found) || matches!(error, VerifyError::NoSecret) {
                    return None;
                }
                let help = secrets.find_map(|secret| found.strip_suffix(secret)).map(|before| match before {
                    "" => "remove `prefix`".to_owned(),
                    before => prefix_help(before),
                });
                return Some(Refused { error, header: header_of(&self.at), cause: help.map(Cause::Written) });
            }
            Err(_) => {
                if let Some(cause) = self.in_query(raw) {
                    return Some(Refused { error, header: header_of(&self.at), cause: Some(cause) });
                }
                let wanted = match &self.at {
                    Where::Header(name) => name.clone(),
                    Where::Query(_) => return self.in_header(raw, error),
                    _ => return None,
                };
                let is_it = |value: &str| {
                    value.strip_prefix(&*self.prefix).is_some_and(|token| secrets.clone().any(|s| s == token))
                };
                let (name, _) = raw.headers.iter().find(|(_, value)| is_it(value))?;
                let found: Arc<str> = name.as_str().into();
                (Some(found.clone()), Cause::NearHeader { wanted, found })
            }
        };
        Some(Refused { error, header, cause: Some(cause) })
    }
}

impl Token {
    fn is_secret(&self, value: &str) -> bool {
        let token = value.strip_prefix(&*self.prefix).unwrap_or(value);
        self.secrets.iter().any(|secret| secret.expose().len() >= SHORTEST_TOKEN && secret.expose() == token)
    }

    /// The token in the query, under a name that is not asked for.
    fn in_query(&self, raw: &RawRequest) -> Option<Cause> {
        let query = form::decode_lenient(raw.query());
        let (name, _) =
            query.as_object()?.iter().find(|(_, value)| value.as_str().is_some_and(|value| self.is_secret(value)))?;
        Some(Cause::Written(format!("did you mean `query: {name}`?")))
    }

    /// The token in a header, where the query is asked for it.
    fn in_header(&self, raw: &RawRequest, error: VerifyError) -> Option<Refused> {
        let (name, _) = raw.headers.iter().find(|(_, value)| self.is_secret(value))?;
        let cause = Some(Cause::Written(format!("did you mean `header: {name}`?")));
        Some(Refused { error, header: Some(name.as_str().into()), cause })
    }
}

impl Signature {
    fn refused(&self, raw: &RawRequest, context: &Context<'_>) -> Option<Refused> {
        self.known().ok()?;
        let error = self.check(raw, context).err()?;
        let found = match self.at.find(raw, context) {
            Err(VerifyError::Missing(_)) => return self.elsewhere(raw, context, error),
            Err(_) => None,
            Ok(found) if is_masked(&found) => return None,
            Ok(found) => Some(found),
        };
        let cause = found.and_then(|found| match error {
            VerifyError::Stale | VerifyError::Miswritten(..) => self.unit(raw, context),
            _ => self.otherwise(raw, context).or_else(|| self.by_shape(&found)),
        });
        Some(Refused { error, header: header_of(&self.at), cause: cause.map(Cause::Written) })
    }

    /// The signature in a header of another name: one that is right there, or whose name is nearly that.
    fn elsewhere(&self, raw: &RawRequest, context: &Context<'_>, error: VerifyError) -> Option<Refused> {
        let wanted = header_of(&self.at)?;
        let names: Vec<&str> =
            raw.headers.iter().map(|(name, _)| name.as_str()).filter(|name| !is_common(name)).collect();
        let at = |name: &str| Signature { at: Where::Header(name.into()), ..self.clone() };
        let proved = |name: &&&str| at(name).check(raw, context).is_ok();
        let begins = |name: &&&str| {
            let wanted = wanted.to_lowercase();
            wanted.len() >= 4 && name.to_lowercase().starts_with(&wanted)
        };
        let known = names.iter().find(proved).or_else(|| names.iter().find(begins)).copied();
        let found = known.or_else(|| suggest::certain(&wanted, names.iter().copied()))?;
        let found: Arc<str> = found.into();
        Some(Refused { error, header: Some(found.clone()), cause: Some(Cause::NearHeader { wanted, found }) })
    }

    /// How the time of signing is written, where it is not as `unit` says.
    fn unit(&self, raw: &RawRequest, context: &Context<'_>) -> Option<String> {
        let units = [(Unit::Seconds, "s"), (Unit::Milliseconds, "ms"), (Unit::Iso, "iso")];
        let reads = |unit: Unit| {
            let signed_at = self.signed_at.clone().map(|signed_at| super::time::SignedAt { unit, ..signed_at });
            Signature { signed_at, ..self.clone() }.signed_at(raw, context).is_some()
        };
        let (_, word) = units.into_iter().find(|(unit, _)| reads(*unit))?;
        Some(format!("write `unit: {word}` below `timestamp`"))
    }

    /// What makes the signature right, tried out.
    fn otherwise(&self, raw: &RawRequest, context: &Context<'_>) -> Option<String> {
        let found = self.at.find(raw, context).ok().filter(|_| raw.body.len() <= LARGEST)?;
        let mut trials = vec![(self.clone(), Vec::new())];
        for change in [encodings, prefixes, hashes, keys, texts] {
            let changed: Vec<_> = trials
                .iter()
                .flat_map(|(trial, said)| {
                    change(trial, &found).into_iter().map(move |(next, word)| {
                        let said: Vec<String> = said.iter().cloned().chain([word]).collect();
                        (next, said)
                    })
                })
                .collect();
            trials.extend(changed);
        }
        trials.sort_by_key(|(_, said)| said.len());
        let is_right = |trial: &Signature| trial.check(raw, context).is_ok();
        trials.into_iter().find(|(trial, _)| is_right(trial)).map(|(_, said)| said.join(", and "))
    }

    /// What the signature looks like, whatever it was made with.
    fn by_shape(&self, found: &str) -> Option<String> {
        if self.item.is_some() || !self.separator.is_empty() {
            return None;
        }
        let length = self.length()?;
        let Some(text) = found.trim().strip_prefix(&*self.prefix) else {
            return match prefix_of(found) {
                Some(prefix) => Some(prefix_help(prefix)),
                None => shape(found.trim(), length).map(|_| "remove `prefix`".to_owned()),
            };
        };
        match (shape(text, length), self.encoding) {
            (Some(Encoding::Base64), Encoding::Hex) => Some("write `encoding: base64`".to_owned()),
            (Some(Encoding::Hex), Encoding::Base64 | Encoding::Base64OfHex) => Some("write `encoding: hex`".to_owned()),
            (None, _) if self.prefix.is_empty() => {
                let prefix = prefix_of(text)?;
                shape(text.strip_prefix(prefix)?, length).map(|_| prefix_help(prefix))
            }
            _ => None,
        }
    }

    /// The bytes that a signature has.
    fn length(&self) -> Option<usize> {
        match &self.proof {
            Proof::Keyed(hash, _) | Proof::Plain(hash, _) => Some(hash.digest(b"").len()),
            Proof::Public(_) | Proof::Unknown => None,
        }
    }
}

/// A signature with one thing changed, and what to do to have it so.
type Changed = (Signature, String);

fn encodings(of: &Signature, _: &str) -> Vec<Changed> {
    let all = [(Encoding::Hex, "hex"), (Encoding::Base64, "base64"), (Encoding::Base64OfHex, "base64-of-hex")];
    let others = all.into_iter().filter(|(encoding, _)| *encoding != of.encoding);
    others.map(|(encoding, word)| (Signature { encoding, ..of.clone() }, format!("write `encoding: {word}`"))).collect()
}

fn prefixes(of: &Signature, found: &str) -> Vec<Changed> {
    if of.item.is_some() || !of.separator.is_empty() {
        return Vec::new();
    }
    let with = |prefix: &str| Signature { prefix: prefix.into(), ..of.clone() };
    let other = prefix_of(found).filter(|prefix| **prefix != *of.prefix);
    let none = (!of.prefix.is_empty()).then(|| (with(""), "remove `prefix`".to_owned()));
    none.into_iter().chain(other.map(|prefix| (with(prefix), prefix_help(prefix)))).collect()
}

fn hashes(of: &Signature, _: &str) -> Vec<Changed> {
    let Proof::Keyed(own, keys) = &of.proof else { return Vec::new() };
    let all = [(Hash::Sha1, "sha1"), (Hash::Sha256, "sha256"), (Hash::Sha512, "sha512"), (Hash::Md5, "md5")];
    let others = all.into_iter().filter(|(hash, _)| hash != own);
    let with = |hash: Hash| Signature { proof: Proof::Keyed(hash, keys.clone()), ..of.clone() };
    others.map(|(hash, word)| (with(hash), format!("write `algorithm: {word}`"))).collect()
}

fn keys(of: &Signature, _: &str) -> Vec<Changed> {
    let Proof::Keyed(hash, keys) = &of.proof else { return Vec::new() };
    let other = |bytes: &dyn Fn(&Key) -> Option<Vec<u8>>| {
        let changed = keys.iter().map(|key| Some(Key { bytes: bytes(key)?, secret: key.secret.clone() }));
        let changed = changed.collect::<Option<Vec<Key>>>()?;
        Some(Signature { proof: Proof::Keyed(*hash, changed), ..of.clone() })
    };
    let is_text = keys.iter().all(|key| key.bytes == key.secret.expose().as_bytes());
    let all = match is_text {
        true => vec![
            (other(&|key| decoded_secret(key.secret.expose())), "write `key: base64`"),
            (other(&|key| secret_of_digits(key.secret.expose())), "write `key: hex`"),
        ],
        false => vec![(other(&|key| Some(key.secret.expose().as_bytes().to_vec())), "write `key: text`")],
    };
    all.into_iter().filter_map(|(changed, help)| Some((changed?, help.to_owned()))).collect()
}

/// What the most senders sign.
fn texts(of: &Signature, _: &str) -> Vec<Changed> {
    if !matches!(of.proof, Proof::Keyed(..) | Proof::Public(_)) || of.body_hash.is_some() {
        return Vec::new();
    }
    let joined = |between: &str| vec![Signed::Timestamp, Signed::Text(between.into()), Signed::Body];
    let all = match of.signed_at {
        None => vec![("{{ body }}", vec![Signed::Body])],
        Some(_) => vec![
            ("{{ timestamp }}.{{ body }}", joined(".")),
            ("{{ timestamp }}{{ body }}", joined("")),
            ("{{ timestamp }}:{{ body }}", joined(":")),
        ],
    };
    all.into_iter()
        .map(|(written, signs)| (Signature { signs, ..of.clone() }, format!("write `signs: \"{written}\"`")))
        .collect()
}

/// What a text of this many bytes is written in.
fn shape(text: &str, length: usize) -> Option<Encoding> {
    if text.len() == 2 * length && from_hex(text).is_some() {
        return Some(Encoding::Hex);
    }
    BASE64.decode(text).ok().filter(|bytes| bytes.len() == length).map(|_| Encoding::Base64)
}

/// `sha256=` before a signature.
fn prefix_of(found: &str) -> Option<&str> {
    let end = found.find('=')? + 1;
    let (prefix, rest) = found.split_at_checked(end)?;
    let is_word = prefix.len() <= 12 && prefix.trim_end_matches('=').chars().all(|c| c.is_ascii_alphanumeric());
    (is_word && rest.len() >= 16).then_some(prefix)
}

fn prefix_help(prefix: &str) -> String {
    format!("write `prefix: \"{prefix}\"`")
}

fn header_of(at: &Where) -> Option<Arc<str>> {
    match at {
        Where::Header(name) => Some(name.clone()),
        Where::Query(_) | Where::Field(_) | Where::Segment(_) | Where::Body => None,
    }
}

/// Headers of every request, which no sender puts a signature into.
fn is_common(name: &str) -> bool {
    matches!(name, "host" | "date" | "accept" | "connection" | "user-agent" | "content-type" | "content-length")
}

/// Whether somebody took the proof out, or wrote something in its place that is too short or too plain for one.
fn is_masked(text: &str) -> bool {
    const SHORTEST: usize = 20;
    const FEWEST: usize = 6;
    let lower = text.to_ascii_lowercase();
    let characters: BTreeSet<char> = lower.chars().collect();
    is_marked(text) || text.len() < SHORTEST || characters.len() < FEWEST
}

/// Whether something was written in the place of a secret that says so.
fn is_marked(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains(MASK) || ["xxx", "redacted", "…", "..."].iter().any(|word| lower.contains(word))
}

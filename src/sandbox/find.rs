//! Which provider and which of its calls an address means.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;

use super::check::media;
use crate::pack::{HeaderPart, Operation, Pack, PathPart};
use crate::request::decode;
use crate::secret::MASK;
use crate::value::Value;

/// All providers at one moment.
pub(super) struct Directory {
    providers: BTreeMap<Arc<str>, Provider>,
    /// The headers, in lower case, that some pack fills with a secret.
    secret_headers: BTreeSet<String>,
}

/// One provider with its calls, those with the most literal path first.
pub(super) struct Provider {
    pub pack: Arc<Pack>,
    calls: Vec<Call>,
}

struct Call {
    operation: Arc<Operation>,
    path: Regex,
}

/// A call, and the values of its path's `{names}`.
pub(super) struct Found {
    pub operation: Arc<Operation>,
    pub params: Value,
}

impl Directory {
    pub(super) fn new(packs: BTreeMap<Arc<str>, Arc<Pack>>) -> Self {
        let operations = packs.values().flat_map(|pack| pack.operations.values());
        let headers = operations.flat_map(|operation| &operation.headers);
        let secret = headers.filter(|(_, parts)| parts.iter().any(|part| matches!(part, HeaderPart::Secret(_))));
        let mut secret_headers: BTreeSet<String> = secret.map(|(name, _)| name.to_ascii_lowercase()).collect();
        secret_headers.insert("authorization".to_owned());
        let providers = packs.into_iter().map(|(name, pack)| (name, Provider::new(pack))).collect();
        Directory { providers, secret_headers }
    }

    /// The provider that an address begins with, and the rest of the address.
    pub(super) fn provider<'p>(&self, path: &'p str) -> Option<(&Provider, &'p str)> {
        let inner = path.strip_prefix('/')?;
        let end = inner.find('/').unwrap_or(inner.len());
        let (name, rest) = inner.split_at(end);
        Some((self.providers.get(name)?, rest))
    }

    pub(super) fn named(&self, name: &str) -> Option<&Provider> {
        self.providers.get(name)
    }

    /// The providers that take any calls.
    pub(super) fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values().filter(|provider| !provider.pack.operations.is_empty())
    }

    pub(super) fn masked(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let mask = |name: &String, value: &String| match self.secret_headers.contains(name) {
            true => MASK.to_owned(),
            false => value.clone(),
        };
        headers.iter().map(|(name, value)| (name.clone(), mask(name, value))).collect()
    }
}

impl Provider {
    fn new(pack: Arc<Pack>) -> Self {
        let mut operations: Vec<&Arc<Operation>> = pack.calls().collect();
        operations.sort_by_cached_key(|operation| specificity(&operation.path));
        let call = |operation: &Arc<Operation>| Some(Call { operation: operation.clone(), path: pattern(operation)? });
        let calls = operations.into_iter().filter_map(call).collect();
        Provider { pack, calls }
    }

    /// The call that a request is. Of two with one address it is the one whose bodies are of that media type.
    pub(super) fn find(&self, method: &str, path: &str, media_type: &str) -> Option<Found> {
        let of_method = || self.calls.iter().filter(|call| call.operation.method.eq_ignore_ascii_case(method));
        let is_of_type = |call: &&Call| media(call.operation.encoding) == media_type;
        of_method().filter(is_of_type).chain(of_method()).find_map(|call| {
            let captures = call.path.captures(path)?;
            let values = captures.iter().skip(1).map(|value| value.map_or("", |value| value.as_str()));
            let params = call.operation.params().cloned().zip(values.map(decode));
            Some(Found { operation: call.operation.clone(), params: Value::object(params) })
        })
    }
}

/// Orders paths: few `{names}` first, then long texts, then those whose `{names}` come late.
fn specificity(path: &[PathPart]) -> (usize, Reverse<usize>, String) {
    let (mut names, mut letters, mut shape) = (0, 0, String::new());
    for part in path {
        match part {
            PathPart::Text(text) => {
                letters += text.len();
                shape.push_str(text);
            }
            PathPart::Param(_) => {
                names += 1;
                shape.push(char::MAX);
            }
        }
    }
    (names, Reverse(letters), shape)
}

/// The path as a pattern; nothing for one too long to be any.
fn pattern(operation: &Operation) -> Option<Regex> {
    let parts = operation.path.iter().map(|part| match part {
        PathPart::Text(text) => regex::escape(text),
        PathPart::Param(_) => "([^/]+)".to_owned(),
    });
    Regex::new(&format!("^{}$", parts.collect::<String>())).ok()
}

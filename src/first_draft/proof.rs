//! How a request of an unknown sender proves itself, by its headers and its query.

use super::written::variable;
use crate::event::RawRequest;
use crate::payload::form;
use crate::value::yaml;

/// What a request shows of its proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// What stands after `verify:`.
    Secret(String),
    /// The header or parameter that looks like a signature: how it is made nobody can know.
    Signature(String),
    Nothing,
}

/// Names of parameters that stand for a word which only the sender knows.
const WORDS: &[&str] = &[
    "key",
    "token",
    "secret",
    "auth",
    "apikey",
    "api_key",
    "api-key",
    "access_token",
    "auth_token",
    "webhook_key",
    "webhook_token",
    "webhook_secret",
    "password",
];

/// Words in the names of headers that end like a token's, and are none.
const OTHER: &[&str] = &["idempotency", "trace", "csrf", "xsrf", "request", "sec", "partition", "routing", "surrogate"];

impl Proof {
    pub fn of(raw: &RawRequest) -> Proof {
        if let Some(verify) = in_query(raw).or_else(|| in_headers(raw)) {
            return Proof::Secret(verify);
        }
        let signature = raw.headers.iter().find(|(name, _)| looks_signed(name)).map(|(name, _)| name);
        let by_header = signature.map(|name| format!("the header `{}`", capitals(name)));
        let asked = form::decode_lenient(raw.query());
        let by_query = ["signature", "sig", "sign", "hmac"].into_iter().find(|name| asked.get(name).is_some());
        by_header.or(by_query.map(|name| format!("`{name}` in the query"))).map_or(Proof::Nothing, Proof::Signature)
    }

    /// The lines of a source.
    pub fn lines(&self, route: &str) -> Vec<String> {
        match self {
            Proof::Secret(verify) => {
                vec![format!("  verify: {verify}"), format!("  secret: ${{env:{}}}", variable(&[route, "SECRET"]))]
            }
            Proof::Signature(at) => {
                let why = format!("{at} looks like a signature: write under `verify` how it is made");
                vec!["  verify: none".to_owned(), format!("  guess: {}", yaml::scalar(&why.into()))]
            }
            Proof::Nothing => vec!["  verify: none".to_owned()],
        }
    }
}

fn in_query(raw: &RawRequest) -> Option<String> {
    let asked = form::decode_lenient(raw.query());
    let name = WORDS.iter().find(|name| asked.get(name).is_some_and(|value| value.as_str() != Some("")))?;
    Some(format!("{{ token: {{ query: {name} }} }}"))
}

fn in_headers(raw: &RawRequest) -> Option<String> {
    if let Some(given) = raw.header("authorization") {
        let scheme = given.split_once(' ').map_or("", |(scheme, _)| scheme);
        return Some(match scheme {
            scheme if scheme.eq_ignore_ascii_case("basic") => "{ basic: {} }".to_owned(),
            "" => "{ token: { header: Authorization } }".to_owned(),
            scheme => {
                let prefix = yaml::scalar(&format!("{scheme} ").into());
                format!("{{ token: {{ header: Authorization, prefix: {prefix} }} }}")
            }
        });
    }
    let (name, _) = raw.headers.iter().find(|(name, _)| is_token(name))?;
    Some(format!("{{ token: {{ header: {} }} }}", capitals(name)))
}

fn is_token(header: &str) -> bool {
    let words: Vec<&str> = header.split(['-', '_']).collect();
    let ends = words.last().is_some_and(|word| matches!(*word, "token" | "secret" | "key" | "apikey"));
    ends && !words.iter().any(|word| OTHER.contains(word))
}

fn looks_signed(header: &str) -> bool {
    let is_mark = |word: &str| matches!(word, "signature" | "sign" | "sig" | "hmac" | "signed");
    header.split(['-', '_']).any(is_mark)
}

/// A header as people write it: `X-Api-Key`.
fn capitals(header: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    header.split('-').map(word).collect::<Vec<_>>().join("-")
}

//! What the views say of a source: its address, how its sender proves itself, and what was refused there.

use serde_json::{Value as Json, json};

use super::Inner;
use crate::route::RouteSet;
use crate::source::Source;
use crate::verify::Verify;
use crate::verify::place::Where;

/// What the sender calls.
pub(super) fn address(set: &RouteSet, source: &Source) -> String {
    let own = || format!("{}{}{}", set.public_url, set.prefix, source.path);
    source.public_url.as_ref().map_or_else(own, |url| url.to_string())
}

/// The field of the query that the secret goes into; nothing where it goes elsewhere.
pub(super) fn secret_in_query(verify: &Verify) -> Option<&str> {
    match verify {
        Verify::Token(token) => match &token.at {
            Where::Query(name) => Some(name),
            _ => None,
        },
        Verify::AnyOf(ways) => ways.iter().find_map(secret_in_query),
        _ => None,
    }
}

/// How a sender proves itself, one of these ways; nothing where it need not. `place` says where the proof stands, with the
/// name that it has there.
pub(in crate::page) fn proof(verify: &Verify) -> Option<Vec<Json>> {
    match verify {
        Verify::Open => None,
        Verify::AnyOf(ways) => {
            Some(ways.iter().flat_map(|way| proof(way).unwrap_or_else(|| vec![way_of("none", None)])).collect())
        }
        Verify::Signature(signature) => Some(vec![way_of("signature", Some(&signature.at))]),
        Verify::Token(token) => Some(vec![way_of("token", Some(&token.at))]),
        Verify::Jwt(jwt) => Some(vec![way_of("jwt", Some(&jwt.at))]),
        Verify::Basic(_) => Some(vec![way_of("basic", None)]),
    }
}

fn way_of(how: &str, at: Option<&Where>) -> Json {
    let (place, name) = match at {
        None => (None, None),
        Some(Where::Header(name)) => (Some("header"), Some(&**name)),
        Some(Where::Query(name)) => (Some("query"), Some(&**name)),
        Some(Where::Field(path)) => (Some("field"), Some(path.text())),
        Some(Where::Segment(name)) => (Some("segment"), Some(&**name)),
        Some(Where::Body) => (Some("body"), None),
    };
    json!({ "how": how, "place": place, "name": name })
}

/// What a source has refused since the start; nothing where that is nothing.
pub(super) fn turned_away(page: &Inner, source: &Source) -> Option<Json> {
    let own = page.admin.tally.turned_away(&source.name)?;
    Some(json!({ "count": own.count(), "reason": own.reason.word(), "at": own.at.to_string() }))
}

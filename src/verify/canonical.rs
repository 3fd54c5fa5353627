//! Forms of an address and of fields that several senders sign: sorted, joined, partly decoded.

use percent_encoding::percent_decode;

use super::{Context, VerifyError};
use crate::event::RawRequest;
use crate::payload::{self, Format};
use crate::value::Value;

/// A field as sent, decoded; bytes, since what is no text must not vanish from what is signed.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The public address with its query, in the spellings that senders sign: with and without the default port, and with
/// the apostrophe of the query plain and encoded. The one that is written comes first.
pub(super) fn urls(raw: &RawRequest, context: &Context<'_>) -> Vec<String> {
    let (origin, target) = match &context.address {
        Some(address) => (address.as_str(), raw.target.get(raw.path().len()..).unwrap_or_default()),
        None => (context.public_url, raw.target.as_str()),
    };
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let query = |spelled: String| format!("{path}?{spelled}");
    let mut targets = vec![target.to_owned()];
    if raw.query().contains('\'') {
        targets.push(query(raw.query().replace('\'', "%27")));
    } else if raw.query().contains("%27") {
        targets.push(query(raw.query().replace("%27", "'")));
    }
    let origins = origins(origin);
    targets.iter().flat_map(|target| origins.iter().map(move |origin| format!("{origin}{target}"))).collect()
}

/// A public address with and without the default port of its scheme.
fn origins(public_url: &str) -> Vec<String> {
    let own = public_url.to_owned();
    let Some((scheme, rest)) = public_url.split_once("://") else { return vec![own] };
    let port = if scheme == "https" { ":443" } else { ":80" };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let other = match host.strip_suffix(port) {
        Some(bare) => bare.to_owned(),
        None if has_port(host) => return vec![own],
        None => format!("{host}{port}"),
    };
    vec![own, format!("{scheme}://{other}{path}")]
}

/// What comes after the host of an address.
pub(super) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// Whether a host names a port; an IPv6 address has colons of its own, in brackets.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
}

/// Some characters of an address decoded, as a table of HubSpot's documentation has them; others stay encoded.
pub(super) fn decoded(url: &str) -> String {
    const PLAIN: [(&str, &str); 12] = [
        ("3A", ":"),
        ("2F", "/"),
        ("3F", "?"),
        ("40", "@"),
        ("21", "!"),
        ("24", "$"),
        ("27", "'"),
        ("28", "("),
        ("29", ")"),
        ("2A", "*"),
        ("2C", ","),
        ("3B", ";"),
    ];
    let mut parts = url.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        match PLAIN.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)) {
            Some((_, plain)) => text.extend([plain, rest]),
            None => text.extend(["%", part]),
        }
    }
    text
}

/// The fields of a form or a query, in the order sent.
pub(super) fn pairs(bytes: &[u8]) -> Vec<Pair> {
    let decode = |bytes: &[u8]| {
        let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).collect::<Vec<u8>>()
    };
    let fields = bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    fields
        .map(|field| {
            let at = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            (decode(field.get(..at).unwrap_or_default()), decode(field.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

/// The fields of the body, which must be a form: what is read otherwise than it is signed would not be signed.
pub(super) fn form(raw: &RawRequest, context: &Context<'_>) -> Result<Vec<Pair>, VerifyError> {
    let kind = raw.content_type();
    if let Some(fields) = payload::multipart_fields(raw, context.format, &context.limits) {
        return Ok(fields.into_iter().filter_map(|(name, value)| Some((name.into_bytes(), value?))).collect());
    }
    let is_form = kind == "application/x-www-form-urlencoded" || (kind.is_empty() && context.format == Format::Form);
    match raw.body.is_empty() || (is_form && payload::is_read_as_form(raw, context.format)) {
        // A byte order mark is no part of the first name when the form is read.
        true => Ok(pairs(raw.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&raw.body))),
        false => Err(VerifyError::Missing("form".to_owned())),
    }
}

/// The same, all of which is signed: a file, which no sender signs so, must not come beside it.
pub(super) fn whole_form(raw: &RawRequest, context: &Context<'_>) -> Result<Vec<Pair>, VerifyError> {
    let has_file = payload::multipart_fields(raw, context.format, &context.limits)
        .is_some_and(|fields| fields.iter().any(|(_, value)| value.is_none()));
    if has_file { Err(VerifyError::Missing("form without files".to_owned())) } else { form(raw, context) }
}

/// By name, then by value.
pub(super) fn sorted(mut pairs: Vec<Pair>) -> Vec<Pair> {
    pairs.sort();
    pairs
}

/// Name and value with nothing between. Senders write a repeated pair once, so that one which is there twice may have been
/// put there by anybody, and is refused.
pub(super) fn run_together(pairs: Vec<Pair>) -> Result<Vec<u8>, VerifyError> {
    let pairs = sorted(pairs);
    if pairs.iter().zip(pairs.iter().skip(1)).any(|(one, next)| one == next) {
        return Err(VerifyError::Several("form field of the same name and value".to_owned()));
    }
    Ok(pairs.into_iter().flat_map(|(name, value)| [name, value]).flatten().collect())
}

/// `name=value&name=value`, or with something else between the pairs.
pub(super) fn joined(pairs: Vec<Pair>, between: &str) -> Vec<u8> {
    let fields = sorted(pairs).into_iter().map(|(name, value)| [name, value].join(&b'='));
    fields.collect::<Vec<_>>().join(between.as_bytes())
}

/// The pairs without the one that carries the signature.
pub(super) fn without(mut pairs: Vec<Pair>, name: Option<&str>) -> Vec<Pair> {
    pairs.retain(|(known, _)| name.is_none_or(|name| known != name.as_bytes()));
    pairs
}

/// The address without its query, `?`, the sorted query, `.`, the sorted form; what is empty leaves its sign out.
pub(super) fn sorted_url(base: &str, query: Vec<Pair>, form: Vec<Pair>) -> Result<Vec<u8>, VerifyError> {
    let parts = [joined(query, "&"), run_together(form)?];
    let parts: Vec<Vec<u8>> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(match parts.is_empty() {
        true => base.as_bytes().to_vec(),
        false => [base.as_bytes(), b"?", &parts.join(&b'.')].concat(),
    })
}

/// `&name=value` for each field of the query, and of the body as a form or an object; `&` and `=` in values are `_`.
pub(super) fn fields(pairs: Vec<Pair>) -> Vec<u8> {
    let plain = |value: Vec<u8>| value.into_iter().map(|byte| if matches!(byte, b'&' | b'=') { b'_' } else { byte });
    let fields = sorted(pairs).into_iter().map(|(name, value)| {
        let value: Vec<u8> = plain(value).collect();
        [b"&".as_slice(), &name, b"=", &value].concat()
    });
    fields.collect::<Vec<_>>().concat()
}

/// The top of an object as fields; what is no single value can't be one.
pub(super) fn object(payload: &Value) -> Option<Vec<Pair>> {
    let pair =
        |(name, value): (&std::sync::Arc<str>, &Value)| Some((name.as_bytes().to_vec(), text(value)?.into_bytes()));
    payload.as_object()?.iter().map(pair).collect()
}

/// A single value as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_json()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_is_there_twice_is_not_signed_as_one() {
        let signed = |form: &str| run_together(pairs(form.as_bytes()));
        assert_eq!(signed("b=2&a=1&a=0").as_deref(), Ok(b"a0a1b2".as_slice()));
        assert!(matches!(signed("a=1&b=2&a=1"), Err(VerifyError::Several(_))));
        assert!(matches!(sorted_url("u", Vec::new(), pairs(b"a=1&a=%31")), Err(VerifyError::Several(_))));
    }
}

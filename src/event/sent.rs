//! When a captured request was sent, by what it says itself: it is old by now, and its proof is good for minutes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::RawRequest;
use crate::clock::Timestamp;
use crate::value::{Value, json};

/// The time that stands in the request: that of its signature, of its token, or its `Date`.
pub fn at(raw: &RawRequest) -> Option<Timestamp> {
    of_header(raw).or_else(|| of_signature(raw)).or_else(|| of_token(raw)).or_else(|| of_date(raw))
}

/// `X-Timestamp: 1700000000`
fn of_header(raw: &RawRequest) -> Option<Timestamp> {
    let stamps = raw.headers.iter().filter(|(name, _)| name.ends_with("timestamp") || name.ends_with("time"));
    stamps.filter_map(|(_, value)| number(value).or_else(|| iso(value))).next()
}

/// `X-Signature: t=1700000000,v1=…`
fn of_signature(raw: &RawRequest) -> Option<Timestamp> {
    let signatures = raw.headers.iter().filter(|(name, _)| name.contains("signature")).map(|(_, value)| value);
    let pieces = signatures.flat_map(|value| value.split([',', ';', ' ']));
    pieces.filter_map(|piece| piece.trim().strip_prefix("t=").or(piece.trim().strip_prefix("ts="))).find_map(number)
}

/// The `iat` of a JSON Web Token, in the header or for a body.
fn of_token(raw: &RawRequest) -> Option<Timestamp> {
    let header = raw.header("authorization").and_then(|value| value.split_whitespace().last());
    let tokens = header.into_iter().chain(std::str::from_utf8(&raw.body).ok().map(str::trim));
    tokens.filter_map(claims).find_map(|claims| number(&claims.get("iat")?.to_json()))
}

fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    json::parse(&bytes, &json::Limits::default()).ok()
}

fn of_date(raw: &RawRequest) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(raw.header("date")?).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp::from_seconds)
}

/// Seconds since 1970, or milliseconds.
fn number(text: &str) -> Option<Timestamp> {
    let number: i64 = text.trim().parse().ok()?;
    Some(if number > 100_000_000_000 { Timestamp(number) } else { Timestamp::from_seconds(number) })
}

fn iso(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.trim().parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(header: (&str, &str), body: &str) -> Option<i64> {
        let headers = vec![(header.0.to_owned(), header.1.to_owned())];
        at(&RawRequest { headers, body: body.into(), ..RawRequest::default() }).map(|at| at.0)
    }

    #[test]
    fn a_request_says_when_it_was_sent() {
        assert_eq!(sent(("x-acme-timestamp", "1700000000"), ""), Some(1_700_000_000_000));
        assert_eq!(sent(("x-acme-timestamp", "1700000000123"), ""), Some(1_700_000_000_123));
        assert_eq!(sent(("x-acme-timestamp", "2023-11-14T22:13:20Z"), ""), Some(1_700_000_000_000));
        assert_eq!(sent(("acme-signature", "t=1700000000,v1=abc"), ""), Some(1_700_000_000_000));
        assert_eq!(sent(("date", "Tue, 14 Nov 2023 22:13:20 GMT"), ""), Some(1_700_000_000_000));
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3MDAwMDAwMDB9.abc";
        assert_eq!(sent(("authorization", &format!("Bearer {token}")), ""), Some(1_700_000_000_000));
        assert_eq!(sent(("host", "a"), token), Some(1_700_000_000_000));
        assert_eq!(sent(("host", "a"), "{}"), None);
    }
}

//! When a captured request was sent, by its headers.

use super::RawRequest;
use crate::clock::Timestamp;

/// The time in a header such as `X-Timestamp`, or the `Date`.
pub fn at(raw: &RawRequest) -> Option<Timestamp> {
    let stamps = raw.headers.iter().filter(|(name, _)| name.ends_with("timestamp")).map(|(_, value)| value.trim());
    stamps.filter_map(|value| number(value).or_else(|| iso(value))).next().or_else(|| date(raw))
}

fn date(raw: &RawRequest) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(raw.header("date")?).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp::from_seconds)
}

/// Seconds since 1970, or milliseconds.
fn number(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    Some(if number > 100_000_000_000 { Timestamp(number) } else { Timestamp::from_seconds(number) })
}

fn iso(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_when_it_was_sent() {
        let sent = |name: &str, value: &str| {
            let headers = vec![(name.to_owned(), value.to_owned())];
            at(&RawRequest { headers, ..RawRequest::default() }).map(|at| at.0)
        };
        assert_eq!(sent("x-acme-timestamp", "1700000000"), Some(1_700_000_000_000));
        assert_eq!(sent("x-acme-timestamp", "1700000000123"), Some(1_700_000_000_123));
        assert_eq!(sent("x-acme-timestamp", "2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(sent("date", "Tue, 14 Nov 2023 22:13:20 GMT"), Some(1_700_000_000_000));
        assert_eq!(sent("host", "a"), None);
    }
}

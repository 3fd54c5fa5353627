//! What a provider says of its own limits, in the headers of its answers.

use std::time::Duration;

use super::FIRST_PAUSE;
use crate::clock::Timestamp;
use crate::pack::outcome::Answer;

/// No provider means more than this.
const FARTHEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long nothing more is to be sent, by this answer.
pub(crate) fn wait(answer: &Answer, now: Timestamp) -> Option<Duration> {
    match answer.status {
        429 => retry_after(answer, now).or_else(|| reset(answer, now)).or_else(|| interval(answer)),
        503 => retry_after(answer, now),
        // The window may be nearly over, or not: a little at a time.
        _ if is_used_up(answer) => reset(answer, now).or(Some(FIRST_PAUSE)),
        _ => None,
    }
}

/// `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let text = answer.header("retry-after")?.trim();
    seconds(text).or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(now.until(Timestamp(i64::try_from(date.as_millis()).ok()?)))
    })
}

/// The last request of the window has been made. In `RateLimit` of the drafts the word is `remaining` or `r`.
fn is_used_up(answer: &Answer) -> bool {
    let named = ["x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining"];
    let remaining = named.iter().find_map(|name| answer.header(name)).or_else(|| item(answer, &["remaining", "r"]));
    remaining.is_some_and(|text| text.trim() == "0")
}

/// When the window begins anew: seconds from now, or a moment in seconds or milliseconds since 1970.
fn reset(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let named = ["x-ratelimit-reset-after", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"].iter();
    let text = named.copied().find_map(|name| answer.header(name)).or_else(|| item(answer, &["reset", "t"]))?.trim();
    match text.parse::<f64>().ok()? {
        moment if moment > 1e12 => Some(now.until(Timestamp(moment as i64))),
        moment if moment > 1e9 => Some(now.until(Timestamp::from_seconds(moment.ceil() as i64))),
        _ => seconds(text),
    }
}

/// The whole length of the window, where no more is known of it.
fn interval(answer: &Answer) -> Option<Duration> {
    let text = answer.header("x-ratelimit-interval-milliseconds")?;
    text.trim().parse().ok().map(Duration::from_millis)
}

/// `RateLimit: limit=100, remaining=0, reset=7`, or `RateLimit: "default";r=0;t=7`.
fn item<'a>(answer: &'a Answer, names: &[&str]) -> Option<&'a str> {
    let items = answer.header("ratelimit")?.split([',', ';']).filter_map(|item| item.trim().split_once('='));
    items.filter(|(name, _)| names.contains(name)).map(|(_, value)| value).next()
}

/// Whole or broken seconds, however many; nothing for what is below zero or no number.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit());
    let seconds: f64 = text.parse().ok().filter(|_| is_number)?;
    Duration::try_from_secs_f64(seconds.min(FARTHEST.as_secs_f64())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers = &'static [(&'static str, &'static str)];

    #[test]
    fn every_way_to_say_it_is_understood() {
        // 2026-11-21T12:00:00Z
        let now = Timestamp(1_795_262_400_000);
        let cases: &[(u16, Headers, Option<u64>)] = &[
            (429, &[("retry-after", "30")], Some(30_000)),
            (429, &[("retry-after", "0.5")], Some(500)),
            (429, &[("retry-after", "Sat, 21 Nov 2026 12:00:20 GMT")], Some(20_000)),
            (429, &[("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT")], Some(0)),
            (429, &[("retry-after", "soon")], None),
            (429, &[("retry-after", "-1")], None),
            (429, &[("retry-after", "999999999999999999999")], Some(31_622_400_000)),
            (429, &[("retry-after", "inf")], None),
            (429, &[], None),
            (429, &[("x-ratelimit-reset", "12")], Some(12_000)),
            (429, &[("x-ratelimit-reset", "1795262405")], Some(5_000)),
            (429, &[("x-ratelimit-reset", "1795262400250")], Some(250)),
            (429, &[("ratelimit", "limit=100, remaining=0, reset=7")], Some(7_000)),
            (429, &[("ratelimit", "\"default\";r=0;t=9")], Some(9_000)),
            (429, &[("x-ratelimit-interval-milliseconds", "10000")], Some(10_000)),
            (429, &[("retry-after", "1"), ("x-ratelimit-interval-milliseconds", "10000")], Some(1_000)),
            (503, &[("retry-after", "30")], Some(30_000)),
            (503, &[("x-ratelimit-reset", "30")], None),
            (200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "3")], Some(3_000)),
            (200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "3")], Some(3_000)),
            (200, &[("ratelimit", "limit=100, remaining=0, reset=7")], Some(7_000)),
            (200, &[("ratelimit", "limit=100, remaining=1, reset=7")], None),
            (200, &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "3")], None),
            // The window may be nearly over.
            (200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-interval-milliseconds", "10000")], Some(1_000)),
            (200, &[("x-ratelimit-remaining", "0")], Some(1_000)),
            (200, &[("retry-after", "30")], None),
        ];
        for (status, headers, expected) in cases {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let answer = Answer { status: *status, headers, body: Vec::new() };
            assert_eq!(wait(&answer, now), expected.map(Duration::from_millis), "{answer:?}");
        }
    }
}

//! Numbers, sizes and times as a language writes them.

use minijinja::value::ValueKind;
use minijinja::{HtmlEscape, Value};

use super::{Forms, Language};
use crate::clock::Timestamp;

/// Units from the smallest, each with its size and where the next begins.
type Units = &'static [(&'static str, f64, f64)];

const SPANS: &[(&str, u64, u64)] =
    &[("seconds", 1, 60), ("minutes", 60, 3600), ("hours", 3600, 86_400), ("days", 86_400, u64::MAX)];
const TOOK: Units =
    &[("ms", 1.0, 1000.0), ("s", 1000.0, 60_000.0), ("min", 60_000.0, 3_600_000.0), ("h", 3_600_000.0, f64::INFINITY)];
/// As settings count them: `20MB` is 20 times 1024 times 1024 bytes.
const SIZE: Units = &[("B", 1.0, 1024.0), ("KB", 1024.0, 1_048_576.0), ("MB", 1_048_576.0, f64::INFINITY)];

impl Language {
    /// `1214` as `1,214`; a fraction has one digit.
    pub fn number(&self, n: &Value) -> String {
        let whole = i64::try_from(n.clone()).ok().filter(|_| n.is_integer());
        let text = match (whole, f64::try_from(n.clone())) {
            (Some(whole), _) => whole.to_string(),
            (None, Ok(fraction)) => format!("{fraction:.1}"),
            (None, Err(_)) => return n.to_string(),
        };
        let text = text.strip_suffix(".0").unwrap_or(&text);
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = if rest.is_empty() { String::new() } else { format!("{}{rest}", self.word("numbers.decimal")) };
        format!("{sign}{}{fraction}", grouped(whole, self.word("numbers.thousands")))
    }

    /// `0.9915` as `99.1%`: rounded down, so that 100% means all.
    pub fn percent(&self, share: f64) -> String {
        let tenths = (share * 1000.0).floor() / 10.0;
        self.word("numbers.percent").replace("{n}", &self.number(&Value::from(tenths)))
    }

    /// A time of RFC 3339 in UTC, in words.
    pub fn moment(&self, text: &str) -> Option<String> {
        let at = text.parse::<jiff::Timestamp>().ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        let month = self.months.get(usize::try_from(at.month()).ok()?.checked_sub(1)?)?;
        let values = [
            ("day", Value::from(at.day())),
            ("month", Value::from(month.as_str())),
            ("year", Value::from(at.year())),
            ("time", Value::from(at.strftime("%H:%M:%S").to_string())),
        ];
        Some(self.put(self.forms("dates.moment")?, &values))
    }

    /// The same, from now: `3 minutes ago`, `in 12 seconds`.
    pub fn ago(&self, text: &str, now: Timestamp) -> Option<String> {
        let at = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        let seconds = (now.0.saturating_sub(at) as f64 / 1000.0).round() as i64;
        let away = seconds.unsigned_abs();
        if away < 2 {
            return Some(self.word("ago.now").to_owned());
        }
        let (unit, size, _) = SPANS.iter().find(|(_, _, most)| away < *most)?;
        let key = if seconds >= 0 { format!("ago.{unit}") } else { format!("ago.in_{unit}") };
        Some(self.put(self.forms(&key)?, &[("n", Value::from(away / size))]))
    }

    /// Milliseconds in the unit that says most.
    pub fn took(&self, ms: f64) -> Option<String> {
        self.in_units(ms, "took", TOOK)
    }

    /// Bytes, in the same way.
    pub fn size(&self, bytes: f64) -> Option<String> {
        self.in_units(bytes, "size", SIZE)
    }

    fn in_units(&self, n: f64, what: &str, units: Units) -> Option<String> {
        let (unit, size, _) = units.iter().find(|(_, _, most)| n < *most)?;
        let value =
            if *size == 1.0 { Value::from(n.round() as i64) } else { Value::from((n / size * 10.0).round() / 10.0) };
        let forms: &Forms = self.forms(&format!("{what}.{unit}"))?;
        Some(self.put(forms, &[("n", value)]))
    }
}

fn grouped(digits: &str, mark: &str) -> String {
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let all: Vec<String> = std::iter::once(head.to_owned()).filter(|head| !head.is_empty()).chain(groups).collect();
    all.join(mark)
}

/// What stands between backticks as `<code>`; all else is escaped.
pub fn coded(text: &Value) -> Value {
    if text.kind() != ValueKind::String {
        return text.clone();
    }
    let written = text.to_string();
    let parts: Vec<&str> = written.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text.clone();
    }
    let part = |(at, part): (usize, &&str)| match at % 2 {
        1 => format!("<code>{}</code>", HtmlEscape(part)),
        _ => HtmlEscape(part).to_string(),
    };
    Value::from_safe_string(parts.iter().enumerate().map(part).collect())
}

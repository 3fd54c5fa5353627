//! Where a page of a list begins, and where those before it began, as an address has it: numbers, the own one first.

/// So many pages back are known; what is newer than that is the first page.
const KEPT: usize = 20;

/// Where a page of a list begins.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place(Vec<i64>);

impl Place {
    /// What was asked for; the first page, where it is no place.
    pub fn of(text: Option<&str>) -> Self {
        let numbers: Option<Vec<i64>> = text.unwrap_or("").split('.').map(|part| part.parse().ok()).collect();
        Place(numbers.unwrap_or_default())
    }

    /// Older ones than this are shown; nothing on the first page.
    pub fn before(&self) -> Option<i64> {
        self.0.first().copied()
    }

    /// The addresses of the newer and the older page: `to` is the list's, with its filter.
    pub fn pages(&self, to: &str, older: Option<i64>) -> serde_json::Value {
        let newer = self.0.get(1..).map(|rest| address(to, rest.iter()));
        let older = older.map(|seq| address(to, [&seq].into_iter().chain(&self.0).take(KEPT)));
        serde_json::json!({ "newer": newer, "older": older })
    }
}

fn address<'n>(to: &str, numbers: impl Iterator<Item = &'n i64>) -> String {
    let numbers: Vec<String> = numbers.map(ToString::to_string).collect();
    match (numbers.is_empty(), to.contains('?')) {
        (true, _) => to.to_owned(),
        (false, true) => format!("{to}&before={}", numbers.join(".")),
        (false, false) => format!("{to}?before={}", numbers.join(".")),
    }
}

/// An address with these fields behind it; those that say nothing are left out.
pub(super) fn with_fields<'f>(path: &str, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> String {
    let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let said: Vec<String> = said.map(|(name, value)| format!("{name}={}", crate::request::encode(value))).collect();
    if said.is_empty() { path.to_owned() } else { format!("{path}?{}", said.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_on_and_back() {
        let first = Place::of(None).pages("/events", Some(80));
        assert_eq!(first, serde_json::json!({ "newer": null, "older": "/events?before=80" }));
        let second = Place::of(Some("80")).pages("/events?route=a", Some(30));
        assert_eq!(second["newer"], "/events?route=a");
        assert_eq!(second["older"], "/events?route=a&before=30.80");
        let third = Place::of(Some("30.80"));
        assert_eq!(
            (third.before(), third.pages("/events", None)["newer"].as_str()),
            (Some(30), Some("/events?before=80"))
        );
        assert_eq!(Place::of(Some("x")), Place::default());
        assert_eq!(with_fields("/a", [("x", ""), ("route", "a/b")]), "/a?route=a%2Fb");
    }
}

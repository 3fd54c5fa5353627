//! When a delivery goes out, in words.

use serde_json::Value;

/// A line for when it goes out, and one for each thing that holds its connection up.
pub(super) fn told(estimate: &Value) -> Vec<String> {
    if !estimate.is_object() {
        return Vec::new();
    }
    let provider = estimate["provider"].as_str().unwrap_or("the provider");
    let mut lines = vec![format!("{}{}", goes_out(estimate, provider), limits(estimate, provider))];
    if estimate["behind_its_lane"] == true {
        lines.push("it waits until an earlier delivery of its lane is done".to_owned());
    }
    if let Some(since) = estimate["down_since"].as_str() {
        lines.push(format!(
            "{provider} does not answer well since {since}; one delivery at a time tries whether it is back"
        ));
    }
    if let Some(since) = estimate["refused_since"].as_str() {
        lines.push(format!(
            "{provider} takes no token of this connection since {since}; one delivery at a time tries whether it does"
        ));
    }
    if let Some(until) = estimate["paused_until"].as_str() {
        lines.push(format!("{provider} wants to be left alone until {until}"));
    }
    lines
}

fn goes_out(estimate: &Value, provider: &str) -> String {
    let when = match estimate["seconds"].as_u64() {
        Some(0) => "goes out now".to_owned(),
        Some(seconds) => format!("goes out in about {}", words(seconds as f64)),
        None if estimate["refused_since"].is_string() => {
            format!("no time is known: it goes out when {provider} takes the token")
        }
        None => format!("no time is known: it goes out when {provider} is back"),
    };
    match estimate["ahead"].as_u64().unwrap_or(0) {
        0 => when,
        1 => format!("{when}, behind 1 other"),
        more => format!("{when}, behind {more} others"),
    }
}

fn limits(estimate: &Value, provider: &str) -> String {
    let limits = estimate["limits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let limit = |limit: &Value| {
        let seconds = limit["seconds"].as_f64().unwrap_or(0.0);
        format!("{} in {}", limit["requests"], words(seconds))
    };
    let limits: Vec<String> = limits.iter().map(limit).collect();
    if limits.is_empty() { String::new() } else { format!("; {provider} takes {}", limits.join(" and ")) }
}

/// A time as people say it, in its largest unit.
fn words(seconds: f64) -> String {
    let units = [(86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute")];
    let (count, unit) = units
        .into_iter()
        .find(|(unit, _)| seconds >= unit * 1.5 || seconds == *unit)
        .map_or((seconds, "second"), |(unit, name)| ((seconds / unit).round(), name));
    if count == 1.0 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{told, words};

    #[test]
    fn times_are_said_as_people_say_them() {
        let cases =
            [(1.0, "1 second"), (0.5, "0.5 seconds"), (60.0, "1 minute"), (89.0, "89 seconds"), (180.0, "3 minutes")];
        for (seconds, wanted) in cases.into_iter().chain([(3_600.0, "1 hour"), (200_000.0, "2 days")]) {
            assert_eq!(words(seconds), wanted);
        }
    }

    #[test]
    fn what_holds_a_delivery_up_is_told() {
        let estimate = json!({
            "seconds": 183, "ahead": 120, "behind_its_lane": true, "provider": "Acme", "down_since": null,
            "limits": [{ "requests": 100, "seconds": 10.0 }], "paused_until": "2026-11-21T10:00:00Z",
        });
        let lines = [
            "goes out in about 3 minutes, behind 120 others; Acme takes 100 in 10 seconds",
            "it waits until an earlier delivery of its lane is done",
            "Acme wants to be left alone until 2026-11-21T10:00:00Z",
        ];
        assert_eq!(told(&estimate), lines);
        let down = json!({
            "seconds": null, "ahead": 2, "provider": "Acme", "down_since": "2026-11-21T10:00:00Z",
        });
        let lines = [
            "no time is known: it goes out when Acme is back, behind 2 others",
            "Acme does not answer well since 2026-11-21T10:00:00Z; one delivery at a time tries whether it is back",
        ];
        assert_eq!(told(&down), lines);
        let refused = json!({ "seconds": null, "provider": "Acme", "refused_since": "2026-11-21T10:00:00Z" });
        assert_eq!(told(&refused)[0], "no time is known: it goes out when Acme takes the token");
        assert_eq!(told(&json!(null)), [""; 0]);
    }
}

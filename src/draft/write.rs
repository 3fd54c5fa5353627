//! The draft as YAML.

use std::sync::Arc;

use super::{Draft, Drafting, Guess, Wanted};
use crate::value::{Value, yaml};

/// So many paths that are not used are named.
const MOST_SHOWN: usize = 12;

pub(super) fn draft(
    wanted: &Wanted<'_>,
    drafting: Drafting<'_, '_>,
    params: &[(Arc<str>, Value)],
    body: Option<&Value>,
) -> Draft {
    let unused = drafting.unused();
    let Drafting { guesses, open, .. } = drafting;
    let mut lines = header(wanted, !guesses.is_empty() || wanted.source.contains("guess:"));
    lines.extend([format!("source:{}", wanted.source), String::new()]);
    if !guesses.is_empty() {
        lines.push("extract:".to_owned());
        lines.extend(guesses.iter().map(extract));
        lines.push(String::new());
    }
    lines.push("send:".to_owned());
    lines.push(format!("  - to: {}", wanted.to));
    if !params.is_empty() {
        lines.extend(yaml::entry("params", &Value::object(params.iter().cloned()), 4));
    }
    lines.extend(body.into_iter().flat_map(|body| yaml::entry("body", body, 4)));
    lines.extend(
        open.iter().map(|field| format!("      # {field}: nothing in the request fits; write what belongs here")),
    );
    if !unused.is_empty() {
        let shown: Vec<&str> = unused.iter().take(MOST_SHOWN).map(String::as_str).collect();
        let more = if unused.len() > MOST_SHOWN { " …" } else { "" };
        lines.push(format!("  # Not used of the request: {}{more}", shown.join(", ")));
    }
    lines.extend([
        String::new(),
        "tests:".to_owned(),
        "  - name: the captured request".to_owned(),
        format!("    request: {}", yaml::scalar(&Value::from(wanted.sample))),
        "    expect:".to_owned(),
        format!("      - to: {}", wanted.to),
    ]);
    let text = lines.join("\n") + "\n";
    Draft { text, guesses: guesses.into_iter().map(|guess| guess.name).collect(), open, unused }
}

/// What is said of the whole: it stays true when the guesses are confirmed.
fn header(wanted: &Wanted<'_>, has_guesses: bool) -> Vec<String> {
    let mut lines = vec![format!("# Drafted from {}.", wanted.sample)];
    if has_guesses {
        lines.extend([
            "# A `guess` says why a value was chosen. Correct what is wrong, and delete `guess: …` where it is right; to see".to_owned(),
            format!("# what each finds: jackfield dry-run {}", wanted.name),
            "# While a `guess` stands here, no change of any file goes live.".to_owned(),
        ]);
    }
    lines
}

/// An extract on one line.
fn extract(guess: &Guess) -> String {
    let parts = [
        Some(format!("path: {}", quoted(&guess.path))),
        guess.conversion.map(|conversion| format!("as: {conversion}")),
        guess.region.map(|region| format!("region: {region}")),
        Some(format!("guess: {}", quoted(&guess.why))),
    ];
    format!("  {}: {{ {} }}", guess.name, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// A text that may stand within braces.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '.' | '_');
    if text.chars().all(plain) { text.to_owned() } else { Value::from(text).to_json() }
}

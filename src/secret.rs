//! A value that must never be shown.

use std::fmt;
use std::sync::Arc;

/// What stands for a secret wherever one would be shown.
pub const MASK: &str = "***";

/// Text that shows as `***` in every log, error and dry run. Only [`Secret::expose`] gives it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Secret(text.into())
    }

    /// The secret itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What is shorter is no secret of a provider's, and would hide numbers and words all over a text.
const SHORTEST: usize = 4;

/// Masks secrets in texts, as they are, as JSON writes them and as an address does.
pub struct Masks(Vec<String>);

impl Masks {
    pub fn of<'s>(secrets: impl Iterator<Item = &'s Secret>) -> Self {
        let long = secrets.filter(|secret| secret.0.len() >= SHORTEST);
        let mut spelled: Vec<String> = long.flat_map(spellings).collect();
        // One that holds another hides it whole.
        spelled.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        spelled.dedup();
        Masks(spelled)
    }

    /// A text with the secrets masked.
    pub fn masked(&self, text: &[u8]) -> Vec<u8> {
        self.0.iter().fold(text.to_vec(), |text, spelling| without(text, spelling.as_bytes()))
    }
}

fn spellings(secret: &Secret) -> [String; 4] {
    let in_json = serde_json::Value::from(secret.expose()).to_string();
    let in_json = in_json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned();
    let with_slashes = in_json.replace('/', "\\/");
    let in_address = url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
    [secret.expose().to_owned(), in_json, with_slashes, in_address]
}

fn without(text: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let found = |text: &[u8]| text.windows(secret.len()).position(|part| part == secret);
    let Some(mut at) = found(&text) else { return text };
    let (mut kept, mut rest) = (Vec::with_capacity(text.len()), text.as_slice());
    loop {
        kept.extend_from_slice(rest.get(..at).unwrap_or_default());
        kept.extend_from_slice(MASK.as_bytes());
        rest = rest.get(at + secret.len()..).unwrap_or_default();
        match found(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    kept.extend_from_slice(rest);
    kept
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_however_they_are_spelled() {
        let secrets = ["a/\"b c", "in \"quotes\"", "long-token", "token", "pin"].map(Secret::new);
        let cases = [
            (r#"{"key":"a\/\"b c"}"#, r#"{"key":"***"}"#),
            (r#"{"key":"a/\"b c"}"#, r#"{"key":"***"}"#),
            ("?key=a%2F%22b+c&x=long-tokens", "?key=***&x=***s"),
            (r#"{"key":"in \"quotes\""}"#, r#"{"key":"***"}"#),
            ("a pin is no token", "a pin is no ***"),
            ("", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(String::from_utf8(Masks::of(secrets.iter()).masked(text.as_bytes())).unwrap(), wanted);
        }
    }
}

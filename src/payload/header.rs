//! The parameters of a header such as `multipart/form-data; boundary="a b"`.

/// The parameters behind the first `;`, names in lower case, quotes and their escapes undone.
pub(super) fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    while !rest.is_empty() {
        let end = rest.find(['=', ';']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, left) = match after.strip_prefix('=') {
            Some(after) => value(after.trim_start()),
            None => (String::new(), after.strip_prefix(';').unwrap_or("")),
        };
        if !name.trim().is_empty() {
            found.push((name.trim().to_ascii_lowercase(), value));
        }
        rest = left;
    }
    found
}

/// The first parameter of that name, given in lower case.
pub(super) fn parameter(header: &str, name: &str) -> Option<String> {
    parameters(header).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// One value, and what follows the `;` behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match (letter, letters.peek()) {
            ('"', _) => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                return (value, rest.split_once(';').map_or("", |(_, rest)| rest));
            }
            // Some old browsers send `C:\folder\file`, so that only these two are escapes.
            ('\\', Some((_, escaped @ ('"' | '\\')))) => {
                value.push(*escaped);
                letters.next();
            }
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_however_they_are_quoted() {
        let header = r#"form-data; name="a \"b\"; c"; filename=x.txt ;Size = 3; flag; path="C:\dir\x""#;
        let found = parameters(header);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted =
            [("name", r#"a "b"; c"#), ("filename", "x.txt"), ("size", "3"), ("flag", ""), ("path", r"C:\dir\x")];
        assert_eq!(found, wanted);
        assert_eq!(parameter("text/xml; charset=\"utf-8", "charset").as_deref(), Some("utf-8"));
        assert!(parameters("text/xml").is_empty());
        assert!(parameters(";;;=").is_empty());
    }
}

//! Where a request goes and what it says before its body, proved at the last moment: the account's own scheme, host and
//! port, the path as it was meant, and headers of one line each.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::{Position, Url};

use crate::request::is_carrying;

/// Something that would have gone elsewhere, or said something else, than was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsendable;

/// The account's address with what follows it.
pub fn target(base_url: &str, path: &str) -> Result<Url, Unsendable> {
    let base = Url::parse(base_url).map_err(|_| Unsendable)?;
    let url = Url::parse(&format!("{base_url}{path}")).map_err(|_| Unsendable)?;
    let is_web = matches!(base.scheme(), "http" | "https") && url.fragment().is_none();
    // A path that does not begin with `/` would lengthen the host; one with `..` would be folded.
    let meant = format!("{}{path}", base.path().trim_end_matches('/'));
    let meant = if meant.starts_with('/') { meant } else { format!("/{meant}") };
    match is_web && url[..Position::BeforePath] == base[..Position::BeforePath] && url[Position::BeforePath..] == *meant
    {
        true => Ok(url),
        false => Err(Unsendable),
    }
}

/// One header for each name. A name that comes twice has the later value.
pub fn headers<'a>(all: impl Iterator<Item = (&'a str, String)>) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unsendable)?;
        if is_carrying(name.as_str()) {
            return Err(Unsendable);
        }
        // Spaces around a value are not part of it; a line break at the end of a secret's file is no space.
        let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes()).map_err(|_| Unsendable)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::encode;

    fn text_of(base: &str, path: &str) -> Option<String> {
        target(base, path).ok().map(|url| url.to_string())
    }

    #[test]
    fn a_path_stays_below_the_address() {
        let base = "https://api.example.com:8443/v1";
        assert_eq!(text_of(base, "/notes?a=%2F"), Some(format!("{base}/notes?a=%2F")));
        assert_eq!(text_of("https://api.example.com", ""), Some("https://api.example.com/".to_owned()));
        assert_eq!(text_of("https://api.example.com", "?a=b"), Some("https://api.example.com/?a=b".to_owned()));
        assert_eq!(text_of("https://u:p@a.example", "/n"), Some("https://u:p@a.example/n".to_owned()));
        let escapes = "@evil.example/x .evil.example :99/x /../x /a/./b /a/%2e%2E/b /a\\..\\b /a#b //../b";
        for path in escapes.split(' ').chain(["/a\nb", "/a b"]) {
            assert_eq!(text_of("https://api.example.com", path), None, "{path}");
        }
        assert_eq!(text_of("file:///etc", "/passwd"), None);
        assert_eq!(text_of("", "/notes"), None);
    }

    #[test]
    fn headers_are_one_line_and_of_the_request() {
        let of = |name: &str, value: &str| headers([(name, value.to_owned())].into_iter());
        assert_eq!(of("X-Note", " a b\t").unwrap()["x-note"], "a b");
        assert_eq!(of("X-Note", "é").unwrap()["x-note"].as_bytes(), "é".as_bytes());
        let broken =
            [("X-Note", "a\r\nHost: b"), ("X-Note", "a\n"), ("X-Note", "a\0"), ("X Note", "a"), ("X:", "a"), ("", "a")];
        for (name, value) in broken {
            assert_eq!(of(name, value), Err(Unsendable), "{name}: {value}");
        }
        for name in ["Host", "content-length", "Transfer-Encoding"] {
            assert_eq!(of(name, "a"), Err(Unsendable), "{name}");
        }
    }

    proptest! {
        #[test]
        fn an_encoded_value_goes_nowhere_else(value in any::<String>(), key in any::<String>()) {
            let path = format!("/notes/{}/x?k={}", encode(&value), encode(&key));
            match target("https://api.example.com/v1", &path) {
                Ok(url) => prop_assert_eq!(url.as_str(), format!("https://api.example.com/v1{path}")),
                Err(Unsendable) => prop_assert!(matches!(value.as_str(), "." | "..")),
            }
        }

        #[test]
        fn no_path_leaves_the_host(path in any::<String>()) {
            if let Ok(url) = target("https://api.example.com", &path) {
                prop_assert_eq!(url.host_str(), Some("api.example.com"));
                prop_assert_eq!(url.port(), None);
                prop_assert_eq!(url.username(), "");
            }
        }
    }
}

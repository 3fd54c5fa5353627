//! Cookies: read from a request, and written so that no script and no other site gets them.

use axum::http::{HeaderMap, HeaderValue, header};

/// The value of a cookie.
pub(super) fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// How long a cookie is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// As long as the browser runs.
    Session,
    Seconds(u32),
}

/// A cookie to set. `value` consists of characters that may stand in one.
pub(super) struct Cookie {
    pub name: String,
    pub value: String,
    pub kept: Kept,
}

impl Cookie {
    /// Takes a cookie away.
    pub fn gone(name: String) -> Self {
        Cookie { name, value: String::new(), kept: Kept::Seconds(0) }
    }

    pub fn header(&self, is_https: bool) -> Option<HeaderValue> {
        let kept = match self.kept {
            Kept::Session => String::new(),
            Kept::Seconds(seconds) => format!("; Max-Age={seconds}"),
        };
        let secure = if is_https { "; Secure" } else { "" };
        let text = format!("{}={}; HttpOnly; SameSite=Lax; Path=/{kept}{secure}", self.name, self.value);
        HeaderValue::from_str(&text).ok()
    }
}

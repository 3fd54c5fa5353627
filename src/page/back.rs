//! Where a form goes back to: a path of this page, and never another address.

/// The path, or `/` where it is none of this page.
pub(super) fn safe(back: &str) -> &str {
    let is_path = back.starts_with('/') && !back.starts_with("//") && !back.starts_with("/\\");
    let is_plain = back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn only_a_path_of_this_page_is_gone_back_to() {
        for good in ["/", "/events?value=a%20b#dlv_1", "/routes/a/b"] {
            assert_eq!(safe(good), good);
        }
        for bad in ["", "events", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/a b", "/é"]
        {
            assert_eq!(safe(bad), "/", "{bad}");
        }
    }
}

//! Values in a text that is XML or a page: none of them can become markup.

use std::cell::Cell;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Ends the escaping when it is dropped.
pub(super) struct Escaping;

impl Drop for Escaping {
    fn drop(&mut self) {
        ON.set(false);
    }
}

/// From here on what an expression puts into a text is escaped.
pub(super) fn begin() -> Escaping {
    ON.set(true);
    Escaping
}

pub(super) fn is_on() -> bool {
    ON.get()
}

/// Escapes what was written since `start`, where that is wanted.
pub(super) fn apply(text: &mut String, start: usize) {
    if is_on() {
        let written = text.split_off(start.min(text.len()));
        text.push_str(&escaped(&written));
    }
}

/// The text with its markup as letters, and without the characters that XML can't have.
pub(super) fn escaped(text: &str) -> String {
    let allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'));
    quick_xml::escape::escape(text.chars().filter(allowed).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Scope, Template};
    use crate::value::Value;

    #[test]
    fn what_a_request_brings_is_no_markup() {
        let scope = Scope::new().with("name", Value::from("<Dial>&\"'\u{1}</Dial>"));
        let escaped = "&lt;Dial&gt;&amp;&quot;&apos;&lt;/Dial&gt;";
        for (template, wanted) in [
            ("<Say>{{ name }}</Say>", format!("<Say>{escaped}</Say>")),
            ("{% if name %}<Say>{{ name }}</Say>{% endif %}", format!("<Say>{escaped}</Say>")),
            ("{{ name }}", escaped.to_owned()),
            ("<Response/>", "<Response/>".to_owned()),
        ] {
            let template = Template::compile(template).unwrap();
            assert_eq!(template.evaluate_markup(&scope), Ok(Some(wanted)), "{template:?}");
            // Nothing of it stays for what comes after.
            assert!(!template.evaluate_text(&scope).unwrap().unwrap().contains("&lt;"));
        }
    }
}

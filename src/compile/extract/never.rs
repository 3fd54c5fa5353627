//! Parts of an extract that no event ever comes to.

use super::super::Compiler;
use crate::config::extract::{Conversion, ExtractFields};
use crate::convert;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::value::{Number, Value};

impl Compiler<'_> {
    /// Keys of `map` that no value is, after what `as` makes of it.
    pub(super) fn check_keys_of_map(&mut self, written: &ExtractFields) {
        let (Some(map), Some(conversion)) = (&written.map, &written.conversion) else { return };
        let made = match conversion.value {
            Conversion::List | Conversion::Object => {
                let message = "`map` takes single values, and `as` makes none";
                let help = "remove `as`, or name the field of it that is meant in `path`";
                let diagnostic = Diagnostic::new(Code::ConflictingKeys, conversion.place.clone(), message);
                return self.report(diagnostic.help(help));
            }
            Conversion::Integer => "whole numbers",
            Conversion::Number => "numbers",
            Conversion::Boolean => "`true` and `false`",
            Conversion::Digits => "digits",
            Conversion::Phone => "numbers written `+5511999990000`",
            _ => return,
        };
        for entry in map.iter().filter(|entry| !could_be(&entry.name, conversion.value)) {
            let (key, word) = (&entry.name.value, conversion.value.word());
            let message = format!("`{key}` is never found here: `as: {word}` makes {made}");
            let help = match convert::boolean(&Value::from(key.clone())) {
                Ok(truth) if conversion.value == Conversion::Boolean => format!("write `{}`", truth.to_json()),
                _ => format!("write what the value is after `as: {word}`, or remove `as`"),
            };
            let mut diagnostic = Diagnostic::new(Code::WrongValue, entry.name.place.clone(), message).help(help);
            // With `else` the rest of it still does something.
            let is_all = map.iter().all(|entry| !could_be(&entry.name, conversion.value));
            if written.otherwise.is_some() && !is_all {
                diagnostic.severity = Severity::Warning;
            }
            self.report(diagnostic);
        }
    }

    /// Null counts as nothing found, and so can't stand for it.
    pub(super) fn check_null_default(&mut self, name: &str, written: &ExtractFields) {
        let place = written.place.key("default");
        let node = self.documents.0.get(&place.file).and_then(|document| document.node(&place.path));
        let is_null =
            node.is_some_and(|node| node.is_null() && node.as_scalar().is_some_and(|scalar| !scalar.text.is_empty()));
        if is_null {
            let message = format!("`{name}` has null for its `default`, which is no value");
            let help = format!("remove it, and write `{name}?` for a name that may be absent; an empty text is `\"\"`");
            self.report(Diagnostic::new(Code::InvalidValue, place, message).help(help));
        }
    }
}

/// Whether a value can have this text after a conversion.
fn could_be(key: &str, conversion: Conversion) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match conversion {
        Conversion::Integer => Number::parse(key).is_some_and(|number| number.is_integer()),
        Conversion::Number => Number::parse(key).is_some(),
        Conversion::Boolean => matches!(key, "true" | "false"),
        Conversion::Digits => is_digits(key),
        Conversion::Phone => key.strip_prefix('+').is_some_and(is_digits),
        _ => true,
    }
}

//! Names that may be absent, where something has to stand.

use super::Kind;
use crate::diagnostic::{Code, Diagnostic, Place, Segment};
use crate::template::{Needed, Use};

/// A name in the middle of text.
pub(super) fn optional_in_text(used: &Use, place: &Place, is_extracted: bool) -> Diagnostic {
    let name = &used.name;
    let message = format!("`{name}` may be absent, and stands in the middle of text");
    let instead = format!("say what to write instead: `{{{{ {name} | default('unknown') }}}}`");
    let required = format!("make the name required, `{name}:` without `?`");
    let when = format!("send only where it is there: `when: {name} is defined`");
    let help = match place.path.split_last() {
        // One text for all that have none would make one person of many.
        Some((_, Segment::Key(key))) if names_one(key) => format!("{required}; or {when}"),
        _ if is_extracted => format!("{instead}; or {required}"),
        _ => instead,
    };
    Diagnostic::new(Code::OptionalName, place.part(used.range.clone()), message).help(help)
}

/// Whether a field names one person or thing, so that no other text can stand for it.
pub(in crate::compile) fn names_one(name: &str) -> bool {
    const WORDS: &[&str] =
        &["phone", "email", "mail", "identifier", "identity", "lane", "number", "url", "uuid", "key", "id"];
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    name.ends_with("Id") || words.any(|word| WORDS.contains(&&*word.to_lowercase()))
}

/// A name beside a sign that needs a value.
pub(super) fn optional_beside_sign(used: &Use, needed: &Needed, kind: Kind, place: &Place) -> Diagnostic {
    let (name, Needed { sign, part }) = (&used.name, needed);
    let message = format!("`{name}` may be absent, and `{sign}` needs a value");
    let other = if *sign == "~" { "''" } else { "0" };
    let is_ordering = sign.starts_with(['<', '>']);
    let help = match kind {
        Kind::Condition | Kind::Lenient if !is_ordering => {
            format!("write `{name} is defined and …` before it, or `{name} | default({other})`")
        }
        Kind::Condition | Kind::Lenient => {
            format!("write `{name} is defined and {part}`, or give it a `default` under `extract:`")
        }
        Kind::Value => format!("say what counts instead: `{name} | default({other})`"),
    };
    Diagnostic::new(Code::OptionalName, place.part(used.range.clone()), message).help(help)
}

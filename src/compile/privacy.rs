//! What people are not shown: words for what is masked wherever it stands, and paths.

use super::Compiler;
use crate::config::privacy::Privacy as Written;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::privacy::{Kind, Privacy};

const WORDS: [(&str, Kind); 3] = [("phones", Kind::Phones), ("emails", Kind::Emails), ("everything", Kind::Everything)];

impl Compiler<'_> {
    pub(super) fn privacy(&mut self, written: Option<&Written>) -> Privacy {
        let mut privacy = Privacy::default();
        let Some(written) = written else { return privacy };
        let Some(mask) = written.mask.as_ref().filter(|mask| !mask.is_empty()) else {
            let message = "nothing is masked by this";
            let help = "add a line below it such as `mask: [phones, emails]`, or leave `privacy` out";
            self.report(Diagnostic::new(Code::MissingKey, written.place.on_key(), message).help(help));
            return privacy;
        };
        for what in mask {
            match WORDS.into_iter().find(|(word, _)| **word == *what.value) {
                Some((_, kind)) => drop(privacy.kinds.insert(kind)),
                None if what.trim_start().starts_with(['$', '{']) => privacy.paths.extend(self.json_path(what)),
                None => self.unknown_mask(what),
            }
        }
        privacy
    }

    fn unknown_mask(&mut self, what: &Text) {
        let words = || WORDS.into_iter().map(|(word, _)| word);
        let message = format!("`{}` says nothing that can be masked", what.value);
        let near = suggest::certain(what, words());
        let help = match near {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!(
                "write `phones`, `emails`, `everything`, or where the value stands in the payload: `$.{}`",
                in_path(what)
            ),
        };
        let diagnostic = Diagnostic::new(Code::InvalidValue, what.place.clone(), message).help(help);
        self.report(diagnostic.fix_opt(what.place.clone(), near));
    }
}

/// The place of a value as somebody wrote it who left out the `$`.
fn in_path(written: &str) -> &str {
    let bare = written.strip_prefix("payload.").unwrap_or(written).trim_start_matches('.');
    if bare.is_empty() || bare.contains(char::is_whitespace) { "contact.name" } else { bare }
}

//! What is given twice in two spellings: a name with and without its `?`, a header in other letters.

use super::Compiler;
use super::extract::bare;
use crate::config::{At, NamedList};
use crate::diagnostic::{Code, Diagnostic};

impl Compiler<'_> {
    /// `name` and `name?` are one name; of two extracts the second would count, and the first be lost unseen.
    pub(super) fn check_names_once<T>(&mut self, names: &NamedList<T>) {
        for (first, second) in twice(names, |one, two| bare(one) == bare(two)) {
            let message = format!("`{}` and `{}` are one name", first.value, second.value);
            let diagnostic = Diagnostic::new(Code::ConflictingKeys, second.place.clone(), message);
            let help = "keep one of the two, or give the second another name; for the first of several paths that finds \
                        a value write `first_of: […]`";
            self.report(diagnostic.also(first.place.clone(), "the first one").help(help));
        }
    }

    /// Headers are the same in capital and small letters.
    pub(super) fn check_headers_once<T>(&mut self, headers: &NamedList<T>) {
        for (first, second) in twice(headers, str::eq_ignore_ascii_case) {
            let message = format!("`{}` and `{}` are one header", first.value, second.value);
            let diagnostic = Diagnostic::new(Code::ConflictingKeys, second.place.clone(), message);
            let found = "headers are the same in capital and small letters";
            self.report(diagnostic.found(found).also(first.place.clone(), "the first one").help("keep one of the two"));
        }
    }
}

type Name = At<std::sync::Arc<str>>;

/// Each name that is the same as an earlier one, behind that one.
fn twice<T>(names: &NamedList<T>, is_same: fn(&str, &str) -> bool) -> Vec<(&Name, &Name)> {
    let earlier = |at: usize| names.iter().take(at);
    let pairs = names.iter().enumerate().filter_map(|(at, second)| {
        let first = earlier(at).find(|first| is_same(&first.name, &second.name))?;
        Some((&first.name, &second.name))
    });
    pairs.collect()
}

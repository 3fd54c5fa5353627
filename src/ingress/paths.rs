//! The paths that were ever served: what is a 404 elsewhere is none there, and what of a path may be shown.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use crate::route::bare;

/// The paths that were ever served, as their sources write them.
#[derive(Clone, Debug, Default)]
pub struct KnownPaths(Arc<RwLock<BTreeSet<String>>>);

impl KnownPaths {
    /// Adds paths; those that are new are returned.
    pub fn add(&self, paths: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        paths.into_iter().filter(|path| known.insert(path.clone())).collect()
    }

    /// Whether a request's path is one of them, `{named}` segments taking any text.
    pub(super) fn contains(&self, path: &str) -> bool {
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        known.iter().any(|pattern| fits(bare(pattern), bare(path)))
    }

    /// As much of a request's path as stands in one of them; the rest may be a token, and is `…`.
    pub(super) fn shown(&self, prefix: &str, path: &str) -> String {
        let Some(rest) = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')) else {
            return "/…".to_owned();
        };
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        // A path's first segment is the empty one before its `/`.
        let common =
            |pattern: &String| segments(pattern, rest).take_while(|(wanted, found)| is_same(wanted, found)).count();
        let best = known.iter().max_by_key(|pattern| common(pattern));
        let count = best.map_or(1, common).max(1);
        let mut shown: Vec<&str> = best.map_or("", String::as_str).split('/').take(count).collect();
        if rest.split('/').count() > count {
            shown.push("…");
        }
        format!("{prefix}{}", shown.join("/"))
    }
}

fn segments<'a>(pattern: &'a str, path: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    pattern.split('/').zip(path.split('/'))
}

fn is_same(wanted: &str, found: &str) -> bool {
    wanted == found || (wanted.starts_with('{') && !found.is_empty())
}

fn fits(pattern: &str, path: &str) -> bool {
    pattern.split('/').count() == path.split('/').count()
        && segments(pattern, path).all(|(wanted, found)| wanted == found || wanted.starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_segments_take_any_text() {
        assert!(fits("/calls/{line}", "/calls/7"));
        assert!(!fits("/calls/{line}", "/calls"));
        assert!(!fits("/calls/{line}", "/calls/7/8"));
        assert!(!fits("/form", "/other"));
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        let known = KnownPaths::default();
        known.add(["/form", "/answer/"].map(str::to_owned));
        assert!(["/form", "/form/", "/answer", "/answer/"].iter().all(|path| known.contains(path)));
        assert!(!known.contains("/form//"));
    }

    #[test]
    fn what_may_be_a_token_is_not_shown() {
        let known = KnownPaths::default();
        assert_eq!(known.shown("/hooks", "/hooks/k3y"), "/hooks/…");
        known.add(["/tok/{key}", "/tok/{key}/calls", "/form"].map(str::to_owned));
        let cases = [
            ("/hooks/tok/k3y", "/hooks/tok/{key}"),
            ("/hooks/tok/k3y/", "/hooks/tok/{key}/…"),
            ("/hooks/tok/k3y/calls/9", "/hooks/tok/{key}/calls/…"),
            ("/hooks/tok/k3y/other", "/hooks/tok/{key}/…"),
            ("/hooks/Tok/k3y", "/hooks/…"),
            ("/hooks//tok/k3y", "/hooks/…"),
            ("/hooks/form", "/hooks/form"),
            ("/hooks/forms", "/hooks/…"),
            ("/hooks", "/…"),
            ("/tok/k3y", "/…"),
        ];
        for (path, shown) in cases {
            assert_eq!(known.shown("/hooks", path), shown, "{path}");
        }
    }
}

//! Fields of which one is to be given: what of them may be there, and what may not.

use std::sync::Arc;

use super::super::Compiler;
use super::super::schema_words::{Group, Part as GroupPart};
use super::super::template::Reach;
use super::Target;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::pack::Body;

/// The fields that are written, and what the pack gives besides.
pub(super) struct Given<'a> {
    pub fields: &'a [(Arc<str>, Body)],
    pub defaults: &'a [&'a str],
    /// Fields whose values may be absent, as the route says itself.
    pub optional: Vec<&'a str>,
}

impl Given<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| &**known == name) || self.defaults.contains(&name)
    }
}

/// Whether a key is there when an event is rendered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Absent,
    Possible,
    Certain,
}

/// A key that is always given, and one that may be given besides though only one is taken.
pub(super) fn both_possible(
    states: &[(&GroupPart<'_>, State)],
    certain: &[&GroupPart<'_>],
    group: &Group<'_>,
    given: &Given<'_>,
) -> Option<(Arc<str>, Arc<str>)> {
    let [always] = certain else { return None };
    let is_optional = |part: &GroupPart<'_>| part.keys.iter().any(|key| given.optional.contains(key));
    let (other, _) =
        states.iter().find(|(part, state)| group.exactly && *state == State::Possible && is_optional(part))?;
    Some((always.first(), other.first()))
}

/// The only key of a group that is written, where it may be absent.
pub(super) fn one_possible(states: &[(&GroupPart<'_>, State)], given: &Given<'_>) -> Option<Arc<str>> {
    let written: Vec<_> = states.iter().filter(|(_, state)| *state != State::Absent).collect();
    match written.as_slice() {
        [(part, State::Possible)] => {
            let by_itself = part.keys.iter().find(|key| given.optional.contains(key))?;
            Some((*by_itself).into())
        }
        _ => None,
    }
}

/// Two keys of a group that are given where their names are there, and what may come of that.
pub(super) struct Pair {
    keys: [Arc<str>; 2],
    names: [Arc<str>; 2],
    /// No `when` asks for one of them.
    neither: bool,
    /// Only one of them is taken.
    both: bool,
}

/// The only two keys that are written of a group, where each is a name that may be absent. What a template makes of more than
/// one name may have been written so that one of the two is there.
pub(super) fn two_possible(
    states: &[(&GroupPart<'_>, State)],
    given: &Given<'_>,
    reach: &Reach,
    exactly: bool,
) -> Option<Pair> {
    let mut written = states.iter().filter(|(_, state)| *state != State::Absent);
    let (one, two, None) = (written.next()?, written.next()?, written.next()) else { return None };
    let optional = |(part, state): &(&GroupPart<'_>, State)| {
        let [key] = part.keys.as_slice() else { return None };
        let (key, body) = given.fields.iter().find(|(known, _)| &**known == *key)?;
        let name = (*state == State::Possible && given.optional.contains(&&**key)).then(|| plain_name(body, reach));
        Some((key.clone(), name.flatten()?))
    };
    let mut pair = [optional(one)?, optional(two)?];
    pair.sort_by_key(|(name, _)| given.fields.iter().position(|(known, _)| known == name));
    let [(one, first), (two, second)] = pair;
    let neither = !reach.held.iter().any(|held| held.demands_one_of(&first, &second));
    (neither || exactly).then_some(Pair { keys: [one, two], names: [first, second], neither, both: exactly })
}

/// The optional name that a value is made of, and that alone.
fn plain_name(body: &Body, reach: &Reach) -> Option<Arc<str>> {
    let Body::Template { template, .. } = body else { return None };
    let [used] = template.uses() else { return None };
    let is_plain = !template.text().contains(" if ") && reach.optional(&used.name) == Some(true);
    (is_plain && used.fields.is_empty()).then(|| used.name.clone())
}

impl Compiler<'_> {
    pub(super) fn either_possible(&mut self, pair: &Pair, group: &Group<'_>, target: &Target<'_>, at: &Place) {
        let Pair { keys: [one, two], names: [first, second], neither, both } = pair;
        let all = group.words();
        let (message, help) = match (neither, both) {
            (true, true) => (
                format!("`{}` takes exactly one of {all}, and here neither may be given, or both", target.to),
                format!(
                    "send only where one is there, `when: \"{{{{ {first} or {second} }}}}\"`, and leave the second out \
                     where the first is: `{two}: \"{{{{ {second} if not {first} }}}}\"`"
                ),
            ),
            (true, false) => (
                format!("`{}` needs one of {all}, and both of these may be absent", target.to),
                format!("send only where one is there: `when: \"{{{{ {first} or {second} }}}}\"`"),
            ),
            _ => (
                format!("`{}` takes exactly one of {all}, and here both may be given", target.to),
                format!("leave the second out where the first is: `{two}: \"{{{{ {second} if not {first} }}}}\"`"),
            ),
        };
        let diagnostic = Diagnostic::new(Code::OptionalName, at.key(two.clone()).on_key(), message);
        let diagnostic = diagnostic.found("this may be absent").also(at.key(one.clone()).on_key(), "and so may this");
        self.report(diagnostic.help(help));
    }
}

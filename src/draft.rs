//! A first version of a route, made from a captured request and what an operation takes. All that it assumes is marked
//! as a guess, which `check` refuses until a person has looked at it.

mod concept;
mod group;
mod leaf;
mod role;
mod target;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::convert;
use crate::value::Value;
use concept::Concept;
use group::{Filled, Turn};
use leaf::Leaf;
use role::Role;
use target::{Content, Target};

/// What a draft is made of.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The name of the route: that of its file without the ending.
    pub name: &'a str,
    /// What stands after `source:`, with the space or the end of the line before it.
    pub source: &'a str,
    /// The captured request, relative to the workspace.
    pub sample: &'a str,
    pub payload: &'a Value,
    /// `connection.operation`
    pub to: &'a str,
    /// The schema of the operation's body.
    pub schema: Option<&'a Value>,
    /// A body that the vendor takes.
    pub body: Option<&'a Value>,
    /// The values of the address that a route gives, each with an example.
    pub params: &'a [(Arc<str>, Value)],
    /// Fields of the body that need not be given.
    pub given: &'a [Arc<str>],
    /// Fields of the body that the connection is to give, and does not.
    pub missing: &'a [Arc<str>],
}

/// A route to look through.
#[derive(Debug, PartialEq, Eq)]
pub struct Draft {
    pub text: String,
    /// The names that were guessed.
    pub guesses: Vec<String>,
    /// The fields for which nothing was found.
    pub open: Vec<String>,
    /// The paths of what people may have written that the draft does not use.
    pub unused: Vec<String>,
}

/// A value of the payload that the draft uses.
#[derive(Debug)]
struct Guess {
    name: String,
    path: String,
    concept: Option<Concept>,
    /// What `as:` says, where the value bears it.
    conversion: Option<&'static str>,
    /// The country of phone numbers that are written without one.
    region: Option<&'static str>,
    why: String,
}

/// Makes a draft.
pub fn make(wanted: &Wanted<'_>) -> Draft {
    let leaves = leaf::leaves(wanted.payload);
    let open = wanted.missing.iter().map(ToString::to_string).collect();
    let given: Vec<Arc<str>> = wanted.given.iter().chain(wanted.missing).cloned().collect();
    let mut draft = Drafting { leaves: &leaves, given: &given, used: BTreeSet::new(), guesses: Vec::new(), open };
    let params: Vec<(Arc<str>, Value)> = wanted
        .params
        .iter()
        .filter_map(|(name, example)| Some((name.clone(), draft.filled(&Target::param(name, example))?)))
        .collect();
    let body = wanted.body.and_then(|body| draft.body(body, wanted.schema));
    write::draft(wanted, draft, &params, body.as_ref())
}

struct Drafting<'d, 'v> {
    leaves: &'d [Leaf<'v>],
    /// Fields of the body that the route need not say.
    given: &'d [Arc<str>],
    used: BTreeSet<String>,
    guesses: Vec<Guess>,
    open: Vec<String>,
}

impl Drafting<'_, '_> {
    /// The fields of a body, each filled as well as can be. What says what happened comes last, since it is put together
    /// from the others.
    fn body(&mut self, example: &Value, schema: Option<&Value>) -> Option<Value> {
        let mut targets = target::targets(example, schema);
        targets.retain(|target| target.path.len() > 1 || !target.path.iter().any(|key| self.given.contains(key)));
        let mut filled = Filled::new();
        for turn in [Turn::Early, Turn::Last] {
            for target in targets.iter().filter(|target| target.is_message() == (turn == Turn::Last)) {
                match self.filled(target) {
                    Some(value) => filled.push((target.path.clone(), value)),
                    None if target.required => self.open.push(target.words()),
                    None => {}
                }
            }
            schema.into_iter().for_each(|schema| self.needed(&[], schema, turn, &mut filled));
        }
        // As in the example; what it does not have stands at the end.
        filled.sort_by_key(|(path, _)| targets.iter().position(|target| target.path == *path).unwrap_or(targets.len()));
        target::built(filled.iter().map(|(path, value)| (path.as_slice(), value)))
    }

    /// What people may have written, and no field of the draft uses.
    fn unused(&self) -> Vec<String> {
        let used = |leaf: &Leaf<'_>| {
            self.guesses.iter().any(|guess| guess.path == leaf.path)
                || self
                    .leaves
                    .iter()
                    .any(|other| other.value == leaf.value && self.guesses.iter().any(|guess| guess.path == other.path))
        };
        let mut seen: Vec<&Value> = Vec::new();
        let mut unused = Vec::new();
        for leaf in self.leaves.iter().filter(|leaf| leaf.is_of_people() && !used(leaf)) {
            if !seen.contains(&leaf.value) {
                seen.push(leaf.value);
                unused.push(leaf.path.clone());
            }
        }
        unused
    }

    /// The longest text of several words, where nothing says what it is.
    fn longest(&self) -> Option<usize> {
        let texts = self.leaves.iter().enumerate().filter(|(_, leaf)| leaf.concept().is_none() && leaf.is_written());
        let length = |leaf: &Leaf<'_>| leaf.value.as_str().map_or(0, |text| text.chars().count());
        Some(texts.max_by_key(|(index, leaf)| (length(leaf), usize::MAX - index))?.0)
    }

    /// What a field is filled with: a value of the payload, a constant, or nothing.
    fn filled(&mut self, target: &Target) -> Option<Value> {
        if target.content == Content::Constant {
            return Some(target.example.clone());
        }
        let best = self.best(target);
        let found = best.map(|leaf| self.guessed(leaf, target.concept));
        if let Some(last) = best.and_then(|leaf| self.other_half(target, leaf)) {
            let last = self.guessed(last, Some(Concept::LastName));
            return Some(Value::from(format!("{{{{ {} }}}} {{{{ {last} }}}}", found.unwrap_or_default())));
        }
        match (target.content, found) {
            (Content::Message, found) => self.message(found),
            (_, Some(name)) => Some(Value::from(target.written(&name))),
            (Content::Id, None) => Some(Value::from("{{ event.id }}")),
            (Content::Person, None) => Some(Value::from(self.person())),
            (Content::Constant | Content::Other, None) => None,
        }
    }

    /// The last name, where a whole name is wanted and the first is what was found.
    fn other_half(&self, target: &Target, found: usize) -> Option<usize> {
        let is_first = self.leaves.get(found)?.concept() == Some(Concept::FirstName);
        let is_wanted = is_first && target.concept == Some(Concept::Name) && target.content == Content::Other;
        is_wanted.then(|| self.plainest(Concept::LastName)).flatten()
    }

    /// The leaf that fits best, where one fits.
    fn best(&self, target: &Target) -> Option<usize> {
        let scored = self.leaves.iter().enumerate().map(|(index, leaf)| (target.score(leaf), index));
        let best = scored.max_by(|(a, first), (b, second)| a.cmp(b).then(second.cmp(first)))?;
        (best.0 > 0).then_some(best.1)
    }

    /// The name under which a leaf is extracted.
    fn guessed(&mut self, index: usize, concept: Option<Concept>) -> String {
        let Some(leaf) = self.leaves.get(index) else { return String::new() };
        if let Some(guess) = self.guesses.iter().find(|guess| guess.path == leaf.path) {
            return guess.name.clone();
        }
        let concept = leaf.concept().or(concept).filter(|concept| concept.fits(leaf.value));
        let wish = concept.map_or_else(|| leaf.name(), |concept| concept.word().to_owned());
        let name = unique(&wish, &self.used);
        self.used.insert(name.clone());
        let region = concept.filter(|concept| *concept == Concept::Phone).and_then(|_| region(leaf.value));
        // What the value does not bear would fail on every request.
        let is_borne = concept != Some(Concept::Phone) || convert::phone(leaf.value, region).is_ok();
        let conversion = concept.filter(|_| is_borne).and_then(Concept::conversion);
        self.guesses.push(Guess {
            name: name.clone(),
            path: leaf.path.clone(),
            concept,
            conversion,
            region,
            why: if is_borne {
                leaf.why(concept)
            } else {
                format!("{}; `as: phone` can't read this value", leaf.why(None))
            },
        });
        name
    }

    /// The leaf that stands for a concept most plainly.
    fn plainest(&self, concept: Concept) -> Option<usize> {
        let all = self.leaves.iter().enumerate().filter(|(_, leaf)| leaf.concept() == Some(concept));
        Some(all.min_by_key(|(index, leaf)| (leaf.role() == Role::Received, leaf.depth, leaf.role(), *index))?.0)
    }

    /// The id that the sender has for whoever it is.
    fn id_of_person(&self) -> Option<usize> {
        let ids = self.leaves.iter().enumerate().filter(|(_, leaf)| leaf.is_id_of_person());
        Some(ids.min_by_key(|(index, leaf)| (leaf.depth, leaf.role(), *index))?.0)
    }

    /// Whether anything tells one person apart from others.
    fn knows_person(&self) -> bool {
        let by = [Concept::Phone, Concept::Email].into_iter().any(|by| self.plainest(by).is_some());
        by || self.id_of_person().is_some()
    }

    /// What tells one person apart from others: what they are reached by.
    fn person(&mut self) -> String {
        let by = [Concept::Phone, Concept::Email].into_iter().find_map(|by| Some((by, self.plainest(by)?)));
        let Some((concept, leaf)) = by else {
            let Some(own) = self.id_of_person() else { return "{{ event.id }}".to_owned() };
            return format!("{{{{ {} }}}}", self.guessed(own, None));
        };
        let name = self.guessed(leaf, Some(concept));
        match concept {
            Concept::Phone => format!("{{{{ {name} | digits }}}}"),
            _ => format!("{{{{ {name} }}}}"),
        }
    }

    /// A text for people: what was written, and who it is from where no other field says so.
    fn message(&mut self, written: Option<String>) -> Option<Value> {
        const WHO: &[Concept] = &[Concept::Name, Concept::FirstName, Concept::LastName, Concept::Phone, Concept::Email];
        const WHAT: &[Concept] = &[Concept::Company, Concept::City, Concept::Subject, Concept::Status];
        let told: Vec<Concept> = if written.is_some() { WHO.to_vec() } else { [WHO, WHAT].concat() };
        let mut parts = Vec::new();
        for concept in told {
            let is_told = self.guesses.iter().any(|guess| guess.concept == Some(concept));
            let Some(leaf) = self.plainest(concept).filter(|_| !is_told || written.is_none()) else { continue };
            let name = self.guessed(leaf, Some(concept));
            parts.push(format!("{}: {{{{ {name} }}}}", name.replace('_', " ")));
        }
        let text = match (written, parts.is_empty()) {
            (Some(name), true) => format!("{{{{ {name} }}}}"),
            (Some(name), false) => format!("{{{{ {name} }}}} ({})", parts.join(", ")),
            (None, true) => {
                let name = self.guessed(self.longest()?, None);
                format!("{{{{ {name} }}}}")
            }
            (None, false) => format!("New request. {}", parts.join(", ")),
        };
        Some(Value::from(text))
    }
}

/// A name that no other has.
fn unique(wish: &str, used: &BTreeSet<String>) -> String {
    let free = |name: &String| !used.contains(name);
    let numbered = (2..).map(|number| format!("{wish}_{number}"));
    std::iter::once(wish.to_owned()).chain(numbered).find(free).unwrap_or_default()
}

/// Countries whose numbers are looked for first.
const REGIONS: [&str; 10] = ["BR", "FR", "US", "PT", "ES", "GB", "RU", "MX", "AR", "DE"];

/// The first country in which a number written without one is a number.
fn region(value: &Value) -> Option<&'static str> {
    if convert::phone(value, None).is_ok() || convert::text(value).is_ok_and(|text| text.trim().starts_with('+')) {
        return None;
    }
    REGIONS.into_iter().find(|region| convert::phone(value, Some(region)).is_ok())
}

#[cfg(test)]
mod tests;

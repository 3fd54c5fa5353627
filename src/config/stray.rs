//! Keys that nothing reads: for each, what it was meant to be.

use super::Problems;
use crate::diagnostic::{Code, Diagnostic, Label, Place, Segment, suggest};
use crate::document::{Entry, Kind, Node, Typed};

/// A mapping with keys that nothing reads.
pub(super) struct Stray<'f> {
    /// The mapping, in words.
    pub what: &'f str,
    pub known: &'f [&'static str],
    /// Known keys that are not written.
    pub free: Vec<&'static str>,
    /// Keys that must be there and are not; one that was meant by another is taken out.
    pub missing: &'f mut Vec<&'static str>,
    /// Keys that stand empty above what belongs under them.
    pub filled: Vec<&'static str>,
}

/// What others call the target of a delivery.
const TARGET: &[&str] = &["connection", "operation", "endpoint", "url", "uri", "address", "destination", "webhook"];

impl Stray<'_> {
    pub fn report(mut self, unknown: &[&Entry], problems: &mut Problems) {
        let mut rest: Vec<&Entry> = Vec::new();
        let mut joined = false;
        let before = problems.len();
        let apart = self.target_apart(unknown);
        let is_target = |entry: &&&Entry| apart.is_none() || !TARGET.contains(&&*entry.key.name);
        problems.extend(apart.clone());
        for entry in unknown.iter().filter(is_target) {
            if let Some(key) = self.joined(&entry.key.name) {
                self.take(key);
                if !std::mem::replace(&mut joined, true) {
                    problems.push(self.without_colon(entry, key));
                }
                continue;
            }
            match self.meant(entry, unknown.len() == 1) {
                Some(problem) => problems.push(problem),
                None => rest.push(entry),
            }
        }
        problems.retain(|problem| !self.filled.iter().any(|key| is_empty(problem, key)));
        // What is called as elsewhere comes with more that is as elsewhere: one mistake, not several.
        let other = |entry: &&&Entry| {
            suggest::key(&entry.key.name, self.known).is_some_and(|key| !is_near(&entry.key.name, key))
        };
        let is_foreign = unknown.iter().filter(other).count() > 0;
        match problems.get_mut(before..).and_then(<[_]>::first_mut).filter(|_| is_foreign) {
            Some(first) => rest.iter().for_each(|entry| first.labels.push(also(entry))),
            None => problems.extend(self.unexplained(&rest)),
        }
    }

    /// The connection and the operation in two keys, or the address that they stand for.
    fn target_apart(&mut self, unknown: &[&Entry]) -> Option<Diagnostic> {
        if self.what != "a delivery" || !self.free.contains(&"to") {
            return None;
        }
        let text = |key: &str| {
            let entry = unknown.iter().find(|entry| *entry.key.name == *key)?;
            Some((*entry, &*entry.value.as_scalar()?.text))
        };
        if let (Some((entry, connection)), Some((second, operation))) = (text("connection"), text("operation")) {
            self.take("to");
            let help = format!("write both in one line: `to: {connection}.{operation}`");
            let mut diagnostic = self.stray(entry).help(help);
            diagnostic.labels.push(also(second));
            return Some(diagnostic);
        }
        let (entry, _) = TARGET.iter().filter_map(|key| text(key)).find(|(_, text)| text.starts_with("http"))?;
        self.take("to");
        let help = "a delivery goes to an operation of a connection, as `to: connection.operation`; the address of the \
                    account stands in jackfield.yaml";
        Some(self.stray(entry).help(help))
    }

    /// The known key that a key begins with, where the colon and the space after it are something else.
    fn joined(&self, name: &str) -> Option<&'static str> {
        let is_joined = |key: &&&'static str| {
            let rest = name.strip_prefix(**key).unwrap_or_default();
            rest.starts_with([':', '=', ' ']) && rest.trim_start_matches([':', '=', ' ']).len() > 1
        };
        self.free.iter().find(is_joined).copied()
    }

    fn without_colon(&self, entry: &Entry, key: &'static str) -> Diagnostic {
        let name = &*entry.key.name;
        let value = name.strip_prefix(key).unwrap_or_default().trim_start_matches([':', '=', ' ']);
        self.stray(entry).help(format!("write a colon and a space after the key: `{key}: {value}`"))
    }

    fn meant(&mut self, entry: &Entry, alone: bool) -> Option<Diagnostic> {
        let name = &*entry.key.name;
        let diagnostic = self.stray(entry);
        if let Some(home) = home_by_content(self.what, entry) {
            self.filled.push("verify");
            return Some(diagnostic.help(format!("`{name}` belongs {home}")));
        }
        if self.what == "a jwt" && name == "body" {
            return Some(
                diagnostic.help("without `header`, `query` and `field` the token is the whole body: write `jwt: {}`"),
            );
        }
        if let Some(help) = optional(self.what, entry) {
            return Some(diagnostic.help(help));
        }
        if let Some(near) = suggest::key(name, &self.free) {
            let certain = suggest::certain(name, self.free.iter().copied());
            self.take(near);
            return Some(diagnostic.help(format!("did you mean `{near}`?")).fix_opt(place(entry), certain));
        }
        if let Some(home) = suggest::home(self.what, name) {
            return Some(diagnostic.help(format!("`{name}` belongs {home}")));
        }
        match self.missing.as_slice() {
            [only] if alone => {
                let help = format!("did you mean `{only}`? it must be given here");
                self.missing.clear();
                Some(diagnostic.help(help))
            }
            _ => None,
        }
    }

    /// One problem for all the keys of a mapping of which nothing more is known.
    fn unexplained(&self, entries: &[&Entry]) -> Option<Diagnostic> {
        let (first, others) = entries.split_first()?;
        let mut diagnostic = self.stray(first);
        diagnostic.labels.extend(others.iter().map(|other| also(other)));
        Some(diagnostic.help_opt(suggest::one_of(self.known).map(|all| format!("its keys are {all}"))))
    }

    fn stray(&self, entry: &Entry) -> Diagnostic {
        let message = format!("{} has no key `{}`", self.what, entry.key.name);
        Diagnostic::new(Code::UnknownKey, place(entry), message).found("nothing reads this key")
    }

    fn take(&mut self, key: &str) {
        self.missing.retain(|missing| *missing != key);
        self.free.retain(|free| *free != key);
    }
}

fn is_empty(problem: &Diagnostic, key: &str) -> bool {
    let at = problem.place().and_then(|place| place.path.split_last());
    problem.code == Code::WrongType
        && problem.message.ends_with("has no value")
        && matches!(at, Some((_, Segment::Key(name))) if **name == *key)
}

fn also(entry: &Entry) -> Label {
    Label { place: place(entry), text: "and nothing reads this one".to_owned() }
}

/// Whether one key is the other with a slip of the pen.
fn is_near(written: &str, key: &str) -> bool {
    suggest::nearest(written, [key]).is_some()
}

fn place(entry: &Entry) -> Place {
    entry.value.place.on_key()
}

/// Where a key belongs by what stands under it.
fn home_by_content(what: &str, entry: &Entry) -> Option<&'static str> {
    let is_mapping = matches!(entry.value.kind, Kind::Map(_));
    match what {
        "a source" if is_mapping && super::source::KINDS.contains(&&*entry.key.name) => {
            Some("under `verify:`, indented")
        }
        "jackfield.yaml" if entry.value.get("provider").is_some() => Some("under `connections:`, indented"),
        _ => None,
    }
}

/// Whether a name may be absent is said by its `?`.
fn optional(what: &str, entry: &Entry) -> Option<String> {
    let key = &*entry.key.name;
    let may_be_absent = match key {
        "required" => !is_true(&entry.value),
        "optional" | "nullable" => is_true(&entry.value),
        _ => return None,
    };
    let (parent, _) = entry.value.place.path.split_last()?;
    let (_, Segment::Key(name)) = parent.split_last()? else { return None };
    if what != "an extract" {
        return None;
    }
    Some(match may_be_absent && !name.ends_with('?') {
        true => format!("write `{name}?:`, with `?` behind the name, and remove `{key}`"),
        false => {
            format!("remove it: a name is required unless `?` stands behind it, `{}?:`", name.trim_end_matches('?'))
        }
    })
}

fn is_true(node: &Node) -> bool {
    matches!(node.as_scalar().map(|scalar| scalar.typed()), Some(Typed::Bool(true)))
}

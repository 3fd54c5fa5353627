//! Problems that only follow from another one: of one mistake, one is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Documents, SETTINGS};
use crate::diagnostic::{self, Code, Diagnostic, KeyPath, On, Place, Segment, Severity};
use crate::document::{Kind, Node};

/// Leaves out what follows from something else.
pub(super) fn drop_followers(diagnostics: &mut Vec<Diagnostic>, documents: &Documents) {
    join_failures(diagnostics, documents);
    stand_beside_body(diagnostics);
    join_names(diagnostics);
    let causes = diagnostics.clone();
    diagnostics.retain(|problem| !causes.iter().any(|cause| follows(problem, cause)));
}

/// Whether a problem would not be there without another one.
fn follows(problem: &Diagnostic, cause: &Diagnostic) -> bool {
    let (Some(at), Some(of)) = (problem.place(), cause.place()) else { return false };
    let help = cause.help.as_deref().unwrap_or_default();
    match (problem.code, cause.code) {
        // A condition that is not read as one could ask whether the name is there.
        (Code::OptionalName, Code::UnknownKey | Code::InvalidBody) => {
            let is_condition = help.contains("`when`") || matches!(last(of), Some("when"));
            is_condition && at.file == of.file && delivery(at).is_some_and(|own| delivery(of) == Some(own))
        }
        (Code::NeverMatches, Code::UnknownKey) => {
            let is_match = help.contains("`match`") && of.path.segments().len() == 1;
            is_match && problem.labels.iter().any(|label| label.place.file == of.file)
        }
        // The chain stands where the call that is answered was meant.
        (Code::UnknownOperation, Code::UnknownOperation) => {
            at.file == of.file
                && problem.message.starts_with("this route does not call")
                && (cause.message.ends_with("can't be one step")
                    || suggested(help).is_some_and(|meant| problem.message.contains(&format!(".{meant}`"))))
        }
        // Without the condition that is not read the route takes what others take.
        (Code::SentTwice, Code::UnknownKey | Code::WrongType | Code::InvalidTemplate | Code::InvalidValue) => {
            let is_condition = ["`match`", "`fallback`"].iter().any(|key| help.contains(key))
                || matches!(first(of), Some("match" | "fallback"));
            is_condition && problem.labels.iter().any(|label| label.place.file == of.file)
        }
        // The call that is answered stands where no list is.
        (Code::UnknownOperation, Code::WrongType) => {
            at.file == of.file
                && problem.message.starts_with("this route does not call")
                && matches!(last(of).or(first(of)), Some("lookup" | "steps" | "call" | "to" | "send"))
        }
        (Code::UnknownConnection, Code::UnknownConnection) => {
            let is_same = at.file == of.file && problem.message == cause.message;
            is_same && first(at) == Some("tests") && first(of) != Some("tests")
        }
        (Code::TestFailed, Code::TestFailed) => {
            let is_split = |problem: &Diagnostic| problem.message.starts_with("`split` finds nothing in");
            is_split(problem) && is_split(cause) && at.file.starts_with("routes/") && of.file.starts_with("schemas/")
        }
        (Code::SampleNotVerified, Code::InvalidAddress) => &*of.file == SETTINGS && first(of) == Some("public_url"),
        _ => false,
    }
}

/// The name that was meant, as a help names it.
fn suggested(help: &str) -> Option<&str> {
    help.strip_prefix("did you mean `")?.strip_suffix("`?")
}

/// The path of the delivery that a place is in.
fn delivery(place: &Place) -> Option<KeyPath> {
    match place.path.segments().as_slice() {
        [Segment::Key(send), Segment::Index(index), ..] if &**send == "send" => {
            Some(KeyPath::root().key("send").index(*index))
        }
        _ => None,
    }
}

fn first(place: &Place) -> Option<&str> {
    match place.path.segments().first() {
        Some(Segment::Key(key)) => Some(key),
        _ => None,
    }
}

fn last(place: &Place) -> Option<&str> {
    match place.path.split_last() {
        Some((_, Segment::Key(key))) => Some(key),
        _ => None,
    }
}

/// A test that fails by a value of which a warning says that it is not what was meant: the warning is told as an error,
/// and names the test.
fn join_failures(diagnostics: &mut Vec<Diagnostic>, documents: &Documents) {
    let is_doubt = |problem: &Diagnostic| {
        matches!(problem.code, Code::YamlHiddenComment | Code::LooksLikeTemplate) && !problem.is_error()
    };
    let mut joined: Vec<usize> = Vec::new();
    for index in 0..diagnostics.len() {
        let Some(value) =
            diagnostics.get(index).filter(|doubt| is_doubt(doubt)).and_then(|doubt| sent(doubt, documents))
        else {
            continue;
        };
        let is_failure = |problem: &Diagnostic| {
            problem.code == Code::TestFailed && problem.place().is_some_and(|at| is_of(at, &value, documents))
        };
        let failures: Vec<usize> =
            diagnostics.iter().enumerate().filter(|(_, problem)| is_failure(problem)).map(|(at, _)| at).collect();
        let test = failures.first().and_then(|at| diagnostics.get(*at)?.place()).cloned();
        if let (Some(doubt), Some(test)) = (diagnostics.get_mut(index), test) {
            doubt.severity = Severity::Error;
            doubt.labels.push(diagnostic::Label { place: test, text: "so this test fails".to_owned() });
        }
        joined.extend(failures);
    }
    let mut index = 0;
    diagnostics.retain(|_| {
        index += 1;
        !joined.contains(&(index - 1))
    });
}

/// A value that is sent: of which operation, and where in the body.
struct Sent {
    file: Arc<str>,
    to: Arc<str>,
    path: Vec<Segment>,
}

/// The value that a problem is about, or stands beside on its line.
fn sent(problem: &Diagnostic, documents: &Documents) -> Option<Sent> {
    let place = problem.place()?;
    let document = documents.0.get(&place.file)?;
    let path = match place.on {
        On::Bytes(part) => {
            let line = document.text.get(..part.start)?.rfind('\n').map_or(0, |at| at + 1);
            before(document.root.as_ref()?, line, part.start)?.place.path.clone()
        }
        _ => place.path.clone(),
    };
    in_body(&Place { path, on: On::Value, file: place.file.clone() }, "send", documents)
}

/// The last value that begins before a byte, and ends on the line of that byte or after it.
fn before(node: &Node, line: usize, byte: usize) -> Option<&Node> {
    match &node.kind {
        Kind::Scalar(_) => (node.span.start <= byte && node.span.end >= line).then_some(node),
        Kind::List(items) => items.iter().rev().find_map(|item| before(item, line, byte)),
        Kind::Map(entries) => entries.iter().rev().find_map(|entry| before(&entry.value, line, byte)),
    }
}

/// What a place in the body of a delivery, or of one that a test expects, stands for.
fn in_body(place: &Place, list: &str, documents: &Documents) -> Option<Sent> {
    let steps = place.path.segments();
    let is_key = |step: &&Segment, name: &str| matches!(step, Segment::Key(key) if **key == *name);
    let at = steps.iter().position(|step| is_key(step, list))?;
    let item = steps.iter().take(at + 2).fold(KeyPath::root(), |path, step| match step {
        Segment::Key(key) => path.key(key.clone()),
        Segment::Index(index) => path.index(*index),
    });
    let rest = steps.get(at + 2..)?;
    let (_, rest) = rest.split_first().filter(|(body, _)| is_key(body, "body"))?;
    let to = documents.0.get(&place.file)?.node(&item.key("to"))?.as_scalar()?.text.clone();
    Some(Sent { file: place.file.clone(), to, path: rest.iter().map(|step| (*step).clone()).collect() })
}

/// Whether a test expects something of a value here.
fn is_of(place: &Place, value: &Sent, documents: &Documents) -> bool {
    let expected = in_body(place, "expect", documents);
    expected
        .is_some_and(|expected| expected.file == value.file && expected.to == value.to && expected.path == value.path)
}

/// A name that nothing gives, and that stands in several places of a file: they are told together.
fn join_names(diagnostics: &mut Vec<Diagnostic>) {
    let is_same = |a: &Diagnostic, b: &Diagnostic| {
        let is_unknown = |problem: &Diagnostic| problem.code == Code::UnknownName;
        let file = |problem: &Diagnostic| problem.place().map(|place| place.file.clone());
        is_unknown(a) && is_unknown(b) && a.message == b.message && a.help == b.help && file(a) == file(b)
    };
    let mut kept: Vec<Diagnostic> = Vec::new();
    for problem in diagnostics.drain(..) {
        match kept.iter_mut().find(|first| is_same(first, &problem)) {
            Some(first) => {
                let places: Vec<_> = problem.labels.into_iter().take(1).collect();
                let is_new = |label: &diagnostic::Label| first.labels.iter().all(|known| known.place != label.place);
                let new: Vec<_> = places.into_iter().filter(is_new).collect();
                first
                    .labels
                    .extend(new.into_iter().map(|label| diagnostic::Label { text: "and here".into(), ..label }));
            }
            None => kept.push(problem),
        }
    }
    *diagnostics = kept;
}

/// A key of the expectation that stands in its body.
fn stand_beside_body(diagnostics: &mut [Diagnostic]) {
    for problem in diagnostics.iter_mut().filter(|problem| problem.code == Code::TestFailed && problem.help.is_none()) {
        let is_exact = problem.message.ends_with("`exact` is not there; expected true");
        if is_exact && problem.place().is_some_and(|place| last(place) == Some("exact")) {
            problem.help = Some("`exact` stands beside `body:`, not in it: indent it as far as `body:`".to_owned());
        }
    }
}

/// Keeps the first problems of each file: nobody reads thousands, and most of so many have one cause.
pub(super) fn shorten(diagnostics: &mut Vec<Diagnostic>) {
    const SHOWN: usize = 100;
    let mut counts: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut first_hidden: BTreeMap<Arc<str>, Diagnostic> = BTreeMap::new();
    diagnostics.retain(|d| {
        let Some(place) = d.place() else { return true };
        let count = counts.entry(place.file.clone()).or_default();
        *count += 1;
        if *count > SHOWN {
            let hidden = first_hidden.entry(place.file.clone()).or_insert_with(|| d.clone());
            hidden.severity = hidden.severity.min(d.severity);
        }
        *count <= SHOWN
    });
    for (file, mut hidden) in first_hidden {
        let more = counts.get(&file).map_or(0, |count| count - SHOWN);
        hidden.message =
            format!("{}, and {} more in this file", hidden.message, diagnostic::text::count_of(more, "problem"));
        diagnostics.push(hidden);
    }
}

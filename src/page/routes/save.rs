//! Saving: the file is written when its draft is good and nobody has changed it meanwhile, and then the reload is waited for.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::draft::{self, Checked, locked};
use super::samples;
use super::target::{OnDisk, Target, base_of, typed};
use super::told::{self, Problem};
use crate::changes::proof;
use crate::first_draft;
use crate::load::{self, NotReplaced};
use crate::page::Inner;
use crate::reload::{self, Outcome};

/// How long a reload is waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// What is to be saved.
pub(in crate::page) struct Wanted<'w> {
    pub target: &'w Target,
    pub draft: &'w str,
    /// What the file was when it was opened; empty where there was none.
    pub base: &'w str,
    /// The event of a new draft; empty where it is none.
    pub from: &'w str,
}

/// What came of it.
#[derive(Debug)]
pub(in crate::page) struct Saved {
    pub result: Word,
    /// What the file is now; nothing where it was not written.
    pub base: Option<String>,
    /// The revision that serves now, where it is of this file.
    pub revision: Option<String>,
    pub problems: Vec<Problem>,
}

/// The word for what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::page) enum Word {
    /// Written, and live.
    Live,
    /// Written, and not live.
    Refused,
    /// Recorded events would fail.
    NotClean,
    /// The draft has errors.
    NotSaved,
    /// The file is another one by now.
    Changed,
    /// It could not be written.
    Failed,
}

impl Word {
    pub(in crate::page) fn text(self) -> &'static str {
        match self {
            Word::Live => "live",
            Word::Refused => "refused",
            Word::NotClean => "not_clean",
            Word::NotSaved => "not_saved",
            Word::Changed => "changed",
            Word::Failed => "failed",
        }
    }

    pub(in crate::page) fn status(self) -> u16 {
        match self {
            Word::Live | Word::Refused => 200,
            Word::NotClean | Word::NotSaved => 422,
            Word::Changed => 409,
            Word::Failed => 500,
        }
    }
}

impl Saved {
    fn not(result: Word, problems: Vec<Problem>) -> Self {
        Saved { result, base: None, revision: None, problems }
    }

    /// For the script.
    pub(in crate::page) fn to_json(&self, message: &str) -> Json {
        json!({
            "result": self.result.text(),
            "live": self.result == Word::Live,
            "message": message,
            "base": self.base,
            "revision": self.revision,
            "problems": told::marked(&self.problems),
        })
    }

    /// For a template.
    pub(in crate::page) fn to_view(&self) -> Json {
        json!({
            "result": self.result.text(),
            "live": self.result == Word::Live,
            "revision": self.revision,
            "problems": told::shown(&self.problems),
        })
    }
}

/// Saves a draft. Called where waiting is allowed.
pub(in crate::page) fn save(page: &Inner, wanted: &Wanted<'_>) -> Saved {
    let written = {
        let _one = locked(&page.drafts.saving);
        written(page, wanted)
    };
    match written {
        Ok(base) => reloaded(page, wanted.target, base),
        Err(saved) => saved,
    }
}

/// Writes the file, unless something speaks against it; says what it is then.
fn written(page: &Inner, wanted: &Wanted<'_>) -> Result<String, Saved> {
    let (root, draft) = (&page.workspace.root, typed(wanted.draft));
    let there = wanted.target.read(root);
    let is_same = there.as_ref().is_some_and(|there| there.text == draft);
    let is_as_known = match &there {
        Some(there) => there.base() == wanted.base,
        None => wanted.base.is_empty() && !wanted.target.is_taken(root),
    };
    if !is_as_known && !is_same {
        return Err(Saved::not(Word::Changed, Vec::new()));
    }
    if let (None, Some(name)) = (&there, &wanted.target.route) {
        let unfit =
            |message: String| Saved::not(Word::NotSaved, vec![Problem::in_words(&message, None, &wanted.target.file)]);
        first_draft::check_name(name).map_err(unfit)?;
    }
    let checked = draft::check(page, wanted.target, &draft);
    if !checked.is_good() {
        return Err(Saved::not(Word::NotSaved, checked.problems));
    }
    let unclean = unclean(page, &checked, &wanted.target.file);
    if !unclean.is_empty() {
        return Err(Saved::not(Word::NotClean, unclean));
    }
    let put = match &there {
        Some(there) if is_same => Ok(there.bytes.clone()),
        Some(there) => replace(page, wanted.target, there, &draft),
        None => create(page, wanted, &checked, &draft),
    };
    put.map(|bytes| base_of(&bytes)).map_err(|error| not_written(&error, wanted.target))
}

/// The recorded events that would fail, where the workspace lets none fail.
fn unclean(page: &Inner, checked: &Checked, file: &str) -> Vec<Problem> {
    if !checked.compiled.is_good() || !reload::demands_proof(&checked.compiled) {
        return Vec::new();
    }
    let prove = proof::by_events_in(page.workspace.data.clone());
    let found = prove(&page.admin.live.now().set, &checked.compiled.set);
    found.iter().map(|problem| Problem::of(problem, &checked.compiled.documents, file)).collect()
}

fn replace(page: &Inner, target: &Target, there: &OnDisk, draft: &str) -> Result<Vec<u8>, NotReplaced> {
    let before = String::from_utf8_lossy(&there.bytes);
    let after = there.in_its_lines(draft);
    load::replace(&page.workspace.root, &target.file, &before, &after)?;
    Ok(after.into_bytes())
}

/// A new route, and before it the captured request that its test names.
fn create(page: &Inner, wanted: &Wanted<'_>, checked: &Checked, draft: &str) -> Result<Vec<u8>, NotReplaced> {
    let root = &page.workspace.root;
    let sample = sample(page, wanted, checked);
    if let Some((file, bytes)) = &sample {
        load::create(root, file, bytes)?;
    }
    let created = load::create(root, &wanted.target.file, draft.as_bytes());
    match (&created, &sample) {
        (Err(_), Some((file, _))) => drop(std::fs::remove_file(root.join(file))),
        (Ok(()), Some((file, _))) => page.drafts.forget(file),
        (_, None) => {}
    }
    created.map(|()| draft.as_bytes().to_vec())
}

/// The captured request of a new draft that is no file yet, and the file that it is to be.
fn sample(page: &Inner, wanted: &Wanted<'_>, checked: &Checked) -> Option<(String, Vec<u8>)> {
    let route = wanted.target.route.as_deref()?;
    let is_missing =
        |file: &str| file.starts_with("samples/") && load::read_inside(&page.workspace.root, file).is_err();
    let mut tests = checked.compiled.tests.iter().filter(|test| &*test.route == route);
    let file = tests.find(|test| is_missing(&test.request))?.request.to_string();
    let bytes = page.drafts.captures().get(&file).cloned();
    let bytes = bytes.or_else(|| samples::of_store(page, wanted.from.parse().ok()?))?;
    Some((file, bytes))
}

fn not_written(error: &NotReplaced, target: &Target) -> Saved {
    let result = if matches!(error, NotReplaced::Changed) { Word::Changed } else { Word::Failed };
    tracing::warn!(file = %target.file, %error, "a file could not be saved from the page");
    let problem = match result {
        Word::Changed => None,
        _ => Some(Problem::in_words(&format!("`{}` was not written: {error}", target.file), None, &target.file)),
    };
    Saved::not(result, problem.into_iter().collect())
}

/// Waits for what becomes of what was written.
fn reloaded(page: &Inner, target: &Target, base: String) -> Saved {
    tracing::info!(file = %target.file, "a file was saved from the page");
    let asked = async { timeout(PATIENCE, page.admin.reloads.ask()).await.ok().flatten() };
    match Handle::current().block_on(asked) {
        Some(outcome) if outcome.taken => {
            let revision = Some(outcome.revision.to_string());
            Saved { result: Word::Live, base: Some(base), revision, problems: Vec::new() }
        }
        outcome => {
            let problems = refused_for(page, target, outcome.as_ref());
            Saved { result: Word::Refused, base: Some(base), revision: None, problems }
        }
    }
}

/// Why the files are not live: their errors as they are now, or else what the reload said.
fn refused_for(page: &Inner, target: &Target, outcome: Option<&Outcome>) -> Vec<Problem> {
    let compiled = draft::on_disk(page);
    let errors = compiled.diagnostics.iter().filter(|found| found.is_error());
    let found: Vec<Problem> = errors.map(|found| Problem::of(found, &compiled.documents, &target.file)).collect();
    match found.is_empty() {
        false => found,
        true => {
            let kept = outcome.and_then(|outcome| outcome.problems.as_array().cloned()).unwrap_or_default();
            kept.iter().map(Problem::of_kept).filter(|problem| problem.is_error).collect()
        }
    }
}

//! A text that would stand in a file of the workspace, compiled with the other files as they are: away from the threads
//! that serve, and not more than one at a time for each browser.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::target::Target;
use super::told::Problem;
use crate::compile::Compiled;
use crate::diagnostic::{self, Code, Diagnostic, Segment};
use crate::load::{self, Captures, Files, Options};
use crate::page::{Asked, Inner, Page};
use crate::reload;
use crate::route::Route;
use crate::secret::MASK;
use crate::test_case::TestCase;

/// So many drafts are worked on at once, whoever has written them.
const AT_ONCE: usize = 2;
/// How long somebody waits for a turn, and then for what comes of it.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many captured requests of drafts that nobody has saved are kept.
const CAPTURES: usize = 16;
/// Those who may have gone are forgotten from so many on.
const TURNS: usize = 64;

/// What the page keeps for those who edit.
pub(in crate::page) struct Drafts {
    /// One turn for each browser.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    all: Arc<Semaphore>,
    /// The captured requests that new drafts name and that are no files yet, the newest last.
    captures: Mutex<Vec<(String, Vec<u8>)>>,
    /// Files are written one after another.
    pub saving: Mutex<()>,
    /// The problems of the files that were there at the start, with what these files were.
    at_start: Mutex<Option<(u64, Arc<Json>)>>,
}

impl Default for Drafts {
    fn default() -> Self {
        Drafts {
            turns: Mutex::default(),
            all: Arc::new(Semaphore::new(AT_ONCE)),
            captures: Mutex::default(),
            saving: Mutex::default(),
            at_start: Mutex::default(),
        }
    }
}

/// What is kept by a thread that failed is whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Drafts {
    fn turn_of(&self, who: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = locked(&self.turns);
        if turns.len() >= TURNS {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(who.to_owned()).or_default().clone()
    }

    /// Keeps a captured request until the draft that names it is saved.
    pub(in crate::page) fn keep(&self, file: &str, bytes: Vec<u8>) {
        let mut captures = locked(&self.captures);
        captures.retain(|(known, _)| known != file);
        captures.push((file.to_owned(), bytes));
        let too_many = captures.len().saturating_sub(CAPTURES);
        captures.drain(..too_many);
    }

    /// Lets go of one that is a file by now.
    pub(in crate::page) fn forget(&self, file: &str) {
        locked(&self.captures).retain(|(known, _)| known != file);
    }

    pub(in crate::page) fn captures(&self) -> Captures {
        locked(&self.captures).iter().cloned().collect()
    }
}

/// Works on a draft when its turn has come; nothing when that takes too long.
pub(in crate::page) async fn work<T: Send + 'static>(
    page: &Page,
    asked: &Asked,
    work: impl FnOnce(&Page) -> T + Send + 'static,
) -> Option<T> {
    let turn = timeout(PATIENCE, page.drafts.turn_of(&asked.csrf).lock_owned()).await.ok()?;
    let place = timeout(PATIENCE, page.drafts.all.clone().acquire_owned()).await.ok()?.ok()?;
    let page = page.clone();
    let task = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when nobody waits for it any more.
        let _held = (turn, place);
        work(&page)
    });
    // A save waits for its reload, which waits for others.
    timeout(PATIENCE * 4, task).await.ok()?.ok()
}

/// Looks at something that takes a moment, beside what is worked on.
pub(in crate::page) async fn look<T: Send + 'static>(
    page: &Page,
    look: impl FnOnce(&Page) -> T + Send + 'static,
) -> Option<T> {
    let page = page.clone();
    timeout(PATIENCE, tokio::task::spawn_blocking(move || look(&page))).await.ok()?.ok()
}

/// What came of a draft.
pub(in crate::page) struct Checked {
    pub compiled: Compiled,
    /// What the draft brings: all problems of its file, and of others those that are not there without it.
    pub problems: Vec<Problem>,
    pub passed: usize,
    pub failed: usize,
}

impl Checked {
    pub(in crate::page) fn is_good(&self) -> bool {
        !self.problems.iter().any(|problem| problem.is_error)
    }
}

/// The workspace with a draft in it.
pub(in crate::page) fn compile(page: &Inner, target: &Target, text: &str, tests: bool) -> Compiled {
    let root = &page.workspace.root;
    compiled(page, load::read(root).with(&target.file, text), tests)
}

fn compiled(page: &Inner, files: Files, tests: bool) -> Compiled {
    let options = Options { tests, ..page.workspace.options.clone() };
    load::compile_with(&page.workspace.root, files, &page.drafts.captures(), &options)
}

/// Compiles a draft, and tells what is wrong with it.
pub(in crate::page) fn check(page: &Inner, target: &Target, text: &str) -> Checked {
    let compiled = compile(page, target, text, true);
    let file = target.file.as_str();
    let (own, others): (Vec<_>, Vec<_>) = compiled.diagnostics.iter().partition(|found| is_of(found, file));
    let known = if others.is_empty() { BTreeSet::new() } else { without(page) };
    let brought = others.into_iter().filter(|found| !known.contains(&key(found)));
    let problems: Vec<Problem> =
        own.into_iter().chain(brought).map(|found| Problem::of(found, &compiled.documents, file)).collect();
    // Tests that fail are errors, too.
    let compiles =
        !problems.iter().any(|problem| problem.is_error && problem.marked["code"] != Code::TestFailed.word());
    let (passed, failed) = if compiles { tested(page, target, &compiled) } else { (0, 0) };
    Checked { compiled, problems, passed, failed }
}

fn is_of(found: &Diagnostic, file: &str) -> bool {
    found.place().is_some_and(|place| &*place.file == file)
}

type Key = (String, Code, String);

fn key(found: &Diagnostic) -> Key {
    let file = found.place().map(|place| place.file.to_string()).unwrap_or_default();
    (file, found.code, found.message.clone())
}

/// The problems of the workspace as it is on disk.
fn without(page: &Inner) -> BTreeSet<Key> {
    on_disk(page).diagnostics.iter().map(key).collect()
}

/// The workspace as it is on disk.
pub(in crate::page) fn on_disk(page: &Inner) -> Compiled {
    compiled(page, load::read(&page.workspace.root), true)
}

/// The problems of the files as no reload has told them yet: at the start there was none.
pub(in crate::page) fn at_start(page: &Inner) -> Arc<Json> {
    let now = reload::fingerprint(&page.workspace.root);
    let mut known = locked(&page.drafts.at_start);
    if let Some((_, problems)) = known.as_ref().filter(|(of, _)| *of == now) {
        return problems.clone();
    }
    let compiled = on_disk(page);
    let problem = |found: &Diagnostic| diagnostic::json::render(&found.for_log(), &compiled.documents);
    let problems = Arc::new(compiled.diagnostics.iter().map(problem).collect::<Json>());
    *known = Some((now, problems.clone()));
    problems
}

/// How many of the draft's own tests pass, and how many fail; of the settings, those of all routes.
fn tested(page: &Inner, target: &Target, compiled: &Compiled) -> (usize, usize) {
    let (captures, now) = (page.drafts.captures(), page.admin.clock.now());
    let is_meant = |test: &&TestCase| {
        target.route.as_deref().is_none_or(|route| route == &*test.route) && compiled.set.route(&test.route).is_some()
    };
    let failed = |test: &TestCase| {
        let capture = load::read_inside(&page.workspace.root, &test.request).ok();
        let capture = capture.or_else(|| captures.get(&*test.request).cloned());
        !test.failures(&compiled.set, capture.as_deref(), now).is_empty()
    };
    let (failed, passed): (Vec<_>, Vec<_>) =
        compiled.tests.iter().map(|test| &**test).filter(is_meant).partition(|test| failed(test));
    (passed.len(), failed.len())
}

/// The route of a draft, where it can be tried: what is left to be confirmed is no hindrance.
pub(in crate::page) fn route<'c>(compiled: &'c Compiled, target: &Target) -> Option<&'c Arc<Route>> {
    let hinders = |found: &&Diagnostic| {
        found.is_error()
            && is_of(found, &target.file)
            && !matches!(found.code, Code::UnconfirmedGuess | Code::TestFailed)
            && !is_of_tests(found)
    };
    let is_free = !compiled.diagnostics.iter().any(|found| hinders(&found));
    compiled.set.route(target.route.as_deref()?).filter(|_| is_free)
}

/// Whether a problem stands below `tests`.
fn is_of_tests(found: &Diagnostic) -> bool {
    let path = found.place().map(|place| place.path.segments()).unwrap_or_default();
    matches!(path.first(), Some(Segment::Key(key)) if &**key == "tests")
}

/// Whether a secret was covered when a request was kept.
pub(in crate::page) fn is_masked(bytes: &[u8]) -> bool {
    bytes.windows(MASK.len()).any(|part| part == MASK.as_bytes())
}

//! Changing the routes while they run: compiled aside, swapped in one step, all or nothing.

mod watch;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, oneshot};

use crate::clock::Timestamp;
use crate::compile::{Compiled, Kept};
use crate::config::settings::ReloadRule;
use crate::diagnostic::{self, Code, Diagnostic, Place, json, text};
use crate::live::{Live, Revision};
use crate::load::folder::{Folder, Look};
use crate::load::{self, Files, Options};
use crate::route::RouteSet;

pub use watch::watch;

/// What the files of a workspace hold, in one number.
pub fn fingerprint(root: &Path) -> u64 {
    Folder::new(root).look().fingerprint
}

/// What came of a reload.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub at: Timestamp,
    /// The revision that serves now.
    pub revision: Arc<str>,
    /// Whether the files are what serves.
    pub taken: bool,
    /// The problems of the files, as JSON.
    pub problems: Arc<serde_json::Value>,
}

/// How the reloads went so far, and who waits for the next one.
#[derive(Clone, Debug, Default)]
pub struct Reloads(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    history: Mutex<History>,
    waiting: Mutex<Vec<Waiting>>,
    asked: Notify,
}

/// One who has asked for a reload.
pub type Waiting = oneshot::Sender<Outcome>;

#[derive(Debug, Default)]
struct History {
    last: Option<Outcome>,
    taken: u64,
    refused: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Reloads {
    fn add(&self, outcome: Outcome) {
        let mut history = locked(&self.0.history);
        match outcome.taken {
            true => history.taken += 1,
            false => history.refused += 1,
        }
        history.last = Some(outcome);
    }

    /// The files were bad when the server started, so that it serves another revision, the last good one.
    pub fn refused_at_start(&self, compiled: &Compiled, serving: &Arc<str>, at: Timestamp) {
        let mut history = locked(&self.0.history);
        history.last = Some(outcome(compiled, serving, false, at));
    }

    /// How many were taken and refused, and the last one.
    pub fn so_far(&self) -> (u64, u64, Option<Outcome>) {
        let history = locked(&self.0.history);
        (history.taken, history.refused, history.last.clone())
    }

    /// What came of the last one.
    pub fn last(&self) -> Option<Outcome> {
        locked(&self.0.history).last.clone()
    }

    /// For `status`: the last one, and how many were taken and refused.
    pub fn to_json(&self) -> serde_json::Value {
        let history = locked(&self.0.history);
        let last = history.last.as_ref().map(|last| {
            serde_json::json!({
                "at": last.at.to_string(), "taken": last.taken, "problems": *last.problems,
            })
        });
        serde_json::json!({ "taken": history.taken, "refused": history.refused, "last": last })
    }

    /// Asks for a reload at once, and waits for what comes of the files as they are now; nothing when the server stops.
    pub async fn ask(&self) -> Option<Outcome> {
        let (tell, told) = oneshot::channel();
        locked(&self.0.waiting).push(tell);
        self.0.asked.notify_one();
        told.await.ok()
    }

    /// Over when somebody has asked. For whoever reloads.
    pub async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// Those who wait for a reload that begins now.
    pub fn waiting(&self) -> Vec<Waiting> {
        std::mem::take(&mut *locked(&self.0.waiting))
    }

    /// Tells them what came of it.
    pub fn answer(&self, waiting: Vec<Waiting>) {
        let Some(last) = self.last() else { return };
        waiting.into_iter().for_each(|waiting| drop(waiting.send(last.clone())));
    }
}

/// What of the events that came in fails by a change: by the routes that serve, and those to come.
pub type Proof = Box<dyn Fn(&RouteSet, &RouteSet) -> Vec<Diagnostic> + Send + Sync>;

/// Compiles the workspace anew and puts it in place if it is good.
pub struct Reloader {
    pub folder: Arc<Folder>,
    pub options: Options,
    pub live: Live,
    pub reloads: Reloads,
    /// Goes through what came in before, where the workspace demands it.
    pub proof: Proof,
    /// How `listen`, `admin` and `data` were at the start: they change with a restart only.
    pub fixed: Vec<(&'static str, Option<String>)>,
    /// The warnings that the log has already.
    pub told: Told,
    /// What serves, for the next reload to go on from.
    pub served: Served,
}

/// The last revision that was taken: what was made of it, and what its files were beside those of routes.
#[derive(Debug, Default)]
pub struct Served(Mutex<Option<(Arc<Kept>, Option<u64>)>>);

impl Served {
    /// What a server starts with, of files that were looked at.
    pub fn of(compiled: &Compiled, look: &Look) -> Self {
        Served(Mutex::new(compiled.kept.clone().map(|kept| (kept, look.beside))))
    }
}

/// The warnings that the log has, by what they say and the place that they are of: a line moves with every edit.
#[derive(Debug, Default)]
pub struct Told(Mutex<BTreeSet<(Option<Arc<str>>, String)>>);

impl Told {
    /// Those of a workspace that was told of already.
    pub fn of(compiled: &Compiled) -> Self {
        let told = Told::default();
        told.replace(compiled);
        told
    }

    /// Takes the warnings of a workspace in the place of those from before, which it returns.
    fn replace(&self, compiled: &Compiled) -> BTreeSet<(Option<Arc<str>>, String)> {
        let mut told = locked(&self.0);
        std::mem::replace(&mut told, compiled.diagnostics.iter().map(key).collect())
    }
}

fn key(diagnostic: &Diagnostic) -> (Option<Arc<str>>, String) {
    let place = diagnostic.place();
    let path = place.map(|place| &place.path);
    (place.map(|place| place.file.clone()), format!("{path:?} {}: {}", diagnostic.code.word(), diagnostic.message))
}

/// What the server does with a good revision before it serves.
#[derive(Debug)]
pub struct Taken {
    pub revision: Arc<str>,
    pub files: Files,
}

impl Reloader {
    /// One reload. What is taken is returned; problems have been reported.
    pub fn reload(&self, look: Look) -> Option<Taken> {
        let Look { files, beside, .. } = look;
        let root = self.folder.root();
        let served = locked(&self.served.0).clone().filter(|(_, known)| known.is_some() && *known == beside);
        let before = served.as_ref().map(|(kept, _)| &**kept);
        let mut compiled = load::compile_again(root, files.clone(), &self.options, before);
        if self.loses_all_routes(&compiled) {
            let message = "the folder `routes` is gone; the routes from before go on serving";
            let help = "a folder that is moved or copied is away for a moment; to serve none, leave it empty";
            compiled.diagnostics.push(Diagnostic::new(Code::MissingFile, Place::file("routes"), message).help(help));
        }
        if compiled.is_good() && demands_proof(&compiled) {
            compiled.diagnostics.extend((self.proof)(&self.live.now().set, &compiled.set));
            diagnostic::sort(&mut compiled.diagnostics, &compiled.documents);
        }
        let taken = compiled.is_good();
        self.report(&compiled, taken);
        self.warn_of_fixed(&compiled);
        let serving = if taken { compiled.set.revision.clone() } else { self.live.now().set.revision.clone() };
        self.reloads.add(outcome(&compiled, &serving, taken, self.options.clock.now()));
        if !taken {
            return None;
        }
        *locked(&self.served.0) = compiled.kept.map(|kept| (kept, beside));
        self.live.swap(Revision { set: compiled.set, documents: compiled.documents });
        Some(Taken { revision: serving, files })
    }

    /// Whether there were routes and their folder is gone. Then every sender would be refused, and somebody is more likely to be
    /// moving files.
    fn loses_all_routes(&self, compiled: &Compiled) -> bool {
        compiled.is_good()
            && !self.folder.root().join("routes").is_dir()
            && compiled.set.all_routes().next().is_none()
            && self.live.now().set.all_routes().next().is_some()
    }

    fn report(&self, compiled: &Compiled, taken: bool) {
        let summary = text::summary(&compiled.diagnostics).unwrap_or_else(|| "no problems".to_owned());
        match taken {
            true => {
                tracing::info!(revision = %compiled.set.revision, routes = compiled.set.all_routes().count(), %summary,
                "the change is live")
            }
            false => tracing::error!(%summary, "the change is refused; the routes from before go on serving"),
        }
        let told = self.told.replace(compiled);
        let is_news = |diagnostic: &&Diagnostic| diagnostic.is_error() || !told.contains(&key(diagnostic));
        let news = compiled.diagnostics.iter().filter(is_news);
        for diagnostic in &news.map(Diagnostic::for_log).collect::<Vec<_>>() {
            // A line of the file may hold a secret that somebody typed there, so the log names it and does not show it.
            let (line, help) = (text::line(diagnostic, &compiled.documents), diagnostic.help.as_deref());
            match diagnostic.is_error() {
                true => tracing::error!(help, "{line}"),
                false => tracing::warn!(help, "{line}"),
            }
        }
    }

    fn warn_of_fixed(&self, compiled: &Compiled) {
        for ((name, before), (_, now)) in self.fixed.iter().zip(fixed(compiled)) {
            if *before != now {
                tracing::warn!("`{name}` in jackfield.yaml takes effect at the next start");
            }
        }
    }
}

/// Whether the files say that nothing that came in may fail by a change of them.
pub fn demands_proof(compiled: &Compiled) -> bool {
    let rule = compiled.settings.as_ref().and_then(|settings| settings.reload.as_ref());
    rule.is_some_and(|rule| rule.value == ReloadRule::RequireCleanDiff)
}

/// The settings that change with a restart only.
pub fn fixed(compiled: &Compiled) -> Vec<(&'static str, Option<String>)> {
    let settings = compiled.settings.as_ref();
    let limits = settings.and_then(|s| s.limits.as_ref());
    let text = |value: Option<&crate::config::scalar::Text>| value.map(|text| text.value.to_string());
    let retention = settings.and_then(|s| s.retention.as_ref());
    let number = |value: Option<u64>| value.map(|number| number.to_string());
    let time = |value: Option<std::time::Duration>| number(value.and_then(|time| u64::try_from(time.as_millis()).ok()));
    vec![
        ("listen", text(settings.and_then(|s| s.listen.as_ref()))),
        ("admin", text(settings.and_then(|s| s.admin.as_ref()))),
        ("page", compiled.page.as_ref().map(|page| format!("{page:?}"))),
        ("data", text(settings.and_then(|s| s.data.as_ref()))),
        ("retention.age", time(retention.and_then(|r| Some(r.age.as_ref()?.value)))),
        ("retention.size", number(retention.and_then(|r| Some(r.size.as_ref()?.value.0)))),
        ("retention.identities", time(retention.and_then(|r| Some(r.identities.as_ref()?.value)))),
        ("limits.connections", number(limits.and_then(|l| Some(l.connections.as_ref()?.value)))),
        ("limits.requests", number(limits.and_then(|l| Some(l.requests.as_ref()?.value)))),
        ("limits.bodies", number(limits.and_then(|l| Some(l.bodies.as_ref()?.value.0)))),
        ("limits.headers", number(limits.and_then(|l| Some(l.headers.as_ref()?.value)))),
        ("limits.header_bytes", number(limits.and_then(|l| Some(l.header_bytes.as_ref()?.value.0)))),
    ]
}

fn outcome(compiled: &Compiled, serving: &Arc<str>, taken: bool, at: Timestamp) -> Outcome {
    let problem = |diagnostic: &Diagnostic| json::render(&diagnostic.for_log(), &compiled.documents);
    let problems = compiled.diagnostics.iter().map(problem).collect();
    Outcome { at, revision: serving.clone(), taken, problems: Arc::new(serde_json::Value::Array(problems)) }
}

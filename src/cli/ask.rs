//! Asking a running server; or, where none runs, looking into the store that it left.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::terminal::error_line;
use super::{Exit, WorkspaceArg};
use crate::admin;
use crate::clock::Clock;
use crate::compile::{Compiled, SETTINGS};
use crate::config::scalar::Text;
use crate::diagnostic::{Diagnostic, text};
use crate::load::{self, Files, Options};
use crate::page::Stories;
use crate::settings::ServerSettings;
use crate::store::{self, Store, StoreError};

/// Which server is asked.
#[derive(Debug, Args)]
pub(super) struct ServerArg {
    /// The operator's address of the server, such as `127.0.0.1:8081`, instead of what jackfield.yaml says
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

/// Which server is asked, or into which store is looked.
#[derive(Debug, Args)]
pub(super) struct LookArg {
    #[command(flatten)]
    server: ServerArg,
    /// Look into the event store in this folder, while no server has it
    #[arg(long, value_name = "DIR", conflicts_with = "admin")]
    data: Option<PathBuf>,
    /// Look into the event store that `serve --sandbox` has left
    #[arg(long, conflicts_with_all = ["admin", "data"])]
    sandbox: bool,
}

/// What came of a question.
pub(super) struct Answer {
    /// Who answered.
    pub from: String,
    pub status: u16,
    pub body: Vec<u8>,
    /// Whether it is a store that answered, which no server has.
    pub is_stopped: bool,
}

impl ServerArg {
    /// The server at an address.
    pub(super) fn at(address: &str) -> Self {
        ServerArg { admin: Some(address.to_owned()), workspace: WorkspaceArg { workspace: ".".into() } }
    }

    pub(super) fn get(&self, path: &str) -> Result<Answer, Exit> {
        let base = self.base()?;
        got(&base, path)?.ok_or_else(|| nobody(&base))
    }

    /// The address of the server with its scheme.
    fn base(&self) -> Result<String, Exit> {
        match &self.admin {
            Some(given) => Ok(base_of(given)),
            None => Ok(base_of(&reachable(settings(&self.workspace, NO_ADDRESS)?.admin).to_string())),
        }
    }
}

/// What a running server of a workspace has at a path; nothing where none runs, or it has nothing there.
pub(super) fn of_running(workspace: &Path, path: &str) -> Option<Vec<u8>> {
    let admin = settings(&WorkspaceArg { workspace: workspace.to_owned() }, NO_ADDRESS).ok()?.admin;
    let base = base_of(&reachable(admin).to_string());
    let answer = got(&base, path).ok().flatten()?;
    (answer.status == 200).then_some(answer.body)
}

impl LookArg {
    pub(super) fn get(&self, path: &str) -> Result<Answer, Exit> {
        self.by(|base| got(base, path), |folder, silent| looked(folder, path, silent))
    }

    /// Asks once more whoever has answered, without saying again who that is.
    pub(super) fn get_again(&self, path: &str) -> Option<Answer> {
        self.by(|base| got(base, path), |folder, _| looked(folder, path, None)).ok()
    }

    /// The folder of the workspace, or one within it.
    pub(super) fn workspace(&self) -> &Path {
        &self.server.workspace.workspace
    }

    /// Tells a running server; or, where none runs, writes into the store that it left.
    pub(super) fn post(&self, path: &str, body: String) -> Result<Answer, Exit> {
        self.by(|base| posted(base, path, body.clone()), |folder, silent| decided(folder, path, &body, silent))
    }

    /// Asks the server, where one is to be asked and answers; otherwise the store in a folder, and says which server was silent.
    fn by(
        &self,
        ask: impl FnOnce(&str) -> Result<Option<Answer>, Exit>,
        looked: impl FnOnce(&Path, Option<&str>) -> Result<Answer, Exit>,
    ) -> Result<Answer, Exit> {
        if let Some(folder) = &self.data {
            return looked(folder, None);
        }
        if let Some(given) = &self.server.admin {
            let base = base_of(given);
            return ask(&base)?.ok_or_else(|| nobody(&base));
        }
        let mut folder = settings(&self.server.workspace, if self.sandbox { NO_FOLDER } else { NO_ADDRESS })?.data;
        if self.sandbox {
            folder.push("sandbox");
            return looked(folder.strip_prefix(".").unwrap_or(&folder), None);
        }
        let base = self.server.base()?;
        if let Some(answer) = ask(&base)? {
            return Ok(answer);
        }
        if !store::is_in(&folder) && store::is_in(&folder.join("sandbox")) {
            error_line(format!(
                "no server answers on {base}; `--sandbox` looks into the store that `serve --sandbox` has left"
            ));
            return Err(Exit::CouldNotRun);
        }
        match store::is_in(&folder) {
            true => looked(folder.strip_prefix(".").unwrap_or(&folder), Some(&base)),
            false => Err(nobody(&base)),
        }
    }
}

/// The address with a scheme, and nothing behind it.
pub(super) fn base_of(given: &str) -> String {
    let given = given.trim_end_matches('/');
    if given.contains("://") { given.to_owned() } else { format!("http://{given}") }
}

fn nobody(base: &str) -> Exit {
    error_line(format!("no server answers on {base}; is `jackfield serve` running?"));
    Exit::CouldNotRun
}

fn got(base: &str, path: &str) -> Result<Option<Answer>, Exit> {
    let answer = super::runtime()?.block_on(admin::get_from(base, path));
    Ok(answer.map(|(status, body)| Answer { from: format!("the server on {base}"), status, body, is_stopped: false }))
}

fn posted(base: &str, path: &str, body: String) -> Result<Option<Answer>, Exit> {
    let answer = super::runtime()?.block_on(admin::post_to(base, path, body));
    Ok(answer.map(|(status, body)| Answer { from: format!("the server on {base}"), status, body, is_stopped: false }))
}

fn could_not(text: String) -> Exit {
    error_line(text);
    Exit::CouldNotRun
}

/// What the store in a folder has; `silent` is the server that did not answer.
fn looked(folder: &Path, path: &str, silent: Option<&str>) -> Result<Answer, Exit> {
    let (shown, store) = (folder.display(), opened(folder, silent, store::open_to_read)?);
    let found = super::runtime()?.block_on(async {
        if let Some(id) = path.strip_prefix("/events/").and_then(|id| id.parse().ok()) {
            return Ok(match Stories::of_stopped(store.clone()).await?.of(id).await? {
                Some(story) => (200, format!("{story:#}\n").into_bytes()),
                None => (404, Vec::new()),
            });
        }
        let served = if shows_contents(path) { served(&*store).await } else { None };
        admin::look(&*store, path, served.as_ref().map(|served| &served.set)).await
    });
    let (status, body) = found.map_err(|error| could_not(format!("the store in `{shown}` can't be read: {error}")))?;
    Ok(Answer { from: format!("the store in `{shown}`"), status, body, is_stopped: true })
}

/// Whether something is shown there that people have sent.
fn shows_contents(path: &str) -> bool {
    path.starts_with("/deliveries/") || path.ends_with("/request")
}

/// The workspace that was served last, where it says what is masked.
async fn served(store: &dyn Store) -> Option<Compiled> {
    let (_, texts) = store.snapshot().await.ok().flatten()?;
    if !texts.iter().any(|(_, text)| text.contains("privacy")) {
        return None;
    }
    let texts = texts.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
    let options = Options { tests: false, ..Options::offline() };
    Some(load::compile_files(Path::new("."), Files { texts, problems: Vec::new() }, &options))
}

/// What a person decides, written into the store in a folder.
fn decided(folder: &Path, path: &str, body: &str, silent: Option<&str>) -> Result<Answer, Exit> {
    let (shown, store) = (folder.display(), opened(folder, silent, store::open)?);
    let done = super::runtime()?.block_on(async {
        let done = admin::decide(&*store, Clock::System.now(), path, body).await?;
        store.close().await.map(|()| done)
    });
    let (status, body) =
        done.map_err(|error| could_not(format!("the store in `{shown}` can't be written: {error}")))?;
    Ok(Answer { from: format!("the store in `{shown}`"), status, body, is_stopped: true })
}

type Opened = Arc<dyn Store>;

/// Opens the store in a folder that no server has, and says that it is this one.
fn opened(
    folder: &Path,
    silent: Option<&str>,
    open: impl FnOnce(&Path) -> Result<Opened, StoreError>,
) -> Result<Opened, Exit> {
    let shown = folder.display();
    if !store::is_in(folder) {
        return Err(could_not(format!("there is no event store in `{shown}`; `--data DIR` says where it is")));
    }
    let store = open(folder).map_err(|error| match (error, silent) {
        (StoreError::Locked, Some(base)) => could_not(format!(
            "no server answers on {base}, but one has the store in `{shown}`: say where it answers the operator, with \
             --admin ADDRESS"
        )),
        (StoreError::Locked, None) => could_not(format!("a server has the store in `{shown}`: ask it, without --data")),
        (error, _) => could_not(format!("the store in `{shown}` can't be read: {error}")),
    })?;
    if let Some(base) = silent {
        error_line(format!("no server answers on {base}; this is from the store in `{shown}`"));
    }
    Ok(store)
}

/// What is not known while jackfield.yaml can't be read, and what to do about it.
const NO_ADDRESS: &str = "where the server answers the operator: mend it, or say --admin ADDRESS";
const NO_FOLDER: &str = "where the event store is: mend it, or say --data DIR";

/// What jackfield.yaml says of the server. Where the file can't be read, nothing is guessed: a server that runs goes on with
/// the file from before.
fn settings(workspace: &WorkspaceArg, unknown: &str) -> Result<ServerSettings, Exit> {
    let root = load::root_of(&workspace.workspace);
    let mut files = load::read(&root);
    files.texts.retain(|path, _| **path == *SETTINGS);
    files.problems.retain(is_of_settings);
    let is_there = root.join(SETTINGS).exists();
    let options = Options { tests: false, ..Options::offline() };
    let compiled = load::compile_files(&root, files, &options);
    let is_known = compiled.settings.as_ref().is_some_and(|settings| settings.admin.as_ref().is_none_or(is_address));
    if is_known || !is_there {
        return Ok(ServerSettings::of(&compiled, &root));
    }
    for problem in compiled.diagnostics.iter().filter(|problem| is_of_settings(problem)) {
        error_line(text::line(problem, &compiled.documents));
    }
    error_line(format!("`{SETTINGS}` can't be read, so it is not known {unknown}"));
    Err(Exit::CouldNotRun)
}

fn is_of_settings(problem: &Diagnostic) -> bool {
    problem.place().is_some_and(|place| *place.file == *SETTINGS)
}

fn is_address(written: &Text) -> bool {
    written.value.parse::<SocketAddr>().is_ok()
}

/// Where a server is reached that listens on all addresses of its machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let own: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    if address.ip().is_unspecified() { SocketAddr::new(own, address.port()) } else { address }
}

//! Reads a workspace from disk, and the packs that are built in.

mod env_file;
pub mod folder;
mod replace;
pub mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use include_dir::{Dir, include_dir};

mod stray;
mod unreadable;

use crate::clock::Clock;
use crate::compile::{self, Compiled, Input, Kept, SETTINGS, Secrets};
use crate::diagnostic::{self, Code, Diagnostic, Place};
use crate::document::reference::{self, Environment};
use crate::pack::Pack;

pub use replace::{NotReplaced, create, is_on_disk, replace};

static PACKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");

/// The file with values for `${env:NAME}` while nothing real is at stake.
pub const SANDBOX_ENV: &str = "sandbox.env";

/// No file of a workspace is larger.
const LARGEST: u64 = 16 * 1024 * 1024;

/// No YAML file is read further; what one may hold is less.
const LARGEST_YAML: u64 = 1024 * 1024;

/// No file that stands for one value, such as a key, is larger.
const LARGEST_VALUE: u64 = 64 * 1024;

/// The YAML files and schemas of a workspace are not larger together.
const LARGEST_TOGETHER: usize = 256 * 1024 * 1024;

/// How a workspace is compiled.
#[derive(Clone, Debug)]
pub struct Options {
    pub secrets: Secrets,
    /// Whether `sandbox.env` gives what the environment does not.
    pub sandbox_env: bool,
    /// Where stand-ins for the providers listen.
    pub sandbox: Option<Arc<str>>,
    /// Where the server really receives, where that is not what jackfield.yaml says.
    pub listen: Option<SocketAddr>,
    pub clock: Clock,
    /// Whether the tests that routes carry must pass.
    pub tests: bool,
}

impl Options {
    /// For commands that look and send nothing.
    pub fn offline() -> Self {
        Options {
            secrets: Secrets::Optional,
            sandbox_env: true,
            sandbox: None,
            listen: None,
            clock: Clock::System,
            tests: true,
        }
    }
}

/// The files of a workspace, by path with `/`.
#[derive(Clone, Debug, Default)]
pub struct Files {
    pub texts: BTreeMap<Arc<str>, Arc<str>>,
    pub problems: Vec<Diagnostic>,
}

/// The folder of the workspace that a path lies in: the nearest one upwards with a `jackfield.yaml`.
pub fn root_of(path: &Path) -> PathBuf {
    let start = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = start.ancestors().find(|folder| folder.join(SETTINGS).is_file()).map(Path::to_owned);
    match found {
        Some(root) if root == start => path.to_owned(),
        Some(root) => root,
        None => path.to_owned(),
    }
}

/// Reads the YAML files and schemas of a workspace.
pub fn read(root: &Path) -> Files {
    Files::read(root, &mut |name| text_of(root, name)).0
}

/// Compiles the workspace in a folder.
pub fn compile(root: &Path, options: &Options) -> Compiled {
    compile_files(root, read(root), options)
}

/// Compiles files that have been read, in the folder that they name others from.
pub fn compile_files(root: &Path, files: Files, options: &Options) -> Compiled {
    compile_with(root, files, &Captures::new(), options)
}

/// The same, where the workspace was compiled before and nothing beside its files of routes has changed since.
pub fn compile_again(root: &Path, files: Files, options: &Options, before: Option<&Kept>) -> Compiled {
    compile_all(root, files, &Captures::new(), options, before)
}

/// Captured requests that are to be files of the workspace and are none yet, by path.
pub type Captures = BTreeMap<String, Vec<u8>>;

/// The same, with captured requests that are not written yet.
pub fn compile_with(root: &Path, files: Files, captures: &Captures, options: &Options) -> Compiled {
    compile_all(root, files, captures, options, None)
}

fn compile_all(root: &Path, files: Files, captures: &Captures, options: &Options, before: Option<&Kept>) -> Compiled {
    let samples = if options.tests { samples(root) } else { Vec::new() };
    let problems = files.problems.clone();
    let work = |input: &Input<'_>| compile::compile_after(input, before);
    let is_covered = AtomicBool::new(captures.is_empty());
    let read = |path: &str| is_covered.fetch_and(folder::covers(root, path), Ordering::Relaxed);
    let compiled = with_input(root, files, (samples, captures), options, (work, &|path| _ = read(path)));
    let mut compiled = compiled.unwrap_or_else(|error| Compiled::failed(&error.to_string()));
    // Of a file that no look sees it is not known whether it has changed.
    compiled.kept = compiled.kept.filter(|_| is_covered.into_inner());
    stray::name_settings(root, &mut compiled.diagnostics);
    unreadable::show(root, &problems, &mut compiled);
    compiled.diagnostics.splice(0..0, problems);
    stray::drop_followers(&mut compiled.diagnostics);
    if options.sandbox_env {
        env_file::check(root, &mut compiled);
    }
    diagnostic::sort(&mut compiled.diagnostics, &compiled.documents);
    compiled
}

/// The packs of a workspace and all that are built in, whether the workspace names them or not.
pub fn every_pack(root: &Path) -> BTreeMap<Arc<str>, Arc<Pack>> {
    with_input(root, read(root), (Vec::new(), &Captures::new()), &Options::offline(), (compile::every_pack, &|_| {}))
        .unwrap_or_default()
}

fn with_input<T: Send>(
    root: &Path,
    files: Files,
    (samples, captures): (Vec<Arc<str>>, &Captures),
    options: &Options,
    (work, asked): (impl FnOnce(&Input<'_>) -> T + Send, &(dyn Fn(&str) + Sync)),
) -> io::Result<T> {
    let environment = environment(root, &files, options.sandbox_env);
    let read = |path: &str| {
        asked(path);
        read_inside(root, path).ok().or_else(|| captures.get(path).cloned())
    };
    let input = Input {
        files: files.texts,
        environment,
        secrets: options.secrets,
        sandbox: options.sandbox.clone(),
        listen: options.listen,
        samples,
        read: &read,
        now: options.clock.now(),
        tests: options.tests,
    };
    compile::with_stack(|| work(&input))
}

/// The captured requests in `samples/`; so many that nobody looks at them all are left unread.
fn samples(root: &Path) -> Vec<Arc<str>> {
    const MOST: usize = 200;
    let Ok(entries) = std::fs::read_dir(root.join("samples")) else { return Vec::new() };
    let names = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<Arc<str>> =
        names.filter(|name| name.ends_with(".http")).take(MOST).map(|name| format!("samples/{name}").into()).collect();
    names.sort();
    names
}

/// A file beside a pack, such as a sample: of the workspace's own pack, or of the one that is built in.
pub fn beside_pack(root: &Path, vendor: &str, file: &str) -> Option<Vec<u8>> {
    let folder = format!("schemas/{vendor}");
    match is_own_pack(root, vendor) {
        true => read_inside(root, &format!("{folder}/{file}")).ok(),
        false => PACKS.get_file(format!("{vendor}/{file}")).map(|file| file.contents().to_vec()),
    }
}

/// Whether the workspace has a pack of this name, which then replaces the built-in one.
pub fn is_own_pack(root: &Path, vendor: &str) -> bool {
    root.join("schemas").join(vendor).join("pack.yaml").is_file()
}

/// The packs that are built in, as files by path.
pub fn built_in() -> BTreeMap<Arc<str>, Arc<str>> {
    let mut files = Files::default();
    files.add_built_in(&PACKS);
    files.texts
}

/// A file that the workspace names; it may not lie outside.
pub fn read_inside(root: &Path, path: &str) -> io::Result<Vec<u8>> {
    let relative = Path::new(path);
    let inside = relative
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if !inside {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path leaves the workspace"));
    }
    read_bounded(&root.join(relative))
}

/// A file of the workspace, whole.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(LARGEST, path)
}

/// Reads no more than a file may have, and only what is a file: a pipe would keep whoever opens it waiting.
fn read_up_to(largest: u64, path: &Path) -> io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        let kind = if about.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::Unsupported };
        return Err(io::Error::new(kind, "this is no file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > largest {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large")),
        false => Ok(bytes),
    }
}

/// A file that could not be read as a text.
#[derive(Debug)]
enum Unread {
    /// Where it stops being one.
    NotText(usize),
    Failed(io::ErrorKind),
}

/// The most that is read of a file.
fn largest_of(name: &str) -> u64 {
    if name.ends_with(".yaml") { LARGEST_YAML } else { LARGEST }
}

fn text_of(root: &Path, name: &str) -> Result<Arc<str>, Unread> {
    let bytes = read_up_to(largest_of(name), &root.join(name)).map_err(|error| Unread::Failed(error.kind()))?;
    String::from_utf8(bytes).map(Arc::from).map_err(|error| Unread::NotText(error.utf8_error().valid_up_to()))
}

/// Gives the text of a file of the workspace.
type Reader<'r> = dyn FnMut(&str) -> Result<Arc<str>, Unread> + 'r;

impl Files {
    /// What `text` gives of the files of a workspace; and the paths of all files among the routes.
    fn read(root: &Path, text: &mut Reader<'_>) -> (Self, Vec<String>) {
        let mut files = Files::default();
        files.add(SETTINGS, text);
        let routes = files.add_folder(root, "routes", text);
        files.add_folder(root, "schemas", text);
        files.problems.extend(stray::find(root, &files, &routes));
        files.add_built_in(&PACKS);
        (files, routes)
    }

    /// The same with one file that holds something else, or is new.
    pub fn with(mut self, file: &str, text: &str) -> Self {
        self.problems.retain(|problem| problem.place().is_none_or(|place| &*place.file != file));
        match text.len() as u64 > LARGEST_YAML {
            true => self.too_large(file, LARGEST_YAML),
            false => drop(self.texts.insert(file.into(), text.into())),
        }
        self
    }

    fn too_large(&mut self, name: &str, largest: u64) {
        let message = format!("this file is larger than {} MB", largest >> 20);
        self.problem(name, &message, "split it into several files");
    }

    fn add(&mut self, name: &str, text: &mut Reader<'_>) {
        match text(name) {
            Ok(text) => {
                self.texts.insert(name.into(), text);
            }
            Err(Unread::NotText(at)) => {
                let letter = Place::bytes(name, at..at + char::REPLACEMENT_CHARACTER.len_utf8());
                self.problem_at(name, letter, "the file is not UTF-8 text", "save it as UTF-8");
            }
            Err(Unread::Failed(kind)) => match kind {
                io::ErrorKind::NotFound => {}
                io::ErrorKind::Unsupported => {
                    self.problem(name, "this is a pipe or a device, and no file", "put a file in its place")
                }
                io::ErrorKind::FileTooLarge => self.too_large(name, largest_of(name)),
                kind => self.problem(name, &format!("the file can't be read: {kind}"), "see who may read it"),
            },
        }
    }

    fn problem(&mut self, name: &str, message: &str, help: &str) {
        self.problem_at(name, Place::bytes(name, 0..0), message, help);
    }

    fn problem_at(&mut self, name: &str, place: Place, message: &str, help: &str) {
        self.problems.push(Diagnostic::new(Code::UnreadableFile, place, message).help(help));
        // An empty text keeps its place in the set without a second problem.
        self.texts.remove(name);
    }

    /// The files of a folder, of which those are read that mean something; the paths of all.
    fn add_folder(&mut self, root: &Path, folder: &str, text: &mut Reader<'_>) -> Vec<String> {
        // A pack's samples are no part of its meaning.
        let enters = |path: &str| !(path.starts_with("schemas/") && path.matches('/').count() > 1);
        let found = walk::walk(root, folder, &enters);
        for (path, why) in found.skipped {
            self.problem(&path, &why.to_string(), why.help());
        }
        let mut together = 0;
        for path in &found.files {
            if is_read(path) {
                self.add(path, text);
            }
            together += self.texts.get(path.as_str()).map_or(0, |text| text.len());
            if together > LARGEST_TOGETHER {
                let message = format!("the files of `{folder}` are larger than 256 MB together");
                self.problem(path, &message, "move away what is no part of the workspace");
                break;
            }
        }
        found.files
    }

    /// A pack of the workspace replaces the built-in one of the same name whole.
    fn add_built_in(&mut self, packs: &Dir<'static>) {
        for pack in packs.dirs() {
            let Some(vendor) = pack.path().to_str() else { continue };
            if self.texts.contains_key(format!("schemas/{vendor}/pack.yaml").as_str()) {
                continue;
            }
            for file in pack.files() {
                if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
                    let path = format!("schemas/{path}");
                    if is_read(&path) {
                        self.texts.insert(path.into(), text.into());
                    }
                }
            }
        }
    }
}

fn is_read(path: &str) -> bool {
    path.ends_with(".yaml") || (path.starts_with("schemas/") && path.ends_with(".json"))
}

fn environment(root: &Path, files: &Files, sandbox_env: bool) -> Environment {
    let mut environment = Environment::default();
    if sandbox_env {
        environment.variables.extend(env_file::read(&root.join(SANDBOX_ENV)));
    }
    let set =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    environment.variables.extend(set);
    let texts = files.texts.iter().filter(|(path, _)| !path.starts_with("schemas/")).map(|(_, text)| text);
    // Most files name none, and are not looked through line by line.
    let texts = texts.filter(|text| text.contains("file"));
    let named: BTreeSet<&str> = texts.flat_map(|text| reference::files(text)).collect();
    for name in named {
        if let Ok(bytes) = read_up_to(LARGEST_VALUE, &root.join(name)) {
            environment.files.insert(name.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    environment
}

#[cfg(test)]
mod tests;

//! Reads a workspace from disk, and the packs that are built in.

mod replace;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

mod stray;

use crate::clock::Clock;
use crate::compile::{self, Compiled, Input, SETTINGS, Secrets};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::reference::{self, Environment};

pub use replace::{is_on_disk, replace};

static PACKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");

/// The file with values for `${env:NAME}` while nothing real is at stake.
pub const SANDBOX_ENV: &str = "sandbox.env";

/// No file of a workspace is larger.
const LARGEST: u64 = 16 * 1024 * 1024;

/// No folder of a workspace lies deeper.
pub const DEEPEST: usize = 8;

/// How a workspace is compiled.
#[derive(Clone, Debug)]
pub struct Options {
    pub secrets: Secrets,
    /// Whether `sandbox.env` gives what the environment does not.
    pub sandbox_env: bool,
    /// Where stand-ins for the providers listen.
    pub sandbox: Option<Arc<str>>,
    pub clock: Clock,
    /// Whether the tests that routes carry must pass.
    pub tests: bool,
}

impl Options {
    /// For commands that look and send nothing.
    pub fn offline() -> Self {
        Options { secrets: Secrets::Optional, sandbox_env: true, sandbox: None, clock: Clock::System, tests: true }
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
    let mut files = Files::default();
    files.add(root, SETTINGS);
    for folder in ["routes", "schemas"] {
        files.add_folder(root, folder);
    }
    files.problems.extend(stray::find(root, &files));
    files.add_built_in(&PACKS);
    files
}

/// Compiles the workspace in a folder.
pub fn compile(root: &Path, options: &Options) -> Compiled {
    compile_files(root, read(root), options)
}

/// Compiles files that have been read, in the folder that they name others from.
pub fn compile_files(root: &Path, files: Files, options: &Options) -> Compiled {
    let environment = environment(root, &files, options.sandbox_env);
    let read = |path: &str| read_inside(root, path).ok();
    let samples = if options.tests { samples(root) } else { Vec::new() };
    let input = Input {
        files: files.texts,
        environment,
        secrets: options.secrets,
        sandbox: options.sandbox.clone(),
        samples,
        read: &read,
        now: options.clock.now(),
        tests: options.tests,
    };
    let compiled = compile::with_stack(|| compile::compile(&input));
    let mut compiled = compiled.unwrap_or_else(|error| Compiled::failed(&error.to_string()));
    stray::name_settings(root, &mut compiled.diagnostics);
    compiled.diagnostics.splice(0..0, files.problems);
    compiled
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

/// Reads no more than a file may have: what a path names may be a device that never ends.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large")),
        false => Ok(bytes),
    }
}

impl Files {
    fn add(&mut self, root: &Path, name: &str) {
        match read_bounded(&root.join(name)).map(String::from_utf8) {
            Ok(Ok(text)) => {
                self.texts.insert(name.into(), text.into());
            }
            Ok(Err(_)) => self.problem(name, "the file is not UTF-8 text", "save it as UTF-8"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.problem(name, &format!("the file can't be read: {}", error.kind()), "see who may read it")
            }
        }
    }

    fn problem(&mut self, name: &str, message: &str, help: &str) {
        let place = Place::bytes(name, 0..0);
        self.problems.push(Diagnostic::new(Code::UnreadableFile, place, message).help(help));
        // An empty text keeps its place in the set without a second problem.
        self.texts.remove(name);
    }

    fn add_folder(&mut self, root: &Path, folder: &str) {
        // Deeper than this are only links that lead back.
        if folder.matches('/').count() >= DEEPEST {
            return;
        }
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        for name in names {
            let path = format!("{folder}/{name}");
            let on_disk = root.join(&path);
            match on_disk.is_dir() {
                // A pack's samples are no part of its meaning.
                true if folder.starts_with("schemas/") => {}
                true => self.add_folder(root, &path),
                false if is_read(&path) => self.add(root, &path),
                false => {}
            }
        }
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
        environment.variables.extend(read_env_file(&root.join(SANDBOX_ENV)));
    }
    let set =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    environment.variables.extend(set);
    let named = files.texts.iter().filter(|(path, _)| !path.starts_with("schemas/"));
    for name in named.flat_map(|(_, text)| reference::files(text)) {
        if let Ok(text) = read_bounded(&root.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            environment.files.insert(name.to_owned(), text);
        }
    }
    environment
}

/// `NAME=value` lines; empty ones and those that begin with `#` mean nothing.
fn read_env_file(path: &Path) -> BTreeMap<String, String> {
    let text = read_bounded(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned())).collect()
}

//! Files that look as if they belonged to the workspace, and lie or are named so that nothing reads them.

use std::path::Path;

use super::Files;
use super::walk::walk;
use crate::compile::SETTINGS;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};

const NO_FOLDER: &str = "a route lies in `routes/`";
const PACK_FILE: &str = "a pack's file is called `pack.yaml`";

/// Folders where routes are looked for in vain.
const ROUTES: [&str; 4] = ["route", "Routes", "ROUTES", "Route"];
/// Folders where packs are looked for in vain.
const PACKS: [&str; 6] = ["packs", "pack", "schema", "Schemas", "Schema", "Packs"];
/// Folders where settings are looked for in vain.
const CONFIG: [&str; 4] = ["config", "conf", "settings", "routes"];

/// What lies about.
pub(super) fn find(root: &Path, files: &Files, routes: &[String]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    wrong_endings(routes, &mut found);
    for name in names(root).iter().filter(|name| is_yaml(name) && **name != SETTINGS) {
        if is_route(root, name) {
            found.push(unread(name, NO_FOLDER, &format!("move it to `routes/{name}`")));
        }
    }
    for folder in ROUTES.iter().filter(|folder| is_listed(root, folder)) {
        for path in walk(root, folder, &|_| true).files.iter().filter(|path| is_yaml(path)) {
            found.push(as_error(unread(path, NO_FOLDER, "rename the folder to `routes`")));
        }
    }
    packs(root, &mut found);
    let has_routes = files.texts.keys().chain(files.problems.iter().filter_map(|p| p.place().map(|place| &place.file)));
    let is_empty = !has_routes.into_iter().any(|file| file.starts_with("routes/"));
    if is_empty && found.is_empty() && files.texts.contains_key(SETTINGS) {
        let help = "a route is a file of its own, such as `routes/website-form.yaml`";
        found.push(warning("routes", "this workspace has no route, so nothing is received", help));
    }
    found
}

/// Leaves out what follows from a file that is not read where it lies: packs that are not known, sources without routes.
pub(super) fn drop_followers(diagnostics: &mut Vec<Diagnostic>) {
    let unread: Vec<_> = diagnostics.iter().filter(|problem| problem.code == Code::UnreadableFile).cloned().collect();
    let is_route = |cause: &Diagnostic| cause.message.starts_with(NO_FOLDER);
    let is_pack = |cause: &Diagnostic, pack: &str| {
        let file = cause.place().map(|place| place.file.clone()).unwrap_or_default();
        let folder = file.strip_prefix("schemas/").and_then(|rest| rest.split('/').next());
        cause.message.starts_with(PACK_FILE) && folder == Some(pack)
    };
    diagnostics.retain(|problem| match problem.code {
        Code::UnusedSource => !unread.iter().any(is_route),
        Code::UnknownPack => {
            let pack = problem.message.strip_prefix("there is no pack `").and_then(|rest| rest.strip_suffix('`'));
            !pack.is_some_and(|pack| unread.iter().any(|cause| is_pack(cause, pack)))
        }
        _ => true,
    });
}

/// Says in the help for settings that are missing which file may be meant for them.
pub(super) fn name_settings(root: &Path, diagnostics: &mut [Diagnostic]) {
    let is_missing =
        |d: &&mut Diagnostic| d.code == Code::MissingFile && d.place().is_some_and(|place| *place.file == *SETTINGS);
    let Some(missing) = diagnostics.iter_mut().find(is_missing).filter(|_| !root.join(SETTINGS).is_file()) else {
        return;
    };
    let beside = names(root).into_iter().find(|name| {
        let lower = name.to_lowercase();
        name != SETTINGS && (lower == SETTINGS || lower.starts_with("jackfield.y") || lower == "jackfield.txt")
    });
    let within = CONFIG.iter().map(|folder| format!("{folder}/{SETTINGS}")).find(|path| root.join(path).is_file());
    missing.help = match (beside, within) {
        (Some(name), _) => Some(format!("rename `{name}` to `{SETTINGS}`")),
        (None, Some(path)) => Some(format!("move `{path}` up, beside the folder `routes`")),
        (None, None) => missing.help.take(),
    };
}

fn wrong_endings(routes: &[String], found: &mut Vec<Diagnostic>) {
    for path in routes {
        let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
        let lower = name.to_lowercase();
        let stem = [".yaml.txt", ".yml.txt", ".yaml", ".yml", ".json", ".txt"].iter().find_map(|end| {
            let length = lower.strip_suffix(end)?.len();
            name.get(..length)
        });
        let stem = if name.contains('.') { stem } else { Some(name) };
        if let Some(stem) = stem.filter(|_| !name.ends_with(".yaml")) {
            let problem = unread(path, "a route's file ends in `.yaml`", &format!("rename it to `{stem}.yaml`"));
            found.push(if is_yaml(&lower) { as_error(problem) } else { problem });
        }
    }
}

fn packs(root: &Path, found: &mut Vec<Diagnostic>) {
    for name in names(&root.join("schemas")) {
        let path = format!("schemas/{name}");
        if is_pack(&name) && root.join(&path).is_file() {
            let help = "move it into a folder that has the name of the pack: `schemas/acme/pack.yaml`";
            found.push(unread(&path, "every pack has a folder of its own", help));
        }
        let own = names(&root.join(&path));
        let other = own.iter().find(|name| is_pack(name)).filter(|_| !own.iter().any(|name| name == "pack.yaml"));
        if let Some(other) = other {
            let message = PACK_FILE;
            let problem = unread(&format!("{path}/{other}"), message, "rename it to `pack.yaml`");
            found.push(if is_yaml(&other.to_lowercase()) { as_error(problem) } else { problem });
        }
    }
    for folder in PACKS.iter().filter(|folder| is_listed(root, folder)) {
        for name in names(&root.join(folder)) {
            let path = format!("{folder}/{name}/pack.yaml");
            if root.join(&path).is_file() {
                found.push(unread(
                    &path,
                    "a pack lies in `schemas/`",
                    &format!("move it to `schemas/{name}/pack.yaml`"),
                ));
            }
        }
    }
}

fn is_pack(name: &str) -> bool {
    matches!(name.to_lowercase().as_str(), "pack.yaml" | "pack.yml" | "pack.yaml.txt")
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether a file says where events come from and where they go.
fn is_route(root: &Path, name: &str) -> bool {
    let text = super::read_bounded(&root.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    has("source:") && has("send:")
}

/// Whether a folder has exactly this name: on some disks `Routes` is `routes`.
fn is_listed(root: &Path, folder: &str) -> bool {
    names(root).iter().any(|name| name == folder)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn unread(path: &str, why: &str, help: &str) -> Diagnostic {
    warning(path, &format!("{why}, so this one is not read"), help)
}

/// What is YAML is meant to be read: a route that goes out of service by its name is none that goes live.
fn as_error(problem: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Error, ..problem }
}

fn warning(path: &str, message: &str, help: &str) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(Code::UnreadableFile, Place::bytes(path, 0..0), message).help(help);
    diagnostic.severity = Severity::Warning;
    diagnostic
}

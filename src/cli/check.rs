//! `jackfield check`

mod fix;

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use self::fix::Outcome;
use super::checkout::Checkout;
use super::terminal;
use super::{CheckArgs, CheckFormat, Exit};
use crate::compile::Compiled;
use crate::diagnostic::{Diagnostic, Resolve, github, json, sarif, text};
use crate::load;

pub(super) fn run(args: &CheckArgs) -> Exit {
    let path = path(args);
    let root = if args.workspace.is_here() { load::root_of(&path) } else { args.workspace.root(None) };
    if let Some(message) = misled(args, &path, &root) {
        terminal::error_line(message);
        return Exit::UsedWrongly;
    }
    let only = path.is_file().then(|| file_of(&path, &root)).flatten();
    let mended = args.fix.then(|| mend(&root, only.as_deref(), args.format));
    let mut compiled = load::compile(&root, &load::Options::offline());
    if let Some(only) = &only {
        compiled.diagnostics.retain(|d| d.place().is_some_and(|place| *place.file == **only));
    }
    match args.format {
        CheckFormat::Text => {
            if path.is_dir() && root != path {
                terminal::line(format!("checked is the workspace that this folder lies in: `{}`", root.display()));
            }
            human(&compiled, &root, args.fix);
        }
        CheckFormat::Json => {
            let problems: Vec<_> = compiled.diagnostics.iter().map(|d| json::render(d, &compiled.documents)).collect();
            terminal::line(serde_json::json!({ "good": compiled.is_good(), "problems": problems }));
        }
        CheckFormat::Sarif => {
            let checkout = Checkout::around(&root);
            let path = |file: &str| checkout.path(file);
            terminal::line(format!("{:#}", sarif::render(&compiled.diagnostics, &compiled.documents, &path)));
        }
        CheckFormat::Github => {
            let checkout = Checkout::around(&root);
            let path = |file: &str| checkout.path(file);
            compiled.diagnostics.iter().for_each(|d| terminal::line(github::render(d, &compiled.documents, &path)));
            terminal::line(summary(&compiled));
        }
    }
    if mended.as_ref().is_some_and(Outcome::is_nothing) {
        say(args.format, nothing_mended(&compiled));
    }
    match (mended.is_none_or(|outcome| outcome.failed.is_empty()), compiled.is_good()) {
        (false, _) => Exit::CouldNotRun,
        (true, true) => Exit::Fine,
        (true, false) => Exit::ProblemsFound,
    }
}

/// What is to be checked: PATH, from here or within the workspace that is named; or that workspace.
fn path(args: &CheckArgs) -> PathBuf {
    let folder = &args.workspace.workspace;
    match &args.path {
        None => folder.clone(),
        Some(path) if args.workspace.is_here() || !folder.join(path).exists() => path.clone(),
        Some(path) => folder.join(path),
    }
}

/// Why nothing can be checked.
fn misled(args: &CheckArgs, path: &Path, root: &Path) -> Option<String> {
    let is_within =
        || path.canonicalize().ok().zip(root.canonicalize().ok()).is_none_or(|(path, root)| path.starts_with(root));
    match path.exists() {
        false => Some(format!("there is no `{}`", path.display())),
        true if is_within() => None,
        true => Some(format!(
            "`{}` is not in the workspace `{}`; name one of the two",
            path.display(),
            args.workspace.workspace.display()
        )),
    }
}

fn nothing_mended(compiled: &Compiled) -> &'static str {
    match compiled.diagnostics.is_empty() {
        true => "nothing needs to be mended",
        false => "nothing here can be mended by itself: the lines that begin with `= help` say what to write",
    }
}

/// A line beside the report: on standard error where that is for programs.
fn say(format: CheckFormat, line: impl Display) {
    match format {
        CheckFormat::Text => terminal::line(line),
        _ => terminal::error_line(line),
    }
}

/// The path of a file within the workspace.
fn file_of(path: &Path, root: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).unwrap_or_default();
    let root = std::path::absolute(root).unwrap_or_default();
    absolute.strip_prefix(root).ok().and_then(|file| file.to_str()).map(|file| file.replace('\\', "/"))
}

/// Mends what is certain and says what.
fn mend(root: &Path, only: Option<&str>, format: CheckFormat) -> Outcome {
    let outcome = fix::run(root, only);
    outcome.fixed.iter().for_each(|line| say(format, format!("fixed {line}")));
    outcome.left.iter().for_each(|line| say(format, format!("not fixed {line}: it would leave other errors")));
    outcome.failed.iter().for_each(terminal::error_line);
    if format == CheckFormat::Text && outcome.fixed.len() + outcome.left.len() > 0 {
        terminal::line("");
    }
    outcome
}

fn human(compiled: &Compiled, root: &Path, fixed: bool) {
    terminal::diagnostics(&compiled.diagnostics, &compiled.documents);
    let color = match (compiled.diagnostics.is_empty(), compiled.is_good()) {
        (true, _) => Some(terminal::GREEN),
        (false, true) => None,
        (false, false) => Some(terminal::RED),
    };
    let summary = summary(compiled);
    terminal::line(color.map_or_else(|| summary.clone(), |color| terminal::paint(color, &summary)));
    let fixable = |d: &&Diagnostic| {
        d.fix
            .as_ref()
            .is_some_and(|fix| load::is_on_disk(root, &fix.place.file) && compiled.documents.edit(fix).is_some())
    };
    let count = compiled.diagnostics.iter().filter(fixable).count();
    if count > 0 && !fixed && std::io::stdout().is_terminal() {
        terminal::line(format!("{count} of these can be mended by `jackfield check --fix`"));
    }
}

fn summary(compiled: &Compiled) -> String {
    let routes = text::count_of(compiled.set.all_routes().count(), "route");
    let mut tests = text::count_of(compiled.tests.len(), "test");
    if compiled.webhook_tests > 0 {
        tests.push_str(&format!(", {}", text::count_of(compiled.webhook_tests, "pack test")));
    }
    match (text::summary(&compiled.diagnostics), compiled.is_good()) {
        (None, _) => format!("{routes}, {tests}: all good"),
        (Some(summary), true) => format!("{routes}, {tests}: good, with {summary}"),
        (Some(summary), false) => summary,
    }
}

//! `jackfield check`

use super::terminal;
use super::{CheckArgs, CheckFormat, Exit};
use crate::compile::Compiled;
use crate::diagnostic::{json, text};
use crate::load;

pub(super) fn run(args: &CheckArgs) -> Exit {
    if !args.path.exists() {
        terminal::error_line(format!("there is no `{}`", args.path.display()));
        return Exit::UsedWrongly;
    }
    let root = load::root_of(&args.path);
    let mut compiled = load::compile(&root, &load::Options::offline());
    if args.path.is_file() {
        only_file(&mut compiled, &args.path, &root);
    }
    match args.format {
        CheckFormat::Human => {
            if args.path.is_dir() && root != args.path {
                terminal::line(format!("checked is the workspace that this folder lies in: `{}`", root.display()));
            }
            human(&compiled);
        }
        CheckFormat::Json => {
            let problems: Vec<_> = compiled.diagnostics.iter().map(|d| json::render(d, &compiled.documents)).collect();
            terminal::line(serde_json::json!({ "good": compiled.is_good(), "problems": problems }));
        }
    }
    if compiled.is_good() { Exit::Fine } else { Exit::ProblemsFound }
}

fn only_file(compiled: &mut Compiled, path: &std::path::Path, root: &std::path::Path) {
    let absolute = std::path::absolute(path).unwrap_or_default();
    let root = std::path::absolute(root).unwrap_or_default();
    let Some(file) = absolute.strip_prefix(root).ok().and_then(|file| file.to_str()).map(|f| f.replace('\\', "/"))
    else {
        return;
    };
    compiled.diagnostics.retain(|d| d.place().is_some_and(|place| *place.file == *file));
}

fn human(compiled: &Compiled) {
    terminal::diagnostics(&compiled.diagnostics, &compiled.documents);
    let routes = text::count_of(compiled.set.all_routes().count(), "route");
    let tests = text::count_of(compiled.tests.len(), "test");
    match (text::summary(&compiled.diagnostics), compiled.is_good()) {
        (None, _) => terminal::line(terminal::paint(terminal::GREEN, &format!("{routes}, {tests}: all good"))),
        (Some(summary), true) => terminal::line(format!("{routes}, {tests}: good, with {summary}")),
        (Some(summary), false) => terminal::line(terminal::paint(terminal::RED, &summary)),
    }
}

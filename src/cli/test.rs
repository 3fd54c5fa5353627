//! `jackfield test`

mod junit;

use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use super::terminal;
use super::{Exit, TestArgs, TestFormat, route_name};
use crate::clock::Clock;
use crate::compile::{Compiled, SETTINGS};
use crate::diagnostic::{Diagnostic, Resolve, json, suggest, text};
use crate::load;
use crate::test_case::{Difference, Failure, TestCase};
use crate::value::json::exact_serde;

/// A test with what is wrong; nothing when it passed.
type Outcome<'t> = (&'t TestCase, Vec<Failure>);

pub(super) fn run(args: &TestArgs) -> Exit {
    let is_workspace = |filter: &&str| Path::new(filter).join(SETTINGS).is_file();
    let (root, filter) = match args.filter.as_deref() {
        Some(folder) if is_workspace(&folder) => (PathBuf::from(folder), None),
        filter => (args.workspace.root(filter), filter),
    };
    // Each test is run here, and has a line of its own.
    let mut compiled = load::compile(&root, &load::Options { tests: false, ..load::Options::offline() });
    compiled.diagnostics.retain(Diagnostic::is_error);
    if !compiled.is_good() {
        match args.format {
            TestFormat::Text => {
                terminal::error_diagnostics(&compiled.diagnostics, &compiled.documents);
                terminal::error_line("the workspace does not compile, so no test was run");
            }
            TestFormat::Json => as_json(&[], &compiled),
            TestFormat::Junit => terminal::line(junit::not_compiled(&compiled, &Checkout::around(&root)).trim_end()),
        }
        return Exit::ProblemsFound;
    }
    let results = results(filter, &compiled, &root);
    if let Some(filter) = filter.filter(|_| results.is_empty()) {
        none_fits(filter, &compiled);
    }
    match args.format {
        TestFormat::Text if results.is_empty() && filter.is_some() => {}
        TestFormat::Text => human(&results, &compiled),
        TestFormat::Json => as_json(&results, &compiled),
        TestFormat::Junit => terminal::line(junit::render(&results, &compiled, &Checkout::around(&root)).trim_end()),
    }
    match (failed(&results), results.is_empty()) {
        (0, false) => Exit::Fine,
        (0, true) if filter.is_some() => Exit::UsedWrongly,
        (0, true) => Exit::Fine,
        _ => Exit::ProblemsFound,
    }
}

/// Runs the tests of the routes whose name begins as asked for.
fn results<'t>(filter: Option<&str>, compiled: &'t Compiled, root: &Path) -> Vec<Outcome<'t>> {
    let now = Clock::System.now();
    let fits = |filter: &str, route: &str| route.starts_with(filter) || route.starts_with(route_name(filter));
    let chosen =
        compiled.tests.iter().map(|test| &**test).filter(|test| filter.is_none_or(|filter| fits(filter, &test.route)));
    let run = |test: &'t TestCase| {
        let capture = load::read_inside(root, &test.request).ok();
        (test, test.failures(&compiled.set, capture.as_deref(), now))
    };
    chosen.map(run).collect()
}

/// Says what there is to choose from, after a filter that fits no test.
fn none_fits(filter: &str, compiled: &Compiled) {
    let bare = route_name(filter);
    let own = compiled.set.all_routes().find(|route| route.name.starts_with(bare));
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for test in &compiled.tests {
        match counts.iter_mut().find(|(route, _)| **route == *test.route) {
            Some((_, count)) => *count += 1,
            None => counts.push((&test.route, 1)),
        }
    }
    let folders = counts.iter().filter_map(|(route, _)| Some(route.rsplit_once('/')?.0));
    let near = suggest::nearest(bare, counts.iter().map(|(route, _)| *route).chain(folders));
    let help = match own {
        Some(route) => format!("the route `{}` has no test; it carries them under `tests:`", route.name),
        None => {
            let meant = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("no route with tests has a name that begins with `{filter}`{meant}")
        }
    };
    terminal::error_line(help);
    if !counts.is_empty() {
        terminal::error_line("routes with tests:");
        let list = |(route, count): (&str, usize)| format!("  {route}: {}", text::count_of(count, "test"));
        counts.into_iter().map(list).for_each(terminal::error_line);
    }
}

fn failed(results: &[Outcome<'_>]) -> usize {
    results.iter().filter(|(_, failures)| !failures.is_empty()).count()
}

fn human(results: &[Outcome<'_>], compiled: &Compiled) {
    for (test, failures) in results {
        let word = match failures.is_empty() {
            true => terminal::paint(terminal::GREEN, "ok    "),
            false => terminal::paint(terminal::RED, "FAILED"),
        };
        terminal::line(format!("{word} {}: {}", test.route, test.name));
    }
    terminal::line("");
    for failure in results.iter().flat_map(|(_, failures)| failures) {
        terminal::diagnostics(std::slice::from_ref(&failure.problem), &compiled.documents);
    }
    if results.is_empty() {
        terminal::line("no tests were found; a route carries them under `tests:`");
        return;
    }
    let failed = failed(results);
    terminal::line(format!("{} passed, {failed} failed", results.len() - failed));
    let without: Vec<String> = compiled
        .set
        .all_routes()
        .filter(|route| !compiled.tests.iter().any(|test| test.route == route.name))
        .map(|route| route.name.to_string())
        .collect();
    if !without.is_empty() {
        terminal::line(format!("without a test: {}", without.join(", ")));
    }
}

/// `problems` holds what keeps the workspace from compiling; then no test was run.
fn as_json(results: &[Outcome<'_>], compiled: &Compiled) {
    let tests: Vec<_> = results
        .iter()
        .map(|(test, failures)| {
            let differences = failures.iter().flat_map(|failure| &failure.differences);
            serde_json::json!({
                "route": &*test.route,
                "name": &*test.name,
                "passed": failures.is_empty(),
                "problems": failures.iter().map(|failure| problem(&failure.problem, compiled)).collect::<Vec<_>>(),
                "differences": differences.map(|difference| as_data(difference, compiled)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let (failed, problems) = (failed(results), &compiled.diagnostics);
    terminal::line(serde_json::json!({
        "passed": results.len() - failed,
        "failed": failed,
        "tests": tests,
        "problems": problems.iter().map(|found| problem(found, compiled)).collect::<Vec<_>>(),
    }));
}

fn problem(problem: &Diagnostic, compiled: &Compiled) -> serde_json::Value {
    json::render(problem, &compiled.documents)
}

/// A difference, with no `expected` where nothing is expected and no `found` where nothing was found.
fn as_data(difference: &Difference, compiled: &Compiled) -> serde_json::Value {
    let mut out = serde_json::Map::new();
    out.insert("file".into(), difference.place.file.to_string().into());
    out.insert("field".into(), difference.field.clone().into());
    if let Some(at) = compiled.documents.resolve(&difference.place) {
        out.insert("line".into(), at.line_column().0.into());
    }
    for (key, value) in [("expected", &difference.expected), ("found", &difference.found)] {
        out.extend(value.as_ref().map(|value| (key.to_owned(), exact_serde(value))));
    }
    out.into()
}

/// A problem as lines without colours, for a report that holds no file.
fn in_full(problem: &Diagnostic, compiled: &Compiled, checkout: &Checkout) -> String {
    let place = text::place(problem, &compiled.documents);
    format!("{}: {}", checkout.path(&place), problem.full_text())
}

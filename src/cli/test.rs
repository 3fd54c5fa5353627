//! `jackfield test`

use super::terminal;
use super::{Exit, TestArgs, TestFormat};
use crate::clock::Clock;
use crate::compile::Compiled;
use crate::diagnostic::{Code, Diagnostic, json};
use crate::load;
use crate::test_case::TestCase;

pub(super) fn run(args: &TestArgs) -> Exit {
    let root = load::root_of(&args.workspace.workspace);
    let mut compiled = load::compile(&root, &load::Options::offline());
    // The compiler runs the tests too; here each has a line of its own.
    let before: Vec<Diagnostic> =
        compiled.diagnostics.iter().filter(|d| d.is_error() && !is_of_test(d, &compiled)).cloned().collect();
    if !before.is_empty() {
        compiled.diagnostics = before;
        terminal::error_diagnostics(&compiled.diagnostics, &compiled.documents);
        terminal::error_line("the workspace does not compile, so no test was run");
        return Exit::ProblemsFound;
    }
    let now = Clock::System.now();
    let chosen = |test: &&TestCase| args.filter.as_ref().is_none_or(|filter| test.route.starts_with(filter.as_str()));
    let results: Vec<(&TestCase, Vec<Diagnostic>)> = compiled
        .tests
        .iter()
        .filter(chosen)
        .map(|test| (test, test.run(&compiled.set, load::read_inside(&root, &test.request).ok().as_deref(), now)))
        .collect();
    let failed = results.iter().filter(|(_, problems)| !problems.is_empty()).count();
    match args.format {
        TestFormat::Human => human(&results, failed, &compiled),
        TestFormat::Json | TestFormat::Junit => as_json(&results, failed, &compiled),
    }
    match (failed, results.is_empty()) {
        (0, false) => Exit::Fine,
        (0, true) if args.filter.is_some() => Exit::UsedWrongly,
        (0, true) => Exit::Fine,
        _ => Exit::ProblemsFound,
    }
}

fn is_of_test(diagnostic: &Diagnostic, compiled: &Compiled) -> bool {
    let in_tests = |place: &crate::diagnostic::Place| {
        compiled.tests.iter().any(|test| test.place.file == place.file && place.path.to_string().starts_with("tests["))
    };
    diagnostic.code == Code::TestFailed || diagnostic.labels.iter().any(|label| in_tests(&label.place))
}

fn human(results: &[(&TestCase, Vec<Diagnostic>)], failed: usize, compiled: &Compiled) {
    for (test, problems) in results {
        let word = match problems.is_empty() {
            true => terminal::paint(terminal::GREEN, "ok    "),
            false => terminal::paint(terminal::RED, "FAILED"),
        };
        terminal::line(format!("{word} {}: {}", test.route, test.name));
    }
    terminal::line("");
    for (_, problems) in results {
        terminal::diagnostics(problems, &compiled.documents);
    }
    if results.is_empty() && !compiled.tests.is_empty() {
        terminal::line("no route with tests has a name that begins like this");
        return;
    }
    if results.is_empty() {
        terminal::line("no tests were found; a route carries them under `tests:`");
        return;
    }
    let passed = results.len() - failed;
    terminal::line(format!("{passed} passed, {failed} failed"));
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

fn as_json(results: &[(&TestCase, Vec<Diagnostic>)], failed: usize, compiled: &Compiled) {
    let tests: Vec<_> = results
        .iter()
        .map(|(test, problems)| {
            let problems: Vec<_> = problems.iter().map(|d| json::render(d, &compiled.documents)).collect();
            serde_json::json!({ "route": &*test.route, "name": &*test.name, "passed": problems.is_empty(), "problems": problems })
        })
        .collect();
    terminal::line(serde_json::json!({ "passed": results.len() - failed, "failed": failed, "tests": tests }));
}

//! JUnit's XML, as Jenkins, GitLab and the test reports of GitHub read it.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Outcome, failed, in_full};
use crate::cli::checkout::Checkout;
use crate::compile::Compiled;
use crate::diagnostic::{Diagnostic, Resolve, text};
use crate::test_case::TestCase;

type Xml = Writer<Vec<u8>>;

/// A suite for each route, a case for each test.
pub(super) fn render(results: &[Outcome<'_>], compiled: &Compiled, checkout: &Checkout) -> String {
    let counts = [("tests", results.len()), ("failures", failed(results)), ("errors", 0)];
    document("testsuites", &counts, |xml| {
        // The tests of a route stand together.
        for suite in results.chunk_by(|(one, _), (next, _)| one.route == next.route) {
            write_suite(xml, suite, compiled, checkout)?;
        }
        Ok(())
    })
}

/// What keeps the workspace from compiling, as the one case that went wrong.
pub(super) fn not_compiled(compiled: &Compiled, checkout: &Checkout) -> String {
    let counts = [("tests", 1), ("failures", 0), ("errors", 1)];
    document("testsuites", &counts, |xml| {
        element(xml, "testsuite", &[("name", "jackfield")], &counts).write_inner_content(|xml| {
            let case = [("name", "the workspace compiles"), ("classname", "jackfield")];
            element(xml, "testcase", &case, &[]).write_inner_content(|xml| {
                let message = text::summary(&compiled.diagnostics).unwrap_or_default();
                write_problems(xml, "error", &message, &compiled.diagnostics, compiled, checkout)
            })?;
            Ok(())
        })?;
        Ok(())
    })
}

fn document(root: &str, counts: &[(&str, usize)], inner: impl FnOnce(&mut Xml) -> io::Result<()>) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    let written = xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).and_then(|()| {
        element(&mut xml, root, &[("name", "jackfield")], counts).write_inner_content(inner)?;
        Ok(())
    });
    // Writing into memory does not fail.
    written.map(|()| String::from_utf8_lossy(&xml.into_inner()).into_owned()).unwrap_or_default()
}

fn write_suite(xml: &mut Xml, suite: &[Outcome<'_>], compiled: &Compiled, checkout: &Checkout) -> io::Result<()> {
    let Some((first, _)) = suite.first() else { return Ok(()) };
    let file = checkout.path(&first.place.file);
    let counts = [("tests", suite.len()), ("failures", failed(suite)), ("errors", 0)];
    element(xml, "testsuite", &[("name", &*first.route), ("file", &*file)], &counts).write_inner_content(|xml| {
        suite.iter().try_for_each(|(test, failures)| {
            // The case has a name already.
            let named = format!("test `{}`: ", test.name);
            let nameless = |problem: &Diagnostic| {
                let message = problem.message.strip_prefix(&named).unwrap_or(&problem.message).to_owned();
                Diagnostic { message, ..problem.clone() }
            };
            let problems: Vec<Diagnostic> = failures.iter().map(|failure| nameless(&failure.problem)).collect();
            write_case(xml, test, &problems, compiled, checkout)
        })
    })?;
    Ok(())
}

fn write_case(
    xml: &mut Xml,
    test: &TestCase,
    problems: &[Diagnostic],
    compiled: &Compiled,
    checkout: &Checkout,
) -> io::Result<()> {
    let file = checkout.path(&test.place.file);
    let line = compiled.documents.resolve(&test.place.key("name")).map_or(1, |at| at.line_column().0);
    let texts = [("name", &*test.name), ("classname", &*test.route), ("file", &*file)];
    let case = element(xml, "testcase", &texts, &[("line", line)]);
    let Some(first) = problems.first() else { return case.write_empty().map(|_| ()) };
    // Some readers take no more than one failure of a case.
    let message = match problems.len() {
        1 => first.message.clone(),
        count => format!("{}, and {} more", first.message, count - 1),
    };
    case.write_inner_content(|xml| write_problems(xml, "failure", &message, problems, compiled, checkout))?;
    Ok(())
}

fn write_problems(
    xml: &mut Xml,
    kind: &str,
    message: &str,
    problems: &[Diagnostic],
    compiled: &Compiled,
    checkout: &Checkout,
) -> io::Result<()> {
    let code = problems.first().map_or("", |problem| problem.code.word());
    let texts: Vec<String> = problems.iter().map(|problem| in_full(problem, compiled, checkout)).collect();
    let text = allowed(&texts.join("\n\n"));
    element(xml, kind, &[("message", message), ("type", code)], &[]).write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn element<'x>(
    xml: &'x mut Xml,
    name: &str,
    texts: &[(&str, &str)],
    counts: &[(&str, usize)],
) -> quick_xml::writer::ElementWriter<'x, Vec<u8>> {
    let mut element = xml.create_element(name.to_owned());
    for (key, text) in texts {
        element = element.with_attribute((*key, &*allowed(text)));
    }
    for (key, count) in counts {
        element = element.with_attribute((*key, &*count.to_string()));
    }
    element
}

/// A text without the characters that no XML may hold, however they are written.
fn allowed(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
}

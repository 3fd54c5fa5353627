//! The request of a dry run, and the samples that it could be.

use std::path::Path;

use crate::compile::Compiled;
use crate::event::{RawRequest, capture};
use crate::load;
use crate::route::{Lookup, Route};
use crate::source::Source;

/// A request to try, and where it is from.
pub struct Input {
    pub raw: RawRequest,
    /// The file as it is.
    pub bytes: Vec<u8>,
    /// As people name it: `samples/form.http`, `standard input`.
    pub name: String,
    /// Nobody named a file, so it is that of a test.
    pub of_test: bool,
}

impl Input {
    /// Reads a captured request; fails with what is wrong with it.
    pub fn parse(bytes: Vec<u8>, name: &str, of_test: bool) -> Result<Input, String> {
        let raw = capture::parse(&bytes).map_err(|error| format!("`{name}`: {error}"))?;
        Ok(Input { raw, bytes, name: name.to_owned(), of_test })
    }

    /// It holds a body and no more, so that there is nothing to verify it by.
    pub fn is_bare(&self) -> bool {
        self.raw.target == "/"
    }
}

/// The samples that go to the route's path, by their files; those in `samples/` itself.
pub fn fitting(compiled: &Compiled, route: &Route, root: &Path) -> Vec<String> {
    let fits = |file: &String| {
        let raw = capture::parse(&load::read_inside(root, file).ok()?).ok()?;
        let path = compiled.set.meant(raw.path());
        match compiled.set.find(&raw.method, path) {
            Lookup::Found(source, _) => (source.name == route.source).then_some(()),
            Lookup::WrongMethod(_) | Lookup::Nothing => None,
        }
    };
    let files = samples(root).into_iter().map(|name| format!("samples/{name}"));
    files.filter(|file| fits(file).is_some()).collect()
}

/// The same as what to write; nothing where there are none.
pub fn advice(compiled: &Compiled, route: &Route, root: &Path) -> Option<String> {
    const SHOWN: usize = 3;
    let files = fitting(compiled, route, root);
    let shown: Vec<String> = files.iter().take(SHOWN).map(|file| format!("`--request {file}`")).collect();
    let more = files.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" ({more} more go to its path)") } else { String::new() };
    (!shown.is_empty()).then(|| format!("write {}{more}", shown.join(" or ")))
}

/// What the first line of a request must be to go to the source's path.
pub(super) fn first_line(prefix: &str, source: &Source, raw: &RawRequest, keeps_path: bool) -> String {
    let given = source.methods.iter().find(|method| ***method == *raw.method);
    let method = given.or(source.methods.first()).map_or("POST", |method| &**method);
    if keeps_path {
        return format!("{method} {} HTTP/1.1", raw.target);
    }
    let path: Vec<&str> = source.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
    let query = if raw.query().is_empty() { String::new() } else { format!("?{}", raw.query()) };
    format!("{method} {prefix}{}{query} HTTP/1.1", path.join("/"))
}

/// The names of the files in `samples/`.
pub fn samples(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("samples")).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

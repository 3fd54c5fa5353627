//! The request of a dry run: a file, standard input, or that of the route's first test.

use std::io::{self, Read};
use std::path::Path;

use crate::compile::Compiled;
use crate::diagnostic::suggest;
use crate::event::{RawRequest, capture};
use crate::load;
use crate::route::{Lookup, Route};
use crate::source::Source;

/// No captured request is larger.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A request to try, and where it is from.
pub(super) struct Input {
    pub raw: RawRequest,
    /// The file as it is.
    pub bytes: Vec<u8>,
    /// As people name it: `samples/form.http`, `standard input`.
    pub name: String,
    /// Nobody named a file, so it is that of a test.
    pub of_test: bool,
}

impl Input {
    /// It holds a body and no more, so that there is nothing to verify it by.
    pub(super) fn is_bare(&self) -> bool {
        self.raw.target == "/"
    }
}

pub(super) fn read(named: Option<&str>, compiled: &Compiled, route: &Route, root: &Path) -> Result<Input, String> {
    let (bytes, name, of_test) = match named {
        Some("-") => (bounded(io::stdin()), "standard input".to_owned(), false),
        // As in a route's tests, a path may also be relative to the workspace.
        Some(file) => (open(file).or_else(|_| load::read_inside(root, file)), file.to_owned(), false),
        None => {
            let test = compiled.tests.iter().find(|test| test.route == route.name);
            let test = test.ok_or_else(|| {
                let known = fitting(compiled, route, root);
                let none = "name one with `--request FILE`; `samples/` has none for its path".to_owned();
                format!("the route has no test to take a request from; {}", known.unwrap_or(none))
            })?;
            let bytes = load::read_inside(root, &test.request);
            (bytes, test.request.to_string(), true)
        }
    };
    let bytes = bytes.map_err(|error| unreadable(&name, &error, compiled, route, root))?;
    let raw = capture::parse(&bytes).map_err(|error| format!("`{name}`: {error}"))?;
    Ok(Input { raw, bytes, name, of_test })
}

fn open(file: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    std::fs::File::open(file).and_then(bounded)
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}

/// A file that can't be read, with the sample that was probably meant.
fn unreadable(name: &str, error: &io::Error, compiled: &Compiled, route: &Route, root: &Path) -> String {
    if error.kind() != io::ErrorKind::NotFound {
        return format!("`{name}` can't be read: {}", error.kind());
    }
    let message = format!("there is no file `{name}`");
    let file = Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or(name);
    let samples = samples(root);
    // Whoever leaves out the folder often leaves out the ending, too.
    let same = samples.iter().find(|sample| sample.rsplit_once('.').is_some_and(|(stem, _)| stem == file));
    let near = same.map(String::as_str).or_else(|| suggest::nearest(file, samples.iter().map(String::as_str)));
    match near {
        Some(near) => format!("{message}; did you mean `samples/{near}`?"),
        None => fitting(compiled, route, root).map_or(message.clone(), |known| format!("{message}; {known}")),
    }
}

/// The samples that go to the route's path, as what to write; nothing where there are none.
pub(super) fn fitting(compiled: &Compiled, route: &Route, root: &Path) -> Option<String> {
    const SHOWN: usize = 3;
    let fits = |name: &String| {
        let bytes = open(root.join("samples").join(name)).ok()?;
        let raw = capture::parse(&bytes).ok()?;
        let path = compiled.set.meant(raw.path());
        match compiled.set.find(&raw.method, path) {
            Lookup::Found(source, _) => (source.name == route.source).then_some(()),
            Lookup::WrongMethod(_) | Lookup::Nothing => None,
        }
    };
    let mut names = samples(root);
    names.retain(|name| fits(name).is_some());
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`--request samples/{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN);
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

fn samples(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("samples")).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

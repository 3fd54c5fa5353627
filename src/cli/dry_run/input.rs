//! The request of a dry run: a file, standard input, or that of the route's first test.

use std::io::{self, Read};
use std::path::Path;

use crate::compile::Compiled;
use crate::diagnostic::suggest;
use crate::load;
use crate::route::Route;
use crate::trace::input::{self, Input};

/// No captured request is larger.
const LARGEST: u64 = 16 * 1024 * 1024;

pub(super) fn read(named: Option<&str>, compiled: &Compiled, route: &Route, root: &Path) -> Result<Input, String> {
    let (bytes, name, of_test) = match named {
        Some("-") => (bounded(io::stdin()), "standard input".to_owned(), false),
        // As in a route's tests, a path may also be relative to the workspace.
        Some(file) => (open(file).or_else(|_| load::read_inside(root, file)), file.to_owned(), false),
        None => {
            let test = compiled.tests.iter().find(|test| test.route == route.name);
            let test = test.ok_or_else(|| {
                let known = input::advice(compiled, route, root);
                let none = "name one with `--request FILE`; `samples/` has none for its path".to_owned();
                format!("the route has no test to take a request from; {}", known.unwrap_or(none))
            })?;
            let bytes = load::read_inside(root, &test.request);
            (bytes, test.request.to_string(), true)
        }
    };
    let bytes = bytes.map_err(|error| unreadable(&name, &error, compiled, route, root))?;
    Input::parse(bytes, &name, of_test)
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
    let samples = input::samples(root);
    // Whoever leaves out the folder often leaves out the ending, too.
    let same = samples.iter().find(|sample| sample.rsplit_once('.').is_some_and(|(stem, _)| stem == file));
    let near = same.map(String::as_str).or_else(|| suggest::nearest(file, samples.iter().map(String::as_str)));
    match near {
        Some(near) => format!("{message}; did you mean `samples/{near}`?"),
        None => input::advice(compiled, route, root).map_or(message.clone(), |known| format!("{message}; {known}")),
    }
}

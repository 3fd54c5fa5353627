//! `${env:NAME}` and `${file:path}`, resolved on parsed scalars, so that a value can't inject YAML.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where references find their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The environment's variables.
    pub variables: BTreeMap<String, String>,
    /// The contents of files that are named, by the path as written.
    pub files: BTreeMap<String, String>,
}

/// A reference that can't be resolved, with its bytes in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    /// The variable is not set.
    MissingVariable { name: String, range: Range<usize> },
    /// The file can't be read.
    MissingFile { path: String, range: Range<usize> },
    /// Not of a known kind, or without its closing brace.
    Invalid { range: Range<usize> },
}

/// One reference in a text.
struct Reference<'t> {
    range: Range<usize>,
    kind: &'t str,
    name: &'t str,
}

/// Whether a text holds a reference.
pub fn is_in(text: &str) -> bool {
    text.contains("${")
}

/// Where a text with templates first holds a reference: a `$` before braces is an honest dollar.
pub fn beside_templates(text: &str) -> Option<Range<usize>> {
    let start = text
        .match_indices("${")
        .map(|(at, _)| at)
        .find(|at| text.get(*at + 2..).is_some_and(|rest| !rest.starts_with('{')))?;
    let length = text.get(start..)?.find('}').map_or(text.len() - start, |end| end + 1);
    Some(start..start + length)
}

/// The paths of the files that a text names. What is no reference, as in a comment, hides none in other lines.
pub fn files(text: &str) -> Vec<&str> {
    text.lines().flat_map(files_in_line).collect()
}

fn files_in_line(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(Ok(reference)) = next(line, from) {
        from = reference.range.end;
        if reference.kind == "file" {
            found.push(reference.name);
        }
    }
    found
}

/// The text with every reference replaced.
pub fn resolve(text: &str, environment: &Environment) -> Result<String, ReferenceError> {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(reference) = next(text, from) {
        let reference = reference?;
        out.push_str(text.get(from..reference.range.start).unwrap_or_default());
        out.push_str(&value(&reference, environment)?);
        from = reference.range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

fn value(reference: &Reference<'_>, environment: &Environment) -> Result<String, ReferenceError> {
    let (name, range) = (reference.name.to_owned(), reference.range.clone());
    match reference.kind {
        "env" => match environment.variables.get(&name) {
            Some(value) if !value.is_empty() => Ok(value.clone()),
            _ => Err(ReferenceError::MissingVariable { name, range }),
        },
        "file" => match environment.files.get(&name) {
            // An editor ends a file with a line break; no secret does.
            Some(value) => Ok(value.trim_end_matches(['\r', '\n']).to_owned()),
            None => Err(ReferenceError::MissingFile { path: name, range }),
        },
        _ => Err(ReferenceError::Invalid { range }),
    }
}

fn next(text: &str, from: usize) -> Option<Result<Reference<'_>, ReferenceError>> {
    let start = from + text.get(from..)?.find("${")?;
    let rest = text.get(start + 2..)?;
    let Some(length) = rest.find('}') else {
        return Some(Err(ReferenceError::Invalid { range: start..text.len() }));
    };
    let range = start..start + 2 + length + 1;
    Some(match rest.get(..length)?.split_once(':') {
        Some((kind, name)) if !name.is_empty() => Ok(Reference { range, kind, name }),
        _ => Err(ReferenceError::Invalid { range }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_missing_ones_are_named() {
        let mut environment = Environment::default();
        environment.variables.insert("A".into(), "1".into());
        environment.files.insert("b".into(), "2\n".into());
        assert_eq!(resolve("x${env:A}y${file:b}", &environment).as_deref(), Ok("x1y2"));
        let missing = ReferenceError::MissingVariable { name: "C".into(), range: 1..9 };
        assert_eq!(resolve("x${env:C}", &environment), Err(missing));
        assert_eq!(beside_templates("R${{ x }} ${env:A}"), Some(10..18));
        assert_eq!(files("# ${…} stands for\na: ${file:b}"), ["b"]);
        assert_eq!(resolve("${env", &environment), Err(ReferenceError::Invalid { range: 0..5 }));
    }
}

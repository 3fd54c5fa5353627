//! Of several forms a value may have, says which one was probably meant and what it lacks.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};

use super::{Describer, either, listed, plain, type_words, with_article};
use crate::schema::Violation;
use crate::value::Value;

impl Describer<'_> {
    /// An `anyOf` or `oneOf` none of whose branches fits.
    pub fn branches(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
        how_many: &str,
    ) -> Vec<Violation> {
        if let Some(groups) = self.required_groups(error) {
            let message = format!("{how_many} of {} must be given, but {}", joined(&groups), none(groups.len()));
            return vec![self.violation(error, message)];
        }
        if let Some(message) = self.only_types(error, context).or_else(|| only_names(error, context)) {
            return vec![self.violation(error, message)];
        }
        let depth = error.instance_path().iter().count();
        let best = context.iter().min_by_key(|errors| (strangeness(errors, depth), errors.len()));
        let described: Vec<Violation> =
            best.into_iter().flatten().flat_map(|branch_error| self.describe(branch_error)).collect();
        if described.is_empty() {
            vec![self.violation(error, format!("must have one of {} allowed forms", context.len()))]
        } else {
            described
        }
    }

    /// A `oneOf` more than one of whose branches fits.
    pub fn several(&self, error: &ValidationError<'_>, count: usize) -> Violation {
        let Some(groups) = self.required_groups(error) else {
            let message = format!("must have exactly one of {count} allowed forms, but has several");
            return self.violation(error, message);
        };
        let object = self.at(error.instance_path());
        let given =
            groups.iter().filter(|group| group.iter().all(|name| object.is_some_and(|o| o.get(name).is_some())));
        let but = match (given.count(), groups.len()) {
            (2, 2) => "both are".to_owned(),
            (given, all) if given == all => "all are".to_owned(),
            (given, _) => format!("{given} are"),
        };
        self.violation(error, format!("exactly one of {} must be given, but {but}", joined(&groups)))
    }

    /// The fields each branch asks for, if that is all any of them asks for.
    fn required_groups(&self, error: &ValidationError<'_>) -> Option<Vec<Vec<String>>> {
        self.at(error.instance_path())?.as_object()?;
        let branches = self.schema_at(error.schema_path())?.as_array()?;
        branches.iter().map(required_only).collect()
    }

    /// If every branch asks for another type: the types, as one sentence.
    fn only_types(&self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> Option<String> {
        let mut words: Vec<&str> = Vec::new();
        for errors in context {
            let wrong = errors.iter().find(|inner| inner.instance_path() == error.instance_path())?;
            let Kind::Type { kind } = wrong.kind() else { return None };
            match kind {
                TypeKind::Single(one) => words.push(type_words(*one)),
                TypeKind::Multiple(several) => words.extend(several.into_iter().map(type_words)),
            }
        }
        words.sort_by_key(|word| *word == "null");
        words.dedup();
        let found = self.at(error.instance_path()).map(with_article)?;
        Some(format!("must be {}, but is {found}", either(&words)))
    }
}

/// If every branch names the one value it is for: those values, as one sentence.
fn only_names(error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for errors in context {
        let [only] = errors.as_slice() else { return None };
        match only.kind() {
            _ if only.instance_path() != error.instance_path() => return None,
            Kind::Constant { expected_value } => names.push(format!("`{}`", plain(expected_value))),
            Kind::Enum { options } => names.extend(options.as_array()?.iter().map(|name| format!("`{}`", plain(name)))),
            _ => return None,
        }
    }
    (!names.is_empty()).then(|| format!("must be one of {}", listed(names.into_iter())))
}

/// How surely a branch was not meant: another type, then a field which names another form.
fn strangeness(errors: &[ValidationError<'_>], depth: usize) -> u8 {
    let below = |error: &ValidationError<'_>| error.instance_path().iter().count().saturating_sub(depth);
    let other_type = errors.iter().any(|error| below(error) == 0 && matches!(error.kind(), Kind::Type { .. }));
    let other_name = errors
        .iter()
        .any(|error| below(error) == 1 && matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. }));
    match (other_type, other_name) {
        (true, _) => 2,
        (_, true) => 1,
        _ => 0,
    }
}

/// The names a branch requires, if it consists of nothing else but descriptions.
fn required_only(branch: &Value) -> Option<Vec<String>> {
    let object = branch.as_object()?;
    let described = |key: &str| matches!(key, "required" | "title" | "description" | "$comment");
    if !object.keys().all(|key| described(key) || key.starts_with("x-")) {
        return None;
    }
    let names = object.get("required")?.as_array()?;
    let names: Vec<String> = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    (!names.is_empty()).then_some(names)
}

/// `id` and `phone`; a group of several as (`a` with `b`).
fn joined(groups: &[Vec<String>]) -> String {
    let words: Vec<String> = groups
        .iter()
        .map(|group| {
            let names: Vec<String> = group.iter().map(|name| format!("`{name}`")).collect();
            if names.len() > 1 { format!("({})", names.join(" with ")) } else { names.concat() }
        })
        .collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn none(groups: usize) -> &'static str {
    match groups {
        1 => "it is not",
        2 => "neither is",
        _ => "none is",
    }
}

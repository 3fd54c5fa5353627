//! What a JSON Schema says, in the words of who writes a body.

use std::sync::Arc;

use crate::diagnostic::suggest;
use crate::pack::Body;
use crate::schema::Schema;
use crate::types::Kinds;
use crate::value::Value;

/// The texts of a list of texts.
pub(crate) fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_str).collect()
}

pub(crate) fn description(schema: &Value) -> Option<&str> {
    schema.get("description")?.as_str()
}

/// The names of the fields that an object may have.
pub(super) fn fields(schema: &Value) -> Option<String> {
    let properties = schema.get("properties")?.as_object()?;
    suggest::one_of(&properties.keys().map(|key| &**key).collect::<Vec<_>>())
}

/// The part of a schema that holds the keyword at a JSON Pointer.
pub(super) fn at<'s>(schema: &'s Value, keyword: &str) -> Option<&'s Value> {
    let (part, _) = keyword.rsplit_once('/')?;
    pointed(schema, part)
}

/// What a JSON Pointer leads to.
fn pointed<'s>(schema: &'s Value, pointer: &str) -> Option<&'s Value> {
    pointer.split('/').skip(1).try_fold(schema, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        value.get(&step).or_else(|| value.at(step.parse().ok()?))
    })
}

/// A part of a schema, with the whole that its `$ref`s point into.
#[derive(Clone, Copy)]
pub(crate) struct Sub<'s> {
    pub schema: &'s Value,
    pub root: &'s Value,
}

/// How many `$ref`s and `allOf`s are followed.
const DEEPEST: usize = 16;

impl<'s> Sub<'s> {
    fn of(&self, schema: &'s Value) -> Sub<'s> {
        Sub { schema, root: self.root }
    }

    fn target(&self, reference: &str) -> Option<&'s Value> {
        match reference.strip_prefix('#') {
            Some("") => Some(self.root),
            Some(pointer) => pointed(self.root, pointer),
            None => None,
        }
    }

    /// Every schema that holds whatever else holds: this one, its `$ref`, its `allOf`.
    pub(crate) fn conjuncts(&self) -> Vec<&'s Value> {
        let mut found: Vec<&'s Value> = Vec::new();
        self.collect(&mut found, 0);
        found
    }

    fn collect(&self, found: &mut Vec<&'s Value>, depth: usize) {
        if depth > DEEPEST || found.iter().any(|known| std::ptr::eq(*known, self.schema)) {
            return;
        }
        found.push(self.schema);
        let reference = self.schema.get("$ref").and_then(Value::as_str).and_then(|text| self.target(text));
        let all = self.schema.get("allOf").and_then(Value::as_array).unwrap_or_default();
        reference.into_iter().chain(all).for_each(|schema| self.of(schema).collect(found, depth + 1));
    }

    /// The JSON types that it takes.
    pub(crate) fn allowed(&self) -> Kinds {
        self.allowed_to(0)
    }

    fn allowed_to(&self, depth: usize) -> Kinds {
        if depth > DEEPEST {
            return Kinds::ALL;
        }
        self.conjuncts().into_iter().fold(Kinds::ALL, |kinds, schema| kinds & self.of(schema).own_kinds(depth))
    }

    fn own_kinds(&self, depth: usize) -> Kinds {
        let mut kinds = match self.schema.get("type") {
            _ if self.schema.as_bool() == Some(false) => Kinds::NONE,
            Some(Value::String(one)) => Kinds::from_word(one),
            Some(list) => texts(Some(list)).into_iter().fold(Kinds::NONE, |all, word| all | Kinds::from_word(word)),
            None => Kinds::ALL,
        };
        for keyword in ["anyOf", "oneOf"] {
            if let Some(branches) = self.schema.get(keyword).and_then(Value::as_array) {
                let each = branches.iter().map(|branch| self.of(branch).allowed_to(depth + 1));
                kinds = kinds & each.fold(Kinds::NONE, |all, kinds| all | kinds);
            }
        }
        if let Some(not) = self.schema.get("not").filter(|not| not.get("type").is_some() && !self.of(not).says_more()) {
            kinds = kinds - self.of(not).allowed_to(depth + 1);
        }
        let words = self.schema.get("enum").and_then(Value::as_array);
        let constant = self.schema.get("const").map(std::slice::from_ref);
        for values in words.into_iter().chain(constant) {
            kinds = kinds & values.iter().fold(Kinds::NONE, |all, value| all | widened(value));
        }
        kinds
    }

    /// Whether it asks for more than a type.
    pub(super) fn says_more(&self) -> bool {
        let plain = ["type", "description", "title", "$schema", "$comment", "examples", "default", "deprecated"];
        self.schema.as_object().is_some_and(|object| object.keys().any(|key| !plain.contains(&&**key)))
    }

    pub(super) fn description(&self) -> Option<&'s str> {
        self.conjuncts().into_iter().find_map(description)
    }

    /// The smallest value of a keyword that is a limit.
    pub(super) fn number(&self, keyword: &str) -> Option<u64> {
        let numbers = self.conjuncts().into_iter().filter_map(|schema| schema.get(keyword)?.as_number()?.as_u64());
        numbers.min()
    }

    /// The schema of its items, where that is the same for all.
    pub(super) fn items(&self) -> Option<&'s Value> {
        let plain = |schema: &&Value| schema.get("prefixItems").is_none();
        self.conjuncts().into_iter().filter(plain).find_map(|schema| schema.get("items"))
    }

    /// A validator of this part alone.
    pub(super) fn compile(&self) -> Option<Schema> {
        if std::ptr::eq(self.schema, self.root) {
            return Schema::compile(self.schema).ok();
        }
        let mut fields: Vec<(Arc<str>, Value)> =
            self.schema.as_object()?.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        for shared in ["$defs", "definitions"] {
            let common = self.root.get(shared).filter(|_| self.schema.get(shared).is_none());
            fields.extend(common.map(|defs| (shared.into(), defs.clone())));
        }
        Schema::compile(&Value::object(fields)).ok()
    }

    /// Of branches that fields with fixed words tell apart, the one that is meant by what is written.
    pub(super) fn meant_branches<'b>(&self, field: &dyn Fn(&str) -> Option<&'b Body>) -> Vec<&'s Value> {
        let mut meant = Vec::new();
        for keyword in ["oneOf", "anyOf"] {
            let Some(branches) = self.schema.get(keyword).and_then(Value::as_array) else { continue };
            let fits = |branch: &&Value| !self.of(branch).is_ruled_out(field);
            let left: Vec<&Value> = branches.iter().filter(fits).collect();
            // Branches that only ask for keys are a group, and are looked at as one.
            if let [only] = left.as_slice()
                && branches.len() > 1
                && only.get("properties").is_some()
            {
                meant.push(*only);
            }
        }
        meant
    }

    /// Whether a field that is written out has another word than this branch wants.
    fn is_ruled_out<'b>(&self, field: &dyn Fn(&str) -> Option<&'b Body>) -> bool {
        let conjuncts = self.conjuncts();
        let properties = conjuncts.iter().filter_map(|schema| schema.get("properties")?.as_object());
        properties.flat_map(|object| object.iter()).any(|(name, schema)| {
            let words = schema.get("enum").and_then(Value::as_array);
            let words = words.or_else(|| schema.get("const").map(std::slice::from_ref));
            match (words, field(name)) {
                (Some(words), Some(Body::Value(value))) => !words.contains(value),
                _ => false,
            }
        })
    }
}

/// The types of a value that stands in a list of words: a whole number may be written with a fraction of zero.
fn widened(value: &Value) -> Kinds {
    match Kinds::of(value) {
        kinds if Kinds::NUMBER.meets(kinds) => Kinds::NUMBER,
        kinds => kinds,
    }
}

/// Whether some schema of these has no place for a field.
pub(super) fn refuses(conjuncts: &[&Value], name: &str) -> bool {
    let knows = |schema: &Value| {
        schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
            || schema.get("patternProperties").is_some()
    };
    conjuncts.iter().any(|schema| {
        let closed = schema.get("additionalProperties").and_then(Value::as_bool) == Some(false) && !knows(schema);
        let open_branches = ["oneOf", "anyOf", "if"].iter().any(|keyword| schema.get(keyword).is_some());
        let unevaluated = schema.get("unevaluatedProperties").and_then(Value::as_bool) == Some(false);
        closed || (unevaluated && !open_branches && !conjuncts.iter().any(|schema| knows(schema)))
    })
}

/// The names of the fields that an object may have.
pub(super) fn names(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|object| object.keys().map(|key| &**key).collect()).unwrap_or_default()
}

/// Keys of which one must be given: exactly one, or at least one.
pub(crate) struct Group<'s> {
    pub exactly: bool,
    pub parts: Vec<Part<'s>>,
}

/// Keys that are given together.
pub(crate) struct Part<'s> {
    pub keys: Vec<&'s str>,
}

impl Part<'_> {
    pub(super) fn first(&self) -> Arc<str> {
        self.keys.first().copied().unwrap_or_default().into()
    }
}

impl Group<'_> {
    /// `a`, `b` and `c`
    pub(crate) fn words(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| part.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" with "))
            .collect();
        match parts.as_slice() {
            [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
            all => all.join(", "),
        }
    }

    pub(super) fn example(&self) -> Arc<str> {
        self.parts.first().map_or_else(|| "".into(), Part::first)
    }
}

/// The groups of an object's schema: its `oneOf` and `anyOf` whose branches ask for keys and for nothing else.
pub(crate) fn groups(schema: &Value) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    for (keyword, exactly) in [("oneOf", true), ("anyOf", false)] {
        let branches = schema.get(keyword).and_then(Value::as_array).unwrap_or_default();
        let parts: Option<Vec<Part<'_>>> = branches.iter().map(part).collect();
        groups.extend(parts.filter(|parts| parts.len() > 1).map(|parts| Group { exactly, parts }));
    }
    groups
}

fn part(branch: &Value) -> Option<Part<'_>> {
    let only = branch.as_object()?.keys().all(|key| matches!(&**key, "required" | "title" | "description"));
    let keys = texts(branch.get("required"));
    (only && !keys.is_empty()).then_some(Part { keys })
}

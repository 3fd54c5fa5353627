//! How often a schema looks at one value: references that fork again and again would never come to an end.

use std::collections::HashMap;

use super::SchemaError;
use crate::value::Value;

/// The most parts of a schema that may look at one value and at what lies in it, one field of each object counted.
const MOST: u64 = 250_000;
/// The most parts that look at one value, each because of the one before. Whoever follows them recurses, for each value
/// that lies in another anew.
const LONGEST: u64 = 100;
/// The same through all that lies in a value.
const DEEPEST: usize = 1000;

/// Keywords whose schemas look at the same value.
const SAME: [&str; 8] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];
/// Keywords whose schemas look at what lies in it.
const INSIDE: [&str; 9] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "prefixItems",
    "contains",
    "unevaluatedItems",
];

/// Those of both that hold schemas by name.
const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];

/// Refuses a schema whose references multiply, or go on and on.
pub fn check(document: &Value) -> Result<(), SchemaError> {
    let mut counter = Counter { root: document, counted: HashMap::new(), longest: 0, depth: 0 };
    let count = counter.count(document).all;
    let message = match (count > MOST, counter.longest > LONGEST) {
        (true, _) => format!("its references lead to more than {MOST} parts; let fewer of them lead to the same place"),
        (_, true) => format!("more than {LONGEST} parts follow one another by `$ref`, `allOf` and the like; use fewer"),
        _ => return Ok(()),
    };
    Err(SchemaError::new("", message))
}

/// Counts each part once, however many references lead to it.
struct Counter<'v> {
    root: &'v Value,
    /// By address; a part that is being counted is there as one.
    counted: HashMap<*const Value, Count>,
    longest: u64,
    depth: usize,
}

/// What a part leads to.
#[derive(Clone, Copy)]
struct Count {
    all: u64,
    /// Those that look at the same value, one after another.
    chain: u64,
}

impl<'v> Counter<'v> {
    fn count(&mut self, part: &'v Value) -> Count {
        if let Some(known) = self.counted.get(&std::ptr::from_ref(part)) {
            return *known;
        }
        if self.depth == DEEPEST {
            return Count { all: u64::MAX, chain: 1 };
        }
        self.counted.insert(part, Count { all: 1, chain: 1 });
        self.depth += 1;
        let count = self.parts(part);
        self.depth -= 1;
        self.longest = self.longest.max(count.chain);
        self.counted.insert(part, count);
        count
    }

    fn parts(&mut self, part: &'v Value) -> Count {
        let mut count = Count { all: 1, chain: 1 };
        let mut inside: u64 = 0;
        for (keyword, value) in part.as_object().into_iter().flatten() {
            let target = self.target(keyword, value).map(|target| self.count(target));
            let same = if SAME.contains(&&**keyword) { self.counts(keyword, value) } else { Vec::new() };
            for one in target.into_iter().chain(same) {
                count.all = count.all.saturating_add(one.all);
                count.chain = count.chain.max(one.chain.saturating_add(1));
            }
            if INSIDE.contains(&&**keyword) {
                inside = self.counts(keyword, value).iter().map(|one| one.all).fold(inside, u64::max);
            }
        }
        Count { all: count.all.saturating_add(inside), ..count }
    }

    fn counts(&mut self, keyword: &str, value: &'v Value) -> Vec<Count> {
        schemas(keyword, value).into_iter().map(|schema| self.count(schema)).collect()
    }

    /// What `$ref: "#/$defs/a"` leads to.
    fn target(&self, keyword: &str, value: &Value) -> Option<&'v Value> {
        let pointer = value.as_str().filter(|_| matches!(keyword, "$ref" | "$dynamicRef"))?.strip_prefix('#')?;
        pointer.split('/').skip(1).try_fold(self.root, |part, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            part.get(&step).or_else(|| part.at(step.parse().ok()?))
        })
    }
}

/// The schemas that a keyword holds: one, a list, or some by name.
fn schemas<'v>(keyword: &str, value: &'v Value) -> Vec<&'v Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(named) if NAMED.contains(&keyword) => named.values().collect(),
        one => vec![one],
    }
}

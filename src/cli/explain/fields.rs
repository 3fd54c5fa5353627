//! The fields of a body, as its JSON Schema has them, in the words of who writes one.

use std::sync::Arc;

use super::{Row, rows, wrapped};
use crate::cli::terminal::line;
use crate::compile::schema_words::{self, Sub};
use crate::config::pack::Operation;
use crate::types::Kinds;
use crate::value::Value;

/// How many mappings within mappings are shown.
const DEEPEST: usize = 8;

pub(super) fn show(schema: &Value, operation: &Operation) {
    let mut listed = Listed { rows: Vec::new(), rules: Vec::new(), operation };
    listed.add(Sub { schema, root: schema }, "", 0);
    rows(listed.rows);
    for rule in listed.rules {
        wrapped(&rule).lines().for_each(|part| line(format!("  {part}")));
    }
}

struct Listed<'o> {
    rows: Vec<Row>,
    /// What holds of several fields together.
    rules: Vec<String>,
    operation: &'o Operation,
}

impl Listed<'_> {
    /// The fields of one mapping; `above` is where it stands: `message.`.
    fn add(&mut self, sub: Sub<'_>, above: &str, depth: usize) {
        let conjuncts = sub.conjuncts();
        let required: Vec<&str> = conjuncts.iter().flat_map(|part| schema_words::texts(part.get("required"))).collect();
        for part in &conjuncts {
            let properties = part.get("properties").and_then(Value::as_object);
            for (name, field) in properties.into_iter().flat_map(|object| object.iter()) {
                let field = Sub { schema: field, root: sub.root };
                self.add_field(field, name, above, required.contains(&&**name), depth);
            }
            for group in schema_words::groups(part) {
                let count = if group.exactly { "Exactly one" } else { "At least one" };
                let within =
                    if above.is_empty() { String::new() } else { format!(" of `{}`", above.trim_end_matches('.')) };
                self.rules.push(format!("{count} of {}{within} must be given.", group.words()));
            }
        }
    }

    fn add_field(&mut self, field: Sub<'_>, name: &Arc<str>, above: &str, required: bool, depth: usize) {
        let path = format!("{above}{name}");
        let default = self.operation.defaults.get(name).filter(|_| depth == 0);
        let need = match (required, default) {
            (true, None) => ", required",
            (_, Some(_)) => ", filled in where it is left out",
            (false, None) => "",
        };
        let note = format!("{}{need}", kinds(field));
        let conjuncts = field.conjuncts();
        let described = conjuncts.iter().find_map(|part| schema_words::description(part));
        self.rows.push(Row::new(&path, &note, described));
        if depth < DEEPEST {
            self.add(field, &format!("{path}."), depth + 1);
            let items = conjuncts.iter().filter_map(|part| part.get("items")).next();
            if let Some(items) = items.filter(|items| items.get("properties").is_some() || items.get("$ref").is_some())
            {
                self.add(Sub { schema: items, root: field.root }, &format!("{path}[]."), depth + 1);
            }
        }
    }
}

/// What a field takes: `text`, `a whole number`, its words, and what else is said of a single value.
fn kinds(field: Sub<'_>) -> String {
    let conjuncts = field.conjuncts();
    let words = conjuncts.iter().find_map(|part| part.get("enum")?.as_array());
    let constant = conjuncts.iter().find_map(|part| part.get("const")).map(std::slice::from_ref);
    let mut text = match words.or(constant) {
        Some(words) => words.iter().map(|word| format!("`{}`", shown(word))).collect::<Vec<_>>().join(" or "),
        None if field.allowed() == Kinds::ALL => "anything".to_owned(),
        None => field.allowed().words(),
    };
    let said = |keyword: &str| conjuncts.iter().find_map(|part| part.get(keyword)).map(shown);
    let more = [
        said("format").map(|format| format!(", of the form `{format}`")),
        said("pattern").map(|pattern| format!(", that matches `{pattern}`")),
        said("maxLength").map(|longest| format!(", at most {longest} characters")),
        said("maximum").map(|largest| format!(", at most {largest}")),
        said("minimum").map(|least| format!(", at least {least}")),
    ];
    text.extend(more.into_iter().flatten());
    text
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

//! An operation, for people: its address, the fields of its body, an example.

use super::fields;
use super::leaves;
use super::packs::Known;
use super::{Row, heading, pasted, rows, told, wrapped, yaml};
use crate::cli::terminal::line;
use crate::config::Named;
use crate::config::pack::{Example, Idempotency, Operation, QueryName};
use crate::document::Node;
use crate::value::Value;

pub(super) fn show(known: &Known<'_>, found: &Named<Operation>) {
    let (name, operation) = (&found.name.value, &found.value);
    super::title(&format!("{}.{name}, an operation of {}", known.name, known.title()), told(&operation.description));
    operation.docs.iter().for_each(|docs| line(format!("\nIts documentation: {}", docs.value)));
    show_address(known, operation);
    show_query(operation);
    show_steps(operation);
    if let Some(shape) = &operation.request {
        heading("The fields of `body:`");
        match known.schema(&shape.file) {
            Some(schema) => fields::show(&schema, operation),
            None => line(format!("  `{}` can't be read", shape.file.value)),
        }
    }
    show_answer(operation);
    show_notes(known, operation);
    pasted("An example, to paste into a route", &example(known, name, operation));
}

fn show_address(known: &Known<'_>, operation: &Operation) {
    let method = operation.method.as_ref().map_or("POST", |method| &method.value);
    let Some(path) = operation.path.as_ref() else { return };
    heading("The address");
    line(format!("  {method} {}{}", known.pack.base_url.as_ref().map_or("", |url| &url.value), path.value));
    let names = path.value.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    rows(names.map(|name| param(known, operation, name)).collect());
}

/// The names that stand behind the `?` of the address.
fn show_query(operation: &Operation) {
    if operation.query.is_empty() {
        return;
    }
    heading("What `query:` takes");
    let row = |name: &Named<QueryName>| {
        let required = name.value.required.as_ref().is_some_and(|required| required.value);
        Row::new(&name.name.value, if required { "required" } else { "optional" }, told(&name.value.description))
    };
    rows(operation.query.iter().map(row).collect());
}

/// What a call answers that fetches something, with the path of each value.
fn show_answer(operation: &Operation) {
    let Some(answer) = answer(operation).filter(|_| is_fetch(operation)) else { return };
    heading("What it may answer, as `save:` sees it");
    leaves::show(&answer);
}

/// The answer that the pack shows; else that of the stand-in, where no template stands in it.
fn answer(operation: &Operation) -> Option<Value> {
    let shown = operation.example.as_ref().and_then(|example| example.answer.as_ref());
    let stand_in = operation.sandbox.as_ref().and_then(|sandbox| sandbox.reply.as_ref()?.body.as_ref());
    shown.or(stand_in).map(Node::to_value)
}

/// Whether a call fetches something and delivers nothing.
fn is_fetch(operation: &Operation) -> bool {
    let is_get = operation.method.as_ref().is_some_and(|method| &*method.value == "GET");
    is_get && matches!(operation.idempotency, None | Some(Idempotency::Safe)) && operation.steps.is_empty()
}

/// The calls of a chain.
fn show_steps(operation: &Operation) {
    if operation.steps.is_empty() {
        return;
    }
    heading("The calls that it makes");
    for (number, step) in (1..).zip(&operation.steps) {
        let call = step.call.get().map_or("", |call| &call.value);
        let unless = step.unless.as_ref().map(|unless| format!(", unless `{}`", unless.value));
        let remembered = step.remember.as_ref().map(|_| ", and remembers what it gave");
        line(format!("  {number}. {call}{}{}", unless.unwrap_or_default(), remembered.unwrap_or_default()));
    }
}

fn param(known: &Known<'_>, operation: &Operation, name: &str) -> Row {
    let described = operation.params.get(name).and_then(|param| told(&param.value.description));
    let setting = known.pack.settings.get(name);
    let described = described.or_else(|| setting.and_then(|setting| told(&setting.value.description)));
    let from = match setting {
        Some(_) => format!("from `params: {{ {name}: … }}` of the route, else the connection's `{name}`"),
        None => format!("from `params: {{ {name}: … }}` of the route"),
    };
    Row::new(&format!("{{{name}}}"), &from, described)
}

fn show_notes(known: &Known<'_>, operation: &Operation) {
    let repetition = match &operation.idempotency {
        Some(Idempotency::Key(key)) => {
            let name = [&key.field, &key.header].into_iter().flatten().next().map_or("", |name| &name.value);
            format!("{} knows a repetition by `{name}`: the same twice counts once.", known.title())
        }
        Some(Idempotency::Safe) => format!("{} can be told the same twice: it changes nothing more.", known.title()),
        _ if operation.method.as_ref().is_some_and(|method| &*method.value == "GET") => {
            "It only asks: the same twice changes nothing.".to_owned()
        }
        _ => format!("{} knows no repetition: the same sent twice is there twice.", known.title()),
    };
    heading("Good to know");
    let repetition = operation.steps.is_empty().then_some(repetition);
    let notes = repetition.into_iter().chain(operation.loop_guard.as_ref().map(|guard| guard.value.to_string()));
    for note in notes {
        wrapped(&note).lines().for_each(|part| line(format!("  {part}")));
    }
}

fn example(known: &Known<'_>, name: &str, operation: &Operation) -> Vec<String> {
    let to = format!("{}.{name}", known.connection());
    let mut lines = match is_fetch(operation) {
        true => vec!["lookup:".to_owned(), format!("  - call: {to}")],
        false => vec!["send:".to_owned(), format!("  - to: {to}")],
    };
    let part = |get: fn(&Example) -> Option<&Node>| operation.example.as_ref().and_then(get);
    let parts = [
        ("params", part(|example| example.params.as_ref())),
        ("query", part(|example| example.query.as_ref())),
        ("body", part(|example| example.body.as_ref())),
    ];
    for (key, node) in parts {
        lines.extend(node.map(Node::to_value).into_iter().flat_map(|value| yaml::entry(key, &value, 4)));
    }
    if is_fetch(operation) {
        lines.extend(answer(operation).and_then(|answer| first_path(&answer)).into_iter().flat_map(saved));
    }
    lines
}

/// The lines that keep what is at a path of the answer.
fn saved(path: String) -> [String; 2] {
    ["    save:".to_owned(), format!("      found_id?: {}", yaml::scalar(&Value::from(path)))]
}

/// Where an answer has the id of what was found, or else its first single value.
fn first_path(answer: &Value) -> Option<String> {
    let leaves = leaves::of(answer);
    let is_value = |(path, value): &&(String, String)| path != "$" && !matches!(&**value, "[]" | "{}");
    let is_id = |(path, _): &&(String, String)| path.ends_with(".id");
    let found = leaves.iter().filter(is_value).find(is_id).or_else(|| leaves.iter().find(is_value));
    found.map(|(path, _)| path.clone())
}

//! The schemas that an editor reads: the language, and what is known of packs and connections as suggestions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Decode;
use super::pack::{Operation, Pack};
use super::route::Route;
use super::scalar::Text;
use super::settings::Settings;
use super::shape::{Shape, Shapes};
use crate::document::Document;
use crate::value::{Value, json};

mod account;
mod body;

/// A sort of file that an editor can be told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Settings,
    Route,
    Pack,
}

impl Sort {
    pub const ALL: [Sort; 3] = [Sort::Settings, Sort::Route, Sort::Pack];

    /// The name of the file that holds the schema.
    pub fn file(self) -> &'static str {
        match self {
            Sort::Settings => "jackfield.schema.json",
            Sort::Route => "route.schema.json",
            Sort::Pack => "pack.schema.json",
        }
    }
}

/// What the files of a workspace declare, for suggestions. What can't be read is left out.
#[derive(Debug, Default)]
pub struct Known {
    packs: BTreeMap<Arc<str>, Pack>,
    /// The schemas of the operations' bodies, by path.
    bodies: BTreeMap<Arc<str>, Value>,
    /// The connections, with their packs.
    connections: Vec<(Arc<str>, Arc<str>)>,
    sources: Vec<Arc<str>>,
}

impl Known {
    /// Reads files by path: `jackfield.yaml`, and what is under `schemas/`.
    pub fn read(files: &BTreeMap<Arc<str>, Arc<str>>) -> Known {
        let mut known = Known::default();
        for (path, text) in files {
            let pack = path.strip_prefix("schemas/").and_then(|rest| rest.strip_suffix("/pack.yaml"));
            if let Some(vendor) = pack {
                known.packs.extend(decoded(path, text).map(|pack| (vendor.into(), pack)));
            } else if path.ends_with(".json") {
                let schema = json::parse(text.as_bytes(), &json::Limits::default());
                known.bodies.extend(schema.ok().map(|schema| (path.clone(), schema)));
            }
        }
        let settings = files.get("jackfield.yaml").and_then(|text| decoded::<Settings>("jackfield.yaml", text));
        known.add_settings(settings);
        known
    }

    /// Without a connection, each provider stands for one of its own name.
    fn add_settings(&mut self, settings: Option<Settings>) {
        if let Some(settings) = settings {
            self.sources = settings.sources.names().map(Arc::from).collect();
            let connections = settings.connections.iter();
            self.connections = connections
                .filter_map(|c| Some((c.name.value.clone(), c.value.provider.get()?.value.clone())))
                .collect();
        }
        if self.connections.is_empty() {
            self.connections = self.providers().map(|(name, _)| (name.clone(), name.clone())).collect();
        }
    }

    /// The packs that a connection can have.
    fn providers(&self) -> impl Iterator<Item = (&Arc<str>, &Pack)> {
        self.packs.iter().filter(|(_, pack)| !pack.operations.is_empty())
    }

    /// What a delivery can go to: the text of `to`, the name of the pack, and the operation.
    fn targets(&self) -> impl Iterator<Item = (String, &str, &Operation)> {
        let packs = self.connections.iter().filter_map(|(name, pack)| Some((name, pack, self.packs.get(pack)?)));
        packs.flat_map(|(name, vendor, pack)| {
            pack.operations.iter().map(move |o| (format!("{name}.{}", &*o.name.value), &**vendor, &o.value))
        })
    }

    /// The schema of a sort of file.
    pub fn schema(&self, sort: Sort) -> Value {
        let mut shapes = Shapes::default();
        let name = match sort {
            Sort::Settings => {
                Settings::shape(&mut shapes);
                self.add_accounts(&mut shapes);
                self.add_webhooks(&mut shapes);
                "settings"
            }
            Sort::Route => {
                Route::shape(&mut shapes);
                self.add_webhooks(&mut shapes);
                self.add_sources(&mut shapes);
                self.add_targets(&mut shapes);
                "route"
            }
            Sort::Pack => {
                Pack::shape(&mut shapes);
                "pack"
            }
        };
        shapes.file(name)
    }

    /// The webhooks that `from` can name.
    fn add_webhooks(&self, shapes: &mut Shapes) {
        let webhooks = self.packs.iter().flat_map(|(vendor, pack)| {
            let told = |text: &Option<Text>| text.as_ref().map(|text| text.value.clone());
            pack.webhooks.iter().map(move |w| (format!("{vendor}.{}", &*w.name.value), told(&w.value.description)))
        });
        shapes.join("source", &property("from", suggestions(webhooks)));
    }

    /// The shared sources that `source` can name.
    fn add_sources(&self, shapes: &mut Shapes) {
        let sources = self.sources.iter().map(|name| (name.to_string(), None));
        shapes.join("route", &property("source", suggestions(sources)));
    }
}

/// A file as the type that it holds, when it can be read.
fn decoded<T: Decode>(path: &str, text: &str) -> Option<T> {
    let (document, problems) = Document::parse(path, text);
    let readable = problems.iter().all(|problem| !problem.is_error());
    document.root.filter(|_| readable).and_then(|root| T::decode(&root, &mut Vec::new()))
}

/// Keywords for one property of a shape.
fn property(key: &str, keywords: Value) -> Value {
    Value::object([("properties", Value::object([(key, keywords)]))])
}

/// Holds of a mapping in which a key has a value. What is no mapping yet is none.
fn with(key: &str, value: &str) -> Value {
    let is = Value::object([(key, Value::object([("const", value)]))]);
    Value::object([("type", Value::from("object")), ("required", Value::array([key])), ("properties", is)])
}

/// Values that an editor offers, with what each is; any other is as good. An `enum` would refuse what was declared after
/// the schema was written.
fn suggestions(values: impl IntoIterator<Item = (String, Option<Arc<str>>)>) -> Value {
    let snippets = values.into_iter().map(|(value, description)| {
        let description = description.map(|text| ("description", Value::from(text)));
        Value::object(
            [("label", Value::from(value.clone())), ("body", Value::from(value))].into_iter().chain(description),
        )
    });
    let snippets: Vec<Value> = snippets.collect();
    match snippets.is_empty() {
        true => Value::Null,
        false => Value::object([("defaultSnippets", snippets)]),
    }
}

//! Connections for an editor: the settings that each known provider asks for.

use std::sync::Arc;

use super::{Known, property, suggestions, with};
use crate::config::connection;
use crate::config::pack::{Pack, Setting};
use crate::config::shape::keywords::{described, joined};
use crate::config::shape::{Shape, Shapes};
use crate::value::Value;

impl Known {
    /// Once `provider` names a known pack, its settings are offered, and others are refused.
    pub(super) fn add_accounts(&self, shapes: &mut Shapes) {
        let providers = self.providers();
        let providers = providers.map(|(name, pack)| (name.to_string(), Some(told(pack))));
        shapes.join("connection", &property("provider", suggestions(providers)));
        let common: Vec<Arc<str>> = shapes.properties("connection").cloned().collect();
        let accounts = self.providers().map(|(name, pack)| {
            Value::object([("if", with("provider", name)), ("then", account(name, pack, &common, shapes))])
        });
        let accounts = Value::array(accounts.collect::<Vec<_>>());
        shapes.join("connection", &Value::object([("allOf", accounts)]));
    }
}

/// The vendor, and what it is.
fn told(pack: &Pack) -> Arc<str> {
    let what = pack.description.as_ref().map(|text| format!(": {}", text.value)).unwrap_or_default();
    format!("{}{what}", title(pack)).into()
}

/// A connection to one provider, beside the keys of every connection.
fn account(vendor: &str, pack: &Pack, common: &[Arc<str>], shapes: &mut Shapes) -> Value {
    let common = common.iter().map(|key| match &**key {
        "environment" => (key.clone(), environment(pack)),
        _ => (key.clone(), Value::from(true)),
    });
    let settings = pack.settings.iter();
    let settings = settings.map(|s| (s.name.value.clone(), setting(vendor, &s.name.value, &s.value, shapes)));
    let is_required = |setting: &Setting| setting.required.as_ref().is_some_and(|required| required.value);
    let has_address = pack.base_url.is_some() || !pack.environments.is_empty();
    let required = pack.settings.iter().filter(|s| is_required(&s.value)).map(|s| s.name.value.clone());
    let required = (!has_address).then(|| "base_url".into()).into_iter().chain(required);
    Value::object([
        ("title", Value::from(title(pack))),
        ("required", Value::array(required)),
        ("properties", Value::object(common.into_iter().chain(settings))),
        ("additionalProperties", Value::from(false)),
    ])
}

/// The names of the pack's other addresses; without any the key has no meaning.
fn environment(pack: &Pack) -> Value {
    match pack.environments.is_empty() {
        true => Value::from(false),
        false => Value::object([("enum", Value::array(pack.environments.names()))]),
    }
}

fn setting(vendor: &str, name: &str, setting: &Setting, shapes: &mut Shapes) -> Value {
    let secret = setting.secret.as_ref().is_some_and(|secret| secret.value);
    let mut description = setting.description.as_ref().map_or_else(|| name.to_owned(), |text| text.to_string());
    description.push_str(if secret { ". It is a secret: take it from the environment." } else { "." });
    let shape = described(&[&description], &connection::Setting::shape(shapes));
    let variable = format!("{vendor}_{name}").to_uppercase().replace(|c: char| !c.is_alphanumeric(), "_");
    let example = secret.then(|| ("examples", Value::array([format!("${{env:{variable}}}")])));
    let default = setting.default.as_ref().map(|default| ("default", Value::from(default.value.clone())));
    joined(&shape, &Value::object(example.into_iter().chain(default)))
}

fn title(pack: &Pack) -> &str {
    pack.title.get().map_or("", |title| &title.value)
}

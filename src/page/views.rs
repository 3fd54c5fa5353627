//! The templates of the page, in an environment for each language.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use include_dir::{Dir, include_dir};
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::Value as Json;

use super::language::{self, Language};
use crate::clock::Clock;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web/templates");

/// Where the rules of plurals are worked out.
static RULES: LazyLock<Environment<'static>> = LazyLock::new(Environment::new);

/// Everything that is needed to render.
pub struct Views(Vec<(Arc<Language>, Environment<'static>)>);

impl Views {
    pub fn new(clock: &Clock) -> Self {
        let all = language::all(&RULES).into_iter().map(Arc::new);
        Views(all.map(|language| (language.clone(), environment(&language, clock))).collect())
    }

    pub fn languages(&self) -> impl Iterator<Item = &Language> + Clone {
        self.0.iter().map(|(language, _)| &**language)
    }

    /// The language that is named, else the one that the browser wants most.
    pub fn choose(&self, named: Option<&str>, accepted: &str) -> Arc<str> {
        let tags = self.languages().map(|language| &language.tag);
        let named = named.and_then(|named| tags.clone().find(|tag| &***tag == named).cloned());
        named.or_else(|| language::wanted(accepted, tags)).unwrap_or_else(|| "en".into())
    }

    /// One template, given these values.
    pub fn render(&self, tag: &str, template: &str, given: &[(&str, Json)]) -> Result<String, String> {
        let (_, environment) = self.of(tag).ok_or("there is no language")?;
        let given: Value = object(given.iter().map(|(name, value)| (*name, json_value(value))));
        let rendered = environment.get_template(template).and_then(|template| template.render(given));
        // Longer, it would show what the values are.
        rendered.map_err(|error| error.to_string())
    }

    /// A text without a number; empty where there is none.
    pub fn text(&self, tag: &str, key: &str) -> String {
        self.text_with(tag, key, &[])
    }

    /// A text with its number and names put in; empty where there is none.
    pub fn text_with(&self, tag: &str, key: &str, values: &[(&str, Value)]) -> String {
        self.of(tag).and_then(|(language, _)| language.text(key, values)).unwrap_or_default()
    }

    fn of(&self, tag: &str) -> Option<&(Arc<Language>, Environment<'static>)> {
        self.0.iter().find(|(language, _)| &*language.tag == tag).or_else(|| self.0.first())
    }
}

fn environment(language: &Arc<Language>, clock: &Clock) -> Environment<'static> {
    let mut made = Environment::new();
    made.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = made.syntax().to_builder().trim_blocks(true).lstrip_blocks(true).build();
    syntax.into_iter().for_each(|syntax| made.set_syntax(syntax));
    made.set_auto_escape_callback(|name| match name.ends_with(".html") {
        true => AutoEscape::Html,
        false => AutoEscape::None,
    });
    add_functions(&mut made, language);
    add_filters(&mut made, language, clock);
    add_templates(&mut made, &TEMPLATES);
    made
}

/// A template that can't be read is missing, which the test that renders each view notices.
fn add_templates(made: &mut Environment<'static>, folder: &'static Dir<'static>) {
    for file in folder.files() {
        if let (Some(name), Some(text)) = (file.path().to_str(), file.contents_utf8())
            && let Err(error) = made.add_template(name, text)
        {
            tracing::error!(name, %error, "a template of the page can't be read");
        }
    }
    folder.dirs().for_each(|folder| add_templates(made, folder));
}

fn add_functions(made: &mut Environment<'static>, language: &Arc<Language>) {
    let own = language.clone();
    made.add_function("t", move |key: String, values: Kwargs| -> Result<String, Error> {
        let names: Vec<&str> = values.args().collect();
        let values = names.into_iter().map(|name| Ok((name, values.get::<Value>(name)?)));
        let values: Vec<(&str, Value)> = values.collect::<Result<_, Error>>()?;
        own.text(&key, &values).ok_or_else(|| unfit(&format!("there is no text `{key}`")))
    });
    let own = language.clone();
    made.add_function("script_texts", move || -> Vec<Vec<String>> {
        own.script_texts().into_iter().map(|(key, text)| vec![key, text]).collect()
    });
}

fn add_filters(made: &mut Environment<'static>, language: &Arc<Language>, clock: &Clock) {
    let own = language.clone();
    made.add_filter("number", move |n: Value| own.number(&n));
    let own = language.clone();
    made.add_filter("percent", move |share: f64| own.percent(share));
    let own = language.clone();
    made.add_filter("moment", move |at: String| own.moment(&at).ok_or_else(|| unfit("this is no time")));
    let (own, clock) = (language.clone(), clock.clone());
    made.add_filter("ago", move |at: String| own.ago(&at, clock.now()).ok_or_else(|| unfit("this is no time")));
    let own = language.clone();
    made.add_filter("took", move |ms: f64| own.took(ms).ok_or_else(|| unfit("this is no time")));
    let own = language.clone();
    made.add_filter("size", move |size: f64| own.size(size).ok_or_else(|| unfit("this is no size")));
    made.add_filter("coded", |text: Value| language::coded(&text));
}

fn unfit(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_owned())
}

fn object<'n>(entries: impl Iterator<Item = (&'n str, Value)>) -> Value {
    entries.collect::<BTreeMap<&str, Value>>().into()
}

/// JSON as the engine knows it.
pub fn json_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(it) => Value::from(*it),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(json_value).collect::<Vec<Value>>().into(),
        Json::Object(entries) => object(entries.iter().map(|(key, value)| (key.as_str(), json_value(value)))),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => Value::from(whole),
            (None, Some(whole), _) => Value::from(whole),
            (None, None, fraction) => Value::from(fraction.unwrap_or_default()),
        },
    }
}

#[cfg(test)]
mod tests;

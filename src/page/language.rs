//! The texts, numbers and times of one language, from its file in `web/languages`.

mod format;

use std::collections::HashMap;
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use minijinja::{Environment, Expression, Value};

use crate::document::{Document, Kind, Node};
pub use format::coded;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web/languages");

/// A text, or its forms by the number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Forms {
    One(String),
    /// By the word of `plurals`, or `other`.
    Many(Vec<(String, String)>),
}

/// What a language has for the page.
pub struct Language {
    pub tag: Arc<str>,
    /// As it calls itself.
    pub name: String,
    /// Every text of the file by its keys with dots between, in the order written.
    all: Vec<(String, Forms)>,
    places: HashMap<String, usize>,
    months: Vec<String>,
    /// When each form is the right one.
    plurals: Vec<(String, Expression<'static, 'static>)>,
}

/// The languages that there are, by tag.
pub fn all(rules: &'static Environment<'static>) -> Vec<Language> {
    let read = |file: &include_dir::File<'_>| Language::read(file.contents_utf8()?, rules);
    let mut all: Vec<Language> = FILES.files().filter_map(read).collect();
    all.sort_by(|one, other| one.tag.cmp(&other.tag));
    all
}

impl Language {
    fn read(text: &str, rules: &'static Environment<'static>) -> Option<Self> {
        let (document, _) = Document::parse("language", text);
        let root = document.root?;
        let mut all = Vec::new();
        flatten(&root, "", &mut all);
        let one = |key: &str| all.iter().find_map(|(known, forms)| if known == key { forms.one() } else { None });
        let (tag, name) = (one("tag")?.into(), one("name")?.to_owned());
        let months = root.get("dates")?.get("months")?.as_list()?.iter();
        let months = months.filter_map(|month| Some(month.as_scalar()?.text.to_string())).collect();
        let plural = |(key, forms): &(String, Forms)| {
            let rule = rules.compile_expression_owned(forms.one()?.to_owned()).ok()?;
            Some((key.strip_prefix("plurals.")?.to_owned(), rule))
        };
        let plurals = all.iter().filter_map(plural).collect();
        let places = all.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        Some(Language { tag, name, all, places, months, plurals })
    }

    fn forms(&self, key: &str) -> Option<&Forms> {
        self.all.get(*self.places.get(key)?).map(|(_, forms)| forms)
    }

    /// A text of the file, as it is written.
    fn word(&self, key: &str) -> &str {
        self.forms(key).and_then(Forms::one).unwrap_or_default()
    }

    /// The form for a number.
    fn form<'l>(&self, forms: &'l Forms, n: Option<&Value>) -> &'l str {
        let forms = match forms {
            Forms::One(text) => return text,
            Forms::Many(forms) => forms,
        };
        let n = n.cloned().unwrap_or(Value::from(()));
        let holds = |rule: &Expression<'_, '_>| {
            rule.eval(minijinja::context! { n => n.clone() }).is_ok_and(|holds| holds.is_true())
        };
        let word = self.plurals.iter().find(|(_, rule)| holds(rule)).map_or("other", |(word, _)| word);
        let named = |word: &str| forms.iter().find(|(known, _)| known == word).map(|(_, text)| text.as_str());
        named(word).or_else(|| named("other")).unwrap_or_default()
    }

    /// A text with its number and names put in.
    fn put(&self, forms: &Forms, values: &[(&str, Value)]) -> String {
        let n = values.iter().find(|(name, _)| *name == "n").map(|(_, value)| value);
        let text = self.form(forms, n).to_owned();
        values.iter().fold(text, |text, (name, value)| {
            let shown = match *name == "n" && value.is_number() {
                true => self.number(value),
                false => value.to_string(),
            };
            text.replace(&format!("{{{name}}}"), &shown)
        })
    }

    /// A text of the page, by its key; nothing where there is none of that key.
    pub fn text(&self, key: &str, values: &[(&str, Value)]) -> Option<String> {
        Some(self.put(self.forms(&format!("texts.{key}"))?, values))
    }

    /// What the script shows, by key; a form of a plural has its word behind it.
    pub fn script_texts(&self) -> Vec<(String, String)> {
        let own = self.all.iter().filter_map(|(key, forms)| Some((key.strip_prefix("script.")?, forms)));
        own.flat_map(|(key, forms)| match forms {
            Forms::One(text) => vec![(key.to_owned(), text.clone())],
            Forms::Many(forms) => forms.iter().map(|(word, text)| (format!("{key}.{word}"), text.clone())).collect(),
        })
        .collect()
    }
}

impl Forms {
    fn one(&self) -> Option<&str> {
        match self {
            Forms::One(text) => Some(text),
            Forms::Many(_) => None,
        }
    }
}

/// `{a: {b: text}}` as `a.b`; the forms of a plural stay together.
fn flatten(node: &Node, above: &str, found: &mut Vec<(String, Forms)>) {
    let Kind::Map(entries) = &node.kind else { return };
    for entry in entries {
        let key = if above.is_empty() { entry.key.name.to_string() } else { format!("{above}.{}", entry.key.name) };
        match &entry.value.kind {
            Kind::Scalar(scalar) => found.push((key, Forms::One(scalar.text.to_string()))),
            Kind::Map(forms) if entry.value.get("other").is_some() => {
                let form = |form: &crate::document::Entry| {
                    Some((form.key.name.to_string(), form.value.as_scalar()?.text.to_string()))
                };
                found.push((key, Forms::Many(forms.iter().filter_map(form).collect())));
            }
            Kind::Map(_) => flatten(&entry.value, &key, found),
            Kind::List(_) => {}
        }
    }
}

/// Which of these languages a browser wants most, by its `Accept-Language`; `en` when it names none of them.
pub fn wanted<'l>(header: &str, known: impl Iterator<Item = &'l Arc<str>> + Clone) -> Option<Arc<str>> {
    let mut asked: Vec<(&str, f32)> = header.split(',').filter_map(weighed).collect();
    asked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let main = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
    let exact = |tag: &str| known.clone().find(|known| known.eq_ignore_ascii_case(tag));
    let alike = |tag: &str| known.clone().find(|known| main(known) == main(tag));
    let found = asked.iter().find_map(|(tag, _)| exact(tag).or_else(|| alike(tag)));
    found.or_else(|| known.clone().find(|known| &***known == "en")).or_else(|| known.clone().next()).cloned()
}

/// `pt-BR;q=0.8` with its weight; nothing for one that is not wanted.
fn weighed(part: &str) -> Option<(&str, f32)> {
    let mut parts = part.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
    (weight > 0.0).then_some((tag, weight))
}

#[cfg(test)]
mod tests;

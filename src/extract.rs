//! Names for values of the payload: found by JSONPath, converted, mapped.

mod trace;

use std::sync::Arc;

use regex::Regex;

use crate::convert::{self, Moment, Unfit};
use crate::diagnostic::{Code, Diagnostic, On, Place};
use crate::path::{self, Path};
use crate::value::Value;

pub use trace::{Finding, Hit, Mapped, Miss, Traced};

/// No extract gives a longer list than this.
const MOST: usize = 1000;

/// One extract, compiled.
#[derive(Clone, Debug)]
pub struct Extract {
    pub name: Arc<str>,
    /// The name was written with `?`.
    pub optional: bool,
    /// Tried in order; the first that finds a value is taken.
    pub paths: Vec<(Path, Place)>,
    pub conversion: Conversion,
    pub moment: Moment,
    pub region: Option<Arc<str>>,
    pub all: bool,
    pub map: Option<Map>,
    pub default: Option<Value>,
    pub pattern: Option<Regex>,
    /// Where the extract is written.
    pub place: Place,
}

/// What a value becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// It stays what it was.
    #[default]
    None,
    Text,
    Integer,
    Number,
    Boolean,
    Phone,
    Digits,
    Email,
    Url,
    Datetime,
    Json,
    List,
    Object,
}

impl Conversion {
    const WORDS: [(Conversion, &'static str); 12] = [
        (Conversion::Text, "string"),
        (Conversion::Integer, "integer"),
        (Conversion::Number, "number"),
        (Conversion::Boolean, "boolean"),
        (Conversion::Phone, "phone"),
        (Conversion::Digits, "digits"),
        (Conversion::Email, "email"),
        (Conversion::Url, "url"),
        (Conversion::Datetime, "datetime"),
        (Conversion::Json, "json"),
        (Conversion::List, "list"),
        (Conversion::Object, "object"),
    ];

    /// The word of `as`; nothing where nothing is converted.
    pub fn word(self) -> Option<&'static str> {
        Self::WORDS.iter().find(|(known, _)| *known == self).map(|(_, word)| *word)
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(conversion, _)| *conversion)
    }
}

/// What each value found stands for.
#[derive(Clone, Debug)]
pub struct Map {
    pub entries: Vec<(Arc<str>, Value)>,
    pub otherwise: Option<Value>,
    /// What is to be mended when a value is in neither.
    pub place: Place,
}

impl Map {
    fn of(&self, value: &Value, has_default: bool) -> Result<Value, Unfit> {
        let text = convert::text_of(value)?;
        let known = self.entries.iter().find(|(from, _)| **from == *text).map(|(_, to)| to);
        known.or(self.otherwise.as_ref()).cloned().ok_or_else(|| {
            let message = format!("{} is none of those that `map` lists", convert::describe(value));
            Unfit::new(message).help(self.advice(&text, has_default))
        })
    }

    /// What to write for a value that is not listed; the value itself is not shown.
    fn advice(&self, text: &str, has_default: bool) -> String {
        let alike = self.entries.iter().find(|(from, _)| from.trim().to_lowercase() == text.trim().to_lowercase());
        if let Some((from, _)) = alike {
            return format!(
                "it differs from `{from}` only in capital letters or spaces: write it as the payload has it"
            );
        }
        if self.entries.iter().any(|(_, to)| to.as_str() == Some(text)) {
            return "in `map`, the value of the payload stands on the left, and what it stands for on the right"
                .to_owned();
        }
        match has_default {
            true => {
                "`default` is for when nothing is found; what all other values stand for is `else: other`".to_owned()
            }
            false => "add it to `map`, or say what all others stand for: `else: other`".to_owned(),
        }
    }
}

/// A value that was found, with the path that found it and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub value: Value,
    /// The path that found it; none for a default.
    pub path: Option<Path>,
}

impl Extract {
    /// The value of the name in this payload; `None` when it is optional and has none.
    pub fn run(&self, payload: &Value) -> Result<Option<Found>, Diagnostic> {
        for (path, place) in &self.paths {
            let found = match self.all {
                true => self.every(path, place, payload)?,
                false => self.one(path, place, payload)?,
            };
            if let Some(value) = found {
                return Ok(Some(Found { value, path: Some(path.clone()) }));
            }
        }
        match &self.default {
            Some(value) => Ok(Some(Found { value: value.clone(), path: None })),
            None if self.optional => Ok(None),
            None => Err(self.not_found(payload)),
        }
    }

    fn one(&self, path: &Path, place: &Place, payload: &Value) -> Result<Option<Value>, Diagnostic> {
        if path.is_singular() {
            return path.first(payload).map_or(Ok(None), |value| self.convert(value, place));
        }
        let found: Vec<&Value> = path.all(payload, 2).into_iter().filter(|value| !is_nothing(value)).collect();
        match found.as_slice() {
            [] => Ok(None),
            [value] => self.convert(value, place),
            _ => Err(self.many(place)),
        }
    }

    fn every(&self, path: &Path, place: &Place, payload: &Value) -> Result<Option<Value>, Diagnostic> {
        let mut items = Vec::new();
        let found = path.all(payload, MOST + 1);
        if found.len() > MOST {
            let message = format!("`{}` found more than {MOST} values", self.name);
            return Err(Diagnostic::new(Code::ManyValues, place.clone(), message).help("narrow the path"));
        }
        for value in found {
            items.extend(self.convert(value, place)?);
        }
        Ok((!items.is_empty()).then(|| Value::array(items)))
    }

    /// Nothing for null and for empty text: a form sends a field that was left empty as one of them.
    fn convert(&self, value: &Value, place: &Place) -> Result<Option<Value>, Diagnostic> {
        if is_nothing(value) {
            return Ok(None);
        }
        let unfit = |unfit: Unfit, place: &Place, found: &str| {
            let message = format!("`{}`: {}", self.name, unfit.message);
            Diagnostic::new(Code::UnfitValue, place.clone(), message).found(found).help_opt(unfit.help)
        };
        let converted = self.matched(value).and_then(|value| self.converted(&value));
        let value = converted.map_err(|error| match self.line_to_mend(&error) {
            Some(line) => unfit(error, &line, "").also(place.clone(), "this path found it"),
            None => unfit(error, place, "this path found it"),
        })?;
        let Some(map) = &self.map else { return Ok(Some(value)) };
        let mapped = map.of(&value, self.default.is_some()).map(Some);
        mapped.map_err(|error| unfit(error, &map.place, "").also(place.clone(), "this path found it"))
    }

    /// What to mend where a moment is not written as `format` says, or a number is no whole one.
    fn line_to_mend(&self, unfit: &Unfit) -> Option<Place> {
        let is_format = self.conversion == Conversion::Datetime
            && self.moment.format.is_some()
            && unfit.help.as_ref().is_some_and(|help| help.contains("`format:"));
        let is_fraction = unfit.help.as_deref() == Some(convert::FRACTION);
        let key = if is_format { "format" } else { "as" };
        (is_format || is_fraction).then(|| Place { on: On::Value, ..self.place.clone() }.key(key))
    }

    fn matched(&self, value: &Value) -> Result<Value, Unfit> {
        let Some(pattern) = &self.pattern else { return Ok(value.clone()) };
        let text = convert::text(value)?;
        let captures = pattern
            .captures(&text)
            .ok_or_else(|| Unfit::new(format!("{} does not match `{}`", convert::describe(value), pattern.as_str())))?;
        let group = captures.get(1).or_else(|| captures.get(0));
        Ok(Value::from(group.map_or("", |group| group.as_str())))
    }

    /// What `as` makes of a value.
    pub fn converted(&self, value: &Value) -> Result<Value, Unfit> {
        match self.conversion {
            Conversion::None => Ok(value.clone()),
            Conversion::Text => match value {
                Value::String(_) => Ok(value.clone()),
                _ => convert::text(value).map(Value::from),
            },
            Conversion::Integer => convert::integer(value),
            Conversion::Number => convert::number(value),
            Conversion::Boolean => convert::boolean(value),
            Conversion::Phone => convert::phone(value, self.region.as_deref()).map(Value::from),
            Conversion::Digits => convert::digits(value).map(Value::from),
            Conversion::Email => convert::email(value).map(|email| same_or(value, email)),
            Conversion::Url => convert::url(value).map(|url| same_or(value, url)),
            Conversion::Datetime => convert::datetime(value, &self.moment).map(Value::from),
            Conversion::Json => json(value),
            Conversion::List => match value {
                Value::Array(_) => Ok(value.clone()),
                _ => Ok(Value::array([value.clone()])),
            },
            Conversion::Object => match value {
                Value::Object(_) => Ok(value.clone()),
                _ => Err(Unfit::new(format!("{} is not an object", convert::describe(value)))),
            },
        }
    }

    /// What the payload has that may be meant, or else what stands as far as the first path leads.
    fn near(&self, payload: &Value) -> Vec<String> {
        const SHOWN: usize = 3;
        let mut near: Vec<String> = Vec::new();
        for found in self.paths.iter().flat_map(|(path, _)| path::nearby(payload, path)) {
            if near.len() < SHOWN && !near.contains(&found) {
                near.push(found);
            }
        }
        match self.paths.first() {
            Some((path, _)) if near.is_empty() => path::around(payload, path),
            _ => near,
        }
    }

    fn many(&self, place: &Place) -> Diagnostic {
        let message = format!("`{}` found more than one value", self.name);
        Diagnostic::new(Code::ManyValues, place.clone(), message)
            .found("this path has several matches in this event")
            .help("narrow the path, or take them all as a list with `all: true`")
    }

    fn not_found(&self, payload: &Value) -> Diagnostic {
        let place = self.paths.first().map_or_else(|| self.place.clone(), |(_, place)| place.clone());
        let message = format!("`{}` found no value, and is required", self.name);
        // Null and empty text are there, and count as nothing.
        if self.paths.iter().any(|(path, _)| path.first(payload).is_some()) {
            return Diagnostic::new(Code::ValueNotFound, place, message)
                .found("what is at this path is empty")
                .help(format!("if it may be missing, write `{}?:`", self.name));
        }
        if let Some(single) = self.paths.iter().find_map(|(path, _)| path::beyond_single(payload, path)) {
            let help = single.help(&single.path);
            return Diagnostic::new(Code::ValueNotFound, place, message).found("nothing is at this path").help(help);
        }
        let help = match self.near(payload).as_slice() {
            [] => format!("if it may be missing, write `{}?:`", self.name),
            near => format!("the payload has {}; if it may be missing, write `{}?:`", near.join(", "), self.name),
        };
        let problem = Diagnostic::new(Code::ValueNotFound, place, message).found("nothing is at this path");
        let others = self.paths.iter().skip(1);
        others.fold(problem, |problem, (_, place)| problem.also(place.clone(), "nor at this one")).help(help)
    }
}

/// The text as a value: the one that it was made of, where nothing was changed.
fn same_or(value: &Value, text: String) -> Value {
    match value {
        Value::String(same) if **same == *text => value.clone(),
        _ => Value::from(text),
    }
}

/// Null, and text that is empty or blank.
pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn json(value: &Value) -> Result<Value, Unfit> {
    let Value::String(text) = value else { return Ok(value.clone()) };
    crate::value::json::parse(text.as_bytes(), &crate::value::json::Limits::default())
        .map_err(|error| Unfit::new(format!("{} is not JSON: {error}", convert::describe(value))))
}

//! The filters of the language. An absent value goes through a filter as absent, so that its key is dropped.

use std::cell::RefCell;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use minijinja::value::{Rest, Value as Engine, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use regex::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use super::bridge::{from_engine, to_engine};
use super::scope::TOKENS_ONLY;
use super::{budget, find, order};
use crate::convert::{self, Moment, Unfit};
use crate::value::Value;

/// Every filter there is.
pub const NAMES: &[&str] = &[
    "abs",
    "base64",
    "bool",
    "capitalize",
    "count",
    "d",
    "datetime",
    "default",
    "dictsort",
    "digits",
    "first",
    "float",
    "hmac",
    "int",
    "items",
    "join",
    "json",
    "jsonpath",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "phone",
    "regex_replace",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sha256",
    "slug",
    "sort",
    "split",
    "string",
    "strip_html",
    "sum",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
];

/// Every test there is, as in `phone is defined`.
pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Marks an error's detail as our own words, which never hold a value.
pub(super) const OWN: &str = "\u{1}";

/// The longest list or text that a filter of the engine's is given.
pub(super) const LARGEST: usize = 100_000;

/// Puts the language's filters into an engine, and takes away those that it does not have.
pub(super) fn install(env: &mut Environment<'static>) {
    let ours = ["default", "d", "truncate", "json", "urlencode", "string", "map"];
    for name in NAMES.iter().copied().filter(|name| !ours.contains(name)) {
        wrap(env, name);
    }
    tame(env);
    env.add_filter(MAP, minijinja::filters::map);
    env.add_filter("map", map);
    // What is absent is nothing, as null is.
    env.add_test("none", |value: &Engine| value.is_none() || value.is_undefined());
    env.add_filter("default", default);
    env.add_filter("d", default);
    for (name, filter) in OWN_FILTERS {
        env.add_filter(*name, move |args: Rest<Engine>| apply(name, args, |value, args| filter(value, args).map(Some)));
    }
    env.add_filter("jsonpath", |args: Rest<Engine>| apply("jsonpath", args, find::jsonpath));
    env.add_filter("hmac", |state: &State, args: Rest<Engine>| {
        let tokens_only = state.lookup(TOKENS_ONLY).is_some_and(|flag| flag.is_true());
        apply("hmac", args, |value, args| {
            if tokens_only { token_hmac(value, args) } else { hmac(value, args) }.map(Some)
        })
    });
}

/// A filter of ours: what it makes of a value, given what stands in its brackets.
pub(super) type Own = fn(&Value, &[Engine]) -> Result<Value, Unfit>;

/// Those that need nothing else, by name.
pub(super) const OWN_FILTERS: &[(&str, Own)] = &[
    ("phone", |value, args| {
        let region = text_arg(args, 0)?;
        convert::phone(value, region.as_deref()).map(Value::from)
    }),
    ("digits", |value, _| convert::digits(value).map(Value::from)),
    ("datetime", datetime),
    ("json", |value, _| Ok(Value::from(value.to_json()))),
    ("string", |value, _| match value {
        Value::Array(_) | Value::Object(_) => Ok(Value::from(value.to_json())),
        _ => convert::text(value).map(Value::from),
    }),
    ("sha256", |value, _| Ok(Value::from(hex(&Sha256::digest(convert::text(value)?))))),
    ("base64", |value, _| Ok(Value::from(BASE64_STANDARD.encode(convert::text(value)?)))),
    ("urlencode", |value, _| Ok(Value::from(crate::request::encode(&convert::text(value)?)))),
    ("strip_html", |value, _| Ok(Value::from(strip_html(&convert::text(value)?)))),
    ("truncate", truncate),
    ("regex_replace", regex_replace),
    ("slug", |value, _| Ok(Value::from(slug(&convert::text(value)?)))),
];

/// Whether a filter is one of the language's own, which know no named values.
pub(super) fn is_own(name: &str) -> bool {
    matches!(
        name,
        "default"
            | "d"
            | "phone"
            | "digits"
            | "datetime"
            | "json"
            | "string"
            | "jsonpath"
            | "sha256"
            | "hmac"
            | "base64"
            | "urlencode"
            | "strip_html"
            | "truncate"
            | "regex_replace"
            | "slug"
    )
}

/// Takes away what the language does not have, some of which would make a gigabyte of text in one step, and mends what
/// fails inside.
fn tame(env: &mut Environment<'static>) {
    let others =
        ["format", "indent", "pprint", "batch", "slice", "safe", "escape", "e", "tojson", "attr", "zip", "chain"];
    others.iter().for_each(|name| env.remove_filter(name));
    env.add_test("divisibleby", is_divisible);
    order::install_tests(env);
}

/// The engine's own `map`, under a name that no template can write.
const MAP: &str = "the engine's map";

/// Reaches other filters by their names, so it runs in the engine that has those of the language.
fn map(state: &mut State, args: Rest<ValueOrKwargs>) -> Result<Engine, Error> {
    let args = args.into_values();
    match args.first() {
        Some(value) if value.is_undefined() => Ok(Engine::UNDEFINED),
        _ if !budget::spend_on("map", &args) => Err(Error::from(ErrorKind::OutOfFuel)),
        _ => state.apply_filter(MAP, &args),
    }
}

/// One of the engine's filters; absent stays absent, and what would grow without bound is refused.
fn wrap(env: &mut Environment<'static>, name: &'static str) {
    thread_local! {
        // Without the others here too: `map('format')` reaches a filter by its name.
        static BUILTINS: Environment<'static> = {
            let mut env = Environment::new();
            tame(&mut env);
            env
        };
    }
    env.add_filter(name, move |_: &State, args: Rest<ValueOrKwargs>| -> Result<Engine, Error> {
        let args = args.into_values();
        if args.first().is_some_and(Engine::is_undefined) {
            return Ok(Engine::UNDEFINED);
        }
        if args.iter().any(|arg| arg.len().is_some_and(|len| len > LARGEST)) {
            return Err(fail("the value is too large for this filter"));
        }
        if !budget::spend_on(name, &args) {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        BUILTINS.with(|env| env.empty_state().apply_filter(name, &args)).map_err(|error| in_words(name, error))
    });
}

/// What the engine can't make a number of, in words that say what can.
fn in_words(name: &str, error: Error) -> Error {
    let words = match name {
        _ if error.kind() != ErrorKind::InvalidOperation => return error,
        "int" | "float" => "a number, or a text that is one",
        "abs" | "round" => "a number",
        "sum" => "a list of numbers",
        _ => return error,
    };
    fail(&format!("the filter `{name}` takes {words}"))
}

/// A filter that may find no value, which is absent then.
fn apply(
    name: &str,
    args: Rest<Engine>,
    filter: impl Fn(&Value, &[Engine]) -> Result<Option<Value>, Unfit>,
) -> Result<Engine, Error> {
    let Some((first, rest)) = args.split_first() else { return Ok(Engine::UNDEFINED) };
    if first.is_undefined() || first.is_none() {
        return Ok(first.clone());
    }
    if !budget::spend_on(name, &args) {
        return Err(Error::from(ErrorKind::OutOfFuel));
    }
    let value = from_engine(first).map_err(fail)?.unwrap_or_default();
    let made = filter(&value, rest).map_err(|unfit| fail(&unfit.message))?;
    Ok(made.map_or(Engine::UNDEFINED, |value| to_engine(&value)))
}

fn fail(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{OWN}{message}"))
}

/// Null counts as absent: a payload's null is no value either. A second value that is absent makes the whole absent.
fn default(args: Rest<Engine>) -> Engine {
    let mut args = args.0.into_iter();
    let value = args.next().unwrap_or_default();
    let other = args.next().unwrap_or_else(|| Engine::from(""));
    // `default('none', true)`: what is empty counts as absent, too.
    let or_empty = args.next().is_some_and(|flag| flag.is_true());
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => other,
        _ if or_empty && !value.is_true() => other,
        _ => value,
    }
}

/// The engine's own fails inside when it divides by zero, and the event may bring one.
fn is_divisible(value: &Engine, by: &Engine) -> bool {
    match (i128::try_from(value.clone()), i128::try_from(by.clone())) {
        (Ok(value), Ok(by)) => by != 0 && value.checked_rem(by).unwrap_or(0) == 0,
        _ => match (f64::try_from(value.clone()), f64::try_from(by.clone())) {
            (Ok(value), Ok(by)) => value % by == 0.0,
            _ => false,
        },
    }
}

pub(super) fn text_arg(args: &[Engine], index: usize) -> Result<Option<String>, Unfit> {
    match args.get(index) {
        None => Ok(None),
        Some(arg) => match arg.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(Unfit::new("the filter takes a text in quotes")),
        },
    }
}

fn datetime(value: &Value, args: &[Engine]) -> Result<Value, Unfit> {
    let format = text_arg(args, 0)?;
    // The name may be one that an event brought, so it is not shown.
    let unknown = |unfit| Unfit { message: "there is no such time zone".to_owned(), ..unfit };
    let timezone = text_arg(args, 1)?.map(|name| Moment::zone(&name).map_err(unknown)).transpose()?;
    let moment = convert::moment(value, &Moment { format: None, timezone })?;
    let text = match format {
        None => convert::rfc3339(&moment),
        Some(format) => jiff::fmt::strtime::format(&format, &moment)
            .map_err(|_| Unfit::new("the format of the date can't be read"))?,
    };
    Ok(Value::from(text))
}

fn hmac(value: &Value, args: &[Engine]) -> Result<Value, Unfit> {
    let key = text_arg(args, 0)?.ok_or_else(|| Unfit::new("`hmac` takes a key in quotes"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| Unfit::new("the key can't be used"))?;
    mac.update(convert::text(value)?.as_bytes());
    Ok(Value::from(hex(&mac.finalize().into_bytes())))
}

/// Nothing that a sender signs looks like a token: it is longer, or holds a `{`, a `=` or a `:`.
fn token_hmac(value: &Value, args: &[Engine]) -> Result<Value, Unfit> {
    const LONGEST: usize = 200;
    let text = convert::text(value)?;
    let is_token = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match is_token && (1..=LONGEST).contains(&text.len()) {
        true => hmac(value, args),
        false => {
            Err(Unfit::new("here `hmac` takes a token only: 1 to 200 letters without accents, digits, `-` and `_`"))
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).map_or('0', |d| char::from(*d));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn truncate(value: &Value, args: &[Engine]) -> Result<Value, Unfit> {
    let text = convert::text(value)?;
    let longest = args.first().and_then(Engine::as_usize).ok_or_else(|| Unfit::new("`truncate` takes a number"))?;
    if text.chars().count() <= longest {
        return Ok(Value::from(text));
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    Ok(Value::from(format!("{}…", kept.trim_end())))
}

fn regex_replace(value: &Value, args: &[Engine]) -> Result<Value, Unfit> {
    let (Some(pattern), Some(by)) = (text_arg(args, 0)?, text_arg(args, 1)?) else {
        return Err(Unfit::new("`regex_replace` takes a pattern and what to put in its place"));
    };
    let (regex, text) = (compiled(pattern)?, convert::text(value)?);
    let replaced = regex.replace_all(&text, |found: &regex::Captures<'_>| {
        let mut piece = String::new();
        // When too much is made, the evaluation fails; what it made is of no interest.
        if !budget::is_spent() {
            found.expand(&by, &mut piece);
        }
        if budget::spend(piece.len()) { piece } else { String::new() }
    });
    Ok(Value::from(replaced.into_owned()))
}

/// A pattern, compiled; the last one is kept, for a loop would compile it again and again.
fn compiled(pattern: String) -> Result<Regex, Unfit> {
    const SIZE: usize = 256 * 1024;
    thread_local! {
        static LAST: RefCell<Option<(String, Regex)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((_, regex)) = last.as_ref().filter(|(known, _)| *known == pattern) {
            return Ok(regex.clone());
        }
        let built = RegexBuilder::new(&pattern).size_limit(SIZE).build().ok().filter(|_| budget::spend(SIZE));
        let regex = built.ok_or_else(|| Unfit::new("the pattern of `regex_replace` can't be read"))?;
        *last = Some((pattern, regex.clone()));
        Ok(regex)
    })
}

/// The text of HTML without its tags, with line breaks where blocks end.
fn strip_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        text.push_str(before);
        let Some(close) = tag.find('>') else {
            rest = tag;
            break;
        };
        let (tag, after) = tag.split_at(close + 1);
        let name = tag.trim_matches(['<', '>', '/', ' ']).split([' ', '/']).next().unwrap_or("").to_lowercase();
        if matches!(name.as_str(), "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3") && !text.ends_with('\n') {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    let entities = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = entities.iter().fold(text, |text, (entity, plain)| text.replace(entity, plain));
    text.trim().to_owned()
}

/// Lower case, digits and hyphens: `Região Sul` becomes `regiao-sul`.
fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match plain(c) {
            Some(c) => slug.push(c),
            None if !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
    }
    slug.trim_matches('-').to_owned()
}

/// A letter or digit without its accent; nothing for what separates words.
fn plain(c: char) -> Option<char> {
    let accents = [
        ("áàâãäå", 'a'),
        ("éèêë", 'e'),
        ("íìîï", 'i'),
        ("óòôõöø", 'o'),
        ("úùûü", 'u'),
        ("ç", 'c'),
        ("ñ", 'n'),
        ("ýÿ", 'y'),
    ];
    match accents.iter().find(|(accented, _)| accented.contains(c)) {
        Some((_, letter)) => Some(*letter),
        None => c.is_alphanumeric().then_some(c),
    }
}

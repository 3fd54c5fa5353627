//! What a filter is given in brackets, as far as it is written out: a count, a format, a zone, a pattern.

use std::ops::Range;

use minijinja::machinery::ast::{CallArg, Expr};

use super::lint::bytes;
use crate::convert::{self, Moment};
use crate::path::Path;
use crate::value::Value;

/// How many arguments a filter takes at least and at most, with an example.
const COUNTS: &[(&str, usize, usize, &str)] = &[
    ("default", 1, 2, "default('none')"),
    ("d", 1, 2, "default('none')"),
    ("truncate", 1, 1, "truncate(100)"),
    ("replace", 2, 2, "replace('-', '')"),
    ("regex_replace", 2, 2, "regex_replace('[^0-9]', '')"),
    ("jsonpath", 1, 1, "jsonpath('$.name')"),
    ("hmac", 1, 1, "hmac('key')"),
    ("phone", 0, 1, "phone('BR')"),
    ("datetime", 0, 2, "datetime('%d/%m/%Y', 'America/Sao_Paulo')"),
    ("upper", 0, 0, "upper"),
    ("lower", 0, 0, "lower"),
    ("capitalize", 0, 0, "capitalize"),
    ("title", 0, 0, "title"),
    ("digits", 0, 0, "digits"),
    ("json", 0, 0, "json"),
    ("slug", 0, 0, "slug"),
    ("string", 0, 0, "string"),
    ("length", 0, 0, "length"),
    ("strip_html", 0, 0, "strip_html"),
    ("urlencode", 0, 0, "urlencode"),
    ("sha256", 0, 0, "sha256"),
    ("base64", 0, 0, "base64"),
    ("abs", 0, 0, "abs"),
    ("bool", 0, 0, "bool"),
    ("count", 0, 0, "count"),
    ("first", 0, 0, "first"),
    ("last", 0, 0, "last"),
    ("items", 0, 0, "items"),
    ("lines", 0, 0, "lines"),
    ("list", 0, 0, "list"),
    ("reverse", 0, 0, "reverse"),
];

/// What is wrong, and what to write.
type Fault = (String, Option<String>);

/// Why a filter can't work with these arguments; each is its value where that is written out.
pub(super) fn fault(name: &str, args: &[Option<Value>]) -> Option<Fault> {
    count(name, args.len()).or_else(|| {
        let text = |index: usize| args.get(index)?.as_ref()?.as_str();
        match name {
            "datetime" => {
                turned(text(0), text(1)).or_else(|| text(0).and_then(format)).or_else(|| text(1).and_then(zone))
            }
            "phone" => text(0).and_then(region),
            "regex_replace" => text(0).and_then(pattern),
            "jsonpath" => text(0).and_then(|path| Path::parse(path).err()).map(|error| (error.message, error.help)),
            "truncate" if text(0).is_some() => {
                let help = text(0).filter(|text| text.parse::<u32>().is_ok()).unwrap_or("100");
                Some(("`truncate` takes a number".to_owned(), Some(format!("write `truncate({help})`"))))
            }
            _ => None,
        }
    })
}

/// The part of a path that is wrong, where the path is written as it is meant: without signs that stand for others.
pub(super) fn place(name: &str, args: &[CallArg<'_>], values: &[Option<Value>]) -> Option<Range<usize>> {
    let (CallArg::Pos(expr @ Expr::Const(_)), Some(Some(value))) = (args.first()?, values.first()) else { return None };
    let path = value.as_str().filter(|path| name == "jsonpath" && !path.contains(['\\', '\n', '\t', '\r']))?;
    let (whole, part) = (bytes(expr.span()), Path::parse(path).err()?.range);
    let is_plain = whole.len() == path.len() + 2;
    is_plain.then(|| whole.start + 1 + part.start..whole.start + 1 + part.end)
}

/// What a filter does with these arguments, and was hardly meant to.
pub(super) fn doubt(name: &str, args: &[Option<Value>]) -> Option<Fault> {
    let format = args.first()?.as_ref()?.as_str().filter(|_| name == "datetime")?;
    let mended = convert::format::confused(format)?;
    Some((mended.message(), Some(format!("write `'{}'`", mended.format))))
}

/// The zone in which a moment is written that is known to be of one; nothing where the format says that it is UTC.
pub(super) fn own_zone(name: &str, args: &[Option<Value>], zone: Option<&str>) -> Option<String> {
    let [Some(format)] = args else { return None };
    let format = format.as_str().filter(|_| name == "datetime")?;
    let is_utc = format.trim_end().ends_with('Z') || ["UTC", "GMT"].iter().any(|word| format.contains(word));
    zone.filter(|_| !is_utc || format.trim_end().ends_with("%Z")).map(str::to_owned)
}

/// The zone where the format belongs.
fn turned(first: Option<&str>, second: Option<&str>) -> Option<Fault> {
    let zone = first.filter(|first| !first.contains('%') && Moment::zone(first).is_ok())?;
    let format = second.filter(|second| second.contains('%')).unwrap_or("%d/%m/%Y %H:%M");
    let message = "the format comes first, and the time zone after it".to_owned();
    Some((message, Some(format!("write `datetime('{format}', '{zone}')`"))))
}

fn count(name: &str, given: usize) -> Option<Fault> {
    let (_, least, most, example) = COUNTS.iter().find(|(known, ..)| *known == name)?;
    let message = match (given < *least, given > *most, most) {
        (true, ..) => format!("the filter `{name}` is given too little"),
        (_, true, 0) => format!("the filter `{name}` takes nothing in brackets"),
        (_, true, _) => format!("the filter `{name}` is given too much"),
        _ => return None,
    };
    Some((message, Some(format!("write `{example}`"))))
}

fn format(text: &str) -> Option<Fault> {
    let moment = Moment::zone("UTC").ok().and_then(|zone| {
        let how = Moment { format: None, timezone: Some(zone) };
        convert::moment(&Value::from("2026-01-31T12:30:00Z"), &how).ok()
    })?;
    if !text.contains('%') {
        let message = format!("`{text}` is no format of a date: its parts are written with `%`");
        return Some((message, Some(format!("write `'{}'`", translated(text)))));
    }
    let fails = jiff::fmt::strtime::format(text, &moment).is_err();
    fails.then(|| {
        let help = "write day, month, year, hour and minute as `'%d/%m/%Y %H:%M'`";
        (format!("the format `{text}` can't be read"), Some(help.to_owned()))
    })
}

/// A format of spreadsheets and programs, with `%`.
fn translated(format: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("YYYY", "%Y"),
        ("yyyy", "%Y"),
        ("AAAA", "%Y"),
        ("aaaa", "%Y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("YY", "%y"),
        ("yy", "%y"),
        ("DD", "%d"),
        ("dd", "%d"),
        ("MM", "%m"),
        ("HH", "%H"),
        ("hh", "%H"),
        ("mm", "%M"),
        ("ss", "%S"),
        ("SS", "%S"),
    ];
    const LETTERS: &[(&str, &str)] =
        &[("d", "%d"), ("m", "%m"), ("Y", "%Y"), ("y", "%y"), ("H", "%H"), ("i", "%M"), ("s", "%S")];
    let words = if WORDS.iter().any(|(word, _)| format.contains(word)) { WORDS } else { LETTERS };
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let known = words.iter().find(|(word, _)| rest.starts_with(word));
        out.push_str(&known.map_or_else(|| first.to_string(), |(_, ours)| (*ours).to_owned()));
        rest = rest.get(known.map_or(first.len_utf8(), |(word, _)| word.len())..).unwrap_or_default();
    }
    // `dd/mm/yyyy` has a month.
    let day = if out.contains("%H") || out.contains("%m") { out } else { out.replace("%M", "%m") };
    // A word that is no part of a date was no format at all.
    let is_whole = !day.split('%').enumerate().any(|(at, part)| {
        part.chars().skip(usize::from(at > 0)).any(|c| c.is_alphabetic() && !matches!(c, 'T' | 'Z' | 'h'))
    });
    if day.contains('%') && is_whole { day } else { "%d/%m/%Y".to_owned() }
}

fn zone(name: &str) -> Option<Fault> {
    let unfit = Moment::zone(name).err()?;
    let help = match convert::zone::meant(name) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "a zone is named after a city, as `America/Sao_Paulo`, or is `UTC`".to_owned(),
    };
    Some((unfit.message, Some(help)))
}

fn region(name: &str) -> Option<Fault> {
    convert::phone(&Value::from("+5511999990000"), Some(name)).err()?;
    Some((format!("there is no region `{name}`"), Some("write the two letters of a country, as `'BR'`".to_owned())))
}

fn pattern(text: &str) -> Option<Fault> {
    let error = regex::Regex::new(text).err()?;
    let reason = error.to_string();
    let reason = reason.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
    let help = "a pattern for all but digits is `[^0-9]`; signs that stand for themselves take a `\\` before them";
    Some((format!("this pattern can't be read: {reason}"), Some(help.to_owned())))
}

//! Extracts: names, paths and what their values become.

mod country;
mod never;

use std::sync::Arc;

use super::Compiler;
use crate::config::Named;
use crate::config::extract::{Conversion as WrittenConversion, Extract as Written, ExtractFields};
use crate::config::scalar::Text;
use crate::convert::Moment;
use crate::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::document::Node;
use crate::extract::{Conversion, Extract, Map};
use crate::pipeline::BASE_NAMES;
use crate::types::{Form, Kinds, Presence, Type};
use crate::value::Value;

impl Compiler<'_> {
    pub(super) fn extract(&mut self, named: &Named<Written>) -> Option<Extract> {
        let place = named.name.place.clone();
        let name = bare(&named.name);
        if !can_be_name(name) {
            let message = format!("`{name}` can't be a name");
            let fixed: String = name.chars().map(|c| if matches!(c, '-' | ' ' | '.') { '_' } else { c }).collect();
            let help = match (is_word(name), is_word(&fixed)) {
                (true, _) => format!("`{name}` is in reach already and means something else; choose another name"),
                (false, true) => format!("write `{fixed}`: a name has letters, digits and `_`"),
                (false, false) => "a name has letters, digits and `_`, and begins with a letter".to_owned(),
            };
            self.report(Diagnostic::new(Code::InvalidValue, place, message).help(help));
            return None;
        }
        let empty;
        let written = match &named.value {
            Written::Full(fields) => &**fields,
            Written::Path(path) => {
                empty = only_path(path);
                &empty
            }
        };
        self.check_extract_keys(written);
        self.check_map(written);
        self.check_keys_of_map(written);
        self.check_null_default(name, written);
        self.check_default(written);
        self.check_guess(name, written);
        if let Some(format) = &written.format
            && written.conversion.as_ref().is_some_and(|conversion| conversion.value == WrittenConversion::Datetime)
            && let Err(unfit) = crate::convert::format::check(format)
        {
            let diagnostic = Diagnostic::new(Code::InvalidValue, format.place.clone(), unfit.message);
            self.report(diagnostic.help_opt(unfit.help));
        }
        let paths = self.extract_paths(written)?;
        let zone = written.timezone.as_ref().map(|zone| self.zone(zone));
        Some(Extract {
            name: name.into(),
            optional: named.name.ends_with('?'),
            paths,
            conversion: written.conversion.as_ref().map_or(Conversion::None, |c| conversion(c.value)),
            moment: Moment { format: written.format.as_ref().map(|f| f.value.to_string()), timezone: flat(zone)? },
            region: flat(written.region.as_ref().map(|region| self.region(region)))?,
            all: written.all.as_ref().is_some_and(|all| all.value),
            map: written.map.as_ref().map(|map| Map {
                entries: map.iter().map(|entry| (entry.name.value.clone(), entry.value.to_value())).collect(),
                otherwise: written.otherwise.as_ref().map(Node::to_value),
                place: match written.default.is_some() && written.otherwise.is_none() {
                    true => written.place.key("default").on_key(),
                    false => written.place.key("map").on_key(),
                },
            }),
            default: written.default.as_ref().map(Node::to_value),
            pattern: flat(written.pattern.as_ref().map(|pattern| self.pattern(pattern)))?,
            place,
        })
    }

    /// What a draft assumes, a person has to confirm.
    fn check_guess(&mut self, name: &str, written: &ExtractFields) {
        let Some(guess) = &written.guess else { return };
        let message = format!("`{name}` is a guess: {}", guess.value);
        let help = "see with `jackfield dry-run` what it finds; delete `guess` when that is right, or correct the path";
        self.report(Diagnostic::new(Code::UnconfirmedGuess, guess.place.on_key(), message).help(help));
    }

    /// Keys that mean nothing without another.
    fn check_extract_keys(&mut self, written: &ExtractFields) {
        let as_one_of =
            |kinds: &[WrittenConversion]| written.conversion.as_ref().is_some_and(|c| kinds.contains(&c.value));
        let stray = [
            (written.region.as_ref(), "region", "as: phone", as_one_of(&[WrittenConversion::Phone])),
            (written.timezone.as_ref(), "timezone", "as: datetime", as_one_of(&[WrittenConversion::Datetime])),
            (written.format.as_ref(), "format", "as: datetime", as_one_of(&[WrittenConversion::Datetime])),
        ];
        let unread = self.was_tried(&written.place, "as");
        for (text, key, needed, is_there) in stray {
            if let Some(text) = text.filter(|_| !is_there && !unread) {
                let message = format!("`{key}` does nothing without `{needed}`");
                let help = format!("add `{needed}`, or remove `{key}`");
                self.report(Diagnostic::new(Code::ConflictingKeys, text.place.on_key(), message).help(help));
            }
        }
        if let (Some(otherwise), None) = (&written.otherwise, &written.map) {
            let message = "`else` does nothing without `map`";
            let help = "a value for when nothing is found is `default`";
            let diagnostic = Diagnostic::new(Code::ConflictingKeys, otherwise.place.on_key(), message).help(help);
            self.report_missing(&written.place, "map", diagnostic);
        }
    }

    /// Keys of `map` that stand beside it, and entries that run together.
    fn check_map(&mut self, written: &ExtractFields) {
        let Some(map) = &written.map else { return };
        for entry in map.iter() {
            let (name, place) = (&entry.name.value, &entry.name.place);
            let is_other = matches!(&**name, "else" | "default" | "otherwise" | "*" | "_" | "any");
            if is_other && written.otherwise.is_none() {
                let message = format!("in `map`, `{name}` is a value of the payload like any other");
                let value = entry.value.as_scalar().map_or("…", |scalar| &scalar.text);
                let help = format!("what all others stand for is said beside `map`, not in it: `else: {value}`");
                self.report(Diagnostic::new(Code::UnknownKey, place.clone(), message).help(help));
                return;
            }
            let is_blank =
                entry.value.as_scalar().is_some_and(|scalar| scalar.text.is_empty()) && entry.value.is_null();
            if is_blank {
                let message = format!("`{name}` stands for nothing");
                let help = match name.split_once(['=', ':', '>']) {
                    Some((from, to)) if !from.is_empty() && !to.is_empty() => {
                        let (from, to) =
                            (from.trim_end_matches(['-', '=', ' ']), to.trim_start_matches(['>', '=', ' ']));
                        format!("write a colon and a space between the two: `{from}: {to}`")
                    }
                    _ => match without_colon(name, map) {
                        Some(meant) => format!("a colon is missing: write `{meant}`"),
                        None => "write what it stands for after the colon".to_owned(),
                    },
                };
                self.report(Diagnostic::new(Code::WrongType, place.clone(), message).help(help));
                self.blank_maps.insert(written.place.clone());
                return;
            }
        }
    }

    /// A default that `as` could not have made.
    fn check_default(&mut self, written: &ExtractFields) {
        let (Some(default), Some(conversion), None) = (&written.default, &written.conversion, &written.map) else {
            return;
        };
        if written.all.as_ref().is_some_and(|all| all.value) {
            return;
        }
        let value = default.to_value();
        let is_fit = match conversion.value {
            WrittenConversion::Integer => value.as_number().is_some_and(crate::value::Number::is_integer),
            WrittenConversion::Number => value.as_number().is_some(),
            WrittenConversion::Boolean => matches!(value, Value::Bool(_)),
            WrittenConversion::Email => value.is_null() || crate::convert::email(&value).is_ok(),
            WrittenConversion::Url => value.is_null() || crate::convert::url(&value).is_ok(),
            WrittenConversion::Phone => {
                let region = written.region.as_ref().map(|region| &*region.value);
                value.is_null() || crate::convert::phone(&value, region).is_ok()
            }
            _ => true,
        };
        if is_fit || value == Value::from("") {
            return;
        }
        let word = conversion.value.word();
        let message = format!("this `default` is not what `as: {word}` makes");
        let converted = match conversion.value {
            WrittenConversion::Boolean => crate::convert::boolean(&value),
            WrittenConversion::Email | WrittenConversion::Url | WrittenConversion::Phone => {
                Err(crate::convert::Unfit::new(""))
            }
            _ => {
                crate::convert::number(&Value::from(crate::convert::text(&value).unwrap_or_default().replace(',', ".")))
            }
        };
        let help = match converted {
            Ok(meant) => format!("write `default: {}`", meant.to_json()),
            Err(_) if conversion.value == WrittenConversion::Boolean => {
                "write `true` or `false`, without quotes".to_owned()
            }
            Err(_) if WITHOUT_DEFAULT.contains(&conversion.value) => {
                "remove it, and write the name with a `?`: what is absent is left out of the body".to_owned()
            }
            Err(_) => "write a number, without quotes".to_owned(),
        };
        // It may be meant: then whatever takes the name must take both.
        let mut diagnostic = Diagnostic::new(Code::WrongType, default.place.clone(), message).help(help);
        diagnostic.severity = Severity::Warning;
        self.report(diagnostic);
    }

    fn extract_paths(&mut self, written: &ExtractFields) -> Option<Vec<(crate::path::Path, Place)>> {
        let texts: Vec<&Text> = match (&written.path, &written.first_of) {
            (Some(path), None) => vec![path],
            (None, Some(paths)) if !paths.is_empty() => paths.iter().collect(),
            (None, _) => {
                let help = "add `path: $.…`, or `first_of:` with a list of paths";
                let diagnostic = Diagnostic::new(Code::MissingKey, written.place.on_key(), "the extract has no `path`");
                if !self.was_tried(&written.place, "first_of") {
                    self.report_missing(&written.place, "path", diagnostic.help(help));
                }
                return None;
            }
            (Some(_), Some(paths)) => {
                let place = paths.first().map_or(&written.place, |path| &path.place);
                let message = "an extract has `path` or `first_of`, not both";
                let help = "move the path into the list of `first_of`, and remove `path`";
                self.report(Diagnostic::new(Code::ConflictingKeys, place.clone(), message).help(help));
                return None;
            }
        };
        let paths: Vec<Option<_>> =
            texts.into_iter().map(|text| Some((self.json_path(text)?, text.place.clone()))).collect();
        paths.into_iter().collect()
    }

    fn zone(&mut self, text: &Text) -> Option<jiff::tz::TimeZone> {
        Moment::zone(text)
            .map_err(|unfit| {
                let diagnostic = Diagnostic::new(Code::InvalidValue, text.place.clone(), unfit.message);
                let meant = crate::convert::zone::meant(text);
                let near = meant.as_ref().map(|zone| format!("did you mean `{zone}`?"));
                let help = near.or_else(|| country::of_no_place(text)).or(unfit.help);
                self.report(diagnostic.help_opt(help).fix_opt(text.place.clone(), meant));
            })
            .ok()
    }

    fn region(&mut self, text: &Text) -> Option<Arc<str>> {
        if text.value.parse::<phonenumber::country::Id>().is_err() {
            let message = format!("there is no region `{}`", text.value);
            let upper = match crate::config::scalar::region_of(text) {
                Some(region) => region.to_owned(),
                None => country::code(text).map_or_else(|| text.to_uppercase(), str::to_owned),
            };
            let known = upper != *text.value && upper.parse::<phonenumber::country::Id>().is_ok();
            let help = match known {
                true if upper.eq_ignore_ascii_case(text) => format!("write it in capital letters: `{upper}`"),
                true => format!("write the country's two capital letters: `{upper}`"),
                false => "a region is a country's two capital letters: `BR`, `FR`, `US`".to_owned(),
            };
            let diagnostic = Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help);
            self.report(diagnostic.fix_opt(text.place.clone(), known.then_some(upper)));
            return None;
        }
        Some(text.value.clone())
    }

    fn pattern(&mut self, text: &Text) -> Option<regex::Regex> {
        regex::RegexBuilder::new(text)
            .size_limit(256 * 1024)
            .build()
            .map_err(|_| {
                let message = "this regular expression can't be read";
                let help = "a bracket may be left open; look-around and back-references do not exist here; a sign that \
                            is meant as it is has a `\\` before it";
                self.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
            })
            .ok()
    }
}

/// `Jane Doe 17`, where the other entries stand for numbers; `Ana sales`, where they stand for single words.
fn without_colon(name: &str, map: &crate::config::NamedList<Node>) -> Option<String> {
    let (from, to) = name.rsplit_once(' ')?;
    let others = || map.iter().filter_map(|entry| entry.value.as_scalar()).filter(|scalar| !scalar.text.is_empty());
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let alike = others().next().is_some()
        && match is_number(to) {
            true => others().all(|scalar| is_number(&scalar.text)),
            false => others().all(|scalar| !scalar.text.contains(' ') && !is_number(&scalar.text)),
        };
    alike.then(|| format!("{}: {to}", from.trim()))
}

/// What nothing else can stand for.
const WITHOUT_DEFAULT: &[WrittenConversion] =
    &[WrittenConversion::Email, WrittenConversion::Url, WrittenConversion::Phone];

fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_') && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

pub(super) fn can_be_name(name: &str) -> bool {
    is_word(name) && !BASE_NAMES.contains(&name) && name != "connection"
}

/// The type of an extract's value.
pub(super) fn type_of(written: &Written, extract: &Extract) -> Type {
    let item = match &extract.map {
        Some(map) => {
            let of = |value: &Value, place: Place| Type::constant(value, Some(place));
            let entries = map.entries.iter().map(|(from, to)| of(to, map_place(written, extract).key(from.clone())));
            let otherwise = map.otherwise.iter().map(|to| of(to, extract_place(written, extract).key("else")));
            entries.chain(otherwise).reduce(Type::union).unwrap_or_else(Type::unknown)
        }
        None => moment(converted(extract.conversion), extract),
    };
    let found = if extract.all { Type::list(item).at_least(1) } else { item };
    let with_default = match &extract.default {
        Some(default) => found.union(Type::constant(default, Some(extract_place(written, extract).key("default")))),
        None => found,
    };
    let presence = match extract.optional && extract.default.is_none() {
        true => Presence::Possible,
        false => Presence::Certain,
    };
    with_default.with_presence(presence)
}

/// A moment is written in the zone that `timezone` says.
fn moment(ty: Type, extract: &Extract) -> Type {
    let zone = extract.moment.timezone.as_ref().and_then(|zone| zone.iana_name());
    match zone.filter(|_| extract.conversion == Conversion::Datetime) {
        Some(zone) => ty.in_zone(zone),
        None => ty,
    }
}

/// Where the mapping of an extract is written.
fn extract_place(written: &Written, extract: &Extract) -> Place {
    match written {
        Written::Full(fields) => fields.place.clone(),
        Written::Path(_) => extract.place.clone(),
    }
}

fn map_place(written: &Written, extract: &Extract) -> Place {
    extract_place(written, extract).key("map")
}

pub(super) fn converted(conversion: Conversion) -> Type {
    match conversion {
        Conversion::None | Conversion::Json => Type::unknown(),
        Conversion::Text => Type::text_of(1),
        Conversion::Integer => Type::certain(Kinds::INTEGER),
        Conversion::Number => Type::certain(Kinds::NUMBER),
        Conversion::Boolean => Type::certain(Kinds::BOOLEAN),
        Conversion::Phone => Type::text(Form::Phone),
        Conversion::Digits => Type::text(Form::Digits),
        Conversion::Email => Type::text(Form::Email),
        Conversion::Url => Type::text(Form::Url),
        Conversion::Datetime => Type::text(Form::Datetime),
        Conversion::List => Type { presence: Presence::Certain, ..Type::list(Type::unknown()) },
        Conversion::Object => Type::certain(Kinds::OBJECT),
    }
}

/// The name without its `?`.
pub(super) fn bare(name: &str) -> &str {
    name.strip_suffix('?').unwrap_or(name)
}

pub(super) fn may_be_absent(named: &Named<Written>) -> bool {
    let has_default = matches!(&named.value, Written::Full(fields) if fields.default.is_some());
    named.name.ends_with('?') && !has_default
}

fn only_path(path: &Text) -> ExtractFields {
    ExtractFields {
        place: path.place.clone(),
        path: Some(path.clone()),
        first_of: None,
        conversion: None,
        region: None,
        timezone: None,
        format: None,
        all: None,
        map: None,
        otherwise: None,
        default: None,
        pattern: None,
        guess: None,
    }
}

fn conversion(written: WrittenConversion) -> Conversion {
    match written {
        WrittenConversion::Text => Conversion::Text,
        WrittenConversion::Integer => Conversion::Integer,
        WrittenConversion::Number => Conversion::Number,
        WrittenConversion::Boolean => Conversion::Boolean,
        WrittenConversion::Phone => Conversion::Phone,
        WrittenConversion::Digits => Conversion::Digits,
        WrittenConversion::Email => Conversion::Email,
        WrittenConversion::Url => Conversion::Url,
        WrittenConversion::Datetime => Conversion::Datetime,
        WrittenConversion::Json => Conversion::Json,
        WrittenConversion::List => Conversion::List,
        WrittenConversion::Object => Conversion::Object,
    }
}

/// `Some(None)` where nothing was written, nothing where what was written did not compile.
pub(super) fn flat<T>(compiled: Option<Option<T>>) -> Option<Option<T>> {
    match compiled {
        None => Some(None),
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
    }
}

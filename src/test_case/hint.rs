//! What a failed test adds to a problem, from its sample.

use crate::convert;
use crate::diagnostic::{Code, Diagnostic, On, Place};
use crate::event::Event;
use crate::extract::{Conversion, Extract};
use crate::path::{self, Location, Path, Step};
use crate::route::Route;
use crate::template::{Template, Use};
use crate::value::Value;

/// How many values of a payload are looked at.
const SEEN: usize = 2_000;
/// How many paths are named.
const NAMED: usize = 3;

/// What the sample shows of a problem: values where a filter of the path asks for something else, paths that would fit,
/// and where the value stands.
pub fn with_values(problem: Diagnostic, route: &Route, event: &Event) -> Diagnostic {
    if problem.code == Code::TemplateFailed {
        return of_template(problem, route, event);
    }
    if problem.code == Code::InvalidBody {
        return of_body(problem, route);
    }
    let is_of = |place: &Place| problem.labels.iter().any(|label| label.place == *place);
    let extract = route.extracts.iter().find(|extract| extract.paths.iter().any(|(_, place)| is_of(place)));
    match extract {
        Some(extract) if problem.code == Code::UnfitValue => with_fits(problem, extract, event),
        Some(extract) => {
            let in_envelope = |(path, _): &(Path, Place)| is_in_envelope(path, event).then(|| path.clone());
            match extract.paths.iter().find_map(in_envelope).filter(|_| problem.code == Code::ValueNotFound) {
                Some(path) => problem.help(envelope_help(&path, event)),
                None => extract.with_values(problem, &event.payload),
            }
        }
        None => problem,
    }
}

fn of_template(problem: Diagnostic, route: &Route, event: &Event) -> Diagnostic {
    let Some(at) = problem.place().cloned() else { return problem };
    let whole = Place { on: On::Value, ..at.clone() };
    let Some((template, _)) = route.templates().into_iter().find(|(_, place)| **place == whole) else { return problem };
    let Some(used) = used_at(template, &at) else { return problem };
    let path = of_payload(used);
    if let Some(path) = path.as_ref().filter(|path| is_in_envelope(path, event)) {
        return problem.help(match part_path(path, event) {
            Some((whole, own)) => part_help(&whole, &own.replacen('$', "payload", 1)),
            None => envelope_help(path, event),
        });
    }
    let is_absent =
        path.as_ref().is_some_and(|path| path.first(&event.payload).is_none_or(|value| *value == Value::Null));
    let placed = [(&route.identity, "an identity"), (&route.lane, "a lane")];
    let own = placed.into_iter().find(|(placed, _)| placed.as_ref().is_some_and(|placed| placed.place == whole));
    if let (Some((_, what)), Some(path), true) = (own, &path, is_absent) {
        return problem.help(named_help(what, path, event));
    }
    match problem.message.ends_with(" is not a date") {
        true => with_format(problem, used, route, event),
        false => problem,
    }
}

/// A number as the sample has it where the provider wants it with plus and country.
fn as_phone(problem: &Diagnostic, route: &Route) -> Option<String> {
    let pattern = problem.message.split_once("must look like `")?.1.strip_suffix('`')?;
    let pattern = regex::Regex::new(pattern).ok()?;
    let is_number = pattern.is_match("+5511999990000")
        && !["5511999990000", "Ana", "a@b.example"].iter().any(|other| pattern.is_match(other));
    let (template, _) = route.templates().into_iter().find(|(_, place)| problem.place() == Some(*place))?;
    let taken = |used: &Use| route.extracts.iter().find(|extract| extract.name == used.name && used.fields.is_empty());
    let extract =
        template.uses().iter().find_map(taken).filter(|extract| is_number && extract.conversion == Conversion::None)?;
    let mark = if extract.optional { "?" } else { "" };
    let path = match extract.paths.as_slice() {
        [(path, _)] => path.text(),
        _ => "…",
    };
    Some(format!(
        "say under `extract:` that it is a phone number: `{}{mark}: {{ path: {path}, as: phone }}`; add `region: BR` where the \
         sender leaves out the country",
        extract.name
    ))
}

/// What makes a text of the sample the number, the truth or the list that the provider wants.
fn as_other(problem: &Diagnostic, route: &Route) -> Option<String> {
    let wanted = problem.message.strip_suffix(", but is text")?.rsplit_once(" must be ")?.1;
    let (conversion, filter) = match wanted {
        "a whole number" => ("integer", "int"),
        "a number" => ("number", "float"),
        "true or false" => ("boolean", ""),
        "a list" => ("", ""),
        _ => return None,
    };
    let (template, _) = route.templates().into_iter().find(|(_, place)| problem.place() == Some(*place))?;
    let text = template.text().trim();
    if conversion.is_empty() {
        return Some(format!("write it in brackets: `[\"{text}\"]`"));
    }
    let [used] = template.uses() else { return None };
    let expression = text.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let extract = route.extracts.iter().find(|extract| extract.name == used.name && used.fields.is_empty());
    match extract.filter(|extract| extract.conversion == Conversion::None) {
        Some(extract) => {
            let mark = if extract.optional { "?" } else { "" };
            let [(path, _)] = extract.paths.as_slice() else { return None };
            let path = if path.text().contains(['[', ',', '{', '\'', '"']) { "…" } else { path.text() };
            Some(format!(
                "say under `extract:` what it is: `{}{mark}: {{ path: {path}, as: {conversion} }}`",
                extract.name
            ))
        }
        None if !filter.is_empty() && template.is_one_operand() => {
            Some(format!("write `{{{{ {expression} | {filter} }}}}`"))
        }
        None => None,
    }
}

/// The one address that the route takes, where another value stands in its place.
fn as_email(problem: &Diagnostic, route: &Route) -> Option<String> {
    let is_wanted = problem.message.ends_with("must be an email address");
    let is_email = |extract: &&Extract| extract.conversion == Conversion::Email && !extract.all;
    let mut emails = route.extracts.iter().filter(|extract| is_wanted && is_email(extract));
    let email = emails.next().filter(|_| emails.next().is_none())?;
    let (template, _) = route.templates().into_iter().find(|(_, place)| problem.place() == Some(*place))?;
    let is_other = template.uses().iter().all(|used| used.name != email.name);
    is_other.then(|| format!("did you mean `{{{{ {} }}}}`?", email.name))
}

/// A date that is written for people where the provider wants it as it was.
fn of_body(problem: Diagnostic, route: &Route) -> Diagnostic {
    if let Some(help) =
        as_phone(&problem, route).or_else(|| as_other(&problem, route)).or_else(|| as_email(&problem, route))
    {
        return problem.help(help);
    }
    let is_date = problem.message.contains("must be a date and time");
    let found = route.templates().into_iter().find(|(_, place)| is_date && problem.place() == Some(*place));
    let bare =
        found.and_then(|(template, _)| template.text().split_once("| datetime(").map(|(bare, _)| bare.trim_end()));
    match bare {
        Some(bare) => problem.help(format!("leave the format out: `{bare} | datetime }}}}`")),
        None => problem,
    }
}

/// The name at a part of a template.
fn used_at<'t>(template: &'t Template, at: &Place) -> Option<&'t Use> {
    let On::Part(part) = &at.on else { return template.uses().first() };
    let is_in = |used: &&Use| part.start <= used.range.start && used.range.end <= part.end;
    // A filter is marked without what it is applied to.
    let before = |used: &&Use| used.range.end <= part.start;
    let uses = template.uses();
    uses.iter().find(is_in).or_else(|| uses.iter().rfind(before))
}

fn of_payload(used: &Use) -> Option<Path> {
    let is_payload = &*used.name == "payload" && !used.fields.is_empty();
    let text = Location(used.fields.iter().cloned().map(Step::Key).collect()).to_string();
    Path::parse(&text).ok().filter(|_| is_payload)
}

/// Whether something stands in the whole request, and not in the part that the event is.
pub fn is_in_envelope(path: &Path, event: &Event) -> bool {
    event.envelope != event.payload && path.first(&event.payload).is_none() && path.first(&event.envelope).is_some()
}

/// A path that leads from the whole request into the part that the event is: the way to the part, and the one within it.
pub fn part_path(path: &Path, event: &Event) -> Option<(String, String)> {
    let text = path.text();
    let ends = text.char_indices().filter(|(at, c)| *at > 1 && matches!(c, '.' | '[')).map(|(at, _)| at);
    let is_part = |value: &&Value| **value == event.payload;
    ends.filter_map(|at| text.split_at_checked(at)).find_map(|(whole, own)| {
        let (to, within) = (Path::parse(whole).ok()?, Path::parse(&format!("${own}")).ok()?);
        let leads = event.envelope != event.payload && to.all(&event.envelope, SEEN).iter().any(is_part);
        (leads && within.first(&event.payload).is_some()).then(|| (whole.to_owned(), within.text().to_owned()))
    })
}

/// What to write for a path that goes the way of `split` once more.
pub fn part_help(whole: &str, own: &str) -> String {
    let position = whole.rsplit_once('[').filter(|(_, last)| last.trim_end_matches(']').parse::<usize>().is_ok());
    let each = position.map_or_else(|| whole.to_owned(), |(list, _)| format!("{list}[*]"));
    format!("`split` makes each of `{each}` the payload: write `{own}`")
}

/// Where to find what only the whole request has.
pub fn envelope_help(path: &Path, event: &Event) -> String {
    if let Some((whole, own)) = part_path(path, event) {
        return part_help(&whole, &own);
    }
    let written = path.text().replacen('$', "envelope", 1);
    format!(
        "after `split`, `payload` is one part, and the whole request is `envelope`: write `{written}` in the template"
    )
}

/// An identity and a lane are the event's own: nothing else can stand for what is missing.
fn named_help(what: &str, path: &Path, event: &Event) -> String {
    let near = path::nearby(&event.payload, path);
    let names = || -> Vec<String> {
        let fields = event.payload.as_object().into_iter().flat_map(|fields| fields.iter());
        let single = fields.filter(|(_, value)| matches!(value, Value::String(_) | Value::Number(_)));
        single.map(|(key, _)| Location(vec![Step::Key(key.clone())]).to_string()).take(5).collect()
    };
    let found = if near.is_empty() { names() } else { near };
    let found: Vec<String> = found.iter().map(|path| format!("`{}`", path.replacen('$', "payload", 1))).collect();
    let sent = format!("{what} needs a value in every event: take it from a field that the sender always sends");
    if found.is_empty() { sent } else { format!("{sent}; the sample has {}", found.join(", ")) }
}

/// How the date is written that a filter can't read.
fn with_format(problem: Diagnostic, used: &Use, route: &Route, event: &Event) -> Diagnostic {
    let extract = route.extracts.iter().find(|extract| extract.name == used.name && used.fields.is_empty());
    let value = match (extract, of_payload(used)) {
        (Some(extract), _) => extract.run(&event.payload).ok().flatten().map(|found| found.value),
        (None, path) => path.and_then(|path| path.first(&event.payload).cloned()),
    };
    let Some(format) = value.as_ref().and_then(Value::as_str).and_then(convert::format::guess) else { return problem };
    let (name, path) = match extract.map(|extract| (&extract.name, extract.paths.as_slice())) {
        Some((name, [(path, _)])) => (&**name, path.text().to_owned()),
        Some((name, _)) => (&**name, "…".to_owned()),
        None => ("name", of_payload(used).map_or_else(String::new, |path| path.text().to_owned())),
    };
    problem.help(format!(
        "say under `extract:` how it is written: `{name}: {{ path: {path}, as: datetime, format: \"{format}\" }}`"
    ))
}

/// Paths of the sample whose values are what a name is to become, where what was found is nothing of the kind.
fn with_fits(problem: Diagnostic, extract: &Extract, event: &Event) -> Diagnostic {
    let found = extract.paths.iter().find_map(|(path, _)| path.first(&event.payload));
    let Some(found) = found else { return problem };
    let text = convert::text(found).unwrap_or_default();
    if extract.conversion == Conversion::Datetime
        && extract.moment.format.is_none()
        && let Some(format) = convert::format::guess(&text)
    {
        return problem.help(format!("say how it is written: `format: \"{format}\"`"));
    }
    if extract.map.is_some() || extract.pattern.is_some() || !is_nothing_of(&text, extract.conversion) {
        return problem;
    }
    let fits = fitting(extract, &event.payload);
    let what = match extract.conversion {
        Conversion::Phone => "a phone number",
        Conversion::Email => "an e-mail address",
        Conversion::Datetime => "a date",
        _ => "an address of the web",
    };
    // How it would be written is not what is wrong.
    match fits.as_slice() {
        [] => Diagnostic { help: None, ..problem },
        fits if fits.len() <= NAMED => problem.help(format!("the sample has {what} at {}", fits.join(" and at "))),
        _ => Diagnostic { help: None, ..problem },
    }
}

/// Whether a text is not even a bad phone number, or a date in another form.
fn is_nothing_of(text: &str, conversion: Conversion) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    match conversion {
        Conversion::Phone => digits < 6,
        Conversion::Email => !text.contains('@'),
        Conversion::Datetime => digits < 4 || !text.contains(['-', '/', '.', ':', ' ', ',']),
        Conversion::Url => !text.contains("://"),
        _ => false,
    }
}

fn fitting(extract: &Extract, payload: &Value) -> Vec<String> {
    let Ok(all) = Path::parse("$..*") else { return Vec::new() };
    let looks = |text: &str| match extract.conversion {
        Conversion::Phone => {
            let is_sign = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.');
            (text.starts_with('+') || text.contains(['-', ' ', '('])) && text.chars().all(is_sign)
        }
        Conversion::Datetime => text.contains(['-', '/']) && text.contains(':'),
        _ => true,
    };
    let fits = |value: &Value| value.as_str().is_some_and(looks) && extract.converted(value).is_ok();
    let found = all.select(payload, SEEN).into_iter().filter(|(_, value)| fits(value));
    found.map(|(at, _)| format!("`{at}`")).collect()
}

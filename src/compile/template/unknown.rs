//! A name that nothing gives, and what was probably meant.

use super::Reach;
use crate::diagnostic::suggest;
use crate::template::{Use, idiom};

/// What is written for a name of another tool, or one that stands under another.
pub(super) fn home_of_field(used: &Use, reach: &Reach) -> Option<String> {
    let fields: Vec<&str> = used.fields.iter().map(|field| &**field).collect();
    let last = fields.last().filter(|last| reach.known(last).is_some());
    if let Some(last) = last {
        return Some(format!("write `{last}` alone, which `extract:` gives"));
    }
    match &*used.name {
        "request" | "event" => {
            let (first, rest) = fields.split_first()?;
            let sent = format!("what the sender sent is `payload`: write `payload{}`", written(&fields));
            idiom::name(first, rest).or_else(|| (&*used.name == "event").then_some(sent))
        }
        name => idiom::name(name, &fields),
    }
}

fn written(fields: &[&str]) -> String {
    fields.iter().map(|field| idiom::after(field)).collect()
}

/// Where a field of `connection` or `vars` would be given.
pub(super) fn home_of(name: &str, field: &str) -> Option<String> {
    (name == "vars").then(|| format!("add it to jackfield.yaml: `vars: {{ {field}: … }}`"))
}

pub(super) fn unknown_help(used: &Use, text: &str, reach: &Reach) -> String {
    let all = reach.all();
    let name = &used.name;
    // A slip in an extracted name comes before what other tools call something.
    let extracted = reach.names.iter().map(|known| &*known.name);
    if let Some(near) =
        suggest::certain(name, extracted).filter(|_| used.fields.is_empty() && text.matches('-').count() == 0)
    {
        return format!("did you mean `{near}`?");
    }
    if let Some(help) = home_of_field(used, reach) {
        return help;
    }
    if reach.constants.iter().any(|(owner, vars)| *owner == "vars" && vars.get(name).is_some()) {
        return format!("constants of the workspace stand under `vars`: write `vars.{name}`");
    }
    let (before, after) = (text.get(..used.range.start).unwrap_or(""), text.get(used.range.end..).unwrap_or(""));
    // `payload.user-agent`, too.
    let path = before.strip_suffix('-').map(|rest| rest.rsplit(|c: char| !is_path(c)).next().unwrap_or_default());
    if let Some((owner, first)) = path.and_then(|path| path.rsplit_once('.')) {
        return format!("`-` subtracts; write `{owner}['{first}-{name}']`");
    }
    // `caller-name` is a subtraction to the engine.
    let rest = after.strip_prefix('-').map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next());
    let ahead = before.strip_suffix('-').map(|rest| rest.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next());
    let joined = match (rest.flatten(), ahead.flatten()) {
        (Some(rest), _) if !rest.is_empty() => Some((format!("{name}-{rest}"), format!("{name}_{rest}"))),
        (_, Some(ahead)) if !ahead.is_empty() => Some((format!("{ahead}-{name}"), format!("{ahead}_{name}"))),
        _ => None,
    };
    if let Some((written, right)) = joined {
        return match suggest::nearest(&right, all.iter().copied()) {
            Some(near) => format!("`-` is a minus; did you mean `{near}`?"),
            None => format!("`{written}` subtracts; a name is written with `_`: `{right}`"),
        };
    }
    if let Some(near) = suggest::nearest(name, all.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let of_owner = |(_, fields): &&(&'static str, Vec<std::sync::Arc<str>>)| fields.iter().any(|field| field == name);
    if let Some((owner, _)) = reach.fields.iter().find(of_owner).filter(|_| reach.within.is_some()) {
        return format!("did you mean `{owner}.{name}`?");
    }
    let compared = |text: &str| text.starts_with("==") || text.starts_with("!=");
    let quoted = before.trim_end();
    if quoted.ends_with("==") || quoted.ends_with("!=") || compared(after.trim_start()) || quoted.ends_with('(') {
        return match reach.early {
            true => format!("if it is text, put it in quotes: `'{name}'`; if it is a field, write `payload.{name}`"),
            false => format!("if it is text, put it in quotes: `'{name}'`; if it is a name, extract it first"),
        };
    }
    let fields: Vec<&str> = used.fields.iter().map(|field| &**field).collect();
    // A chain of a pack has what the route gives.
    let of_route = |owner: &str| reach.fields.iter().any(|(known, fields)| *known == owner && fields.contains(name));
    if let Some(owner) = ["body", "params"].into_iter().find(|owner| of_route(owner)) {
        return format!("did you mean `{owner}.{name}`?");
    }
    if reach.within == Some("a chain") {
        return "what the route gives is in `body` and `params`".to_owned();
    }
    match fields.is_empty() {
        true if reach.early => format!("write where it stands in the payload: `payload.{name}`"),
        true => format!("extract it first: under `extract:` write `{name}: $.…`"),
        false => format!("write where it stands in the payload: `payload.{name}{}`", written(&fields)),
    }
}

pub(super) fn is_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

/// What to write for a field that is not known; of the body of a chain also where it would be described.
pub(super) fn unknown_field<'n>(
    name: &str,
    field: &str,
    known: impl Iterator<Item = &'n str>,
    reach: &Reach,
) -> Option<String> {
    let help = suggest::did_you_mean(field, known).or_else(|| home_of(name, field))?;
    let Some(file) = reach.body_file.as_ref().filter(|_| name == "body") else { return Some(help) };
    let joined = help.strip_suffix('?').map_or_else(|| format!("{help}; or"), |near| format!("{near}? Or"));
    Some(format!("{joined} add `{field}` to the `properties` of `{file}`"))
}

//! A first version of a route for a workspace, from a captured request and where it is to go.

mod proof;
mod sender;
mod written;

use std::path::Path as Root;
use std::sync::Arc;

use crate::compile::Compiled;
use crate::diagnostic::suggest;
use crate::draft::{self, Draft};
use crate::event::RawRequest;
use crate::pack::{Body, Connection, Operation, PathPart};
use crate::payload::{self, Format};
use crate::pipeline;
use crate::route::Lookup;
use crate::template::Scope;
use crate::value::Value;
use proof::Proof;
pub use written::{Sender, variable};

/// What a route is drafted from.
pub struct Wanted<'w> {
    /// The folder of the workspace.
    pub root: &'w Root,
    /// The name of the route.
    pub name: &'w str,
    /// `connection.operation`
    pub to: &'w str,
    pub raw: &'w RawRequest,
    /// The file that the request is or is to be, relative to the workspace.
    pub sample: &'w str,
}

/// Makes the draft, or says why there can't be one.
pub fn make(compiled: &Compiled, wanted: &Wanted<'_>) -> Result<Draft, String> {
    let (connection, operation) = target(compiled, wanted.to)?;
    let Found { source, payload, is_guess } = source(compiled, wanted)?;
    let (params, body) = (params(connection, operation), &operation.example.1);
    let (given, missing) = defaults(connection, operation);
    let mut draft = draft::make(&draft::Wanted {
        name: wanted.name,
        source: &source,
        sample: wanted.sample,
        payload: &payload,
        to: wanted.to,
        schema: operation.schema.as_ref().map(crate::schema::Schema::document),
        body: body.as_ref(),
        params: &params,
        given: &given,
        missing: &missing,
    });
    if is_guess {
        draft.guesses.insert(0, "verify".to_owned());
    }
    Ok(draft)
}

/// Whether a new route can have this name; or why not.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    match name.split('/').all(is_good) {
        true => Ok(()),
        false => Err(format!("`{name}` can't be the name of a route: letters, digits, `-` and `_` can stand in it")),
    }
}

/// The file of the captured request of a new route.
pub fn sample_file(name: &str, ending: &str) -> String {
    format!("samples/{}.{ending}", name.replace('/', "-"))
}

/// The operation that is meant.
pub fn target<'c>(compiled: &'c Compiled, to: &str) -> Result<(&'c Connection, &'c Operation), String> {
    let connections = &compiled.set.connections;
    let known = || connections.values().flat_map(|c| c.pack.operations.keys().map(|name| format!("{}.{name}", c.name)));
    let found = to.split_once('.').and_then(|(connection, operation)| {
        let connection = connections.get(connection)?;
        Some((&**connection, &**connection.pack.operations.get(operation)?))
    });
    found.ok_or_else(|| {
        if let Some(problem) =
            compiled.diagnostics.iter().find(|problem| problem.is_error()).filter(|_| connections.is_empty())
        {
            return format!("jackfield.yaml has problems, such as: {}; see `jackfield check`", problem.message);
        }
        let all: Vec<String> = known().collect();
        let help = match suggest::nearest(to, all.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if all.is_empty() => "declare a connection in jackfield.yaml".to_owned(),
            None => format!("there are: {}", all.join(", ")),
        };
        format!("there is no `{to}` to send to; {help}")
    })
}

/// The source of a draft.
struct Found {
    /// What stands after `source:`, from the space or the end of the line on.
    source: String,
    /// The payload of the first event, as that source reads it.
    payload: Value,
    /// Whether its proof is to be confirmed.
    is_guess: bool,
}

fn source(compiled: &Compiled, wanted: &Wanted<'_>) -> Result<Found, String> {
    let path = wanted.raw.path();
    let bare = compiled.set.meant(path);
    let undecodable = |error: payload::DecodeError| format!("`{}`: {error}", wanted.sample);
    if let Some(named) = declared(compiled, wanted, bare)? {
        return Ok(named);
    }
    let fits = bare.len() > 1 && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'));
    let path = if fits { bare.to_owned() } else { format!("/{}", wanted.name.replace('/', "-")) };
    let (proof, packs) = (Proof::of(wanted.raw), sender::packs(wanted.root));
    let mut is_guess = matches!(proof, Proof::Signature(_));
    let mut lines = proof.lines(wanted.name);
    let is_connected = |vendor: &str| compiled.set.connections.values().any(|known| *known.pack.name == *vendor);
    let payload = match sender::of(wanted.root, &packs, wanted.raw, is_connected) {
        Some(sender::Best { sender, others }) => {
            is_guess &= sender.webhook.verify.is_none();
            lines = sender.source(&path, &lines);
            lines.splice(1..1, others.iter().map(|other| format!("  # {} takes this request, too", other.full_name())));
            sender.payload(wanted.raw).map_err(undecodable)?
        }
        None => {
            let payload = payload::decode(wanted.raw, Format::Auto).map_err(undecodable)?;
            lines.insert(0, format!("  path: {path}"));
            if wanted.raw.method == "GET" {
                lines.push("  methods: [GET]".to_owned());
            }
            let split = payload.as_array().and_then(<[Value]>::first).filter(|first| first.as_object().is_some());
            let first = split.cloned();
            if first.is_some() {
                lines.push("  split: \"$[*]\"".to_owned());
            }
            first.unwrap_or(payload)
        }
    };
    Ok(Found { source: laid_out(&lines), payload, is_guess })
}

/// The source of jackfield.yaml that takes the request.
fn declared(compiled: &Compiled, wanted: &Wanted<'_>, bare: &str) -> Result<Option<Found>, String> {
    let Lookup::Found(source, _) = compiled.set.find(&wanted.raw.method, bare) else { return Ok(None) };
    let shared = compiled.settings.as_ref().map(|settings| &settings.sources);
    if !shared.is_some_and(|shared| shared.iter().any(|named| *named.name.value == *source.name)) {
        let file = format!("routes/{}.yaml", source.name);
        return Err(format!(
            "`{bare}` is the source of {file}: move it to `sources` in jackfield.yaml, so that both routes can name it"
        ));
    }
    let whole = source.payload(wanted.raw).map_err(|error| format!("`{}`: {error}", wanted.sample))?;
    let payload = written::first_part(whole, source.split.as_ref());
    Ok(Some(Found { source: format!(" {}", source.name), payload, is_guess: false }))
}

/// On one line where it is short.
fn laid_out(lines: &[String]) -> String {
    let is_plain = lines.iter().all(|line| !line.contains(['$', '#', '"', '\'']) && !line.ends_with(':'));
    match is_plain && lines.len() <= 3 {
        true => format!(" {{ {} }}", lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(", ")),
        false => lines.iter().map(|line| format!("\n{line}")).collect(),
    }
}

/// The values of the operation's address that the connection does not give.
fn params(connection: &Connection, operation: &Operation) -> Vec<(Arc<str>, Value)> {
    let named = operation.path.iter().filter_map(|part| match part {
        PathPart::Param(name) => Some(name),
        PathPart::Text(_) => None,
    });
    let open = named.filter(|name| connection.piece(name).is_none());
    open.map(|name| (name.clone(), operation.example.0.get(name).cloned().unwrap_or_else(|| Value::from("")))).collect()
}

/// The fields of the body that the connection gives, and those that it would give if it had what they are made of.
fn defaults(connection: &Connection, operation: &Operation) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
    let scope = Scope::new().with("connection", connection.settings.clone());
    let schema = operation.schema.as_ref().map(crate::schema::Schema::document);
    let required = schema.and_then(|schema| schema.get("required")?.as_array()).unwrap_or_default();
    let is_required = |name: &str| required.iter().any(|known| known.as_str() == Some(name));
    let is_missing = |name: &str, body| is_required(name) && matches!(pipeline::render(body, &scope), Ok(None));
    let (missing, given): (Vec<_>, Vec<_>) = operation.defaults.iter().partition(|(name, body)| is_missing(name, body));
    let names = |all: Vec<&(Arc<str>, Body)>| all.into_iter().map(|(name, _)| name.clone()).collect();
    (names(given), names(missing))
}

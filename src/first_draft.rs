//! A first version of a route for a workspace, from a captured request and where it is to go.

use std::sync::Arc;

use crate::compile::Compiled;
use crate::diagnostic::suggest;
use crate::draft::{self, Draft};
use crate::event::RawRequest;
use crate::pack::{Connection, Operation, PathPart};
use crate::payload::{self, Format};
use crate::route::Lookup;
use crate::value::Value;

/// What a route is drafted from.
pub struct Wanted<'w> {
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
    let (source, payload) = source(compiled, wanted)?;
    let (params, body) = (params(connection, operation), &operation.example.1);
    let given: Vec<Arc<str>> = operation.defaults.iter().map(|(name, _)| name.clone()).collect();
    Ok(draft::make(&draft::Wanted {
        name: wanted.name,
        source: &source,
        sample: wanted.sample,
        payload: &payload,
        to: wanted.to,
        schema: operation.schema.as_ref().map(crate::schema::Schema::document),
        body: body.as_ref(),
        params: &params,
        given: &given,
    }))
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

/// What stands after `source:`, and the payload as that source reads it.
fn source(compiled: &Compiled, wanted: &Wanted<'_>) -> Result<(String, Value), String> {
    let path = wanted.raw.path();
    let bare = path.strip_prefix("/hooks").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let undecodable = |error: payload::DecodeError| format!("`{}`: {error}", wanted.sample);
    let shared = compiled.settings.as_ref().map(|settings| &settings.sources);
    if let Lookup::Found(source, _) = compiled.set.find(&wanted.raw.method, bare) {
        let payload = source.payload(wanted.raw).map_err(undecodable)?;
        if shared.is_some_and(|shared| shared.iter().any(|named| *named.name.value == *source.name)) {
            return Ok((source.name.to_string(), payload));
        }
        let file = format!("routes/{}.yaml", source.name);
        return Err(format!(
            "`{bare}` is the source of {file}: move it to `sources` in jackfield.yaml, so that both routes can name it"
        ));
    }
    let payload = payload::decode(wanted.raw, Format::Auto).map_err(undecodable)?;
    let fits = bare.len() > 1 && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'));
    let path = if fits { bare.to_owned() } else { format!("/{}", wanted.name.replace('/', "-")) };
    let method = if wanted.raw.method == "GET" { ", methods: [GET]" } else { "" };
    Ok((format!("{{ path: {path}, verify: none{method} }}"), payload))
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

//! A call with its templates' values: address, headers and body, proved against the operation's schema.

use std::sync::{Arc, LazyLock};

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::pack::{Body, Connection, Draft, HeaderPart, Limit, Operation, PathPart};
use crate::path::Step;
use crate::request::{Header, Piece, Request, encode};
use crate::template::{Scope, TemplateError};
use crate::value::Value;

/// The name of the header that says how a body is written.
static CONTENT_TYPE: LazyLock<Arc<str>> = LazyLock::new(|| "Content-Type".into());

/// One call before it is rendered: the operation, the account, and what they are given.
pub struct Call<'a> {
    /// `connection.operation`
    pub to: &'a Arc<str>,
    pub connection: &'a Connection,
    pub operation: &'a Operation,
    pub draft: &'a Draft,
}

impl Call<'_> {
    /// The finished request; its body has passed the operation's schema.
    pub fn request(&self, scope: &Scope) -> Result<Request, Diagnostic> {
        let body = self.body(scope)?;
        let key = self.operation.idempotency.field().and_then(|field| body.as_ref()?.get(field)?.as_str());
        let path = path(self, scope)?;
        Ok(Request {
            to: self.to.clone(),
            connection: self.connection.name.clone(),
            operation: self.operation.name.clone(),
            method: self.operation.method.clone(),
            headers: headers(self, scope, body.as_ref())?,
            idempotency_key: key.map(Arc::from),
            encoding: self.operation.encoding,
            limit_keys: self.limit_keys(body.as_ref(), scope)?,
            path,
            body,
        })
    }

    /// The rendered body, proved.
    pub fn body(&self, scope: &Scope) -> Result<Option<Value>, Diagnostic> {
        body(self, scope)
    }

    /// The values of a chain's `params`, as one object: of the call, or else of the connection.
    pub fn params(&self, scope: &Scope) -> Result<Value, Diagnostic> {
        let mut params = Vec::new();
        for name in &self.operation.chain_params {
            let given = self.draft.params.iter().find(|(known, _)| known == name);
            let value = match given {
                Some((_, body)) => render(body, scope)?.filter(|value| !crate::extract::is_nothing(value)),
                None => self.connection.settings.get(name).cloned(),
            };
            params.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(Value::object(params))
    }

    /// What each of the operation's budgets counts this call under.
    fn limit_keys(&self, body: Option<&Value>, scope: &Scope) -> Result<Vec<Arc<str>>, Diagnostic> {
        if self.operation.limits.iter().all(|limit| limit.key.is_none()) {
            return Ok(Vec::new());
        }
        let mut params = Vec::new();
        for (name, given) in &self.draft.params {
            params.extend(render(given, scope)?.map(|value| (name.clone(), value)));
        }
        let scope = Scope::new()
            .with("params", Value::object(params))
            .with("body", body.cloned().unwrap_or_default())
            .with("connection", self.connection.settings.clone());
        // A budget whose key can't be told is shared by all such calls.
        let key = |limit: &Limit| limit.key.as_ref()?.template.evaluate_text(&scope).ok()?;
        Ok(self.operation.limits.iter().map(|limit| key(limit).unwrap_or_default().into()).collect())
    }
}

/// The rendered body with the pack's defaults, proved against the operation's schema.
fn body(call: &Call<'_>, scope: &Scope) -> Result<Option<Value>, Diagnostic> {
    let rendered = call.draft.body.as_ref().map(|body| render(body, scope)).transpose()?.flatten();
    let Some(schema) = &call.operation.schema else { return Ok(rendered) };
    let body = with_defaults(rendered.unwrap_or_else(empty_object), call.operation, scope)?;
    match schema.is_valid(&body) {
        true => Ok(Some(body)),
        false => Err(violation(call, schema.violations(&body))),
    }
}

fn empty_object() -> Value {
    Value::object(Vec::<(&str, Value)>::new())
}

/// Fields that the pack gives where the route does not.
fn with_defaults(body: Value, operation: &Operation, scope: &Scope) -> Result<Value, Diagnostic> {
    let Some(object) = body.as_object() else { return Ok(body) };
    if operation.defaults.iter().all(|(key, _)| object.contains_key(key)) {
        return Ok(body);
    }
    let mut fields: Vec<(Arc<str>, Value)> = object.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, default) in &operation.defaults {
        if object.get(key).is_none()
            && let Some(value) = render(default, scope)?
        {
            fields.push((key.clone(), value));
        }
    }
    Ok(Value::Object(Arc::new(fields.into_iter().collect())))
}

fn violation(call: &Call<'_>, violations: Vec<crate::schema::Violation>) -> Diagnostic {
    let Some(first) = violations.into_iter().next() else {
        return Diagnostic::new(
            Code::InvalidBody,
            call.draft.body_place.clone(),
            "the body breaks the operation's schema",
        );
    };
    let place = first.path.iter().fold(call.draft.body_place.clone(), |place, step| match step {
        Step::Key(key) => place.key(key.clone()),
        Step::Index(index) => place.index(*index),
    });
    let without_value = first.missing.as_ref().filter(|name| is_written(call.draft.body.as_ref(), &first.path, name));
    // What is missing has no line of its own: the one to mend is that of the mapping that lacks it.
    let (place, field) = match (first.keyword.as_str(), without_value) {
        (_, Some(name)) => (place.key(name.as_str()), String::new()),
        ("required" | "oneOf" | "anyOf", None) => (place.on_key(), String::new()),
        (_, None) if first.path.is_empty() => (place, "the body".to_owned()),
        (_, None) => (place, place_name(&first.path)),
    };
    let found = match without_value {
        Some(_) => format!("this has no value, and `{}` needs one", call.to),
        None => format!("`{}` does not take this", call.to),
    };
    Diagnostic::new(Code::InvalidBody, place, format!("{field} {}", first.message).trim_start().to_owned())
        .found(found)
        .help_opt(call.operation.schema.as_ref().and_then(|schema| schema.description_of(&first)))
}

/// Whether a field that came to nothing is written in a body.
fn is_written(body: Option<&Body>, path: &[Step], name: &str) -> bool {
    let mut body = body;
    for step in path {
        body = match (body, step) {
            (Some(Body::Object(fields)), Step::Key(key)) => {
                fields.iter().find(|(known, _)| known == key).map(|(_, inner)| inner)
            }
            (Some(Body::Array(items)), Step::Index(index)) => items.get(*index),
            _ => None,
        };
    }
    matches!(body, Some(Body::Object(fields)) if fields.iter().any(|(known, _)| **known == *name))
}

/// The name of a field as an error says it: "`message.content`".
pub fn place_name(path: &[Step]) -> String {
    let name = path.iter().fold(String::new(), |name, step| below(&name, step));
    if name.is_empty() { name } else { format!("`{name}`") }
}

/// The name of a field below a named one.
pub(super) fn below(name: &str, step: &Step) -> String {
    match step {
        Step::Key(key) if name.is_empty() => key.to_string(),
        Step::Key(key) => format!("{name}.{key}"),
        Step::Index(index) => format!("{name}[{index}]"),
    }
}

/// A tree of templates with their values; what is absent drops its key, and its place in a list.
pub fn render(body: &Body, scope: &Scope) -> Result<Option<Value>, Diagnostic> {
    match body {
        Body::Value(value) => Ok(Some(value.clone())),
        Body::Template { template, place } => template.evaluate(scope).map_err(|error| at(error, place)),
        Body::Array(items) => {
            let rendered = items.iter().filter_map(|item| render(item, scope).transpose());
            rendered.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::array(items)))
        }
        Body::Object(fields) => {
            let mut rendered = Vec::with_capacity(fields.len());
            for (key, field) in fields {
                if let Some(value) = render(field, scope)? {
                    rendered.push((key.clone(), value));
                }
            }
            Ok(Some(Value::Object(Arc::new(rendered.into_iter().collect()))))
        }
    }
}

fn path(call: &Call<'_>, scope: &Scope) -> Result<Vec<Piece>, Diagnostic> {
    let mut pieces = Vec::new();
    for part in &call.operation.path {
        match part {
            PathPart::Text(text) => pieces.push(Piece::Text(text.clone())),
            PathPart::Param(name) => pieces.push(param(call, name, scope)?),
        }
    }
    let query = query(call, scope)?;
    if !query.is_empty() {
        pieces.push(Piece::Text(format!("?{query}").into()));
    }
    Ok(pieces)
}

fn param(call: &Call<'_>, name: &Arc<str>, scope: &Scope) -> Result<Piece, Diagnostic> {
    let missing = |place: Place| {
        Diagnostic::new(Code::InvalidParameter, place, format!("the parameter `{name}` has no value in this event"))
            .help(format!("`{}` needs it in its address", call.to))
    };
    let given = call.draft.params.iter().find(|(known, _)| known == name);
    let Some((_, body)) = given else {
        return connection_piece(call.connection, name).ok_or_else(|| missing(call.draft.place.key("to")));
    };
    let place = || call.draft.place.key("params").key(name.clone());
    let value = render(body, scope)?.filter(|value| !crate::extract::is_nothing(value));
    let text = value.as_ref().and_then(|value| crate::convert::text(value).ok()).ok_or_else(|| missing(place()))?;
    // An address is folded at `..` wherever it is read, so that the request would go elsewhere.
    if matches!(text.as_str(), "." | "..") {
        let message = format!("the parameter `{name}` is `{text}` in this event, which no address can hold");
        return Err(Diagnostic::new(Code::InvalidParameter, place(), message));
    }
    Ok(Piece::Text(encode(&text).into()))
}

fn connection_piece(connection: &Connection, name: &str) -> Option<Piece> {
    match connection.piece(name)? {
        Piece::Text(text) => Some(Piece::Text(encode(&text).into())),
        // Encoded when it is put in.
        secret => Some(secret),
    }
}

fn query(call: &Call<'_>, scope: &Scope) -> Result<String, Diagnostic> {
    let mut pairs = Vec::new();
    for (name, body) in &call.draft.query {
        let place = || call.draft.place.key("query").key(name.clone());
        match render(body, scope)? {
            None => {}
            Some(Value::Array(items)) => {
                for item in items.iter() {
                    pairs.push(pair(name, item, &place)?);
                }
            }
            Some(value) => pairs.push(pair(name, &value, &place)?),
        }
    }
    Ok(pairs.join("&"))
}

fn pair(name: &str, value: &Value, place: &dyn Fn() -> Place) -> Result<String, Diagnostic> {
    let text = crate::convert::text(value)
        .map_err(|unfit| Diagnostic::new(Code::UnfitValue, place(), format!("`{name}`: {}", unfit.message)))?;
    Ok(format!("{}={}", encode(name), encode(&text)))
}

fn headers(call: &Call<'_>, scope: &Scope, body: Option<&Value>) -> Result<Vec<Header>, Diagnostic> {
    let mut headers = Vec::new();
    if let Some(body) = body {
        let kind = call.operation.encoding.content_type(body);
        headers.push(Header { name: CONTENT_TYPE.clone(), value: vec![Piece::Text(kind)] });
    }
    for (name, parts) in &call.operation.headers {
        let value = parts.iter().map(|part| header_part(part, scope, call)).collect::<Result<Vec<_>, _>>()?;
        headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
        headers.push(Header { name: name.clone(), value });
    }
    for (name, body) in &call.draft.headers {
        let place = || call.draft.place.key("headers").key(name.clone());
        let Some(value) = render(body, scope)? else { continue };
        let text = crate::convert::text(&value).ok().filter(|text| !text.contains(|c: char| c.is_control()));
        let text = text.ok_or_else(|| {
            Diagnostic::new(Code::UnfitValue, place(), format!("the value of header `{name}` is not one line of text"))
        })?;
        headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
        headers.push(Header { name: name.clone(), value: vec![Piece::Text(text.into())] });
    }
    Ok(headers)
}

fn header_part(part: &HeaderPart, scope: &Scope, call: &Call<'_>) -> Result<Piece, Diagnostic> {
    match part {
        HeaderPart::Text(text) => Ok(Piece::Text(text.clone())),
        HeaderPart::Secret(name) => Ok(Piece::Secret(name.clone())),
        HeaderPart::Template(template) => {
            let text = template.evaluate_text(scope).map_err(|error| at(error, &call.draft.place))?;
            Ok(Piece::Text(text.unwrap_or_default().into()))
        }
    }
}

/// A template's error at its place in the file.
pub fn at(error: TemplateError, place: &Place) -> Diagnostic {
    let place = place.part(error.range);
    Diagnostic::new(error.code, place.clone(), error.message).help_opt(error.help).fix_opt(place, error.replacement)
}

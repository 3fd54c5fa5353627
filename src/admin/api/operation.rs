//! One thing that can be asked over HTTP, and the OpenAPI document of many.

use axum::routing::MethodRouter;
use serde_json::{Map, Value as Json, json};

use super::{Field, Schemas, Shaped};

/// Makes a schema; what has a name joins those that there are.
type Shape = fn(&mut Schemas) -> Json;

/// One thing that can be asked.
pub struct Operation<S> {
    pub path: &'static str,
    pub serve: MethodRouter<S>,
    /// Whether it is told only to who asks by the number of the address.
    pub is_private: bool,
    method: &'static str,
    /// Its name in the document.
    id: &'static str,
    summary: &'static str,
    query: Option<fn(&mut Schemas) -> Vec<Field>>,
    body: Option<Shape>,
    answer: Answer,
    /// What else may be answered.
    others: Vec<u16>,
    /// What is told in the shape of its own with another status than 200.
    also: Vec<(u16, &'static str, Shape)>,
    /// Which of these are told in JSON, and not in one line of text.
    in_json: &'static [u16],
}

/// What is answered with 200.
#[derive(Clone, Copy)]
pub enum Answer {
    Json(Shape),
    Text(&'static str),
    File,
}

/// Something is asked with `GET`, and may be refused as the operator's address does.
pub fn asks<S>(path: &'static str, id: &'static str, summary: &'static str, serve: MethodRouter<S>) -> Operation<S> {
    Operation {
        path,
        serve,
        is_private: true,
        method: "get",
        id,
        summary,
        query: None,
        body: None,
        answer: Answer::Text("text/plain; charset=utf-8"),
        others: vec![403, 503],
        also: Vec::new(),
        in_json: &[],
    }
}

/// Something is done with `POST`.
pub fn does<S>(path: &'static str, id: &'static str, summary: &'static str, serve: MethodRouter<S>) -> Operation<S> {
    Operation { method: "post", others: vec![400, 403, 413, 415, 503], ..asks(path, id, summary, serve) }
}

/// Something is put in its place with `PUT`.
pub fn puts<S>(path: &'static str, id: &'static str, summary: &'static str, serve: MethodRouter<S>) -> Operation<S> {
    Operation { method: "put", ..does(path, id, summary, serve) }
}

impl<S> Operation<S> {
    pub fn query(self, query: fn(&mut Schemas) -> Vec<Field>) -> Self {
        Operation { query: Some(query), others: vec![400, 403, 503], ..self }
    }

    pub fn body<T: Shaped>(self) -> Self {
        Operation { body: Some(T::schema), ..self }
    }

    pub fn json<T: Shaped>(self) -> Self {
        Operation { answer: Answer::Json(T::schema), ..self }
    }

    pub fn one(self) -> Self {
        Operation { others: vec![403, 404, 503], ..self }
    }

    pub fn file(self) -> Self {
        Operation { answer: Answer::File, ..self.one() }
    }

    pub fn open(self, answer: Answer, others: &[u16]) -> Self {
        Operation { is_private: false, answer, others: others.to_vec(), ..self }
    }

    pub fn answer(self, answer: Answer) -> Self {
        Operation { answer, ..self }
    }

    /// It may be refused with these, with some of them in JSON.
    pub fn refused(self, others: &[u16], in_json: &'static [u16]) -> Self {
        Operation { others: others.to_vec(), in_json, ..self }
    }

    /// The same at another address.
    pub fn at<T>(self, path: &'static str, id: &'static str, serve: MethodRouter<T>) -> Operation<T> {
        let Operation { is_private, method, summary, query, body, answer, others, also, in_json, .. } = self;
        Operation { path, serve, is_private, method, id, summary, query, body, answer, others, also, in_json }
    }

    /// With this status as well something is told that has a shape.
    pub fn also<T: Shaped>(mut self, status: u16, when: &'static str) -> Self {
        self.also.push((status, when, T::schema));
        self
    }

    fn described(&self, about: &About, schemas: &mut Schemas) -> Json {
        let mut told = json!({ "operationId": self.id, "summary": self.summary });
        let mut parameters = Vec::new();
        // A rest of the path is one parameter, too.
        for name in self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let name = name.trim_start_matches('*');
            let what = match name {
                "id" if self.path.contains("/events") => "`evt_…`",
                "id" => "`dlv_…`",
                _ => "The name of a route, such as `forms/contact`.",
            };
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "description": what, "schema": { "type": "string" },
            }));
        }
        for field in self.query.map(|fields| fields(schemas)).unwrap_or_default() {
            let Field { key, text, schema, is_always } = field;
            let mut parameter = json!({ "name": key, "in": "query", "description": text, "schema": schema });
            if is_always {
                parameter["required"] = true.into();
            }
            parameters.push(parameter);
        }
        if !parameters.is_empty() {
            told["parameters"] = parameters.into();
        }
        if let Some(body) = self.body {
            let schema = body(schemas);
            told["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let mut responses = Map::from_iter([("200".to_owned(), answered(self.answer, schemas))]);
        for (status, when, schema) in &self.also {
            let content = json!({ "application/json": { "schema": schema(schemas) } });
            responses.insert(status.to_string(), json!({ "description": when, "content": content }));
        }
        for status in &self.others {
            responses.insert(status.to_string(), self.refusal(*status, about));
        }
        told["responses"] = responses.into();
        told
    }

    /// Why something is not answered is said in one line of text, or in JSON.
    fn refusal(&self, status: u16, about: &About) -> Json {
        let why = (about.refuses)(status).unwrap_or(match status {
            400 => "What is said can't be understood, or can't be done.",
            404 => "There is nothing of this id.",
            413 => "The body is too large.",
            415 => "The body is no `application/json`.",
            _ => {
                "The event store does not answer, or the server is not ready; or too many look at the moment, and `Retry-After` \
                 says when to ask again."
            }
        });
        let mut content = Map::new();
        if self.in_json.contains(&status) {
            let schema = json!({
                "type": "object", "required": ["error", "message"],
                "properties": { "error": { "type": "string" }, "message": { "type": "string" } },
            });
            content.insert("application/json".to_owned(), json!({ "schema": schema }));
        }
        // Some are refused before it is known what they ask for.
        if content.is_empty() || status == 403 {
            content.insert("text/plain; charset=utf-8".to_owned(), json!({ "schema": { "type": "string" } }));
        }
        json!({ "description": why, "content": content })
    }
}

fn answered(answer: Answer, schemas: &mut Schemas) -> Json {
    let (kind, schema) = match answer {
        Answer::Json(schema) => ("application/json", schema(schemas)),
        Answer::Text(kind) => (kind, json!({ "type": "string" })),
        Answer::File => ("application/octet-stream", json!({})),
    };
    json!({ "description": "What was asked for.", "content": { kind: { "schema": schema } } })
}

/// What a document says of the address as a whole.
pub struct About {
    pub title: &'static str,
    pub description: &'static str,
    pub url: &'static str,
    /// Of what the address is.
    pub address: &'static str,
    /// Whether the address may ask for a token.
    pub takes_a_token: bool,
    /// What a status means here, where it means something of its own.
    pub refuses: fn(u16) -> Option<&'static str>,
}

/// The OpenAPI document of an address.
pub fn document_of<S>(about: &About, operations: &[Operation<S>]) -> Json {
    let (mut schemas, mut paths) = (Schemas::default(), Map::new());
    for operation in operations {
        let described = operation.described(about, &mut schemas);
        let path = operation.path.replace("{*", "{");
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[operation.method] = described;
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "description": about.description,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": about.url, "description": about.address }],
        "paths": paths,
        "components": { "schemas": schemas.into_json() },
    });
    if about.takes_a_token {
        // Where no token is asked for, none is needed.
        document["security"] = json!([{}, { "token": [] }]);
        document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
    }
    document
}

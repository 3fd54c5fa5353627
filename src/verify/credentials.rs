//! What is stored of a request: all of it but what only proves where it is from.

use std::sync::Arc;

use super::Verify;
use super::place::Where;
use crate::event::{RawRequest, Verified};
use crate::secret::MASK;
use crate::value::Value;

impl Verified {
    /// The request and its path's segments without what only proves where it is from, so that no credential is stored.
    pub fn without_credentials(self, verify: &Verify, params: Value) -> (Verified, Value) {
        let places = verify.credentials();
        if places.is_empty() {
            return (self, params);
        }
        let mut raw = RawRequest::clone(self.raw());
        let mut params = params;
        places.iter().for_each(|at| mask(at, &mut raw, &mut params));
        (Verified::new(Arc::new(raw)), params)
    }
}

impl Verify {
    /// Where a request carries what would let anyone send another.
    fn credentials(&self) -> Vec<Where> {
        match self {
            // A signature is good for one request only; it stays, for whoever looks into it later.
            Verify::Open | Verify::Signature(_) => Vec::new(),
            Verify::Token(token) => vec![token.at.clone()],
            Verify::Basic(_) => vec![Where::Header("authorization".into())],
            Verify::Jwt(jwt) => vec![jwt.at.clone()],
            Verify::AnyOf(ways) => ways.iter().flat_map(Verify::credentials).collect(),
        }
    }
}

fn mask(at: &Where, raw: &mut RawRequest, params: &mut Value) {
    match at {
        Where::Header(name) => {
            raw.headers.iter_mut().filter(|(known, _)| **known == **name).for_each(|header| header.1 = MASK.into());
        }
        Where::Query(name) => raw.target = masked_query(raw, name),
        Where::Segment(name) => {
            let segment = params.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            if !segment.is_empty() {
                raw.target = masked_segment(&raw.target, &segment);
            }
            let fields = params.as_object().into_iter().flat_map(|object| object.iter());
            let masked = |key: &Arc<str>, value: &Value| if key == name { Value::from(MASK) } else { value.clone() };
            *params = Value::object(fields.map(|(key, value)| (key.clone(), masked(key, value))).collect::<Vec<_>>());
        }
        // What is in the body is signed over or needed as it came.
        Where::Field(_) | Where::Body => {}
    }
}

fn masked_query(raw: &RawRequest, name: &str) -> String {
    // Of a request whose other proof was taken there may be none.
    if raw.query().is_empty() {
        return raw.target.clone();
    }
    let fields = raw.query().split('&').map(|field| match field.split_once('=') {
        Some((key, _)) if crate::request::decode(key) == name => format!("{key}={MASK}"),
        _ => field.to_owned(),
    });
    format!("{}?{}", raw.path(), fields.collect::<Vec<_>>().join("&"))
}

fn masked_segment(target: &str, segment: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let parts = path.split('/').map(|part| if crate::request::decode(part) == segment { MASK } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

//! What is stored of a request: all of it but what only proves where it is from.

use std::sync::Arc;

use super::place::Where;
use super::{Verify, spelling};
use crate::event::{RawRequest, Verified};
use crate::path::Path;
use crate::payload::form;
use crate::secret::MASK;
use crate::value::Value;

impl Verified {
    /// The request and its path's segments without what only proves where it is from, so that no credential is stored.
    /// `read` makes the payload of a request.
    pub fn without_credentials(
        self,
        verify: &Verify,
        params: Value,
        read: &dyn Fn(&RawRequest) -> Option<Value>,
    ) -> (Verified, Value) {
        let places = verify.credentials();
        if places.is_empty() {
            return (self, params);
        }
        let mut raw = RawRequest::clone(self.raw());
        let mut params = params;
        places.iter().for_each(|at| mask(at, &mut raw, &mut params, read));
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

fn mask(at: &Where, raw: &mut RawRequest, params: &mut Value, read: &dyn Fn(&RawRequest) -> Option<Value>) {
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
        Where::Field(path) => *raw = masked_field(raw, path, read).unwrap_or_else(|| raw.clone()),
        // The payload is in it.
        Where::Body => {}
    }
}

/// No more places of a body are looked at for the one where a token stands.
const MOST_PLACES: usize = 8;

/// The request with the token of a field masked, where its text is found in the body, or in the query that is read in its
/// place: whether it was the right one is seen by reading the request again.
fn masked_field(raw: &RawRequest, path: &Path, read: &dyn Fn(&RawRequest) -> Option<Value>) -> Option<RawRequest> {
    let payload = read(raw)?;
    let token = path.first(&payload)?.as_str().filter(|token| !token.is_empty() && *token != MASK)?;
    let is_masked = |trial: &RawRequest| {
        read(trial).is_some_and(|payload| path.first(&payload).and_then(Value::as_str) == Some(MASK))
    };
    let query_at = raw.path().len();
    let in_body = spelling::places(&raw.body, token).take(MOST_PLACES).map(|at| {
        let body = [raw.body.get(..at.start)?, MASK.as_bytes(), raw.body.get(at.end..)?].concat();
        Some(RawRequest { body, ..raw.clone() })
    });
    let in_query = spelling::places(raw.target.as_bytes(), token).filter(|at| at.start > query_at).take(MOST_PLACES);
    let in_query = in_query.map(|at| {
        let target = [raw.target.get(..at.start)?, MASK, raw.target.get(at.end..)?].concat();
        Some(RawRequest { target, ..raw.clone() })
    });
    in_body.chain(in_query).flatten().find(is_masked)
}

fn masked_query(raw: &RawRequest, name: &str) -> String {
    // Of a request whose other proof was taken there may be none.
    if raw.query().is_empty() {
        return raw.target.clone();
    }
    let pieces = form::pieces(raw.query()).into_iter().map(|(piece, read)| match piece.split_once('=') {
        Some((key, _)) if read.as_deref() == Some(name) => format!("{key}={MASK}"),
        _ => piece.to_owned(),
    });
    format!("{}?{}", raw.path(), pieces.collect::<Vec<_>>().join("&"))
}

fn masked_segment(target: &str, segment: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let parts = path.split('/').map(|part| if crate::request::decode(part) == segment { MASK } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

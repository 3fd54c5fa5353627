//! What is stored of a request: all of it but what only proves where it is from.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Verify;
use super::place::Where;
use crate::event::{RawRequest, Verified};
use crate::path::Path;
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
    let spelled = spellings(token);
    let in_body = spelled.iter().flat_map(|text| places(&raw.body, text.as_bytes()).map(move |at| (at, text)));
    let in_query =
        spelled.iter().flat_map(|text| places(raw.target.as_bytes(), text.as_bytes()).map(move |at| (at, text)));
    let bodies = in_body.take(MOST_PLACES).map(|(at, text)| {
        let body = [raw.body.get(..at)?, MASK.as_bytes(), raw.body.get(at + text.len()..)?].concat();
        Some(RawRequest { body, ..raw.clone() })
    });
    let queries = in_query.filter(|(at, _)| *at > query_at).take(MOST_PLACES).map(|(at, text)| {
        let target = [raw.target.get(..at)?, MASK, raw.target.get(at + text.len()..)?].concat();
        Some(RawRequest { target, ..raw.clone() })
    });
    bodies.chain(queries).flatten().find(is_masked)
}

/// How a text may be written in a body: as it is, in JSON, in a form and in XML.
fn spellings(text: &str) -> Vec<String> {
    let json = Value::from(text).to_json();
    let json = json.trim_matches('"').to_owned();
    let percent = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form = ["%2D", "%2E", "%5F", "%2A"]
        .iter()
        .fold(percent.clone(), |form, code| form.replace(code, &crate::request::decode(code)));
    let mut all = vec![
        text.to_owned(),
        json.replace('/', "\\/"),
        json,
        form.replace("%20", "+"),
        form,
        percent,
        quick_xml::escape::escape(text).into_owned(),
    ];
    all.dedup();
    all
}

/// Where a text begins in others.
fn places<'b>(bytes: &'b [u8], text: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    bytes.windows(text.len().max(1)).enumerate().filter(move |(_, window)| *window == text).map(|(at, _)| at)
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

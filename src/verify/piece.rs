//! The pieces of what is signed, put together from the bytes of a request.

use std::sync::Arc;

use super::hash::{Encoding, Hash};
use super::place::{field, header};
use super::{Context, VerifyError, canonical};
use crate::event::RawRequest;
use crate::path::Path;
use crate::payload::{Format, form};
use crate::secret::Secret;
use crate::value::Value;

/// A piece of what is signed.
#[derive(Clone, Debug)]
pub enum Signed {
    Text(Arc<str>),
    /// The body's raw bytes.
    Body,
    /// A hash of the body's raw bytes.
    BodyHash(Hash, Writing),
    /// The public address with its query.
    Url,
    UrlWithoutQuery,
    /// The public address with some of its encoded characters decoded.
    UrlDecoded,
    /// The path of the public address.
    Path,
    PathAndQuery,
    Method,
    Secret,
    Timestamp,
    /// A header, in lower case.
    Header(Arc<str>),
    /// One parameter of the query.
    Query(Arc<str>),
    /// One field of the form.
    Form(Arc<str>),
    /// One value of the payload.
    Payload(Path),
    /// The form's fields sorted by name, name and value with nothing between.
    SortedForm,
    /// The query's parameters sorted by name, as `name=value&name=value`, or with another text between; without the one that
    /// carries the signature.
    SortedQuery(Arc<str>),
    /// The public address with its query sorted, and the sorted form behind it.
    SortedUrl,
    /// `&name=value` for each field of query and body, sorted, without the one that carries the signature.
    SortedFields,
    /// The piece where there is one, else nothing.
    Optional(Box<Signed>),
}

/// How a hash stands in what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    Text(Encoding),
    Bytes,
}

/// What a message is made of beside the request.
pub(super) struct Parts<'a> {
    pub raw: &'a RawRequest,
    pub context: &'a Context<'a>,
    pub timestamp: Option<&'a str>,
    /// The field that carries the signature, which is not signed itself.
    pub without: Option<&'a str>,
    /// Whether that field is one of the query.
    pub without_query: bool,
    /// The hash of the body is signed in its place, so that the form is not.
    pub has_body_hash: bool,
}

impl Signed {
    pub(super) fn has_url(&self) -> bool {
        use Signed::{PathAndQuery, SortedUrl, Url, UrlDecoded, UrlWithoutQuery};
        matches!(self, Url | UrlWithoutQuery | UrlDecoded | PathAndQuery | SortedUrl)
    }

    /// Whether this is the body or a part of it.
    pub(super) fn has_body(&self) -> bool {
        let is_whole = matches!(self, Signed::Body | Signed::BodyHash(..));
        is_whole || matches!(self, Signed::Form(_) | Signed::SortedForm | Signed::SortedUrl | Signed::SortedFields)
    }

    /// Whether it is of the body as it is read, and not as it came.
    pub(super) fn reads_payload(&self) -> bool {
        match self {
            Signed::Optional(piece) => piece.reads_payload(),
            piece => matches!(piece, Signed::Form(_) | Signed::Payload(_) | Signed::SortedFields),
        }
    }

    /// Whether this is the whole query.
    pub(super) fn has_query(&self) -> bool {
        let is_of_url = matches!(self, Signed::Url | Signed::UrlDecoded | Signed::PathAndQuery | Signed::SortedUrl);
        is_of_url || matches!(self, Signed::SortedQuery(_) | Signed::SortedFields)
    }
}

impl Parts<'_> {
    /// What may have been signed: one message for each spelling of the address.
    pub(super) fn messages(&self, signs: &[Signed], secret: Option<&Secret>) -> Result<Vec<Vec<u8>>, VerifyError> {
        let spellings = if signs.iter().any(Signed::has_url) { usize::MAX } else { 1 };
        let urls = canonical::urls(self.raw, self.context);
        urls.iter().take(spellings).map(|url| self.message(signs, url, secret)).collect()
    }

    fn message(&self, signs: &[Signed], url: &str, secret: Option<&Secret>) -> Result<Vec<u8>, VerifyError> {
        let mut message = Vec::with_capacity(self.raw.body.len() + 64);
        for piece in signs {
            self.add(&mut message, piece, url, secret)?;
        }
        Ok(message)
    }

    fn add(
        &self,
        message: &mut Vec<u8>,
        piece: &Signed,
        url: &str,
        secret: Option<&Secret>,
    ) -> Result<(), VerifyError> {
        let (raw, context) = (self.raw, self.context);
        let base = url.split_once('?').map_or(url, |(base, _)| base);
        match piece {
            Signed::Text(text) => message.extend_from_slice(text.as_bytes()),
            Signed::Body => message.extend_from_slice(&raw.body),
            Signed::BodyHash(hash, writing) => {
                let digest = hash.digest(&raw.body);
                match writing {
                    Writing::Text(encoding) => message.extend_from_slice(encoding.write(&digest).as_bytes()),
                    Writing::Bytes => message.extend(digest),
                }
            }
            Signed::Optional(piece) => match self.add(message, piece, url, secret) {
                Err(VerifyError::Missing(_)) => {}
                added => added?,
            },
            Signed::Path => message.extend_from_slice(canonical::path(base).as_bytes()),
            Signed::PathAndQuery => message.extend_from_slice(canonical::path(url).as_bytes()),
            Signed::Url => message.extend_from_slice(url.as_bytes()),
            Signed::UrlWithoutQuery => message.extend_from_slice(base.as_bytes()),
            Signed::UrlDecoded => message.extend_from_slice(canonical::decoded(url).as_bytes()),
            Signed::Method => message.extend_from_slice(raw.method.as_bytes()),
            Signed::Secret => message.extend_from_slice(secret.ok_or(VerifyError::NoSecret)?.expose().as_bytes()),
            Signed::Timestamp => {
                let missing = || VerifyError::Missing("time of signing".to_owned());
                message.extend_from_slice(self.timestamp.ok_or_else(missing)?.as_bytes());
            }
            Signed::Header(name) => message.extend_from_slice(header(raw, name)?.as_bytes()),
            Signed::Query(name) => message.extend(self.parameter(name)?),
            Signed::Form(name) => message.extend(self.form_field(name)?),
            Signed::Payload(path) => {
                let found = field(context, path)?.and_then(canonical::text);
                let missing = || VerifyError::Missing(format!("field `{}`", path.text()));
                message.extend_from_slice(found.ok_or_else(missing)?.as_bytes());
            }
            Signed::SortedForm if self.has_body_hash => {}
            Signed::SortedForm => message.extend(canonical::run_together(canonical::whole_form(raw, context)?)?),
            Signed::SortedQuery(between) => message.extend(canonical::joined(self.query(), between)),
            Signed::SortedUrl => {
                message.extend(canonical::sorted_url(base, self.query(), canonical::whole_form(raw, context)?)?);
            }
            Signed::SortedFields => message.extend(canonical::fields(canonical::without(self.fields()?, self.without))),
        }
        Ok(())
    }

    /// The parameters of the query that are signed.
    fn query(&self) -> Vec<canonical::Pair> {
        let own = self.without_query.then_some(self.without).flatten();
        canonical::without(canonical::pairs(self.raw.query().as_bytes()), own)
    }

    fn parameter(&self, name: &str) -> Result<Vec<u8>, VerifyError> {
        let query = self.raw.query();
        one(canonical::pairs(query.as_bytes()), Some(&form::decode_lenient(query)), name, "query parameter")
    }

    fn form_field(&self, name: &str) -> Result<Vec<u8>, VerifyError> {
        let pairs = canonical::form(self.raw, self.context)?;
        let read = match self.context.format {
            Format::Query => None,
            _ => Some(self.context.readable()?),
        };
        one(pairs, read, name, "form field")
    }

    /// The fields of the query, and those of the body, a form or an object.
    fn fields(&self) -> Result<Vec<canonical::Pair>, VerifyError> {
        let mut pairs = canonical::pairs(self.raw.query().as_bytes());
        match canonical::whole_form(self.raw, self.context) {
            Ok(form) => pairs.extend(form),
            Err(error) => pairs.extend(canonical::object(self.context.readable()?).ok_or(error)?),
        }
        Ok(pairs)
    }
}

/// The one field of a name. Where it is read otherwise than it is signed, there are two of it.
fn one(pairs: Vec<canonical::Pair>, read: Option<&Value>, name: &str, what: &str) -> Result<Vec<u8>, VerifyError> {
    let mut found = pairs.into_iter().filter(|(known, _)| known == name.as_bytes()).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if read.is_none_or(|read| is_read_as(read, name, &value)) => Ok(value),
        (Some(_), _) => Err(VerifyError::Several(format!("{what} `{name}`"))),
        (None, _) => Err(VerifyError::Missing(format!("{what} `{name}`"))),
    }
}

/// Whether a field that is signed is what is read by its name: brackets, marks and charsets make one of several.
fn is_read_as(read: &Value, name: &str, value: &[u8]) -> bool {
    // What is not ASCII is read by the charset of the form, and a name with brackets as what they nest.
    let is_it = |text: &str| text.as_bytes() == value || !value.is_ascii();
    name.contains('[') || read.get(name).and_then(Value::as_str).is_some_and(is_it)
}

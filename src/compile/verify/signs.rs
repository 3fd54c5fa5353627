//! The pieces of what is signed; only plain ones exist here, since a body is bytes and not text.

use super::signature::Common;
use crate::compile::Compiler;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::path::Path;
use crate::verify::hash::{Encoding, Hash};
use crate::verify::piece::{Signed, Writing};
use crate::verify::place::Where;

/// The names of pieces that stand alone.
const PIECES: &[&str] = &[
    "body",
    "url",
    "url_without_query",
    "url_decoded",
    "path",
    "path_and_query",
    "method",
    "secret",
    "timestamp",
    "sorted_form",
    "sorted_query",
    "sorted_url",
    "sorted_fields",
];

impl Compiler<'_> {
    pub(super) fn signed(&mut self, text: &Text) -> Option<Vec<Signed>> {
        let mut pieces = Vec::new();
        let mut from = 0;
        while let Some(open) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
            let Some(close) = text.get(open..).and_then(|rest| rest.find("}}")).map(|at| open + at) else {
                let message = "this `{{` is never closed with `}}`";
                let place = text.place.part(open..open + 2);
                self.report(Diagnostic::new(Code::InvalidTemplate, place, message).help("write it as `{{ body }}`"));
                return None;
            };
            if open > from {
                pieces.push(Signed::Text(text.get(from..open)?.into()));
            }
            let inner = text.get(open + 2..close)?.trim();
            let Some(piece) = piece(inner) else {
                self.unknown_piece(inner, text, open..close + 2);
                return None;
            };
            pieces.push(piece);
            from = close + 2;
        }
        let rest = text.get(from..).unwrap_or_default();
        if !rest.is_empty() {
            pieces.push(Signed::Text(rest.into()));
        }
        Some(pieces)
    }

    /// A signature over what is the same in every request, or only over when it was sent, fits whatever is sent with it.
    pub(super) fn check_content_is_signed(
        &mut self,
        common: &Common<'_>,
        signs: &[Signed],
        has_body_hash: bool,
    ) -> Option<()> {
        let Some(text) = common.signs else { return Some(()) };
        let has_content = has_body_hash || signs.iter().any(is_content);
        let single = in_single_braces(text);
        let message = match (has_content, &single) {
            (true, None) => return Some(()),
            (true, Some((written, _))) => format!("`{written}` is taken as text, and not as a piece of the request"),
            (false, _) => "the signature covers nothing of the request, so one good signature would fit any".to_owned(),
        };
        let place = match (has_content, &single) {
            (true, Some((written, _))) => {
                text.find(written).map_or_else(|| text.place.clone(), |at| text.place.part(at..at + written.len()))
            }
            _ => text.place.clone(),
        };
        let help = match single {
            Some((_, meant)) => format!("write `{meant}`, in double braces"),
            None => "add what the sender signs, most often the body: `{{ body }}`".to_owned(),
        };
        self.report(Diagnostic::new(Code::InvalidTemplate, place, message).help(help));
        None
    }

    fn unknown_piece(&mut self, inner: &str, text: &Text, range: std::ops::Range<usize>) {
        let message = format!("`{inner}` is nothing that a signature covers");
        let names = PIECES.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help = match suggest::nearest(inner, PIECES.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "write {names}, `body | sha256`, `headers['Name']`, `query.name`, `form.name` or `payload.name`"
            ),
        };
        let place = text.place.part(range);
        self.report(Diagnostic::new(Code::InvalidTemplate, place, message).help(help));
    }
}

fn piece(inner: &str) -> Option<Signed> {
    Some(match inner {
        "body" => Signed::Body,
        "url" => Signed::Url,
        "url_without_query" => Signed::UrlWithoutQuery,
        "url_decoded" => Signed::UrlDecoded,
        "path" => Signed::Path,
        "path_and_query" => Signed::PathAndQuery,
        "method" => Signed::Method,
        "secret" => Signed::Secret,
        "timestamp" => Signed::Timestamp,
        "sorted_form" => Signed::SortedForm,
        "sorted_query" => Signed::SortedQuery("&".into()),
        "sorted_url" => Signed::SortedUrl,
        "sorted_fields" => Signed::SortedFields,
        _ => return hash_of_body(inner).or_else(|| joined(inner)).or_else(|| optional(inner)).or_else(|| named(inner)),
    })
}

/// `body | sha256`, `body | md5('base64')`, `body | sha512('bytes')`
fn hash_of_body(inner: &str) -> Option<Signed> {
    let filter = inner.strip_prefix("body")?.trim_start().strip_prefix('|')?.trim();
    let (name, argument) = filter.split_once('(').unwrap_or((filter, ")"));
    let hash = match name.trim() {
        "md5" => Hash::Md5,
        "sha1" => Hash::Sha1,
        "sha256" => Hash::Sha256,
        "sha512" => Hash::Sha512,
        _ => return None,
    };
    let writing = match argument.strip_suffix(')')?.trim().trim_matches(['\'', '"']) {
        "" | "hex" => Writing::Text(Encoding::Hex),
        "base64" => Writing::Text(Encoding::Base64),
        "bytes" => Writing::Bytes,
        _ => return None,
    };
    Some(Signed::BodyHash(hash, writing))
}

/// `sorted_query | join('')`
fn joined(inner: &str) -> Option<Signed> {
    let filter = inner.strip_prefix("sorted_query")?.trim_start().strip_prefix('|')?.trim();
    let between = filter.strip_prefix("join(")?.strip_suffix(')')?.trim();
    let quoted = |quote| between.strip_prefix(quote)?.strip_suffix(quote).filter(|text| !text.contains(quote));
    quoted('\'').or_else(|| quoted('"')).map(|between| Signed::SortedQuery(between.into()))
}

/// `payload.name | default('')`
fn optional(inner: &str) -> Option<Signed> {
    let (value, filter) = inner.rsplit_once('|')?;
    let is_default = matches!(filter.trim(), "default('')" | "default(\"\")");
    is_default.then(|| named(value.trim())).flatten().map(|piece| Signed::Optional(Box::new(piece)))
}

/// `headers['X-Name']`, `query.name`, `form.name`, `payload.name`
fn named(inner: &str) -> Option<Signed> {
    if let Some(name) = member(inner, "headers") {
        return Some(Signed::Header(name.to_ascii_lowercase().into()));
    }
    if let Some(name) = member(inner, "query") {
        return Some(Signed::Query(name.into()));
    }
    if let Some(name) = member(inner, "form") {
        return Some(Signed::Form(name.into()));
    }
    let path = inner.strip_prefix("payload").filter(|rest| rest.starts_with(['.', '[']))?;
    Path::parse(&format!("${path}")).ok().filter(Path::is_singular).map(Signed::Payload)
}

/// The name in `form.name` and `form['name']`.
fn member<'t>(inner: &'t str, of: &str) -> Option<&'t str> {
    let rest = inner.strip_prefix(of)?;
    let quoted = |quote| rest.strip_prefix(['['])?.strip_suffix(']')?.strip_prefix(quote)?.strip_suffix(quote);
    let name = rest.strip_prefix('.').or_else(|| quoted('\'')).or_else(|| quoted('"'))?;
    (!name.is_empty() && !name.contains(['\'', '"', '[', '|', ' '])).then_some(name)
}

/// Whether a piece is of what the request says, so that another request has another signature.
fn is_content(piece: &Signed) -> bool {
    let is_fixed = matches!(piece, Signed::Text(_) | Signed::Method | Signed::Path | Signed::Secret);
    // What need not be there is the same in every request that lacks it.
    !is_fixed && !matches!(piece, Signed::Timestamp | Signed::Header(_) | Signed::Optional(_))
}

/// The first `{body}` that is no `{{ body }}`, and how it is written right.
fn in_single_braces(text: &str) -> Option<(String, String)> {
    let opens = text.match_indices('{').map(|(at, _)| at);
    let alone = opens.filter(|at| !text.get(..*at).is_some_and(|before| before.ends_with('{')));
    alone.filter_map(|at| text.get(at + 1..)).find_map(|rest| {
        let (inner, _) = rest.split_once('}')?;
        piece(inner.trim()).map(|_| (format!("{{{inner}}}"), format!("{{{{ {} }}}}", inner.trim())))
    })
}

/// Whether what stands at a place is part of what is signed.
pub(super) fn covers(signs: &[Signed], at: &Where) -> bool {
    signs.iter().any(|piece| match (piece, at) {
        (Signed::Header(signed), Where::Header(name)) => signed == name,
        (Signed::Query(signed), Where::Query(name)) => signed == name,
        (Signed::Url | Signed::UrlDecoded | Signed::PathAndQuery, Where::Query(_)) => true,
        (Signed::SortedQuery(_) | Signed::SortedUrl, Where::Query(_)) => true,
        (Signed::SortedFields, Where::Query(_) | Where::Field(_)) => true,
        (Signed::Body | Signed::BodyHash(..) | Signed::SortedForm | Signed::SortedUrl, Where::Field(_)) => true,
        (Signed::Payload(signed), Where::Field(path)) => signed.text() == path.text(),
        (Signed::Form(signed), Where::Field(path)) => path.text().strip_prefix("$.") == Some(&**signed),
        _ => false,
    })
}

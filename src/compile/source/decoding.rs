//! How a source reads a body, and how much of it.

use super::super::Compiler;
use crate::config::At;
use crate::config::source::{Format as WrittenFormat, Layer as WrittenLayer, Layers, Limits as Written};
use crate::diagnostic::{Code, Diagnostic};
use crate::payload::Format;
use crate::payload::nested::{Layer, Nested};
use crate::source::Limits;
use crate::verify::Verify;

/// More than this makes one request a burden for the server.
const MOST_PARTS: usize = 10_000;
const MOST_NODES: usize = 1_000_000;
/// What is deeper can't be stored and checked.
const DEEPEST: usize = 100;

pub(super) fn format(written: WrittenFormat) -> Format {
    match written {
        WrittenFormat::Auto => Format::Auto,
        WrittenFormat::Json => Format::Json,
        WrittenFormat::Form => Format::Form,
        WrittenFormat::Multipart => Format::Multipart,
        WrittenFormat::Xml => Format::Xml,
        WrittenFormat::Query => Format::Query,
        WrittenFormat::Text => Format::Text,
        WrittenFormat::Jwt => Format::Jwt,
    }
}

fn layer(written: &At<WrittenLayer>) -> Layer {
    match written.value {
        WrittenLayer::Json => Layer::Json,
        WrittenLayer::Xml => Layer::Xml,
        WrittenLayer::Form => Layer::Form,
        WrittenLayer::Base64 => Layer::Base64,
        WrittenLayer::Url => Layer::Url,
    }
}

impl Compiler<'_> {
    /// How the payload is read, so that it is of what the sender signs.
    pub(super) fn read_as(&mut self, written: Option<&At<WrittenFormat>>, verify: Option<&Verify>) -> Format {
        let read = written.map_or(Format::Auto, |written| format(written.value));
        let is_body_alone = verify.is_some_and(Verify::covers_body_alone);
        match (read, written) {
            (Format::Auto, _) if is_body_alone => Format::AutoOfBody,
            (Format::Query, Some(written)) if is_body_alone => {
                let message = "the payload is read from the query, and `verify` covers the body alone";
                let help = "leave `format` out, where the payload is in the body; or sign the query, as the sender does \
                            it: `signs: \"{{ url }}\"`, `{{ sorted_query }}`";
                let diagnostic = Diagnostic::new(Code::ConflictingKeys, written.place.clone(), message);
                self.report(diagnostic.found("anyone could send an old request with a new query").help(help));
                read
            }
            _ => read,
        }
    }

    /// The texts that are read further; nothing where a path is none.
    pub(super) fn nested(&mut self, written: &Layers) -> Option<Vec<Nested>> {
        let all = written.iter().map(|named| {
            let path = self.json_path(&named.name)?;
            Some(Nested { path, layers: named.value.0.iter().map(layer).collect() })
        });
        all.collect::<Vec<_>>().into_iter().collect()
    }

    /// The source's own limits, those of `jackfield.yaml`, or the usual ones.
    pub(super) fn limits(&mut self, written: [Option<&Written>; 3]) -> Limits {
        let default = Limits::default();
        let mut all = written.iter().copied().flatten();
        let body = all.clone().find_map(|limits| limits.body.as_ref()).map(|size| size.value.0);
        let time = all.find_map(|limits| limits.time.as_ref()).map(|time| time.value);
        Limits {
            body: body.map_or(default.body, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            time: time.unwrap_or(default.time),
            parts: self.count(written, |limits| limits.parts.as_ref(), MOST_PARTS).unwrap_or(default.parts),
            depth: self.count(written, |limits| limits.depth.as_ref(), DEEPEST).unwrap_or(default.depth),
            nodes: self.count(written, |limits| limits.nodes.as_ref(), MOST_NODES).unwrap_or(default.nodes),
        }
    }

    fn count<'w>(
        &mut self,
        written: [Option<&'w Written>; 3],
        of: impl Fn(&'w Written) -> Option<&'w At<u64>>,
        most: usize,
    ) -> Option<usize> {
        let number = written.into_iter().flatten().find_map(of)?;
        let found = usize::try_from(number.value).unwrap_or(usize::MAX);
        if (1..=most).contains(&found) {
            return Some(found);
        }
        let message = format!("{found} can't be this limit");
        let diagnostic = Diagnostic::new(Code::InvalidValue, number.place.clone(), message);
        // One in `jackfield.yaml` is a limit of many sources.
        if !self.problems.iter().any(|problem| problem.place() == Some(&number.place)) {
            self.report(diagnostic.help(format!("write a number from 1 to {most}")));
        }
        None
    }
}

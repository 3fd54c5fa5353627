//! `source:` as written, in a route, in `jackfield.yaml` and in a pack's webhook.

mod secrets;
mod shape;
pub mod verify;

use std::time::Duration;

use super::connection::Setting;
use super::guard::Rate;
use super::handshake::{Handshakes, Reply};
use super::privacy::Privacy;
use super::scalar::{Size, Text};
use super::shape::keywords::described;
use super::shape::{Shape, Shapes};
use super::{At, Decode, NamedList, Problems};
use crate::document::{Kind, Node};
use crate::value::Value;
pub use secrets::Secrets;
pub(super) use verify::KINDS;
pub use verify::Verify;

record! {
    /// Where events arrive, and how their requests are verified and read.
    pub struct Source ("a source") {
        /// A webhook that a pack describes, as `vendor.webhook`: `typeform.form_response`. The pack then knows how the sender
        /// signs and what it sends; what is written beside it counts more. Leave it out for an unknown sender.
        from: Option<Text>,
        /// The path under `/hooks`: the sender of `/my-form` calls `/hooks/my-form`. What stands for a `{name}` in it is
        /// `{{ request.params.name }}`.
        path: Option<Text>,
        /// The whole address that the sender calls and signs, without its query, where a proxy changes more of it than the
        /// host: `https://example.com/calls/{id}`. `public_url` of `jackfield.yaml` and the path unless given.
        public_url: Option<Text>,
        /// The HTTP methods that are taken: `[POST]` unless given.
        methods: Option<Vec<Text>>,
        /// How the body is read: `auto` unless given.
        format: Option<At<Format>>,
        /// Text inside the payload that is itself JSON, XML, a form, base64 or percent-encoded: `{ "$.payload": json }`.
        decode: Option<Layers>,
        /// A JSONPath, for senders that put several events into one request: `"$.leads[*]"`. Each match becomes an event, with
        /// `payload` the match and `envelope` the whole.
        split: Option<Text>,
        /// How the sender proves itself: by a signature, a token, a password, or `none`. Must be there unless the pack has it.
        verify: Option<Verify>,
        /// Why a draft has `verify: none` here. It means that nobody has looked at it yet, so `check` refuses it: say how the
        /// sender proves itself, and delete it.
        guess: Option<Text>,
        /// What `verify` needs, from the environment: `${env:WEBSITE_KEY}`. A list of several while one takes the place of
        /// another: each is tried.
        secret: Option<Secrets>,
        /// What the webhook of `from` asks for, by name: `verify_token: ${env:META_VERIFY_TOKEN}`.
        settings: NamedList<Setting>,
        /// The challenges that the sender makes before it trusts the address: one, or a list of them.
        handshake: Option<Handshakes>,
        /// What the sender is answered once the event is on disk: 202 and the event's id unless given.
        reply: Option<Reply>,
        /// What makes two events the same one, for all routes of the source: `"{{ payload.id }}"`.
        identity: Option<Text>,
        /// How much one request may bring: as in `jackfield.yaml` unless given.
        limits: Option<Limits>,
        /// What people are not shown of what came in here, beside what `jackfield.yaml` says of all sources.
        privacy: Option<Privacy>,
        /// `true` for a source of `jackfield.yaml` that no route names: what comes is kept, to be looked at, and counts as
        /// unmatched.
        capture: Option<At<bool>>,
    }
}

words! {
    /// How a body is read into a payload.
    pub enum Format ("a format") {
        /// By the content type, then by the bytes.
        Auto = "auto",
        /// JSON.
        Json = "json",
        /// A form, `application/x-www-form-urlencoded`. Keys in brackets become objects and lists: `leads[add][0][id]` is
        /// `$.leads.add[0].id`.
        Form = "form",
        /// A form with files, `multipart/form-data`. A file becomes an object with `filename`, `content_type`, `size`, `sha256`
        /// and `base64`.
        Multipart = "multipart",
        /// XML. An attribute is `@name`, text beside attributes or elements is `#text`, siblings of one name are a list.
        Xml = "xml",
        /// The query of the address.
        Query = "query",
        /// The body as one text.
        Text = "text",
        /// A signed JSON Web Token: the payload is its claims.
        Jwt = "jwt",
    }
}

words! {
    /// How a text inside the payload is read.
    pub enum Layer ("a way to read a text") {
        /// JSON.
        Json = "json",
        /// XML, as in `format: xml`.
        Xml = "xml",
        /// A form, `a=1&b=2`.
        Form = "form",
        /// Base64 of a text.
        Base64 = "base64",
        /// Percent-encoded text: `%40` for `@`.
        Url = "url",
    }
}

/// Texts inside the payload that are read further: a JSONPath for each, and how. They are read in the order written.
pub type Layers = NamedList<LayersOfText>;

/// How one text is read: one word, or several, each for what the one before has read.
#[derive(Clone, Debug)]
pub struct LayersOfText(pub Vec<At<Layer>>);

impl Decode for LayersOfText {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::List(items) if !items.is_empty() => {
                let layers: Vec<_> = items.iter().filter_map(|item| At::<Layer>::decode(item, problems)).collect();
                (layers.len() == items.len()).then_some(LayersOfText(layers))
            }
            _ => At::<Layer>::decode(node, problems).map(|layer| LayersOfText(vec![layer])),
        }
    }
}

impl Shape for LayersOfText {
    fn shape(shapes: &mut Shapes) -> Value {
        let one = At::<Layer>::shape(shapes);
        let several =
            Value::object([("type", Value::from("array")), ("items", one.clone()), ("minItems", Value::from(1))]);
        Value::object([("anyOf", Value::array([one, several]))])
    }
}

record! {
    /// How much one request may bring.
    pub struct Limits ("limits") {
        /// The largest body that is taken: `1MB` unless given.
        body: Option<At<Size>>,
        /// How long a body may take to arrive: `10s` unless given.
        time: Option<At<Duration>>,
        /// How many requests the source takes in a time, so that a flood of them keeps no other source waiting:
        /// `{ requests: 100, per: 1s }`. Any number unless given.
        rate: Option<Rate>,
        /// The most parts of a multipart body, and the most events that `split` makes of one request: `1000` unless given.
        parts: Option<At<u64>>,
        /// How many lists and objects may be inside one another: `100` unless given, which is the most.
        depth: Option<At<u64>>,
        /// How many values a payload may have: `100000` unless given.
        nodes: Option<At<u64>>,
    }
}

/// A source written out, or the name of one that `jackfield.yaml` declares.
#[derive(Clone, Debug)]
pub enum SourceOrName {
    Here(Box<Source>),
    Named(Text),
}

impl Decode for SourceOrName {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => Text::decode(node, problems).map(SourceOrName::Named),
            _ => Source::decode(node, problems).map(|source| SourceOrName::Here(Box::new(source))),
        }
    }
}

/// Sources that several routes can share, by name.
pub type Sources = NamedList<Source>;

impl Shape for SourceOrName {
    fn shape(shapes: &mut Shapes) -> Value {
        let name = described(&["The name of a source that `jackfield.yaml` declares."], &Text::shape(shapes));
        Value::object([("anyOf", Value::array([Source::shape(shapes), name]))])
    }
}

//! A pack, compiled: what a vendor takes and what its answers mean.

pub mod address;
pub mod certificate;
pub mod link;
pub mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::diagnostic::Place;
use crate::extract::Extract;
use crate::request::{Encoding, Piece};
use crate::schema::Schema;
use crate::secret::Secret;
use crate::template::Template;
use crate::value::Value;
use link::Link;
use outcome::Outcomes;

/// One vendor as a provider.
#[derive(Debug)]
pub struct Pack {
    /// The name of its folder: `chat2desk`.
    pub name: Arc<str>,
    pub title: Arc<str>,
    /// The settings that must never be shown.
    pub secrets: BTreeSet<Arc<str>>,
    pub operations: BTreeMap<Arc<str>, Arc<Operation>>,
    /// Where tokens that run out come from; a connection has it when it gives all that this names.
    pub oauth2: Option<Arc<OAuth2>>,
    /// Answers of the sandbox for every operation, by name.
    pub sandbox_errors: BTreeMap<Arc<str>, SandboxReply>,
}

/// One call that a vendor takes.
#[derive(Debug)]
pub struct Operation {
    pub name: Arc<str>,
    pub method: Arc<str>,
    pub path: Vec<PathPart>,
    pub headers: Vec<(Arc<str>, Vec<HeaderPart>)>,
    pub schema: Option<Schema>,
    /// How the body is written when it goes out.
    pub encoding: Encoding,
    /// Fields of the body that a route need not give.
    pub defaults: Vec<(Arc<str>, Body)>,
    pub outcomes: Outcomes,
    pub idempotency: Idempotency,
    /// Budgets of this call, beside that of the connection. A request has a key for each, in this order.
    pub limits: Vec<Limit>,
    /// The names that its query can have; none where the pack does not say.
    pub query: Vec<Asked>,
    /// The calls of a chain, the last of which is the delivery's own; none for a call of the vendor's.
    pub chain: Vec<Step>,
    /// The names that a chain's `params` may have.
    pub chain_params: Vec<Arc<str>>,
    pub sandbox_reply: SandboxReply,
    /// A request that the vendor takes: the values of its address, and its body.
    pub example: (Value, Option<Value>),
    pub sandbox_errors: BTreeMap<Arc<str>, SandboxReply>,
}

/// A name in the query of a call.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: Arc<str>,
    pub required: bool,
}

/// What a repetition of a call does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Idempotency {
    /// It is a new call.
    #[default]
    None,
    /// A repetition changes nothing more.
    Safe,
    /// The vendor recognises it by this field of the body.
    Field(Arc<str>),
    /// The vendor recognises it by this header, which is sent with every call.
    Header(Arc<str>),
}

impl Idempotency {
    /// The field of the body that carries the key.
    pub fn field(&self) -> Option<&str> {
        match self {
            Idempotency::Field(field) => Some(field),
            _ => None,
        }
    }

    /// Whether a call may be repeated without a second effect.
    pub fn is_repeatable(&self) -> bool {
        *self != Idempotency::None
    }
}

/// A budget: so many requests in a time, for each key apart.
#[derive(Clone, Debug)]
pub struct Limit {
    pub requests: u64,
    pub per: Duration,
    /// A template over `params`, `body` and `connection`; without one all calls share the budget.
    pub key: Option<Placed>,
    /// It is the pack's: the calls of all its operations count together.
    pub is_shared: bool,
}

/// How a connection gets the token that it sends.
#[derive(Clone, Debug)]
pub struct OAuth2 {
    /// The secret setting that the token stands for wherever a header or an address names it.
    pub token: Arc<str>,
    /// The address that gives tokens: whole, or what follows the connection's base address.
    pub address: TokenAddress,
    pub client_id: Vec<HeaderPart>,
    pub client_secret: Vec<HeaderPart>,
    /// The secret setting with the first refresh token; without one the client's own credentials are enough.
    pub refresh_token: Option<Arc<str>>,
    /// Further fields of the form.
    pub fields: Vec<(Arc<str>, Vec<HeaderPart>)>,
    /// The settings without which it can't be used.
    pub needs: Vec<Arc<str>>,
}

/// Where tokens are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAddress {
    Url(Arc<str>),
    Path(Arc<str>),
}

impl TokenAddress {
    /// The path alone.
    pub fn path(&self) -> Arc<str> {
        match self {
            TokenAddress::Path(path) => path.clone(),
            TokenAddress::Url(url) => url::Url::parse(url).map_or_else(|_| "/".into(), |url| url.path().into()),
        }
    }
}

/// A template and where it is written.
#[derive(Clone, Debug)]
pub struct Placed {
    pub template: Template,
    pub place: Place,
}

/// What a call is given: its address, headers and body as templates.
#[derive(Clone, Debug)]
pub struct Draft {
    pub params: Vec<(Arc<str>, Body)>,
    pub query: Vec<(Arc<str>, Body)>,
    pub headers: Vec<(Arc<str>, Body)>,
    pub body: Option<Body>,
    pub body_place: Place,
    pub place: Place,
}

impl Draft {
    /// Every template of a call, with where it is written.
    pub fn templates(&self) -> Vec<(&Template, &Place)> {
        let mut found = Vec::new();
        let named = [&self.params, &self.query, &self.headers].into_iter().flatten().map(|(_, body)| body);
        named.chain(&self.body).for_each(|body| body.collect(&mut found));
        found
    }
}

impl Body {
    fn collect<'s>(&'s self, found: &mut Vec<(&'s Template, &'s Place)>) {
        match self {
            Body::Value(_) => {}
            Body::Template { template, place } => found.push((template, place)),
            Body::Array(items) => items.iter().for_each(|item| item.collect(found)),
            Body::Object(fields) => fields.iter().for_each(|(_, field)| field.collect(found)),
        }
    }
}

/// A call that comes before another, and what of its answer is kept.
#[derive(Clone, Debug)]
pub struct Step {
    pub operation: Arc<Operation>,
    pub draft: Draft,
    /// It is made when this holds.
    pub when: Option<Placed>,
    /// It is left out when this holds.
    pub unless: Option<Placed>,
    pub save: Vec<Extract>,
    pub remember: Option<Remember>,
}

/// For how long what a step saved stands for the call, and for which events.
#[derive(Clone, Debug)]
pub struct Remember {
    pub key: Placed,
    pub period: Duration,
}

/// A part of an operation's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    Text(Arc<str>),
    /// A `{name}`, filled from the route's `params` or the connection.
    Param(Arc<str>),
}

/// A part of a pack's header: text, a secret of the connection, or a template over its other settings.
#[derive(Clone, Debug)]
pub enum HeaderPart {
    Text(Arc<str>),
    Secret(Arc<str>),
    Template(Template),
}

/// One answer of the sandbox.
#[derive(Clone, Debug)]
pub struct SandboxReply {
    pub status: u16,
    pub headers: Vec<(Arc<str>, Template)>,
    pub body: Option<Body>,
}

/// A tree of templates: a body, a query, the parameters of an address.
#[derive(Clone, Debug)]
pub enum Body {
    Value(Value),
    Template { template: Template, place: Place },
    Array(Vec<Body>),
    Object(Vec<(Arc<str>, Body)>),
}

/// One account at one vendor.
#[derive(Debug)]
pub struct Connection {
    pub name: Arc<str>,
    pub pack: Arc<Pack>,
    /// Without a slash at its end; not known where the environment does not give it.
    pub base_url: Arc<str>,
    /// `connection` in templates: the settings that are not secret.
    pub settings: Value,
    pub secrets: BTreeMap<Arc<str>, Secret>,
    pub timeout: Duration,
    /// How the account is reached.
    pub link: Arc<Link>,
    /// Whether its calls carry the trace that they belong to.
    pub traceparent: bool,
    pub backoff: Backoff,
    /// How many requests the vendor takes in a time: all of these hold.
    pub rate_limits: Vec<(u64, Duration)>,
    /// How it gets its token, where the connection gives what that takes.
    pub oauth2: Option<Arc<OAuth2>>,
}

impl Connection {
    /// A setting as a piece of an address or header.
    pub fn piece(&self, setting: &str) -> Option<Piece> {
        if self.secrets.contains_key(setting) {
            return Some(Piece::Secret(setting.into()));
        }
        let text = crate::convert::text(self.settings.get(setting)?).ok()?;
        Some(Piece::Text(text.into()))
    }
}

impl Pack {
    /// The calls of the vendor, without the chains of such calls.
    pub fn calls(&self) -> impl Iterator<Item = &Arc<Operation>> + Clone {
        self.operations.values().filter(|operation| !operation.is_chain())
    }
}

impl Step {
    /// The names that it keeps.
    pub fn saves(&self) -> impl Iterator<Item = &Arc<str>> {
        self.save.iter().map(|saved| &saved.name)
    }
}

impl Operation {
    /// Whether a call fetches something and leaves everything as it was.
    pub fn only_asks(&self) -> bool {
        &*self.method == "GET" && self.idempotency == Idempotency::Safe && !self.is_chain()
    }

    /// Whether it stands for several calls.
    pub fn is_chain(&self) -> bool {
        !self.chain.is_empty()
    }

    /// The names in the path.
    pub fn params(&self) -> impl Iterator<Item = &Arc<str>> {
        self.path.iter().filter_map(|part| match part {
            PathPart::Param(name) => Some(name),
            PathPart::Text(_) => None,
        })
    }
}

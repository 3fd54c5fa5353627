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
use crate::request::Piece;
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
    /// Fields of the body that a route need not give.
    pub defaults: Vec<(Arc<str>, Body)>,
    pub outcomes: Outcomes,
    /// The field of the body that lets the vendor recognise a repetition.
    pub idempotency: Option<Arc<str>>,
    pub sandbox_reply: SandboxReply,
    pub sandbox_errors: BTreeMap<Arc<str>, SandboxReply>,
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
    pub backoff: Backoff,
    /// How many requests the vendor takes in a time.
    pub rate_limit: Option<(u64, Duration)>,
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

impl Operation {
    /// The names in the path.
    pub fn params(&self) -> impl Iterator<Item = &Arc<str>> {
        self.path.iter().filter_map(|part| match part {
            PathPart::Param(name) => Some(name),
            PathPart::Text(_) => None,
        })
    }
}

//! Errors on demand.

use std::sync::{Arc, Mutex};

use super::find::Directory;
use super::journal::locked;
use super::token;
use crate::pack::{Operation, Pack, SandboxReply};

/// The errors that every provider can be told to make, besides those of its pack and a bare status.
pub(super) const WORDS: [&str; 3] = ["hang", "close", "garbage"];

/// An error for the next requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub provider: Arc<str>,
    /// Any that knows the error, when none is named.
    pub operation: Option<Arc<str>>,
    /// A name from the pack's sandbox errors, a bare status as `503`, `hang` (no answer until the peer gives up or a
    /// minute has passed), `close` (the connection closes without an answer) or `garbage` (200 with bytes that are not
    /// JSON).
    pub error: Arc<str>,
    pub times: u32,
}

/// An order that no pack can fulfil, with what there is instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`; there is: {}", known.join(", "))]
pub struct Unknown {
    /// `provider`, `operation` or `error`.
    pub what: &'static str,
    pub name: Arc<str>,
    pub known: Vec<String>,
}

/// What an error's name means.
pub(super) enum Fault<'p> {
    Reply(&'p SandboxReply),
    Status(u16),
    /// The token service refuses in the words of OAuth.
    Refusal(u16),
    Hang,
    Close,
    Garbage,
}

/// What the name means for this operation. What the pack itself names comes first.
fn fault<'p>(pack: &'p Pack, operation: &'p Operation, error: &str) -> Option<Fault<'p>> {
    let named = operation.sandbox_errors.get(error).or_else(|| pack.sandbox_errors.get(error));
    if let Some(reply) = named {
        return Some(Fault::Reply(reply));
    }
    match error {
        "hang" => Some(Fault::Hang),
        "close" => Some(Fault::Close),
        "garbage" => Some(Fault::Garbage),
        _ => error.parse().ok().filter(|status| (200..600).contains(status)).map(Fault::Status),
    }
}

/// What the name means for the token service.
fn token_fault<'p>(error: &str) -> Option<Fault<'p>> {
    match (error, token::status_of(error)) {
        (_, Some(status)) => Some(Fault::Refusal(status)),
        ("hang", _) => Some(Fault::Hang),
        ("close", _) => Some(Fault::Close),
        ("garbage", _) => Some(Fault::Garbage),
        _ => error.parse().ok().filter(|status| (200..600).contains(status)).map(Fault::Status),
    }
}

/// The orders that are not used up, oldest first.
#[derive(Default)]
pub(super) struct Orders(Mutex<Vec<Failure>>);

impl Orders {
    pub(super) fn add(&self, order: Failure) {
        if order.times > 0 {
            locked(&self.0).push(order);
        }
    }

    /// Those that are not used up, oldest first.
    pub(super) fn open(&self) -> Vec<Failure> {
        locked(&self.0).clone()
    }

    /// Takes back those for this provider, or all; says how many.
    pub(super) fn cancel(&self, provider: Option<&str>) -> usize {
        let mut orders = locked(&self.0);
        let before = orders.len();
        orders.retain(|order| provider.is_some_and(|name| *order.provider != *name));
        before - orders.len()
    }

    /// Uses up one of the oldest order that is for this operation.
    pub(super) fn take<'p>(&self, pack: &'p Pack, operation: &'p Operation) -> Option<(Arc<str>, Fault<'p>)> {
        self.take_one(|order| {
            let meant =
                order.provider == pack.name && order.operation.as_ref().is_none_or(|name| *name == operation.name);
            meant.then(|| fault(pack, operation, &order.error)).flatten()
        })
    }

    /// The same for the token service of this provider, which only fails when it is named.
    pub(super) fn take_for_token(&self, provider: &str) -> Option<(Arc<str>, Fault<'static>)> {
        self.take_one(|order| {
            let is_meant = *order.provider == *provider && order.operation.as_deref() == Some(token::OPERATION);
            is_meant.then(|| token_fault(&order.error)).flatten()
        })
    }

    fn take_one<'p>(&self, is_meant: impl Fn(&Failure) -> Option<Fault<'p>>) -> Option<(Arc<str>, Fault<'p>)> {
        let mut orders = locked(&self.0);
        let (index, fault) = orders.iter().enumerate().find_map(|(index, order)| Some((index, is_meant(order)?)))?;
        let order = orders.get_mut(index)?;
        let error = order.error.clone();
        order.times = order.times.saturating_sub(1);
        if order.times == 0 {
            orders.remove(index);
        }
        Some((error, fault))
    }
}

impl Directory {
    /// Whether an order can be fulfilled.
    pub(super) fn check(&self, order: &Failure) -> Result<(), Unknown> {
        let unknown = |what, name: &Arc<str>, known| Err(Unknown { what, name: name.clone(), known });
        let found = self.named(&order.provider).filter(|provider| !provider.pack.operations.is_empty());
        let Some(pack) = found.map(|provider| &*provider.pack) else {
            let known = self.providers().map(|provider| provider.pack.name.to_string()).collect();
            return unknown("provider", &order.provider, known);
        };
        let is_call = |name: &Arc<str>| pack.calls().any(|call| call.name == *name);
        let has_tokens = pack.oauth2.is_some();
        if let Some(name) = order.operation.as_ref().filter(|name| !is_call(name)) {
            if !has_tokens || **name != *token::OPERATION {
                let tokens = has_tokens.then(|| token::OPERATION.to_owned());
                return unknown(
                    "operation",
                    name,
                    pack.calls().map(|call| call.name.to_string()).chain(tokens).collect(),
                );
            }
            if token_fault(&order.error).is_some() {
                return Ok(());
            }
            let known = token::ERRORS.iter().map(|(word, _)| *word).chain(WORDS).chain(["a status from 200 to 599"]);
            return unknown("error", &order.error, known.map(str::to_owned).collect());
        }
        let meant = pack.calls().filter(|o| order.operation.as_ref().is_none_or(|name| *name == o.name));
        if meant.clone().any(|operation| fault(pack, operation, &order.error).is_some()) {
            return Ok(());
        }
        let mut known: Vec<String> = meant.flat_map(|o| o.sandbox_errors.keys()).map(ToString::to_string).collect();
        known.extend(pack.sandbox_errors.keys().map(ToString::to_string));
        known.extend(WORDS.map(str::to_owned));
        known.push("a status from 200 to 599".to_owned());
        unknown("error", &order.error, known)
    }
}

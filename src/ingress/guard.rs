//! What the server takes on at once, so that whatever comes leaves it able to answer.

use std::sync::Arc;

use http::HeaderMap;

use super::gauge::Gauge;
use super::places::Places;
use super::turns::Turns;
use crate::event::head::HeadLimits;
use crate::refusal::{Reason, Tally};

/// How much there may be at once, in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    pub connections: usize,
    /// Requests whose body is there and that are not answered yet.
    pub requests: usize,
    /// Bytes of bodies in memory.
    pub bodies: usize,
    /// Of one request's address and headers.
    pub head: HeadLimits,
}

impl Default for Most {
    fn default() -> Self {
        Most { connections: 1024, requests: 512, bodies: 256 << 20, head: HeadLimits::default() }
    }
}

/// What is in use of all this.
#[derive(Clone, Debug)]
pub struct Guard {
    pub most: Most,
    pub connections: Arc<Places>,
    pub(super) requests: Arc<Gauge>,
    pub(super) bodies: Arc<Gauge>,
    /// For requests that make much work.
    pub(super) turns: Turns,
    pub tally: Arc<Tally>,
}

impl Guard {
    pub fn new(most: Most, tally: Arc<Tally>) -> Self {
        Guard {
            most,
            connections: Places::new(most.connections),
            requests: Gauge::new(most.requests),
            bodies: Gauge::new(most.bodies),
            turns: Turns::new(),
            tally,
        }
    }

    /// Whether the head of a request is small enough.
    pub(super) fn check_head(&self, target: &str, headers: &HeaderMap) -> Result<(), Reason> {
        let lengths = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        self.most.head.fit(target, lengths).then_some(()).ok_or(Reason::HeadersTooLarge)
    }
}

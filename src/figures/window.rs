//! The stretches of time that are looked at, and what is told of one.

use super::latencies::Latency;
use super::series::Counts;
use crate::clock::Timestamp;

/// How far back is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Hour,
    Day,
    Week,
}

impl Window {
    pub const ALL: [Window; 3] = [Window::Hour, Window::Day, Window::Week];

    /// As it stands in an address.
    pub fn word(self) -> &'static str {
        match self {
            Window::Hour => "1h",
            Window::Day => "24h",
            Window::Week => "7d",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Window::ALL.into_iter().find(|window| window.word() == word)
    }

    /// So many stretches, each of so many minutes.
    pub(super) fn stretches(self) -> (u32, u32) {
        match self {
            Window::Hour => (60, 1),
            Window::Day => (48, 30),
            Window::Week => (42, 240),
        }
    }

    pub fn minutes(self) -> u32 {
        let (count, length) = self.stretches();
        count * length
    }
}

/// How it went within a window: in all, for a route, or for a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub counts: Counts,
    /// From accepting an event to its delivery; nothing where nothing was delivered, or nobody measures.
    pub latency: Option<Latency>,
    /// When anything was counted last, also before the window.
    pub last_at: Option<Timestamp>,
}

impl Summary {
    /// The share of what was delivered, of all deliveries that are done; nothing where none is.
    pub fn success(&self) -> Option<f64> {
        let (good, bad) = (f64::from(self.counts.delivered), f64::from(self.counts.dead));
        (good + bad > 0.0).then(|| good / (good + bad))
    }

    /// Whether most of what is done was given up.
    pub fn mostly_fails(&self) -> bool {
        self.counts.dead > self.counts.delivered
    }
}

/// One bar of a picture of what came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When it begins.
    pub at: Timestamp,
    pub received: u32,
    /// Deliveries that were given up, and events of which a route could make nothing.
    pub failed: u32,
}

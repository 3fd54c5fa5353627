//! How much waits to be written.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What waits, in commands and in bytes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    commands: AtomicUsize,
    bytes: AtomicUsize,
}

impl Queue {
    /// Whether more than so much waits. What is counted may be a moment old: the bound is not an exact one.
    pub(super) fn is_beyond(&self, commands: usize, bytes: usize) -> bool {
        self.commands.load(Ordering::Relaxed) >= commands || self.bytes.load(Ordering::Relaxed) >= bytes
    }

    pub(super) fn entered(&self, bytes: usize) {
        self.commands.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn left(&self, commands: usize, bytes: usize) {
        self.commands.fetch_sub(commands, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

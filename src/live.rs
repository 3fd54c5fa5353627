//! What serves at this moment: one compiled set of routes, swapped whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::compile::Documents;
use crate::route::RouteSet;

/// A compiled set with the files that it came from, so that an error names a line of what really runs.
#[derive(Debug)]
pub struct Revision {
    pub set: RouteSet,
    pub documents: Documents,
}

/// The revision that serves. Readers never wait; whoever holds a revision keeps it.
#[derive(Clone, Debug)]
pub struct Live(Arc<ArcSwap<Revision>>);

impl Live {
    pub fn new(revision: Revision) -> Self {
        Live(Arc::new(ArcSwap::from_pointee(revision)))
    }

    /// The revision of this moment.
    pub fn now(&self) -> Arc<Revision> {
        self.0.load_full()
    }

    /// Puts another revision in its place, in one step.
    pub fn swap(&self, revision: Revision) {
        self.0.store(Arc::new(revision));
    }
}

//! How long events are kept: what is so little that nothing could be done with it is refused.

use std::time::Duration;

use super::Compiler;
use crate::config::At;
use crate::config::route::RouteRetention;
use crate::config::settings::Retention;
use crate::diagnostic::{Code, Diagnostic};

/// Less is not meant.
const LEAST_AGE: Duration = Duration::from_secs(1);
/// An empty store is nearly as large.
const LEAST_SIZE: u64 = 1 << 20;

/// Why an event is kept for a while.
const NOT_KEPT: &str = "an event that is not kept can't be looked at";

impl Compiler<'_> {
    pub(super) fn check_retention(&mut self, retention: &Retention) {
        self.check_age(retention.age.as_ref(), NOT_KEPT, "90d");
        self.check_age(retention.identities.as_ref(), "an identity that is not kept makes no event the same", "30d");
        if let Some(size) = retention.size.as_ref().filter(|size| size.value.0 < LEAST_SIZE) {
            let message = "the store needs more than this for itself";
            let diagnostic = Diagnostic::new(Code::InvalidValue, size.place.clone(), message);
            self.report(diagnostic.help("write at least `1MB`; a GB holds some 500000 events of 1 KB"));
        }
    }

    /// How long a route keeps its events.
    pub(super) fn age_of_route(&mut self, retention: &RouteRetention) -> Option<Duration> {
        let age = retention.age.get();
        self.check_age(age, NOT_KEPT, "7d");
        age.map(|age| age.value)
    }

    fn check_age(&mut self, age: Option<&At<Duration>>, message: &str, usual: &str) {
        if let Some(age) = age.filter(|age| age.value < LEAST_AGE) {
            let diagnostic = Diagnostic::new(Code::InvalidValue, age.place.clone(), message);
            self.report(diagnostic.help(format!("write a time such as `{usual}`")));
        }
    }
}

//! How long events are kept and how much of them: what is so little that nothing could be done with it is refused.

use std::time::Duration;

use super::Compiler;
use crate::config::At;
use crate::config::route::RouteRetention;
use crate::config::scalar::Size;
use crate::config::settings::Retention;
use crate::diagnostic::{Code, Diagnostic};
use crate::route::Kept;

/// Less is not meant.
const LEAST_AGE: Duration = Duration::from_secs(1);
/// An empty store is nearly as large, and so is one event.
const LEAST_SIZE: u64 = 1 << 20;

/// Why an event is kept for a while.
const NOT_KEPT: &str = "an event that is not kept can't be looked at";

impl Compiler<'_> {
    pub(super) fn check_retention(&mut self, retention: &Retention) {
        self.check_age(retention.age.as_ref(), NOT_KEPT, "90d");
        self.check_age(retention.identities.as_ref(), "an identity that is not kept makes no event the same", "30d");
        self.check_size(retention.size.as_ref(), "the store needs more than this for itself");
    }

    /// How long and how much a route keeps of its events.
    pub(super) fn retention_of_route(&mut self, written: &RouteRetention) -> Kept {
        let (age, size) = (written.age.as_ref(), written.size.as_ref());
        if age.is_none() && size.is_none() {
            let message = "`retention` says neither how long nor how much is kept";
            let diagnostic = Diagnostic::new(Code::MissingKey, written.place.on_key(), message);
            self.report(diagnostic.help("add a line `age: 7d` or `size: 2GB`"));
        }
        self.check_age(age, NOT_KEPT, "7d");
        self.check_size(size, "one large event takes more than this");
        Kept { age: age.map(|age| age.value), size: size.map(|size| size.value.0) }
    }

    fn check_size(&mut self, size: Option<&At<Size>>, message: &str) {
        if let Some(size) = size.filter(|size| size.value.0 < LEAST_SIZE) {
            let diagnostic = Diagnostic::new(Code::InvalidValue, size.place.clone(), message);
            self.report(diagnostic.help("write at least `1MB`; a GB holds some 500000 events of 1 KB"));
        }
    }

    fn check_age(&mut self, age: Option<&At<Duration>>, message: &str, usual: &str) {
        if let Some(age) = age.filter(|age| age.value < LEAST_AGE) {
            let diagnostic = Diagnostic::new(Code::InvalidValue, age.place.clone(), message);
            self.report(diagnostic.help(format!("write a time such as `{usual}`")));
        }
    }
}

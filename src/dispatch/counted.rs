//! What the figures are told of calls and deliveries.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use crate::clock::Timestamp;
use crate::delivery::{AttemptResult, State};
use crate::figures::Called;
use crate::pack::outcome::Outcome;
use crate::span::{Span, Trace};
use crate::store::StoredDelivery;

/// A delivery that was made so long after its event is one that a person sent again, or whose source was away: what it takes
/// counts from its own beginning.
const LATER: Duration = Duration::from_secs(600);

impl Shared {
    /// A delivery ended, or waits for a person.
    pub(super) fn count_end(&self, delivery: &StoredDelivery, state: State) {
        let now = self.clock.now();
        let took = began(delivery).until(now);
        self.figures.ended(&delivery.route, &delivery.connection, state, Some(took), now);
    }

    /// A call of a delivery ended, the last that it has counted: whoever follows traces is told.
    pub(super) fn tell_span(
        &self,
        delivery: &StoredDelivery,
        to: &str,
        result: &AttemptResult,
        status: Option<u16>,
        began: Timestamp,
    ) {
        let trace = Trace::of_delivery(&delivery.request, delivery.event_id);
        self.spans.put(trace.sampled, || {
            let mut attributes = vec![
                ("jackfield.event", delivery.event_id.to_string()),
                ("jackfield.delivery", delivery.id.to_string()),
                ("jackfield.route", delivery.route.to_string()),
                ("jackfield.operation", to.to_owned()),
                ("jackfield.outcome", result.word().to_owned()),
            ];
            attributes.extend(status.map(|status| ("http.response.status_code", status.to_string())));
            Span {
                name: format!("call {to}"),
                began,
                ended: self.clock.now(),
                failed: is_failure(result),
                attributes,
                ..trace.calling(delivery.event_id, delivery.id, delivery.calls)
            }
        });
    }

    /// A call of a delivery ended, to `connection.operation`.
    pub(super) fn count_call(
        &self,
        delivery: &StoredDelivery,
        to: &str,
        result: &AttemptResult,
        next: State,
        took_ms: u64,
    ) {
        let called = to.split_once('.').map_or(to, |(connection, _)| connection);
        let other: Arc<str>;
        let connection = match called == &*delivery.connection {
            true => &delivery.connection,
            false => {
                other = Arc::from(called);
                &other
            }
        };
        // A token that was too old is no failure where there is another.
        let failed = next != State::Leased && is_failure(result);
        let took = Duration::from_millis(took_ms);
        self.figures.called(Called { connection, outcome: result.word(), failed, took }, self.clock.now());
    }
}

/// Whether the connection did not do its part. A request that the provider will never take is no fault of the connection.
fn is_failure(result: &AttemptResult) -> bool {
    match result {
        AttemptResult::Answered { outcome, .. } => {
            matches!(outcome, Outcome::Retry | Outcome::Refresh | Outcome::Hold)
        }
        AttemptResult::TokenRefused { .. } | AttemptResult::NotSent(_) | AttemptResult::Unknown(_) => true,
    }
}

/// From when on a delivery takes its time.
fn began(delivery: &StoredDelivery) -> Timestamp {
    let accepted_at = delivery.event_id.made_at().unwrap_or(delivery.created_at);
    match accepted_at.until(delivery.created_at) > LATER {
        true => delivery.created_at,
        false => accepted_at,
    }
}

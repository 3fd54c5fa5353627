//! What is on disk of a call before it is made, so that the next start knows of it however this one ends.

use std::time::Duration;

use super::super::{pacer, stored};
use super::{Runner, Stopped, Target, number, record};
use crate::plan::OnUnknown;
use crate::span::Trace;
use crate::store::{LimitedCall, StoredDelivery, UnsureCall};

/// What was noted of a call that is about to be made.
#[derive(Clone, Copy, Default)]
pub(super) struct Begun {
    pub limited: Option<Limited>,
    /// A person decides when nobody knows how it ended.
    pub unsure: bool,
}

/// A call that counts against limits: its number in the store, and for how long it counts.
#[derive(Clone, Copy)]
pub(super) struct Limited {
    pub call: i64,
    pub window: Duration,
}

impl Runner<'_> {
    /// The trace that the next call carries.
    pub(super) fn traceparent(&self) -> String {
        let StoredDelivery { request, event_id, id, calls, .. } = &self.delivery;
        let trace = Trace::of_delivery(request, *event_id);
        trace.header(trace.calling(*event_id, *id, calls.saturating_add(1)).id)
    }

    /// A call that counts against limits is on disk before it is made, and one that is held when nobody knows how it ended.
    /// Others cost nothing for it.
    pub(super) async fn begin(&mut self, index: usize, target: &Target) -> Result<(), Stopped> {
        let (limited, unsure) = tokio::join!(self.limited(target), self.unsure(index, target));
        self.begun = Begun { limited: limited?, unsure: unsure? };
        Ok(())
    }

    async fn limited(&self, target: &Target) -> Result<Option<Limited>, Stopped> {
        let Target { request, connection, operation } = target;
        let Some(window) = pacer::longest_window(connection, operation) else { return Ok(None) };
        let at = self.shared.clock.now();
        let latest = at.plus(connection.timeout);
        let call = LimitedCall {
            connection: connection.name.clone(),
            operation: operation.name.clone(),
            limit_keys: request.limit_keys.clone(),
        };
        let begun = stored(self.shared, || self.shared.store.begin_call(call.clone(), at, latest, window)).await;
        begun.map(|call| Some(Limited { call, window })).ok_or(Stopped)
    }

    async fn unsure(&self, index: usize, target: &Target) -> Result<bool, Stopped> {
        if self.plan.on_unknown != OnUnknown::Hold || record::is_repeatable(target) {
            return Ok(false);
        }
        let call = UnsureCall {
            delivery_seq: self.delivery.seq,
            number: self.delivery.calls.saturating_add(1),
            step: number(index),
            at: self.shared.clock.now(),
            key: self.claimed.clone(),
        };
        let begun = stored(self.shared, || self.shared.store.begin_unsure(call.clone())).await;
        begun.map(|()| true).ok_or(Stopped)
    }

    /// The call is not made after all.
    pub(super) async fn call_off(&mut self) {
        let Begun { limited, unsure } = std::mem::take(&mut self.begun);
        let limited = limited.map(|limited| limited.call);
        if limited.is_some() || unsure {
            let _ = stored(self.shared, || self.shared.store.call_off(self.delivery.seq, limited)).await;
        }
    }
}

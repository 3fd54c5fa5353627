//! What follows from a call, and its record.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Report, Shared, stored};
use super::begin::{Begun, Limited};
use super::{Done, Made, Runner, Step, Target, number};
use crate::backoff::Backoff;
use crate::death;
use crate::delivery::{self, AttemptResult, Next, State, Trouble};
use crate::live::Revision;
use crate::pack::Idempotency;
use crate::pack::outcome::Outcome;
use crate::plan::{Memory, OnUnknown, Stale, is_nothing, written};
use crate::span::Trace;
use crate::store::{AttemptRecord, Changed, EndedCall, Remember, StoredDelivery};
use crate::value::Value;

/// For how long a provider may be down before what waits for it uses up its attempts.
const OUTAGE: Duration = Duration::from_secs(3 * 24 * 3600);
/// The delivery stays with us: a step is done, or is tried again at once.
const ON: Next = Next { state: State::Leased, due: None };

/// What is stored with a call beside its result.
#[derive(Default)]
struct Kept<'k> {
    /// An attempt of the delivery is used up.
    counts: bool,
    saved: Option<&'k Value>,
    /// Where others find it.
    memory: Vec<Memory>,
}

impl Runner<'_> {
    /// What a call came to: the next step, or the end for now.
    pub(super) async fn settle(
        &mut self,
        index: usize,
        target: &Target,
        mut made: Made,
        memory: Option<&Memory>,
        revision: &Revision,
    ) -> Step {
        if index == self.plan.last() || !is_success(&made.result) {
            let next = self.next(target, &made.result);
            let free = made.still_down.filter(|_| self.is_free(target, &made.result, next));
            return match free {
                Some(due) => self.ended(index, &made, Next { state: State::Retrying, due: Some(due) }, false).await,
                None => self.ended(index, &made, next, true).await,
            };
        }
        let saved = match self.plan.steps.get(index).map(|step| step.saved(&made.answer)) {
            Some(Ok(saved)) => saved,
            None => Value::Null,
            // What answered may not have been the provider.
            Some(Err(_)) if made.answer.is_foreign() => {
                made.result = AttemptResult::Unknown(Trouble::BadAnswer);
                let next = self.next(target, &made.result);
                return self.ended(index, &made, next, true).await;
            }
            Some(Err(problem)) => {
                let kept = Kept { counts: true, ..Kept::default() };
                return match self.record(index, &made, ON, kept).await {
                    Some(_) => self.bury(&problem, revision).await,
                    None => Step::End(Done::Left),
                };
            }
        };
        let mut memory: Vec<Memory> =
            memory.into_iter().filter(|_| self.plan.is_lasting(index, &saved)).cloned().collect();
        memory.extend(self.plan.answers(index, &saved, &self.saved, &revision.set));
        let keys: Vec<String> = memory.iter().map(|memory| memory.key.clone()).collect();
        if self.record(index, &made, ON, Kept { saved: Some(&saved), memory, ..Kept::default() }).await.is_none() {
            return Step::End(Done::Left);
        }
        keys.iter().for_each(|key| self.shared.flights.landed(key));
        if !is_nothing(&saved) {
            self.let_asked_go(&keys).await;
        }
        self.saved.set(index, saved);
        Step::Done
    }

    /// The same call is made again at once: its token was too old.
    pub(super) async fn again(&mut self, index: usize, made: Made) -> Step {
        match self.record(index, &made, ON, Kept::default()).await {
            Some(_) => Step::Done,
            None => Step::End(Done::Left),
        }
    }

    /// What earlier steps remembered is not so any more: they are done again, from the first of them on. It uses up an
    /// attempt, so that a provider that never finds anything is not asked for ever.
    pub(super) async fn back(&mut self, index: usize, made: Made, stale: Stale) -> Step {
        let kept = Kept { counts: true, ..Kept::default() };
        if self.record(index, &made, ON, kept).await.is_none() {
            return Step::End(Done::Left);
        }
        let (seq, from) = (self.delivery.seq, number(stale.from));
        match stored(self.shared, || self.shared.store.undo(seq, from, stale.remembered.clone())).await {
            Some(()) => {
                self.saved.undo(stale.from);
                Step::Back
            }
            None => Step::End(Done::Left),
        }
    }

    /// A call that could not be made.
    pub(super) async fn not_made(&mut self, index: usize, result: AttemptResult) -> Step {
        let started_at = self.shared.clock.now();
        let connection = self.shared.live.now().set.connections.get(&self.delivery.connection).cloned();
        let backoff = connection.map(|connection| connection.backoff).unwrap_or_default();
        // Where the provider was called, the same holds as for a call that nobody knows the end of.
        let next = self.after_call(&result, &backoff, self.called.unwrap_or(true));
        self.ended(index, &Made::without_answer(result, started_at), next, true).await
    }

    /// A step that a defect of ours has broken off, before its call or after.
    pub(super) async fn broken(&mut self, index: usize) -> Step {
        let result = match self.called {
            Some(_) => AttemptResult::Unknown(Trouble::Broken),
            None => AttemptResult::NotSent(Trouble::Broken),
        };
        self.not_made(index, result).await
    }

    fn next(&self, target: &Target, result: &AttemptResult) -> Next {
        self.after_call(result, &target.connection.backoff, is_repeatable(target))
    }

    fn after_call(&self, result: &AttemptResult, backoff: &Backoff, is_repeatable: bool) -> Next {
        let holds = self.plan.on_unknown == OnUnknown::Hold && !is_repeatable;
        if matches!(result, AttemptResult::Unknown(_)) && holds {
            return Next { state: State::Held, due: None };
        }
        self.after(result, backoff)
    }

    /// Whether a call that only found the provider down, or the account refused, uses up no attempt: one that surely has no effect, or none that a
    /// second one would repeat; and not for ever, since what brings a provider down may be the call itself.
    fn is_free(&self, target: &Target, result: &AttemptResult, next: Next) -> bool {
        let is_harmless = match result {
            AttemptResult::NotSent(_) | AttemptResult::TokenRefused { .. } => true,
            AttemptResult::Answered { outcome: Outcome::Refresh, .. } | AttemptResult::Answered { status: 503, .. } => {
                true
            }
            _ => is_repeatable(target),
        };
        let created_at = self.delivery.created_at;
        let is_young = (created_at..created_at.plus(OUTAGE)).contains(&self.shared.clock.now());
        is_harmless && is_young && matches!(next.state, State::Retrying | State::Held | State::Dead)
    }

    fn after(&self, result: &AttemptResult, backoff: &Backoff) -> Next {
        let attempt = self.delivery.attempts.saturating_add(1);
        delivery::after(result, attempt, backoff, self.shared.clock.now(), rand::random::<f64>())
    }

    async fn ended(&mut self, index: usize, made: &Made, next: Next, counts: bool) -> Step {
        let changed = self.record(index, made, next, Kept { counts, ..Kept::default() }).await;
        Step::End(match changed {
            None => Done::Left,
            Some(_) if next.state.is_open() => Done::Waits(next.due),
            Some(changed) => Done::Over { parked: changed.parked },
        })
    }

    /// What the provider took must be known before anything else happens to the delivery.
    async fn record(&mut self, index: usize, made: &Made, next: Next, kept: Kept<'_>) -> Option<Changed> {
        let Made { started_at, result, shown, headers, .. } = made;
        let now = self.shared.clock.now();
        let Begun { limited, unsure } = std::mem::take(&mut self.begun);
        self.doubtful = self.called == Some(false) && is_doubtful(result);
        // What did not go out counts nothing.
        let counted = |window| if matches!(result, AttemptResult::NotSent(_)) { Duration::ZERO } else { window };
        let took_ms = u64::try_from(started_at.until(now).as_millis()).unwrap_or(u64::MAX);
        self.delivery.calls = self.delivery.calls.saturating_add(1);
        self.delivery.attempts = self.delivery.attempts.saturating_add(u32::from(kept.counts));
        let record = AttemptRecord {
            delivery_seq: self.delivery.seq,
            number: self.delivery.calls,
            step: number(index),
            counts: kept.counts,
            started_at: *started_at,
            took_ms,
            result: result.word(),
            trouble: trouble(result).map(Trouble::word),
            status: status(result),
            answer: shown.clone(),
            headers: headers.clone(),
            saved: kept.saved.map(written),
            remember: kept
                .memory
                .into_iter()
                .map(|Memory { key, period }| Remember { key, until: now.plus(period) })
                .collect(),
            ended: limited.map(|Limited { call, window }| EndedCall { call, at: now, window: counted(window) }),
            begun: unsure,
            doubtful: self.doubtful,
            held_key: self.claimed.clone().filter(|_| matches!(result, AttemptResult::Unknown(_))),
            next,
        };
        let to = self.plan.steps.get(index).map_or_else(|| self.delivery.operation.clone(), |step| step.to.clone());
        self.shared.tell_span(&self.delivery, &to, result, status(result), *started_at);
        self.shared.count_call(&self.delivery, &to, result, next.state, took_ms);
        report(self.shared, &self.delivery, to, result, next, took_ms);
        let changed = stored(self.shared, || self.shared.store.record(record.clone())).await;
        death::moment("recorded");
        if changed.is_some_and(|changed| changed.changed) {
            self.shared.count_end(&self.delivery, next.state);
        }
        changed
    }
}

/// Whether a call may have done something all the same: nobody knows, or something between us and the provider answered.
fn is_doubtful(result: &AttemptResult) -> bool {
    match result {
        AttemptResult::Unknown(_) => true,
        AttemptResult::Answered { outcome: Outcome::Retry, status, .. } => *status >= 500 && *status != 503,
        _ => false,
    }
}

fn is_success(result: &AttemptResult) -> bool {
    use Outcome::{Accepted, Delivered, Duplicate};
    matches!(result, AttemptResult::Answered { outcome: Delivered | Accepted | Duplicate, .. })
}

/// Whether the same request may go out again without a second effect.
pub(super) fn is_repeatable(target: &Target) -> bool {
    match target.operation.idempotency {
        Idempotency::None => matches!(&*target.request.method, "GET" | "HEAD"),
        Idempotency::Safe => true,
        Idempotency::Field(_) | Idempotency::Header(_) => target.request.idempotency_key.is_some(),
    }
}

fn report(shared: &Shared, delivery: &StoredDelivery, to: Arc<str>, result: &AttemptResult, next: Next, took_ms: u64) {
    let (state, attempt, word) = (next.state.word(), delivery.attempts, result.word());
    let trace = Trace::of_delivery(&delivery.request, delivery.event_id).id;
    let (status, trouble) = (status(result), trouble(result).map(Trouble::word));
    match next.state {
        State::Dead => {
            tracing::warn!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, result = word,
                status, trouble, %trace, "a dead letter: the delivery was given up");
        }
        State::Held if matches!(result, AttemptResult::Unknown(_)) => {
            tracing::warn!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, result = word, trouble, %trace,
                "nobody knows whether the provider has it: the delivery waits for a person");
        }
        State::Held => {
            tracing::warn!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, result = word, trouble, %trace,
                "the connection must be mended: the delivery waits for a person");
        }
        State::Retrying => {
            tracing::info!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, result = word,
                status, trouble, %trace, "the delivery is tried again later");
        }
        State::Leased => {
            tracing::debug!(delivery = %delivery.id, event = %delivery.event_id, %to, result = word, %trace, "a step");
        }
        _ => {
            tracing::debug!(delivery = %delivery.id, event = %delivery.event_id, %to, attempt, state, %trace, "delivered")
        }
    }
    // Nobody watching is no error.
    let _ = shared.reports.send(Report {
        at: shared.clock.now(),
        event: delivery.event_id,
        delivery: delivery.id,
        route: delivery.route.clone(),
        to,
        attempt,
        status,
        result: word,
        took_ms,
        state: next.state,
        due: next.due,
    });
}

fn status(result: &AttemptResult) -> Option<u16> {
    match result {
        AttemptResult::Answered { status, .. } | AttemptResult::TokenRefused { status, .. } => Some(*status),
        AttemptResult::NotSent(_) | AttemptResult::Unknown(_) => None,
    }
}

fn trouble(result: &AttemptResult) -> Option<Trouble> {
    match result {
        AttemptResult::Answered { .. } => None,
        AttemptResult::TokenRefused { .. } => Some(Trouble::TokenRefused),
        AttemptResult::NotSent(trouble) | AttemptResult::Unknown(trouble) => Some(*trouble),
    }
}

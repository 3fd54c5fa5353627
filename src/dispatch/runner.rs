//! One delivery under way: its calls one after the other. What is done is in the ledger and is never done again; what is
//! recorded is on disk before anything else happens to the delivery.

mod ask;
mod begin;
mod claim;
mod record;
mod shown;
mod token;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::caller::Call;
use super::pace::{Ended, Health, told};
use super::pacer::{self, Seat};
use super::{Shared, Stage, stored};
use crate::clock::Timestamp;
use crate::death;
use crate::delivery::{AttemptResult, State, Trouble};
use crate::diagnostic::{Code, Diagnostic, json};
use crate::id::DeliveryId;
use crate::live::Revision;
use crate::pack::outcome::{Answer, Outcome};
use crate::pack::{Connection, Operation};
use crate::plan::{Memory, Opened, Plan, Saved};
use crate::request::Request;
use crate::secret::{Masks, Secret};
use crate::store::{Changed, StoredDelivery};
use crate::value::Value;
use begin::Begun;
use claim::{Claimed, Held};
use token::Account;

/// How long a delivery that is under way waits for its turn at a budget, or for another that finds out the same. After
/// that it makes room for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a delivery rests that a defect of ours has broken off.
const BROKEN: Duration = Duration::from_secs(60);

/// How a delivery that was under way goes on.
#[derive(Debug)]
pub(super) enum Done {
    /// It does not go on. `parked`: the next of its lane is parked in the store.
    Over { parked: bool },
    /// It waits in the store; until when, where that is known.
    Waits(Option<Timestamp>),
    /// The server stops; the next start takes it up.
    Left,
}

/// How a step ended.
enum Step {
    Done,
    /// Earlier steps are to be done again.
    Back,
    /// The delivery does not go on now.
    End(Done),
}

/// What a call is made of.
struct Target {
    request: Box<Request>,
    connection: Arc<Connection>,
    operation: Arc<Operation>,
}

/// A call that was made.
struct Made {
    started_at: Timestamp,
    result: AttemptResult,
    answer: Answer,
    /// The beginning of the answer as it is kept, without secrets of the connection.
    shown: Vec<u8>,
    /// Its headers, in the same way.
    headers: Vec<(String, String)>,
    /// It only found out that the provider is still down, or still refuses the account; it is asked again then.
    still_down: Option<Timestamp>,
    /// The token was too old, and there is another.
    renewed: bool,
}

/// The server stops.
struct Stopped;

impl Made {
    /// Nothing went out, or nobody knows.
    fn without_answer(result: AttemptResult, started_at: Timestamp) -> Self {
        let (answer, shown, headers) = Default::default();
        Made { started_at, result, answer, shown, headers, still_down: None, renewed: false }
    }
}

struct Runner<'s> {
    shared: &'s Shared,
    delivery: StoredDelivery,
    plan: Plan,
    saved: Saved,
    /// Leave for a call to the delivery's own connection.
    seat: Option<Seat>,
    /// A new token was fetched already.
    refreshed: bool,
    /// What was remembered was forgotten already.
    forgot: bool,
    /// The step has called the provider; whether the same call may be made again without a second effect.
    called: Option<bool>,
    /// What was noted of the call before it was made.
    begun: Begun,
    /// The key under which the step's result is remembered, and that is ours to find out.
    claimed: Option<String>,
    /// The call of the step may have done something of which nobody knows.
    doubtful: bool,
    /// The keys of steps that asked in vain: ours until it is known what the next call makes.
    asked: Vec<Held<'s>>,
    /// The first step that was not done when the delivery came.
    fresh_from: usize,
    /// It has waited for another, and asked again already.
    asked_again: bool,
    /// It goes on then with what others wait for.
    again: Option<(DeliveryId, Timestamp)>,
}

/// Does what is left to be done of a delivery. Whatever happens, it does not stay leased by nobody.
pub(super) async fn run(shared: &Shared, delivery: StoredDelivery, seat: Seat) -> Done {
    let (seq, id) = (delivery.seq, delivery.id);
    if let Ok(done) = std::panic::AssertUnwindSafe(begun(shared, delivery, seat)).catch_unwind().await {
        return done;
    }
    let due = shared.clock.now().plus(BROKEN);
    tracing::error!(delivery = %id, %due, "a delivery failed inside Jackfield; it is taken up again later");
    match stored(shared, || shared.store.postpone(vec![seq], due)).await {
        Some(0) => Done::Over { parked: true },
        Some(_) => Done::Waits(Some(due)),
        None => Done::Left,
    }
}

async fn begun(shared: &Shared, delivery: StoredDelivery, seat: Seat) -> Done {
    let Ok(plan) = Plan::from_json(delivery.request.as_bytes()) else {
        return buried(shared, &delivery, "the stored request can't be read").await;
    };
    let mut saved = Saved::default();
    if plan.steps.len() > 1 {
        let Some(ledger) = stored(shared, || shared.store.ledger(delivery.seq)).await else {
            return Done::Left;
        };
        let entries = ledger.iter().map(|(step, saved)| (*step, saved.as_str()));
        saved = match Saved::from_ledger(entries) {
            Ok(saved) => saved,
            Err(_) => return buried(shared, &delivery, "what its steps have saved can't be read").await,
        };
    }
    let mut runner = Runner {
        shared,
        delivery,
        plan,
        saved,
        seat: Some(seat),
        refreshed: false,
        forgot: false,
        called: None,
        begun: Begun::default(),
        claimed: None,
        doubtful: false,
        asked: Vec::new(),
        fresh_from: 0,
        asked_again: false,
        again: None,
    };
    let done = match runner.ask_anew().await {
        true => runner.all().await,
        false => Done::Left,
    };
    runner.leaves(&done).await;
    done
}

async fn buried(shared: &Shared, delivery: &StoredDelivery, reason: &str) -> Done {
    tracing::error!(delivery = %delivery.id, reason, "a dead letter: the delivery was given up");
    let buried = stored(shared, || shared.store.bury(delivery.seq, reason)).await;
    if buried.is_some_and(|changed| changed.changed) {
        shared.count_end(delivery, State::Dead);
    }
    over(buried)
}

fn over(changed: Option<Changed>) -> Done {
    changed.map_or(Done::Left, |changed| Done::Over { parked: changed.parked })
}

impl Runner<'_> {
    async fn all(&mut self) -> Done {
        while let Some(index) = self.next_step() {
            if self.shared.is(Stage::Stopping) {
                return Done::Left;
            }
            (self.called, self.doubtful) = (None, false);
            // A defect of ours in one delivery must not hold its lane for ever.
            let step = std::panic::AssertUnwindSafe(self.step(index)).catch_unwind().await;
            let step = match step {
                Ok(step) => step,
                Err(_) => {
                    tracing::error!(delivery = %self.delivery.id, "an attempt failed inside Jackfield");
                    self.broken(index).await
                }
            };
            if let Step::End(done) = step {
                return done;
            }
        }
        // Every step was done before; the store knows, or the delivery would not have come.
        over(stored(self.shared, || self.shared.store.skip(self.delivery.seq)).await)
    }

    /// The first step that is not done.
    fn next_step(&self) -> Option<usize> {
        (0..self.plan.steps.len()).find(|index| !self.saved.has(*index))
    }

    /// One step, or one more try at it.
    async fn step(&mut self, index: usize) -> Step {
        let revision = self.shared.live.now();
        let id = self.delivery.id.to_string();
        match self.plan.open(index, &self.saved, &revision.set, &id) {
            Ok(Opened::Skip) => self.skip(index).await,
            Ok(Opened::Call(request)) => match target(request, &revision) {
                Some(target) => self.remembered(index, target, &revision).await,
                None => self.not_made(index, AttemptResult::NotSent(Trouble::NoConnection)).await,
            },
            Err(problem) => self.problem(index, &problem, &revision).await,
        }
    }

    /// Its condition does not hold. Where it is the delivery's own request, there is nothing to send.
    async fn skip(&mut self, index: usize) -> Step {
        if index == self.plan.last() {
            let skipped = stored(self.shared, || self.shared.store.skip(self.delivery.seq)).await;
            return Step::End(over(skipped));
        }
        self.note(index, "{}").await
    }

    /// A step that is done without a call.
    async fn note(&mut self, index: usize, saved: &str) -> Step {
        let (seq, step, now) = (self.delivery.seq, number(index), self.shared.clock.now());
        if stored(self.shared, || self.shared.store.note_step(seq, step, saved, now)).await.is_none() {
            return Step::End(Done::Left);
        }
        match Saved::from_ledger([(step, saved)]) {
            Ok(read) => self.saved.set(index, read.get(index).cloned().unwrap_or_default()),
            Err(_) => self.saved.set(index, Value::Null),
        }
        Step::Done
    }

    /// A call whose result may be known to others already, or is just being found out.
    async fn remembered(&mut self, index: usize, target: Target, revision: &Revision) -> Step {
        let memory = match self.plan.memory(index, &self.saved, &revision.set) {
            Ok(memory) => memory.filter(|_| index != self.plan.last()),
            Err(problem) => return self.problem(index, &problem, revision).await,
        };
        let Some(memory) = memory else { return self.call(index, target, None, revision).await };
        match self.claim(&memory, target.connection.timeout).await {
            Claimed::Known(saved) if self.delivery.repeats => self.forget(index, memory.key, saved).await,
            Claimed::Known(saved) => self.note(index, &saved).await,
            Claimed::Mine(claim) => self.find_out(index, target, &memory, claim, revision).await,
            Claimed::Later(at) => self.postpone(at).await,
            Claimed::Held(held) => self.wait_for(held).await,
            Claimed::Stopped => Step::End(Done::Left),
        }
    }

    async fn call(
        &mut self,
        index: usize,
        target: Target,
        claimed: Option<(&Memory, &mut Held<'_>)>,
        revision: &Revision,
    ) -> Step {
        let token = match self.shared.tokens.bearer(&target.connection).await {
            Ok(token) => token,
            Err(trouble) => return self.without_token(index, &target, trouble, revision).await,
        };
        let seat = match self.seat(&target).await {
            Ok(seat) => seat,
            Err(again) => return self.later(again).await,
        };
        let memory = match claimed {
            Some((memory, claim)) => match claim.outlasts().await {
                Ok(()) => Some(memory),
                Err(Claimed::Known(saved)) => return self.note(index, &saved).await,
                Err(Claimed::Later(at)) => return self.postpone(at).await,
                Err(Claimed::Held(held)) => return self.wait_for(held).await,
                Err(Claimed::Mine(_) | Claimed::Stopped) => return Step::End(Done::Left),
            },
            None => None,
        };
        if self.begin(index, &target).await.is_err() {
            return Step::End(Done::Left);
        }
        let made = self.made(&target, token.as_ref(), seat).await;
        match made.result {
            _ if made.renewed => return self.again(index, made).await,
            AttemptResult::Answered { outcome: Outcome::Forget, .. } if !self.forgot => {
                if let Some(stale) = self.plan.stale(index, &self.saved, &revision.set) {
                    self.forgot = true;
                    return self.back(index, made, stale).await;
                }
            }
            AttemptResult::NotSent(Trouble::NoRoom) => {
                self.call_off().await;
                return self.postpone(self.shared.clock.now().plus(PATIENCE)).await;
            }
            _ => {}
        }
        self.settle(index, &target, made, memory, revision).await
    }

    /// Leave for a call: soon, later, or not any more because the server stops.
    async fn seat(&mut self, target: &Target) -> Result<Seat, Option<Timestamp>> {
        let Target { connection, operation, request } = target;
        let own = pacer::of_operation(operation, &request.limit_keys);
        let mut seat = self.seat.take().filter(|_| connection.name == self.delivery.connection);
        let all: Vec<_> = pacer::of_connection(connection).into_iter().chain(own.iter().cloned()).collect();
        let pacer = self.shared.paces.of(&connection.name);
        let clock = &self.shared.clock;
        let patient = clock.now().plus(PATIENCE);
        loop {
            let changed = pacer.changed();
            let taken = match seat.take() {
                Some(mut seat) => {
                    let rules = if seat.is_bare() { &all } else { &own };
                    seat.extend(rules).map(|()| seat)
                }
                None => pacer.take(&all, connection.backoff, clock),
            };
            let again = match taken {
                Ok(seat) => return Ok(seat),
                Err(again) => again,
            };
            let now = clock.now();
            if again > patient {
                return Err(Some(again));
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(now.until(again).max(Duration::from_millis(1))) => {}
                () = self.shared.until(Stage::Stopping) => return Err(None),
            }
        }
    }

    /// Sends it, as long as the server lets it.
    async fn made(&mut self, target: &Target, token: Option<&Secret>, mut seat: Seat) -> Made {
        let Target { request, connection, operation } = target;
        let clock = &self.shared.clock;
        let started_at = clock.now();
        let trace = connection.traceparent.then(|| self.traceparent());
        let call = Call { request, connection, operation, token, trace: trace.as_deref(), clock };
        self.called = Some(record::is_repeatable(target));
        death::moment("to-send");
        let (mut result, answer, cut) = tokio::select! {
            (result, answer) = self.shared.caller.call(call) => (result, answer, false),
            // Nobody knows how far it came.
            () = self.shared.until(Stage::Over) => (AttemptResult::Unknown(Trouble::Broken), Answer::default(), true),
        };
        death::moment("answered");
        let wait = told::wait(&answer, clock.now());
        if let AttemptResult::Answered { retry_after, .. } = &mut result {
            *retry_after = wait.or(*retry_after);
        }
        let account = self.account(target, token, &mut result).await;
        let masks = Masks::of(connection.secrets.values().chain(token));
        let (shown, headers) = (shown::of(&answer, &masks), shown::headers(&answer, &masks));
        if account == Account::Renewed && connection.name == self.delivery.connection {
            seat.counted();
            self.seat = Some(seat);
            return Made { started_at, result, answer, shown, headers, still_down: None, renewed: true };
        }
        let health = if cut { Health::Unclear } else { account.health().unwrap_or_else(|| health(&result)) };
        let sent = !matches!(result, AttemptResult::NotSent(_));
        let still_down = seat.end(Ended { sent, health, too_many: answer.status == 429, wait });
        let still_down = if account == Account::Later { Some(self.rested(target)) } else { still_down };
        let renewed = account == Account::Renewed;
        Made { started_at, result, answer, shown, headers, still_down, renewed }
    }

    /// There is no leave for a call now.
    async fn later(&mut self, again: Option<Timestamp>) -> Step {
        match again {
            Some(at) => self.postpone(at).await,
            None => Step::End(Done::Left),
        }
    }

    /// The delivery makes room for others, without an attempt.
    async fn postpone(&mut self, at: Timestamp) -> Step {
        let seq = self.delivery.seq;
        match stored(self.shared, || self.shared.store.postpone(vec![seq], at)).await {
            Some(_) => Step::End(Done::Waits(Some(at))),
            None => Step::End(Done::Left),
        }
    }

    /// The step can't be made into a call. An account that is missing may come back; nothing else can change.
    async fn problem(&mut self, index: usize, problem: &Diagnostic, revision: &Revision) -> Step {
        if matches!(problem.code, Code::UnknownConnection | Code::UnknownOperation) {
            return self.not_made(index, AttemptResult::NotSent(Trouble::NoConnection)).await;
        }
        self.bury(problem, revision).await
    }

    async fn bury(&mut self, problem: &Diagnostic, revision: &Revision) -> Step {
        let (code, message) = (problem.code.word(), problem.message.as_str());
        tracing::warn!(delivery = %self.delivery.id, event = %self.delivery.event_id, code, message,
            "a dead letter: a step of the delivery failed");
        let reason = json::render(problem, &revision.documents).to_string();
        let buried = stored(self.shared, || self.shared.store.bury(self.delivery.seq, &reason)).await;
        if buried.is_some_and(|changed| changed.changed) {
            self.shared.count_end(&self.delivery, State::Dead);
        }
        Step::End(over(buried))
    }
}

/// The account and the operation as they are now.
fn target(request: Box<Request>, revision: &Revision) -> Option<Target> {
    let connection = revision.set.connections.get(&request.connection)?.clone();
    let operation = connection.pack.operations.get(&request.operation)?.clone();
    Some(Target { request, connection, operation })
}

/// A step's number as the store has it.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// What the result tells of the provider as a whole.
fn health(result: &AttemptResult) -> Health {
    match result {
        AttemptResult::Answered { outcome: Outcome::Retry, status: 500.., .. } => Health::Down,
        AttemptResult::Answered { .. } | AttemptResult::TokenRefused { .. } => Health::Up,
        AttemptResult::Unknown(_) => Health::Down,
        AttemptResult::NotSent(Trouble::Connect | Trouble::Certificate | Trouble::Proxy) => Health::Down,
        AttemptResult::NotSent(_) => Health::Unclear,
    }
}

//! The store: events, what routes made of them, deliveries and attempts. [`Store`] says what any engine does; the one
//! that there is keeps all in one SQLite file.
//!
//! One thread writes. It takes every command that has gathered, runs them in one transaction, syncs once and then
//! answers: a batch is what came in during the last sync. Other threads read, another one moves the log into the file, and
//! one looks through the file after the start. Whoever has an answer has it on disk, in the files that the folder has.

mod backlog;
mod call;
mod checkpoint;
mod chosen;
mod connection;
mod copy;
mod decided;
mod delivery;
mod embedded;
mod erase;
mod error;
mod event;
mod filter;
mod health;
mod inspect;
mod kept;
mod key;
mod lane;
mod look;
mod memory;
mod migration;
mod model;
mod presence;
mod prune;
mod query;
mod queue;
mod reader;
mod replay;
mod retention;
mod room;
mod search;
mod snapshot;
mod spare;
mod spoiled;
mod story;
mod transaction;
mod verbs;
mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use backlog::{Backlog, Waiting, size};
pub use copy::{backup, is_in};
pub use embedded::Embedded;
pub use erase::{Erase, Erased};
pub use error::{Cause, StoreError};
pub use kept::Kept;
pub use look::Look;
pub use model::{
    AttemptRecord, Changed, Claim, Counts, DeliveryStory, Due, EndedCall, EventStory, Filter, Leased, LimitedCall,
    NewDelivery, NewEvents, NewOutcome, NewResult, Pruned, Remember, Replay, ReplayEvents, Replayed, RouteReceipt,
    RoutedEvent, StoredAttempt, StoredDelivery, StoredEvent, StoredOutcome, StoredResult, StoredToken, UnsureCall,
    Verified,
};
pub use retention::Retention;
pub use search::{Became, EventFilter, EventPage};
pub use snapshot::Snapshot;
pub use verify::verify;

use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};

/// An answer to come. What writes has it on disk, all of it or nothing, before it is there.
pub type Reply<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// What a store does, whatever its engine. Nothing in it asks for the time: it is always told.
///
/// An open delivery is ready, leased, parked behind its lane, or due later. A lane belongs to a connection. What is parked
/// or due later is called waiting; only it can be found by its lane. A worker that leases by the cursor meets every
/// delivery that is new; whatever is given back while it lives comes again by [`Store::lease_due`], so that no cursor has to
/// go back.
///
/// The order within a lane is kept by both: the store gives out nothing behind what waits in the same lane, and the
/// worker starts nothing behind what it has of the same lane under way (it parks it).
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Stores one request with its events, all or none, and says their numbers.
    ///
    /// Fails with [`StoreError::Busy`] when too much waits to be written. A request without events is not stored.
    fn accept(&self, new: NewEvents) -> Reply<'_, Vec<i64>>;

    /// The same, for one who waits no longer than until then: what has not come to its turn by that time is not stored, and
    /// fails with [`StoreError::Late`]. What was being written at that moment may be stored all the same.
    fn accept_until(&self, new: NewEvents, until: Instant) -> Reply<'_, Vec<i64>>;

    /// Stores what the routes made of an event, and with it the deliveries. An event that is routed already stays as
    /// it is, and the receipt is empty. What an event that is replayed becomes stands behind what it became before, and no
    /// identity is in its way.
    fn route(&self, routed: RoutedEvent) -> Reply<'_, RouteReceipt>;

    /// The first events after `after_seq` that were accepted and not routed, in order of arrival; those that are replayed
    /// stand at their old places. Those that can't be read have failed afterwards.
    fn unrouted(&self, after_seq: i64, limit: usize) -> Reply<'_, Vec<StoredEvent>>;

    /// Makes every delivery that this owner has leased ready again, in its old place, as one that is doubtful, and gives up the
    /// claims of that owner: those by its name, and by its name with `/` and more. A delivery with a call that
    /// [`Store::begin_unsure`] has noted is held instead, and the call's end is unknown. Without an owner, of all owners. Says
    /// how many leases there were. For the start, when none of these workers lives and every cursor begins anew; a lease has no other end than
    /// this and what becomes of its delivery.
    fn release_leases(&self, owner: Option<&str>) -> Reply<'_, usize>;

    /// The connections that have open deliveries, in alphabetical order.
    fn open_connections(&self) -> Reply<'_, Vec<String>>;

    /// Leases the first deliveries of a connection after `after_seq` that are ready. `limit` are looked at; one with an
    /// earlier one of its lane waiting is parked instead, and not given out. What can't be read, here and wherever is leased,
    /// is dead afterwards.
    fn lease(&self, connection: &str, after_seq: i64, limit: usize, owner: &str) -> Reply<'_, Leased>;

    /// Puts leased deliveries behind their lane. Those that have no lane, or are not leased, stay as they are. Whoever parks
    /// makes sure that the lane is still busy afterwards, or leases it.
    fn park(&self, seqs: Vec<i64>) -> Reply<'_, usize>;

    /// Leases the first parked deliveries of a lane, in order, up to the first that is due later.
    fn lease_lane(&self, connection: &str, lane: &str, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>>;

    /// Leases what is due at `now`, the earliest first, and what is due so much later that a clock was wrong. One with an earlier one of its lane waiting is parked instead. Says
    /// when the next is due, also when nothing is due yet.
    fn lease_due(&self, connection: &str, now: Timestamp, limit: usize, owner: &str) -> Reply<'_, Due>;

    /// Leases parked deliveries that stand first in their lane: nothing open of it comes before. Only up to the number
    /// `upto`, which is where the cursor is. For lanes that were left behind: at the start, as the cursor goes on, and now
    /// and then.
    fn lease_freed(&self, connection: &str, upto: i64, limit: usize, owner: &str) -> Reply<'_, Vec<StoredDelivery>>;

    /// Gives leased deliveries back until `due`, without an attempt: their lanes wait with them. Those that are not leased stay
    /// as they are.
    fn postpone(&self, seqs: Vec<i64>, due: Timestamp) -> Reply<'_, usize>;

    /// The same of one delivery that waits for something, which its problem says until it goes on.
    fn postpone_because(&self, delivery_seq: i64, due: Timestamp, reason: &str) -> Reply<'_, usize>;

    /// Stores a call, what its step saved and what others may know of it, and what follows for the delivery. The same number
    /// stored again changes nothing.
    ///
    /// A delivery that was given up or held in the meantime stays so, unless the call says that the provider has it.
    fn record(&self, attempt: AttemptRecord) -> Reply<'_, Changed>;

    /// Notes a call that counts against limits, before it is made, and says its number. Until its end is recorded it is taken
    /// to end at `latest`, and to count until a `window` later.
    fn begin_call(&self, call: LimitedCall, at: Timestamp, latest: Timestamp, window: Duration) -> Reply<'_, i64>;

    /// Notes a call before it is made whose delivery is to be held when nobody knows how it ended.
    fn begin_unsure(&self, call: UnsureCall) -> Reply<'_, ()>;

    /// A call of a delivery that was begun was not made: it counts against no limit, whose number is given, and is not unsure.
    fn call_off(&self, delivery_seq: i64, limited: Option<i64>) -> Reply<'_, ()>;

    /// The calls that may still count against limits, each with its end, in the order of the ends. What was under way ends
    /// `now`, for good: for the start, when nobody lives who makes a call.
    fn limited_calls(&self, now: Timestamp) -> Reply<'_, Vec<(LimitedCall, Timestamp)>>;

    /// Notes a step as done without a call, with what it knows as a JSON object. A step that is done stays as it was.
    fn note_step(&self, delivery_seq: i64, step: u32, saved: &str, at: Timestamp) -> Reply<'_, ()>;

    /// The steps of a delivery that are done, each with what it saved as JSON, in order.
    fn ledger(&self, delivery_seq: i64) -> Reply<'_, Vec<(u32, String)>>;

    /// Ends an open delivery whose condition does not hold.
    fn skip(&self, delivery_seq: i64) -> Reply<'_, Changed>;

    /// Lets an open delivery wait for a person. It does not hold its lane.
    fn hold(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed>;

    /// Gives up a delivery that is open or held, without an attempt.
    fn bury(&self, delivery_seq: i64, reason: &str) -> Reply<'_, Changed>;

    /// Lets the held deliveries among these go on, as due at `at`, and says of which connections they are. Whoever means more
    /// than those that a person has looked at leaves out what may be with the provider: [`Filter::unknown`].
    fn release_held(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>>;

    /// Lets the deliveries among these that are due later be due at `at`, and says of which connections they are.
    fn hasten(&self, filter: Filter, limit: usize, at: Timestamp) -> Reply<'_, Vec<Arc<str>>>;

    /// Wants nothing more of the dead and held deliveries among these: they are skipped, with the reason. Says how many.
    fn dismiss(&self, filter: Filter, limit: usize, reason: &str) -> Reply<'_, usize>;

    /// Wants nothing more of what routes could make nothing of, of these events: [`StoredResult::Dismissed`]. Says of how many.
    fn dismiss_events(&self, meant: ReplayEvents, reason: &str) -> Reply<'_, Vec<EventId>>;

    /// How many deliveries of a connection are ready or leased and stand before this number.
    fn ahead(&self, connection: &str, seq: i64) -> Reply<'_, u64>;

    /// Takes back that a step of a delivery and those after it are done, and forgets what is remembered under these keys
    /// where it still is that: what somebody else has found out since stays.
    fn undo(&self, delivery_seq: i64, from: u32, remembered: Vec<(String, String)>) -> Reply<'_, ()>;

    /// Asks for what is remembered under a key. Where nobody knows it, whoever asks first has it to find out until `until`:
    /// every other hears [`Claim::Busy`], or [`Claim::Held`]. The same owner asking again has it again. What has expired at
    /// `now` is forgotten.
    fn claim(&self, key: &str, owner: &str, until: Timestamp, now: Timestamp) -> Reply<'_, Claim>;

    /// Remembers something under a key, in the place of what was there.
    fn remember(&self, key: &str, value: &str, until: Timestamp) -> Reply<'_, ()>;

    /// Gives up a claim of this owner; whoever asks next has it, and hears whether it is doubtful.
    fn release_claim(&self, key: &str, owner: &str, doubtful: bool) -> Reply<'_, ()>;

    /// The token of a connection that was saved last.
    fn token(&self, connection: &str) -> Reply<'_, Option<StoredToken>>;

    /// Saves the token of a connection in the place of the one before. A refresh token may be good once only: it is on disk
    /// before the answer is there.
    fn save_token(&self, connection: &str, token: StoredToken) -> Reply<'_, ()>;

    /// Sends deliveries again as new ones, at the end of their lanes. What was dead or held is `replayed` afterwards; what the
    /// provider has, or was skipped, is sent again only where it is named by its id, and stays as it is. What is open or was
    /// replayed is left out.
    fn replay(&self, replay: Replay) -> Reply<'_, Vec<Replayed>>;

    /// The deliveries that [`Store::replay`] would send again, the oldest first.
    fn replayable(&self, replay: Replay) -> Reply<'_, Vec<DeliveryId>>;

    /// Puts events that are routed among those that are not. Their dead and held deliveries are `replayed`; what is open goes
    /// on.
    fn replay_events(&self, replay: ReplayEvents) -> Reply<'_, Vec<EventId>>;

    /// The numbers of the events that [`Store::replay_events`] would put back.
    fn chosen(&self, replay: ReplayEvents) -> Reply<'_, Vec<i64>>;

    /// Forgets some of what retention does not keep, not more than about `limit` events, and gives their space back. Where routes
    /// keep their events for a time of their own, each of those is looked at that may be over by it. An event
    /// of which anything is not done, or held, is never forgotten, and an identity not before its window is over.
    fn prune(&self, now: Timestamp, retention: Retention, limit: usize) -> Reply<'_, Pruned>;

    /// Forgets for good, in all files, what is known of a person: the events that are named and those that hold the value, each
    /// with all that came in the same request, their deliveries, calls, steps, and what these remembered; what has not gone
    /// out is withdrawn. The identities of what is erased stay known, by their hashes. That something was erased is kept.
    fn erase(&self, asked: Erase) -> Reply<'_, Erased>;

    /// How much the store holds. Costs nothing: the counters are kept with the rows.
    fn counts(&self) -> Reply<'_, Counts>;

    /// What waits, of which connection, and since when. It looks at each delivery that waits, which takes a while where there are
    /// millions.
    fn backlog(&self) -> Reply<'_, Backlog>;

    /// The dead and the held deliveries, counted by connection, route and state, in that order. No more than `most` are looked at.
    fn kept(&self, most: usize) -> Reply<'_, Vec<Kept>>;

    /// Why no event is taken, or the last attempt to write failed; nothing when all is well.
    fn trouble(&self) -> Option<StoreError>;

    /// All that is known of one event.
    fn event(&self, id: EventId) -> Reply<'_, Option<EventStory>>;

    /// What became of the events of these numbers, for a list: without requests and calls.
    fn briefs(&self, seqs: Vec<i64>) -> Reply<'_, Vec<EventStory>>;

    /// The newest events, the newest first; without their requests.
    fn recent_events(&self, limit: usize) -> Reply<'_, Vec<StoredEvent>>;

    /// The newest of these events, the newest first, with what became of them; without their requests and calls.
    fn find_events(&self, filter: EventFilter, limit: usize) -> Reply<'_, EventPage>;

    /// All that is known of one delivery.
    fn delivery(&self, id: DeliveryId) -> Reply<'_, Option<DeliveryStory>>;

    /// The last call of each of the deliveries of these numbers that has one.
    fn last_calls(&self, seqs: Vec<i64>) -> Reply<'_, Vec<(i64, StoredAttempt)>>;

    /// The newest of these deliveries, the newest first; without their requests.
    fn deliveries(&self, filter: Filter, limit: usize) -> Reply<'_, Vec<StoredDelivery>>;

    /// Remembers paths that are served.
    fn remember_paths(&self, paths: Vec<String>) -> Reply<'_, ()>;

    /// Every path that was ever served, in alphabetical order.
    fn known_paths(&self) -> Reply<'_, Vec<String>>;

    /// Remembers a good workspace in the place of the one before. The files of the last twenty revisions stay.
    fn save_snapshot(&self, revision: &str, files: Vec<(String, String)>) -> Reply<'_, ()>;

    /// The workspace that was remembered last, its files in the order given.
    fn snapshot(&self) -> Reply<'_, Option<Snapshot>>;

    /// The files of a revision that was remembered, by their paths in alphabetical order; nothing when they are gone.
    fn files_of(&self, revision: &str) -> Reply<'_, Option<Vec<(String, String)>>>;

    /// Writes a whole copy, of one moment, into a new file.
    fn backup(&self, file: PathBuf) -> Reply<'_, ()>;

    /// Looks through all that is stored for what should not be so.
    fn verify(&self) -> Reply<'_, Verified>;

    /// Writes what waits and closes the files. Everything asked for afterwards gets [`StoreError::Closed`].
    fn close(&self) -> Reply<'_, ()>;
}

/// Opens the store in a folder, and makes both if they are not there. Nobody else can open it until it is closed.
pub fn open(folder: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(Embedded::open(folder)?))
}

/// Opens the store in a folder to be read, where no server has it: asking it to write fails with [`StoreError::Closed`].
pub fn open_to_read(folder: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(Embedded::open_to_read(folder)?))
}

#[cfg(test)]
mod tests;

//! The thread that makes the words known, well behind whoever accepts and delivers: it rests for longer than it works, unless
//! somebody is looking for something.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use super::super::error::StoreError;
use super::super::query::{self, Stretch};
use super::super::{connection, key, story};
use super::index::{self, Index, Place};
use super::known;
use crate::id::EventId;

/// So many events are taken in at a time.
const BATCH: usize = 256;
/// How often is looked for new events where nobody asks.
const OFTEN: Duration = Duration::from_secs(1);
/// It rests so many times as long as it worked.
const REST: u32 = 9;
/// How long it leaves a file alone that it could not write, and a disk that is full.
const TROUBLE: Duration = Duration::from_secs(30);
const FULL: Duration = Duration::from_secs(600);
/// How often is looked for events that were forgotten.
const TIDY: Duration = Duration::from_secs(60);
/// And where it was told of some.
const TIDY_SOON: Duration = Duration::from_secs(5);
/// How often the words of these are taken out of a part that is still needed, which is written anew then.
const CLEAN: Duration = Duration::from_secs(3600);
/// At once where they are this part of it: the index stays in a ratio to the events.
const MUCH: u64 = 4;
/// An event that no route has seen so many events later does not hold up the others.
const STUCK: i64 = 20_000;

/// What the thread is told by others.
#[derive(Debug, Default)]
pub(in super::super) struct Told {
    /// Events that are sent through the routes again: they are known by more words then.
    again: Mutex<Vec<EventId>>,
    /// Who looked for something could not read the index.
    damaged: AtomicBool,
    /// Events were forgotten.
    forgotten: AtomicBool,
    /// How large the index was, in bytes and in events, when it was last tidied.
    bytes: AtomicU64,
    events: AtomicU64,
}

impl Told {
    pub(in super::super) fn are_sent_again(&self, events: &[EventId]) {
        self.again.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
    }

    pub(in super::super) fn are_forgotten(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
    }

    /// How many bytes the words of so many events take, as far as is known.
    pub(in super::super) fn bytes_of(&self, events: u64) -> u64 {
        let (bytes, known) = (self.bytes.load(Ordering::Relaxed), self.events.load(Ordering::Relaxed));
        bytes.saturating_mul(events).checked_div(known).unwrap_or(0)
    }

    fn is_of_size(&self, [bytes, events]: [u64; 2]) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.events.store(events, Ordering::Relaxed);
    }

    pub(super) fn is_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }
}

/// What somebody asks the thread for.
enum Wish {
    /// Everything that is routed at this moment is to be known.
    CatchUp(oneshot::Sender<()>),
    /// Nothing is to be known of these events, nor to be read in the file.
    Forget(Vec<i64>, oneshot::Sender<Result<(), StoreError>>),
}

/// The handle on the thread; it ends with it.
#[derive(Debug)]
pub(in super::super) struct Keeper {
    wishes: Option<Sender<Wish>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(in super::super) fn start(store: &Path, told: Arc<Told>) -> Result<Self, StoreError> {
        let (wishes, wished) = channel();
        let mut work = Work::new(store, told);
        let thread =
            thread::Builder::new().name("store-search".to_owned()).spawn(move || work.until_the_end(&wished))?;
        Ok(Keeper { wishes: Some(wishes), thread: Some(thread) })
    }

    /// Everything that is routed at this moment is known when the answer comes; nothing where it can't be.
    pub(in super::super) fn catch_up(&self) -> Option<oneshot::Receiver<()>> {
        let (waiter, known) = oneshot::channel();
        self.wishes.as_ref()?.send(Wish::CatchUp(waiter)).ok()?;
        Some(known)
    }

    /// Nothing is known of these events any more when the answer comes.
    pub(in super::super) fn forget(&self, seqs: Vec<i64>) -> Option<oneshot::Receiver<Result<(), StoreError>>> {
        let (waiter, forgotten) = oneshot::channel();
        self.wishes.as_ref()?.send(Wish::Forget(seqs, waiter)).ok()?;
        Some(forgotten)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.wishes.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes all words of a store known that no server has, for as long as it may take.
pub(super) fn catch_up(store: &Path, patience: Duration) -> Result<(), StoreError> {
    let until = Instant::now() + patience;
    let mut work = Work::new(store, Arc::default());
    while work.step().map_err(Fault::into_error)? && Instant::now() < until {}
    Ok(())
}

/// What went wrong, and whether it is of the index: that is made anew then.
enum Fault {
    Store(StoreError),
    Index(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl Fault {
    fn into_error(self) -> StoreError {
        match self {
            Fault::Store(error) | Fault::Index(error) => error,
        }
    }
}

struct Work {
    store: PathBuf,
    file: PathBuf,
    told: Arc<Told>,
    /// Those whose routes are not done with them yet.
    pending: Vec<i64>,
    open: Option<(Connection, Index)>,
    tidied: Option<Instant>,
    cleaned: Option<Instant>,
}

impl Work {
    fn new(store: &Path, told: Arc<Told>) -> Self {
        let file = super::index_of(store);
        Work { store: store.to_owned(), file, told, pending: Vec::new(), open: None, tidied: None, cleaned: None }
    }

    fn until_the_end(&mut self, wished: &Receiver<Wish>) {
        let mut waiters: Vec<oneshot::Sender<()>> = Vec::new();
        let mut rest = Duration::ZERO;
        loop {
            match wished.recv_timeout(rest) {
                Ok(Wish::CatchUp(waiter)) => waiters.push(waiter),
                Ok(Wish::Forget(seqs, waiter)) => drop(waiter.send(self.forget(&seqs))),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let begun = Instant::now();
            waiters.retain(|waiter| !waiter.is_closed());
            rest = match self.step() {
                Ok(true) if waiters.is_empty() => begun.elapsed().saturating_mul(REST),
                Ok(true) => Duration::ZERO,
                Ok(false) => {
                    waiters.drain(..).for_each(|waiter| waiter.send(()).unwrap_or(()));
                    OFTEN
                }
                Err(fault) => {
                    waiters.clear();
                    self.failed(fault)
                }
            };
        }
    }

    /// Notes what went wrong, and says how long to leave it alone.
    fn failed(&mut self, fault: Fault) -> Duration {
        self.open = None;
        match fault {
            Fault::Index(error) if error.is_of_a_row() => {
                tracing::warn!("the index of the search is damaged; it is made anew from the store, in the background");
                index::forget(&self.file);
                OFTEN
            }
            // What comes in needs the room more than the search does.
            Fault::Index(StoreError::Full) => {
                tracing::warn!(
                    "the disk is full: the index of the search is given up, and made anew when there is room"
                );
                index::forget(&self.file);
                FULL
            }
            Fault::Index(error) | Fault::Store(error) => {
                tracing::warn!(%error, "what was received can't be made known to the search; it is tried again");
                TROUBLE
            }
        }
    }

    /// Takes in the next events; whether there may be more.
    fn step(&mut self) -> Result<bool, Fault> {
        if self.told.damaged.swap(false, Ordering::Relaxed) {
            return Err(Fault::Index(StoreError::Corrupt));
        }
        let (store, mut index) = self.opened()?;
        let upto = index.place().map_err(Fault::Index)?.map_or(0, |place| place.upto);
        let Stretch { events, more } = next(&store, upto)?;
        let last = events.last().map(|event| Place { upto: event.seq, id: key::of_id(event.id) });
        let mut taken = self.routed_again(&store, upto)?;
        let more = more || taken.len() >= BATCH;
        taken.extend(known::words(&store, &events)?);
        if !taken.is_empty() {
            index.add(&taken, last).map_err(Fault::Index)?;
        }
        let pause = if self.told.forgotten.load(Ordering::Relaxed) { TIDY_SOON } else { TIDY };
        if !more && self.tidied.is_none_or(|tidied| tidied.elapsed() > pause) {
            self.tidy(&store, &mut index)?;
        }
        self.open = Some((store, index));
        Ok(more)
    }

    /// Takes out what the store has forgotten.
    fn tidy(&mut self, store: &Connection, index: &mut Index) -> Result<(), Fault> {
        self.told.forgotten.store(false, Ordering::Relaxed);
        let over: Result<Vec<i64>, _> = index.parts().filter_map(|part| is_over(store, part).transpose()).collect();
        index.drop_parts(&over?).map_err(Fault::Index)?;
        self.tidied = Some(Instant::now());
        if self.cleaned.is_none_or(|cleaned| cleaned.elapsed() > CLEAN) || is_much_gone(store, index)? {
            let gone = gone(store, index.oldest().map_err(Fault::Index)?)?;
            if !gone.is_empty() {
                index.forget_events(&gone).map_err(Fault::Index)?;
            }
            self.cleaned = Some(Instant::now());
        }
        self.told.is_of_size(index.size().map_err(Fault::Index)?);
        Ok(())
    }

    fn opened(&mut self) -> Result<(Connection, Index), Fault> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let store = connection::beside(&self.store)?;
        let index = opened(&store, &self.file)?;
        self.pending = sent_again(&store)?;
        Ok((store, index))
    }

    /// Where it can't be forgotten one by one, the whole file goes, and is made anew.
    fn forget(&mut self, seqs: &[i64]) -> Result<(), StoreError> {
        let forgotten = self.opened().and_then(|(store, mut index)| {
            index.forget_events(seqs).map_err(Fault::Index)?;
            self.open = Some((store, index));
            Ok(())
        });
        if forgotten.is_err() {
            self.open = None;
            index::forget(&self.file);
        }
        if forgotten.is_err() && self.file.exists() {
            return Err(StoreError::Unavailable(super::super::Cause::Io));
        }
        Ok(())
    }

    /// The events that were sent through the routes again and have been there.
    fn routed_again(&mut self, store: &Connection, upto: i64) -> Result<Vec<(i64, String)>, StoreError> {
        for id in std::mem::take(&mut *self.told.again.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.pending.extend(story::seq_of(store, story::EVENTS, &key::of_id(id))?);
        }
        let mut unrouted = store.prepare_cached("SELECT 1 FROM unrouted WHERE event_seq = ?1")?;
        let (mut waiting, mut done) = (Vec::new(), Vec::new());
        for seq in std::mem::take(&mut self.pending) {
            let is_waiting = done.len() >= BATCH || unrouted.exists([seq])?;
            if is_waiting { &mut waiting } else { &mut done }.push(seq);
        }
        self.pending = waiting;
        let mut events = Vec::new();
        // Those behind are taken in when it is their turn.
        for seq in done.into_iter().filter(|seq| *seq <= upto) {
            events.extend(query::stretch(store, [seq - 1, seq + 1], 1, false)?.events);
        }
        known::words(store, &events)
    }
}

/// The index of a store, anew where it is of another.
fn opened(store: &Connection, file: &Path) -> Result<Index, Fault> {
    let index = Index::open(file).map_err(Fault::Index)?;
    if index.place().map_err(Fault::Index)?.is_none_or(|place| is_of(store, &place).unwrap_or(false)) {
        return Ok(index);
    }
    drop(index);
    index::forget(file);
    Index::open(file).map_err(Fault::Index)
}

/// What was ever sent through the routes again: at the last end, the newest of it may not have been known yet.
fn sent_again(store: &Connection) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT event_seq FROM routings WHERE generation > 0
         UNION SELECT event_seq FROM unrouted WHERE generation > 0";
    Ok(store.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Whether a store has the event of that number and id, or has forgotten it.
pub(super) fn is_of(store: &Connection, place: &Place) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM events WHERE seq = ?1";
    let known: Option<[u8; 16]> = store.query_row(sql, [place.upto], |row| row.get(0)).optional()?;
    let last: i64 = store.query_row("SELECT last_event FROM totals", [], |row| row.get(0))?;
    Ok(known.map_or(place.upto <= last, |known| known == place.id))
}

/// A part of which no event is known any more, and none will be.
fn is_over(store: &Connection, part: i64) -> Result<Option<i64>, StoreError> {
    let [first, last] = index::ends(part);
    let last_ever: i64 = store.query_row("SELECT last_event FROM totals", [], |row| row.get(0))?;
    let mut any = store.prepare_cached("SELECT 1 FROM events WHERE seq BETWEEN ?1 AND ?2 LIMIT 1")?;
    Ok((last < last_ever && !any.exists([first, last])?).then_some(part))
}

/// Whether a good part of the events of the oldest part is forgotten.
fn is_much_gone(store: &Connection, index: &Index) -> Result<bool, Fault> {
    let Some(part) = index.parts().next() else { return Ok(false) };
    let known = index.events(part).map_err(Fault::Index)?;
    let mut left =
        store.prepare_cached("SELECT count(*) FROM events WHERE seq BETWEEN ?1 AND ?2").map_err(StoreError::from)?;
    let left: i64 = left.query_row(index::ends(part), |row| row.get(0)).map_err(StoreError::from)?;
    Ok(known.saturating_sub(u64::try_from(left).unwrap_or(0)) > known / MUCH)
}

/// Those of these events that a store has forgotten.
fn gone(store: &Connection, seqs: Vec<i64>) -> Result<Vec<i64>, StoreError> {
    let mut known = store.prepare_cached("SELECT 1 FROM events WHERE seq = ?1")?;
    let mut gone = Vec::new();
    for seq in seqs {
        if !known.exists([seq])? {
            gone.push(seq);
        }
    }
    Ok(gone)
}

/// The next events that the routes have seen.
fn next(store: &Connection, upto: i64) -> Result<Stretch, StoreError> {
    let sql = "SELECT (SELECT min(event_seq) FROM unrouted WHERE generation = 0 AND event_seq > ?1),
             (SELECT last_event FROM totals)";
    let (unrouted, last): (Option<i64>, i64) =
        store.prepare_cached(sql)?.query_row([upto], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let before = unrouted.filter(|seq| last - seq < STUCK).unwrap_or(i64::MAX);
    query::stretch(store, [upto, before], BATCH, false)
}

//! Erasing what is known of a person: every event with a value in it, what was made of it, and what was remembered of it. The
//! space that it took is overwritten.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use super::embedded::Embedded;
use super::error::StoreError;
use super::prune::{self, Forget};
use super::search::{self, Sought};
use super::transaction::Tx;
use super::verbs::apart;
use super::writer::Command;
use super::{call, checkpoint, connection, delivery, key, replay, story};
use crate::clock::Timestamp;
use crate::delivery::{Change, State};
use crate::id::EventId;

/// So many events are erased at a time, so that what comes in waits for no longer than for other writes.
const BATCH: usize = 100;
/// For so long it is known by their hashes which identities there were.
const IDENTITIES: Duration = Duration::from_secs(366 * 24 * 3600);
/// So many pages are given back at a time.
const PAGES: i64 = 256;
/// How long the log is tried to be emptied, and how long one try may hold others up.
const PATIENCE: Duration = Duration::from_secs(5);
const TRY: Duration = Duration::from_millis(100);

/// What is known of a person and is to be forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Erase {
    /// A number, an e-mail address, or a word that is nobody else's.
    pub value: Option<String>,
    /// These events, whatever is in them.
    pub events: Vec<EventId>,
    pub at: Timestamp,
    /// Only counts.
    pub dry_run: bool,
}

/// How much of a person was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub events: usize,
    pub deliveries: usize,
    /// Of these deliveries, those that had not gone out or were held: they were withdrawn.
    pub pending: usize,
    /// Of those, the ones that were being sent at that moment: the provider may have them.
    pub under_way: usize,
    /// What steps had found out and others would have used.
    pub remembered: usize,
}

/// What holds a value.
#[derive(Default)]
struct Found {
    events: BTreeSet<i64>,
    deliveries: usize,
    pending: usize,
    under_way: usize,
    /// Keys of the memory, and numbers of calls that count against limits.
    remembered: Vec<[u8; 32]>,
    calls: Vec<i64>,
}

impl Embedded {
    pub(super) async fn erase_all(&self, asked: Erase) -> Result<Erased, StoreError> {
        self.catch_up_whole().await;
        let (file, meant) = (self.inner.file.clone(), asked.clone());
        let Found { events, deliveries, pending, under_way, remembered, calls } =
            apart(move || found(&file, &meant)).await?;
        let counted = Erased { events: events.len(), deliveries, pending, under_way, remembered: remembered.len() };
        if asked.dry_run {
            return Ok(Erased { under_way: 0, ..counted });
        }
        let seqs: Vec<i64> = events.into_iter().collect();
        let mut erased = self.write(ForgetOthers { remembered, calls }).await?;
        for batch in seqs.chunks(BATCH) {
            let one = self.write(EraseEvents { seqs: batch.to_vec(), at: asked.at }).await?;
            erased.add(&one);
        }
        self.write(Note { at: asked.at, erased }).await?;
        self.overwrite(seqs).await?;
        Ok(erased)
    }

    /// Lets nothing of these events be read in any file.
    async fn overwrite(&self, seqs: Vec<i64>) -> Result<(), StoreError> {
        self.forget_words(seqs).await?;
        while self.write(GivePagesBack).await? {}
        let file = self.inner.file.clone();
        let emptied = apart(move || empty_log(&file)).await;
        if !matches!(emptied, Ok(true)) {
            tracing::warn!(
                "the log of the store still holds what was erased; it is emptied when the store has less to do"
            );
        }
        Ok(())
    }
}

impl Erased {
    fn add(&mut self, other: &Erased) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.pending += other.pending;
        self.under_way += other.under_way;
        self.remembered += other.remembered;
    }
}

/// Looks for what is meant, beside whoever uses the store.
fn found(file: &Path, asked: &Erase) -> Result<Found, StoreError> {
    let store = connection::reader(file)?;
    let sought = asked.value.as_deref().and_then(Sought::of);
    let mut events = BTreeSet::new();
    for id in &asked.events {
        events.extend(story::seq_of(&store, story::EVENTS, &key::of_id(*id))?);
    }
    if let Some(sought) = &sought {
        events.extend(search::holding(&store, file, asked.value.as_deref().unwrap_or_default(), sought)?);
        events.extend(answered(&store, sought)?);
    }
    let mut found = Found { events: with_their_parts(&store, events)?, ..Found::default() };
    let mut saved = HashSet::new();
    for seq in &found.events {
        for delivery in replay::deliveries_of(&store, *seq)? {
            found.deliveries += 1;
            let state: Option<i64> = one(&store, "SELECT state FROM deliveries WHERE seq = ?1", delivery)?;
            let state = state.and_then(|state| delivery::state(state).ok());
            found.pending += usize::from(state.is_some_and(|state| !state.is_final()));
            saved.extend(story::steps(&store, delivery)?.into_iter().map(|(_, saved)| saved));
        }
    }
    let is_in = |text: &str| sought.as_ref().is_some_and(|sought| sought.is_in(text));
    found.remembered = remembered(&store, |value| saved.contains(value) || is_in(value))?;
    found.calls = texts(&store, "SELECT number, limit_keys FROM limited_calls", is_in)?;
    Ok(found)
}

/// The keys under which something is remembered that is meant.
fn remembered(store: &Connection, is_meant: impl Fn(&str) -> bool) -> Result<Vec<[u8; 32]>, StoreError> {
    let mut statement = store.prepare("SELECT key, value FROM memory WHERE value IS NOT NULL")?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get_ref(1)?.as_str().is_ok_and(&is_meant) {
            keys.push(row.get(0)?);
        }
    }
    Ok(keys)
}

/// The events of which a provider's answer, or what a step saved, holds what is sought.
fn answered(store: &Connection, sought: &Sought) -> Result<Vec<i64>, StoreError> {
    let of_delivery = [
        "SELECT d.event_seq, l.saved FROM ledger l CROSS JOIN deliveries d ON d.seq = l.delivery_seq",
        "SELECT d.event_seq, a.answer FROM attempts a CROSS JOIN deliveries d ON d.seq = a.delivery_seq
         WHERE length(a.answer) > 0",
    ];
    let found = of_delivery.into_iter().map(|sql| texts(store, sql, |text| sought.is_in(text)));
    Ok(found.collect::<Result<Vec<_>, _>>()?.concat())
}

/// The numbers that stand beside the texts that are meant. What can't be read is passed by.
fn texts(store: &Connection, sql: &str, is_meant: impl Fn(&str) -> bool) -> Result<Vec<i64>, StoreError> {
    let mut statement = store.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(1)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        if is_meant(&String::from_utf8_lossy(bytes)) {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

fn one(store: &Connection, sql: &str, seq: i64) -> Result<Option<i64>, StoreError> {
    Ok(store.prepare_cached(sql)?.query_row([seq], |row| row.get(0)).optional()?)
}

/// What came in one request goes as one: its body is one. The parts of a request have successive numbers.
fn with_their_parts(store: &Connection, events: BTreeSet<i64>) -> Result<BTreeSet<i64>, StoreError> {
    let request = |seq| one(store, "SELECT request FROM events WHERE seq = ?1", seq);
    let mut whole = BTreeSet::new();
    for seq in events {
        let Some(own) = request(seq)? else { continue };
        for step in [-1, 1] {
            let mut next = seq;
            while request(next)? == Some(own) {
                whole.insert(next);
                next += step;
            }
        }
    }
    Ok(whole)
}

/// Forgets what is remembered under these keys, and these calls that count against limits.
struct ForgetOthers {
    remembered: Vec<[u8; 32]>,
    calls: Vec<i64>,
}

impl Command for ForgetOthers {
    type Answer = Erased;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Erased, StoreError> {
        overwriting(tx, |tx| {
            let mut remembered = 0;
            for key in &self.remembered {
                remembered += tx.execute("DELETE FROM memory WHERE key = ?1 AND value IS NOT NULL", params![key])?;
            }
            for number in &self.calls {
                tx.execute("DELETE FROM limited_calls WHERE number = ?1", [number])?;
            }
            Ok(Erased { remembered, ..Erased::default() })
        })
    }
}

/// Forgets events whatever became of them: what has not gone out is withdrawn.
struct EraseEvents {
    seqs: Vec<i64>,
    at: Timestamp,
}

impl Command for EraseEvents {
    type Answer = Erased;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Erased, StoreError> {
        overwriting(tx, |tx| self.erase(tx))
    }
}

impl EraseEvents {
    fn erase(&self, tx: &mut Tx<'_>) -> Result<Erased, StoreError> {
        let (mut erased, mut events, mut deliveries) = (Erased::default(), Vec::new(), Vec::new());
        for seq in &self.seqs {
            if one(tx.connection(), "SELECT seq FROM events WHERE seq = ?1", *seq)?.is_none() {
                continue;
            }
            for delivery in replay::deliveries_of(tx.connection(), *seq)? {
                withdraw(tx, delivery, &mut erased)?;
                deliveries.push(delivery);
            }
            let waited = tx.execute("DELETE FROM unrouted WHERE event_seq = ?1", [seq])?;
            tx.totals.counts.unrouted = tx.totals.counts.unrouted.saturating_sub(u64::try_from(waited).unwrap_or(0));
            events.push(*seq);
        }
        (erased.events, erased.deliveries) = (events.len(), deliveries.len());
        for run in prune::runs(deliveries) {
            prune::forget_deliveries(tx, run)?;
        }
        let forget = Forget { seqs: Vec::new(), now: self.at, identity_window: IDENTITIES };
        prune::runs(events).into_iter().try_for_each(|run| forget.forget_events(tx, run))?;
        Ok(erased)
    }
}

/// A delivery does not go out any more.
fn withdraw(tx: &mut Tx<'_>, delivery_seq: i64, erased: &mut Erased) -> Result<(), StoreError> {
    let state = match delivery::row(tx, delivery_seq) {
        Ok(row) => row.state,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    erased.pending += usize::from(!state.is_final());
    erased.under_way += usize::from(state == State::Leased);
    delivery::Decide { delivery_seq, change: Change::Bury, reason: None }.run(tx)?;
    call::is_sure(tx, delivery_seq)
}

/// Keeps that something was erased, and nothing of whom.
struct Note {
    at: Timestamp,
    erased: Erased,
}

impl Command for Note {
    type Answer = ();

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let Erased { events, deliveries, pending, remembered, .. } = self.erased;
        let counts = [events, deliveries, pending, remembered].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let [events, deliveries, pending, remembered] = counts;
        tx.execute(
            "INSERT INTO erasures (at, events, deliveries, withdrawn, remembered) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.at.0, events, deliveries, pending, remembered],
        )?;
        Ok(())
    }
}

/// Runs something that leaves no byte of what it deletes.
fn overwriting<T>(tx: &mut Tx<'_>, run: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let say = |tx: &Tx<'_>, how: &str| tx.connection().execute_batch(&format!("PRAGMA secure_delete = {how}"));
    say(tx, "ON")?;
    let done = run(tx);
    say(tx, connection::OVERWRITES)?;
    done
}

/// Gives pages that hold nothing any more back to the disk; whether there are more.
struct GivePagesBack;

impl Command for GivePagesBack {
    type Answer = bool;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let pages = |name: &str| -> Result<i64, StoreError> {
            Ok(tx.connection().query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
        };
        if pages("auto_vacuum")? == 0 {
            return Ok(false);
        }
        let before = pages("freelist_count")?;
        let mut vacuum = tx.connection().prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        let left = pages("freelist_count")?;
        Ok(left > 0 && left < before)
    }
}

/// Moves the log into the file and empties it; whether that could be done.
fn empty_log(file: &Path) -> Result<bool, StoreError> {
    let connection = connection::checkpointer(file)?;
    connection.busy_timeout(TRY)?;
    let until = Instant::now() + PATIENCE;
    loop {
        if checkpoint::run(&connection, "TRUNCATE").is_ok_and(|log| log.length == 0) {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(TRY);
    }
}

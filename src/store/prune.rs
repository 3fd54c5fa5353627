//! Forgetting: by age, by size, and never what is not done. The space goes back to the disk.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::embedded::Embedded;
use super::error::StoreError;
use super::model::Pruned;
use super::retention::Retention;
use super::room::Over;
use super::search::Told;
use super::transaction::Tx;
use super::writer::Command;
use super::{delivery, key, query, replay};
use crate::clock::Timestamp;
use crate::delivery::State;

impl Embedded {
    /// Forgets what is older than is kept, or more, and gives its space back.
    pub(super) async fn forget(
        &self,
        now: Timestamp,
        retention: Retention,
        limit: usize,
    ) -> Result<Pruned, StoreError> {
        let looked = &self.inner.shared.looked_upto;
        let after = looked.load(Ordering::Relaxed);
        let identity_window = retention.identity_window;
        let shared = self.inner.shared.clone();
        let look = move |file: &Connection| {
            let over = shared.room.lock().unwrap_or_else(PoisonError::into_inner).over(file, &retention.sizes)?;
            Ok((look(file, after, now, &retention, limit, &shared.search, &over)?, over.is_all))
        };
        let (found, are_counted) = self.read(look).await?;
        looked.store(if found.is_end { 0 } else { found.upto }, Ordering::Relaxed);
        let forget = Forget { seqs: found.seqs, now, identity_window };
        let pruned = self.write(forget).await?;
        if pruned.events > 0 {
            self.inner.shared.search.are_forgotten();
        }
        let (freed, more) = self.write(GiveSpaceBack).await?;
        Ok(Pruned { freed, more: pruned.more || more || !found.is_end || !are_counted, ..pruned })
    }
}

/// So many events are looked at for each that may be forgotten at a time.
const LOOKED_AT: usize = 16;
/// So many other things are forgotten at a time.
const OTHERS: i64 = 1000;
/// So many pages are given back at a time, so that no one waits for long.
const PAGES: i64 = 256;
/// As many pages stay free for what comes next, and this part of all.
const SPARE: i64 = 64;
const SPARE_PART: i64 = 20;

/// The events that may be forgotten, as far as was looked.
#[derive(Default)]
pub(super) struct Found {
    pub seqs: Vec<i64>,
    /// Where the next look goes on; from the beginning when the end was reached.
    pub upto: i64,
    pub is_end: bool,
}

/// Looks for events after a number that retention does not keep and that are done. What the search knows of them counts, too.
pub(super) fn look(
    connection: &Connection,
    after: i64,
    now: Timestamp,
    retention: &Retention,
    limit: usize,
    search: &Told,
    over: &Over,
) -> Result<Found, StoreError> {
    let is_over = match retention.size {
        Some(size) => used(connection)?.saturating_add(search.bytes_of(events(connection)?)) > size,
        None => false,
    };
    let since = |age: Option<Duration>| age.map_or(Timestamp(i64::MIN), |age| before(now, age));
    let (all_kept, none_kept) = (since(retention.shortest()), since(retention.longest()));
    let mut found = Found { upto: after, ..Found::default() };
    let sql = "SELECT e.seq, r.received_at FROM events e CROSS JOIN requests r ON r.seq = e.request
         WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let most = limit.saturating_mul(LOOKED_AT);
    let mut rows = statement.query([after, query::limit(most)])?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let (seq, at) = (row.get(0)?, Timestamp(row.get(1)?));
        // One that came in while the clock was wrong does not keep those behind it.
        if at >= all_kept && at <= now && !is_over && seq > over.highest {
            found.is_end = true;
            return Ok(found);
        }
        let is_kept = !is_over
            && ((at >= all_kept && seq > over.highest)
                || (at >= none_kept && is_kept_by_route(connection, [seq, at.0], now, retention, over)?));
        (found.upto, looked_at) = (seq, looked_at + 1);
        if !is_kept && done(connection, seq)?.is_some() {
            found.seqs.push(seq);
        }
        if found.seqs.len() >= limit {
            return Ok(found);
        }
    }
    found.is_end = looked_at < most;
    Ok(found)
}

/// Whether a route that took an event keeps it, by its time and by how much there is of it.
fn is_kept_by_route(
    connection: &Connection,
    [seq, at]: [i64; 2],
    now: Timestamp,
    retention: &Retention,
    over: &Over,
) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT route FROM outcomes WHERE event_seq = ?1")?;
    let routes = statement.query_map([seq], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let is_young = |age: Option<Duration>| age.is_none_or(|age| at >= before(now, age).0);
    let keeps = |route: &String| is_young(retention.age_of([route.as_str()].into_iter())) && seq > over.of(route);
    Ok(if routes.is_empty() { is_young(retention.age) } else { routes.iter().any(keeps) })
}

/// A moment so long ago.
pub(super) fn before(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
}

/// The bytes of the file that hold something.
fn used(connection: &Connection) -> Result<u64, StoreError> {
    let pages = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
    Ok(u64::try_from(pages.saturating_mul(pragma(connection, "page_size")?)).unwrap_or(0))
}

/// How many events there are, as it is kept.
fn events(connection: &Connection) -> Result<u64, StoreError> {
    let events: i64 = connection.query_row("SELECT events FROM totals", [], |row| row.get(0))?;
    Ok(u64::try_from(events).unwrap_or(0))
}

/// The deliveries of an event that is routed and of which nothing more is wanted; nothing of any other event.
fn done(connection: &Connection, seq: i64) -> Result<Option<Vec<i64>>, StoreError> {
    let mut routed = connection.prepare_cached("SELECT 1 FROM routings WHERE event_seq = ?1")?;
    if !routed.exists([seq])? {
        return Ok(None);
    }
    let mut state = connection.prepare_cached("SELECT state FROM deliveries WHERE seq = ?1")?;
    let deliveries = replay::deliveries_of(connection, seq)?;
    for delivery in &deliveries {
        // Of one that is missing nothing more can be wanted.
        let stored: Option<i64> = state.query_row([delivery], |row| row.get(0)).optional()?;
        if stored.is_some_and(|stored| !delivery::state(stored).is_ok_and(State::is_final)) {
            return Ok(None);
        }
    }
    Ok(Some(deliveries))
}

/// Numbers that follow each other, from the first to the last: what lies side by side is forgotten together.
pub(super) fn runs(mut numbers: Vec<i64>) -> Vec<[i64; 2]> {
    numbers.sort_unstable();
    let follows = |one: &i64, next: &i64| next - one <= 1;
    numbers.chunk_by(follows).filter_map(|run| Some([*run.first()?, *run.last()?])).collect()
}

/// Forgets events, and what else is over.
pub(super) struct Forget {
    pub seqs: Vec<i64>,
    pub now: Timestamp,
    pub identity_window: Duration,
}

impl Command for Forget {
    type Answer = Pruned;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Pruned, StoreError> {
        let (mut events, mut deliveries) = (Vec::new(), Vec::new());
        for seq in &self.seqs {
            if let Some(own) = done(tx.connection(), *seq)? {
                events.push(*seq);
                deliveries.extend(own);
            }
        }
        let mut pruned = Pruned { events: events.len(), deliveries: deliveries.len(), ..Pruned::default() };
        for run in runs(deliveries) {
            forget_deliveries(tx, run)?;
        }
        for run in runs(events) {
            self.forget_events(tx, run)?;
        }
        self.forget_identities(tx)?;
        let memory = "DELETE FROM memory WHERE key IN (SELECT key FROM memory WHERE until <= ?1 LIMIT ?2)";
        pruned.more |= tx.execute(memory, [self.now.0, OTHERS])? > 0;
        // Their keys may say who was written to.
        let calls = "DELETE FROM limited_calls WHERE number IN
             (SELECT number FROM limited_calls WHERE until <= ?1 LIMIT ?2)";
        pruned.more |= tx.execute(calls, [self.now.0, OTHERS])? > 0;
        Ok(pruned)
    }
}

/// All that is stored of a run of deliveries.
const OF_DELIVERIES: [&str; 5] = [
    "DELETE FROM attempts WHERE delivery_seq BETWEEN ?1 AND ?2",
    "DELETE FROM ledger WHERE delivery_seq BETWEEN ?1 AND ?2",
    "DELETE FROM contents WHERE delivery_seq BETWEEN ?1 AND ?2",
    "DELETE FROM replays WHERE old BETWEEN ?1 AND ?2",
    "DELETE FROM deliveries WHERE seq BETWEEN ?1 AND ?2",
];

pub(super) fn forget_deliveries(tx: &mut Tx<'_>, run: [i64; 2]) -> Result<(), StoreError> {
    let sql = "SELECT state, count(*) FROM deliveries WHERE seq BETWEEN ?1 AND ?2 GROUP BY state";
    let mut statement = tx.connection().prepare_cached(sql)?;
    let counts = statement.query_map(run, |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (stored, rows) in counts.collect::<Result<Vec<(i64, i64)>, _>>()? {
        tx.gone(delivery::state(stored)?, rows);
    }
    for sql in OF_DELIVERIES {
        tx.execute(sql, run)?;
    }
    Ok(())
}

impl Forget {
    pub(super) fn forget_events(&self, tx: &mut Tx<'_>, run: [i64; 2]) -> Result<(), StoreError> {
        self.let_identities_go(tx, run)?;
        replay::uncount(tx, run)?;
        tx.execute("DELETE FROM routings WHERE event_seq BETWEEN ?1 AND ?2", run)?;
        tx.execute("DELETE FROM outcomes WHERE event_seq BETWEEN ?1 AND ?2", run)?;
        forget_requests(tx, run)?;
        let gone = tx.execute("DELETE FROM events WHERE seq BETWEEN ?1 AND ?2", run)?;
        let gone = u64::try_from(gone).unwrap_or(u64::MAX);
        tx.totals.counts.events = tx.totals.counts.events.saturating_sub(gone);
        Ok(())
    }

    /// The identities of events that are forgotten stay for the rest of their window.
    fn let_identities_go(&self, tx: &Tx<'_>, [first, last]: [i64; 2]) -> Result<(), StoreError> {
        let sql = "SELECT event_seq, route, identity FROM outcomes
             WHERE event_seq BETWEEN ?1 AND ?2 AND identity IS NOT NULL AND result = ?3";
        let mut statement = tx.connection().prepare_cached(sql)?;
        let known = statement.query_map(params![first, last, query::TAKEN], |row| {
            Ok((row.get::<_, i64>(0)?, key::of_identity(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?)))
        })?;
        for (seq, key) in known.collect::<Result<Vec<_>, _>>()? {
            let mut at =
                tx.connection().prepare_cached("SELECT at FROM identities WHERE key = ?1 AND event_seq = ?2")?;
            if let Some(at) = at.query_row(params![key, seq], |row| row.get(0)).optional()? {
                self.let_identity_go(tx, &key, at)?;
            }
        }
        Ok(())
    }

    fn let_identity_go(&self, tx: &Tx<'_>, key: &[u8; 32], at: i64) -> Result<(), StoreError> {
        let until = Timestamp(at).plus(self.identity_window);
        if until < self.now {
            tx.execute("DELETE FROM identities WHERE key = ?1", [key])?;
        } else {
            tx.execute("INSERT OR IGNORE INTO old_identities (until, key) VALUES (?1, ?2)", params![until.0, key])?;
        }
        Ok(())
    }

    /// Those whose events are gone already.
    fn forget_identities(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        let sql = "SELECT o.until, o.key, i.at FROM old_identities o LEFT JOIN identities i ON i.key = o.key
             AND NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = i.event_seq) WHERE o.until < ?1 LIMIT ?2";
        let mut statement = tx.connection().prepare_cached(sql)?;
        let over = statement.query_map([self.now.0, OTHERS], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, Option<i64>>(2)?))
        })?;
        for (until, key, at) in over.collect::<Result<Vec<_>, _>>()? {
            tx.execute("DELETE FROM old_identities WHERE until = ?1 AND key = ?2", params![until, key])?;
            // One that is known by a newer event goes with that.
            if let Some(at) = at {
                self.let_identity_go(tx, &key, at)?;
            }
        }
        Ok(())
    }
}

/// The requests of a run of events go, but for those at its ends of which other parts stay: parts have successive numbers,
/// and so have requests.
fn forget_requests(tx: &Tx<'_>, run: [i64; 2]) -> Result<(), StoreError> {
    let one = |sql: &str, seq: i64| -> Result<Option<i64>, StoreError> {
        Ok(tx.connection().prepare_cached(sql)?.query_row([seq], |row| row.get(0)).optional()?)
    };
    let [first, last] = run;
    let ends = "SELECT min(request), max(request) FROM events WHERE seq BETWEEN ?1 AND ?2";
    let (from, to): (i64, i64) =
        tx.connection().prepare_cached(ends)?.query_row(run, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let before = one("SELECT request FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT 1", first)?;
    let after = one("SELECT request FROM events WHERE seq > ?1 ORDER BY seq LIMIT 1", last)?;
    let (from, to) = (from + i64::from(before == Some(from)), to - i64::from(after == Some(to)));
    tx.execute("DELETE FROM requests WHERE seq BETWEEN ?1 AND ?2", [from, to])?;
    Ok(())
}

/// Gives pages that hold nothing back to the disk: how many bytes, and whether there are more.
pub(super) struct GiveSpaceBack;

impl Command for GiveSpaceBack {
    type Answer = (u64, bool);

    fn run(&self, tx: &mut Tx<'_>) -> Result<(u64, bool), StoreError> {
        let connection = tx.connection();
        let (pages, free) = (pragma(connection, "page_count")?, pragma(connection, "freelist_count")?);
        let spare = SPARE.max(pages / SPARE_PART);
        let given = (free - spare).min(PAGES);
        if given <= 0 || pragma(connection, "auto_vacuum")? == 0 {
            return Ok((0, false));
        }
        // Each row that it answers with is a page that was given back.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({given})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        let freed = pages - pragma(connection, "page_count")?;
        let bytes = freed.saturating_mul(pragma(connection, "page_size")?);
        Ok((u64::try_from(bytes).unwrap_or(0), free - given > spare))
    }
}

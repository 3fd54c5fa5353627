//! Looking through all that is stored for what should not be so.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::model::{Counts, Verified};
use super::transaction::Totals;
use super::{connection, delivery, embedded, lane, migration, presence};
use crate::delivery::State;

/// So many problems are told of one kind.
const MOST: usize = 20;

/// Looks through the store in a folder. A server may be using it.
pub fn verify(folder: &Path) -> Result<Verified, StoreError> {
    let own = folder.join(embedded::FILE);
    presence::check(folder, &own)?;
    file(&own)
}

pub(super) fn file(file: &Path) -> Result<Verified, StoreError> {
    let connection = connection::plain(file)?;
    migration::check_is_known(&connection)?;
    // Everything is looked at as it is at one moment.
    let transaction = connection.unchecked_transaction()?;
    let verified = contents(&connection);
    transaction.finish()?;
    verified
}

/// What must not be found, and what it means when it is.
const RULES: [(&str, &str); 12] = [
    (
        "SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT 1 FROM requests r WHERE r.seq = e.request)",
        "events whose request is missing",
    ),
    (
        "SELECT count(*) FROM events e WHERE (SELECT count(*) FROM unrouted u WHERE u.event_seq = e.seq)
      + (SELECT count(*) FROM routings g WHERE g.event_seq = e.seq) <> 1",
        "events that are neither routed nor waiting to be, or both",
    ),
    (
        "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM contents c WHERE c.delivery_seq = d.seq)",
        "deliveries whose request is missing",
    ),
    (
        "SELECT count(*) FROM contents c WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = c.delivery_seq)",
        "requests whose delivery is missing",
    ),
    (
        "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = d.event_seq)",
        "deliveries whose event is missing",
    ),
    (
        "SELECT count(*) FROM outcomes o WHERE o.deliveries <> (SELECT count(*) FROM deliveries d
      WHERE d.seq >= o.first_delivery AND d.seq < o.first_delivery + o.deliveries AND d.event_seq = o.event_seq)",
        "results of routes whose deliveries are missing",
    ),
    (
        "SELECT count(*) FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = a.delivery_seq)",
        "attempts whose delivery is missing",
    ),
    (
        "SELECT count(*) FROM ledger l WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = l.delivery_seq)",
        "steps whose delivery is missing",
    ),
    (
        "SELECT count(*) FROM waiting w WHERE NOT EXISTS (SELECT 1 FROM deliveries d
      WHERE d.seq = w.delivery_seq AND d.connection = w.connection AND d.open = iif(w.due IS NULL, 2, 3))",
        "waiting deliveries that don't know of it",
    ),
    (
        "SELECT count(*) FROM deliveries d WHERE d.open IN (2, 3)
      AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.delivery_seq = d.seq)",
        "deliveries that wait and would never go on",
    ),
    (
        "SELECT count(*) FROM deliveries d WHERE d.state = 3
      AND NOT EXISTS (SELECT 1 FROM leased_upto l WHERE l.connection = d.connection AND l.seq >= d.seq)",
        "leased deliveries that no start would find",
    ),
    (
        "SELECT count(*) FROM replays p WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = p.new)",
        "deliveries that were sent again as one that is missing",
    ),
];

fn contents(connection: &Connection) -> Result<Verified, StoreError> {
    let missing = connection::missing(connection)?;
    let mut problems = sqlites_own(connection)?;
    problems.extend(missing.iter().map(|name| format!("the {name} is missing: the store does not start")));
    if missing.iter().any(|name| name.starts_with("table ")) {
        return Ok(Verified { events: 0, deliveries: 0, problems });
    }
    for (sql, meaning) in RULES {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        if count > 0 {
            problems.push(format!("{count} {meaning}"));
        }
    }
    let totals = Totals::load(connection)?;
    let counted = counted(connection, &mut problems)?;
    compare(&totals.counts, &counted, &mut problems);
    let deliveries = State::ALL.into_iter().map(|state| counted.deliveries(state)).sum();
    Ok(Verified { events: counted.events, deliveries, problems })
}

fn sqlites_own(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").map(|line| format!("SQLite says: {line}")).collect())
}

/// The counters as the rows have them.
fn counted(connection: &Connection, problems: &mut Vec<String>) -> Result<Counts, StoreError> {
    let count = |sql: &str| -> Result<u64, StoreError> {
        Ok(u64::try_from(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?).unwrap_or(0))
    };
    let mut counts = Counts {
        events: count("SELECT count(*) FROM events")?,
        unrouted: count("SELECT count(*) FROM unrouted")?,
        unmatched: count(
            "SELECT count(*) FROM routings g WHERE NOT EXISTS
             (SELECT 1 FROM outcomes o WHERE o.event_seq = g.event_seq AND o.generation = g.generation)",
        )?,
        failed: count(
            "SELECT count(*) FROM routings g CROSS JOIN outcomes o ON o.event_seq = g.event_seq
             AND o.generation = g.generation WHERE o.result = 'failed'",
        )?,
        duplicates: count(
            "SELECT count(*) FROM routings g CROSS JOIN outcomes o ON o.event_seq = g.event_seq
             AND o.generation = g.generation WHERE o.result = 'duplicate'",
        )?,
        parked: count("SELECT count(*) FROM waiting WHERE due IS NULL")?,
        later: count("SELECT count(*) FROM waiting WHERE due IS NOT NULL")?,
        ..Counts::default()
    };
    let mut statement = connection.prepare("SELECT state, open, count(*) FROM deliveries GROUP BY state, open")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (open, rows): (i64, i64) = (row.get(1)?, row.get(2)?);
        match delivery::state(row.get(0)?) {
            Ok(state) => {
                counts.add(state, u64::try_from(rows).unwrap_or(0));
                if !lane::is_consistent(state, open) {
                    problems.push(format!("{rows} deliveries that are {} stand in the wrong place", state.word()));
                }
            }
            Err(_) => problems.push(format!("{rows} deliveries have no state that there is")),
        }
    }
    Ok(counts)
}

fn compare(kept: &Counts, counted: &Counts, problems: &mut Vec<String>) {
    let mut differ = |name: &str, kept: u64, counted: u64| {
        if kept != counted {
            problems.push(format!("the counter of {name} says {kept}, and there are {counted}"));
        }
    };
    differ("events", kept.events, counted.events);
    differ("unrouted events", kept.unrouted, counted.unrouted);
    differ("unmatched events", kept.unmatched, counted.unmatched);
    differ("failed routes", kept.failed, counted.failed);
    differ("duplicates", kept.duplicates, counted.duplicates);
    differ("parked deliveries", kept.parked, counted.parked);
    differ("deliveries due later", kept.later, counted.later);
    for state in State::ALL {
        differ(&format!("{} deliveries", state.word()), kept.deliveries(state), counted.deliveries(state));
    }
}

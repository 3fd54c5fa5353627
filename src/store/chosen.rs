//! The events that a person means, of those that are routed.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::model::ReplayEvents;
use super::search::{self, Became, EventFilter};
use super::{key, story};

/// Events of which a route could make nothing, in the generation that counts; of route ?1.
const UNMADE: &str = "SELECT o.event_seq FROM outcomes o INDEXED BY outcomes_failed
     CROSS JOIN routings g ON g.event_seq = o.event_seq AND g.generation = o.generation
     WHERE o.result = 'failed' AND (?1 IS NULL OR o.route = ?1)";
/// Events with a dead delivery, also one that was sent again and died again; of route ?1.
const DEAD: &str = "SELECT d.event_seq FROM deliveries d INDEXED BY deliveries_kept
     CROSS JOIN contents c ON c.delivery_seq = d.seq CROSS JOIN routings g ON g.event_seq = d.event_seq
     WHERE d.state IN (7, 8) AND d.state = 7 AND (?1 IS NULL OR c.route = ?1)";
/// Events that no route took, of those behind the number ?1 and those that went through the routes again: of them the index
/// knows what earlier routes made. And whether the event ?1 is one.
const UNMATCHED_BEHIND: &str = "SELECT g.event_seq FROM routings g WHERE (g.event_seq > ?1 OR g.generation > 0)
     AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.event_seq = g.event_seq AND o.generation = g.generation)";
const IS_UNMATCHED: &str = "SELECT 1 FROM routings g WHERE g.event_seq = ?1
     AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.event_seq = g.event_seq AND o.generation = g.generation)";
/// All events, or those that route ?1 took.
const ANY: &str = "SELECT g.event_seq FROM routings g WHERE ?1 IS NULL
     OR EXISTS (SELECT 1 FROM outcomes o WHERE o.event_seq = g.event_seq AND o.route = ?1)";

/// The numbers of the events that are meant, in the order asked for.
/// `is_known`: whether the index knows all that became of events until now.
pub(super) fn events(connection: &Connection, replay: &ReplayEvents, is_known: bool) -> Result<Vec<i64>, StoreError> {
    let mut seqs = match &replay.ids {
        Some(ids) => named(connection, &ids.iter().copied().map(key::of_id).collect::<Vec<_>>())?,
        None => kinds(connection, replay, is_known)?,
    };
    seqs.sort_unstable();
    seqs.dedup();
    if replay.newest {
        seqs.reverse();
    }
    let mut found = Vec::new();
    for seq in seqs {
        if replay.ids.is_none() && found.len() >= replay.limit {
            break;
        }
        if replay.ids.is_some() || (is_within(connection, replay, seq)? && is_still(connection, replay, seq)?) {
            found.push(seq);
        }
    }
    Ok(found)
}

fn named(connection: &Connection, ids: &[[u8; 16]]) -> Result<Vec<i64>, StoreError> {
    story::seqs_of(connection, story::EVENTS, ids)
}

/// What the index says of an event may have changed since.
fn is_still(connection: &Connection, replay: &ReplayEvents, seq: i64) -> Result<bool, StoreError> {
    let is_only_unmatched = replay.unmatched && !replay.failed && !replay.unmade;
    Ok(!is_only_unmatched || connection.prepare_cached(IS_UNMATCHED)?.exists([seq])?)
}

/// Events that no route took, or that the index takes for such.
fn unmatched(connection: &Connection, source: Option<&Arc<str>>, is_known: bool) -> Result<Vec<i64>, StoreError> {
    let became = vec![Became::Unmatched];
    let meant = EventFilter { source: source.cloned(), became, ..EventFilter::default() };
    let (mut seqs, upto) = match is_known {
        true => search::known_to(connection, &meant, usize::MAX)?.unwrap_or_default(),
        false => Default::default(),
    };
    let mut statement = connection.prepare_cached(UNMATCHED_BEHIND)?;
    for seq in statement.query_map([upto], |row| row.get(0))? {
        seqs.push(seq?);
    }
    Ok(seqs)
}

fn kinds(connection: &Connection, replay: &ReplayEvents, is_known: bool) -> Result<Vec<i64>, StoreError> {
    let kinds = [
        (replay.failed || replay.unmade, UNMADE),
        (replay.failed, DEAD),
        (!replay.failed && !replay.unmade && !replay.unmatched, ANY),
    ];
    let mut seqs = match replay.unmatched {
        true => unmatched(connection, replay.source.as_ref(), is_known)?,
        false => Vec::new(),
    };
    for (_, sql) in kinds.into_iter().filter(|(asked, _)| *asked) {
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([&replay.route], |row| row.get(0))?;
        for seq in rows {
            seqs.push(seq?);
        }
    }
    Ok(seqs)
}

/// Whether an event is of the source and the time asked for.
fn is_within(connection: &Connection, replay: &ReplayEvents, seq: i64) -> Result<bool, StoreError> {
    let ReplayEvents { source, since, until, .. } = replay;
    if source.is_none() && since.is_none() && until.is_none() {
        return Ok(true);
    }
    let sql =
        "SELECT r.source, r.received_at FROM events e CROSS JOIN requests r ON r.seq = e.request WHERE e.seq = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let about = statement.query_row(params![seq], |row| Ok((row.get::<_, Arc<str>>(0)?, row.get::<_, i64>(1)?)));
    Ok(about.optional()?.is_some_and(|(own, at)| {
        source.as_ref().is_none_or(|wanted| *wanted == own)
            && since.is_none_or(|since| at >= since.0)
            && until.is_none_or(|until| at < until.0)
    }))
}

//! The events that a person means, of those that are routed.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::model::ReplayEvents;
use super::{key, story};

/// Events of which a route could make nothing, in the generation that counts; of route ?1.
const UNMADE: &str = "SELECT o.event_seq FROM outcomes o INDEXED BY outcomes_failed
     CROSS JOIN routings g ON g.event_seq = o.event_seq AND g.generation = o.generation
     WHERE o.result = 'failed' AND (?1 IS NULL OR o.route = ?1)";
/// Events with a dead delivery, also one that was sent again and died again; of route ?1.
const DEAD: &str = "SELECT d.event_seq FROM deliveries d INDEXED BY deliveries_kept
     CROSS JOIN contents c ON c.delivery_seq = d.seq CROSS JOIN routings g ON g.event_seq = d.event_seq
     WHERE d.state IN (7, 8) AND d.state = 7 AND (?1 IS NULL OR c.route = ?1)";
/// Events that no route took, whatever ?1.
const UNMATCHED: &str = "SELECT g.event_seq FROM routings g WHERE (?1 IS NULL OR 1)
     AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.event_seq = g.event_seq AND o.generation = g.generation)";
/// All events, or those that route ?1 took.
const ANY: &str = "SELECT g.event_seq FROM routings g WHERE ?1 IS NULL
     OR EXISTS (SELECT 1 FROM outcomes o WHERE o.event_seq = g.event_seq AND o.route = ?1)";

/// The numbers of the events that are meant, in the order asked for.
pub(super) fn events(connection: &Connection, replay: &ReplayEvents) -> Result<Vec<i64>, StoreError> {
    let mut seqs = match &replay.ids {
        Some(ids) => named(connection, &ids.iter().map(key::of_id).collect::<Vec<_>>())?,
        None => kinds(connection, replay)?,
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
        if replay.ids.is_some() || is_within(connection, replay, seq)? {
            found.push(seq);
        }
    }
    Ok(found)
}

fn named(connection: &Connection, ids: &[[u8; 16]]) -> Result<Vec<i64>, StoreError> {
    let seqs = ids.iter().filter_map(|id| story::seq_of(connection, story::EVENTS, id).transpose());
    seqs.collect()
}

fn kinds(connection: &Connection, replay: &ReplayEvents) -> Result<Vec<i64>, StoreError> {
    let kinds = [
        (replay.failed || replay.unmade, UNMADE),
        (replay.failed, DEAD),
        (replay.unmatched, UNMATCHED),
        (!replay.failed && !replay.unmade && !replay.unmatched, ANY),
    ];
    let mut seqs = Vec::new();
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

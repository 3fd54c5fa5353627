//! How much is kept of the events of a route that says how much that may be: counted by whoever looks for what to forget,
//! each event once, so that nobody who accepts or delivers has a part in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::error::StoreError;

/// So many numbers of events are counted at a time.
const AT_A_TIME: i64 = 4096;
/// What a route may keep is counted in about so many pieces, of which the oldest is given up at a time.
const PIECES: u64 = 256;
/// What a row takes beside what it holds, nearly.
const OF_A_ROW: i64 = 100;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// How much each route may keep, as it was said while this was counted.
    sizes: BTreeMap<Arc<str>, u64>,
    /// All events up to this number are counted.
    upto: i64,
    routes: BTreeMap<Arc<str>, Taken>,
}

/// The room that the newest events of a route take.
#[derive(Debug, Default)]
struct Taken {
    /// Events side by side, the newest last: the number of the newest of each piece, and its bytes.
    pieces: VecDeque<(i64, u64)>,
    bytes: u64,
    /// All up to this number are more than the route keeps.
    over: i64,
    /// The last request that was counted: the events that it was split into share it.
    request: i64,
}

/// Up to which numbers events are more than their routes keep.
#[derive(Debug)]
pub(super) struct Over {
    routes: BTreeMap<Arc<str>, i64>,
    /// The highest of these numbers.
    pub highest: i64,
    /// Whether all events are counted; else there may be more that is over.
    pub is_all: bool,
}

impl Over {
    pub(super) fn of(&self, route: &str) -> i64 {
        self.routes.get(route).copied().unwrap_or(0)
    }
}

impl Room {
    /// Counts what is new, not more than some at a time, and says what is over. Where other sizes are said than before, all is
    /// counted anew.
    pub(super) fn over(&mut self, file: &Connection, sizes: &BTreeMap<Arc<str>, u64>) -> Result<Over, StoreError> {
        if sizes.is_empty() {
            return Ok(Over { routes: BTreeMap::new(), highest: 0, is_all: true });
        }
        if self.sizes != *sizes {
            *self = Room { sizes: sizes.clone(), ..Room::default() };
        }
        let is_all = self.count(file)?;
        let routes: BTreeMap<_, _> = self.routes.iter().map(|(route, taken)| (route.clone(), taken.over)).collect();
        let highest = routes.values().copied().max().unwrap_or(0);
        Ok(Over { routes, highest, is_all })
    }

    /// Counts on; whether the end was reached.
    fn count(&mut self, file: &Connection) -> Result<bool, StoreError> {
        let bounds = "SELECT ifnull((SELECT min(seq) FROM events), 1) - 1, ifnull((SELECT max(seq) FROM events), 0)";
        let (first, last): (i64, i64) = file.query_row(bounds, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let from = self.upto.max(first);
        // What is not routed yet is counted when it is.
        let unrouted = "SELECT min(event_seq) FROM unrouted WHERE event_seq > ?1";
        let unrouted: Option<i64> = file.query_row(unrouted, [from], |row| row.get(0))?;
        let end = unrouted.map_or(last, |unrouted| unrouted - 1).min(last);
        let upto = end.min(from.saturating_add(AT_A_TIME));
        let found = self.found(file, [from, upto])?;
        for Found { seq, route, request, of_request, of_deliveries } in found {
            let Some(size) = self.sizes.get(&*route).copied() else { continue };
            let taken = self.routes.entry(route).or_default();
            let shared = request == taken.request;
            taken.request = request;
            taken.add(seq, of_deliveries + if shared { 0 } else { of_request }, size);
        }
        self.upto = upto.max(from);
        Ok(upto >= end)
    }

    /// What the routes that are counted took, between these numbers.
    fn found(&self, file: &Connection, range: [i64; 2]) -> Result<Vec<Found>, StoreError> {
        const TAKEN: &str = "SELECT event_seq, route, first_delivery, deliveries FROM outcomes
             WHERE event_seq > ?1 AND event_seq <= ?2 ORDER BY event_seq";
        // The lengths alone: what is long is not read.
        const REQUEST: &str = "SELECT r.seq, octet_length(r.target) + octet_length(r.headers) + octet_length(r.body)
             FROM events e CROSS JOIN requests r ON r.seq = e.request WHERE e.seq = ?1";
        const DELIVERIES: &str = "SELECT count(*), ifnull(sum(octet_length(request)), 0) FROM contents
             WHERE delivery_seq >= ?1 AND delivery_seq < ?1 + ?2";
        let (mut taken, mut of_request) = (file.prepare_cached(TAKEN)?, file.prepare_cached(REQUEST)?);
        let mut of_deliveries = file.prepare_cached(DELIVERIES)?;
        let (mut rows, mut found) = (taken.query(range)?, Vec::new());
        while let Some(row) = rows.next()? {
            let route: String = row.get(1)?;
            let Some((route, _)) = self.sizes.get_key_value(route.as_str()) else { continue };
            let (seq, first, deliveries): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
            let (request, bytes): (i64, i64) = of_request.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (count, sent): (i64, i64) =
                of_deliveries.query_row(params![first, deliveries], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let with_rows = |bytes: i64, rows: i64| u64::try_from(bytes + OF_A_ROW * rows).unwrap_or(0);
            let (of_request, of_deliveries) = (with_rows(bytes, 1), with_rows(sent, count + 1));
            found.push(Found { seq, route: route.clone(), request, of_request, of_deliveries });
        }
        Ok(found)
    }
}

/// What a route took.
struct Found {
    seq: i64,
    route: Arc<str>,
    request: i64,
    of_request: u64,
    of_deliveries: u64,
}

impl Taken {
    /// Counts the next event; the oldest are over where there is more than this now. The newest piece never is.
    fn add(&mut self, seq: i64, bytes: u64, size: u64) {
        self.bytes += bytes;
        match self.pieces.back_mut() {
            Some((last, in_piece)) if *in_piece + bytes <= size / PIECES => {
                (*last, *in_piece) = (seq, *in_piece + bytes)
            }
            _ => self.pieces.push_back((seq, bytes)),
        }
        while self.bytes > size && self.pieces.len() > 1 {
            let Some((last, in_piece)) = self.pieces.pop_front() else { break };
            (self.over, self.bytes) = (last, self.bytes - in_piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_over_and_little_is_remembered() {
        let mut taken = Taken::default();
        (1..=100).for_each(|seq| taken.add(seq, 10, 2560));
        assert_eq!((taken.over, taken.bytes, taken.pieces.len()), (0, 1000, 100));
        (101..=1000).for_each(|seq| taken.add(seq, 10, 2560));
        assert_eq!((taken.over, taken.bytes), (1000 - 256, 2560));
        // What is small lies in pieces together.
        let mut taken = Taken::default();
        (1..=100_000).for_each(|seq| taken.add(seq, 1, 25_600));
        assert_eq!((taken.over, taken.bytes, taken.pieces.len()), (74_400, 25_600, 256));
        // One that is larger than all that may be kept stays until another comes.
        taken.add(100_001, 30_000, 25_600);
        assert_eq!((taken.over, taken.pieces.len()), (100_000, 1));
    }
}

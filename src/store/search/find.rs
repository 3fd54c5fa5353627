//! Finding events, the newest first: by words through the index, by what became of them in the store itself. What the index
//! does not know is looked through.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::error::StoreError;
use super::super::model::{EventStory, StoredOutcome, StoredResult};
use super::super::query::Stretch;
use super::super::{delivery, query, story};
use super::index::Known;
use super::words::{self, Field, Sought, quoted};
use super::{Became, EventFilter, EventPage, became, keeper, known, scratch};
use crate::clock::Timestamp;
use crate::delivery::State;

/// So many events are looked at for one page, or for so long; what is farther back is looked at for the next.
const LOOKED_AT: usize = 5_000;
const LONGEST: Duration = Duration::from_millis(500);
/// So many are asked for at a time; fewer where their requests are needed.
const BATCH: usize = 500;
const WHOLE_BATCH: usize = 128;
/// As many deliveries that are not done, or are dead or held, are gone through one by one.
const FEW: usize = 20_000;
/// Events stand nearly in the order of their times.
const NEARLY: i64 = 256;

/// The newest events that are meant, where the next page goes on, and whether the index could be read.
pub(super) fn find(
    store: &Connection,
    index: &Path,
    filter: &EventFilter,
    limit: usize,
) -> Result<(EventPage, bool), StoreError> {
    let Some(asked) = asked(filter)? else { return Ok((EventPage::default(), true)) };
    let known = match asked.is_empty() {
        true => None,
        false => Known::open(index).ok().filter(|known| is_of(store, known)),
    };
    let few = few(store, filter)?;
    let mut finding = Finding { store, filter, asked, few, known, is_sound: true };
    let page = finding.page(limit)?;
    Ok((page, finding.is_sound))
}

fn is_of(store: &Connection, known: &Known) -> bool {
    known.place.is_some_and(|place| keeper::is_of(store, &place).unwrap_or(false))
}

/// All events that hold a value, however long they are.
pub(in super::super) fn holding(
    store: &Connection,
    file: &Path,
    value: &str,
    sought: &Sought,
) -> Result<Vec<i64>, StoreError> {
    let index = super::index_of(file);
    let mut filter = EventFilter { value: Some(value.to_owned()), ..EventFilter::default() };
    let mut found = Vec::new();
    loop {
        let (page, _) = find(store, &index, &filter, BATCH)?;
        found.extend(page.events.iter().map(|story| story.event.seq));
        filter.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    found.extend(long_ones(store, &index, sought)?);
    Ok(found)
}

/// Of what is too long to be known whole, what holds the value.
fn long_ones(store: &Connection, index: &Path, sought: &Sought) -> Result<Vec<i64>, StoreError> {
    let Ok(known) = Known::open(index) else { return Ok(Vec::new()) };
    let (mut before, mut found) = (i64::MAX, Vec::new());
    loop {
        let seqs = known.newest(&quoted(words::MORE), 1, before, BATCH)?;
        let Some(last) = seqs.last().copied() else { return Ok(found) };
        before = last;
        for seq in seqs {
            let events = query::stretch(store, [seq - 1, seq + 1], 1, false)?.events;
            found.extend(events.iter().filter(|event| sought.is_in(&known::all(event))).map(|event| event.seq));
        }
    }
}

/// The newest events that the index takes for meant, not more than `most`; and up to which number it knows all. Nothing where
/// there is none that can be used.
pub(in super::super) fn known_to(
    store: &Connection,
    filter: &EventFilter,
    most: usize,
) -> Result<Option<(Vec<i64>, i64)>, StoreError> {
    let file = store.path().map(|file| super::index_of(Path::new(file)));
    let known = file.and_then(|file| Known::open(&file).ok()).filter(|known| is_of(store, known));
    let (Some(known), Some(asked)) = (known, asked(filter)?) else { return Ok(None) };
    let upto = known.place.map_or(0, |place| place.upto);
    Ok(known.newest(&asked, 0, upto.saturating_add(1), most).ok().map(|seqs| (seqs, upto)))
}

/// Whether what came in last has to be known by its words.
pub(super) fn needs_words(filter: &EventFilter) -> bool {
    let EventFilter { source, route, connection, identity, lane, value, became, .. } = filter;
    let names = [source, route, connection].into_iter().any(Option::is_some);
    names
        || [identity, lane, value].into_iter().any(Option::is_some)
        || (!became.is_empty() && became.iter().all(|became| became.mark().is_some()))
}

/// What is asked of the index, in its own language; empty where it is not needed, nothing where nothing can be found.
fn asked(filter: &EventFilter) -> Result<Option<String>, StoreError> {
    let mut all = match &filter.value {
        None => Vec::new(),
        Some(value) => match words::asked(value)? {
            Some(words) => words,
            None => return Ok(None),
        },
    };
    let named = [
        (Field::Source, filter.source.as_deref()),
        (Field::Route, filter.route.as_deref()),
        (Field::Connection, filter.connection.as_deref()),
        (Field::Identity, filter.identity.as_deref()),
        (Field::Lane, filter.lane.as_deref()),
    ];
    all.extend(named.into_iter().filter_map(|(field, value)| Some(quoted(&field.word(value?)))));
    let marks: Option<Vec<&str>> = filter.became.iter().map(|became| became.mark()).collect();
    // Of what may change later, the store knows better.
    if let Some(marks) = marks.filter(|marks| !marks.is_empty()) {
        let marks: Vec<String> = marks.into_iter().map(|mark| quoted(&Field::Became.word(mark))).collect();
        all.push(format!("({})", marks.join(" OR ")));
    }
    Ok(Some(all.join(" AND ")))
}

/// The events among which all that are meant are found, where these are few.
fn few(store: &Connection, filter: &EventFilter) -> Result<Option<BTreeSet<i64>>, StoreError> {
    if filter.became == [Became::Unrouted] {
        return numbers(store, "SELECT event_seq FROM unrouted LIMIT ?1");
    }
    let states: Vec<State> = filter.became.iter().filter_map(|became| became.state()).collect();
    if states.is_empty() || states.len() < filter.became.len() {
        return Ok(None);
    }
    let count = delivery::counted(store, &states)?;
    if count >= FEW {
        return Ok(None);
    }
    let among = |sql: &str| format!("({sql}) k CROSS JOIN deliveries d ON d.seq = k.seq");
    let all = match () {
        () if count == 0 => return Ok(Some(BTreeSet::new())),
        () if states.iter().all(|state| matches!(state, State::Dead | State::Held)) => among(query::KEPT),
        () if states.iter().all(|state| state.is_open()) => among(query::OPEN),
        () => "deliveries d".to_owned(),
    };
    let mask = delivery::mask(&states);
    numbers(store, &format!("SELECT d.event_seq FROM {all} WHERE {mask} >> d.state & 1 LIMIT min(?1, {count})"))
}

fn numbers(store: &Connection, sql: &str) -> Result<Option<BTreeSet<i64>>, StoreError> {
    let mut statement = store.prepare_cached(sql)?;
    let mut rows = statement.query([query::limit(FEW)])?;
    let (mut seqs, mut count) = (BTreeSet::new(), 0);
    while let Some(row) = rows.next()? {
        seqs.insert(row.get(0)?);
        count += 1;
    }
    Ok((count < FEW).then_some(seqs))
}

/// A search under way.
struct Finding<'f> {
    store: &'f Connection,
    filter: &'f EventFilter,
    /// Of the index; empty where it is not needed.
    asked: String,
    few: Option<BTreeSet<i64>>,
    /// Nothing where there is none that can be used.
    known: Option<Known>,
    is_sound: bool,
}

/// The next events that may be meant, the newest first.
struct Next {
    seqs: Vec<i64>,
    /// All before this number are still to be looked at; nothing at the end.
    before: Option<i64>,
}

impl Finding<'_> {
    fn page(&mut self, limit: usize) -> Result<EventPage, StoreError> {
        let (begun, mut looked_at) = (Instant::now(), 0);
        let [from, mut before] = bounds(self.store, self.filter)?;
        let mut page = EventPage::default();
        while looked_at < LOOKED_AT && begun.elapsed() < LONGEST {
            let Next { seqs, before: rest } = self.next(from, before)?;
            looked_at += seqs.len().max(if self.asked.is_empty() { 0 } else { WHOLE_BATCH / 4 });
            for seq in seqs {
                page.events.extend(self.meant(seq)?);
                if page.events.len() >= limit {
                    page.next = Some(seq);
                    page.not_searched = self.not_searched(from, seq);
                    return Ok(page);
                }
            }
            let Some(rest) = rest else { return Ok(page) };
            before = rest;
        }
        page.next = Some(before);
        page.not_searched = self.not_searched(from, before);
        Ok(page)
    }

    fn next(&mut self, from: i64, before: i64) -> Result<Next, StoreError> {
        if self.asked.is_empty() || (self.filter.value.is_none() && self.few.is_some()) {
            return self.in_store(from, before);
        }
        let upto = self.upto();
        if before > upto + 1 {
            return self.looked_through(from.max(upto + 1), before, from <= upto);
        }
        let Some(known) = &self.known else { return Ok(Next { seqs: Vec::new(), before: None }) };
        match known.newest(&self.asked, from, before, BATCH) {
            Ok(mut seqs) => {
                let rest = seqs.last().copied().filter(|_| seqs.len() >= BATCH);
                seqs.retain(|seq| self.few.as_ref().is_none_or(|few| few.contains(seq)));
                Ok(Next { seqs, before: rest })
            }
            Err(_) => {
                (self.known, self.is_sound) = (None, false);
                Ok(Next { seqs: Vec::new(), before: Some(before) })
            }
        }
    }

    /// Up to which number all are in the index.
    fn upto(&self) -> i64 {
        self.known.as_ref().and_then(|known| known.place).map_or(0, |place| place.upto)
    }

    fn not_searched(&self, from: i64, before: i64) -> u64 {
        let needs_index = !self.asked.is_empty() && (self.filter.value.is_some() || self.few.is_none());
        let left = before - 1 - self.upto().max(from - 1);
        if needs_index { u64::try_from(left).unwrap_or(0) } else { 0 }
    }

    /// By what the store itself knows.
    fn in_store(&self, from: i64, before: i64) -> Result<Next, StoreError> {
        let seqs = match &self.few {
            Some(few) if from < before => few.range(from..before).rev().take(BATCH).copied().collect(),
            Some(_) => Vec::new(),
            None => all(self.store, [from, before], self.mask())?,
        };
        Ok(Next { before: seqs.last().copied().filter(|_| seqs.len() >= BATCH), seqs })
    }

    /// The states of deliveries that are meant, as bits; 0 where others may be meant, too.
    fn mask(&self) -> i64 {
        let states: Vec<State> = self.filter.became.iter().filter_map(|became| became.state()).collect();
        if states.len() < self.filter.became.len() { 0 } else { delivery::mask(&states) }
    }

    /// What the index does not know: the words are made here.
    fn looked_through(&self, from: i64, before: i64, goes_on: bool) -> Result<Next, StoreError> {
        let Stretch { events, more } = query::stretch(self.store, [from - 1, before], WHOLE_BATCH, true)?;
        let rest = events.last().map(|event| event.seq).filter(|_| more);
        let words = known::words(self.store, &events)?;
        let matching = scratch::matching(&words, &self.asked)?;
        let seqs = matching.into_iter().rev().filter(|seq| self.few.as_ref().is_none_or(|few| few.contains(seq)));
        Ok(Next { seqs: seqs.collect(), before: rest.or(goes_on.then_some(from)) })
    }

    /// The event of a number where it is meant; one that can't be read is left out.
    fn meant(&self, seq: i64) -> Result<Option<EventStory>, StoreError> {
        match story::brief(self.store, seq) {
            Err(error) if error.is_of_a_row() => Ok(None),
            story => Ok(story?.filter(|story| is_meant(self.filter, story))),
        }
    }
}

/// All events, or those that may have a delivery whose state has a bit in the mask: one that was sent again may stand for others.
fn all(store: &Connection, [from, before]: [i64; 2], mask: i64) -> Result<Vec<i64>, StoreError> {
    const ALL: &str = "SELECT seq FROM events WHERE seq >= ?1 AND seq < ?2 AND ?4 = 0 ORDER BY seq DESC LIMIT ?3";
    const OF_STATES: &str = "SELECT DISTINCT o.event_seq FROM outcomes o CROSS JOIN deliveries d
             ON d.seq >= o.first_delivery AND d.seq < o.first_delivery + o.deliveries
         WHERE o.event_seq >= ?1 AND o.event_seq < ?2
             AND (?4 >> d.state & 1 OR EXISTS (SELECT 1 FROM replays p WHERE p.old = d.seq))
         ORDER BY o.event_seq DESC LIMIT ?3";
    let mut statement = store.prepare_cached(if mask == 0 { ALL } else { OF_STATES })?;
    let seqs = statement.query_map(params![from, before, query::limit(BATCH), mask], |row| row.get(0))?;
    Ok(seqs.collect::<Result<_, _>>()?)
}

/// Between which numbers all are that came in at the times that are meant.
fn bounds(store: &Connection, filter: &EventFilter) -> Result<[i64; 2], StoreError> {
    let from = match filter.since {
        Some(since) => first_at(store, since)?.saturating_sub(NEARLY).max(1),
        None => 1,
    };
    let until = match filter.until {
        Some(until) => first_at(store, until)?.saturating_add(NEARLY),
        None => i64::MAX,
    };
    let last: i64 = store.query_row("SELECT last_event FROM totals", [], |row| row.get(0))?;
    Ok([from, until.min(filter.before.unwrap_or(i64::MAX)).min(last.saturating_add(1))])
}

/// The number of the first event that came in at a time or later, nearly.
fn first_at(store: &Connection, at: Timestamp) -> Result<i64, StoreError> {
    let end = |sql: &str| store.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let (mut low, high) = (end("SELECT min(seq) FROM events")?.unwrap_or(0), end("SELECT max(seq) FROM events")?);
    let mut high = high.map_or(0, |high| high + 1);
    let sql = "SELECT r.received_at FROM events e CROSS JOIN requests r ON r.seq = e.request
         WHERE e.seq >= ?1 ORDER BY e.seq LIMIT 1";
    let mut probe = store.prepare_cached(sql)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let received_at: Option<i64> = probe.query_row([middle], |row| row.get(0)).optional()?;
        if received_at.is_some_and(|received_at| received_at < at.0) { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// Whether all holds that is said, but for the value: the words of names may be others' words.
pub(in super::super) fn is_meant(filter: &EventFilter, story: &EventStory) -> bool {
    let at = story.event.received_at;
    filter.source.as_ref().is_none_or(|source| *source == story.event.source)
        && filter.since.is_none_or(|since| at >= since)
        && filter.until.is_none_or(|until| at < until)
        && (is_of_any_route(filter) || story.outcomes.iter().any(|outcome| is_of_outcome(filter, outcome)))
        && (filter.became.is_empty() || has_become(filter, story))
}

fn is_of_any_route(filter: &EventFilter) -> bool {
    filter.route.is_none() && filter.connection.is_none() && filter.identity.is_none() && filter.lane.is_none()
}

/// Whether a route made of the event what is said.
fn is_of_outcome(filter: &EventFilter, outcome: &StoredOutcome) -> bool {
    let (identity, lane) = match &outcome.result {
        StoredResult::Taken { identity, lane } => (identity.as_ref(), lane.as_ref()),
        StoredResult::Duplicate { identity, .. } => (Some(identity), None),
        StoredResult::Failed { .. } | StoredResult::Dismissed { .. } => (None, None),
    };
    let mut deliveries = outcome.deliveries.iter().map(|story| &story.delivery.connection);
    filter.route.as_ref().is_none_or(|route| *route == outcome.route)
        && filter.connection.as_ref().is_none_or(|name| deliveries.any(|connection| connection == name))
        && filter.identity.as_ref().is_none_or(|wanted| identity == Some(wanted))
        && filter.lane.as_ref().is_none_or(|wanted| lane == Some(wanted))
}

/// Whether it has become one of what is asked for; where a route or a connection is named, by that one.
fn has_become(filter: &EventFilter, story: &EventStory) -> bool {
    let of_routes = became(story);
    filter.became.iter().any(|wanted| match wanted {
        Became::Delivery(state) => story
            .outcomes
            .iter()
            .filter(|outcome| is_of_outcome(filter, outcome))
            .flat_map(|outcome| &outcome.deliveries)
            .map(|story| &story.delivery)
            .filter(|delivery| filter.connection.as_ref().is_none_or(|name| *name == delivery.connection))
            .any(|delivery| delivery.state == *state),
        of_a_route => of_routes.contains(of_a_route),
    })
}

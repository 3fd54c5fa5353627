//! What an event is known by: what was sent, whose it is, and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::super::error::StoreError;
use super::super::model::{EventStory, StoredEvent, StoredResult};
use super::super::story;
use super::became;
use super::words::{Field, Words};
use crate::payload::{self, Format, form};

/// The words of events, each with its number.
pub(super) fn words(store: &Connection, events: &[StoredEvent]) -> Result<Vec<(i64, String)>, StoreError> {
    // The parts of one request have one body.
    let mut bodies: BTreeMap<usize, Words> = BTreeMap::new();
    let mut found = Vec::with_capacity(events.len());
    for event in events {
        let body = bodies.entry(Arc::as_ptr(&event.raw).addr()).or_insert_with(|| sent(event, Words::default()));
        let mut words = body.clone();
        match story::brief(store, event.seq) {
            Ok(story) => story.iter().for_each(|story| marks(&mut words, story)),
            // It is still found by what was sent.
            Err(error) if error.is_of_a_row() => {}
            Err(error) => return Err(error),
        }
        found.push((event.seq, words.into_text()));
    }
    Ok(found)
}

/// All that was sent, as words.
pub(super) fn all(event: &StoredEvent) -> String {
    sent(event, Words::all()).into_text()
}

/// What was sent.
fn sent(event: &StoredEvent, mut words: Words) -> Words {
    match payload::decode(&event.raw, Format::AutoOfBody) {
        Ok(payload) => words.value(&payload),
        Err(_) => words.text(&String::from_utf8_lossy(&event.raw.body)),
    }
    words.value(&form::decode_lenient(event.raw.query()));
    words.value(&event.params);
    words
}

/// Whose it is, and what became of it.
fn marks(words: &mut Words, story: &EventStory) {
    words.mark(Field::Source, &story.event.source);
    for mark in became(story).into_iter().filter_map(super::Became::mark) {
        words.mark(Field::Became, mark);
    }
    for outcome in &story.outcomes {
        words.mark(Field::Route, &outcome.route);
        let (identity, lane) = match &outcome.result {
            StoredResult::Taken { identity, lane } => (identity.as_deref(), lane.as_deref()),
            StoredResult::Duplicate { identity, .. } => (Some(identity.as_str()), None),
            StoredResult::Failed { .. } | StoredResult::Dismissed { .. } => (None, None),
        };
        for (field, value) in [(Field::Identity, identity), (Field::Lane, lane)] {
            value.into_iter().for_each(|value| words.mark(field, value));
        }
        for delivery in &outcome.deliveries {
            words.mark(Field::Connection, &delivery.delivery.connection);
        }
    }
}

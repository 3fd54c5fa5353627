//! Erasing what is known of a person, as somebody asks for it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::api::{Maybe, Told};
use super::asked::{self, Asked};
use super::look::Found;
use super::{Admin, unavailable};
use crate::clock::Timestamp;
use crate::id::EventId;
use crate::privacy::shape;
use crate::store::{Erase, Erased, Store, StoreError};

/// A number has so many digits, with its country or without.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=17;

shape! {
    /// Whose events are forgotten for good.
    pub(super) struct EraseAsked {
        /// In which this was sent: a whole phone number, an e-mail address, or another number or code of one person.
        value: Maybe<String>,
        /// These events.
        ids: Maybe<Vec<EventId>>,
        /// Only count them.
        dry_run: Maybe<bool>,
    }
}

told! {
    /// What is forgotten, or would be.
    pub(super) struct WasErased {
        /// Whether nothing was done.
        dry_run: bool,
        /// How many events.
        events: usize,
        /// How many deliveries of theirs.
        deliveries: usize,
        /// Of these, those that had not gone out: they do not any more.
        withdrawn: usize,
        /// Of those, the ones that were being sent at that moment: the provider may have them.
        under_way: usize,
        /// Results of steps that others would have used.
        remembered: usize,
    }
}

/// What is asked of lists, and told why it can't be said here.
const OF_LISTS: [&str; 8] = ["route", "connection", "source", "state", "since", "until", "identity", "lane"];

/// What can be said.
pub(super) fn known() -> Vec<&'static str> {
    EraseAsked::KEYS.iter().copied().chain(OF_LISTS).collect()
}

/// `POST /erase`
pub(super) async fn erase(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Response {
    let asked = match asked::posted(&headers, &body, &known()) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let erased = erased(&*admin.store, admin.clock.now(), &asked).await;
    // What stood behind what was withdrawn may go on.
    admin.live.now().set.connections.keys().for_each(|connection| (admin.wake)(connection));
    erased.map_or_else(unavailable, IntoResponse::into_response)
}

/// Erases what is meant, or only counts it.
pub(super) async fn erased(store: &dyn Store, now: Timestamp, asked: &Asked) -> Result<Found, StoreError> {
    if let Some(problem) = wrong(store, asked).await? {
        return Ok(Found::Wrong(problem));
    }
    let dry_run = asked.says("dry_run");
    let events = asked.events.clone().unwrap_or_default();
    let erased = store.erase(Erase { value: asked.value.clone(), events, at: now, dry_run }).await?;
    let Erased { events, deliveries, pending, under_way, remembered } = erased;
    if !dry_run {
        tracing::info!(events, deliveries, "what was known of a person is erased, as somebody asked");
    }
    Ok(Found::Json(WasErased { dry_run, events, deliveries, withdrawn: pending, under_way, remembered }.told()))
}

/// Why it can't be done, in words that tell nothing of whose it is.
async fn wrong(store: &dyn Store, asked: &Asked) -> Result<Option<String>, StoreError> {
    let other = asked.route.is_some() || asked.connection.is_some() || asked.source.is_some();
    let other = other || !asked.states.is_empty() || asked.since.is_some() || asked.until.is_some();
    let problem = match () {
        () if asked.deliveries.is_some() => "what is erased are events, with their deliveries: name them by `evt_…`",
        () if other || asked.identity.is_some() || asked.lane.is_some() => {
            "what is erased is said by a value, or by the ids of events, and by nothing else"
        }
        () if asked.value.is_none() && asked.events.is_none() => "say what is to be erased: a value, or ids of events",
        () if asked.value.as_deref().is_some_and(|value| !is_of_one_person(value)) => {
            "the value is a whole phone number, an e-mail address, or another number or code of one person: a name may be \
             many people's. Look for it with `jackfield events --value`, then name the events by `evt_…`"
        }
        () => "",
    };
    if !problem.is_empty() {
        return Ok(Some(problem.to_owned()));
    }
    for id in asked.events.iter().flatten() {
        if store.event(*id).await?.is_none() {
            return Ok(Some(format!("there is no event `{id}`")));
        }
    }
    Ok(None)
}

/// Whether a value can be known of one person alone.
fn is_of_one_person(value: &str) -> bool {
    let value = value.trim();
    let is_number = !value.contains(|c: char| c.is_alphabetic() || c == '@');
    match shape::numbers(value).as_slice() {
        [number] if is_number => DIGITS.contains(&number.digits.len()),
        _ if is_number => false,
        _ if !shape::addresses(value).is_empty() => !value.contains(char::is_whitespace),
        _ => value.len() >= 6 && value.contains(|c: char| c.is_ascii_digit()) && !value.contains(char::is_whitespace),
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_one_person;

    #[test]
    fn a_name_is_not_of_one_person() {
        for good in ["+55 (11) 99999-0000", "99999-0000", "ana@example.com", "CA81f93b2", " 123.456.789-09 "] {
            assert!(is_of_one_person(good), "{good}");
        }
        for bad in ["Ana", "Ana Souza", "0000", "999-0000", "", "***", "ana 4711 b", "a@b.co c@d.co", "1 --- 2"] {
            assert!(!is_of_one_person(bad), "{bad}");
        }
    }
}

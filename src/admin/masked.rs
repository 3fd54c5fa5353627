//! What of an event and of what was made of it is shown: not what `privacy` masks.

use serde_json::Value as Json;
use url::form_urlencoded;

use crate::event::RawRequest;
use crate::id::EventId;
use crate::payload::{self, Format};
use crate::privacy::{MASKED, Masks};
use crate::route::RouteSet;
use crate::source::Whole;
use crate::store::{Store, StoreError, StoredEvent};
use crate::value::{Value, json};

/// What is masked of an event's payload, and of what was made of it.
pub(super) fn masks(set: &RouteSet, event: &StoredEvent) -> Masks {
    let privacy = set.privacy_of(&event.source);
    if privacy.is_none() {
        return Masks::default();
    }
    let source = set.sources.get(&event.source);
    let read = source.and_then(|source| {
        let whole = source.whole(&event.raw).ok()?;
        source.restore(&whole, event.id, &event.raw, event.part, event.params.clone(), event.received_at)
    });
    privacy.masks(&read.map_or_else(|| unread(&event.raw), |event| event.payload))
}

/// The same of an event that is named, where anything is masked at all.
pub(super) async fn of_event(
    store: &dyn Store,
    set: Option<&RouteSet>,
    id: EventId,
) -> Result<Option<Masks>, StoreError> {
    let Some(set) = set.filter(|set| set.has_privacy()) else { return Ok(None) };
    Ok(store.event(id).await?.map(|story| masks(set, &story.event)))
}

/// The payload where its source does not read it.
fn unread(raw: &RawRequest) -> Value {
    payload::decode(raw, Format::AutoOfBody)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&raw.body).as_ref()))
}

/// A request as it is shown, with all its parts masked.
pub(super) fn request(set: &RouteSet, event: &StoredEvent) -> RawRequest {
    let raw = &*event.raw;
    let privacy = set.privacy_of(&event.source);
    if privacy.is_none() {
        return raw.clone();
    }
    let whole = set.sources.get(&event.source).and_then(|source| source.whole(raw).ok());
    let Whole { envelope, parts } = whole.unwrap_or_else(|| {
        let envelope = unread(raw);
        Whole { parts: vec![envelope.clone()], envelope }
    });
    let masks: Vec<Masks> = parts.iter().chain([&envelope]).map(|payload| privacy.masks(payload)).collect();
    let text = |text: &str| masks.iter().fold(text.to_owned(), |text, masks| masks.text(&text));
    RawRequest {
        method: raw.method.clone(),
        target: match raw.target.split_once('?') {
            Some((path, query)) => format!("{}?{}", text(path), pairs(query, &text)),
            None => text(&raw.target),
        },
        headers: raw.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        body: body(raw, &masks, &text),
    }
}

fn body(raw: &RawRequest, masks: &[Masks], text: &impl Fn(&str) -> String) -> Vec<u8> {
    if let Ok(value) = json::parse(&raw.body, &json::Limits::default()) {
        // What is said of a place is of the last, which is the whole.
        let value = masks.last().map_or_else(|| value.clone(), |masks| masks.payload(&value));
        return masks.iter().fold(value, |value, masks| masks.made(&value)).to_json().into_bytes();
    }
    match std::str::from_utf8(&raw.body) {
        Ok(body) if raw.content_type() == "application/x-www-form-urlencoded" => pairs(body, text).into_bytes(),
        Ok(body) => text(body).into_bytes(),
        // What can't be read can't be masked in part.
        Err(_) => MASKED.as_bytes().to_vec(),
    }
}

/// A form or a query with its values as they are shown; one of which nothing is masked stays as it came.
fn pairs(form: &str, text: &impl Fn(&str) -> String) -> String {
    let read: Vec<_> = form_urlencoded::parse(form.as_bytes()).collect();
    if read.iter().all(|(_, value)| text(value) == **value) {
        return form.to_owned();
    }
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(read.iter().map(|(key, value)| (key, text(value))))
        .finish()
}

/// What was made of a payload, as it is shown.
pub(super) fn made(masks: &Masks, made: &mut Json) {
    match made {
        Json::String(text) => *text = masks.text(text),
        Json::Number(number) => {
            let text = number.to_string();
            let shown = masks.text(&text);
            if shown != text {
                *made = shown.into();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| self::made(masks, item)),
        Json::Object(fields) => fields.values_mut().for_each(|field| self::made(masks, field)),
        Json::Null | Json::Bool(_) => {}
    }
}

//! Events as they stand in a list: without anything of their contents.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::story::{delivery_to, stored_problem};
use super::{Page, became};
use crate::admin::reason;
use crate::delivery::State;
use crate::store::{EventStory, StoreError, StoredAttempt, StoredEvent, StoredResult};

/// No request is looked through for more parts than these.
const MOST_PARTS: u32 = 256;
/// So many of them at a time.
const BATCH: u32 = 16;

/// Each of these events, in this order.
pub(super) async fn events(page: &Page, stories: &[EventStory]) -> Result<Vec<Json>, StoreError> {
    let tried = |story: &EventStory| became::worst(story).filter(|one| has_failed(one.state)).map(|one| one.seq);
    let asked = stories.iter().filter_map(tried).collect();
    let calls: HashMap<i64, StoredAttempt> = page.admin.store.last_calls(asked).await?.into_iter().collect();
    let (mut listed, mut parts) = (Vec::new(), HashMap::new());
    for story in stories {
        let parts = parts_of(page, &story.event, &mut parts).await?;
        let call = became::worst(story).filter(|one| has_failed(one.state)).and_then(|one| calls.get(&one.seq));
        listed.push(event(story, parts, call));
    }
    Ok(listed)
}

fn has_failed(state: State) -> bool {
    matches!(state, State::Dead | State::Held | State::Retrying)
}

fn event(story: &EventStory, parts: u32, call: Option<&StoredAttempt>) -> Json {
    let event = &story.event;
    let routes = became::current(story)
        .map(|outcome| json!({ "route": &*outcome.route, "result": became::result(&outcome.result) }));
    let deliveries = became::deliveries(story).map(|delivery| {
        json!({ "id": delivery.id.to_string(), "to": delivery_to(delivery), "state": delivery.state.word() })
    });
    let state = became::of(story);
    let reason = match (state, call) {
        ("failed", _) => failure(story),
        (_, Some(call)) => reason::of_answer(&call.answer),
        (_, None) => became::worst(story).and_then(|one| one.problem.as_deref()).map(message),
    };
    json!({
        "id": event.id.to_string(),
        "received_at": event.received_at.to_string(),
        "source": &*event.source,
        "part": event.part,
        "parts": parts,
        "state": state,
        "trouble": call.and_then(|call| call.trouble.as_deref()),
        "reason": reason,
        "routes": routes.collect::<Vec<_>>(),
        "deliveries": deliveries.collect::<Vec<_>>(),
    })
}

/// Why the first route that could make nothing of it could not.
fn failure(story: &EventStory) -> Option<String> {
    let problem = became::current(story).find_map(|outcome| match &outcome.result {
        StoredResult::Failed { problem } => Some(problem),
        _ => None,
    });
    problem.map(|problem| message(problem))
}

fn message(problem: &str) -> String {
    stored_problem(problem)["message"].as_str().unwrap_or_default().to_owned()
}

/// Requests by their source and the number of their first event.
type Requests = HashMap<(Arc<str>, i64), u32>;

/// How many events came in the same request; known of one, it is known of the others.
async fn parts_of(page: &Page, event: &StoredEvent, known: &mut Requests) -> Result<u32, StoreError> {
    let first = (event.source.clone(), event.seq - i64::from(event.part));
    if let Some(parts) = known.get(&first) {
        return Ok((*parts).max(event.part + 1));
    }
    let parts = parts(page, event).await?;
    known.insert(first, parts);
    Ok(parts)
}

/// How many events came in the same request. They lie side by side; a source that splits nothing has one in each.
async fn parts(page: &Page, event: &StoredEvent) -> Result<u32, StoreError> {
    let live = page.admin.live.now();
    let may_split = live.set.sources.get(&event.source).is_none_or(|source| source.split.is_some());
    let mut known = event.part + 1;
    while may_split && known < MOST_PARTS {
        let after = |next: u32| event.seq + i64::from(next - event.part);
        let next = page.admin.store.briefs((known..known + BATCH).map(after).collect()).await?;
        let is_part = |story: &&EventStory| {
            let other = &story.event;
            let is_of_it = other.source == event.source && other.received_at == event.received_at;
            is_of_it && i64::from(other.part) - i64::from(event.part) == other.seq - event.seq
        };
        let more = next.iter().take_while(is_part).count();
        known += u32::try_from(more).unwrap_or(0);
        if more < BATCH as usize {
            break;
        }
    }
    Ok(known)
}

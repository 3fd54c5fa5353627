//! What is meant, by where it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::Counted;
use crate::clock::Timestamp;
use crate::pack::Idempotency;
use crate::page::story::delivery_to;
use crate::page::{Page, became};
use crate::route::{Route, Send};
use crate::store::{EventStory, Filter, ReplayEvents, StoreError, StoredResult};

/// How many go to each place, and since when the oldest waits.
#[derive(Default)]
pub(super) struct Groups {
    /// By where they go, which events don't say, and by their route or source.
    all: BTreeMap<(Option<String>, Arc<str>), (u64, Timestamp)>,
    /// The route and its entry of each group that there still is.
    sends: Vec<(Arc<Route>, String)>,
}

impl Groups {
    pub async fn of(page: &Page, counted: &Counted) -> Result<Self, StoreError> {
        let mut groups = Groups::default();
        let deliveries: Vec<_> = counted.ids.iter().filter_map(|id| id.parse().ok()).collect();
        let events: Vec<_> = counted.ids.iter().filter_map(|id| id.parse().ok()).collect();
        let store = &page.admin.store;
        if !deliveries.is_empty() {
            let many = deliveries.len();
            let meant = Filter { ids: Some(deliveries), ..Filter::default() };
            for one in store.deliveries(meant, many).await? {
                groups.add(Some(delivery_to(&one)), one.route.clone(), one.created_at);
            }
        }
        if !events.is_empty() {
            let meant = ReplayEvents { limit: events.len(), ids: Some(events), ..ReplayEvents::default() };
            for story in store.briefs(store.chosen(meant).await?).await? {
                groups.add(None, group_of(&story), story.event.received_at);
            }
        }
        let set = page.admin.live.now();
        let known = groups.all.keys().filter_map(|(to, route)| Some((set.set.route(route)?.clone(), to.clone()?)));
        groups.sends = known.collect();
        Ok(groups)
    }

    fn add(&mut self, to: Option<String>, route: Arc<str>, at: Timestamp) {
        let group = self.all.entry((to, route)).or_insert((0, at));
        *group = (group.0 + 1, group.1.min(at));
    }

    /// The largest first.
    pub fn to_json(&self) -> Vec<Json> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let told = all.into_iter().map(|((to, route), (count, oldest))| {
            json!({ "to": to, "route": &**route, "count": count, "oldest": oldest.to_string() })
        });
        told.collect()
    }

    /// Whether each of the providers takes what it has already for the same.
    pub fn all_know_repetition(&self) -> bool {
        let knows = |send: &Send| matches!(send.operation.idempotency, Idempotency::Field(_) | Idempotency::Header(_));
        let is_known = |(route, to): &(Arc<Route>, String)| entries(route, to).any(knows);
        !self.sends.is_empty() && self.sends.len() == self.all.len() && self.sends.iter().all(is_known)
    }

    /// Whether any of them makes calls before its own.
    pub fn any_has_steps(&self) -> bool {
        let has = |(route, to): &(Arc<Route>, String)| {
            !route.lookup.is_empty()
                || entries(route, to).any(|send| !send.steps.is_empty() || send.operation.is_chain())
        };
        self.sends.iter().any(has)
    }
}

fn entries<'r>(route: &'r Route, to: &'r str) -> impl Iterator<Item = &'r Send> {
    route.sends.iter().filter(move |send| *send.to == *to)
}

/// An event is told by the route that could make nothing of it, by one that took it, or by its source.
fn group_of(story: &EventStory) -> Arc<str> {
    let failed = |result: &StoredResult| matches!(result, StoredResult::Failed { .. });
    let first = became::current(story).next();
    let failed = became::current(story).find(|outcome| failed(&outcome.result));
    failed.or(first).map_or_else(|| story.event.source.clone(), |outcome| outcome.route.clone())
}

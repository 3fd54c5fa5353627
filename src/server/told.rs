//! What the operator's address tells that only a running server knows: how connections stand, when a delivery goes out; and
//! the stories of events.

use std::sync::Arc;
use std::time::Duration;

use crate::admin;
use crate::clock::Timestamp;
use crate::dispatch::Outlook;
use crate::live::Live;
use crate::page::Stories;

/// How each connection of the live revision stands, as the operator sees it.
pub(super) fn connections(live: Live, outlook: Outlook) -> admin::Connections {
    Arc::new(move || {
        let stands = |name: &Arc<str>| {
            let stands = outlook.of(name);
            let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
            let stands = serde_json::json!({
                "ready": stands.ready,
                "under_way": stands.under_way,
                "down_since": at(stands.down.map(|(since, _)| since)),
                "refused_since": at(stands.refused.map(|(since, _)| since)),
                "asked_again": at(stands.down.or(stands.refused).map(|(_, until)| until)),
                "paused_until": at(stands.paused_until),
                "next": stands.next.to_string(),
            });
            (name.to_string(), stands)
        };
        live.now().set.connections.keys().map(stands).collect::<serde_json::Map<_, _>>().into()
    })
}

/// When a delivery goes out, and what of its connection it waits for, as the operator sees it.
pub(super) fn estimates(live: Live, outlook: Outlook) -> admin::Estimates {
    Arc::new(move |name, due, ahead| {
        let stands = outlook.of(name);
        // While nothing goes out, nobody knows when it does.
        let shut = stands.down.or(stands.refused);
        let at = shut.is_none().then(|| outlook.estimate(name, due, ahead));
        let revision = live.now();
        let connection = revision.set.connections.get(name);
        let limits = connection.map(|connection| connection.rate_limits.clone()).unwrap_or_default();
        let limit = |(requests, per): (u64, Duration)| serde_json::json!({ "requests": requests, "seconds": per.as_secs_f64() });
        serde_json::json!({
            "at": at.map(|at| at.to_string()),
            "seconds": at.map(|at| stands.now.until(at).as_secs()),
            "provider": connection.map(|connection| connection.pack.title.to_string()),
            "limits": limits.into_iter().map(limit).collect::<Vec<_>>(),
            "down_since": stands.down.map(|(since, _)| since.to_string()),
            "refused_since": stands.refused.map(|(since, _)| since.to_string()),
            "asked_again": shut.map(|(_, until)| until.to_string()),
            "paused_until": stands.paused_until.map(|until| until.to_string()),
        })
    })
}

/// Tells the stories of events.
pub(super) fn story(stories: Stories) -> admin::TellStory {
    let stories = Arc::new(stories);
    Arc::new(move |id| {
        let stories = stories.clone();
        Box::pin(async move { stories.of(id).await })
    })
}

//! What the operator asks the running server: its state, whether it is well, whether it is ready.

#[macro_use]
pub mod api;
mod asked;
mod contents;
mod deed;
mod deliveries;
mod erase;
mod events;
mod held;
mod look;
mod masked;
mod metrics;
pub mod reason;
mod replay;
mod shown;
mod status;
mod total;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;

use crate::client;
use crate::clock::{Clock, Timestamp};
use crate::figures::Figures;
use crate::id::EventId;
use crate::live::Live;
use crate::refusal::Tally;
use crate::reload::Reloads;
use crate::store::{Store, StoreError};

/// What the answers are made of.
#[derive(Clone)]
pub struct Admin {
    pub live: Live,
    pub store: Arc<dyn Store>,
    pub reloads: Reloads,
    pub clock: Clock,
    pub started_at: Timestamp,
    pub ready: Arc<AtomicBool>,
    pub tally: Arc<Tally>,
    pub figures: Arc<Figures>,
    /// The folder of the store.
    pub data: PathBuf,
    /// There may be work for this connection.
    pub wake: WakeConnection,
    /// Lets a connection try again at once, and says whether it waited for anything.
    pub nudge: NudgeConnection,
    /// There may be an event to route.
    pub accepted: Arc<Notify>,
    /// How each connection stands, as it is shown.
    pub connections: Connections,
    /// When a delivery goes out, as it is shown.
    pub estimates: Estimates,
    /// All that is known of an event, as it is shown.
    pub story: TellStory,
}

/// Tells the story of an event; nothing where there is no such event.
pub type TellStory = Arc<
    dyn Fn(EventId) -> Pin<Box<dyn Future<Output = Result<Option<serde_json::Value>, StoreError>> + Send>>
        + Send
        + Sync,
>;

/// Tells whoever delivers to a connection.
pub type WakeConnection = Arc<dyn Fn(&Arc<str>) + Send + Sync>;

/// Lets a connection try again.
pub type NudgeConnection = Arc<dyn Fn(&Arc<str>) -> bool + Send + Sync>;

/// Says how each connection stands.
pub type Connections = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Says when a delivery of a connection goes out that is due then and has so many others before it.
pub type Estimates = Arc<dyn Fn(&Arc<str>, Option<Timestamp>, u64) -> serde_json::Value + Send + Sync>;

pub use deed::{Deed, asked_for, deed};
pub use held::decide;
pub use look::look;
pub use shown::Story;
pub use status::status;

/// Every address, as the table of [`api`] has them.
pub fn router(admin: Admin) -> Router {
    let (mut private, mut open) = (Router::new(), Router::new());
    for operation in api::operations() {
        let router = if operation.is_private { &mut private } else { &mut open };
        *router = std::mem::take(router).route(operation.path, operation.serve);
    }
    private.layer(from_fn(events::only_by_address)).merge(open).with_state(admin)
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let unavailable = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    match (admin.ready.load(Ordering::Relaxed), admin.store.trouble()) {
        (false, _) => unavailable("not ready\n".to_owned()),
        (true, Some(trouble)) => unavailable(format!("not ready: {trouble}\n")),
        (true, None) => "ready\n".into_response(),
    }
}

/// When to ask again, in seconds, where only too many ask at the moment.
pub(crate) const ASK_AGAIN: &str = "1";

fn unavailable(error: StoreError) -> Response {
    if error == StoreError::Busy {
        let why = "too many look at the store at the moment: ask again in a second\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, ASK_AGAIN)], why).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
}

/// What a running server answers at a path of its address: the status and the body; nothing when none answers.
pub async fn get_from(base: &str, path: &str) -> Option<(u16, Vec<u8>)> {
    let client = client::builder().no_proxy().build().ok()?;
    let answer = client.get(format!("{base}{path}")).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.bytes().await.ok()?.into()))
}

/// What a running server answers to some JSON at a path of its address: the status and the body; nothing when none answers.
pub async fn post_to(base: &str, path: &str, body: String) -> Option<(u16, Vec<u8>)> {
    let client = client::builder().no_proxy().build().ok()?;
    let request = client.post(format!("{base}{path}")).header("content-type", "application/json").body(body);
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.bytes().await.ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_when_too_many_do_is_told_when_to_ask_again() {
        let again = |error| {
            let answer = unavailable(error);
            let again =
                answer.headers().get(header::RETRY_AFTER).and_then(|again| again.to_str().ok().map(str::to_owned));
            (answer.status().as_u16(), again)
        };
        assert_eq!(again(StoreError::Busy), (503, Some("1".to_owned())));
        assert_eq!(again(StoreError::Closed), (503, None));
    }
}

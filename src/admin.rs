//! What the operator asks the running server: its state, whether it is well, whether it is ready.

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
mod total;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Notify;

use crate::client;
use crate::clock::{Clock, Timestamp};
use crate::delivery;
use crate::figures::Figures;
use crate::live::Live;
use crate::refusal::Tally;
use crate::reload::Reloads;
use crate::store::Store;

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
}

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

/// The addresses: `/status`, `/events`, `/deliveries`, `/dead-letters`, `/replay`, `/release`, `/dismiss`, `/erase`, `/metrics`,
/// `/healthz`, `/readyz`.
pub fn router(admin: Admin) -> Router {
    let told = Router::new()
        .route("/status", get(status))
        .route("/events", get(look::at))
        .route("/events/{id}/request", get(look::at))
        .route("/deliveries", get(look::at))
        .route("/deliveries/{id}", get(deliveries::one))
        .route("/dead-letters", get(look::at))
        .route("/replay", post(replay::replay))
        .route("/release", post(held::release))
        .route("/dismiss", post(held::dismiss))
        .route("/erase", post(erase::erase))
        .layer(from_fn(events::only_by_address));
    Router::new()
        .merge(told)
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let unavailable = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    match (admin.ready.load(Ordering::Relaxed), admin.store.trouble()) {
        (false, _) => unavailable("not ready\n".to_owned()),
        (true, Some(trouble)) => unavailable(format!("not ready: {trouble}\n")),
        (true, None) => "ready\n".into_response(),
    }
}

/// The state of the server, as JSON.
pub async fn status(State(admin): State<Admin>) -> Response {
    let revision = admin.live.now();
    let counts = match admin.store.counts().await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::error!(%error, "the store does not count");
            return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response();
        }
    };
    let deliveries: serde_json::Map<String, serde_json::Value> = delivery::State::ALL
        .into_iter()
        .map(|state| (state.word().to_owned(), counts.deliveries(state).into()))
        .collect();
    let routes: Vec<&str> = revision.set.all_routes().map(|route| &*route.name).collect();
    let refused: serde_json::Map<String, serde_json::Value> =
        admin.tally.counts().map(|(reason, count)| (reason.word().to_owned(), count.into())).collect();
    let body = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": admin.started_at.to_string(),
        "revision": &*revision.set.revision,
        "routes": routes,
        "events": { "accepted": counts.events, "unrouted": counts.unrouted, "unmatched": counts.unmatched,
            "failed": counts.failed, "duplicates": counts.duplicates },
        "requests": { "handshakes": admin.tally.handshakes(), "refused": refused },
        "deliveries": deliveries,
        "connections": (admin.connections)(),
        "waiting": { "behind_their_lane": counts.parked, "until_later": counts.later },
        "store": { "problem": admin.store.trouble().map(|trouble| trouble.to_string()) },
        "reloads": admin.reloads.to_json(),
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n")).into_response()
}

fn unavailable() -> Response {
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

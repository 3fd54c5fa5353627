//! The first view: how all goes, and what needs a person.

mod need;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value as Json, json};

use super::connections::Health;
use super::standing::Stand;
use super::{Asked, Page, problem};
use crate::clock::Timestamp;
use crate::delivery;
use crate::figures::{Bar, Window};

/// No view shows more problems of the files.
const PROBLEMS: usize = 50;

pub(super) fn router() -> Router<Page> {
    Router::new().route("/", get(overview))
}

async fn overview(State(page): State<Page>, asked: Asked) -> Response {
    let window = asked.query().get("window").and_then(Window::from_word).unwrap_or(Window::Day);
    match page.stand().await {
        Ok(stand) => page.show(&asked, "overview.html", "overview", view(&page, &stand, window)),
        Err(error) => page.not_told(&asked, error),
    }
}

fn view(page: &Page, stand: &Stand, window: Window) -> Json {
    let now = page.admin.clock.now();
    let health = Health::of_all(page, stand, window);
    let reload = page.admin.reloads.to_json();
    let bars = page.admin.figures.bars(window, now);
    json!({
        "windows": Window::ALL.map(Window::word),
        "window": window.word(),
        "started_at": page.admin.started_at.to_string(),
        "needs": need::all(page, stand, &health, &reload["last"]),
        "figures": figures(page, stand, window, now),
        "most_in_bar": bars.iter().map(|bar| bar.received.max(bar.failed)).max().unwrap_or(0),
        "bars": bars.iter().map(shown).collect::<Vec<_>>(),
        "connections": health.iter().map(Health::brief).collect::<Vec<_>>(),
        "reload": last_reload(&reload["last"]),
    })
}

fn shown(bar: &Bar) -> Json {
    json!({ "at": bar.at.to_string(), "received": bar.received, "failed": bar.failed })
}

fn figures(page: &Page, stand: &Stand, window: Window, now: Timestamp) -> Json {
    let all = page.admin.figures.all(window, now);
    let (backlog, oldest) = stand.waiting();
    let per_minute = f64::from(all.counts.received) / f64::from(window.minutes());
    json!({
        "received": all.counts.received,
        "per_minute": per_minute,
        "delivered": all.counts.delivered,
        "success": all.success(),
        "backlog": backlog,
        "oldest": oldest.map(|at| at.to_string()),
        "latency": all.latency.map(|latency| json!({ "half_ms": latency.half_ms, "most_ms": latency.most_ms })),
        "given_up": all.counts.dead,
        "kept": stand.counts.deliveries(delivery::State::Dead),
        "held": stand.counts.deliveries(delivery::State::Held),
    })
}

/// The last change of the files, or nothing where none has changed.
fn last_reload(last: &Json) -> Option<Json> {
    let problems = last["problems"].as_array()?;
    let problems: Vec<Json> = problems.iter().take(PROBLEMS).map(problem::linked).collect();
    Some(json!({ "at": last["at"], "taken": last["taken"], "problems": problems }))
}

//! What `serve --sandbox` shows: where it listens, how to send a first request, and each delivery as it happens.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::cli::terminal::{DIM, GREEN, RED, line, paint};
use crate::compile::Compiled;
use crate::delivery::State;
use crate::dispatch::Report;
use crate::event::{RawRequest, capture};
use crate::load;

/// A sample that can be sent, with the route that takes it.
pub(super) struct Invitation {
    route: String,
    raw: RawRequest,
}

/// The shortest sample of a test that makes a request: it fits on a line.
pub(super) fn invitation(compiled: &Compiled, root: &Path) -> Option<Invitation> {
    let sendable = compiled.tests.iter().filter(|test| !test.expected.is_empty());
    let samples = sendable.filter_map(|test| {
        let raw = capture::parse(&load::read_inside(root, &test.request).ok()?).ok()?;
        let on_a_line = std::str::from_utf8(&raw.body).is_ok_and(|body| !body.contains(['\n', '\'']));
        (on_a_line && raw.target != "/").then(|| Invitation { route: test.route.to_string(), raw })
    });
    samples.min_by_key(|invitation| invitation.raw.body.len())
}

/// Shows how to send the sample.
pub(super) fn invite(invitation: Option<Invitation>, listen: SocketAddr) {
    let Some(Invitation { route, raw }) = invitation else { return };
    line("");
    line(format!("Send a captured request through the route {route}:"));
    line("");
    line(format!("  {}", curl(&raw, listen)));
    line("");
    line("Change a file in routes/ and save it: it goes live when it is good. Ctrl-C stops.");
    line("");
}

fn curl(raw: &RawRequest, listen: SocketAddr) -> String {
    const OWN: &[&str] = &["host", "content-length", "connection", "accept", "accept-encoding", "user-agent"];
    let headers = raw.headers.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let headers: String = headers.map(|(name, value)| format!(" -H '{name}: {value}'")).collect();
    let body = String::from_utf8_lossy(&raw.body);
    format!("curl -X {} 'http://{listen}{}'{headers} --data-raw '{body}'", raw.method, raw.target)
}

/// Shows where the stand-ins are.
pub(super) fn sandbox(listener: &TcpListener) {
    if let Ok(address) = listener.local_addr() {
        line(format!("sandbox on   http://{address}  (what it received: /_sandbox/requests)"));
    }
}

/// Shows each delivery as it happens.
pub(super) fn deliveries(mut reports: Receiver<Report>) {
    tokio::spawn(async move {
        loop {
            match reports.recv().await {
                Ok(report) => line(row(&report)),
                Err(RecvError::Lagged(missed)) => line(format!("… and {missed} more")),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn row(report: &Report) -> String {
    let color = match report.state {
        State::Delivered | State::Accepted => GREEN,
        State::Dead => RED,
        _ => DIM,
    };
    let word = if report.state == State::Leased { "step" } else { report.state.word() };
    let state = paint(color, &format!("{word:<9}"));
    let status = report.status.map_or_else(|| report.result.to_owned(), |status| status.to_string());
    let at = report.at.to_string();
    let time = at.get(11..19).unwrap_or_default();
    let again = match report.due {
        Some(due) => format!(", again in {} s", report.at.until(due).as_secs()),
        None => String::new(),
    };
    format!(
        "{time} {state} {} -> {}  {status} in {} ms{again}  {}",
        report.route, report.to, report.took_ms, report.event
    )
}

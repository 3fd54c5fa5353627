//! The socket that senders connect to.

use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::GRACE;
use super::stall::Stalling;
use crate::ingress::{Gauge, Guard, Ingress, NO_PLACE};
use crate::refusal::Reason;

/// How long a sender may take for the headers of a request, and how long a connection may rest between two.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a sender may take nothing of its answers.
const STALL: Duration = Duration::from_secs(30);
/// How many connections are told at once that there is no place for them; further ones are closed without a word.
const TURNED_AWAY: usize = 64;
/// How long such a connection may take to hear it.
const PARTING: Duration = Duration::from_secs(1);
/// How long the listener rests after the machine had no more sockets to give.
const REST: Duration = Duration::from_millis(50);

/// Takes connections until the server stops, then lets the requests under way end.
pub(super) async fn receive(listener: TcpListener, ingress: Ingress, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let turned_away = Gauge::new(TURNED_AWAY);
    let guard = ingress.guard.clone();
    let began = Instant::now();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "a connection could not be taken");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Some(place) = guard.connections.take(1) else {
            tell(&guard, began.elapsed().as_secs());
            if let Some(place) = turned_away.take(1) {
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(PARTING, turn_away(stream)).await;
                    drop(place);
                });
            }
            continue;
        };
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let ingress = ingress.clone();
        let service = service_fn(move |request| ingress.clone().handle(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // A sender may say that nothing more comes before it has its answer.
            .half_close(true)
            .header_read_timeout(HEADERS)
            .max_headers(guard.most.headers.saturating_add(BEYOND))
            .max_buf_size(guard.most.header_bytes.saturating_add(BUFFER))
            .serve_connection(TokioIo::new(Stalling::new(stream, STALL)), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // A peer that breaks off is the peer's business.
            let _ = watched.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

/// What is a little over the limits for headers gets an answer with a code; what is far over them is cut off by 431 alone.
const BEYOND: usize = 100;
const BUFFER: usize = 8 << 10;

fn tell(guard: &Guard, second: u64) {
    guard.tally.refused(Reason::TooManyConnections);
    if guard.tally.is_news(Reason::TooManyConnections, second) {
        tracing::warn!(most = guard.most.connections, "there are too many connections; further ones are turned away");
    }
}

/// Says that there is no place, and waits a little for the other side to have read it: closing at once would take the
/// answer away from whoever is still sending.
async fn turn_away(mut stream: TcpStream) {
    if stream.write_all(NO_PLACE.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

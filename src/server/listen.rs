//! The sockets that senders and the operator connect to: who has a place there, and for how long without bringing anything.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::GRACE;
use super::stall::Stalling;
use crate::ingress::{Gauge, Guard, Ingress, NO_PLACE, Place, Places};
use crate::refusal::Reason;

/// How long a sender may take for the headers of a request, and how long a connection may rest between two.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a sender may take nothing of its answers.
const STALL: Duration = Duration::from_secs(30);
/// How many connections are told at once that there is no place for them, or heard out after a refusal; further ones are
/// closed without a word.
const TURNED_AWAY: usize = 256;
/// How long such a connection may take to hear it.
const PARTING: Duration = Duration::from_secs(1);
/// How long the listener rests after the machine had no more sockets to give.
const REST: Duration = Duration::from_millis(50);

/// A socket, and what may come in by it.
pub(super) struct Door {
    pub listener: TcpListener,
    pub places: Arc<Places>,
    /// Headers of one request, and how many bytes they may have.
    pub headers: usize,
    pub header_bytes: usize,
    /// Told of what can't be read as a request.
    pub not_read: Arc<dyn Fn(Reason) + Send + Sync>,
}

/// What becomes of a connection that is not simply closed.
enum Parting {
    /// It is told that there is no place.
    Told,
    /// It has its answer; what it still sends is read, since a reset would take the answer away.
    Heard,
}

/// Takes the connections of senders until the server stops, then lets the requests under way end.
pub(super) async fn receive(listener: TcpListener, ingress: Ingress, stopped: watch::Receiver<bool>) {
    let guard = ingress.guard.clone();
    let reader = ingress.clone();
    let door = Door {
        not_read: Arc::new(move |reason| reader.not_read(reason)),
        listener,
        places: guard.connections.clone(),
        headers: guard.most.head.headers.saturating_add(BEYOND),
        header_bytes: guard.most.head.bytes.saturating_add(BUFFER),
    };
    let began = Instant::now();
    let serve = |place: Arc<Place>| {
        let ingress = ingress.clone();
        service_fn(move |request| ingress.clone().handle(request, place.clone()))
    };
    door.open(stopped, serve, || tell(&guard, began.elapsed().as_secs())).await;
}

/// What is a little over the limits for headers gets an answer with a code; what is far over them is cut off by 431 alone.
const BEYOND: usize = 100;
const BUFFER: usize = 8 << 10;

type Trouble = Box<dyn Error + Send + Sync>;

impl Door {
    /// Lets in whoever comes, each served as `serve` says, until the server stops. `is_crowded` is told of each that found no
    /// place, or one only because another was sent away.
    pub(super) async fn open<S, B>(
        self,
        mut stopped: watch::Receiver<bool>,
        serve: impl Fn(Arc<Place>) -> S,
        is_crowded: impl Fn(),
    ) where
        S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Trouble>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Trouble>,
    {
        let graceful = GracefulShutdown::new();
        let turned_away = Gauge::new(TURNED_AWAY);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(kind = %error.kind(), "a connection could not be taken");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            self.places.can_be_made().await;
            let seated = self.places.take(peer.ip());
            if seated.as_ref().is_none_or(|seated| seated.is_crowded) {
                is_crowded();
            }
            match seated {
                Some(seated) => {
                    let service = serve(seated.place.clone());
                    self.let_in(stream, &graceful, service, seated.place, turned_away.clone());
                }
                None => part(stream, &turned_away, NO_PLACE.as_bytes()),
            }
        }
        drop(self.listener);
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }

    fn let_in<S, B>(
        &self,
        stream: TcpStream,
        graceful: &GracefulShutdown,
        service: S,
        place: Arc<Place>,
        leaving: Arc<Gauge>,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Trouble>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Trouble>,
    {
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let parting = Arc::new(OnceLock::new());
        let stream = Stalling::new(stream, STALL).and_at_last(last_word(parting.clone(), leaving));
        let not_read = self.not_read.clone();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // A sender may say that nothing more comes before it has its answer.
            .half_close(true)
            .header_read_timeout(HEADERS)
            .max_headers(self.headers)
            .max_buf_size(self.header_bytes)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::pin!(watched);
            tokio::select! {
                // A peer that breaks off is the peer's business.
                ended = &mut watched => if let Some(reason) = ended.err().as_ref().and_then(unreadable) {
                    not_read(reason);
                    let _ = parting.set(Parting::Heard);
                },
                is_arriving = place.is_lost() => if is_arriving {
                    let _ = parting.set(Parting::Told);
                },
            }
        });
    }
}

/// Why a connection ended that brought no request which can be read; it was answered without a body.
fn unreadable(error: &hyper::Error) -> Option<Reason> {
    match (error.is_parse_too_large(), error.is_parse()) {
        (true, _) => Some(Reason::HeadersTooLarge),
        (false, true) => Some(Reason::MalformedRequest),
        (false, false) => None,
    }
}

/// What a connection is told that has to go in the middle of a request; one that rests is closed without a word.
fn last_word(parting: Arc<OnceLock<Parting>>, leaving: Arc<Gauge>) -> impl FnOnce(TcpStream) + Send + Sync {
    move |stream| match parting.get() {
        Some(Parting::Told) => part(stream, &leaving, NO_PLACE.as_bytes()),
        Some(Parting::Heard) => part(stream, &leaving, b""),
        None => {}
    }
}

fn tell(guard: &Guard, second: u64) {
    guard.tally.refused(Reason::TooManyConnections);
    if guard.tally.is_news(Reason::TooManyConnections, second) {
        tracing::warn!(
            most = guard.most.connections,
            "there are too many connections; for each that comes, one is closed that has brought nothing for longest"
        );
    }
}

/// Closes a connection with these words, beside the others.
fn part(stream: TcpStream, leaving: &Arc<Gauge>, words: &'static [u8]) {
    let Some((place, runtime)) = leaving.take(1).zip(Handle::try_current().ok()) else {
        let _ = stream.try_write(words);
        return;
    };
    runtime.spawn(async move {
        let _ = tokio::time::timeout(PARTING, say(stream, words)).await;
        drop(place);
    });
}

/// Says the last words, and waits a little for the other side to have read them: closing at once would take the answer away
/// from whoever is still sending.
async fn say(mut stream: TcpStream, words: &[u8]) {
    if stream.write_all(words).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

//! Receiving: limit, verify, decode, store, and only then answer.

mod answer;
mod arrival;
mod body;
mod gauge;
mod guard;
mod paths;
mod places;
mod rates;
mod turns;

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::event::RawRequest;
use crate::figures::Figures;
use crate::live::{Live, Revision};
use crate::refusal::Reason;
use crate::route::Lookup;
use crate::source::{NotTaken, Source};
use crate::span::Spans;
use crate::store::Store;
use crate::value::Value;
use crate::verify::Context;
use answer::Refusal;
use arrival::Arrival;
pub use gauge::{Gauge, Taken};
pub use guard::{Guard, Most};
pub use paths::KnownPaths;
pub use places::{Place, Places};
use rates::Counted;
pub use rates::Rates;

/// Takes requests and turns them into events on disk.
#[derive(Clone)]
pub struct Ingress {
    pub live: Live,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    /// Wakes whoever routes.
    pub accepted: Arc<Notify>,
    /// Every path that was ever served: some senders unsubscribe on a 404.
    pub known_paths: KnownPaths,
    /// How fast each source is sent to.
    pub rates: Rates,
    /// What is taken on at once.
    pub guard: Guard,
    pub figures: Arc<Figures>,
    pub spans: Spans,
}

impl Ingress {
    /// Answers one request. Whatever it is, there is an answer.
    pub async fn handle(
        self,
        request: Request<Incoming>,
        place: Arc<Place>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        place.reads();
        let answer = self.receive(request, &place).await.unwrap_or_else(|refusal| self.refuse(refusal, &path));
        place.rests(!answer.status().is_client_error() && !answer.status().is_server_error());
        Ok(answer)
    }

    fn refuse(&self, refusal: Refusal, path: &str) -> Response<Full<Bytes>> {
        match &refusal.source {
            Some(source) => self.guard.tally.refused_by(source, refusal.reason, self.clock.now()),
            None => self.guard.tally.refused(refusal.reason),
        }
        let second = STARTED.elapsed().as_secs();
        // What the store says itself is told where it happens.
        if refusal.reason != Reason::StoreUnavailable
            && let Some(others) = self.guard.tally.to_show(refusal.reason, refusal.source.as_ref(), second)
        {
            refusal.log(&self.known_paths.shown(&self.live.now().set.prefix, path), others);
        }
        refusal.into_response()
    }

    async fn receive(&self, request: Request<Incoming>, place: &Place) -> Result<Response<Full<Bytes>>, Refusal> {
        let uri = request.uri();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        self.guard.check_head(target, request.headers()).map_err(|_| Refusal::headers_too_large())?;
        // Whoever is in between might have read the other one.
        if request.headers().get_all(header::HOST).iter().count() > 1 {
            return Err(Refusal::two_hosts());
        }
        let revision = self.live.now();
        let (source, params) = self.find(&revision, request.method().as_str(), uri.path())?;
        let answer = self.take(request, &revision, &source, params, place).await;
        answer.map_err(|refusal| refusal.of(&source))
    }

    /// Answers a request for a source, within what the source and the server take on.
    async fn take(
        &self,
        request: Request<Incoming>,
        revision: &Revision,
        source: &Source,
        params: Value,
        place: &Place,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        let (head, mut incoming) = request.into_parts();
        let mut held = self.guard.bodies.take(0).ok_or_else(Refusal::overloaded)?;
        let raw = Arc::new(without_body(&head));
        let taken = match self.count(
            source.context(&raw, &params, &revision.set.public_url, self.clock.now()),
            source,
            place,
        ) {
            Ok(counted) => {
                body::read(&mut incoming, &head.headers, source.limits, &mut held).await.map(|body| (counted, body))
            }
            Err(refusal) => Err(refusal),
        };
        let (counted, body) = match taken {
            Ok(taken) => taken,
            Err(refusal) => {
                // Whoever waits to be told to send its body is told to go by the answer alone.
                let is_waiting = head.headers.contains_key(header::EXPECT);
                if refusal.reason != Reason::BodyTooSlow && !is_waiting && !incoming.is_end_stream() {
                    tokio::spawn(body::drain(incoming));
                }
                return Err(refusal);
            }
        };
        let raw = Arc::new(RawRequest { body, ..Arc::unwrap_or_clone(raw) });
        place.works();
        // A slow body takes no place of those that are worked on.
        let _place = self.guard.requests.take(1).ok_or_else(Refusal::overloaded)?;
        let until = Instant::now() + arrival::IN_TIME;
        let (at, peer) = (self.clock.now(), place.peer);
        Arrival { ingress: self, revision, source, raw, params, at, peer, counted, until }.answer().await
    }

    /// Counts a request by its head: what proves itself there, or fails to, takes nothing of what strangers may send.
    fn count(&self, head: Context<'_>, source: &Source, place: &Place) -> Result<Counted, Refusal> {
        let is_first = source.is_proved_first(&head.raw.method);
        let counted = match source.verify.by_head(&head) {
            Some(Err(error)) if is_first => return Err(Refusal::not_taken(NotTaken::Unproved(error), source)),
            Some(Ok(())) if is_first => {
                self.rates.proved(source, place.peer, Counted::Nothing).map(|()| Counted::Proved)
            }
            Some(Ok(())) => Ok(Counted::Nothing),
            _ => self.rates.arrived(source, place.peer).map(|()| Counted::Unproved),
        };
        counted.map_err(Refusal::too_many)
    }

    /// Counts and logs what could not be read as a request, and got an answer without a body.
    pub fn not_read(&self, reason: Reason) {
        let refusal =
            if reason == Reason::HeadersTooLarge { Refusal::headers_too_large() } else { Refusal::malformed() };
        self.guard.tally.refused(refusal.reason);
        if let Some(others) = self.guard.tally.to_show(refusal.reason, None, STARTED.elapsed().as_secs()) {
            refusal.log("(not read)", others);
        }
    }

    fn find(&self, revision: &Revision, method: &str, path: &str) -> Result<(Arc<Source>, Value), Refusal> {
        let path = revision.set.under(path).ok_or_else(Refusal::not_found)?;
        match revision.set.find(method, path) {
            Lookup::Found(source, params) => Ok((source, params)),
            Lookup::WrongMethod(methods) => Err(Refusal::wrong_method(&methods)),
            Lookup::Nothing if self.known_paths.contains(path) => Err(Refusal::gone_for_now()),
            Lookup::Nothing => Err(Refusal::not_found()),
        }
    }
}

/// A request as far as its head goes.
fn without_body(head: &Parts) -> RawRequest {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    RawRequest { method: head.method.to_string(), target, headers, body: Vec::new() }
}

/// What a connection is told for which there is no place.
pub static NO_PLACE: LazyLock<String> = LazyLock::new(answer::no_place);

/// From when on the log counts time.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

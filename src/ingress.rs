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
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::event::RawRequest;
use crate::live::{Live, Revision};
use crate::refusal::Reason;
use crate::route::Lookup;
use crate::source::Source;
use crate::store::Store;
use crate::value::Value;
use answer::Refusal;
use arrival::Arrival;
pub use gauge::{Gauge, Taken};
pub use guard::{Guard, Most};
pub use paths::KnownPaths;
pub use places::{Place, Places};
pub use rates::Rates;

/// What every path of a source begins with.
pub const PREFIX: &str = "/hooks";

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
        self.guard.tally.refused(refusal.reason);
        let second = STARTED.elapsed().as_secs();
        // What the store says itself is told where it happens.
        if refusal.reason != Reason::StoreUnavailable
            && let Some(others) = self.guard.tally.to_show(refusal.reason, refusal.source.as_ref(), second)
        {
            refusal.log(&self.known_paths.shown(path), others);
        }
        refusal.into_response()
    }

    async fn receive(&self, request: Request<Incoming>, place: &Place) -> Result<Response<Full<Bytes>>, Refusal> {
        let uri = request.uri();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        self.guard.check_head(target, request.headers()).map_err(|_| Refusal::headers_too_large())?;
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
        let raw = match self.read(&head, &mut incoming, source, &mut held).await {
            Ok(raw) => Arc::new(raw),
            Err(refusal) => {
                if refusal.reason != Reason::BodyTooSlow && !incoming.is_end_stream() {
                    tokio::spawn(body::drain(incoming));
                }
                return Err(refusal);
            }
        };
        place.works();
        // A slow body takes no place of those that are worked on.
        let _place = self.guard.requests.take(1).ok_or_else(Refusal::overloaded)?;
        let until = Instant::now() + arrival::IN_TIME;
        Arrival { ingress: self, revision, source, raw, params, at: self.clock.now(), until }.answer().await
    }

    async fn read(
        &self,
        head: &Parts,
        incoming: &mut Incoming,
        source: &Source,
        held: &mut Taken,
    ) -> Result<RawRequest, Refusal> {
        self.rates.arrived(source).map_err(Refusal::too_many)?;
        let body = body::read(incoming, &head.headers, source.limits, held).await?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(RawRequest { method: head.method.to_string(), target, headers, body })
    }

    fn find(&self, revision: &Revision, method: &str, path: &str) -> Result<(Arc<Source>, Value), Refusal> {
        let Some(path) = path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
            return Err(Refusal::not_found());
        };
        match revision.set.find(method, path) {
            Lookup::Found(source, params) => Ok((source, params)),
            Lookup::WrongMethod(methods) => Err(Refusal::wrong_method(&methods)),
            Lookup::Nothing if self.known_paths.contains(path) => Err(Refusal::gone_for_now()),
            Lookup::Nothing => Err(Refusal::not_found()),
        }
    }
}

/// What a connection is told for which there is no place.
pub static NO_PLACE: LazyLock<String> = LazyLock::new(answer::no_place);

/// From when on the log counts time.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

//! Receiving: limit, verify, decode, store, and only then answer.

mod answer;
mod body;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::event::{Event, RawRequest, Verified};
use crate::id::EventId;
use crate::live::Live;
use crate::route::Lookup;
use crate::source::Source;
use crate::store::{NewEvents, Store};
use crate::value::Value;
use crate::verify::Context;
use answer::Refusal;

/// What every path of a source begins with.
pub const PREFIX: &str = "/hooks";

/// Takes requests and turns them into events on disk.
#[derive(Clone)]
pub struct Ingress {
    pub live: Live,
    pub store: Store,
    pub clock: Clock,
    /// Wakes whoever routes.
    pub accepted: Arc<Notify>,
    /// Every path that was ever served: some senders unsubscribe on a 404.
    pub known_paths: KnownPaths,
}

/// The paths that were ever served.
#[derive(Clone, Debug, Default)]
pub struct KnownPaths(Arc<RwLock<BTreeSet<String>>>);

impl KnownPaths {
    /// Adds paths; those that are new are returned.
    pub fn add(&self, paths: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        paths.into_iter().filter(|path| known.insert(path.clone())).collect()
    }

    /// Whether a request's path is one of them, `{named}` segments taking any text.
    fn contains(&self, path: &str) -> bool {
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        known.iter().any(|pattern| fits(pattern, path))
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == found || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

impl Ingress {
    /// Answers one request. Whatever it is, there is an answer.
    pub async fn handle(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let response = match self.receive(request).await {
            Ok(response) => response,
            Err(refusal) => {
                refusal.log(&path);
                refusal.into_response()
            }
        };
        Ok(response)
    }

    async fn receive(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Refusal> {
        let (source, params) = self.find(request.method(), request.uri().path())?;
        let refused = |refusal: Refusal| refusal.of(&source.name);
        let raw = Arc::new(self.read(request, &source).await.map_err(refused)?);
        let revision = self.live.now();
        let now = self.clock.now();
        let context = Context { public_url: &revision.set.public_url, now, format: source.format, params: &params };
        let verified = source.verify.verify(raw, &context).map_err(|error| refused(Refusal::verification(&error)))?;
        let (verified, params) = verified.without_credentials(&source.verify, params.clone());
        let events = source.events(&verified, params.clone(), now).map_err(|error| refused(Refusal::decode(&error)))?;
        let first = self.accept(&source, &verified, params, &events).await.map_err(refused)?;
        Ok(answer::accepted(&source.reply, first))
    }

    fn find(&self, method: &Method, path: &str) -> Result<(Arc<Source>, Value), Refusal> {
        let Some(path) = path.strip_prefix(PREFIX).filter(|rest| rest.starts_with('/')) else {
            return Err(Refusal::not_found());
        };
        match self.live.now().set.find(method.as_str(), path) {
            Lookup::Found(source, params) => Ok((source, params)),
            Lookup::WrongMethod(methods) => Err(Refusal::wrong_method(&methods)),
            Lookup::Nothing if self.known_paths.contains(path) => Err(Refusal::gone_for_now()),
            Lookup::Nothing => Err(Refusal::not_found()),
        }
    }

    async fn read(&self, request: Request<Incoming>, source: &Source) -> Result<RawRequest, Refusal> {
        let (head, incoming) = request.into_parts();
        let body = body::read(incoming, &head.headers, source.limits).await?;
        let headers = head.headers.iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(RawRequest { method: head.method.to_string(), target: target.to_owned(), headers: headers.collect(), body })
    }

    /// Writes the events to disk. Whoever routes is told; should the sender break off before that, it looks by itself.
    async fn accept(
        &self,
        source: &Source,
        verified: &Verified,
        params: Value,
        events: &[Event],
    ) -> Result<EventId, Refusal> {
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        let first = ids.first().copied().unwrap_or_default();
        let received_at = events.first().map_or_else(|| self.clock.now(), |event| event.received_at);
        let new = NewEvents { source: source.name.clone(), received_at, raw: verified.raw().clone(), params, ids };
        self.store.accept(new).await.map_err(|error| {
            tracing::error!(%error, "the store did not take an event; its sender is told to try again");
            Refusal::store()
        })?;
        self.accepted.notify_one();
        Ok(first)
    }
}

/// How long a sender is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(5);

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn named_segments_take_any_text() {
        assert!(fits("/calls/{line}", "/calls/7"));
        assert!(!fits("/calls/{line}", "/calls"));
        assert!(!fits("/calls/{line}", "/calls/7/8"));
        assert!(!fits("/form", "/other"));
    }
}

//! The addresses of the operator and of the page: few connections, small requests that are there soon, and answers that
//! nobody keeps.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::listen::Door;
use crate::ingress::{Place, Places};

/// What may come in at one of these addresses.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    /// As the log calls whoever comes here.
    name: &'static str,
    connections: usize,
    /// The longest body.
    largest: usize,
    /// How long a body may take.
    patience: Duration,
}

/// Whoever operates asks with few connections at once. The longest body has the names of ten thousand deliveries.
pub(super) const OPERATOR: Desk =
    Desk { name: "operator", connections: 64, largest: 2 << 20, patience: Duration::from_secs(5) };

/// A browser has up to six connections, and each page that is open keeps one. The longest body is a file of the workspace
/// with a request to try it on.
pub(super) const PAGE: Desk =
    Desk { name: "page", connections: 256, largest: 8 << 20, patience: Duration::from_secs(30) };

const HEADERS: usize = 100;
const HEADER_BYTES: usize = 32 << 10;

/// Answers until the server stops.
pub(super) async fn serve(desk: Desk, listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) {
    let places = Places::new(desk.connections);
    let not_read = Arc::new(move |_| tracing::debug!(address = desk.name, "what came is no request"));
    let door = Door { listener, places, headers: HEADERS, header_bytes: HEADER_BYTES, not_read };
    let serve = |place: Arc<Place>| {
        let router = TowerToHyperService::new(router.clone());
        service_fn(move |request| answer(desk, router.clone(), request, place.clone()))
    };
    let crowded = || tracing::debug!(address = desk.name, "there are too many connections; the oldest is closed");
    door.open(stopped, serve, crowded).await;
}

async fn answer(
    desk: Desk,
    router: TowerToHyperService<Router>,
    request: Request<Incoming>,
    place: Arc<Place>,
) -> Result<Response, Infallible> {
    place.reads();
    let mut answer = match whole(desk, request).await {
        Ok(request) => {
            place.works();
            router.call(request).await?
        }
        Err(refusal) => refusal.into_response(),
    };
    place.rests(answer.status().is_success());
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// The request with its body, or why there is none.
async fn whole(
    desk: Desk,
    request: Request<Incoming>,
) -> Result<Request<Full<hyper::body::Bytes>>, (StatusCode, &'static str)> {
    let (head, body) = request.into_parts();
    match timeout(desk.patience, Limited::new(body, desk.largest).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Full::new(body.to_bytes()))),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or broken\n")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive\n")),
    }
}

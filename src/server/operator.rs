//! The operator's address: few connections, small requests that are there soon, and answers that nobody keeps.

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

/// Whoever operates asks with few connections at once.
const CONNECTIONS: usize = 64;
const HEADERS: usize = 100;
const HEADER_BYTES: usize = 32 << 10;
/// The longest body: the names of ten thousand deliveries.
const LARGEST: usize = 2 << 20;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers the operator until the server stops.
pub(super) async fn serve(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) {
    let places = Places::new(CONNECTIONS);
    let not_read = Arc::new(|_| tracing::debug!("what came to the operator's address is no request"));
    let door = Door { listener, places, headers: HEADERS, header_bytes: HEADER_BYTES, not_read };
    let serve = |place: Arc<Place>| {
        let router = TowerToHyperService::new(router.clone());
        service_fn(move |request| answer(router.clone(), request, place.clone()))
    };
    let crowded = || tracing::debug!("there are too many connections to the operator's address; the oldest is closed");
    door.open(stopped, serve, crowded).await;
}

async fn answer(
    router: TowerToHyperService<Router>,
    request: Request<Incoming>,
    place: Arc<Place>,
) -> Result<Response, Infallible> {
    place.reads();
    let mut answer = match whole(request).await {
        Ok(request) => {
            place.works();
            router.call(request).await?
        }
        Err(refusal) => refusal.into_response(),
    };
    place.rests(answer.status().is_success());
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// The request with its body, or why there is none.
async fn whole(request: Request<Incoming>) -> Result<Request<Full<hyper::body::Bytes>>, (StatusCode, &'static str)> {
    let (head, body) = request.into_parts();
    match timeout(PATIENCE, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Full::new(body.to_bytes()))),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or broken\n")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive\n")),
    }
}

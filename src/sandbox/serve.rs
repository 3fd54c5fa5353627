//! The sandbox's HTTP server. It speaks through hyper itself: a connection that closes without an answer is part of it.

use std::pin::pin;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{LARGEST_BODY, Reaction, Sandbox};
use crate::event::RawRequest;
use crate::pack::outcome::Answer;

/// How long a request that is to hang gets nothing, while its peer waits.
const HANG: Duration = Duration::from_secs(60);
/// How long requests that are under way may take once the sandbox shuts down.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait when no connection can be accepted, as when files run out.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells hyper to close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox closes this connection")]
struct Closed;

pub(super) async fn serve(
    sandbox: Sandbox,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (stop, stopping) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(sandbox.clone(), stream, stopping.clone()));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
    drop(listener);
    drop(stop);
    let finished = async { while connections.join_next().await.is_some() {} };
    // What hangs on demand is cut off.
    let _ = tokio::time::timeout(GRACE, finished).await;
    Ok(())
}

async fn connection(sandbox: Sandbox, stream: TcpStream, mut stopping: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let sandbox = sandbox.clone();
        async move { respond(&sandbox, request).await }
    });
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).pipeline_flush(true);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // An error here is the peer's going away, or a closing that was ordered.
        _ = connection.as_mut() => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(sandbox: &Sandbox, request: http::Request<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let too_large = body.is_none();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let raw = RawRequest {
        method: head.method.as_str().to_owned(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.unwrap_or_default(),
    };
    match sandbox.handle(raw, too_large) {
        Reaction::Answer(answer) => Ok(response(answer)),
        Reaction::Hang => {
            tokio::time::sleep(HANG).await;
            Err(Closed)
        }
        Reaction::Close => Err(Closed),
    }
}

/// The whole body; none when it is too large, which is known at once where its length is announced.
async fn read(body: Incoming) -> Result<Option<Vec<u8>>, Closed> {
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Ok(None);
    }
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => Ok(Some(body.to_bytes().into())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(_) => Err(Closed),
    }
}

/// As hyper sends it. Headers that frame the message are hyper's own, and what can't be a header is left out.
fn response(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if empty { Vec::new() } else { answer.body };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { continue };
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

//! A request's body, bounded in bytes and in time.

use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::answer::Refusal;
use crate::source::Limits;

pub(super) async fn read(incoming: Incoming, headers: &HeaderMap, limits: Limits) -> Result<Vec<u8>, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body) {
        return Err(Refusal::too_large(limits.body));
    }
    let collected = tokio::time::timeout(limits.time, Limited::new(incoming, limits.body).collect()).await;
    match collected {
        Err(_) => Err(Refusal::too_slow()),
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::too_large(limits.body)),
        Ok(Err(_)) => Err(Refusal::broken()),
    }
}

//! A request's body, bounded in bytes, in time and in pace, and counted for as long as it is in memory.

use std::time::Duration;

use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::answer::Refusal;
use super::gauge::Taken;
use crate::source::Limits;

/// A body may be as slow as this, in bytes a second, after a time for its first ones: a thousand senders that drip must
/// not hold a thousand connections for as long as a large body may take.
const PACE: u64 = 1024;
const PATIENCE: Duration = Duration::from_secs(3);

/// Reads a body; what it takes of the memory for all bodies is added to `held`.
pub(super) async fn read(
    incoming: &mut Incoming,
    headers: &HeaderMap,
    limits: Limits,
    held: &mut Taken,
) -> Result<Vec<u8>, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body) {
        return Err(Refusal::too_large(limits.body));
    }
    let started = Instant::now();
    let mut body = Vec::new();
    while let Some(data) = next(incoming, started + allowed(body.len(), limits.time)).await? {
        if body.len() + data.len() > limits.body {
            return Err(Refusal::too_large(limits.body));
        }
        make_room(&mut body, data.len(), announced.unwrap_or(limits.body), held).ok_or_else(Refusal::overloaded)?;
        body.extend_from_slice(&data);
    }
    Ok(body)
}

/// Makes room for so many bytes more, and for no more than will come in all. What is counted is the room and not what is in
/// it, so that a body which grows takes no memory that nobody knows of.
fn make_room(body: &mut Vec<u8>, more: usize, most: usize, held: &mut Taken) -> Option<()> {
    let (room, needed) = (body.capacity(), body.len() + more);
    if needed <= room {
        return Some(());
    }
    let ample = (room * 2).min(most).max(needed);
    let taken = [ample, needed].into_iter().find(|wanted| held.more(wanted - room))?;
    body.reserve_exact(taken - body.len());
    Some(())
}

/// Throws away, for a while, what still comes of a body that is refused: a sender that is cut off while it sends does not
/// hear the answer.
/// Only a few are thrown away at a time, so that a flood which is refused leaves those alone that are taken.
pub(super) async fn drain(mut incoming: Incoming) {
    const WHILE: Duration = Duration::from_secs(2);
    static TURNS: Semaphore = Semaphore::const_new(4);
    let rest = async {
        let _turn = TURNS.acquire().await;
        while incoming.frame().await.is_some_and(|frame| frame.is_ok()) {}
    };
    let _ = tokio::time::timeout(WHILE, rest).await;
}

/// How long after the start more must have arrived than these bytes.
fn allowed(arrived: usize, most: Duration) -> Duration {
    most.min(PATIENCE + Duration::from_millis(arrived as u64 * 1000 / PACE))
}

/// The next piece; none at the end.
async fn next(incoming: &mut Incoming, until: Instant) -> Result<Option<Bytes>, Refusal> {
    match timeout_at(until, incoming.frame()).await {
        Err(_) => Err(Refusal::too_slow()),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) => Err(Refusal::broken()),
        // Trailers are nothing that a sender of webhooks sends.
        Ok(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::gauge::Gauge;
    use super::*;

    #[test]
    fn what_is_counted_is_the_room_that_a_body_takes() {
        let gauge = Gauge::new(1000);
        let (mut held, mut body) = (gauge.take(0).unwrap(), Vec::new());
        for _ in 0..7 {
            make_room(&mut body, 100, 700, &mut held).unwrap();
            body.extend_from_slice(&[0; 100]);
            assert!(gauge.take(1001 - body.capacity()).is_none() && gauge.take(1000 - body.capacity()).is_some());
        }
        assert_eq!((body.len(), body.capacity()), (700, 700));
        assert!(make_room(&mut body, 301, 1400, &mut held).is_none());
        assert!(
            make_room(&mut body, 300, 1400, &mut held).is_some(),
            "where there is no room for more, what is needed"
        );
    }

    #[test]
    fn what_keeps_pace_has_all_the_time_there_is() {
        let most = Duration::from_secs(10);
        assert_eq!(allowed(0, most), Duration::from_secs(3));
        assert_eq!(allowed(2048, most), Duration::from_secs(5));
        assert_eq!(allowed(1 << 20, most), most);
        assert_eq!(allowed(0, Duration::from_secs(1)), Duration::from_secs(1));
    }
}

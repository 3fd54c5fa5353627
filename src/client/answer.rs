//! An answer, read within bounds of bytes and of time.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response};

use super::trouble::trouble;
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::outcome::Answer;
use crate::payload;

/// An answer longer than this is cut: what it means stands at its beginning.
const LONGEST_ANSWER: usize = 2 * 1024 * 1024;
/// An answer with more bytes of headers than this is not read.
const LONGEST_HEADERS: usize = 64 * 1024;
/// How long the next part of a body may take.
const PAUSE: Duration = Duration::from_secs(10);

/// The status with which a proxy asks for a user and a password.
const PROXY_REFUSES: u16 = 407;

/// Sends a request and reads its answer. How long all of it may take is the request's own.
pub async fn answer(request: RequestBuilder) -> Result<Answer, AttemptResult> {
    let mut response = request.send().await.map_err(|error| trouble(&error))?;
    let mut answer = head(&response).ok_or(AttemptResult::Unknown(Trouble::BadAnswer))?;
    // Only a proxy says so, and it has passed nothing on.
    if answer.status == PROXY_REFUSES {
        return Err(AttemptResult::NotSent(Trouble::Proxy));
    }
    while answer.body.len() < LONGEST_ANSWER {
        let next = tokio::time::timeout(PAUSE, response.chunk()).await;
        match next.map_err(|_| AttemptResult::Unknown(Trouble::Timeout))? {
            Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) if error.is_timeout() => return Err(AttemptResult::Unknown(Trouble::Timeout)),
            Err(_) => return Err(AttemptResult::Unknown(Trouble::BadAnswer)),
        }
    }
    answer.body.truncate(LONGEST_ANSWER);
    // It was not asked for, and some compress all the same. What can't be undone stays as it came.
    if let Some(body) = payload::inflated(&answer.body, &codings(&answer), LONGEST_ANSWER) {
        answer.body = body;
    }
    let body = std::mem::take(&mut answer.body);
    answer.body = payload::in_utf8(body, answer.header("content-type"));
    Ok(answer)
}

fn codings(answer: &Answer) -> String {
    let named = answer.headers.iter().filter(|(name, _)| name == "content-encoding");
    named.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(",")
}

/// The status and the headers; nothing when those are too long.
fn head(response: &Response) -> Option<Answer> {
    let headers = response.headers();
    let length: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    (length <= LONGEST_HEADERS).then(|| Answer {
        status: response.status().as_u16(),
        headers: headers.iter().map(text).collect(),
        body: Vec::new(),
    })
}

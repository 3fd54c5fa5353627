//! One try at a request: rendered with the account's address and secrets, sent, its answer read within bounds.

use std::time::Duration;

use crate::client::{self, ClientError};
use crate::clock::Clock;
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::outcome::Answer;
use crate::pack::{Connection, Operation};
use crate::request::{Request, exposed, exposed_path};

/// An answer longer than this is cut: what it means stands at its beginning.
const LONGEST_ANSWER: usize = 2 * 1024 * 1024;
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The HTTP client that all attempts share.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

impl Client {
    pub fn new() -> Result<Self, ClientError> {
        let builder = client::builder().connect_timeout(CONNECT).pool_idle_timeout(Duration::from_secs(60));
        builder.build().map(Client).map_err(|_| ClientError)
    }

    /// Sends a request once. The answer is kept as far as it was read.
    pub(super) async fn send(
        &self,
        request: &Request,
        connection: &Connection,
        operation: &Operation,
        clock: &Clock,
    ) -> (AttemptResult, Answer) {
        let Some(built) = self.build(request, connection) else {
            return (AttemptResult::NotSent(Trouble::NoConnection), Answer::default());
        };
        match answer(built).await {
            Err(result) => (result, Answer::default()),
            Ok(answer) => {
                let outcome = operation.outcomes.of(&answer);
                let retry_after = answer.retry_after(clock.now());
                (AttemptResult::Answered { outcome, status: answer.status, retry_after }, answer)
            }
        }
    }

    fn build(&self, request: &Request, connection: &Connection) -> Option<reqwest::RequestBuilder> {
        let secret = |name: &str| connection.secrets.get(name);
        let url = format!("{}{}", connection.base_url, exposed_path(&request.path, secret)?);
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).ok()?;
        let mut built = self.0.request(method, url).timeout(connection.timeout);
        for header in &request.headers {
            let name = reqwest::header::HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            let value = reqwest::header::HeaderValue::from_str(&exposed(&header.value, secret)?).ok()?;
            built = built.header(name, value);
        }
        Some(match request.body {
            Some(_) => built.body(request.body_bytes()),
            None => built,
        })
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, AttemptResult> {
    let mut response = request.send().await.map_err(|error| trouble(&error))?;
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let mut answer = Answer { status: response.status().as_u16(), headers: headers.collect(), body: Vec::new() };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() < LONGEST_ANSWER => answer.body.extend_from_slice(&chunk),
            Ok(Some(_)) => break,
            Ok(None) => break,
            Err(error) if error.is_timeout() => return Err(AttemptResult::Unknown(Trouble::Timeout)),
            Err(_) => return Err(AttemptResult::Unknown(Trouble::BadAnswer)),
        }
    }
    answer.body.truncate(LONGEST_ANSWER);
    Ok(answer)
}

/// The library's error as ours; its text holds the address, which may be a secret.
fn trouble(error: &reqwest::Error) -> AttemptResult {
    if error.is_connect() {
        AttemptResult::NotSent(Trouble::Connect)
    } else if error.is_builder() {
        AttemptResult::NotSent(Trouble::NoConnection)
    } else if error.is_timeout() {
        AttemptResult::Unknown(Trouble::Timeout)
    } else {
        AttemptResult::Unknown(Trouble::Broken)
    }
}

//! One try at a request: rendered with the account's address and secrets, sent, its answer read within bounds.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};

use crate::client::{self, ClientError, Clients, Unsendable};
use crate::clock::Clock;
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::link::Link;
use crate::pack::outcome::Answer;
use crate::pack::{Connection, Operation};
use crate::request::{Request, exposed, exposed_path};
use crate::secret::Secret;

/// An answer longer than this is cut: what it means stands at its beginning.
const LONGEST_ANSWER: usize = 2 * 1024 * 1024;
/// An answer with more bytes of headers than this is not read.
const LONGEST_HEADERS: usize = 64 * 1024;
/// How long the next part of an answer may take.
const PAUSE: Duration = Duration::from_secs(10);

/// The setting that stands for the access token of a connection whose token is fetched.
pub const ACCESS_TOKEN: &str = "access_token";

/// The HTTP clients that all attempts share.
#[derive(Clone, Debug)]
pub struct Client(Clients);

impl Client {
    /// Proves that clients can be made here.
    pub fn new() -> Result<Self, ClientError> {
        let clients = Clients::default();
        clients.of(&Arc::new(Link::default()))?;
        Ok(Client(clients))
    }

    /// Sends a request once. The answer is kept as far as it was read.
    pub(super) async fn send(
        &self,
        request: &Request,
        connection: &Connection,
        operation: &Operation,
        clock: &Clock,
    ) -> (AttemptResult, Answer) {
        self.send_with_token(request, connection, operation, None, clock).await
    }

    /// Sends a request once, with the access token that was fetched for the connection.
    pub(super) async fn send_with_token(
        &self,
        request: &Request,
        connection: &Connection,
        operation: &Operation,
        token: Option<&Secret>,
        clock: &Clock,
    ) -> (AttemptResult, Answer) {
        let answered = match self.build(request, connection, token) {
            Ok(built) => answer(built).await,
            Err(trouble) => Err(AttemptResult::NotSent(trouble)),
        };
        match answered {
            Err(result) => (result, Answer::default()),
            Ok(answer) => {
                let outcome = operation.outcomes.of(&answer);
                let retry_after = answer.retry_after(clock.now());
                (AttemptResult::Answered { outcome, status: answer.status, retry_after }, answer)
            }
        }
    }

    fn build(
        &self,
        request: &Request,
        connection: &Connection,
        token: Option<&Secret>,
    ) -> Result<reqwest::RequestBuilder, Trouble> {
        let unsendable = |_: Unsendable| Trouble::Unsendable;
        let secret = |name: &str| token.filter(|_| name == ACCESS_TOKEN).or_else(|| connection.secrets.get(name));
        let path = exposed_path(&request.path, secret).ok_or(Trouble::NoConnection)?;
        let url = client::target(&connection.base_url, &path).map_err(unsendable)?;
        if !connection.link.allows(&url) {
            return Err(Trouble::PrivateAddress);
        }
        let given = request.headers.iter().map(|header| Some((&*header.name, exposed(&header.value, secret)?)));
        let given: Vec<_> = given.collect::<Option<_>>().ok_or(Trouble::NoConnection)?;
        let headers = client::headers(given.into_iter()).map_err(unsendable)?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| Trouble::Unsendable)?;
        let client = self.0.of(&connection.link).map_err(|_| Trouble::NoConnection)?;
        let built = client.request(method, url).timeout(connection.timeout).headers(headers);
        Ok(match request.body {
            Some(_) => built.body(request.body_bytes()),
            None => built,
        })
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, AttemptResult> {
    let mut response = request.send().await.map_err(|error| client::trouble(&error))?;
    let mut answer = head(&response).ok_or(AttemptResult::Unknown(Trouble::BadAnswer))?;
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
    Ok(answer)
}

/// The status and the headers; nothing when those are too long.
fn head(response: &Response) -> Option<Answer> {
    let headers = response.headers();
    let length: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    (length <= LONGEST_HEADERS).then(|| Answer {
        status: response.status().as_u16(),
        headers: headers.iter().map(text).collect(),
        body: Vec::new(),
    })
}

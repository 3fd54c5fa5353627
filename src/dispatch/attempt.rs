//! One try at a request: rendered with the account's address and secrets, sent, its answer read within bounds.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;

use super::caller::Call;
use crate::client::{self, ClientError, Clients, Fetcher, Unsendable};
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::Connection;
use crate::pack::link::Link;
use crate::pack::outcome::Answer;
use crate::request::{Files, Request, exposed, exposed_path};
use crate::secret::Secret;
use crate::span;

/// The HTTP clients that all attempts share.
#[derive(Clone, Debug)]
pub struct Client(Clients, Fetcher);

impl Client {
    /// Proves that clients can be made here.
    pub fn new() -> Result<Self, ClientError> {
        let clients = Clients::default();
        clients.of(&Arc::new(Link::default()), Duration::from_secs(30))?;
        Ok(Client(clients, Fetcher::default()))
    }

    /// The clients themselves, for those who fetch tokens by the same ways.
    pub fn clients(&self) -> &Clients {
        &self.0
    }

    /// Sends a request once.
    pub(super) async fn send_once(&self, call: Call<'_>) -> (AttemptResult, Answer) {
        let Call { request, connection, operation, token, trace, clock } = call;
        let fetched = match self.1.fetch(&connection.name, request.links(), &connection.link).await {
            Ok(fetched) => fetched,
            Err(trouble) => return (AttemptResult::NotSent(trouble), Answer::default()),
        };
        let answered = match self.build(request, connection, token, &fetched.files) {
            Ok(built) => client::answer(traced(built, trace)).await,
            Err(trouble) => Err(AttemptResult::NotSent(trouble)),
        };
        match answered {
            Err(result) => (result, Answer::default()),
            Ok(answer) => {
                let (status, retry_after) = (answer.status, answer.retry_after(clock.now()));
                let result = match operation.outcomes.of(&answer) {
                    Some(outcome) => AttemptResult::Answered { outcome, status, retry_after },
                    None => AttemptResult::Unknown(Trouble::BadAnswer),
                };
                (result, answer)
            }
        }
    }

    fn build(
        &self,
        request: &Request,
        connection: &Connection,
        token: Option<&Secret>,
        files: &Files,
    ) -> Result<reqwest::RequestBuilder, Trouble> {
        let unsendable = |_: Unsendable| Trouble::Unsendable;
        let is_token = |name: &str| connection.oauth2.as_ref().is_some_and(|oauth2| *oauth2.token == *name);
        let secret = |name: &str| token.filter(|_| is_token(name)).or_else(|| connection.secrets.get(name));
        let path = exposed_path(&request.path, secret).ok_or(Trouble::NoConnection)?;
        let url = client::target(&connection.base_url, &path).map_err(unsendable)?;
        if !connection.link.allows(&url) {
            return Err(Trouble::PrivateAddress);
        }
        let given = request.headers.iter().map(|header| Some((&*header.name, exposed(&header.value, secret)?)));
        let given: Vec<_> = given.collect::<Option<_>>().ok_or(Trouble::NoConnection)?;
        let headers = client::headers(given.into_iter()).map_err(unsendable)?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| Trouble::Unsendable)?;
        let client = self.0.of(&connection.link, connection.timeout).map_err(|_| Trouble::NoConnection)?;
        let built = client.request(method, url).timeout(connection.timeout).headers(headers);
        Ok(match request.body {
            Some(_) => built.body(request.body_bytes(files)),
            None => built,
        })
    }
}

/// A request with the trace that it belongs to.
fn traced(built: reqwest::RequestBuilder, trace: Option<&str>) -> reqwest::RequestBuilder {
    match trace {
        Some(trace) => built.header(span::HEADER, trace),
        None => built,
    }
}

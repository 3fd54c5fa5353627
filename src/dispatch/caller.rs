//! Whoever carries a request to a provider: the HTTP client, or a test.

use std::pin::Pin;

use super::attempt::Client;
use crate::clock::Clock;
use crate::delivery::AttemptResult;
use crate::pack::outcome::Answer;
use crate::pack::{Connection, Operation};
use crate::request::Request;
use crate::secret::Secret;

/// One request with all that its sending takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c> {
    pub request: &'c Request,
    pub connection: &'c Connection,
    pub operation: &'c Operation,
    /// The access token, where the connection fetches one.
    pub token: Option<&'c Secret>,
    /// The trace, where the connection wants it.
    pub trace: Option<&'c str>,
    pub clock: &'c Clock,
}

pub(super) type Called<'c> = Pin<Box<dyn Future<Output = (AttemptResult, Answer)> + Send + 'c>>;

pub(super) trait Caller: Send + Sync {
    /// Sends a request once.
    fn call<'c>(&'c self, call: Call<'c>) -> Called<'c>;
}

impl Caller for Client {
    fn call<'c>(&'c self, call: Call<'c>) -> Called<'c> {
        Box::pin(self.send_once(call))
    }
}

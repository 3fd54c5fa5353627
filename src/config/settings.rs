//! `jackfield.yaml` as written.

use super::NamedList;
use super::connection::{Connection, Retry};
use super::scalar::Text;
use super::source::{Limits, Sources};
use crate::document::Node;

record! {
    /// Settings, connections, shared sources and constants of the workspace.
    pub struct Settings ("jackfield.yaml") {
        /// Where webhooks are received: `127.0.0.1:8080` unless given.
        listen: Option<Text>,
        /// Where the operator asks for the state: `127.0.0.1:8081` unless given.
        admin: Option<Text>,
        /// The address that senders know, when it is not `listen`: `https://hooks.example.com`.
        public_url: Option<Text>,
        /// The folder of the event store: `data` unless given.
        data: Option<Text>,
        /// The accounts that routes send to.
        connections: NamedList<Connection>,
        /// Sources that several routes share.
        sources: Sources,
        /// Constants, in templates as `vars.name`.
        vars: Option<Node>,
        /// How much one request may bring, for every source that does not say.
        limits: Option<Limits>,
        /// How deliveries are tried again, for every connection that does not say.
        retry: Option<Retry>,
    }
}

//! `jackfield.yaml` as written.

use std::time::Duration;

use super::connection::{Connection, Retry};
use super::guard::ServerLimits;
use super::page::PageOrAddress;
use super::privacy::Privacy;
use super::scalar::{Size, Text};
use super::source::Sources;
use super::{At, NamedList};
use crate::document::Node;

record! {
    /// The settings of a workspace: where it listens, the accounts it sends to, sources that routes share, and constants.
    pub struct Settings ("jackfield.yaml") {
        /// Where webhooks are received, an IP address and a port: `127.0.0.1:8080` unless given.
        listen: Option<Text>,
        /// Where `jackfield status` asks for the state: `127.0.0.1:8081` unless given. Keep it off the internet.
        admin: Option<Text>,
        /// The page in the browser: where it listens, `127.0.0.1:8082` unless given; a mapping that says who may open it; or
        /// `off`, for none. Takes effect at the next start.
        page: Option<PageOrAddress>,
        /// The address that senders call, where a proxy stands in front: `https://hooks.example.com`. Some senders sign it,
        /// so it must be exact. `http://` and `listen` unless given.
        public_url: Option<Text>,
        /// What every path of a source begins with here: `/hooks` unless given, `/` for nothing.
        path_prefix: Option<Text>,
        /// The folder in which events are kept: `data` unless given.
        data: Option<Text>,
        /// The accounts that routes send to, each with a name of yours. A route says `to: name.operation`.
        connections: NamedList<Connection>,
        /// Sources that several routes share, each with a name of yours. A route says `source: name`.
        sources: Sources,
        /// Constants of the workspace: `team: sales` is `{{ vars.team }}` in a template. No secrets.
        vars: Option<Node>,
        /// How much one request may bring, for every source that does not say, and how much the server takes on at once.
        limits: Option<ServerLimits>,
        /// How deliveries are tried again, for every connection that does not say.
        retry: Option<Retry>,
        /// The proxy that leads to every vendor whose connection does not say: `http://proxy.example.com:3128`. Proxies of
        /// the environment are not used.
        proxy: Option<Text>,
        /// How long events are kept, with what became of them, and how long an identity is known.
        retention: Option<Retention>,
        /// What people are not shown of what any source received, in lists, stories, pages and searches.
        privacy: Option<Privacy>,
        /// When a changed file goes live: with every change that has no problems, unless given.
        reload: Option<At<ReloadRule>>,
    }
}

words! {
    /// When a changed file goes live.
    pub enum ReloadRule ("a rule") {
        /// With every change that has no problems.
        Always = "always",
        /// Only when none of the last 1,000 events, if it came again, would fail or be read no more because of the change.
        RequireCleanDiff = "require_clean_diff",
    }
}

record! {
    /// How long events are kept, and how much of them. What is not done is always kept: what waits for its next try, for a
    /// person, or to be routed.
    pub struct Retention ("retention") {
        /// Events received longer ago are forgotten, with their deliveries: `90d` unless given. Takes effect at the next
        /// start.
        age: Option<At<Duration>>,
        /// The oldest events are forgotten while the store and its search hold more than this: `20GB`; no limit unless
        /// given. Takes effect at the next start.
        size: Option<At<Size>>,
        /// So long an event with the same identity is taken for the same event: `30d` unless given. Takes effect at the next
        /// start.
        identities: Option<At<Duration>>,
    }
}

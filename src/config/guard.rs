//! What guards a server and its sources against too much, as written.

use std::time::Duration;

use super::At;
use super::scalar::Size;
use super::source::Limits;

record! {
    /// How much one request may bring, and how much the server takes on at once.
    pub struct ServerLimits ("limits") {
        /// The largest body that is taken, for every source that does not say: `1MB` unless given.
        body: Option<At<Size>>,
        /// How long a body may take to arrive, for every source that does not say: `10s` unless given.
        time: Option<At<Duration>>,
        /// The most parts of a multipart body, and the most events that `split` makes of one request, for every source that
        /// does not say: `1000` unless given.
        parts: Option<At<u64>>,
        /// How many lists and objects may be inside one another, for every source that does not say: `100` unless given, which
        /// is the most.
        depth: Option<At<u64>>,
        /// How many values a payload may have, for every source that does not say: `100000` unless given.
        nodes: Option<At<u64>>,
        /// How many connections there may be at once: `1024` unless given. Takes effect at the next start.
        connections: Option<At<u64>>,
        /// How many requests may be worked on at once, once their bodies are there: `512` unless given. Takes effect at the
        /// next start.
        requests: Option<At<u64>>,
        /// How large all bodies in memory may be together: `256MB` unless given. Takes effect at the next start.
        bodies: Option<At<Size>>,
        /// How many headers a request may have: `100` unless given. Takes effect at the next start.
        headers: Option<At<u64>>,
        /// How large the address and the headers of a request may be together: `32KB` unless given. Takes effect at the next
        /// start.
        header_bytes: Option<At<Size>>,
    }
}

impl ServerLimits {
    /// What a source takes from here when it does not say itself.
    pub fn of_sources(&self) -> Limits {
        let (parts, depth, nodes) = (self.parts.clone(), self.depth.clone(), self.nodes.clone());
        let (body, time) = (self.body.clone(), self.time.clone());
        Limits { place: self.place.clone(), body, time, rate: None, parts, depth, nodes }
    }
}

record! {
    /// So many requests in a time. What comes faster is answered as the reply's `overload` says, and sent again by the sender.
    pub struct Rate ("a rate") {
        /// So many requests are taken: `100`.
        requests: At<u64>,
        /// The time in which they are taken: `1s`, `1m`.
        per: At<Duration>,
    }
}

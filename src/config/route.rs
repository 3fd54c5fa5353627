//! A route as written: `routes/**/*.yaml`.

use std::time::Duration;

use super::extract::Extract;
use super::scalar::{Size, Text};
use super::source::SourceOrName;
use super::step::Step;
use super::test_case::TestCase;
use super::{At, NamedList, Required};
use crate::document::Node;

record! {
    /// A route: takes the events of a source, and sends what they say to one or more connections.
    pub struct Route ("a route") {
        /// What the route is for, in your own words.
        description: Option<Text>,
        /// Where the events arrive: written out here, or the name of a source in `jackfield.yaml` that several routes share.
        source: Required<SourceOrName>,
        /// An expression; the route takes the event when it holds: `"{{ payload.type == 'lead' }}"`. Without it the route
        /// takes every event. The extracted names are not there yet.
        matcher as "match": Option<Text>,
        /// `true` takes what no other route of the source took.
        fallback: Option<At<bool>>,
        /// Names for values of the payload, to be used in templates: `email: $.contact.email`. A value that is not found stops
        /// the route, unless the name has a `?` behind it: `phone?: $.contact.phone`.
        extract: NamedList<Extract>,
        /// What makes two events the same one: `"{{ payload.id }}"`. An event that comes again is answered like the first, and
        /// sends nothing. A pack may give it.
        identity: Option<Text>,
        /// Deliveries with the same text here, to the same connection, go out in the order in which their events came:
        /// `"{{ email }}"`.
        lane: Option<Text>,
        /// Calls that fetch what the event itself does not bring, once for each event: `- call: kommo.get_lead`. Every delivery
        /// has the names that they save.
        lookup: Vec<Step>,
        /// The deliveries, each with `- to: connection.operation`. One that fails holds no other back.
        send: Vec<Send>,
        /// What to do when it is not known whether the provider took a request, and it would take a repetition for a new one:
        /// `retry` unless given.
        on_unknown: Option<At<OnUnknown>>,
        /// How long the events that the route takes are kept, where not as long as jackfield.yaml says: `{ age: 7d }`.
        retention: Option<RouteRetention>,
        /// Captured requests, and what must come of them. A change whose tests fail does not go live.
        tests: Vec<TestCase>,
    }
}

record! {
    /// How long the events that a route takes are kept, and how much of them. One that several routes take is kept as long as one
    /// of them keeps it.
    pub struct RouteRetention ("retention of a route") {
        /// Events received longer ago are forgotten, with their deliveries: `7d`. As `retention:` in jackfield.yaml says, unless
        /// given.
        age: Option<At<Duration>>,
        /// The oldest events that the route took are forgotten while they and their deliveries hold more than this: `2GB`; no
        /// limit unless given.
        size: Option<At<Size>>,
    }
}

record! {
    /// One delivery: a request to an operation of a connection.
    pub struct Send ("a delivery") {
        /// The connection and the operation, with a dot between: `cloudchat.create_conversation`.
        to: Required<Text>,
        /// An expression; the delivery is made when it holds: `"{{ email is defined }}"`.
        when: Option<Text>,
        /// Values for the `{names}` in the operation's address, where the connection does not have them:
        /// `{ customer_id: "{{ id }}" }`.
        params: NamedList<Node>,
        /// What stands behind the `?` of the address: `{ notify: "true" }`. Values are encoded.
        query: NamedList<Node>,
        /// Further headers of the request: `{ X-Origin: website }`.
        headers: NamedList<Node>,
        /// The body of the request, with templates: `content: "{{ name }} wrote"`. What is absent drops its key. It must pass
        /// the operation's schema.
        body: Option<Node>,
        /// Calls that come before the delivery itself, in order: `- call: omnivibe.create_contact`. What is done is not done
        /// again by a retry.
        steps: Vec<Step>,
    }
}

words! {
    /// What to do when it is not known whether an attempt was taken.
    pub enum OnUnknown ("a choice") {
        /// Try again; it may arrive twice.
        Retry = "retry",
        /// Keep it until a person decides.
        Hold = "hold",
    }
}

//! What is shown of deliveries: in lists, of one alone, and of what failed.

use serde_json::Value as Json;

use super::api::{As, Maybe, Several, Word};
use super::total::Total;
use crate::clock::Timestamp;
use crate::delivery::State;
use crate::id::{DeliveryId, EventId};

shape! {
    /// Which deliveries are listed: those of which all holds that is said.
    pub(super) struct DeliveriesAsked {
        /// Of one of these states, with commas between.
        state: Maybe<Several<State>>,
        /// Of this route.
        route: Maybe<String>,
        /// To this connection.
        connection: Maybe<String>,
        /// Of events of this source.
        source: Maybe<String>,
        /// Of events in which this was sent: a phone number, an e-mail address, words.
        value: Maybe<String>,
        /// Of events of this identity.
        identity: Maybe<String>,
        /// Of this lane.
        lane: Maybe<String>,
        /// Made at this moment or later.
        since: Maybe<Timestamp>,
        /// Made before this moment.
        until: Maybe<Timestamp>,
        /// With a `seq` that is less, to go on with a list.
        before: Maybe<i64>,
        /// How many of the newest: 20 unless given, 10000 at the most.
        last: Maybe<u64>,
    }
}

shape! {
    /// Which dead letters are listed: those of which all holds that is said.
    pub(super) struct DeadLettersAsked {
        /// Deliveries of one of these states, with commas between: `dead`, `held`.
        state: Maybe<Several<State>>,
        /// Of this route.
        route: Maybe<String>,
        /// Deliveries to this connection.
        connection: Maybe<String>,
        /// Of events of this source.
        source: Maybe<String>,
        /// Of events in which this was sent: a phone number, an e-mail address, words.
        value: Maybe<String>,
        /// Of events of this identity.
        identity: Maybe<String>,
        /// Of this lane.
        lane: Maybe<String>,
        /// Made, or received, at this moment or later.
        since: Maybe<Timestamp>,
        /// Made, or received, before this moment.
        until: Maybe<Timestamp>,
        /// Deliveries with a `seq` that is less.
        before: Maybe<i64>,
        /// How many of the newest of each: 20 unless given, 10000 at the most.
        last: Maybe<u64>,
    }
}

told! {
    /// Deliveries, the newest first.
    pub(super) struct Deliveries {
        deliveries: Vec<Listed>,
        /// How many there are beside those that are listed.
        total: DeliveriesTotal,
    }
}

told! {
    /// How many deliveries there are.
    pub(super) struct DeliveriesTotal {
        deliveries: Total,
    }
}

told! {
    /// What failed and is kept, the newest first.
    pub(super) struct DeadLetters {
        /// Deliveries that were given up or wait for a person.
        deliveries: Vec<Listed>,
        /// Events of which a route could make nothing.
        events: Vec<Failure>,
        /// How many there are beside those that are listed.
        total: DeadLettersTotal,
    }
}

told! {
    /// How many there are of each.
    pub(super) struct DeadLettersTotal {
        deliveries: Total,
        events: Total,
    }
}

told! {
    /// A delivery without anything of its contents.
    pub(super) struct Listed {
        id: DeliveryId,
        /// Its place in the order in which deliveries were made.
        seq: i64,
        /// The event that it is of.
        event: EventId,
        route: String,
        /// `connection.operation`
        to: String,
        state: Word<State>,
        /// How many attempts were used up.
        attempts: u32,
        /// When it goes on, where that is known.
        due: Option<Timestamp>,
        created_at: Timestamp,
        /// Why it is dead, held or dismissed, where that was not its last call's doing.
        problem: Option<As<Problem>>,
        /// What its last call came to; of what failed alone.
        last: Maybe<Option<LastCall>>,
    }
}

told! {
    /// What a call came to, in short.
    pub(super) struct LastCall {
        /// What the pack's conditions make of the answer: `delivered`, `retry`, `reject`, `unknown`, …
        result: String,
        /// What kept an answer from coming: `timeout`, `broken`, …
        trouble: Option<String>,
        /// Of the answer.
        status: Option<u16>,
        /// What the answer says in words, without what tells of people.
        reason: Option<String>,
    }
}

told! {
    /// All of one delivery.
    pub(super) struct Delivery {
        id: DeliveryId,
        /// Its place in the order in which deliveries were made.
        seq: i64,
        /// The event that it is of.
        event: EventId,
        route: String,
        /// `connection.operation`
        to: String,
        state: Word<State>,
        /// How many attempts were used up.
        attempts: u32,
        /// When it goes on, where that is known.
        due: Option<Timestamp>,
        created_at: Timestamp,
        /// Why it is dead, held or dismissed, where that was not its last call's doing.
        problem: Option<As<Problem>>,
        /// Deliveries of one lane go out in order.
        lane: Option<String>,
        /// What it sends, or each of its `steps`; secrets are named. Null where it could not be made into a request.
        request: Json,
        /// Each call that was made, with the provider's answer.
        calls: Vec<Call>,
        /// When it goes out; of what goes out by itself, from a running server.
        estimate: Maybe<As<Estimate>>,
    }
}

told! {
    /// One call and what the provider said.
    pub(super) struct Call {
        /// From 1, among all calls of the delivery.
        number: u32,
        /// Which of the delivery's steps, from 0.
        step: u32,
        started_at: Timestamp,
        took_ms: u64,
        /// What the pack's conditions make of the answer: `delivered`, `retry`, `reject`, `unknown`, …
        result: String,
        /// What kept an answer from coming: `timeout`, `broken`, …
        trouble: Option<String>,
        /// Of the answer.
        status: Option<u16>,
        /// The body of the answer, as much as is kept of it.
        answer: String,
    }
}

shape! {
    /// When a delivery goes out, and what it waits for.
    pub(super) struct Estimate {
        at: Timestamp,
        /// From now.
        seconds: u64,
        /// How many others of the connection go out before.
        ahead: u64,
        /// Whether an earlier one of its lane is not done.
        behind_its_lane: bool,
        /// The vendor's name.
        provider: Option<String>,
        /// What the provider takes.
        limits: Vec<As<Limit>>,
        /// Since when the provider does not answer well.
        down_since: Option<Timestamp>,
        /// Since when the provider takes no token of this connection.
        refused_since: Option<Timestamp>,
        /// Until when the provider wants to be left alone.
        paused_until: Option<Timestamp>,
    }
}

shape! {
    /// So many requests in so many seconds.
    pub(super) struct Limit {
        requests: u64,
        seconds: f64,
    }
}

shape! {
    /// All of one event, as the page tells it. What stands in each part follows the page and may grow.
    pub struct Story {
        /// What came in, with its payload line by line and its request.
        event: Json,
        /// Whether it can be sent through the routes again.
        can_replay: bool,
        /// What each route made of it that took it: how it came to that, and its deliveries with every call.
        routes: Vec<Json>,
        /// The other routes of its source, with why each did not take it.
        not_taken: Vec<Json>,
    }
}

told! {
    /// An event of which a route could make nothing.
    pub(super) struct Failure {
        id: EventId,
        received_at: Timestamp,
        source: String,
        /// The routes that failed on it.
        routes: Vec<NotMade>,
    }
}

told! {
    /// Why a route could make nothing of an event.
    pub(super) struct NotMade {
        route: String,
        problem: As<Problem>,
    }
}

shape! {
    /// A problem with the lines that it is about; or its message alone.
    pub(super) struct Problem {
        message: String,
        /// Of which `jackfield explain CODE` tells more.
        code: Maybe<String>,
        /// `error` or `warning`.
        severity: Maybe<String>,
        /// The first is the line to mend.
        places: Maybe<Vec<As<Place>>>,
        /// Lines that show what one sentence can't.
        detail: Maybe<Option<String>>,
        /// What to write instead.
        help: Maybe<Option<String>>,
        /// What a text of a file is to be replaced by, where that is certain.
        fix: Maybe<Option<Json>>,
    }
}

shape! {
    /// A place in a file.
    pub(super) struct Place {
        file: String,
        /// The keys that lead to it.
        path: String,
        /// What is to be said about it.
        label: String,
        line: Maybe<u64>,
        column: Maybe<u64>,
        /// Its first byte in the file, and one behind the last.
        bytes: Maybe<Vec<u64>>,
    }
}

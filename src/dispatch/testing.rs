//! What the tests of dispatch have in common.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::delivery::State;
use crate::id::{DeliveryId, EventId};
use crate::store::StoredDelivery;

pub(super) fn delivery(seq: i64, route: &str, lane: Option<&str>) -> StoredDelivery {
    StoredDelivery {
        seq,
        id: DeliveryId::new(),
        event_id: EventId::new(),
        event_seq: seq,
        route: route.into(),
        position: 0,
        connection: "acme".into(),
        operation: "note".into(),
        lane: lane.map(Arc::from),
        attempts: 0,
        calls: 0,
        due: None,
        parked: false,
        state: State::Leased,
        request: String::new(),
        problem: None,
        created_at: Timestamp(0),
        doubtful: false,
        repeats: false,
    }
}

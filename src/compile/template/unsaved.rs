//! Names that calls save, where they are not there yet.

/// Why a saved name is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Unsaved {
    /// A step after this one saves it.
    LaterStep,
    /// It is of the answer of this very call.
    ThisStep,
    /// No call is made before the route has taken the event.
    Deciding,
    /// A step of another delivery saves it.
    OtherDelivery,
    /// A step of a delivery saves it, and this call is made before all deliveries.
    AnyDelivery,
}

impl Unsaved {
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Unsaved::LaterStep => {
                ("is not known yet: a later step saves it", "put the step that saves it before this one")
            }
            Unsaved::ThisStep => {
                ("is not known yet: it is saved of the answer to this call", "use it in the calls that follow")
            }
            Unsaved::Deciding => (
                "is not known here: it is saved of an answer, and no call is made before the event is taken",
                "take it from what the event brings, such as `payload.id`",
            ),
            Unsaved::AnyDelivery => (
                "is not known yet: a step of a delivery saves it, and `lookup` comes before all of them",
                "take what the event brings; or make this call as a step of that delivery",
            ),
            Unsaved::OtherDelivery => (
                "is not known here: a step of another delivery saves it, and each delivery stands alone",
                "write the step under `lookup:`, which every delivery follows",
            ),
        }
    }
}

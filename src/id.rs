//! Ids of events and deliveries: made without a central counter, sorted by time.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::clock::Timestamp;

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident, $prefix:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id; ids made later sort later.
            pub fn new() -> Self {
                $name(Uuid::now_v7())
            }

            /// When it was made.
            pub fn made_at(&self) -> Option<Timestamp> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                let seconds = i64::try_from(seconds).ok()?;
                Some(Timestamp(Timestamp::from_seconds(seconds).0.saturating_add(i64::from(nanos / 1_000_000))))
            }
        }

        impl From<$name> for u128 {
            fn from(id: $name) -> u128 {
                id.0.as_u128()
            }
        }

        impl From<u128> for $name {
            fn from(digits: u128) -> Self {
                $name(Uuid::from_u128(digits))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(InvalidId)?;
                Uuid::try_parse(digits).map($name).map_err(|_| InvalidId)
            }
        }
    };
}

/// Text that is not an id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct InvalidId;

id!(
    /// One accepted event: `evt_` and 32 hexadecimal digits.
    EventId, "evt"
);
id!(
    /// One delivery: `dlv_` and 32 hexadecimal digits.
    DeliveryId, "dlv"
);

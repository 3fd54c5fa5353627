//! How much the head of a request may be: its address and its headers.

use super::RawRequest;

/// What stands around a header on its line: `: ` and the line break.
const BETWEEN: usize = 4;

/// How much the head of one request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Headers.
    pub headers: usize,
    /// Bytes of the address and the headers.
    pub bytes: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        HeadLimits { headers: 100, bytes: 32 << 10 }
    }
}

impl HeadLimits {
    /// Whether an address and headers, each with the length of its name and value, are within these.
    pub fn fit(&self, target: &str, headers: impl Iterator<Item = usize>) -> bool {
        let (count, bytes) =
            headers.fold((0, target.len()), |(count, bytes), more| (count + 1, bytes + more + BETWEEN));
        count <= self.headers && bytes <= self.bytes
    }

    /// Whether a captured request is.
    pub fn fit_captured(&self, raw: &RawRequest) -> bool {
        self.fit(&raw.target, raw.headers.iter().map(|(name, value)| name.len() + value.len()))
    }
}

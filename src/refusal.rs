//! Why a request is not taken: one registry of stable codes, each with its status, and how often each came.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::clock::Timestamp;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal, $status:literal;)*) => {
        /// Why a request is not taken. Its word is stable: it stands in the answer, in the log and in `status`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[doc = $doc])* $variant,)* }

        impl Reason {
            /// Every reason there is, by status.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The stable word.
            pub fn word(self) -> &'static str {
                match self { $(Reason::$variant => $word,)* }
            }

            /// The status of the answer unless said otherwise.
            pub fn status(self) -> u16 {
                match self { $(Reason::$variant => $status,)* }
            }

            /// One sentence on when it comes.
            pub fn summary(self) -> &'static str {
                match self { $(Reason::$variant => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

reasons! {
    /// It is no request as HTTP wants it: another protocol, two `Host` headers, a length that is none.
    MalformedRequest = "malformed-request", 400;
    /// The body ends before it is complete, or its chunks are not as HTTP wants them.
    BodyBroken = "body-broken", 400;
    /// What a handshake would send back is too long, or holds other characters than an address may.
    UnfitChallenge = "unfit-challenge", 400;
    /// The request is not from whom it should be.
    VerificationFailed = "verification-failed", 401;
    /// The token of a handshake is missing or wrong.
    HandshakeRefused = "handshake-refused", 403;
    /// No source was ever here.
    NotFound = "not-found", 404;
    /// The source does not take this method; `Allow` says which it takes.
    WrongMethod = "wrong-method", 405;
    /// The body comes too slowly: over the source's `time`, or less than 1 KB a second.
    BodyTooSlow = "body-too-slow", 408;
    /// The body is larger than the source's `body`.
    BodyTooLarge = "body-too-large", 413;
    /// The body holds more parts, values or levels than the source's limits, or grows too large without its compression.
    UndecodableBody = "undecodable-body", 413;
    /// More requests than the source's `rate`.
    TooManyRequests = "too-many-requests", 429;
    /// More headers, or longer ones, than `limits` in `jackfield.yaml`.
    HeadersTooLarge = "headers-too-large", 431;
    /// A source was here and is not at the moment.
    NotServedNow = "not-served-now", 503;
    /// More requests at once, or more bytes of bodies, than `limits` in `jackfield.yaml`.
    Overloaded = "overloaded", 503;
    /// The store can't keep up, or its disk fails.
    StoreUnavailable = "store-unavailable", 503;
    /// More connections than `limits` in `jackfield.yaml`, and this one had brought no whole request for longest.
    TooManyConnections = "too-many-connections", 503;
}

impl Reason {
    /// Whether the server or the source has too much to do: the source's `overload` says how that is answered.
    pub fn is_overload(self) -> bool {
        matches!(self, Reason::TooManyRequests | Reason::Overloaded | Reason::StoreUnavailable)
    }

    /// Whether the same request may be taken a little later, so that the answer says when.
    pub fn is_for_now(self) -> bool {
        self.is_overload() || matches!(self, Reason::BodyTooSlow | Reason::NotServedNow | Reason::TooManyConnections)
    }
}

/// How many requests were not taken, by reason and by source, and how many were handshakes. Of what is refused, nothing else
/// is kept.
#[derive(Debug)]
pub struct Tally {
    refused: [AtomicU64; Reason::ALL.len()],
    /// Those of each source that is named in the files.
    sources: Mutex<BTreeMap<Arc<str>, TurnedAway>>,
    /// The second, or minute, in which each was told last.
    told: [AtomicU64; Reason::ALL.len()],
    /// The refusals that the log shows, by reason and source.
    shown: Mutex<BTreeMap<Alike, Shown>>,
    handshakes: AtomicU64,
}

/// Refusals of one reason at one source.
type Alike = (&'static str, Option<Arc<str>>);

/// What one source has refused since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    counts: [u64; Reason::ALL.len()],
    /// Why the last was, and when.
    pub reason: Reason,
    pub at: Timestamp,
}

impl TurnedAway {
    /// How many in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many for one reason.
    pub fn of(&self, reason: Reason) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or(0)
    }
}

#[derive(Debug)]
struct Shown {
    /// The second in which one was shown last.
    at: u64,
    /// How many were not shown since.
    others: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let all = |start: u64| std::array::from_fn(|_| AtomicU64::new(start));
        Tally {
            refused: all(0),
            sources: Mutex::default(),
            told: all(u64::MAX),
            shown: Mutex::default(),
            handshakes: AtomicU64::new(0),
        }
    }
}

impl Tally {
    pub fn refused(&self, reason: Reason) {
        if let Some(count) = self.refused.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The same of a request that came to a source.
    pub fn refused_by(&self, source: &Arc<str>, reason: Reason, at: Timestamp) {
        self.refused(reason);
        let mut all = self.sources.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let none = || TurnedAway { counts: [0; Reason::ALL.len()], reason, at };
        let own = match all.get_mut(source) {
            Some(own) => own,
            None => all.entry(source.clone()).or_insert_with(none),
        };
        (own.reason, own.at) = (reason, at);
        if let Some(count) = own.counts.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// What a source has refused; nothing for one that has refused nothing.
    pub fn turned_away(&self, source: &str) -> Option<TurnedAway> {
        self.sources.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(source).cloned()
    }

    /// How many requests were refused in all.
    pub fn total(&self) -> u64 {
        self.refused.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub fn handshake(&self) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether what is wrong here is worth a line in the log: a flood must not become one there, so that it is told once in
    /// a second, or whatever `span` counts.
    pub fn is_news(&self, reason: Reason, span: u64) -> bool {
        self.told.get(reason as usize).is_some_and(|told| told.swap(span, Ordering::Relaxed) != span)
    }

    /// Whether a refusal is shown in the log, and how many like it were not since the last: one in a second for each
    /// reason and source.
    pub fn to_show(&self, reason: Reason, source: Option<&Arc<str>>, second: u64) -> Option<u64> {
        let mut all = self.shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(shown) = all.get_mut(&(reason.word(), source.cloned())) else {
            all.insert((reason.word(), source.cloned()), Shown { at: second, others: 0 });
            return Some(0);
        };
        if shown.at == second {
            shown.others += 1;
            return None;
        }
        shown.at = second;
        Some(std::mem::take(&mut shown.others))
    }

    pub fn handshakes(&self) -> u64 {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// The reasons that came, with how often.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Ordering::Relaxed));
        Reason::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_their_own_and_stand_by_status() {
        let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.status()));
    }

    #[test]
    fn what_a_source_refuses_is_counted_there_too() {
        let (tally, source) = (Tally::default(), Arc::from("a"));
        tally.refused(Reason::NotFound);
        tally.refused_by(&source, Reason::BodyTooLarge, Timestamp(1));
        tally.refused_by(&source, Reason::VerificationFailed, Timestamp(2));
        let own = tally.turned_away("a").unwrap();
        assert_eq!((own.count(), own.of(Reason::BodyTooLarge), own.reason), (2, 1, Reason::VerificationFailed));
        assert_eq!((own.at, tally.total(), tally.turned_away("b")), (Timestamp(2), 3, None));
    }

    #[test]
    fn a_flood_is_told_once_in_a_second_and_counted_whole() {
        let tally = Tally::default();
        (0..3).for_each(|_| tally.refused(Reason::Overloaded));
        assert_eq!(tally.counts().collect::<Vec<_>>(), [(Reason::Overloaded, 3)]);
        let news = [0, 0, 1].map(|second| tally.is_news(Reason::Overloaded, second));
        assert_eq!(news, [true, false, true]);
        let show = |source: &str, second| tally.to_show(Reason::VerificationFailed, Some(&source.into()), second);
        assert_eq!([show("a", 7), show("a", 7), show("b", 7), show("a", 7)], [Some(0), None, Some(0), None]);
        assert_eq!([show("a", 8), show("a", 9), show("b", 9)], [Some(2), Some(0), Some(0)]);
    }
}

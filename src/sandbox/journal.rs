//! What was received: all of it counted, some of it kept, idempotency keys remembered.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::received::{Received, Verdict};
use crate::value::Value;

/// How many requests of each verdict, in the order of [`Verdict::WORDS`], and how many distinct idempotency keys.
#[derive(Clone, Copy, Default)]
struct Counts {
    verdicts: [u64; Verdict::WORDS.len()],
    keys: u64,
}

pub(super) struct Journal {
    remember: usize,
    ring: Mutex<VecDeque<Arc<Received>>>,
    counts: Mutex<BTreeMap<Arc<str>, Counts>>,
    /// Each idempotency key with the number of the request that brought it first. It grows until it is told to forget.
    keys: Mutex<HashMap<u128, u64>>,
}

/// Nothing here is left half done by a panic, so a poisoned lock is as good as any.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    pub(super) fn new(remember: usize) -> Self {
        Journal { remember, ring: Mutex::default(), counts: Mutex::default(), keys: Mutex::default() }
    }

    pub(super) fn keeps(&self) -> bool {
        self.remember > 0
    }

    pub(super) fn keep(&self, received: &Arc<Received>) {
        if !self.keeps() {
            return;
        }
        let mut ring = locked(&self.ring);
        if ring.len() >= self.remember {
            ring.pop_front();
        }
        ring.push_back(received.clone());
    }

    /// What is kept, in the order of its numbers: two at the same moment may have been kept the other way round.
    pub(super) fn kept(&self) -> Vec<Arc<Received>> {
        let mut kept: Vec<_> = locked(&self.ring).iter().cloned().collect();
        kept.sort_by_key(|received| received.number);
        kept
    }

    pub(super) fn count(&self, provider: &Arc<str>, verdict: &Verdict) {
        self.change(provider, |counts| {
            if let Some(count) = counts.verdicts.get_mut(verdict.position()) {
                *count += 1;
            }
        });
    }

    /// The number of the first request with this key; `number` if it is this one.
    pub(super) fn first(&self, provider: &Arc<str>, key: u128, number: u64) -> u64 {
        match locked(&self.keys).entry(key) {
            Entry::Occupied(first) => return *first.get(),
            Entry::Vacant(slot) => slot.insert(number),
        };
        self.change(provider, |counts| counts.keys += 1);
        number
    }

    fn change(&self, provider: &Arc<str>, change: impl FnOnce(&mut Counts)) {
        let mut all = locked(&self.counts);
        match all.get_mut(provider) {
            Some(counts) => change(counts),
            None => change(all.entry(provider.clone()).or_default()),
        }
    }

    /// Forgets requests, counts and idempotency keys.
    pub(super) fn forget(&self) {
        locked(&self.ring).clear();
        locked(&self.counts).clear();
        locked(&self.keys).clear();
    }

    /// The counts of all providers and of each.
    pub(super) fn stats(&self) -> Value {
        let counts = locked(&self.counts).clone();
        let mut total = Counts::default();
        for one in counts.values() {
            total.keys += one.keys;
            for (sum, count) in total.verdicts.iter_mut().zip(one.verdicts) {
                *sum += count;
            }
        }
        let providers = counts.iter().map(|(name, counts)| (name.clone(), Value::object(counts.fields())));
        let mut fields = total.fields();
        fields.push(("kept", Value::from(locked(&self.ring).len() as u64)));
        fields.push(("providers", Value::object(providers)));
        Value::object(fields)
    }
}

impl Counts {
    fn fields(&self) -> Vec<(&'static str, Value)> {
        let mut fields = vec![("requests", Value::from(self.verdicts.iter().sum::<u64>()))];
        fields.extend(Verdict::WORDS.into_iter().zip(self.verdicts.map(Value::from)));
        fields.push(("idempotency_keys", Value::from(self.keys)));
        fields
    }
}

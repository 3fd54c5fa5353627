//! Steps that ask and found nothing: what a later step makes afterwards stands for their answer, and until it is known what
//! that has done, they are asked again.

use super::open::target;
use super::{Key, Memory, Plan, Saved, Step};
use crate::pack::Idempotency;
use crate::route::RouteSet;
use crate::value::Value;

/// Whether a step that was done has found nothing of what it saves.
pub fn is_nothing(saved: &Value) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    saved.as_object().is_none_or(|fields| fields.iter().all(|(_, value)| is_empty(value)))
}

/// What a step saved, as it stands in the ledger and in the memory.
pub fn written(saved: &Value) -> String {
    match saved {
        Value::Null => "{}".to_owned(),
        saved => saved.to_json(),
    }
}

impl Plan {
    /// The first of the steps directly before this one that asked, and found nothing; none where the one before found
    /// something, or may have done something.
    pub fn asked(&self, index: usize, saved: &Saved, live: &RouteSet) -> Option<usize> {
        let found_nothing = |step: &usize| self.asks(*step, live) && saved.get(*step).is_some_and(is_nothing);
        (0..index).rev().take_while(found_nothing).last()
    }

    /// Whether a step looks for something, and a repetition changes nothing. Not a lookup: what it found of the event decides on
    /// other deliveries, too, and stays.
    pub fn asks(&self, index: usize, live: &RouteSet) -> bool {
        let looks_for = |step: &&Step| !step.save.is_empty() && !is_once(step);
        let Some(step) = self.steps.get(index).filter(looks_for) else { return false };
        target(&step.to, live, &step.place()).is_ok_and(|(_, operation)| match operation.idempotency {
            Idempotency::Safe => true,
            Idempotency::None => matches!(&*operation.method, "GET" | "HEAD"),
            Idempotency::Field(_) | Idempotency::Header(_) => false,
        })
    }

    /// Whether others may take what a step saved for the answer of theirs. That there is nothing is so for now only; a lookup
    /// is made once for its event, whatever it finds.
    pub fn is_lasting(&self, index: usize, saved: &Value) -> bool {
        self.steps.get(index).is_some_and(|step| is_once(step) || step.save.is_empty() || !is_nothing(saved))
    }

    /// Under which keys it is remembered, beside its own, what a step has made: those of the steps directly before it that
    /// asked for the same names. Who asks there next would find it.
    pub fn answers(&self, index: usize, made: &Value, saved: &Saved, live: &RouteSet) -> Vec<Memory> {
        let Some(from) = self.asked(index, saved, live).filter(|_| !is_nothing(made)) else { return Vec::new() };
        let answered = (from..index).filter(|step| self.steps.get(*step).is_some_and(|step| has_names(made, step)));
        answered.filter_map(|step| self.memory(step, saved, live).ok().flatten()).collect()
    }

    /// What may be remembered of a step before `index`, each by its key, as JSON: what it found, or where that is nothing, what
    /// was made instead, or found so that nothing had to be made.
    pub(super) fn remembered_of(
        &self,
        step: usize,
        index: usize,
        saved: &Saved,
        live: &RouteSet,
    ) -> Vec<(String, String)> {
        let (Some(own), Some(found)) = (self.steps.get(step), saved.get(step)) else { return Vec::new() };
        let Ok(Some(memory)) = self.memory(step, saved, live) else { return Vec::new() };
        let others = (0..index).filter_map(|other| saved.get(other));
        let instead = others.filter(|other| is_nothing(found) && has_names(other, own));
        std::iter::once(found).chain(instead).map(|value| (memory.key.clone(), written(value))).collect()
    }

    /// What is remembered of these steps.
    pub fn remembered(&self, steps: std::ops::Range<usize>, saved: &Saved, live: &RouteSet) -> Vec<(String, String)> {
        let end = steps.end;
        steps.flat_map(|step| self.remembered_of(step, end, saved, live)).collect()
    }
}

/// Whether a step is a lookup, which is made once for each event.
pub(super) fn is_once(step: &Step) -> bool {
    step.remember.as_ref().is_some_and(|own| matches!(own.key, Key::Once(_)))
}

/// Whether a value has every name that a step saves.
fn has_names(value: &Value, step: &Step) -> bool {
    step.save.iter().all(|extract| value.get(&extract.name).is_some_and(|value| !value.is_null()))
}

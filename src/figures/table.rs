//! Figures by name. Finding one keeps nobody waiting; only a new name does, for a moment.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// So many names at the most: routes that came and went in a week of edits. What goes beyond is not counted by name.
pub(super) const MOST: usize = 50_000;

#[derive(Debug)]
pub(super) struct Table<T>(RwLock<HashMap<Arc<str>, Arc<T>>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(RwLock::default())
    }
}

impl<T: Default> Table<T> {
    /// What is counted of this name, from now on.
    pub(super) fn of(&self, name: &Arc<str>) -> Arc<T> {
        self.find(name).unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            match all.len() < MOST {
                true => all.entry(name.clone()).or_default().clone(),
                false => all.get(name).cloned().unwrap_or_default(),
            }
        })
    }

    /// What was counted of it, where anything was.
    pub(super) fn find(&self, name: &str) -> Option<Arc<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every name with what was counted, in alphabetical order.
    pub(super) fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = all.iter().map(|(name, figures)| (name.clone(), figures.clone())).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Leaves out those of which nothing is to be kept.
    pub(super) fn keep(&self, is_kept: impl Fn(&str, &T) -> bool) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, figures| is_kept(name, figures));
    }
}

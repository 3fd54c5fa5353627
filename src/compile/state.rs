//! What a compilation knows so far; it can be laid aside, and gone on from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{Compiler, Documents};
use crate::config::Problems;
use crate::diagnostic::Place;
use crate::privacy::Privacy;
use crate::route::Route;

/// What a compilation knows so far.
#[derive(Clone, Default)]
pub(super) struct State {
    pub documents: Documents,
    pub problems: Problems,
    /// `jackfield.yaml` is not there or could not be read, so nothing is known of what it declares.
    pub unknown_settings: bool,
    /// Whether `jackfield.yaml` says at which address senders call.
    pub has_public_url: bool,
    /// What every path of a source begins with.
    pub prefix: Arc<str>,
    /// What is masked of every source.
    pub privacy_of_all: Privacy,
    /// Settings of connections that are missing, and reported there.
    pub unset: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Operations, by pack, that have problems of their own; with no name, whole packs.
    pub broken: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Where each source is written.
    pub source_places: BTreeMap<Arc<str>, Place>,
    /// Where fields of bodies belong that stand somewhere else, which is reported there.
    pub moved: HashSet<Place>,
    /// Templates that did not compile: what they make is not known.
    pub blanks: HashSet<Place>,
    /// Extracts with a `map` of which an entry stands for nothing, which is reported.
    pub blank_maps: HashSet<Place>,
    /// Texts that are names in reach.
    pub literals: Vec<(Arc<str>, Place)>,
    /// What compiled of routes of which not all did: their names, and nothing that is sent.
    pub partial: Vec<Arc<Route>>,
}

impl Deref for Compiler<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Compiler<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

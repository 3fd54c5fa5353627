//! What every route is compiled against: the settings, the packs, the connections and the sources that routes share.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::RegexSet;

use super::memo::Memo;
use super::pack::Packs;
use super::source::CompiledSource;
use super::{Compiler, Entrance, Input, State, address};
use crate::config::settings::Settings;
use crate::config::source::Limits;
use crate::route::RouteSet;
use crate::value::Value;

/// All but the routes, compiled; and how the compilation stood then.
pub(super) struct Base {
    pub settings: Option<Settings>,
    pub page: Option<Entrance>,
    pub packs: Packs,
    /// The set without routes, and without the sources that they have for themselves.
    pub set: RouteSet,
    /// The sources that jackfield.yaml declares.
    pub shared: BTreeMap<Arc<str>, CompiledSource>,
    /// The source of the server's own alerts.
    pub alerts: CompiledSource,
    pub finder: Finder,
    /// The packs that some file may mean.
    pub named: BTreeSet<usize>,
    /// Whether it rests on what all files of the workspace name.
    pub has_looked_around: bool,
    pub state: State,
}

/// Finds which packs a file may mean: those whose name stands anywhere in it.
pub(super) struct Finder {
    names: Vec<Arc<str>>,
    all: Option<RegexSet>,
}

impl Finder {
    fn of(input: &Input<'_>) -> Self {
        let packs = input.files.keys().filter_map(|file| file.strip_prefix("schemas/")?.strip_suffix("/pack.yaml"));
        let names: Vec<Arc<str>> = packs.map(Arc::from).collect();
        let all = RegexSet::new(names.iter().map(|name| regex::escape(name))).ok();
        Finder { names, all }
    }

    /// The numbers of the packs that a text may mean.
    pub(super) fn packs_in(&self, text: &str) -> Vec<usize> {
        match &self.all {
            Some(all) => all.matches(text).into_iter().collect(),
            None => (0..).zip(&self.names).filter(|(_, name)| text.contains(&***name)).map(|(at, _)| at).collect(),
        }
    }
}

impl Base {
    /// The limits of sources that say nothing of them.
    pub(super) fn limits(&self) -> Option<Limits> {
        self.settings.as_ref().and_then(|s| s.limits.as_ref()).map(|limits| limits.of_sources())
    }

    /// A compilation that goes on from here.
    pub(super) fn resumed<'a>(&self, input: &'a Input<'a>, memo: &'a Memo) -> Compiler<'a> {
        Compiler { input, memo, has_looked_around: Cell::new(false), state: self.state.clone() }
    }
}

impl Compiler<'_> {
    /// All but the routes.
    pub(super) fn base(mut self) -> Base {
        let settings: Option<Settings> = self.settings();
        let public_url = self.public_url(settings.as_ref());
        let page = self.entrance(settings.as_ref());
        let mut set = RouteSet::new("", public_url);
        self.prefix = self.path_prefix(settings.as_ref());
        set.prefix = self.prefix.clone();
        self.privacy_of_all = self.privacy(settings.as_ref().and_then(|settings| settings.privacy.as_ref()));
        set.privacy = self.privacy_of_all.clone();
        set.head = settings.as_ref().map(address::head_limits).unwrap_or_default();
        set.vars = settings.as_ref().and_then(|s| s.vars.as_ref()).map_or(Value::Null, |vars| vars.to_value());
        // To compile each pack that is built in would take longer than all else.
        let finder = Finder::of(self.input);
        let files = self.input.files.iter().filter(|(path, _)| !path.starts_with("schemas/"));
        let named: BTreeSet<usize> = files.flat_map(|(_, text)| finder.packs_in(text)).collect();
        let is_named = |name: &str| named.iter().any(|at| finder.names.get(*at).is_some_and(|known| **known == *name));
        let packs = self.packs(is_named);
        set.packs = packs.providers();
        let mut base = Base {
            settings: None,
            page,
            packs,
            set,
            shared: BTreeMap::new(),
            alerts: self.own_source(),
            finder,
            named,
            has_looked_around: false,
            state: State::default(),
        };
        if let Some(settings) = &settings {
            base.set.connections = self.connections(settings, &base.packs);
            let limits = settings.limits.as_ref().map(|limits| limits.of_sources());
            for named in settings.sources.iter() {
                let source = self.source(&named.name.value, &named.value, &base.packs, limits.as_ref());
                if let Some(source) = source {
                    self.serve(&source, &mut base.set);
                    base.shared.insert(named.name.value.clone(), source);
                }
            }
        }
        Base { settings, has_looked_around: self.has_looked_around.get(), state: self.state, ..base }
    }
}

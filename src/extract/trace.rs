//! How an extract came to its value: which path found what, and what became of it. For a dry run; `serve` never asks.

use super::{Extract, Map, is_nothing};
use crate::convert;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::path::{self, Compared, Location, Path};
use crate::value::Value;

/// No more locations of one extract are kept; no list has more.
const SHOWN: usize = 1000;

/// An extract with its outcome and the way to it.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The value; nothing when the name is absent.
    pub outcome: Result<Option<Value>, Box<Diagnostic>>,
    pub finding: Finding,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub enum Finding {
    Path(Hit),
    /// No path found anything, so the default was taken, or the name is absent.
    Nowhere(Miss),
    /// Whoever asked gave the value.
    Given,
}

/// A path that found something.
#[derive(Clone, Debug)]
pub struct Hit {
    /// As written.
    pub path: Path,
    pub place: Place,
    /// What stands in the payload, and where.
    pub found: Vec<(Location, Value)>,
    pub mapped: Option<Mapped>,
}

/// What decided the value under `map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    Entry(String),
    Else,
}

/// Paths that found nothing.
#[derive(Clone, Debug)]
pub struct Miss {
    /// Fields that are there, and are null or empty text.
    pub empty: Vec<Location>,
    /// Paths of the payload that look like what was meant.
    pub nearby: Vec<String>,
    /// What stands where a filter asks for something else.
    pub compared: Option<Compared>,
    /// The default stands in.
    pub default: bool,
}

impl Extract {
    /// The same as [`Extract::run`], with how it came about.
    pub fn trace(&self, payload: &Value) -> Traced {
        let outcome = self
            .run(payload)
            .map(|found| found.map(|found| found.value))
            .map_err(|problem| Box::new(self.with_values(problem, payload)));
        let hit = self.paths.iter().find_map(|(path, place)| self.hit(path, place, payload));
        let finding = hit.map_or_else(|| Finding::Nowhere(self.miss(payload)), Finding::Path);
        Traced { outcome, finding }
    }

    fn hit(&self, path: &Path, place: &Place, payload: &Value) -> Option<Hit> {
        let found = path.select(payload, SHOWN).into_iter().filter(|(_, value)| !is_nothing(value));
        let found: Vec<(Location, Value)> = found.map(|(location, value)| (location, value.clone())).collect();
        let mapped = match found.as_slice() {
            [] => return None,
            [(_, value)] => self.map.as_ref().and_then(|map| self.mapped_by(map, value)),
            _ => None,
        };
        Some(Hit { path: path.clone(), place: place.clone(), found, mapped })
    }

    fn mapped_by(&self, map: &Map, value: &Value) -> Option<Mapped> {
        let converted = self.matched(value).and_then(|value| self.converted(&value)).ok()?;
        let text = convert::text(&converted).ok()?;
        let known = map.entries.iter().any(|(from, _)| **from == *text);
        match known {
            true => Some(Mapped::Entry(text)),
            false => map.otherwise.is_some().then_some(Mapped::Else),
        }
    }

    /// What the payload has where a filter of a path asks for something else.
    fn compared(&self, payload: &Value) -> Option<Compared> {
        self.paths.iter().find_map(|(path, _)| path::compared(&[payload], path))
    }

    /// A problem of a name that is not found, with the values that are there instead; for tests and dry runs alone,
    /// since they were sent by somebody.
    pub fn with_values(&self, problem: Diagnostic, payload: &Value) -> Diagnostic {
        let Some(compared) = self.compared(payload).filter(|_| problem.code == Code::ValueNotFound) else {
            return problem;
        };
        let words = match compared.meant {
            Some(_) => compared.words(),
            None => format!("{}; if it may be missing, write `{}?:`", compared.words(), self.name),
        };
        problem.help(words).shows_sample()
    }

    fn miss(&self, payload: &Value) -> Miss {
        let found = self.paths.iter().flat_map(|(path, _)| path.select(payload, SHOWN));
        let empty: Vec<Location> = found.map(|(location, _)| location).collect();
        let nearby = if empty.is_empty() { self.near(payload) } else { Vec::new() };
        let compared = self.compared(payload).filter(|_| empty.is_empty());
        Miss { empty, nearby, compared, default: self.default.is_some() }
    }
}

//! Variables of the environment that are not set: which one was meant.

use std::collections::BTreeSet;

use super::{Compiler, SETTINGS, Secrets};
use crate::diagnostic::{Code, Diagnostic, On, Place, Segment, suggest};

/// Where the variables for trials stand.
const SANDBOX_ENV: &str = "sandbox.env";

impl Compiler<'_> {
    /// What to do about a variable that is not set.
    pub(super) fn unset_help(&self, name: &str) -> String {
        let known = self.own_variables();
        if let Some(near) = suggest::nearest(name, known.iter().map(String::as_str)) {
            return format!("did you mean `${{env:{near}}}`?");
        }
        let trials = match self.input.secrets {
            Secrets::Required => "sandbox.env counts with `--sandbox` alone".to_owned(),
            Secrets::Optional => format!("for trials, put it into sandbox.env: `{name}=…`"),
        };
        format!("set it where Jackfield is started: `{name}=… jackfield serve`; {trials}")
    }

    /// The variables that are set and are this workspace's: in sandbox.env, or named by one of its files. The shell has many
    /// that have nothing to do with it.
    pub(super) fn own_variables(&self) -> BTreeSet<String> {
        let trials = (self.input.read)(SANDBOX_ENV).unwrap_or_default();
        let trials = String::from_utf8_lossy(&trials).into_owned();
        let of_trials = trials.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().to_owned());
        let of_files = self.mentions().variables.keys().map(|name| name.trim().to_owned());
        of_trials.chain(of_files).filter(|name| self.input.environment.variables.contains_key(name)).collect()
    }

    /// Whether the value at a place is a variable that is not set, which is told there.
    pub(super) fn is_variable_unset(&self, place: &Place) -> bool {
        self.unset_places().any(|at| at.file == place.file && at.path == place.path)
    }

    /// Whether a test fails at what a pack makes of a setting whose variable is not set: the value is made up.
    pub(super) fn is_of_unset(&self, problem: &Diagnostic) -> bool {
        if problem.code == Code::InvalidBody {
            return self.unset_settings().any(|setting| problem.message.contains(&format!("`{setting}`")));
        }
        let Some(place) = problem.place().filter(|_| problem.code == Code::TemplateFailed) else { return false };
        let whole = Place { on: On::Value, ..place.clone() };
        let node = self.documents.0.get(&place.file).and_then(|document| document.node(&whole.path));
        let Some(text) = node.and_then(|node| node.as_scalar()).map(|scalar| &scalar.text) else { return false };
        self.unset_settings().any(|setting| text.contains(&format!("connection.{setting}")))
    }

    fn unset_settings(&self) -> impl Iterator<Item = &str> {
        self.unset_places().filter(|at| &*at.file == SETTINGS).filter_map(|at| match at.path.split_last() {
            Some((_, Segment::Key(setting))) => Some(&**setting),
            _ => None,
        })
    }

    fn unset_places(&self) -> impl Iterator<Item = &Place> {
        self.problems.iter().filter(|problem| problem.code == Code::MissingVariable).filter_map(Diagnostic::place)
    }
}

//! Calls that a test does not answer, so that the pack's stand-in does.

use super::TestCase;
use crate::diagnostic::{Code, Diagnostic};
use crate::extract::Extract;
use crate::path;
use crate::plan::Step;
use crate::value::Value;

impl TestCase {
    /// A name that a step could not save: the answer that the test lacks comes first, unless the stand-in's has nearly what
    /// the path looks for.
    pub(super) fn without_answer(
        &self,
        mut problem: Diagnostic,
        unanswered: Option<(String, Vec<Extract>)>,
        made_up: &Value,
    ) -> Diagnostic {
        let Some((advice, save)) = unanswered.filter(|_| problem.code == Code::ValueNotFound) else {
            return self.in_test(problem);
        };
        let own = problem.help.take().map(|own| format!("; {own}")).unwrap_or_default();
        problem.help = Some(advice + &own);
        let mut problem = self.in_test(problem);
        let paths = save.iter().flat_map(|extract| &extract.paths);
        let mut of_problem = paths.filter(|(_, place)| problem.place() == Some(place));
        if of_problem.all(|(path, _)| path::nearby(made_up, path).is_empty())
            && let Some(test) = problem.labels.pop()
        {
            problem.labels.insert(0, test);
        }
        problem
    }

    /// What to add to the test where it does not say how a call is answered.
    pub(super) fn unanswered(&self, step: &Step) -> Option<String> {
        let is_given = self.answers.iter().any(|(to, _)| *to == step.to);
        (!is_given).then(|| {
            let shape = step.save.iter().find_map(|extract| shape_of(&extract.paths.first()?.0));
            let shape = shape.map_or_else(|| "{ … }".to_owned(), |shape| shape.replace('…', "1"));
            format!(
                "the test does not say what `{to}` answers, so the pack's stand-in did; add to the test: \
                 `answers: {{ {to}: {shape} }}`",
                to = step.to
            )
        })
    }
}

/// The smallest answer in which a path finds something: `{ payload: [{ id: … }] }`.
fn shape_of(path: &path::Path) -> Option<String> {
    let around = |inner: String, step: &path::Step| match step {
        path::Step::Key(key) => format!("{{ {key}: {inner} }}"),
        path::Step::Index(index) => format!("[{}{inner}]", "{}, ".repeat((*index).min(9))),
    };
    Some(path.steps()?.iter().rev().fold("…".to_owned(), around))
}

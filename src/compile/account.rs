//! A body that is written for another account than the one that it is sent to.

use super::Compiler;
use super::body::Target;
use super::template::Reach;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic};
use crate::pack::Draft;
use crate::route::RouteSet;

impl Compiler<'_> {
    /// Of a body with fields that its operation does not have, and that is right for the operation of the same name at
    /// another account, the target is the line to mend.
    pub(super) fn check_account(&mut self, before: usize, to: &Text, draft: &Draft, reach: &Reach, set: &RouteSet) {
        let own = self.problems.get(before..).unwrap_or_default();
        let Some((connection, operation)) = to.split_once('.').filter(|_| own.iter().any(is_unknown_field)) else {
            return;
        };
        let Some(account) = set.connections.get(connection) else { return };
        let others = set.connections.values().filter(|other| other.pack.name != account.pack.name);
        let fitting: Vec<_> = others
            .filter(|other| {
                let target = format!("{}.{operation}", other.name);
                other.pack.operations.get(operation).is_some_and(|operation| {
                    let target = Target { to: &target, connection: other, operation, reach };
                    self.fits(&target, draft)
                })
            })
            .collect();
        let [other] = fitting.as_slice() else { return };
        let right = format!("{}.{operation}", other.name);
        let message = format!(
            "this body is one of `{right}`, of {}, and `{connection}` is an account of {}",
            other.pack.title, account.pack.title
        );
        let help = format!("write `to: {right}`, or write the body for {}", account.pack.title);
        let at = draft.body_place.clone();
        let mut index = 0;
        self.problems.retain(|problem| {
            index += 1;
            let of_body = problem.place().is_some_and(|place| place.file == at.file && place.path.is_within(&at.path));
            index <= before || !of_body
        });
        self.report(Diagnostic::new(Code::InvalidBody, to.place.clone(), message).help(help));
    }

    /// Whether a body would be right for another target.
    fn fits(&mut self, target: &Target<'_>, draft: &Draft) -> bool {
        let (problems, moved) = (std::mem::take(&mut self.problems), self.moved.clone());
        self.check_body(draft.body.as_ref(), target, &draft.body_place);
        self.moved = moved;
        let found = std::mem::replace(&mut self.problems, problems);
        !found.iter().any(Diagnostic::is_error)
    }
}

fn is_unknown_field(problem: &Diagnostic) -> bool {
    problem.code == Code::InvalidBody && problem.message.contains("has no field")
}

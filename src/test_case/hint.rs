//! What a failed test adds to a problem, from its sample.

use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::route::Route;

/// The values that stand in the sample where a filter of the path asks for something else.
pub fn with_values(problem: Diagnostic, route: &Route, event: &Event) -> Diagnostic {
    let is_of = |place| problem.place() == Some(place);
    let extract = route.extracts.iter().find(|extract| extract.paths.iter().any(|(_, place)| is_of(place)));
    match extract {
        Some(extract) => extract.with_values(problem, &event.payload),
        None => problem,
    }
}

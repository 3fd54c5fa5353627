//! What a delivery does: its calls in order, the last of which is its own. What no saved name touches is rendered when the
//! event is routed; the rest stays a template, with the values that it needs, so that a plan is whole without the files of
//! its revision.

mod ask;
mod caller;
mod late;
mod make;
mod open;
mod preview;
mod stored;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Place};
use crate::extract::Extract;
use crate::pack::outcome::Answer;
use crate::pack::{Draft, Placed};
use crate::request::{InvalidRequest, Request};
use crate::value::{Value, json};

pub use ask::{is_nothing, written};
pub use caller::at_caller;
pub use late::{is_late, late_in};
pub use make::{is_single, make};
pub use open::{Memory, Opened, Stale};
pub use preview::{Known, Preview, placeholder};
pub use walk::{Walk, stand_in_answer};

/// The calls of one delivery.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scopes of names: the route's, and that of a pack's chain.
    pub frames: Vec<Frame>,
    pub steps: Vec<Step>,
    pub on_unknown: OnUnknown,
}

/// A scope of names.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The values that templates of this frame still need.
    pub names: Vec<(Arc<str>, Value)>,
    /// The chain that it is the scope of: `connection.operation`.
    pub chain: Option<Arc<str>>,
    /// What the chain is called with, where a saved name touches it; `body` and `params` come from it then.
    pub input: Option<Draft>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Step {
    /// The scope of its names: an index of [`Plan::frames`].
    pub frame: usize,
    /// `connection.operation`
    pub to: Arc<str>,
    /// What must hold, or must not, for it to be made.
    pub guards: Vec<Guard>,
    pub save: Vec<Extract>,
    pub remember: Option<Remember>,
    pub content: Content,
}

/// A condition that was not known when the event was routed.
#[derive(Clone, Debug)]
pub struct Guard {
    pub frame: usize,
    /// The account whose settings it sees.
    pub connection: Arc<str>,
    /// Whether it must hold: `when`, or must not: `unless`.
    pub holds: bool,
    pub when: Placed,
}

/// What a step saved stands for the call, for a time.
#[derive(Clone, Debug)]
pub struct Remember {
    pub key: Key,
    pub period: Duration,
}

/// By what a call is known again.
#[derive(Clone, Debug)]
pub enum Key {
    /// The whole key: a lookup is made once for each event.
    Once(Arc<str>),
    /// A text of the route's or the pack's.
    Ready(Arc<str>),
    Late(Placed),
}

/// The request of a step.
#[derive(Clone, Debug)]
pub enum Content {
    Ready(Box<Request>),
    /// Templates, some of which use what earlier steps save.
    Late(Box<Draft>),
}

/// What to do when it is not known whether the provider took a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// Try again; it may arrive twice.
    #[default]
    Retry,
    /// Keep it until a person decides.
    Hold,
}

impl OnUnknown {
    pub fn word(self) -> &'static str {
        match self {
            OnUnknown::Retry => "retry",
            OnUnknown::Hold => "hold",
        }
    }
}

/// What the steps that are done have saved, by step. A step that was left out has saved nothing.
#[derive(Clone, Debug, Default)]
pub struct Saved(BTreeMap<usize, Value>);

impl Saved {
    /// What a ledger holds: each step that is done with what it saved, as JSON.
    pub fn from_ledger<'a>(entries: impl IntoIterator<Item = (u32, &'a str)>) -> Result<Self, InvalidRequest> {
        let entry = |(step, saved): (u32, &str)| {
            let value = json::parse(saved.as_bytes(), &json::Limits::default()).map_err(|_| InvalidRequest)?;
            Ok((usize::try_from(step).map_err(|_| InvalidRequest)?, value))
        };
        entries.into_iter().map(entry).collect::<Result<_, _>>().map(Saved)
    }

    pub fn set(&mut self, step: usize, value: Value) {
        self.0.insert(step, value);
    }

    /// Whether a step is done.
    pub fn has(&self, step: usize) -> bool {
        self.0.contains_key(&step)
    }

    /// This step and those after it are not done any more.
    pub fn undo(&mut self, from: usize) {
        self.0.split_off(&from);
    }

    pub fn get(&self, step: usize) -> Option<&Value> {
        self.0.get(&step)
    }
}

impl Plan {
    /// A delivery that is one finished request.
    pub fn of_request(request: Request) -> Plan {
        let step = Step {
            frame: 0,
            to: request.to.clone(),
            guards: Vec::new(),
            save: Vec::new(),
            remember: None,
            content: Content::Ready(Box::new(request)),
        };
        Plan { frames: vec![Frame::default()], steps: vec![step], on_unknown: OnUnknown::Retry }
    }

    /// The index of the delivery's own request.
    pub fn last(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }
}

impl Step {
    /// The account that it calls.
    pub fn connection(&self) -> &str {
        self.to.split_once('.').map_or(&*self.to, |(connection, _)| connection)
    }

    pub fn operation(&self) -> &str {
        self.to.split_once('.').map_or("", |(_, operation)| operation)
    }

    /// What the step keeps of an answer: an object by name. A name that is not there and need not be is left out.
    pub fn saved(&self, answer: &Answer) -> Result<Value, Diagnostic> {
        let body = match self.save.is_empty() {
            true => Value::Null,
            false => answer.json(),
        };
        self.saved_of(&body)
    }

    /// The same, of the decoded body of an answer.
    pub fn saved_of(&self, body: &Value) -> Result<Value, Diagnostic> {
        let mut saved = Vec::new();
        for extract in &self.save {
            let found = extract.run(body).map_err(|problem| self.of_answer(problem))?;
            saved.extend(found.map(|found| (extract.name.clone(), found.value)));
        }
        Ok(Value::object(saved))
    }

    /// A problem of an extract, said of an answer.
    fn of_answer(&self, problem: Diagnostic) -> Diagnostic {
        let help = problem.help.as_ref().map(|help| help.replace("the payload has", "the answer has"));
        Diagnostic { message: format!("of the answer of `{}`, {}", self.to, problem.message), help, ..problem }
    }

    fn place(&self) -> Place {
        match &self.content {
            Content::Late(draft) => draft.place.clone(),
            Content::Ready(_) => Place::bytes(self.to.clone(), 0..0),
        }
    }
}

#[cfg(test)]
mod tests;

//! Calls before a delivery: what each is for, what it keeps, and what those that follow may count on.

use std::sync::Arc;

use super::Compiler;
use super::extract::{bare, can_be_name, flat, type_of};
use super::send::{Parts, words};
use super::template::{Kind, Known, Reach, Unsaved};
use crate::config::Named;
use crate::config::extract::Extract as WrittenExtract;
use crate::config::settings::Settings;
use crate::config::step::{Remember as WrittenRemember, Step as Written};
use crate::diagnostic::{Code, Diagnostic};
use crate::extract::Extract;
use crate::pack::{Connection, Draft, Operation, Placed, Remember, Step};
use crate::route::{RouteSet, RouteStep};
use crate::types::{Presence, Type};

impl Compiler<'_> {
    /// The steps of a route, in order. The names that they save are in reach afterwards.
    pub(super) fn route_steps(
        &mut self,
        written: &[Written],
        reach: &mut Reach,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Vec<Option<RouteStep>> {
        let mut steps = Vec::new();
        for (index, step) in written.iter().enumerate() {
            let target = step.call.get().and_then(|call| self.target(call, set, settings));
            let target = target.filter(|(_, operation)| self.check_no_chain(step, operation));
            let later = written.get(index + 1..).unwrap_or_default();
            let before = reach.unsaved.len();
            reach.unsaved.extend(saved_by(later, Unsaved::LaterStep));
            let pair = target.as_ref().map(|(connection, operation)| (&**connection, operation));
            let compiled = self.step(step, pair, reach);
            reach.unsaved.truncate(before);
            steps.push(compiled.and_then(|step| {
                let (connection, operation) = target?;
                Some(RouteStep { to: format!("{}.{}", connection.name, operation.name).into(), connection, step })
            }));
        }
        steps
    }

    /// One step, and the names that it saves into reach.
    pub(super) fn step(
        &mut self,
        written: &Written,
        target: Option<(&Connection, &Arc<Operation>)>,
        reach: &mut Reach,
    ) -> Option<Step> {
        let mut inner = reach.clone();
        inner.unsaved.extend(saved_by(std::slice::from_ref(written), Unsaved::ThisStep));
        inner.enter(target.map(|(connection, _)| connection));
        let when = written.when.as_ref().map(|when| self.placed(when, Kind::Condition, &mut inner));
        let unless = written.unless.as_ref().map(|unless| self.placed(unless, Kind::Condition, &mut inner));
        match (&when, &written.when) {
            (Some(Some(when)), _) => inner.hold(&when.template),
            (Some(None), Some(text)) => inner.make_certain(&words(text)),
            _ => {}
        }
        if let Some(Some(unless)) = &unless {
            inner.make_certain(&unless.template.demanded_unless());
        }
        let parts = Parts {
            to: written.call.get(),
            params: &written.params,
            query: &written.query,
            headers: &written.headers,
            body: written.body.as_ref(),
            place: &written.place,
        };
        let draft = self.draft(&parts, target.map(|(connection, operation)| (connection, &**operation)), &mut inner);
        let remember =
            written.remember.as_ref().map(|remember| self.remember(remember, written, draft.as_ref(), &mut inner));
        self.check_names_once(&written.save);
        let save: Vec<Option<Extract>> = written.save.iter().map(|named| self.saved(named, reach)).collect();
        reach.used.append(&mut inner.used);
        let known = [when.as_ref(), unless.as_ref()].map(|placed| placed.and_then(Option::as_ref));
        for (named, extract) in written.save.iter().zip(&save) {
            let ty = extract.as_ref().map_or_else(Type::unknown, |extract| type_of(&named.value, extract));
            save_name(reach, bare(&named.name), ty, known);
        }
        reach.broken.extend(written.save.unread.iter().map(|name| bare(name).into()));
        let (_, operation) = target?;
        Some(Step {
            operation: operation.clone(),
            draft: draft?,
            when: flat(when)?,
            unless: flat(unless)?,
            save: save.into_iter().collect::<Option<_>>()?,
            remember: flat(remember)?,
        })
    }

    /// A name that a step saves, which is a name of its own.
    fn saved(&mut self, named: &Named<WrittenExtract>, reach: &Reach) -> Option<Extract> {
        let name = bare(&named.name);
        if reach.is_extracted(name) {
            let message = format!("`{name}` is extracted already, and can't be saved by a step as well");
            let help = format!("choose another name here, such as `{name}_found`");
            self.report(Diagnostic::new(Code::ConflictingKeys, named.name.place.clone(), message).help(help));
            return None;
        }
        self.extract(named)
    }

    fn remember(
        &mut self,
        written: &WrittenRemember,
        step: &Written,
        draft: Option<&Draft>,
        reach: &mut Reach,
    ) -> Option<Remember> {
        if step.save.is_empty() && step.save.unread.is_empty() {
            let message = "`remember` has nothing to keep: the step saves nothing";
            let help = "add `save:` with what the calls after it need, such as `save: { contact_id: $.id }`";
            let diagnostic = Diagnostic::new(Code::MissingKey, written.place.on_key(), message).help(help);
            self.report_missing(&step.place, "save", diagnostic);
        }
        let key = written.key.get()?;
        let placed: Option<Placed> = self.placed(key, Kind::Value, reach);
        self.check_key(key, placed.as_ref(), draft, reach);
        Some(Remember { key: placed?, period: written.period.value })
    }

    /// A chain stands in `to` alone: its last call is a delivery.
    fn check_no_chain(&mut self, step: &Written, operation: &Operation) -> bool {
        let Some(call) = step.call.get().filter(|_| operation.is_chain()) else { return true };
        let connection = call.split_once('.').map_or("", |(connection, _)| connection);
        let calls: Vec<String> =
            operation.chain.iter().map(|step| format!("`{connection}.{}`", step.operation.name)).collect();
        let message = format!("`{}` is a chain of several calls, and can't be one step", call.value);
        let help = format!("write it as `to`; or call what it consists of: {}", calls.join(", "));
        self.report(Diagnostic::new(Code::UnknownOperation, call.place.clone(), message).help(help));
        false
    }

    /// Names that steps save and nothing uses. A step for its own effect saves nothing.
    pub(super) fn unused_saved(&mut self, steps: &[Written], reach: &Reach) {
        let Some(file) = steps.first().map(|step| step.place.file.clone()) else { return };
        if self.problems.iter().any(|p| p.is_error() && p.place().is_some_and(|place| place.file == file)) {
            return;
        }
        for named in steps.iter().flat_map(|step| step.save.iter()) {
            let name = bare(&named.name);
            if !reach.used.iter().any(|used| **used == *name) {
                if let Some(problem) = self.unused_literal(name, &file) {
                    self.report(problem);
                    continue;
                }
                let message = format!("`{name}` is saved and never used");
                let diagnostic = Diagnostic::new(Code::UnusedName, named.name.place.clone(), message);
                self.report(diagnostic.help("use it in a call that follows, or remove the line"));
            }
        }
    }
}

/// The names that steps save, with why they are not there yet.
pub(super) fn saved_by(steps: &[Written], why: Unsaved) -> Vec<(Arc<str>, Unsaved)> {
    let names = steps.iter().flat_map(|step| step.save.iter());
    names.map(|named| (Arc::from(bare(&named.name)), why)).collect()
}

/// A saved name joins those in reach. Whether it is there depends on whether the call is made; one that is left out only
/// where the name has a value already leaves it certain.
fn save_name(reach: &mut Reach, name: &str, ty: Type, [when, unless]: [Option<&Placed>; 2]) {
    if !can_be_name(name) {
        reach.broken.push(name.into());
        return;
    }
    let known_without = unless.is_some_and(|placed| placed.template.demanded().iter().any(|known| **known == *name))
        || when.is_some_and(|placed| placed.template.demanded_unless().iter().any(|known| **known == *name));
    let is_conditional = when.is_some() || unless.is_some();
    let before = reach.names.iter().position(|known| &*known.name == name);
    let own = ty.presence;
    let presence = match (is_conditional, before.and_then(|at| reach.names.get(at)).map(|known| known.ty.presence)) {
        (false, _) => own,
        (true, Some(Presence::Certain)) => Presence::Certain,
        (true, _) if known_without => own,
        (true, _) => Presence::Possible,
    };
    let ty = match before.and_then(|at| reach.names.get(at)) {
        Some(known) if is_conditional => known.ty.clone().union(ty),
        _ => ty,
    };
    let known = Known { name: name.into(), ty: ty.with_presence(presence) };
    match before.and_then(|at| reach.names.get_mut(at)) {
        Some(slot) => *slot = known,
        None => reach.names.push(known),
    }
}

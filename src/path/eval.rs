//! Walks a payload along a compiled path, borrowing what it finds and counting every value it looks at.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::lower::{Condition, Operand, Operator, Pattern, Query, Segment, Selector, Start};
use super::{Location, Step, pattern};
use crate::value::{Number, Value};

/// How many values one evaluation may look at, repeats counted.
const BUDGET: usize = 1_000_000;
/// What compiling a pattern out of a payload counts as.
const COMPILING: usize = 10_000;

/// The steps down to a value, linked up the call stack so that keeping them costs nothing.
pub enum Trail<'a, 'v> {
    Root,
    Key(&'a Trail<'a, 'v>, &'v Arc<str>),
    Index(&'a Trail<'a, 'v>, usize),
}

impl Trail<'_, '_> {
    pub fn location(&self) -> Location {
        let mut steps = Vec::new();
        let mut trail = self;
        loop {
            trail = match trail {
                Trail::Root => break,
                Trail::Key(parent, key) => {
                    steps.push(Step::Key(Arc::clone(key)));
                    parent
                }
                Trail::Index(parent, index) => {
                    steps.push(Step::Index(*index));
                    parent
                }
            };
        }
        steps.reverse();
        Location(steps)
    }
}

/// What is done with a value found; a break ends the search.
type Found<'f, 'v> = &'f mut dyn FnMut(&Trail<'_, 'v>, &'v Value) -> ControlFlow<()>;

impl Query {
    /// Follows a path of names and positions only.
    pub fn single<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.segments.iter().try_fold(root, |value, segment| match segment.selectors.as_slice() {
            [Selector::Name(name)] => value.get(name),
            [Selector::Index(index)] => {
                let items = value.as_array()?;
                items.get(position(*index, items.len())?)
            }
            _ => None,
        })
    }
}

/// The position an index stands for, counted from the end if it is negative.
fn position(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// One search of one payload.
pub struct Evaluation<'v> {
    root: &'v Value,
    left: Cell<usize>,
}

impl<'v> Evaluation<'v> {
    pub fn of(root: &'v Value) -> Self {
        Evaluation { root, left: Cell::new(BUDGET) }
    }

    pub fn run(&self, query: &Query, found: Found<'_, 'v>) {
        self.run_from(&query.segments, self.root, found);
    }

    /// The same from a value inside the payload.
    pub fn run_from(&self, segments: &[Segment], start: &'v Value, found: Found<'_, 'v>) {
        let _ended = self.walk(segments, &Trail::Root, start, found);
    }

    fn spend(&self, cost: usize) -> ControlFlow<()> {
        match self.left.get().checked_sub(cost) {
            Some(left) => {
                self.left.set(left);
                ControlFlow::Continue(())
            }
            None => {
                self.left.set(0);
                ControlFlow::Break(())
            }
        }
    }

    fn walk(
        &self,
        segments: &[Segment],
        at: &Trail<'_, 'v>,
        value: &'v Value,
        found: Found<'_, 'v>,
    ) -> ControlFlow<()> {
        self.spend(1)?;
        let Some((segment, rest)) = segments.split_first() else {
            return found(at, value);
        };
        self.segment(segment, rest, at, value, found)
    }

    fn segment(
        &self,
        segment: &Segment,
        rest: &[Segment],
        at: &Trail<'_, 'v>,
        value: &'v Value,
        found: Found<'_, 'v>,
    ) -> ControlFlow<()> {
        for selector in &segment.selectors {
            self.selector(selector, rest, at, value, found)?;
        }
        if !segment.descendant {
            return ControlFlow::Continue(());
        }
        children(at, value, &mut |at, child| {
            self.spend(1)?;
            self.segment(segment, rest, at, child, found)
        })
    }

    fn selector(
        &self,
        selector: &Selector,
        rest: &[Segment],
        at: &Trail<'_, 'v>,
        value: &'v Value,
        found: Found<'_, 'v>,
    ) -> ControlFlow<()> {
        match (selector, value) {
            (Selector::Name(name), Value::Object(object)) => match object.get_key_value(name) {
                Some((key, child)) => self.walk(rest, &Trail::Key(at, key), child, found),
                None => ControlFlow::Continue(()),
            },
            (Selector::Index(index), Value::Array(items)) => {
                let place = position(*index, items.len());
                match place.and_then(|place| Some((place, items.get(place)?))) {
                    Some((place, child)) => self.walk(rest, &Trail::Index(at, place), child, found),
                    None => ControlFlow::Continue(()),
                }
            }
            (Selector::Wildcard, _) => children(at, value, &mut |at, child| self.walk(rest, at, child, found)),
            (Selector::Slice { start, end, step }, Value::Array(items)) => {
                for place in slice(*start, *end, *step, items.len()) {
                    if let Some(child) = items.get(place) {
                        self.walk(rest, &Trail::Index(at, place), child, found)?;
                    }
                }
                ControlFlow::Continue(())
            }
            (Selector::Filter(condition), _) => children(at, value, &mut |at, child| {
                self.spend(1)?;
                if self.holds(condition, child) { self.walk(rest, at, child, found) } else { ControlFlow::Continue(()) }
            }),
            _ => ControlFlow::Continue(()),
        }
    }

    fn holds(&self, condition: &Condition, current: &'v Value) -> bool {
        match condition {
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part, current)),
            Condition::All(parts) => parts.iter().all(|part| self.holds(part, current)),
            Condition::Not(inner) => !self.holds(inner, current),
            Condition::Exists(start, query) => self.count(*start, query, current, 1) > 0,
            Condition::Compare(operator, left, right) => {
                let (left, right) = (self.operand(left, current), self.operand(right, current));
                self.compare(*operator, left.as_ref().map(Side::value), right.as_ref().map(Side::value))
            }
            Condition::Match { text, pattern } => self.matches(text, pattern, current).unwrap_or(false),
        }
    }

    fn matches(&self, text: &Operand, pattern: &Pattern, current: &'v Value) -> Option<bool> {
        let text = self.operand(text, current)?;
        let text = text.value().as_str()?;
        if self.spend(1 + text.len() / 16).is_break() {
            return None;
        }
        match pattern {
            Pattern::Compiled(regex) => Some(regex.is_match(text)),
            Pattern::Foreign { pattern, whole } => {
                let pattern = self.operand(pattern, current)?;
                let pattern = pattern.value().as_str()?;
                if self.spend(COMPILING).is_break() {
                    return None;
                }
                Some(pattern::compile_foreign(pattern, *whole)?.is_match(text))
            }
        }
    }

    fn operand<'a>(&self, operand: &'a Operand, current: &'v Value) -> Option<Side<'a>>
    where
        'v: 'a,
    {
        match operand {
            Operand::Literal(value) => Some(Side::Borrowed(value)),
            Operand::Single(start, query) => query.single(self.start(*start, current)).map(Side::Borrowed),
            Operand::Length(inner) => self.length(self.operand(inner, current)?.value()).map(Side::number),
            Operand::Count(start, query) => Some(Side::number(self.count(*start, query, current, usize::MAX))),
            Operand::Value(start, query) => self.only(*start, query, current).map(Side::Borrowed),
        }
    }

    fn length(&self, value: &Value) -> Option<usize> {
        match value {
            Value::String(text) => self.spend(text.len() / 64).is_continue().then(|| text.chars().count()),
            Value::Array(items) => Some(items.len()),
            Value::Object(object) => Some(object.len()),
            _ => None,
        }
    }

    /// How many values a path inside a filter finds, as far as `enough`.
    fn count(&self, start: Start, query: &Query, current: &'v Value, enough: usize) -> usize {
        let from = self.start(start, current);
        if query.singular {
            return usize::from(query.single(from).is_some());
        }
        let mut count = 0;
        let _ended = self.walk(&query.segments, &Trail::Root, from, &mut |_, _| {
            count += 1;
            if count >= enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        count
    }

    /// The value a path inside a filter finds, if it finds exactly one.
    fn only(&self, start: Start, query: &Query, current: &'v Value) -> Option<&'v Value> {
        let (mut one, mut more) = (None, false);
        let _ended = self.walk(&query.segments, &Trail::Root, self.start(start, current), &mut |_, value| {
            more = one.is_some();
            one = Some(value);
            if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        one.filter(|_| !more)
    }

    fn start(&self, start: Start, current: &'v Value) -> &'v Value {
        match start {
            Start::Root => self.root,
            Start::Current => current,
        }
    }

    fn compare(&self, operator: Operator, left: Option<&Value>, right: Option<&Value>) -> bool {
        match operator {
            Operator::Equal => self.equal(left, right),
            Operator::NotEqual => !self.equal(left, right),
            Operator::Less => less(left, right),
            Operator::Greater => less(right, left),
            Operator::LessOrEqual => less(left, right) || self.equal(left, right),
            Operator::GreaterOrEqual => less(right, left) || self.equal(left, right),
        }
    }

    /// Two absent values are equal; an absent one is not equal to null.
    fn equal(&self, left: Option<&Value>, right: Option<&Value>) -> bool {
        match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => self.same(left, right),
            _ => false,
        }
    }

    /// Deep equality which counts against the budget.
    fn same(&self, left: &Value, right: &Value) -> bool {
        if self.spend(1).is_break() {
            return false;
        }
        match (left, right) {
            (Value::Array(left), Value::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| self.same(left, right))
            }
            (Value::Object(left), Value::Object(right)) => {
                left.len() == right.len()
                    && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| self.same(left, right)))
            }
            _ => left == right,
        }
    }
}

/// One side of a comparison: found in the payload or the path, or computed.
enum Side<'a> {
    Borrowed(&'a Value),
    Computed(Value),
}

impl Side<'_> {
    fn number(count: usize) -> Self {
        Side::Computed(Value::Number(Number::from(count as u64)))
    }

    fn value(&self) -> &Value {
        match self {
            Side::Borrowed(value) => value,
            Side::Computed(value) => value,
        }
    }
}

/// Only numbers and texts have an order.
fn less(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => left < right,
        (Some(Value::String(left)), Some(Value::String(right))) => left < right,
        _ => false,
    }
}

fn children<'v>(
    at: &Trail<'_, 'v>,
    value: &'v Value,
    each: &mut dyn FnMut(&Trail<'_, 'v>, &'v Value) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(place, child)| each(&Trail::Index(at, place), child))
        }
        Value::Object(object) => object.iter().try_for_each(|(key, child)| each(&Trail::Key(at, key), child)),
        _ => ControlFlow::Continue(()),
    }
}

/// The positions of a slice (RFC 9535, 2.3.4.2.2), in the order it selects them.
fn slice(start: Option<i64>, end: Option<i64>, step: i64, length: usize) -> impl Iterator<Item = usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index >= 0 { index } else { length.saturating_add(index) };
    let (mut next, stop) = if step >= 0 {
        let start = absolute(start.unwrap_or(0)).clamp(0, length);
        (start, absolute(end.unwrap_or(length)).clamp(0, length))
    } else {
        let start = start.map_or(length - 1, absolute).clamp(-1, length - 1);
        (start, end.map_or(-1, absolute).clamp(-1, length - 1))
    };
    std::iter::from_fn(move || {
        let inside = (step > 0 && next < stop) || (step < 0 && next > stop);
        let place = usize::try_from(next).ok().filter(|_| inside)?;
        next = next.saturating_add(step);
        Some(place)
    })
}

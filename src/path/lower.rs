//! Turns the parser's tree into the evaluator's, checking how functions are used and compiling patterns.

use std::sync::Arc;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, Literal, Segment as Parsed, Selector as ParsedSelector,
    SingularQuery, SingularQuerySegment, Test, TestFunction,
};
use regex::Regex;

use super::token::{Token, quoted};
use super::{PathError, PathErrorKind, Step, pattern};
use crate::value::{Number, Value};

#[derive(Debug)]
pub struct Query {
    pub segments: Vec<Segment>,
    pub singular: bool,
}

#[derive(Debug)]
pub struct Segment {
    /// `..`: of the value itself and of everything below it.
    pub descendant: bool,
    pub selectors: Vec<Selector>,
}

impl Segment {
    /// The one step that it takes: a name, or a position from the start.
    pub fn step(&self) -> Option<Step> {
        match self.selectors.as_slice() {
            [Selector::Name(name)] if !self.descendant => Some(Step::Key(name.clone())),
            [Selector::Index(index)] if !self.descendant => usize::try_from(*index).ok().map(Step::Index),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub enum Selector {
    Name(Arc<str>),
    Index(i64),
    Wildcard,
    Slice { start: Option<i64>, end: Option<i64>, step: i64 },
    Filter(Condition),
}

/// A condition.
#[derive(Debug)]
pub enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Start, Query),
    Compare(Operator, Operand, Operand),
    Match { text: Operand, pattern: Pattern },
}

#[derive(Clone, Copy, Debug)]
pub enum Start {
    Root,
    Current,
}

#[derive(Clone, Copy, Debug)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub enum Operand {
    Literal(Value),
    Single(Start, Query),
    Length(Box<Operand>),
    Count(Start, Query),
    Value(Start, Query),
}

#[derive(Debug)]
pub enum Pattern {
    Compiled(Box<Regex>),
    /// Read from the payload, so compiled when it is known.
    Foreign {
        pattern: Operand,
        whole: bool,
    },
}

type Lowered<T> = Result<T, PathError>;

/// The text of the path is at hand to say where an error stands, as the parser's tree does not.
pub struct Lowering<'t> {
    pub text: &'t str,
    pub tokens: &'t [Token<'t>],
}

impl Lowering<'_> {
    pub fn query(&self, parsed: &[Parsed]) -> Lowered<Query> {
        let segments = parsed.iter().map(|segment| self.segment(segment)).collect::<Lowered<Vec<_>>>()?;
        let singular = segments.iter().all(Segment::is_singular);
        Ok(Query { segments, singular })
    }

    fn segment(&self, parsed: &Parsed) -> Lowered<Segment> {
        match parsed {
            Parsed::Descendant(inner) => Ok(Segment { descendant: true, ..self.segment(inner)? }),
            Parsed::Selector(one) => Ok(Segment { descendant: false, selectors: vec![self.selector(one)?] }),
            Parsed::Selectors(many) => {
                let selectors = many.iter().map(|one| self.selector(one)).collect::<Lowered<_>>()?;
                Ok(Segment { descendant: false, selectors })
            }
        }
    }

    fn selector(&self, parsed: &ParsedSelector) -> Lowered<Selector> {
        Ok(match parsed {
            ParsedSelector::Name(name) => Selector::Name(name.as_str().into()),
            ParsedSelector::Wildcard => Selector::Wildcard,
            ParsedSelector::Index(index) => Selector::Index(*index),
            ParsedSelector::Slice(start, end, step) => {
                Selector::Slice { start: *start, end: *end, step: step.unwrap_or(1) }
            }
            ParsedSelector::Filter(filter) => Selector::Filter(self.filter(filter)?),
        })
    }

    fn filter(&self, parsed: &Filter) -> Lowered<Condition> {
        match parsed {
            Filter::Or(parts) => {
                Ok(Condition::Any(parts.iter().map(|part| self.filter(part)).collect::<Lowered<_>>()?))
            }
            Filter::And(parts) => {
                Ok(Condition::All(parts.iter().map(|part| self.filter(part)).collect::<Lowered<_>>()?))
            }
            Filter::Atom(FilterAtom::Filter { expr, not }) => Ok(negate(*not, self.filter(expr)?)),
            Filter::Atom(FilterAtom::Test { expr, not }) => Ok(negate(*not, self.test(expr)?)),
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.comparison(comparison),
        }
    }

    fn test(&self, parsed: &Test) -> Lowered<Condition> {
        match parsed {
            Test::RelQuery(segments) => Ok(Condition::Exists(Start::Current, self.query(segments)?)),
            Test::AbsQuery(query) => Ok(Condition::Exists(Start::Root, self.query(&query.segments)?)),
            Test::Function(function) => match &**function {
                TestFunction::Match(text, pattern) => self.matching("match", text, pattern),
                TestFunction::Search(text, pattern) => self.matching("search", text, pattern),
                TestFunction::Custom(name, _) => Err(self.unknown(name)),
                known => {
                    let name = name_of(known);
                    let message = format!("`{name}` gives a value, which must be compared with another");
                    Err(self.misuse(name, message).help(format!("for example `{name}(@.items) > 0`")))
                }
            },
        }
    }

    fn matching(&self, name: &'static str, text: &FnArg, pattern: &FnArg) -> Lowered<Condition> {
        let whole = name == "match";
        let text = self.value_argument(name, text)?;
        let pattern = match pattern {
            FnArg::Literal(Literal::String(literal)) => {
                let compiled = pattern::compile(literal, whole).ok_or_else(|| self.bad_pattern(name, literal))?;
                Pattern::Compiled(Box::new(compiled))
            }
            other => Pattern::Foreign { pattern: self.value_argument(name, other)?, whole },
        };
        Ok(Condition::Match { text, pattern })
    }

    fn comparison(&self, parsed: &Comparison) -> Lowered<Condition> {
        let operator = match parsed {
            Comparison::Eq(..) => Operator::Equal,
            Comparison::Ne(..) => Operator::NotEqual,
            Comparison::Gt(..) => Operator::Greater,
            Comparison::Gte(..) => Operator::GreaterOrEqual,
            Comparison::Lt(..) => Operator::Less,
            Comparison::Lte(..) => Operator::LessOrEqual,
        };
        let (left, right) = parsed.vals();
        Ok(Condition::Compare(operator, self.comparable(left)?, self.comparable(right)?))
    }

    fn comparable(&self, parsed: &Comparable) -> Lowered<Operand> {
        match parsed {
            Comparable::Literal(literal) => self.literal(literal),
            Comparable::Function(function) => self.value_function(function),
            Comparable::SingularQuery(SingularQuery::Root(steps)) => Ok(Operand::Single(Start::Root, single(steps))),
            Comparable::SingularQuery(SingularQuery::Current(steps)) => {
                Ok(Operand::Single(Start::Current, single(steps)))
            }
        }
    }

    fn literal(&self, literal: &Literal) -> Lowered<Operand> {
        Ok(Operand::Literal(match literal {
            Literal::Int(number) => Value::from(*number),
            Literal::Float(number) => Value::Number(Number::from_f64(*number).ok_or_else(|| {
                PathError::new(PathErrorKind::Syntax, 0..self.text.len(), "a number in this path is too large")
            })?),
            Literal::String(text) => Value::from(text.as_str()),
            Literal::Bool(flag) => Value::from(*flag),
            Literal::Null => Value::Null,
        }))
    }

    /// A function whose result is a value: `length`, `count` and `value`.
    fn value_function(&self, function: &TestFunction) -> Lowered<Operand> {
        match function {
            TestFunction::Length(argument) => Ok(Operand::Length(Box::new(self.value_argument("length", argument)?))),
            TestFunction::Count(argument) => {
                self.nodes_argument("count", argument).map(|(from, query)| Operand::Count(from, query))
            }
            TestFunction::Value(argument) => {
                self.nodes_argument("value", argument).map(|(from, query)| Operand::Value(from, query))
            }
            TestFunction::Custom(name, _) => Err(self.unknown(name)),
            TestFunction::Match(..) | TestFunction::Search(..) => {
                let name = name_of(function);
                let message = format!("`{name}` is a condition of its own, it gives no value to compare or pass on");
                Err(self.misuse(name, message).help(format!("for example `?{name}(@.type, 'em.*')`")))
            }
        }
    }

    fn value_argument(&self, name: &'static str, argument: &FnArg) -> Lowered<Operand> {
        let (from, query) = match argument {
            FnArg::Literal(literal) => return self.literal(literal),
            FnArg::Filter(_) => {
                return Err(self.misuse(name, format!("`{name}` needs a value, but is given a condition")));
            }
            FnArg::Test(test) => match &**test {
                Test::Function(function) => return self.value_function(function),
                Test::RelQuery(segments) => (Start::Current, self.query(segments)?),
                Test::AbsQuery(query) => (Start::Root, self.query(&query.segments)?),
            },
        };
        if !query.singular {
            let message = format!("`{name}` needs a path that names one value, this one can find several");
            return Err(self
                .misuse(name, message)
                .help("use a path without `*`, `..`, `:` and filters, or `value(…)`"));
        }
        Ok(Operand::Single(from, query))
    }

    fn nodes_argument(&self, name: &'static str, argument: &FnArg) -> Lowered<(Start, Query)> {
        if let FnArg::Test(test) = argument {
            match &**test {
                Test::RelQuery(segments) => return Ok((Start::Current, self.query(segments)?)),
                Test::AbsQuery(query) => return Ok((Start::Root, self.query(&query.segments)?)),
                Test::Function(_) => {}
            }
        }
        Err(self.misuse(name, format!("`{name}` needs a path, such as `{name}(@.items[*])`")))
    }

    fn misuse(&self, name: &str, message: String) -> PathError {
        PathError::new(PathErrorKind::FunctionUse, self.place(name), message)
    }

    fn unknown(&self, name: &str) -> PathError {
        super::explain::unknown_function(name, self.place(name))
    }

    fn bad_pattern(&self, name: &str, pattern: &str) -> PathError {
        let message = format!("{} is not a regular expression `{name}` can use, or too large a one", quoted(pattern));
        PathError::new(PathErrorKind::BadPattern, self.place(name), message)
            .help("look-around and back-references are not available; a backslash is written twice: '\\\\d+'")
    }

    /// Where the function `name` is first called, or else the whole path.
    fn place(&self, name: &str) -> std::ops::Range<usize> {
        let called = self.tokens.windows(2).find_map(|pair| match pair {
            [word, open] if word.is_word() && word.text == name && open.is("(") => Some(word.range.clone()),
            _ => None,
        });
        called.unwrap_or(0..self.text.len())
    }
}

impl Segment {
    fn is_singular(&self) -> bool {
        !self.descendant && matches!(self.selectors.as_slice(), [Selector::Name(_) | Selector::Index(_)])
    }
}

fn single(steps: &[SingularQuerySegment]) -> Query {
    let segments = steps.iter().map(|step| Segment {
        descendant: false,
        selectors: vec![match step {
            SingularQuerySegment::Index(index) => Selector::Index(*index),
            SingularQuerySegment::Name(name) => Selector::Name(name.as_str().into()),
        }],
    });
    Query { segments: segments.collect(), singular: true }
}

fn negate(not: bool, test: Condition) -> Condition {
    if not { Condition::Not(Box::new(test)) } else { test }
}

fn name_of(function: &TestFunction) -> &'static str {
    match function {
        TestFunction::Length(_) => "length",
        TestFunction::Value(_) => "value",
        TestFunction::Count(_) => "count",
        TestFunction::Search(..) => "search",
        TestFunction::Match(..) => "match",
        TestFunction::Custom(..) => "this function",
    }
}

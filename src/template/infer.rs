//! The type of a template, from the types of the names in it: through filters, operators and choices.

mod operator;

use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, Expr, IfExpr, Stmt, UnaryOp, UnaryOpKind};
use minijinja::machinery::parse;

use super::lint::{bytes, dotted, start};
use super::signature::item_at;
use super::truth::{is_for_false, or, true_part};
use super::{Program, Template, arguments, bridge, field, filter, signature};
use crate::types::{Form, Kinds, Presence, Type};
use crate::value::Value;

/// What an expression is, and what in it can never work.
#[derive(Debug)]
pub struct Inferred {
    pub ty: Type,
    pub misfits: Vec<Misfit>,
    /// What works, and was hardly meant so.
    pub doubts: Vec<Misfit>,
    /// The time zones that moments are known to be in where a format is written without one, and behind which byte each
    /// belongs.
    pub zones: Vec<(usize, String)>,
    /// The comparisons among the misfits.
    pub compared: Vec<Misfit>,
}

/// A part of a template that fails in every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Bytes of the template's text.
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

/// The type of a name and of what stands under it.
pub type Names<'n> = &'n dyn Fn(&str, &[Arc<str>]) -> Type;

impl Template {
    /// The type of what the template makes.
    pub fn infer(&self, names: Names<'_>) -> Inferred {
        let ty = match &*self.program {
            Program::Constant(value) => return Inferred::of(Type::constant(value, None)),
            Program::Whole(_) => None,
            Program::Parts(parts) => {
                let texts = parts.iter().map(|part| match part {
                    super::Part::Text(text) => text.chars().count(),
                    super::Part::Expr(_) => 0,
                });
                Some(Type::text_of(texts.sum()))
            }
            Program::Statements(_) => Some(Type::text(Form::Any)),
        };
        let mut walk = Walk::new(names);
        let (source, shift) = self.braced();
        let found = parse(&source, "template", Default::default()).ok().and_then(|tree| walk.template(&tree));
        let compared = walk.misfits.iter().filter(|misfit| walk.compared.contains(&misfit.range)).cloned().collect();
        let shifted = |misfits: Vec<Misfit>| {
            misfits.into_iter().map(|misfit| misfit.shifted(shift, self.text.len())).collect::<Vec<_>>()
        };
        let ty = ty.or(found).unwrap_or_else(Type::unknown);
        let zones = walk.zones.into_iter().map(|(at, zone)| (at.saturating_sub(shift), zone)).collect();
        let (misfits, doubts) = (shifted(walk.misfits), shifted(walk.doubts));
        Inferred { ty, misfits, doubts, zones, compared: shifted(compared) }
    }

    /// The text with braces around it, which a condition may go without, and how many bytes that added before it.
    pub(super) fn braced(&self) -> (String, usize) {
        let bare = matches!(&*self.program, Program::Whole(_)) && !self.text.contains("{{");
        if bare { (format!("{{{{ {} }}}}", self.text), 3) } else { (self.text.to_string(), 0) }
    }
}

impl Inferred {
    fn of(ty: Type) -> Self {
        Inferred { ty, misfits: Vec::new(), doubts: Vec::new(), zones: Vec::new(), compared: Vec::new() }
    }
}

impl Misfit {
    pub(super) fn shifted(self, shift: usize, length: usize) -> Misfit {
        let within = |at: usize| at.saturating_sub(shift).min(length);
        Misfit { range: within(self.range.start)..within(self.range.end), ..self }
    }
}

pub(super) struct Walk<'n> {
    pub names: Names<'n>,
    pub misfits: Vec<Misfit>,
    doubts: Vec<Misfit>,
    /// The time zones in which moments are written, and where each would be named.
    zones: Vec<(usize, String)>,
    /// Where comparisons are misfits.
    compared: Vec<Range<usize>>,
    /// Names that a loop or a `set` gives inside the template.
    locals: Vec<String>,
}

impl<'n> Walk<'n> {
    pub(super) fn new(names: Names<'n>) -> Self {
        Walk {
            names,
            misfits: Vec::new(),
            doubts: Vec::new(),
            zones: Vec::new(),
            compared: Vec::new(),
            locals: Vec::new(),
        }
    }

    /// Looks at every expression; the type is that of the last one.
    fn template(&mut self, tree: &Stmt<'_>) -> Option<Type> {
        let Stmt::Template(template) = tree else { return None };
        self.statements(&template.children)
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) -> Option<Type> {
        let mut last = None;
        for statement in statements {
            match statement {
                Stmt::EmitExpr(emit) => last = Some(self.expr(&emit.expr)),
                Stmt::ForLoop(each) => {
                    self.expr(&each.iter);
                    self.bind(&each.target);
                    self.locals.push("loop".to_owned());
                    self.statements(&each.body);
                    self.statements(&each.else_body);
                }
                Stmt::IfCond(branch) => {
                    self.expr(&branch.expr);
                    self.statements(&branch.true_body);
                    self.statements(&branch.false_body);
                }
                Stmt::Set(set) => {
                    self.expr(&set.expr);
                    self.bind(&set.target);
                }
                Stmt::SetBlock(set) => {
                    self.statements(&set.body);
                    self.bind(&set.target);
                }
                Stmt::FilterBlock(block) => {
                    self.statements(&block.body);
                }
                Stmt::WithBlock(with) => {
                    with.assignments.iter().for_each(|(target, _)| self.bind(target));
                    self.statements(&with.body);
                }
                _ => {}
            }
        }
        last
    }

    fn bind(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(var) => self.locals.push(var.id.to_owned()),
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item)),
            _ => {}
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Type {
        if let Some((name, fields)) = dotted(expr) {
            return self.name(name, &fields, expr);
        }
        match expr {
            Expr::Const(constant) => match bridge::from_engine(&constant.value) {
                Ok(Some(value)) => Type::constant(&value, None),
                _ => Type::absent(),
            },
            Expr::UnaryOp(unary) => self.unary(unary),
            Expr::BinOp(op) => self.binary(op, start(expr)..bytes(op.span()).end),
            Expr::Compare(compare) => {
                self.expr(&compare.expr);
                compare.ops.iter().for_each(|op| drop(self.expr(&op.expr)));
                Type::certain(Kinds::BOOLEAN)
            }
            Expr::Test(test) => {
                self.test(test, start(expr)..bytes(expr.span()).end);
                self.expr(&test.expr);
                Type::certain(Kinds::BOOLEAN)
            }
            Expr::IfExpr(branch) => self.choice(branch),
            Expr::Filter(call) => match &call.expr {
                Some(inner) => {
                    let given = self.expr(inner);
                    if matches!(call.name, "default" | "d") {
                        self.check_default(inner, &given, &call.args, bytes(call.span()));
                    }
                    self.filter(call.name, given, &call.args, bytes(call.span()), &written(inner))
                }
                None => Type::unknown(),
            },
            Expr::List(list) => {
                let items: Vec<Type> = list.items.iter().map(|item| self.expr(item)).collect();
                let certain = items.iter().filter(|item| item.presence == Presence::Certain).count();
                let item = items.into_iter().reduce(Type::union);
                item.map_or_else(|| Type::certain(Kinds::LIST), |item| Type::list(item).at_least(certain))
            }
            Expr::Map(map) => {
                map.values.iter().for_each(|value| drop(self.expr(value)));
                Type::certain(Kinds::OBJECT)
            }
            Expr::GetAttr(attr) => {
                self.expr(&attr.expr);
                Type::unknown()
            }
            Expr::GetItem(item) => {
                let list = self.expr(&item.expr);
                item_at(&list, &item.subscript_expr)
            }
            _ => Type::unknown(),
        }
    }

    fn name(&mut self, name: &str, fields: &[Arc<str>], expr: &Expr<'_>) -> Type {
        if self.locals.iter().any(|local| local == name) {
            return Type::unknown();
        }
        if let Some(misfit) = field::missing(name, fields, self.names) {
            self.misfits.push(Misfit { range: start(expr)..bytes(expr.span()).end, ..misfit });
            return Type::unknown();
        }
        (self.names)(name, fields)
    }

    fn unary(&mut self, unary: &UnaryOp<'_>) -> Type {
        let inner = self.expr(&unary.expr);
        match unary.op {
            UnaryOpKind::Not => Type::certain(Kinds::BOOLEAN),
            UnaryOpKind::Neg if inner.open => Type::unknown().with_presence(inner.presence),
            UnaryOpKind::Neg => {
                let kinds = if inner.is_never(Kinds::FRACTION) { Kinds::INTEGER } else { Kinds::NUMBER };
                Type::certain(kinds).with_presence(inner.presence)
            }
        }
    }

    fn binary(&mut self, op: &BinOp<'_>, range: Range<usize>) -> Type {
        let (left, right) = (self.expr(&op.left), self.expr(&op.right));
        match op.op {
            BinOpKind::ScOr => {
                self.check_or(op, range);
                // Of `test and one`, what is false never gets past an `or`.
                let left = match &op.left {
                    Expr::BinOp(inner) if matches!(inner.op, BinOpKind::ScAnd) => {
                        let one = Walk { locals: self.locals.clone(), ..Walk::new(self.names) }.expr(&inner.right);
                        one.with_presence(left.presence)
                    }
                    _ => left,
                };
                or(left, right)
            }
            BinOpKind::ScAnd => {
                let presence = left.presence.and(right.presence);
                left.union(right).with_presence(presence)
            }
            BinOpKind::Concat => Type::text(Form::Any),
            BinOpKind::Add => self.sum(&left, &right, range),
            BinOpKind::Sub | BinOpKind::Mul | BinOpKind::Rem | BinOpKind::FloorDiv | BinOpKind::Pow => {
                self.numbers(&left, &right, range);
                if left.open || right.open {
                    return Type::unknown().with_presence(Presence::Certain);
                }
                let whole = [&left, &right].iter().all(|side| !side.open && side.is_never(Kinds::FRACTION));
                Type::certain(if whole { Kinds::INTEGER } else { Kinds::NUMBER })
            }
            BinOpKind::Div => {
                self.numbers(&left, &right, range);
                Type::certain(Kinds::NUMBER)
            }
            BinOpKind::In => {
                self.part_of_text(op, &left, &right, range);
                Type::certain(Kinds::BOOLEAN)
            }
            _ => {
                self.compare(op, &left, &right, range);
                Type::certain(Kinds::BOOLEAN)
            }
        }
    }

    fn choice(&mut self, branch: &IfExpr<'_>) -> Type {
        let test = self.expr(&branch.test_expr);
        let yes = self.expr(&branch.true_expr);
        let no = branch.false_expr.as_ref().map_or_else(Type::absent, |other| self.expr(other));
        // `a if a else b`
        let is_tested = written(&branch.test_expr).is_some_and(|name| Some(name) == written(&branch.true_expr));
        let Some(yes) = (if is_tested { true_part(yes) } else { Some(yes) }) else { return no };
        match test.constant_value().map(|value| bridge::to_engine(value).is_true()) {
            Some(true) => yes,
            Some(false) => no,
            None => yes.union(no),
        }
    }

    fn filter(
        &mut self,
        name: &str,
        given: Type,
        args: &[CallArg<'_>],
        range: Range<usize>,
        what: &Option<String>,
    ) -> Type {
        let first = args.iter().find_map(|arg| match arg {
            CallArg::Pos(expr) => Some(self.expr(expr)),
            _ => None,
        });
        let given_args: Vec<Option<Value>> = args.iter().map(constant).collect();
        if let Some((message, help)) = arguments::fault(name, &given_args) {
            let range = arguments::place(name, args, &given_args).unwrap_or(range.clone());
            self.misfits.push(Misfit { range, message, help });
        } else if let Some((message, help)) = arguments::doubt(name, &given_args) {
            self.doubts.push(Misfit { range: range.clone(), message, help });
        }
        if let (Some(zone), [CallArg::Pos(format)]) = (arguments::own_zone(name, &given_args, given.zone()), args) {
            self.zones.push((bytes(format.span()).end, zone));
        }
        if args.iter().any(|arg| matches!(arg, CallArg::Kwarg(..))) && filter::is_own(name) {
            let message = format!("the filter `{name}` takes its values without names");
            let help = match name {
                "default" | "d" => "write `default('unknown', true)`",
                _ => "leave the names and their `=` out",
            };
            self.misfits.push(Misfit { range: range.clone(), message, help: Some(help.to_owned()) });
        }
        if matches!(name, "default" | "d") && first.is_some() {
            let other = first.unwrap_or_else(|| Type::constant(&"".into(), None));
            if is_for_false(&given_args) {
                return or(given, other);
            }
            return match given.presence {
                Presence::Never => other,
                presence => {
                    let presence = presence.or(other.presence);
                    given.union(other).with_presence(presence)
                }
            };
        }
        let takes = signature::takes(name);
        self.misfits
            .extend(signature::unreadable(name, given.form(), what).map(|m| Misfit { range: range.clone(), ..m }));
        if let Some(own) = given.kinds().filter(|own| takes.is_some_and(|takes| !own.meets(takes))) {
            let what = what.as_ref().map_or_else(|| "this value".to_owned(), |name| format!("`{name}`"));
            let takes = takes.unwrap_or(Kinds::ALL).words();
            let message = format!("the filter `{name}` takes {takes}, and {what} is {}", own.words());
            self.misfits.push(Misfit { range, message, help: signature::help(name, own) });
        }
        let presence = match (given.presence, matches!(name, "first" | "last" | "min" | "max") && given.may_be_empty())
        {
            // Whether a path finds something, the event says.
            (Presence::Certain, _) if name == "jsonpath" => Presence::Unknown,
            (Presence::Certain, true) if given.open => Presence::Unknown,
            (Presence::Certain, true) => Presence::Possible,
            (presence, _) => presence,
        };
        signature::makes(name, given, first).with_presence(presence)
    }
}

/// The value of an argument that is written out.
fn constant(arg: &CallArg<'_>) -> Option<Value> {
    match arg {
        CallArg::Pos(Expr::Const(constant)) => bridge::from_engine(&constant.value).ok().flatten(),
        _ => None,
    }
}

/// A type as a message says it.
pub(super) fn words(ty: &Type) -> String {
    ty.kinds().map_or_else(|| "a value".to_owned(), Kinds::words)
}

/// The name that an expression is, if it is nothing else.
fn written(expr: &Expr<'_>) -> Option<String> {
    let (name, fields) = dotted(expr)?;
    Some(fields.iter().fold(name.to_owned(), |name, field| format!("{name}.{field}")))
}

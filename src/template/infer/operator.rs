//! What operators and tests ask of the types on their sides.

use std::ops::Range;

use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, Expr, Test};

use super::{Misfit, Walk, words, written};
use crate::template::condition::may_be_empty;
use crate::template::order;
use crate::types::{Kinds, Presence, Type};
use crate::value::Value;

impl Walk<'_> {
    /// `kind == 'contact' or 'lead'` asks whether `'lead'` is true, which every text is.
    pub(super) fn check_or(&mut self, op: &BinOp<'_>, range: Range<usize>) {
        let (Expr::BinOp(left), Expr::Const(right)) = (&op.left, &op.right) else { return };
        let (Some(text), BinOpKind::Eq) = (right.value.as_str(), left.op) else { return };
        let help = match (written(&left.left), &left.right) {
            (Some(name), Expr::Const(first)) => format!("write `{name} in ['{}', '{text}']`", first.value),
            _ => "compare both: `a == 'one' or a == 'two'`".to_owned(),
        };
        let message = format!("`'{text}'` alone is always true, so this holds for every event");
        self.misfits.push(Misfit { range, message, help: Some(help) });
    }

    /// `name in 'a, b'`: a text is looked through for a part of it, and is no list of words.
    pub(super) fn part_of_text(&mut self, op: &BinOp<'_>, left: &Type, right: &Type, range: Range<usize>) {
        let Some(text) = right.constant_value().and_then(Value::as_str).filter(|_| left.constant_value().is_none())
        else {
            return;
        };
        let (Some(name), true) = (written(&op.left), text.contains([',', ';', '|'])) else { return };
        let words: Vec<String> = text.split([',', ';', '|']).map(|word| format!("'{}'", word.trim())).collect();
        let help = format!("write `{name} in [{}]`", words.join(", "));
        let message = "this asks whether the text on the right holds that on the left".to_owned();
        self.misfits.push(Misfit { range, message, help: Some(help) });
    }

    /// Values of different types are never equal, and neither is the larger.
    pub(super) fn compare(&mut self, op: &BinOp<'_>, left: &Type, right: &Type, range: Range<usize>) {
        if self.written_out(op, &range) {
            return;
        }
        // Truth values count as 0 and 1.
        let numbers = Kinds::NUMBER | Kinds::BOOLEAN;
        let widened = |kinds: Kinds| if kinds.meets(numbers) { kinds | numbers } else { kinds };
        let text = |ty: &Type| ty.kinds().or_else(|| ty.is_never(numbers).then_some(Kinds::TEXT));
        let never = match (left.kinds(), right.kinds()) {
            (Some(a), Some(b)) => !widened(a).meets(widened(b)),
            (None, Some(b)) => left.is_never(widened(b)),
            (Some(a), None) => right.is_never(widened(a)),
            (None, None) => false,
        };
        let (Some(a), Some(b)) = (text(left), text(right)) else { return };
        let is_equality = matches!(op.op, BinOpKind::Eq | BinOpKind::Ne);
        if !never || is_equality && may_be_empty(left, right) || a == Kinds::NULL || b == Kinds::NULL {
            return;
        }
        let misfit = match is_equality {
            true => {
                let help = compared_help(&op.left, a, right).or_else(|| compared_help(&op.right, b, left));
                Misfit { range, message: format!("{} and {} are never equal", a.words(), b.words()), help }
            }
            false => {
                // A number in quotes is the slip; a name that is text must become a number.
                let quoted = |name: &Expr<'_>, kinds: Kinds, other: &Type| {
                    compared_help(name, kinds, other).filter(|_| (kinds - Kinds::NUMBER).is_empty())
                };
                let help = quoted(&op.left, a, right).or_else(|| quoted(&op.right, b, left));
                let message = format!("{} and {} can't be compared", a.words(), b.words());
                Misfit { range, message, help: Some(help.unwrap_or_else(|| order::HELP.to_owned())) }
            }
        };
        self.compared.push(misfit.range.clone());
        self.misfits.push(misfit);
    }

    /// `'phone' == ''`: a name in quotes is a text, and no value of the event.
    fn written_out(&mut self, op: &BinOp<'_>, range: &Range<usize>) -> bool {
        let (Expr::Const(left), Expr::Const(right)) = (&op.left, &op.right) else { return false };
        let name = [left, right].into_iter().find_map(|side| side.value.as_str().filter(|text| is_name(text)));
        let Some(name) = name else { return false };
        let message = "both sides are written out, so this is the same for every event".to_owned();
        let help = format!("a name stands without quotes: `{name}`");
        self.misfits.push(Misfit { range: range.clone(), message, help: Some(help) });
        true
    }

    /// `'phone' is defined`: a text that is written out is always there.
    pub(super) fn test(&mut self, test: &Test<'_>, range: Range<usize>) {
        let Expr::Const(constant) = &test.expr else { return };
        let (Some(text), "defined" | "undefined" | "none") = (constant.value.as_str(), test.name) else { return };
        let what = if test.name == "defined" { "true" } else { "false" };
        let message = format!("`'{text}'` is a text, and not the value that has this name: this is always {what}");
        let help = is_name(text).then(|| format!("write the name without quotes: `{text} is {}`", test.name));
        self.misfits.push(Misfit { range, message, help });
    }

    /// `tags | join(', ') | default('none')`: what is empty is there.
    pub(super) fn check_default(&mut self, inner: &Expr<'_>, given: &Type, args: &[CallArg<'_>], range: Range<usize>) {
        let (Expr::Filter(call), [CallArg::Pos(Expr::Const(other))]) = (inner, args) else { return };
        let makes_empty = matches!(
            call.name,
            "join"
                | "trim"
                | "replace"
                | "regex_replace"
                | "digits"
                | "strip_html"
                | "lines"
                | "split"
                | "list"
                | "truncate"
        );
        if !makes_empty || given.presence != Presence::Certain || !given.may_be_empty() {
            return;
        }
        let message = format!("`{}` gives an empty value, and never none: this `default` is never taken", call.name);
        let other = other.value.as_str().map_or_else(|| other.value.to_string(), |text| format!("'{text}'"));
        let help = format!("for what is empty write `default({other}, true)`");
        self.doubts.push(Misfit { range, message, help: Some(help) });
    }

    /// `+` adds numbers, and joins texts and lists.
    pub(super) fn sum(&mut self, left: &Type, right: &Type, range: Range<usize>) -> Type {
        let sorts = [Kinds::NUMBER | Kinds::BOOLEAN, Kinds::TEXT, Kinds::LIST];
        let fits = |kinds: &Kinds| !left.is_never(*kinds) && !right.is_never(*kinds);
        if !sorts.iter().any(fits) {
            let message = format!("{} and {} can't be added", words(left), words(right));
            let help = "texts are joined with `~`; a text becomes a number with `| int` or `| float`".to_owned();
            self.misfits.push(Misfit { range, message, help: Some(help) });
        }
        if left.open || right.open {
            return Type::unknown().with_presence(Presence::Certain);
        }
        let whole = left.is_never(Kinds::FRACTION) && right.is_never(Kinds::FRACTION);
        let sums = [if whole { Kinds::INTEGER } else { Kinds::NUMBER }, Kinds::TEXT, Kinds::LIST];
        let possible = sorts.iter().zip(sums).filter(|(sort, _)| fits(sort)).map(|(_, sum)| Type::certain(sum));
        possible.reduce(Type::union).unwrap_or_else(Type::unknown)
    }

    pub(super) fn numbers(&mut self, left: &Type, right: &Type, range: Range<usize>) {
        for side in [left, right] {
            if side.is_never(Kinds::NUMBER | Kinds::BOOLEAN) {
                let message = format!("this calculates with numbers, and one side is {}", words(side));
                let help = "make it a number with `| int` or `| float`".to_owned();
                self.misfits.push(Misfit { range: range.clone(), message, help: Some(help) });
                return;
            }
        }
    }
}

/// What to write where a name of a known type is compared with something that is written out.
fn compared_help(name: &Expr<'_>, kinds: Kinds, other: &Type) -> Option<String> {
    let name = written(name)?;
    let value = other.constant_value()?;
    if kinds == Kinds::OBJECT && matches!(&*name, "event" | "request") {
        return Some(format!("`{name}` is Jackfield's own; what the sender sent is `payload`: write `payload.{name}`"));
    }
    if kinds == Kinds::TEXT {
        return Some(format!("`{name}` is text: put the other side in quotes, `'{}'`", value.to_json()));
    }
    let text = value.as_str()?;
    match kinds {
        Kinds::BOOLEAN => Some(format!("`{name}` is true or false: write `{name}`, or `not {name}`")),
        _ if text.parse::<f64>().is_ok() => Some(format!("`{name}` is a number: write it without quotes, `{text}`")),
        _ => None,
    }
}

/// Whether a text could be a name, with its fields.
fn is_name(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.split('.').all(is_word)
}

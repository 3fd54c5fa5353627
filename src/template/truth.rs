//! The type of a choice between two values of which the first is taken where it is true: `a or b`, `a | default(b, true)`.

use crate::types::{Case, Kinds, Presence, Type};
use crate::value::Value;

/// `a or b`: what does not hold gives way to the other.
pub(super) fn or(left: Type, right: Type) -> Type {
    let never_gives_way = left.is_never(Kinds::BOOLEAN | Kinds::NUMBER) && !left.cases.iter().any(is_false);
    let presence = match (left.presence, right.presence) {
        (_, Presence::Certain) => Presence::Certain,
        (Presence::Certain, _) if never_gives_way => Presence::Certain,
        (Presence::Never, other) => other,
        (left, right) => left.either(right),
    };
    match true_part(left) {
        Some(left) => left.union(right).with_presence(presence),
        None => right,
    }
}

/// What is left of a type where its value is true; nothing where it never is.
pub(super) fn true_part(ty: Type) -> Option<Type> {
    let (presence, open, without) = (ty.presence, ty.open, ty.without | Kinds::NULL);
    let had_cases = !ty.cases.is_empty();
    let cases: Vec<Case> = ty.cases.into_iter().filter(|case| !is_false(case)).map(not_empty).collect();
    let is_never = presence == Presence::Never || !open && had_cases && cases.is_empty();
    (!is_never).then_some(Type { presence, cases, open, without })
}

/// Whether what this can be is an empty text, zero, false, null, or a list or mapping of nothing.
fn is_false(case: &Case) -> bool {
    case.kinds == Kinds::NULL || case.value.as_ref().is_some_and(|value| !super::bridge::to_engine(value).is_true())
}

/// A text or a list that is true has something in it.
fn not_empty(case: Case) -> Case {
    let has_length = (case.kinds - (Kinds::TEXT | Kinds::LIST)).is_empty();
    let shortest = if has_length { case.shortest.max(1) } else { case.shortest };
    Case { kinds: case.kinds - Kinds::NULL, shortest, ..case }
}

/// Whether `default` is told to take the place of all that is not true.
pub(super) fn is_for_false(args: &[Option<Value>]) -> bool {
    matches!(args.get(1), Some(Some(Value::Bool(true))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;
    use crate::types::Form;

    /// `email` is one or an empty text, `name` may be absent, of `payload` nothing is known.
    fn of(text: &str) -> Type {
        let empty = Type::constant(&"".into(), None);
        let names = |name: &str, _: &[std::sync::Arc<str>]| match name {
            "email" => Type::text(Form::Email).union(empty.clone()),
            "empty" => empty.clone(),
            "name" => Type::text_of(0).with_presence(Presence::Possible),
            "count" => Type::certain(Kinds::INTEGER),
            _ => Type::unknown(),
        };
        Template::compile(text).unwrap().infer(&names).ty
    }

    fn has_empty(ty: &Type) -> bool {
        ty.cases.iter().any(|case| case.kinds.meets(Kinds::TEXT) && case.shortest == 0)
    }

    #[test]
    fn an_empty_text_never_gets_past_a_choice() {
        let good = [
            "{{ email or payload.id }}",
            "{{ email | default(payload.id, true) }}",
            "{{ email | d(payload.id, true) }}",
            "{{ email if email else payload.id }}",
            "{{ email or name or 'x' }}",
            "{{ empty or payload.id }}",
            "{{ payload.a or email or 'x' }}",
        ];
        for text in good {
            assert!(!has_empty(&of(text)), "{text}: {:?}", of(text));
        }
        let bad = [
            "{{ email }}",
            "{{ email or '' }}",
            "{{ payload.id or email }}",
            "{{ email | default(payload.id) }}",
            "{{ email | default(payload.id, false) }}",
            "{{ email if payload.id else payload.b }}",
            "{{ payload.id | default('', true) }}",
        ];
        for text in bad {
            assert!(has_empty(&of(text)), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn what_may_give_way_is_only_there_where_the_other_is() {
        let cases = [
            ("{{ email or name }}", Presence::Possible),
            ("{{ email | default(name, true) }}", Presence::Possible),
            ("{{ email | default(name) }}", Presence::Certain),
            ("{{ email or 'x' }}", Presence::Certain),
            ("{{ name or name }}", Presence::Possible),
            ("{{ empty or name }}", Presence::Possible),
            ("{{ count or payload.id }}", Presence::Unknown),
        ];
        for (text, presence) in cases {
            assert_eq!(of(text).presence, presence, "{text}");
        }
    }
}

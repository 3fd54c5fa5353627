//! What is known of a value before any event: its JSON types, whether it is there, and for a text what it looks like.

use std::ops::{BitAnd, BitOr, Sub};
use std::sync::Arc;

use crate::diagnostic::Place;
use crate::value::Value;

/// A set of JSON types; whole numbers and others are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

impl Kinds {
    pub const NONE: Kinds = Kinds(0);
    pub const NULL: Kinds = Kinds(1);
    pub const BOOLEAN: Kinds = Kinds(2);
    pub const INTEGER: Kinds = Kinds(4);
    pub const FRACTION: Kinds = Kinds(8);
    pub const TEXT: Kinds = Kinds(16);
    pub const LIST: Kinds = Kinds(32);
    pub const OBJECT: Kinds = Kinds(64);
    pub const NUMBER: Kinds = Kinds(4 | 8);
    /// What is one value: a text, a number, a truth value.
    pub const SINGLE: Kinds = Kinds(2 | 4 | 8 | 16);
    pub const ALL: Kinds = Kinds(127);

    /// The types that a word of JSON Schema means.
    pub fn from_word(word: &str) -> Kinds {
        match word {
            "null" => Kinds::NULL,
            "boolean" => Kinds::BOOLEAN,
            "integer" => Kinds::INTEGER,
            "number" => Kinds::NUMBER,
            "string" => Kinds::TEXT,
            "array" => Kinds::LIST,
            "object" => Kinds::OBJECT,
            _ => Kinds::NONE,
        }
    }

    pub fn of(value: &Value) -> Kinds {
        match value {
            Value::Null => Kinds::NULL,
            Value::Bool(_) => Kinds::BOOLEAN,
            Value::Number(number) if number.is_integer() => Kinds::INTEGER,
            Value::Number(_) => Kinds::FRACTION,
            Value::String(_) => Kinds::TEXT,
            Value::Array(_) => Kinds::LIST,
            Value::Object(_) => Kinds::OBJECT,
        }
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// As a message says it: `text or a list`.
    pub fn words(self) -> String {
        let all: [(Kinds, &str); 7] = [
            (Kinds::TEXT, "text"),
            (Kinds::NUMBER, "a number"),
            (Kinds::INTEGER, "a whole number"),
            (Kinds::FRACTION, "a number with a fraction"),
            (Kinds::BOOLEAN, "true or false"),
            (Kinds::LIST, "a list"),
            (Kinds::OBJECT, "a mapping"),
        ];
        let mut left = self;
        let mut words = Vec::new();
        for (kinds, word) in all {
            if !kinds.is_empty() && left & kinds == kinds {
                words.push(word);
                left = left - kinds;
            }
        }
        if left.meets(Kinds::NULL) {
            words.push("null");
        }
        words.join(" or ")
    }
}

impl BitOr for Kinds {
    type Output = Kinds;

    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

impl BitAnd for Kinds {
    type Output = Kinds;

    fn bitand(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }
}

impl Sub for Kinds {
    type Output = Kinds;

    fn sub(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }
}

/// Whether a value is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In every event.
    Certain,
    /// In some events, as the route says itself.
    Possible,
    /// It depends on the payload, of which nothing is known.
    Unknown,
    /// In no event.
    Never,
}

impl Presence {
    /// Of one value or, where that is absent, another.
    pub fn or(self, other: Presence) -> Presence {
        match (self, other) {
            (Presence::Certain, _) | (_, Presence::Certain) => Presence::Certain,
            (Presence::Never, other) | (other, Presence::Never) => other,
            (Presence::Unknown, _) | (_, Presence::Unknown) => Presence::Unknown,
            (Presence::Possible, Presence::Possible) => Presence::Possible,
        }
    }

    /// Of one value or another, by chance.
    pub fn either(self, other: Presence) -> Presence {
        match (self, other) {
            (a, b) if a == b => a,
            (Presence::Unknown, _) | (_, Presence::Unknown) => Presence::Unknown,
            _ => Presence::Possible,
        }
    }

    /// Of a value for which both must be there.
    pub fn and(self, other: Presence) -> Presence {
        match (self, other) {
            (Presence::Never, _) | (_, Presence::Never) => Presence::Never,
            (Presence::Certain, other) | (other, Presence::Certain) => other,
            (Presence::Possible, _) | (_, Presence::Possible) => Presence::Possible,
            (Presence::Unknown, Presence::Unknown) => Presence::Unknown,
        }
    }
}

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Any,
    Phone,
    Digits,
    Email,
    Url,
    Datetime,
    /// Lower-case hexadecimal, 64 digits.
    Sha256,
    /// A UUID.
    Id,
    /// Without capital letters.
    Lower,
    /// Without small letters.
    Upper,
}

impl Form {
    /// Texts of this form, of every kind that a pattern might tell apart; none for what may be anything.
    pub fn samples(self) -> &'static [&'static str] {
        match self {
            Form::Any | Form::Lower | Form::Upper => &[],
            Form::Phone => &["+5511999990000", "+33612345678", "+12025550123", "+79161234567", "+442079460958"],
            Form::Digits => &["7", "42", "1134", "11999990000", "5511999990000", "00005511999990000"],
            Form::Email => &["ana@example.com", "a.b+c@mail.example.com.br"],
            Form::Url => &["https://example.com/a?b=c", "http://example.com"],
            Form::Datetime => &["2026-01-31T12:00:00Z", "2026-01-31T09:00:00-03:00"],
            Form::Sha256 => &["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            Form::Id => &["01936b2e-7a3c-7cc0-98c4-dc0c0c07398f"],
        }
    }

    /// What a message calls it, and how it is written.
    pub fn words(self) -> &'static str {
        match self {
            Form::Phone => "a phone number written `+5511999990000`",
            Form::Digits => "digits",
            Form::Email => "an e-mail address",
            Form::Url => "an address of the web",
            Form::Datetime => "a moment written `2026-01-31T12:00:00Z`",
            Form::Sha256 => "64 hexadecimal digits",
            Form::Id => "an id of 36 characters",
            Form::Any | Form::Lower | Form::Upper => "text",
        }
    }
}

/// One of the things that a value can be.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub kinds: Kinds,
    /// The value itself, when it is always the same.
    pub value: Option<Value>,
    /// Where it is written that the value is this, when that is elsewhere.
    pub place: Option<Place>,
    pub form: Form,
    /// What its items are, when it is a list.
    pub items: Option<Box<Type>>,
    /// How many characters it has at least, when it is a text; how many items, when it is a list.
    pub shortest: usize,
    /// The time zone in which it is written, when it is a moment.
    pub zone: Option<Arc<str>>,
}

impl Case {
    fn new(kinds: Kinds) -> Case {
        Case { kinds, value: None, place: None, form: Form::Any, items: None, shortest: 0, zone: None }
    }
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    pub presence: Presence,
    /// What it can be.
    pub cases: Vec<Case>,
    /// It can be anything else besides, since that depends on the payload,
    pub open: bool,
    /// except of these types: a form has no numbers.
    pub without: Kinds,
}

/// A value with more possibilities than this counts as one of which nothing is known.
const MOST: usize = 200;

impl Type {
    /// A value of the payload: nothing is known of it.
    pub fn unknown() -> Type {
        Type { presence: Presence::Unknown, cases: Vec::new(), open: true, without: Kinds::NONE }
    }

    /// A value of a form or a query: every single one is text.
    pub fn of_form() -> Type {
        Type { without: Kinds::NUMBER | Kinds::BOOLEAN | Kinds::NULL, ..Type::unknown() }
    }

    fn of(case: Case) -> Type {
        Type { presence: Presence::Certain, cases: vec![case], open: false, without: Kinds::NONE }
    }

    /// A value of one of these types, in every event.
    pub fn certain(kinds: Kinds) -> Type {
        Type::of(Case::new(kinds))
    }

    pub fn text(form: Form) -> Type {
        let shortest = usize::from(!form.samples().is_empty());
        Type::of(Case { form, shortest, ..Case::new(Kinds::TEXT) })
    }

    /// A text with so many characters at least.
    pub fn text_of(shortest: usize) -> Type {
        Type::of(Case { shortest, ..Case::new(Kinds::TEXT) })
    }

    pub fn list(items: Type) -> Type {
        Type::of(Case { items: Some(Box::new(items)), ..Case::new(Kinds::LIST) })
    }

    /// With so many characters or items at least.
    pub fn at_least(mut self, shortest: usize) -> Type {
        self.cases.iter_mut().for_each(|case| case.shortest = shortest);
        self
    }

    /// Whether it may be a text or a list with nothing in it.
    pub fn may_be_empty(&self) -> bool {
        self.open
            || self
                .cases
                .iter()
                .any(|case| case.shortest == 0 && case.kinds.meets(Kinds::TEXT | Kinds::LIST | Kinds::OBJECT))
    }

    /// A value that is always the same.
    pub fn constant(value: &Value, place: Option<Place>) -> Type {
        let shortest = value.as_str().map_or(0, |text| text.chars().count());
        Type::of(Case { value: Some(value.clone()), place, shortest, ..Case::new(Kinds::of(value)) })
    }

    pub fn absent() -> Type {
        Type { presence: Presence::Never, cases: Vec::new(), open: false, without: Kinds::NONE }
    }

    pub fn with_presence(self, presence: Presence) -> Type {
        Type { presence, ..self }
    }

    /// The JSON types that it may have; nothing when that depends on the payload.
    pub fn kinds(&self) -> Option<Kinds> {
        let kinds = self.cases.iter().fold(Kinds::NONE, |kinds, case| kinds | case.kinds);
        (!self.open && !kinds.is_empty()).then_some(kinds)
    }

    /// Whether it is known, and none of `kinds`.
    pub fn is_never(&self, kinds: Kinds) -> bool {
        match self.open {
            true => (kinds - self.without).is_empty() && !self.cases.iter().any(|case| case.kinds.meets(kinds)),
            false => self.kinds().is_some_and(|own| !own.meets(kinds)),
        }
    }

    /// The types that it can't have.
    fn excluded(&self) -> Kinds {
        match self.open {
            true => self.without,
            false => Kinds::ALL - self.kinds().unwrap_or(Kinds::NONE),
        }
    }

    /// The one value that it always has.
    pub fn constant_value(&self) -> Option<&Value> {
        match self.cases.as_slice() {
            [case] if !self.open && self.presence == Presence::Certain => case.value.as_ref(),
            _ => None,
        }
    }

    /// A moment that is written in this time zone.
    pub fn in_zone(mut self, zone: &str) -> Type {
        self.cases.iter_mut().for_each(|case| case.zone = Some(zone.into()));
        self
    }

    /// The time zone in which the moments that it can be are written.
    pub fn zone(&self) -> Option<&str> {
        let mut zones = self.cases.iter().map(|case| case.zone.as_deref());
        let zone = zones.find_map(|zone| zone);
        zone.filter(|zone| self.cases.iter().all(|case| case.zone.as_deref().is_none_or(|other| other == *zone)))
    }

    /// The form that all its texts have.
    pub fn form(&self) -> Form {
        match self.cases.as_slice() {
            [case] if !self.open => case.form,
            _ => Form::Any,
        }
    }

    /// One value or another, by chance.
    pub fn union(self, other: Type) -> Type {
        let presence = self.presence.either(other.presence);
        let open = self.open || other.open;
        let without = self.excluded() & other.excluded();
        let mut cases = self.cases;
        for case in other.cases {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        match cases.len() > MOST {
            true => Type { presence, ..Type::unknown() },
            false => Type { presence, cases, open, without },
        }
    }
}

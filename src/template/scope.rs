//! The names in reach of a template.
//!
//! A scope is handed from one step to the next with a few names more, so each of these keeps what it adds, and leads to the
//! one before. What is seldom asked for is made when it is.

use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Object as EngineObject, Value as Engine};

use super::bridge::to_engine;
use crate::value::Value;

/// The names in reach of a template. A name that is known and has no value is `None`. Cloning it copies a pointer.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Names>);

#[derive(Debug, Default)]
struct Names {
    own: Vec<(Name, Slot)>,
    outer: Option<Arc<Names>>,
}

/// How a name is kept: those that every event has are written in the program.
#[derive(Clone, Debug)]
pub enum Name {
    Fixed(&'static str),
    Shared(Arc<str>),
}

#[derive(Debug)]
enum Slot {
    Known(Option<Value>),
    Late(Late),
}

/// A value that is made when it is first asked for.
struct Late {
    made: OnceLock<Value>,
    make: Box<dyn Fn() -> Value + Send + Sync>,
}

/// No template can write this name.
pub(super) const TOKENS_ONLY: &str = "hash of tokens only";

/// For so many names there is room at once.
const USUAL: usize = 8;

impl Scope {
    pub fn new() -> Self {
        Scope(Arc::new(Names { own: Vec::with_capacity(USUAL), outer: None }))
    }

    /// Sets a name; one that is set again takes the new value.
    pub fn set(&mut self, name: impl Into<Name>, value: Option<Value>) {
        self.put(name.into(), Slot::Known(value));
    }

    /// The same names and one more.
    pub fn with(mut self, name: impl Into<Name>, value: Value) -> Self {
        self.set(name, Some(value));
        self
    }

    /// The same names and one more, whose value is made when a template asks for it.
    pub fn with_late(mut self, name: &'static str, make: impl Fn() -> Value + Send + Sync + 'static) -> Self {
        self.put(Name::Fixed(name), Slot::Late(Late { made: OnceLock::new(), make: Box::new(make) }));
        self
    }

    /// The value of a name: outer `None` when the name is not known at all.
    pub fn get(&self, name: &str) -> Option<Option<&Value>> {
        self.0.get(name)
    }

    /// The same names, where `hmac` takes nothing but tokens: who chooses what is hashed by a secret key, and hears the
    /// hash, must not get it for anything that means more.
    pub fn hashing_tokens_only(self) -> Self {
        self.with(TOKENS_ONLY, Value::from(true))
    }

    pub(super) fn to_engine(&self) -> Engine {
        Engine::from_dyn_object(self.0.clone())
    }

    fn put(&mut self, name: Name, slot: Slot) {
        if let Some(names) = Arc::get_mut(&mut self.0) {
            match names.own.iter_mut().find(|(known, _)| known.text() == name.text()) {
                Some(known) => known.1 = slot,
                None => names.own.push((name, slot)),
            }
            return;
        }
        let mut own = Vec::with_capacity(USUAL);
        own.push((name, slot));
        self.0 = Arc::new(Names { own, outer: Some(self.0.clone()) });
    }
}

impl Names {
    fn get(&self, name: &str) -> Option<Option<&Value>> {
        let mut names = self;
        loop {
            if let Some((_, slot)) = names.own.iter().find(|(known, _)| known.text() == name) {
                return Some(slot.value());
            }
            names = names.outer.as_ref()?;
        }
    }
}

impl Name {
    fn text(&self) -> &str {
        match self {
            Name::Fixed(text) => text,
            Name::Shared(text) => text,
        }
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Name::Fixed(text)
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Name::Shared(text)
    }
}

impl Slot {
    fn value(&self) -> Option<&Value> {
        match self {
            Slot::Known(value) => value.as_ref(),
            Slot::Late(late) => Some(late.made.get_or_init(|| (late.make)())),
        }
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.made.get()).finish()
    }
}

impl EngineObject for Names {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Engine> {
        self.get(key).flatten().map(to_engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_set_in_a_copy_hides_the_one_before_and_leaves_it_as_it_was() {
        let first = Scope::new().with("a", Value::from(1)).with("b", Value::from(2));
        let mut second = first.clone();
        second.set("a", None);
        let third = second.clone().with("a", Value::from(3));
        assert_eq!(first.get("a"), Some(Some(&Value::from(1))));
        assert_eq!(second.get("a"), Some(None));
        assert_eq!(third.get("a"), Some(Some(&Value::from(3))));
        assert_eq!((third.get("b"), third.get("c")), (Some(Some(&Value::from(2))), None));
    }

    #[test]
    fn a_late_value_is_made_once_and_only_when_asked_for() {
        let made = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = made.clone();
        let scope = Scope::new().with_late("late", move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Value::from("x")
        });
        let copy = scope.clone().with("other", Value::Null);
        assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), 0);
        assert_eq!(
            (copy.get("late"), scope.get("late")),
            (Some(Some(&Value::from("x"))), Some(Some(&Value::from("x"))))
        );
        assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

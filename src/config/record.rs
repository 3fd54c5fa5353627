//! Macros that declare the language: a mapping with known keys, a word of a few, a choice by key.

/// A mapping with known keys: the struct, its decoder and its schema, from one declaration.
macro_rules! record {
    ($(#[doc = $doc:literal])* pub struct $name:ident ($what:literal) {
        $($(#[doc = $fdoc:literal])* $field:ident $(as $key:literal)? : $ty:ty,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            /// Where the mapping is written.
            pub place: $crate::diagnostic::Place,
            $($(#[doc = $fdoc])* pub $field: $ty,)*
        }

        impl $crate::config::Decode for $name {
            fn decode(node: &$crate::document::Node, problems: &mut $crate::config::Problems) -> Option<Self> {
                let mut fields = $crate::config::Fields::open(node, &[$(key!($field $($key)?)),*], problems)?;
                $(let $field = fields.take::<$ty>(key!($field $($key)?), problems);)*
                fields.close($what, problems);
                Some($name { place: node.place.clone(), $($field: $field?,)* })
            }
        }

        impl $crate::config::shape::Shape for $name {
            fn shape(shapes: &mut $crate::config::shape::Shapes) -> $crate::value::Value {
                shapes.record(stringify!($name), &[$($doc),*], |shapes| vec![
                    $($crate::config::shape::Field::of::<$ty>(key!($field $($key)?), &[$($fdoc),*], shapes),)*
                ])
            }
        }
    };
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// One word of a few.
macro_rules! words {
    ($(#[doc = $doc:literal])* pub enum $name:ident ($what:literal) {
        $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)* }

        impl $name {
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }

        impl $crate::config::Decode for $crate::config::At<$name> {
            fn decode(node: &$crate::document::Node, problems: &mut $crate::config::Problems) -> Option<Self> {
                $crate::config::scalar::word(node, $what, $name::WORDS, $name::from_word, problems)
            }
        }

        impl $crate::config::shape::Shape for $crate::config::At<$name> {
            fn shape(shapes: &mut $crate::config::shape::Shapes) -> $crate::value::Value {
                shapes.words(stringify!($name), &[$($doc),*], &[$(($word, &[$($vdoc),*])),*])
            }
        }
    };
}

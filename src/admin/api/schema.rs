//! What is asked and told over HTTP, each from one declaration: the values, and the JSON Schema that describes them.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::{Map, Value as Json, json};

use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};

/// What has a JSON Schema.
pub trait Shaped {
    /// Whether it is there at all times, as a key of a mapping.
    const IS_ALWAYS: bool = true;
    /// The schema. What has a name joins `schemas` and is referred to.
    fn schema(schemas: &mut Schemas) -> Json;
}

/// What is told as the JSON that its schema describes.
pub trait Told: Shaped + Sized {
    fn told(self) -> Json;
    /// As a key of a mapping; nothing where there is no such key.
    fn entry(self) -> Option<Json> {
        Some(self.told())
    }
}

/// The schemas that have a name.
#[derive(Debug, Default)]
pub struct Schemas(BTreeMap<String, Json>);

/// One key of a mapping.
#[derive(Debug)]
pub struct Field {
    pub key: &'static str,
    pub text: String,
    pub schema: Json,
    pub is_always: bool,
}

impl Field {
    pub fn of<T: Shaped>(key: &'static str, docs: &[&str], schemas: &mut Schemas) -> Field {
        Field { key, text: text(docs), schema: T::schema(schemas), is_always: T::IS_ALWAYS }
    }

    /// The schema with what the key is for.
    fn described(&self) -> Json {
        let mut schema = self.schema.clone();
        if let (Some(schema), false) = (schema.as_object_mut(), self.text.is_empty()) {
            schema.insert("description".to_owned(), self.text.as_str().into());
        }
        schema
    }
}

/// A doc comment as text.
pub fn text(docs: &[&str]) -> String {
    docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

impl Schemas {
    /// A mapping that has a name.
    pub fn record(&mut self, name: &str, docs: &[&str], fields: impl FnOnce(&mut Schemas) -> Vec<Field>) -> Json {
        if !self.0.contains_key(name) {
            // It may hold itself.
            self.0.insert(name.to_owned(), Json::Null);
            let fields = fields(self);
            let keys: Map<String, Json> =
                fields.iter().map(|field| (field.key.to_owned(), field.described())).collect();
            let required: Vec<&str> = fields.iter().filter(|field| field.is_always).map(|field| field.key).collect();
            let mut schema = json!({ "type": "object", "description": text(docs), "properties": keys });
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            self.0.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// All that have a name.
    pub fn into_json(self) -> Json {
        Json::Object(self.0.into_iter().collect())
    }
}

/// The schema of what is asked or told, from its fields; and how its values are told.
macro_rules! told {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident {
        $($(#[doc = $fdoc:literal])* $field:ident: $ty:ty,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        $vis struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }

        shaped!($name, [$($doc),*], $($field: $ty = [$($fdoc),*],)*);

        impl $crate::admin::api::Told for $name {
            fn told(self) -> serde_json::Value {
                let entries = [$((stringify!($field), $crate::admin::api::Told::entry(self.$field)),)*];
                entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
            }
        }
    };
}

/// The same of what is put together elsewhere, or only asked: it has no values of this type.
macro_rules! shape {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident {
        $($(#[doc = $fdoc:literal])* $field:ident: $ty:ty,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        $vis enum $name {}

        impl $name {
            /// All keys.
            #[allow(dead_code, reason = "of what is asked, these are the keys that are known")]
            pub const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        shaped!($name, [$($doc),*], $($field: $ty = [$($fdoc),*],)*);
    };
}

macro_rules! shaped {
    ($name:ident, [$($doc:literal),*], $($field:ident: $ty:ty = [$($fdoc:literal),*],)*) => {
        impl $name {
            /// Each of its keys.
            pub fn fields(schemas: &mut $crate::admin::api::Schemas) -> Vec<$crate::admin::api::Field> {
                vec![$($crate::admin::api::Field::of::<$ty>(stringify!($field), &[$($fdoc),*], schemas),)*]
            }
        }

        impl $crate::admin::api::Shaped for $name {
            fn schema(schemas: &mut $crate::admin::api::Schemas) -> serde_json::Value {
                schemas.record(stringify!($name), &[$($doc),*], Self::fields)
            }
        }
    };
}

/// A type that JSON has, with the keywords of its schema.
macro_rules! plain {
    ($($ty:ty: $schema:tt,)*) => {
        $(
            impl Shaped for $ty {
                fn schema(_: &mut Schemas) -> Json {
                    json!($schema)
                }
            }

            impl Told for $ty {
                fn told(self) -> Json {
                    self.into()
                }
            }
        )*
    };
}

plain! {
    String: { "type": "string" },
    bool: { "type": "boolean" },
    i64: { "type": "integer" },
    u16: { "type": "integer", "minimum": 0 },
    u32: { "type": "integer", "minimum": 0 },
    u64: { "type": "integer", "minimum": 0 },
    usize: { "type": "integer", "minimum": 0 },
    f64: { "type": "number" },
    Json: {},
}

/// What is told as text, with the keywords of its schema.
macro_rules! written {
    ($($ty:ty: $schema:tt,)*) => {
        $(
            impl Shaped for $ty {
                fn schema(_: &mut Schemas) -> Json {
                    json!($schema)
                }
            }

            impl Told for $ty {
                fn told(self) -> Json {
                    self.to_string().into()
                }
            }
        )*
    };
}

written! {
    Timestamp: { "type": "string", "format": "date-time" },
    EventId: { "type": "string", "pattern": "^evt_[0-9a-f]{32}$" },
    DeliveryId: { "type": "string", "pattern": "^dlv_[0-9a-f]{32}$" },
}

impl<T: Shaped> Shaped for Option<T> {
    fn schema(schemas: &mut Schemas) -> Json {
        let mut schema = T::schema(schemas);
        if let Some(kind) = schema.get("type").and_then(Json::as_str) {
            schema["type"] = json!([kind, "null"]);
            return schema;
        }
        json!({ "anyOf": [schema, { "type": "null" }] })
    }
}

impl<T: Told> Told for Option<T> {
    fn told(self) -> Json {
        self.map_or(Json::Null, Told::told)
    }
}

impl<T: Shaped> Shaped for Vec<T> {
    fn schema(schemas: &mut Schemas) -> Json {
        json!({ "type": "array", "items": T::schema(schemas) })
    }
}

impl<T: Told> Told for Vec<T> {
    fn told(self) -> Json {
        self.into_iter().map(Told::told).collect()
    }
}

/// A mapping whose keys are names.
impl<T: Shaped> Shaped for BTreeMap<String, T> {
    fn schema(schemas: &mut Schemas) -> Json {
        json!({ "type": "object", "additionalProperties": T::schema(schemas) })
    }
}

impl<T: Told> Told for BTreeMap<String, T> {
    fn told(self) -> Json {
        Json::Object(self.into_iter().map(|(name, value)| (name, value.told())).collect())
    }
}

/// A key that is there only sometimes.
#[derive(Clone, Debug, Default)]
pub struct Maybe<T>(pub Option<T>);

impl<T: Shaped> Shaped for Maybe<T> {
    const IS_ALWAYS: bool = false;

    fn schema(schemas: &mut Schemas) -> Json {
        T::schema(schemas)
    }
}

impl<T: Told> Told for Maybe<T> {
    fn told(self) -> Json {
        self.0.told()
    }

    fn entry(self) -> Option<Json> {
        self.0.map(Told::told)
    }
}

/// JSON that is put together elsewhere, in a shape that is known.
#[derive(Clone, Debug, Default)]
pub struct As<S>(pub Json, PhantomData<S>);

impl<S> As<S> {
    pub fn of(json: Json) -> Self {
        As(json, PhantomData)
    }
}

impl<S: Shaped> Shaped for As<S> {
    fn schema(schemas: &mut Schemas) -> Json {
        S::schema(schemas)
    }
}

impl<S: Shaped> Told for As<S> {
    fn told(self) -> Json {
        self.0
    }
}

/// One of a few words.
pub trait Words {
    fn words() -> Vec<&'static str>;
}

/// A word that is one of a few.
#[derive(Clone, Debug)]
pub struct Word<W>(pub String, PhantomData<W>);

impl<W> Word<W> {
    pub fn of(word: impl Into<String>) -> Self {
        Word(word.into(), PhantomData)
    }
}

impl<W: Words> Shaped for Word<W> {
    fn schema(_: &mut Schemas) -> Json {
        json!({ "type": "string", "enum": W::words() })
    }
}

impl<W: Words> Told for Word<W> {
    fn told(self) -> Json {
        self.0.into()
    }
}

/// Several words of a few, with commas between. It is only asked.
#[derive(Debug)]
pub struct Several<W>(PhantomData<W>);

impl<W: Words> Shaped for Several<W> {
    fn schema(_: &mut Schemas) -> Json {
        let words = W::words().join("|");
        json!({ "type": "string", "pattern": format!("^({words})( *, *({words}))*$") })
    }
}

impl Words for crate::store::Became {
    fn words() -> Vec<&'static str> {
        crate::store::Became::words().collect()
    }
}

impl Words for crate::delivery::State {
    fn words() -> Vec<&'static str> {
        crate::delivery::State::ALL.into_iter().map(crate::delivery::State::word).collect()
    }
}

//! Jackfield routes webhooks: any webhook in, any conversation API out, declared in YAML.
//!
//! The layers, from the bottom: small words ([`id`], [`clock`], [`secret`], [`backoff`]); [`diagnostic`]s; the language
//! as written ([`document`], [`config`]); the compiled core, which is pure ([`value`] to [`pipeline`]); [`compile`],
//! the only place that sees both; the outside; and the
//! assembly. `docs/architecture.md` tells the story of one event.

#[macro_use]
pub mod admin;
pub mod alert;
pub mod backoff;
pub mod changes;
pub mod cli;
pub mod client;
pub mod clock;
pub mod compile;
pub mod config;
pub mod convert;
pub mod death;
pub mod delivery;
pub mod diagnostic;
pub mod diff;
pub mod dispatch;
pub mod document;
pub mod draft;
pub mod event;
pub mod extract;
pub mod figures;
pub mod first_draft;
pub mod id;
pub mod ingress;
pub mod live;
pub mod load;
pub mod pack;
pub mod page;
pub mod path;
pub mod payload;
pub mod pipeline;
pub mod plan;
pub mod privacy;
pub mod refusal;
pub mod reload;
pub mod request;
pub mod route;
pub mod routing;
pub mod sandbox;
pub mod schema;
pub mod secret;
pub mod server;
pub mod settings;
pub mod source;
pub mod span;
pub mod store;
pub mod telemetry;
pub mod template;
pub mod test_case;
pub mod trace;
pub mod types;
pub mod value;
pub mod verify;

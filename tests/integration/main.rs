//! Everything from outside, through the binary: real sockets, real files, real signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod answers;
mod busy;
mod command;
mod completions;
mod crash;
mod diagnostics;
mod diff;
mod disk;
mod dispatch;
mod draft;
mod dry_run;
mod events;
mod explain;
mod fixes;
mod formats;
mod guard;
mod handshake;
mod held;
mod hostile;
mod left_out;
mod live;
mod now;
mod outgoing;
mod pace;
mod packs;
mod page;
mod page_events;
mod payloads;
mod readme;
mod receiving;
mod refusal;
mod reload;
mod replay;
mod rounds;
mod sample;
mod schema;
mod senders;
mod store;
mod support;
mod tokens;
mod unknown;
mod vendor;
mod verification;

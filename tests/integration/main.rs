//! Everything from outside, through the binary: real sockets, real files, real signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod crash;
mod diagnostics;
mod hostile;
mod packs;
mod readme;
mod refusal;
mod reload;
mod sample;
mod support;

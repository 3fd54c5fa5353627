//! Everything from outside, through the binary: real sockets, real files, real signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod diagnostics;
mod support;

//! The `jackfield` command.

use std::process::ExitCode;

/// Events and deliveries are many small pieces, made by one thread and dropped by another, which the system's own allocator
/// is slow at.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    jackfield::cli::main()
}

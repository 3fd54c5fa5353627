//! `jackfield status`

use super::terminal::{error_line, line};
use super::{Exit, StatusArgs};

pub(super) fn run(args: &StatusArgs) -> Exit {
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let base = base(&args.admin);
    match runtime.block_on(crate::admin::get_from(&base, "/status")) {
        Some((200, text)) => {
            line(String::from_utf8_lossy(&text).trim_end());
            Exit::Fine
        }
        _ => nobody(&base),
    }
}

/// The address of a server with its scheme.
pub(super) fn base(admin: &str) -> String {
    if admin.contains("://") { admin.to_owned() } else { format!("http://{admin}") }
}

pub(super) fn nobody(base: &str) -> Exit {
    error_line(format!("no server answers on {base}; is `jackfield serve` running?"));
    Exit::CouldNotRun
}

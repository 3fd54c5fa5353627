//! `jackfield status`

use super::terminal::{error_line, line};
use super::{Exit, StatusArgs};

pub(super) fn run(args: &StatusArgs) -> Exit {
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let base = if args.admin.contains("://") { args.admin.clone() } else { format!("http://{}", args.admin) };
    match runtime.block_on(crate::admin::ask(&base)) {
        Some(text) => {
            line(text.trim_end());
            Exit::Fine
        }
        None => {
            error_line(format!("no server answers on {base}; is `jackfield serve` running?"));
            Exit::CouldNotRun
        }
    }
}

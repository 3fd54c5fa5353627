//! `jackfield status`

use super::ask::{self, ServerArg};
use super::terminal::{error_line, line};
use super::{Exit, StatusArgs};

pub(super) fn run(args: &StatusArgs) -> Exit {
    let answer = match &args.address {
        Some(address) => ServerArg::at(address).get("/status"),
        None => args.server.get("/status"),
    };
    match answer {
        Ok(ask::Answer { status: 200, body, .. }) => {
            line(String::from_utf8_lossy(&body).trim_end());
            Exit::Fine
        }
        Ok(ask::Answer { from, status, .. }) => {
            error_line(format!("{from} answers {status}"));
            Exit::CouldNotRun
        }
        Err(exit) => exit,
    }
}

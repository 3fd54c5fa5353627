//! `jackfield completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, terminal};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell that is to complete what you type
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "jackfield", &mut script);
    terminal::line(String::from_utf8_lossy(&script).trim_end());
    Exit::Fine
}

//! `jackfield man`

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};

use super::{Cli, Exit, terminal};

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write this page and one for each command into a folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs) -> Exit {
    match &args.dir {
        Some(dir) => every_page(dir),
        None => one_page(),
    }
}

/// `help` has nothing that the pages don't say.
fn command() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

fn one_page() -> Exit {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command()).render(&mut page);
    terminal::line(String::from_utf8_lossy(&page).trim_end());
    Exit::Fine
}

fn every_page(dir: &Path) -> Exit {
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command(), dir));
    match written {
        Ok(()) => {
            let first = dir.join("jackfield.1");
            terminal::line(format!("the pages are in {}; read one with `man -l {}`", dir.display(), first.display()));
            Exit::Fine
        }
        Err(error) => {
            terminal::error_line(format!("`{}` can't be written to: {}", dir.display(), error.kind()));
            Exit::CouldNotRun
        }
    }
}

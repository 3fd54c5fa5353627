//! `jackfield store`: looking after the event store.

use std::path::PathBuf;

use super::terminal::{error_line, line};
use super::{DataArg, Exit};
use crate::load::{self, Options};
use crate::settings::ServerSettings;
use crate::store::{self, StoreError};

/// The folder of the store that is meant, in which there is one.
pub(super) fn folder(args: &DataArg) -> Result<PathBuf, Exit> {
    let mut folder = match &args.data {
        Some(folder) => folder.clone(),
        None => {
            let root = load::root_of(&args.workspace.workspace);
            let options = Options { tests: false, ..Options::offline() };
            ServerSettings::of(&load::compile_files(&root, load::read(&root), &options), &root).data
        }
    };
    if args.sandbox {
        folder.push(SANDBOX);
    }
    if store::is_in(&folder) {
        return Ok(folder);
    }
    let help = match store::is_in(&folder.join(SANDBOX)) {
        true => "`serve --sandbox` has left one: add `--sandbox`",
        false => "`--data DIR` says where it is",
    };
    error_line(format!("there is no event store in `{}`; {help}", folder.display()));
    Err(Exit::CouldNotRun)
}

/// Where `serve --sandbox` keeps its own store, within the folder of the other.
const SANDBOX: &str = "sandbox";

pub(super) fn verify(args: &DataArg) -> Exit {
    let folder = match folder(args) {
        Ok(folder) => folder,
        Err(exit) => return exit,
    };
    match store::verify(&folder) {
        Ok(found) if found.problems.is_empty() => {
            line(format!("{}, {}: all good", counted(found.events, "event"), counted_deliveries(found.deliveries)));
            Exit::Fine
        }
        Ok(found) => {
            found.problems.iter().for_each(line);
            error_line("the store is not as it should be: keep a copy of its folder, then go back to a backup");
            Exit::ProblemsFound
        }
        Err(error @ StoreError::Corrupt) => {
            error_line(format!("{error}: keep a copy of its folder, then go back to a backup"));
            Exit::ProblemsFound
        }
        Err(error) => {
            error_line(error);
            Exit::CouldNotRun
        }
    }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn counted_deliveries(number: u64) -> String {
    if number == 1 { "1 delivery".to_owned() } else { format!("{number} deliveries") }
}

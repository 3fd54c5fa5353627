//! `jackfield backup`: a copy of the event store.

use super::terminal::{error_line, line};
use super::{BackupArgs, Exit, store as stored};
use crate::store::{self, Cause, StoreError};

pub(super) fn run(args: &BackupArgs) -> Exit {
    let folder = match stored::folder(&args.data) {
        Ok(folder) => folder,
        Err(exit) => return exit,
    };
    let file = args.file.display();
    match store::backup(&folder, &args.file) {
        Ok(()) => {
            let size = std::fs::metadata(&args.file).map_or(0, |file| file.len());
            line(format!("`{file}` has the store as it was a moment ago, {size} bytes"));
            Exit::Fine
        }
        Err(StoreError::Unavailable(Cause::Exists)) => {
            error_line(format!("`{file}` is there already; name another file"));
            Exit::UsedWrongly
        }
        Err(error) => {
            error_line(format!("`{file}` is not written: {error}"));
            Exit::CouldNotRun
        }
    }
}

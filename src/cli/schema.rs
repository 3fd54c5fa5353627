//! `jackfield schema`

use std::path::Path;

use super::terminal::{error_line, line};
use super::{Exit, SchemaArgs, SchemaSort};
use crate::config::editor::{Known, Sort};
use crate::load;

pub(super) fn run(args: &SchemaArgs) -> Exit {
    let known = Known::read(&load::read(&load::root_of(&args.workspace.workspace)).texts);
    if let Some(sort) = args.sort {
        line(text(&known, sort.into()).trim_end());
    }
    let Some(dir) = &args.dir else { return Exit::Fine };
    match write(dir, &known) {
        Ok(()) => Exit::Fine,
        Err(error) => {
            error_line(format!("`{}` can't be written to: {}", dir.display(), error.kind()));
            Exit::CouldNotRun
        }
    }
}

fn write(dir: &Path, known: &Known) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for sort in Sort::ALL {
        let path = dir.join(sort.file());
        std::fs::write(&path, text(known, sort))?;
        line(format!("written {}", path.display()));
    }
    Ok(())
}

/// The schema of a sort of file, as it is written.
pub(super) fn text(known: &Known, sort: Sort) -> String {
    known.schema(sort).to_json_pretty() + "\n"
}

impl From<SchemaSort> for Sort {
    fn from(sort: SchemaSort) -> Self {
        match sort {
            SchemaSort::Settings => Sort::Settings,
            SchemaSort::Route => Sort::Route,
            SchemaSort::Pack => Sort::Pack,
        }
    }
}

//! `jackfield schema`

use std::path::Path;

use super::terminal::{error_line, line};
use super::{Exit, SchemaArgs, SchemaSort};
use crate::config::editor::{Known, Sort};
use crate::load;

/// What there is to choose from, for who names nothing.
const USAGE: &[&str] = &[
    "say which JSON Schema to print, or where to write all three of them:",
    "  jackfield schema settings           that of jackfield.yaml",
    "  jackfield schema route              that of routes/**/*.yaml",
    "  jackfield schema pack               that of schemas/*/pack.yaml",
    "  jackfield schema --dir .jackfield   all three, to where the first line of each file leads an editor:",
    "                                      # yaml-language-server: $schema=../.jackfield/route.schema.json",
];

pub(super) fn run(args: &SchemaArgs) -> Exit {
    if args.sort.is_none() && args.dir.is_none() {
        USAGE.iter().for_each(error_line);
        return Exit::UsedWrongly;
    }
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

//! `jackfield init`

use std::path::Path;

use super::terminal::{error_line, line};
use super::{Exit, InitArgs, schema};
use crate::config::editor::{Known, Sort};
use crate::load;

/// The files of a new workspace; they are tested like every other.
const FILES: &[(&str, &str)] = &[
    ("jackfield.yaml", include_str!("init/jackfield.yaml")),
    ("sandbox.env", include_str!("init/sandbox.env")),
    ("routes/contact-form.yaml", include_str!("init/contact-form.yaml")),
    ("samples/contact-form.http", include_str!("init/contact-form.http")),
    (".gitignore", include_str!("init/gitignore")),
    (".jackfield/README.md", include_str!("init/schemas.md")),
];

/// The folder of the schemas, to which the first line of each file leads an editor.
const SCHEMAS: &str = ".jackfield";

pub(super) fn run(args: &InitArgs) -> Exit {
    let settings = args.dir.join("jackfield.yaml");
    if settings.exists() {
        error_line(format!("`{}` is there already: this folder is a workspace", settings.display()));
        return Exit::UsedWrongly;
    }
    let files = FILES.iter().try_for_each(|(name, text)| make(&args.dir.join(name), text));
    // The schemas know the connections of the files above.
    if let Err(exit) = files.and_then(|()| make_schemas(&args.dir)) {
        return exit;
    }
    let good = load::compile(&args.dir, &load::Options::offline()).is_good();
    let there = if args.dir == Path::new(".") { String::new() } else { format!("cd {} && ", args.dir.display()) };
    line("");
    line(format!("{there}jackfield check              prove it"));
    line(format!("{there}jackfield dry-run contact-form   see what it would send"));
    line(format!("{there}jackfield serve --sandbox    run it against stand-ins for the providers"));
    if good { Exit::Fine } else { Exit::ProblemsFound }
}

fn make_schemas(dir: &Path) -> Result<(), Exit> {
    let known = Known::read(&load::read(dir).texts);
    let folder = dir.join(SCHEMAS);
    Sort::ALL.into_iter().try_for_each(|sort| make(&folder.join(sort.file()), &schema::text(&known, sort)))
}

fn make(path: &Path, text: &str) -> Result<(), Exit> {
    match write_new(path, text) {
        Ok(true) => line(format!("made    {}", path.display())),
        Ok(false) => line(format!("kept    {}, which was there", path.display())),
        Err(error) => {
            error_line(format!("`{}` can't be written: {}", path.display(), error.kind()));
            return Err(Exit::CouldNotRun);
        }
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> std::io::Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).map(|()| true)
}

//! `jackfield new route`: a first version of a route, from a captured request.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::ask::{self, ServerArg};
use super::terminal::{self, error_line, line};
use super::{DataArg, Exit, route_name, store as stored};
use crate::diagnostic::text::count_of;
use crate::draft::Draft;
use crate::event::{RawRequest, capture};
use crate::first_draft::{self, Wanted};
use crate::id::EventId;
use crate::load::{self, Options};
use crate::store::Look;

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    #[command(subcommand)]
    command: NewCommand,
}

#[derive(Debug, Subcommand)]
enum NewCommand {
    /// Draft a route: fields are matched by name, shape and type; guesses are marked, and `check` refuses them until confirmed
    Route(RouteArgs),
}

#[derive(Debug, Args)]
struct RouteArgs {
    /// The name of the route; that of the sample unless given
    name: Option<String>,
    /// A captured request: a file (`.http`, or JSON), or an event of the store (`evt_…`)
    #[arg(long, value_name = "SAMPLE")]
    from: String,
    /// Where the route sends to: `connection.operation`
    #[arg(long, value_name = "CONNECTION.OPERATION")]
    to: String,
    /// Show the draft and write nothing
    #[arg(long)]
    print: bool,
    /// The operator's address of the server that has the event, such as `127.0.0.1:8081`, instead of what jackfield.yaml says
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["data", "sandbox"])]
    admin: Option<String>,
    #[command(flatten)]
    data: DataArg,
}

/// The captured request, and the file that it is or is to be.
struct Sample {
    raw: RawRequest,
    bytes: Vec<u8>,
    /// Relative to the workspace.
    file: String,
    is_there: bool,
}

pub(super) fn run(args: &NewArgs) -> Exit {
    let NewCommand::Route(args) = &args.command;
    match drafted(args) {
        Ok(exit) => exit,
        Err(Problem(exit, message)) => {
            error_line(message);
            exit
        }
    }
}

/// Why there is no draft.
struct Problem(Exit, String);

fn wrong(message: impl Into<String>) -> Problem {
    Problem(Exit::UsedWrongly, message.into())
}

fn drafted(args: &RouteArgs) -> Result<Exit, Problem> {
    let root = load::root_of(&args.data.workspace.workspace);
    let compiled = load::compile(&root, &Options { tests: false, ..Options::offline() });
    first_draft::target(&compiled, &args.to).map_err(wrong)?;
    let name = name(args)?;
    let file = format!("routes/{name}.yaml");
    if !args.print && root.join(&file).exists() {
        return Err(wrong(format!("`{file}` is there already; name the route otherwise")));
    }
    let sample = sample(args, &root, &name)?;
    let wanted = Wanted { root: &root, name: &name, to: &args.to, raw: &sample.raw, sample: &sample.file };
    let draft = first_draft::make(&compiled, &wanted).map_err(wrong)?;
    match args.print {
        true => terminal::bytes(draft.text.as_bytes()),
        false => written(&root, &name, &sample, &draft)?,
    }
    Ok(Exit::Fine)
}

/// The name of the route: given, or that of the sample.
fn name(args: &RouteArgs) -> Result<String, Problem> {
    let stem = || Path::new(&args.from).file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
    let given = args.name.as_deref().map(|name| route_name(name).to_owned());
    let name = given.or_else(|| stem().filter(|_| !is_event(&args.from)));
    let name = name.ok_or_else(|| wrong("name the route: `jackfield new route NAME --from evt_… --to …`"))?;
    first_draft::check_name(&name).map_err(wrong)?;
    Ok(name)
}

fn is_event(from: &str) -> bool {
    from.starts_with("evt_")
}

fn sample(args: &RouteArgs, root: &Path, name: &str) -> Result<Sample, Problem> {
    if is_event(&args.from) {
        let bytes = of_event(args)?;
        return parsed(bytes, first_draft::sample_file(name, "http"), false);
    }
    let file = Path::new(&args.from);
    let inside = |path: &Path| {
        let (root, path) = (root.canonicalize().ok()?, path.canonicalize().ok()?);
        Some(path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/"))
    };
    // As in a route's tests, a path may also be relative to the workspace.
    let candidates: [PathBuf; 2] = [file.to_owned(), root.join(file)];
    let found = candidates.iter().find_map(|path| Some((path, load::read_bounded(path).ok()?)));
    let (path, bytes) = found.ok_or_else(|| wrong(format!("`{}` can't be read", args.from)))?;
    match inside(path) {
        Some(file) => parsed(bytes, file, true),
        None => {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("http");
            parsed(bytes, first_draft::sample_file(name, ending), false)
        }
    }
}

fn parsed(bytes: Vec<u8>, file: String, is_there: bool) -> Result<Sample, Problem> {
    let raw = capture::parse(&bytes).map_err(|error| wrong(format!("`{file}`: {error}")))?;
    Ok(Sample { raw, bytes, file, is_there })
}

/// The request of an event of the running server, or else of the store, as a file.
fn of_event(args: &RouteArgs) -> Result<Vec<u8>, Problem> {
    let path = format!("/events/{}/request", crate::request::encode(&args.from));
    let nothing = || wrong(format!("there is no event `{}`; `jackfield events` lists the newest", args.from));
    if let Some(address) = &args.admin {
        let silent = |exit| Problem(exit, "no event was read".to_owned());
        let answer = ServerArg::at(address).get(&path).map_err(silent)?;
        return if answer.status == 200 { Ok(answer.body) } else { Err(nothing()) };
    }
    // A server that runs has the store for itself, and may have the sandbox's.
    if args.data.data.is_none()
        && !args.data.sandbox
        && let Some(request) = ask::of_running(&args.data.workspace.workspace, &path)
    {
        return Ok(request);
    }
    let folder = stored::folder(&args.data).map_err(|exit| Problem(exit, "no event was read".to_owned()))?;
    let unreadable = |error| Problem(Exit::CouldNotRun, format!("the event store can't be read: {error}"));
    let id: EventId = args.from.parse().map_err(|_| wrong(format!("`{}` is no id of an event", args.from)))?;
    let story = Look::at(&folder).and_then(|look| look.event(id)).map_err(unreadable)?;
    let story = story.ok_or_else(nothing)?;
    Ok(capture::write(&story.event.raw))
}

/// So many paths that are not used are named.
const MOST_SHOWN: usize = 12;

fn written(root: &Path, name: &str, sample: &Sample, draft: &Draft) -> Result<(), Problem> {
    let file = format!("routes/{name}.yaml");
    if !sample.is_there {
        make(root, &sample.file, &sample.bytes)?;
    }
    make(root, &file, draft.text.as_bytes())?;
    line("");
    match draft.guesses.as_slice() {
        [] => line("nothing in the request was taken for a field of the operation"),
        guesses => line(format!("{} to confirm: {}", count_of(guesses.len(), "guess"), guesses.join(", "))),
    }
    if !draft.open.is_empty() {
        line(format!("to write yourself: {}", draft.open.join(", ")));
    }
    if !draft.unused.is_empty() {
        let shown: Vec<String> =
            draft.unused.iter().take(MOST_SHOWN).map(|path| path.replace(char::is_control, " ")).collect();
        let more = draft.unused.len().saturating_sub(MOST_SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        line(format!("not used of the request: {}{more}", shown.join(", ")));
    }
    line("");
    line(format!("jackfield dry-run {name}    see what it would send"));
    line("jackfield check    see what is to be confirmed");
    if !draft.guesses.is_empty() {
        line("");
        line("until that is done, a server that runs takes no change of any file: the routes from before go on");
    }
    Ok(())
}

fn make(root: &Path, file: &str, bytes: &[u8]) -> Result<(), Problem> {
    let path = root.join(file);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => wrong(format!("`{file}` is there already; name the route otherwise")),
        kind => Problem(Exit::CouldNotRun, format!("`{file}` can't be written: {kind}")),
    };
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
    let mut new = std::fs::File::options().write(true).create_new(true).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut new, bytes).map_err(failed)?;
    line(format!("made    {file}"));
    Ok(())
}

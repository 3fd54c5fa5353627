//! The commands: the only place that prints or picks exit codes.

mod ask;
mod backup;
mod check;
mod checkout;
mod completions;
mod deliveries;
mod diff;
mod dry_run;
mod erase;
mod events;
mod explain;
mod held;
mod init;
mod man;
mod new_route;
mod replay;
mod sandbox;
mod schema;
mod serve;
mod status;
mod store;
mod terminal;
mod test;
mod unknown;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::load;

/// Any webhook in, any conversation API out, declared in YAML.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a workspace that works: one route, its sample and its test
    Init(InitArgs),
    /// Make a route from a captured request
    New(new_route::NewArgs),
    /// Prove the workspace: every problem with its file, its line and what to write instead
    Check(CheckArgs),
    /// Show what a route makes of a captured request, step by step; sends nothing
    DryRun(DryRunArgs),
    /// Run the tests that routes carry
    Test(TestArgs),
    /// Show what the edited routes make otherwise of the requests that came in last; sends nothing
    Diff(diff::DiffArgs),
    /// Receive, route and deliver; changed files go live without a restart, bad ones never do
    Serve(ServeArgs),
    /// Stand in for every provider: check requests by their schema, answer as they do, fail on demand
    Sandbox(SandboxArgs),
    /// Ask a running server for its state
    Status(StatusArgs),
    /// List what was received and what became of it, or tell all of one event, or write its request as a file
    Events(EventsArgs),
    /// List deliveries and where they stand, or show all of one: its request, and what the provider answered each time
    Deliveries(deliveries::DeliveriesArgs),
    /// List what failed and is kept: deliveries that were given up or held, and events that a route could not use
    DeadLetters(deliveries::DeadLettersArgs),
    /// Send again what failed: the same requests, or the events through the routes as they are now
    Replay(replay::ReplayArgs),
    /// Let deliveries go on now: held ones when the connection is mended, and those that would be tried later
    Release(held::ReleaseArgs),
    /// Take what failed or is held off the list: the provider has it after all, or nobody wants it
    Dismiss(held::DismissArgs),
    /// Forget for good what is known of a person: the events that hold a value, with all that was made of them
    Erase(erase::EraseArgs),
    /// Copy the event store into a file, also while a server is using it
    Backup(BackupArgs),
    /// Look after the event store
    Store(StoreArgs),
    /// Say what the code of a problem means; or what a provider takes and a sender sends, with examples to paste
    Explain(explain::ExplainArgs),
    /// Write what a shell needs to complete commands
    Completions(completions::CompletionsArgs),
    /// Write the man page
    Man(man::ManArgs),
    /// Print the JSON Schemas by which an editor completes and checks the files of a workspace, or write them into a folder
    Schema(SchemaArgs),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Fine = 0,
    ProblemsFound = 1,
    UsedWrongly = 2,
    CouldNotRun = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[derive(Clone, Debug, Args)]
struct WorkspaceArg {
    /// The folder of the workspace, or one within it
    #[arg(long, short = 'w', value_name = "DIR", default_value = ".")]
    workspace: PathBuf,
}

impl WorkspaceArg {
    /// The folder of the workspace. Where none is named, a file that is says which one is meant.
    fn root(&self, named: Option<&str>) -> PathBuf {
        let own = named.map(Path::new).filter(|file| self.is_here() && file.is_file()).map(load::root_of);
        own.filter(|root| root.is_dir()).unwrap_or_else(|| load::root_of(&self.workspace))
    }

    /// Whether no other folder is named.
    fn is_here(&self) -> bool {
        self.workspace == Path::new(".")
    }
}

/// The name of a route, also where its file is named.
fn route_name(written: &str) -> &str {
    match written.strip_suffix(".yaml") {
        Some(bare) => bare.rsplit_once("routes/").map_or(bare, |(_, rest)| rest).trim_start_matches("./"),
        None => written.trim_start_matches("./").trim_start_matches("routes/"),
    }
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The folder to make; what is in it already is left alone
    #[arg(default_value = ".")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The workspace, or one file of it; this folder unless given
    path: Option<PathBuf>,
    /// How problems are written
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
    /// Mend what can be mended for certain, then check again
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    #[value(alias = "human")]
    Text,
    Json,
    Sarif,
    Github,
}

#[derive(Debug, Args)]
struct DryRunArgs {
    /// The route: its name, or its file
    route: String,
    /// A captured request (`.http`, or JSON), or `-` for standard input; the route's first test's unless given
    #[arg(long, short = 'r', value_name = "FILE")]
    request: Option<String>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = DryRunFormat::Text)]
    format: DryRunFormat,
    /// Don't ask whether the request is from whom it should be
    #[arg(long)]
    no_verify: bool,
    /// Try another value: of an extracted name, or of a field as `payload.status=missed`; without `=`, as if it were absent
    #[arg(long, value_name = "NAME[=VALUE]")]
    set: Vec<String>,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DryRunFormat {
    Text,
    Json,
    Curl,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// Only routes whose name begins with this; or one route's file; or the folder of a workspace, as with `-w`
    filter: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = TestFormat::Text)]
    format: TestFormat,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    #[value(alias = "human")]
    Text,
    Json,
    Junit,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Send to stand-ins on this machine instead of the providers, and show each delivery
    #[arg(long)]
    sandbox: bool,
    /// Where to receive, instead of what jackfield.yaml says; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
    /// Where to answer the operator, instead of what jackfield.yaml says
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<std::net::SocketAddr>,
    /// Where the page in the browser listens, instead of what jackfield.yaml says
    #[arg(long, value_name = "ADDRESS")]
    page: Option<std::net::SocketAddr>,
    /// Where the stand-ins listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    sandbox_listen: std::net::SocketAddr,
    /// The folder of the event store, instead of what jackfield.yaml says
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How the log on standard error is written
    #[arg(long, value_enum, default_value_t = LogFormatArg::Text)]
    log_format: LogFormatArg,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormatArg {
    Text,
    Json,
}

#[derive(Debug, Args)]
struct SandboxArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: std::net::SocketAddr,
    /// Answer with an error of the pack's: `omnivibe.create_message=too_many_messages:3`
    #[arg(long, value_name = "PROVIDER[.OPERATION]=ERROR[:TIMES]")]
    fail: Vec<String>,
    /// How many requests are kept for `/_sandbox/requests`
    #[arg(long, default_value_t = 10_000)]
    remember: usize,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// The operator's address of the server; the same as `--admin`
    #[arg(value_name = "ADDRESS", conflicts_with = "admin", hide = true)]
    address: Option<String>,
    #[command(flatten)]
    format: deliveries::FormatArg,
    #[command(flatten)]
    server: ask::ServerArg,
}

#[derive(Debug, Args)]
struct EventsArgs {
    /// Tell all of this event, as `jackfield events evt_…`: which routes took it and why others did not, what was found in it,
    /// what was sent, and what was answered
    #[arg(conflicts_with_all = ["last", "Sought"])]
    event: Option<String>,
    /// Write its request only, as `jackfield events evt_… --request > samples/form.http`; what proved it is masked
    #[arg(long, requires = "event", conflicts_with = "format")]
    request: bool,
    /// How many of the newest are listed, 1000 at the most
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: u16,
    #[command(flatten)]
    sought: events::Sought,
    /// As text to read, or as the JSON of the operator's address
    #[arg(long, value_enum, default_value_t = deliveries::Shown::Text, value_name = "FORMAT")]
    format: deliveries::Shown,
    #[command(flatten)]
    from: ask::LookArg,
}

/// Which event store is meant.
#[derive(Debug, Args)]
struct DataArg {
    /// The folder of the event store, instead of what jackfield.yaml says
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The store of `serve --sandbox`
    #[arg(long)]
    sandbox: bool,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Debug, Args)]
struct BackupArgs {
    /// The file to write; one that is there is left alone
    file: PathBuf,
    #[command(flatten)]
    data: DataArg,
}

#[derive(Debug, Args)]
struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Prove that the file is whole and that all in it fits together, also while a server is using it
    Verify(DataArg),
}

#[derive(Debug, Args)]
struct SchemaArgs {
    /// Print the schema of this sort of file
    #[arg(value_enum, value_name = "SORT", conflicts_with = "dir")]
    sort: Option<SchemaSort>,
    /// Write all three into this folder, as `jackfield.schema.json`, `route.schema.json` and `pack.schema.json`: to
    /// `.jackfield` in a workspace, where the first line of each file that `jackfield init` makes looks for them
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaSort {
    /// `jackfield.yaml`
    Settings,
    /// `routes/**/*.yaml`
    Route,
    /// `schemas/*/pack.yaml`
    Pack,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::UsedWrongly } else { Exit::Fine };
            terminal::note(error.print());
            return terminal::end(exit).into();
        }
    };
    let exit = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::New(args) => new_route::run(&args),
        Command::Check(args) => explain::after(check::run(&args), args.format),
        Command::DryRun(args) => dry_run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Sandbox(args) => sandbox::run(args),
        Command::Status(args) => status::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Deliveries(args) => deliveries::run(&args),
        Command::DeadLetters(args) => deliveries::dead_letters(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Release(args) => held::release(&args),
        Command::Dismiss(args) => held::dismiss(&args),
        Command::Erase(args) => erase::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Store(StoreArgs { command: StoreCommand::Verify(args) }) => store::verify(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Schema(args) => schema::run(&args),
    };
    terminal::end(exit).into()
}

/// The runtime of the commands that use the network. Its threads validate bodies, which recurses.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    const STACK: usize = 8 * 1024 * 1024;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_stack_size(STACK).build().map_err(|error| {
        terminal::error_line(format!("the machine gives no threads: {}", error.kind()));
        Exit::CouldNotRun
    })
}

//! The commands: the only place that prints or picks exit codes.

mod check;
mod dry_run;
mod init;
mod sandbox;
mod serve;
mod status;
mod terminal;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Prove the workspace: every problem with its file, its line and what to write instead
    Check(CheckArgs),
    /// Show what a route makes of a captured request, step by step; sends nothing
    DryRun(DryRunArgs),
    /// Run the tests that routes carry
    Test(TestArgs),
    /// Receive, route and deliver; changed files go live without a restart, bad ones never do
    Serve(ServeArgs),
    /// Stand in for every provider: check requests by their schema, answer as they do, fail on demand
    Sandbox(SandboxArgs),
    /// Ask a running server for its state
    Status(StatusArgs),
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
    /// The folder of the workspace
    #[arg(long, short = 'w', value_name = "DIR", default_value = ".")]
    workspace: PathBuf,
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The folder to make; what is in it already is left alone
    #[arg(default_value = ".")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The workspace, or one file of it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How problems are written
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    format: CheckFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Human,
    Json,
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
    /// Only routes whose name begins with this
    filter: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    format: CheckFormat,
    #[command(flatten)]
    workspace: WorkspaceArg,
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
    /// The operator's address of the server
    #[arg(default_value = "127.0.0.1:8081")]
    admin: String,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::UsedWrongly.into() } else { Exit::Fine.into() };
        }
    };
    let exit = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::DryRun(args) => dry_run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Sandbox(args) => sandbox::run(args),
        Command::Status(args) => status::run(&args),
    };
    exit.into()
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

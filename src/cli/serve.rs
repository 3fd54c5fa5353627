//! `jackfield serve`

mod show;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::terminal::{error_line, line};
use super::{Exit, LogFormatArg, ServeArgs};
use crate::compile::{Compiled, Entrance, Secrets};
use crate::diagnostic::text;
use crate::load::folder::Folder;
use crate::load::{self, Files, Options};
use crate::reload::Reloads;
use crate::sandbox::{Config, Sandbox};
use crate::server::{Server, Start};
use crate::settings::ServerSettings;
use crate::store::{self, Store};
use crate::telemetry::{self, LogFormat};

pub(super) fn run(args: ServeArgs) -> Exit {
    let format = if args.log_format == LogFormatArg::Json { LogFormat::Json } else { LogFormat::Text };
    telemetry::start(format, std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match super::runtime() {
        Ok(runtime) => runtime.block_on(serve(args)),
        Err(exit) => exit,
    }
}

async fn serve(args: ServeArgs) -> Exit {
    let root = load::root_of(&args.workspace.workspace);
    let end = match end() {
        Ok(end) => end,
        Err(error) => {
            error_line(format!("the machine gives no signals: {}", error.kind()));
            return Exit::CouldNotRun;
        }
    };
    let sandbox = match args.sandbox {
        true => match TcpListener::bind(args.sandbox_listen).await {
            Ok(listener) => Some(listener),
            Err(error) => {
                error_line(format!("can't listen on {} for the sandbox: {}", args.sandbox_listen, error.kind()));
                return Exit::CouldNotRun;
            }
        },
        false => None,
    };
    let options = options(&args, sandbox.as_ref());
    let (start, good) = match prepare(&args, &root, options).await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let stand_in = Sandbox::new(Config { packs: start.compiled.set.packs.clone(), remember: 10_000 });
    let (stop_sandbox, sandbox_stopped) = tokio::sync::oneshot::channel::<()>();
    let packs = stand_in.clone();
    let start = Start { on_revision: Box::new(move |revision| packs.set_packs(revision.set.packs.clone())), ..start };
    let invitation = show::invitation(&start.compiled, &root);
    let server = match Server::start(start).await {
        Ok(server) => server,
        Err(error) => {
            error_line(error);
            return Exit::CouldNotRun;
        }
    };
    line(format!("receiving on http://{}{}", server.listen, server.live.now().set.prefix));
    line(format!("state on     http://{}/status", server.admin));
    server.page.iter().for_each(|page| line(format!("page on      http://{page}")));
    let running_sandbox = sandbox.map(|listener| {
        show::sandbox(&listener);
        show::deliveries(server.reports());
        tokio::spawn(stand_in.serve(listener, async {
            let _ = sandbox_stopped.await;
        }))
    });
    if running_sandbox.is_some() {
        show::invite(invitation, server.listen);
    }
    if !good {
        line("the files have problems: the last good revision serves until they are mended");
    }
    let ended = server.run_until(end).await;
    let _ = stop_sandbox.send(());
    if let Some(running) = running_sandbox {
        running.abort();
    }
    match ended {
        Ok(()) => Exit::Fine,
        Err(error) => {
            error_line(error);
            Exit::CouldNotRun
        }
    }
}

fn options(args: &ServeArgs, sandbox: Option<&TcpListener>) -> Options {
    let address = sandbox.and_then(|listener| listener.local_addr().ok());
    Options {
        secrets: if sandbox.is_some() { Secrets::Optional } else { Secrets::Required },
        sandbox_env: sandbox.is_some(),
        sandbox: address.map(|address| Arc::from(format!("http://{address}"))),
        // Which port is free is known later.
        listen: args.listen.filter(|listen| listen.port() != 0),
        ..Options::offline()
    }
}

/// A good workspace to start with: the files, or else the last good revision that the store kept.
async fn prepare(args: &ServeArgs, root: &Path, options: Options) -> Result<(Start, bool), Exit> {
    let folder = Folder::new(root);
    let look = folder.look();
    let files = look.files.clone();
    let compiled = load::compile_files(root, files.clone(), &options);
    let good = compiled.is_good();
    for problem in compiled.diagnostics.iter().map(|problem| problem.for_log()) {
        // A line of the file may hold a secret, and this goes into a log: `check` shows the lines.
        error_line(text::line(&problem, &compiled.documents));
        problem.help.iter().for_each(|help| error_line(format!("  help: {help}")));
    }
    let settings = settings(args, root, &compiled);
    if settings.page.as_ref().is_some_and(Entrance::is_too_open) {
        error_line(
            "`--page` is reached by others than this machine: jackfield.yaml has to say who may open it, under `page:`",
        );
        return Err(Exit::CouldNotRun);
    }
    let store = store::open(&settings.data).map_err(|error| {
        error_line(format!("the event store in `{}` can't be opened: {error}", settings.data.display()));
        Exit::CouldNotRun
    })?;
    let reloads = Reloads::default();
    let (compiled, files, settings) = match good {
        true => (compiled, files, settings),
        false => {
            let bad = compiled;
            let (compiled, files) = last_good(root, &*store, &options).await.ok_or(Exit::ProblemsFound)?;
            reloads.refused_at_start(&bad, &compiled.set.revision, options.clock.now());
            // The addresses are those of what serves; the store is open already.
            let addresses = self::settings(args, root, &compiled);
            (compiled, files, ServerSettings { data: settings.data, ..addresses })
        }
    };
    let on_revision = Box::new(|_: &crate::live::Revision| {});
    let root = root.to_owned();
    let folder = Arc::new(folder);
    Ok((Start { root, settings, options, compiled, files, store, folder, look, reloads, on_revision }, good))
}

fn settings(args: &ServeArgs, root: &Path, compiled: &Compiled) -> ServerSettings {
    let mut settings = ServerSettings::of(compiled, root);
    settings.listen = args.listen.unwrap_or(settings.listen);
    settings.admin = args.admin.unwrap_or(settings.admin);
    if let Some(listen) = args.page {
        settings.page = Some(Entrance { listen, ..settings.page.take().unwrap_or_else(Entrance::usual) });
    }
    settings.data = args.data.clone().unwrap_or(settings.data);
    if args.sandbox {
        // What waits for a real provider must never be taken by a stand-in.
        settings.data = settings.data.join("sandbox");
    }
    settings
}

/// A server that comes back after a crash must not stay away because a file was broken meanwhile.
async fn last_good(root: &Path, store: &dyn Store, options: &Options) -> Option<(Compiled, Files)> {
    let (revision, texts) = store.snapshot().await.ok().flatten()?;
    let texts = texts.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
    let files = Files { texts, problems: Vec::new() };
    let proved = Options { tests: false, ..options.clone() };
    let compiled = load::compile_files(root, files.clone(), &proved);
    if !compiled.is_good() {
        return None;
    }
    tracing::error!(%revision, "the files have problems, so the last good revision is served");
    Some((compiled, files))
}

/// Over at Ctrl-C or SIGTERM. They are listened for from this call on: one that comes while the server starts is not
/// missed, and does not end it half-way.
#[cfg(unix)]
pub(super) fn end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Over at Ctrl-C.
#[cfg(not(unix))]
pub(super) fn end() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

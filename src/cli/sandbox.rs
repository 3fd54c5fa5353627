//! `jackfield sandbox`

use std::sync::Arc;

use tokio::net::TcpListener;

use super::terminal::{error_line, line};
use super::{Exit, SandboxArgs};
use crate::load;
use crate::sandbox::{Config, Failure, Sandbox, Verdict};

pub(super) fn run(args: SandboxArgs) -> Exit {
    match super::runtime() {
        Ok(runtime) => runtime.block_on(serve(args)),
        Err(exit) => exit,
    }
}

async fn serve(args: SandboxArgs) -> Exit {
    let root = load::root_of(&args.workspace.workspace);
    // A folder without a workspace has the packs that are built in.
    let packs = load::every_pack(&root);
    let sandbox = Sandbox::new(Config { packs: packs.clone(), remember: args.remember });
    for order in &args.fail {
        let Some(failure) = failure(order) else {
            error_line(format!("`{order}` is not an order; write `provider.operation=error:times`"));
            return Exit::UsedWrongly;
        };
        if let Err(unknown) = sandbox.fail(failure) {
            error_line(unknown);
            return Exit::UsedWrongly;
        }
    }
    let listener = match TcpListener::bind(args.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            error_line(format!("can't listen on {}: {}", args.listen, error.kind()));
            return Exit::CouldNotRun;
        }
    };
    let address = listener.local_addr().unwrap_or(args.listen);
    line(format!("standing in for every provider on http://{address}"));
    for pack in packs.values().filter(|pack| !pack.operations.is_empty()) {
        line(format!("  {:<14} base_url: http://{address}/{}", pack.title, pack.name));
    }
    line("a connection with such an address also says: allow_private_addresses: true");
    line(format!("what was received: http://{address}/_sandbox/requests"));
    show(&sandbox);
    let Ok(end) = super::serve::end() else { return Exit::CouldNotRun };
    match sandbox.serve(listener, end).await {
        Ok(()) => Exit::Fine,
        Err(_) => Exit::CouldNotRun,
    }
}

fn failure(order: &str) -> Option<Failure> {
    let (target, error) = order.split_once('=')?;
    let (error, times) = match error.rsplit_once(':') {
        Some((error, times)) => (error, times.parse().ok()?),
        None => (error, u32::MAX),
    };
    let (provider, operation) = match target.split_once('.') {
        Some((provider, operation)) => (provider, Some(Arc::from(operation))),
        None => (target, None),
    };
    (!provider.is_empty() && !error.is_empty()).then(|| Failure {
        provider: provider.into(),
        operation,
        error: error.into(),
        times,
    })
}

/// Shows each request as it arrives.
fn show(sandbox: &Sandbox) {
    let mut received = sandbox.subscribe();
    tokio::spawn(async move {
        loop {
            let request = match received.recv().await {
                Ok(request) => request,
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => continue,
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            };
            let operation = request.operation.as_deref().unwrap_or("-");
            let verdict = match &request.verdict {
                Verdict::Good => "good".to_owned(),
                Verdict::Duplicate => "duplicate".to_owned(),
                Verdict::Invalid(violations) => format!("invalid: {}", violations.join("; ")),
                Verdict::Unauthorized(why) => format!("unauthorized: {why}"),
                Verdict::NotFound => "not found".to_owned(),
                Verdict::Failed(error) => format!("failed on demand: {error}"),
            };
            line(format!("{} {}.{operation} {} {verdict}", request.method, request.provider, request.status));
        }
    });
}

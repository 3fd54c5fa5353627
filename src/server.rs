//! The running server: everything put together, started in the right order and stopped in the other.

mod alerts;
mod figures;
mod files;
mod leases;
mod listen;
mod operator;
mod retention;
mod stall;
mod task;
mod told;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use crate::admin::{self, Admin};
use crate::changes::proof;
use crate::client::ClientError;
use crate::compile::{Compiled, Entrance};
use crate::delivery::State;
use crate::dispatch::{Client, Dispatch, Report, Wake};
use crate::ingress::{Guard, Ingress, KnownPaths, Most, Rates};
use crate::live::{Live, Revision};
use crate::load::folder::{Folder, Look};
use crate::load::{Files, Options};
use crate::page::{self, Page, Stories, Workspace};
use crate::refusal::Tally;
use crate::reload::{self, Reloader, Reloads, Taken};
use crate::routing::Router;
use crate::settings::ServerSettings;
use crate::span;
use crate::store::{Store, StoreError};
use task::ended;
use told::{connections, estimates, story};

/// How long requests and attempts under way may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// Attempts have a little less, so that what is broken off is recorded within the grace.
const ATTEMPTS_GRACE: Duration = Duration::from_secs(8);

/// How long the last spans may take to a collector.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::ErrorKind),
    #[error("the event store can't be opened: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What a server is started with.
pub struct Start {
    pub root: PathBuf,
    pub settings: ServerSettings,
    pub options: Options,
    /// A good workspace.
    pub compiled: Compiled,
    pub files: Files,
    pub store: Arc<dyn Store>,
    /// Where the files lie, and how they were when they were read; a change since then is noticed.
    pub folder: Arc<Folder>,
    pub look: Look,
    /// Says so when the files are not what serves.
    pub reloads: Reloads,
    /// Called with each revision before it serves: the sandbox learns of new packs.
    pub on_revision: Box<dyn Fn(&Revision) + Send + Sync>,
}

/// A server that runs.
pub struct Server {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    /// Where the page is, if there is one.
    pub page: Option<SocketAddr>,
    pub live: Live,
    dispatch: Dispatch,
    store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    ready: Arc<AtomicBool>,
    receiving: JoinHandle<()>,
    admin_task: JoinHandle<()>,
    page_task: JoinHandle<()>,
    routing: JoinHandle<()>,
    reloading: JoinHandle<()>,
    forgetting: JoinHandle<()>,
    counting: JoinHandle<()>,
    alerting: JoinHandle<()>,
    /// Ends when nobody puts spans any more.
    exporting: Option<JoinHandle<()>>,
    revisions: mpsc::Receiver<Taken>,
    /// Connections for which a person lets something go on.
    awakened: mpsc::UnboundedReceiver<Arc<str>>,
    known_paths: KnownPaths,
    accepted: Arc<Notify>,
}

/// Makes the server unready when what it can't do without is over, however that came.
struct Needed(Arc<AtomicBool>);

impl Drop for Needed {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
        if std::thread::panicking() {
            tracing::error!("routing ended by a failure inside Jackfield; start it again");
        }
    }
}

impl Server {
    /// Opens the store, takes up what was left, and begins to receive.
    pub async fn start(start: Start) -> Result<Server, ServerError> {
        let Start { root, settings, options, compiled, files, store, folder, look, reloads, on_revision } = start;
        let clock = options.clock.clone();
        let listener = bind(settings.listen).await?;
        let admin_listener = bind(settings.admin).await?;
        let (listen, admin_address) = (address(&listener, settings.listen), address(&admin_listener, settings.admin));
        let page_listener = match &settings.page {
            Some(entrance) => Some((bind(entrance.listen).await?, entrance.clone())),
            None => None,
        };
        let are_free = leases::are_free(&store).await?;

        let (fixed, told) = (reload::fixed(&compiled), reload::Told::of(&compiled));
        let (served, fingerprint) = (reload::Served::of(&compiled, &look), look.fingerprint);
        let revision = Revision { set: compiled.set, documents: compiled.documents };
        on_revision(&revision);
        let live = Live::new(revision);
        let known_paths = KnownPaths::default();
        known_paths.add(store.known_paths().await?);

        let wake = Wake::default();
        let figures = figures::read(&settings.data);
        let dispatch = Dispatch::new(live.clone(), store.clone(), clock.clone(), Client::new()?, wake.clone());
        let (spans, exporter) = span::from_environment();
        let exporting = exporter.map(|exporter| tokio::spawn(exporter.run()));
        let mut dispatch = dispatch.watched_by(figures.clone(), spans.clone());
        dispatch.recall().await?;
        let owed = if are_free { None } else { Some(dispatch.gate()) };
        dispatch.ensure(store.open_connections().await?.into_iter().map(Arc::from));
        dispatch.ensure(live.now().set.connections.keys().cloned());

        let accepted = Arc::new(Notify::new());
        let router = Router {
            live: live.clone(),
            store: store.clone(),
            clock: clock.clone(),
            wake: wake.clone(),
            accepted: accepted.clone(),
            identity_window: settings.retention.identity_window,
            figures: figures.clone(),
            spans: spans.clone(),
        };
        let (stop, stopped) = watch::channel(false);
        let ready = Arc::new(AtomicBool::new(false));
        let (needed, routing) = (Needed(ready.clone()), router.run(stopped.clone()));
        let routing = tokio::spawn(async move {
            let _needed = needed;
            routing.await;
        });
        let tally = Arc::new(Tally::default());
        let ingress = Ingress {
            live: live.clone(),
            store: store.clone(),
            clock: clock.clone(),
            accepted: accepted.clone(),
            known_paths: known_paths.clone(),
            rates: Rates::default(),
            guard: Guard::new(files::within(settings.most), tally.clone()),
            figures: figures.clone(),
            spans,
        };
        let freeing = leases::free(store.clone(), owed, stopped.clone());
        let forgetting =
            retention::forget(store.clone(), clock.clone(), live.clone(), settings.retention, stopped.clone());
        let (awaken, awakened) = mpsc::unbounded_channel();
        let nudge = dispatch.nudge();
        let admin = Admin {
            live: live.clone(),
            store: store.clone(),
            reloads: reloads.clone(),
            started_at: clock.now(),
            clock,
            ready: ready.clone(),
            tally,
            figures: figures.clone(),
            data: settings.data.clone(),
            wake: Arc::new(move |connection| {
                wake.connection(connection);
                // It may have no worker: nothing was open when the server started, and the workspace has it no more.
                let _ = awaken.send(connection.clone());
            }),
            nudge: Arc::new(move |connection| nudge.connection(connection)),
            accepted: accepted.clone(),
            connections: connections(live.clone(), dispatch.outlook()),
            estimates: estimates(live.clone(), dispatch.outlook()),
            story: story(Stories::new(
                store.clone(),
                options.clock.clone(),
                live.clone(),
                root.clone(),
                options.clone(),
            )),
        };
        let workspace = Workspace { root: root.clone(), options: options.clone(), data: settings.data.clone() };
        let (page, page_task) = open_page(page_listener, admin.clone(), workspace, stopped.clone());
        let admin_task =
            tokio::spawn(operator::serve(operator::OPERATOR, admin_listener, admin::router(admin), stopped.clone()));
        let alerts = alerts::Alerts {
            live: live.clone(),
            store: store.clone(),
            figures: figures.clone(),
            outlook: dispatch.outlook(),
            reloads: reloads.clone(),
            clock: options.clock.clone(),
            accepted: accepted.clone(),
            data: settings.data.clone(),
        };
        let counting = figures::keep(figures, settings.data.clone(), options.clock.clone(), stopped.clone());
        let proof = proof::by_events_in(settings.data.clone());
        let reloader = Reloader { folder, options, live: live.clone(), reloads, proof, fixed, told, served };
        let (taken, revisions) = mpsc::channel(16);
        let mut server = Server {
            listen,
            admin: admin_address,
            page,
            live,
            dispatch,
            store,
            stop,
            ready,
            receiving: tokio::spawn(listen::receive(listener, ingress, stopped.clone())),
            admin_task,
            page_task,
            routing,
            reloading: tokio::spawn(reload_loop(reloader, fingerprint, taken, on_revision, stopped.clone())),
            forgetting: tokio::spawn(async {
                let ((), ()) = tokio::join!(freeing, forgetting);
            }),
            counting: tokio::spawn(counting),
            alerting: tokio::spawn(alerts.run(stopped)),
            exporting,
            revisions,
            awakened,
            known_paths,
            accepted,
        };
        let revision = server.live.now().set.revision.clone();
        server.taken(Taken { revision, files }).await;
        server.ready.store(!server.routing.is_finished(), Ordering::Relaxed);
        let counts = server.store.counts().await?;
        let waiting =
            counts.deliveries(State::Pending) + counts.deliveries(State::Retrying) + counts.deliveries(State::Leased);
        let (dead, held) = (counts.deliveries(State::Dead), counts.deliveries(State::Held));
        tracing::info!(revision = %server.live.now().set.revision, waiting, held, dead, "serving");
        Ok(server)
    }

    /// What becomes of attempts, from now on.
    pub fn reports(&self) -> tokio::sync::broadcast::Receiver<Report> {
        self.dispatch.reports()
    }

    /// Runs until `end` is over, then stops: no new requests, those under way end, the rest waits on disk.
    pub async fn run_until(mut self, end: impl Future<Output = ()>) -> Result<(), ServerError> {
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                Some(connection) = self.awakened.recv() => self.dispatch.ensure([connection]),
                Some(taken) = self.revisions.recv() => {
                    self.taken(taken).await;
                    // A source that is back may have events that waited for it.
                    self.accepted.notify_one();
                }
            }
        }
        self.stop().await
    }

    async fn stop(self) -> Result<(), ServerError> {
        tracing::info!("stopping");
        self.ready.store(false, Ordering::Relaxed);
        let _ = self.stop.send(true);
        let tokens = self.dispatch.tokens();
        // One time for all of it: a supervisor that sends SIGTERM waits half a minute at the most.
        let ends = async {
            tokio::join!(
                ended(self.receiving),
                ended(self.routing),
                ended(self.reloading),
                ended(self.forgetting),
                ended(self.counting),
                ended(self.alerting),
                ended(self.admin_task),
                ended(self.page_task),
                self.dispatch.stop(ATTEMPTS_GRACE)
            )
        };
        // A token that is being fetched has a little longer: it would be lost.
        let (over, ()) = tokio::join!(tokio::time::timeout(GRACE, ends), tokens.stop());
        if over.is_err() {
            tracing::warn!("what was still under way is cut off; it is taken up at the next start");
        }
        if let Some(exporting) = self.exporting {
            let _ = tokio::time::timeout(LAST_SPANS, ended(exporting)).await;
        }
        self.store.close().await?;
        tracing::info!("stopped");
        Ok(())
    }

    /// What follows from a new revision: workers for new connections, and what the next start needs to know.
    async fn taken(&mut self, taken: Taken) {
        let revision = self.live.now();
        self.dispatch.ensure(revision.set.connections.keys().cloned());
        if let Err(error) = self.dispatch.mended().await {
            tracing::error!(%error, "what waits for a mended connection could not be let go on");
        }
        let new = self.known_paths.add(revision.set.paths().map(|path| path.to_string()));
        if !new.is_empty()
            && let Err(error) = self.store.remember_paths(new).await
        {
            tracing::error!(%error, "the paths that are served could not be stored");
        }
        let texts = taken.files.texts.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        if let Err(error) = self.store.save_snapshot(&taken.revision, texts).await {
            tracing::error!(%error, "the last good revision could not be stored");
        }
    }
}

/// Serves the page, where there is to be one: says where, and what does it.
fn open_page(
    listener: Option<(TcpListener, Entrance)>,
    admin: Admin,
    workspace: Workspace,
    stopped: watch::Receiver<bool>,
) -> (Option<SocketAddr>, JoinHandle<()>) {
    let Some((listener, entrance)) = listener else { return (None, tokio::spawn(async {})) };
    let listen = address(&listener, entrance.listen);
    let page = Page::new(admin, workspace, Entrance { listen, ..entrance }, stopped.clone());
    let serving = operator::serve(operator::PAGE, listener, page::router(page.clone()), stopped);
    let task = tokio::spawn(async move {
        tokio::join!(serving, page::look(page));
    });
    (Some(listen), task)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|error| ServerError::Listen(address, error.kind()))
}

/// The address that is really listened on: port 0 takes any that is free.
fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

async fn reload_loop(
    reloader: Reloader,
    fingerprint: u64,
    taken: mpsc::Sender<Taken>,
    on_revision: Box<dyn Fn(&Revision) + Send + Sync>,
    mut stopped: watch::Receiver<bool>,
) {
    let (changed, mut changes) = mpsc::channel(1);
    let watching = tokio::spawn(reload::watch(reloader.folder.clone(), fingerprint, changed));
    let reloader = Arc::new(reloader);
    // What the files were at the last reload: a second notice of the same change says nothing new.
    let mut known = None;
    loop {
        let look = tokio::select! {
            Some(look) = changes.recv() => Some(look),
            () = reloader.reloads.asked() => None,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let waiting = reloader.reloads.waiting();
        let (working, done, is_asked) = (reloader.clone(), known.take(), !waiting.is_empty());
        let reloaded = tokio::task::spawn_blocking(move || {
            // Whoever asks means the files of this moment.
            let look = look.filter(|_| !is_asked).unwrap_or_else(|| working.folder.look());
            let now = Some(look.fingerprint);
            if done == now && !is_asked {
                return (done, None);
            }
            (now, working.reload(look))
        });
        let Ok((now, reloaded)) = reloaded.await else {
            tracing::error!("a reload failed inside Jackfield; the routes from before go on serving");
            continue;
        };
        known = now;
        if let Some(reloaded) = reloaded {
            on_revision(&reloader.live.now());
            if taken.send(reloaded).await.is_err() {
                break;
            }
        }
        reloader.reloads.answer(waiting);
    }
    watching.abort();
}

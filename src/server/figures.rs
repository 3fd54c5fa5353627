//! Keeps the figures over a restart: read at the start, written now and then and at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::figures::Figures;

/// How often they are written at the most.
const PAUSE: Duration = Duration::from_secs(60);
/// No more than this part of the time goes into writing them.
const PART: u32 = 100;

/// The figures of earlier lives, or none.
pub(super) fn read(folder: &Path) -> Arc<Figures> {
    let figures = Figures::read(folder).unwrap_or_else(|why| {
        tracing::warn!(%why, "the figures of the last seven days can't be read; they begin anew. No event is lost by that");
        Figures::default()
    });
    Arc::new(figures)
}

/// Writes them until the server stops, and once more then.
pub(super) async fn keep(figures: Arc<Figures>, folder: PathBuf, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut pause = PAUSE;
    let mut is_said = false;
    loop {
        let over = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        let began = Instant::now();
        figures.forget(clock.now());
        let (figures, folder) = (figures.clone(), folder.clone());
        let written = tokio::task::spawn_blocking(move || figures.write(&folder)).await;
        match written {
            Ok(Err(error)) if !std::mem::replace(&mut is_said, true) => {
                tracing::warn!(kind = %error.kind(), "the figures can't be written now; after a restart they lack what came since");
            }
            Ok(Ok(())) => is_said = false,
            _ => {}
        }
        if over {
            return;
        }
        pause = PAUSE.max(began.elapsed() * PART);
    }
}

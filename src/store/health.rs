//! How the store stands: what keeps it from taking events, each told once in the log when it begins.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::StoreError;

/// What the writer and the readers have met.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Stand>);

#[derive(Debug, Default)]
struct Stand {
    /// What the last attempt to write came to.
    last: Option<StoreError>,
    /// The files that are open are not those of the folder.
    lost: bool,
    /// Whether the file can be read.
    damage: Damage,
    /// It could not be read and can be now: what the writer remembers of it may be wrong.
    renewed: bool,
    /// The disk was full, and there is no room to spare yet.
    full: bool,
}

/// What is known of a file in which something can't be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Damage {
    #[default]
    None,
    /// It was met once. A disk whose reads fail for a moment looks so, too.
    Met,
    /// Whoever looked again and again has found it each time.
    Proven,
}

impl Health {
    fn stand(&self) -> MutexGuard<'_, Stand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing can be written, or no event be taken; nothing when all is well.
    pub(super) fn trouble(&self) -> Option<StoreError> {
        let stand = self.stand();
        let closed = stand.last.filter(|last| *last == StoreError::Closed);
        closed.or(stand.refusal()).or(stand.last)
    }

    /// Why no event is taken, whatever became of the last write: what is there already has the room and the file.
    pub(super) fn refusal(&self) -> Option<StoreError> {
        self.stand().refusal()
    }

    /// Notes what an attempt to write came to.
    pub(super) fn wrote(&self, trouble: Option<StoreError>) {
        self.stand().last = trouble;
    }

    /// Notes that something can't be read.
    pub(super) fn is_damaged(&self) {
        let mut stand = self.stand();
        if stand.damage == Damage::None {
            stand.damage = Damage::Met;
            tracing::error!(
                "the store's file is damaged: no event is taken any more, and senders get 503; what can be read still goes \
                 out. The server looks again by itself, and says so when the file is whole after all. If it does not within \
                 a minute: stop the server, keep a copy of its folder, see what `jackfield store verify` finds, and go back \
                 to a backup"
            );
        }
    }

    /// Notes that a damage was found each time somebody looked.
    pub(super) fn damage_is_proven(&self) {
        let mut stand = self.stand();
        if stand.damage == Damage::Met {
            stand.damage = Damage::Proven;
        }
    }

    /// Notes that the whole file can be read, whatever was met before.
    pub(super) fn is_whole(&self) {
        let mut stand = self.stand();
        if std::mem::take(&mut stand.damage) != Damage::None {
            stand.renewed = true;
            stand.last = stand.last.filter(|last| *last != StoreError::Corrupt);
            tracing::info!("the store's file can be read again, and is whole; it goes on");
        }
    }

    /// Whether that was noted since it was last asked.
    pub(super) fn is_renewed(&self) -> bool {
        std::mem::take(&mut self.stand().renewed)
    }

    /// Whether something could not be read, and may be readable after all.
    pub(super) fn has_met_damage(&self) -> bool {
        self.stand().damage != Damage::None
    }

    /// Fails where what can't be read may be readable in a moment: nothing is ended for that, and whoever asks comes again.
    pub(super) fn is_spoiled(&self) -> Result<(), StoreError> {
        if self.stand().damage == Damage::Proven { Ok(()) } else { Err(StoreError::Corrupt) }
    }

    /// Whether the files of the folder are known not to be those that are open.
    pub(super) fn is_lost(&self) -> bool {
        self.stand().lost
    }

    /// Notes whether the files are there.
    pub(super) fn are_lost(&self, lost: bool) {
        match (std::mem::replace(&mut self.stand().lost, lost), lost) {
            (false, true) => tracing::error!(
                "the store's files are gone from their folder, or others are in their place: nothing is taken or recorded \
                 any more, and senders get 503. Bring the folder back as it was; or stop the server, put a backup there, \
                 and start it"
            ),
            (true, false) => tracing::info!("the store's files are in their folder again; it goes on"),
            _ => {}
        }
    }

    /// Notes whether there is room to spare.
    pub(super) fn is_full(&self, full: bool) {
        match (std::mem::replace(&mut self.stand().full, full), full) {
            (false, true) => tracing::error!(
                "the disk of the store is full: no event is taken, and senders get 503; what is there goes out as far as \
                 there is room to record it. It goes on by itself when there is room again"
            ),
            (true, false) => tracing::info!("there is room on the disk of the store again; it goes on"),
            _ => {}
        }
    }

    /// Whether the last attempt to write failed so that any other would have, and may not do so now.
    pub(super) fn could_not_write(&self) -> bool {
        self.stand().last.is_some_and(StoreError::ends_all)
    }

    pub(super) fn is_in_want_of_room(&self) -> bool {
        self.stand().full
    }
}

impl Stand {
    fn refusal(&self) -> Option<StoreError> {
        match self {
            Stand { lost: true, .. } => Some(StoreError::Lost),
            Stand { damage: Damage::Met | Damage::Proven, .. } => Some(StoreError::Corrupt),
            Stand { full: true, .. } => Some(StoreError::Full),
            _ => None,
        }
    }
}

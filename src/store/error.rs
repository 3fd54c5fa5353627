//! What can go wrong with the store, as meanings and never as messages of SQLite: those could repeat a payload.

use std::fmt;
use std::io;

use rusqlite::ErrorCode;

/// Why the store did not do something. Nothing was written, unless it is said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much waits to be written, or too many look at once; it is worth trying again soon.
    #[error("too much is asked of the store at once")]
    Busy,
    /// It was not written in time. It may be written after all, and whole.
    #[error("the store took too long")]
    Late,
    #[error("the disk of the store is full")]
    Full,
    /// The disk or the machine failed. What was to be written may have been written after all, and whole.
    #[error("the store can't be used: {0}")]
    Unavailable(Cause),
    #[error("the store's file is damaged")]
    Corrupt,
    /// What is open is not what the folder has: whatever is written would be lost with the process.
    #[error("the store's files are gone from their folder, or others are in their place")]
    Lost,
    /// The folder had a store, and its file is not there any more.
    #[error(
        "the store's file is empty or gone, and this folder had one: bring the file back, or put a backup in its place; \
         to begin anew, delete the folder"
    )]
    Emptied,
    /// One row does not hold what every row of ours holds; the others may be well.
    #[error("what the store holds there can't be read")]
    Unreadable,
    /// A newer Jackfield has changed the file's format.
    #[error("the store has format {found}, made by a newer version; this version knows formats up to {known}")]
    TooNew { found: i64, known: i64 },
    /// An older Jackfield has written it, and no server of this version has opened it yet.
    #[error("the store has an older format; start `jackfield serve` once, which changes it")]
    Outdated,
    #[error("another process is using this store")]
    Locked,
    /// The store has no event or delivery of that number.
    #[error("the store does not have it")]
    NotFound,
    #[error("it is too large to be stored")]
    TooLarge,
    /// What was to be written breaks a rule of the store's tables: a fault in the program.
    #[error("the store's rules don't allow it")]
    Refused,
    #[error("the store is closed")]
    Closed,
}

/// What keeps the store from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Reading or writing failed.
    Io,
    /// The file can't be opened or made.
    Open,
    /// The program may not write there.
    Permission,
    /// Another program holds SQLite's own lock.
    InUse,
    Memory,
    /// A file of that name is there already.
    Exists,
    Other,
}

impl Cause {
    /// One word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Io => "io",
            Cause::Open => "open",
            Cause::Permission => "permission",
            Cause::InUse => "in-use",
            Cause::Memory => "memory",
            Cause::Exists => "exists",
            Cause::Other => "other",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Io => "reading or writing its file failed",
            Cause::Open => "its file can't be opened",
            Cause::Permission => "its file may not be written",
            Cause::InUse => "another program holds its file",
            Cause::Memory => "there is not enough memory",
            Cause::Exists => "a file of that name is there already",
            Cause::Other => "SQLite gave up",
        })
    }
}

impl StoreError {
    /// Whether the fault is the file's or the machine's and not that of one command.
    pub(super) fn is_general(self) -> bool {
        self.ends_all() || self == StoreError::Corrupt
    }

    /// Whether it may be otherwise in a moment, by itself or by a hand that makes room.
    pub fn may_pass(self) -> bool {
        matches!(self, StoreError::Full | StoreError::Corrupt | StoreError::Unavailable(Cause::Io))
    }

    /// Whether the store itself says in the log when that begins and when it is over.
    pub fn is_told(self) -> bool {
        matches!(self, StoreError::Full | StoreError::Corrupt | StoreError::Lost)
    }

    /// Whether nothing else can be written now either. Of a damaged file the rest may still be good.
    pub(super) fn ends_all(self) -> bool {
        matches!(self, StoreError::Full | StoreError::Unavailable(_) | StoreError::Lost)
    }

    /// Whether it is a row that can't be read, and perhaps no more than that.
    pub(super) fn is_of_a_row(self) -> bool {
        matches!(self, StoreError::Unreadable | StoreError::Corrupt)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::*;
        match &error {
            QueryReturnedNoRows => return StoreError::NotFound,
            // A row that does not hold what every row of ours holds was not written by us.
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | Utf8Error(..) | InvalidColumnType(..) => {
                return StoreError::Unreadable;
            }
            _ => {}
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt,
            Some(ErrorCode::TooBig) => StoreError::TooLarge,
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => StoreError::Refused,
            Some(ErrorCode::SystemIoFailure) => StoreError::Unavailable(Cause::Io),
            Some(ErrorCode::CannotOpen) => StoreError::Unavailable(Cause::Open),
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => StoreError::Unavailable(Cause::Permission),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Unavailable(Cause::InUse),
            Some(ErrorCode::OutOfMemory) => StoreError::Unavailable(Cause::Memory),
            _ => StoreError::Unavailable(Cause::Other),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::Unavailable(Cause::Permission)
            }
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                StoreError::Unavailable(Cause::Open)
            }
            io::ErrorKind::OutOfMemory => StoreError::Unavailable(Cause::Memory),
            _ => StoreError::Unavailable(Cause::Io),
        }
    }
}

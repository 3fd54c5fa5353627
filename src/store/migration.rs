//! The tables, and the way from each format of the file to the next.

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;

/// The step at index n leads from format n to format n + 1. A step that was released is never changed.
pub(super) const STEPS: &[&str] = &[FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH];

/// Rows lie in order of arrival and what never changes lies apart from what does: a commit then touches few pages,
/// most of them at the end of a table.
///
/// `deliveries` is the only table whose rows are changed. Its rows keep their width when they change (`due` holds the time
/// of creation until it is needed, and every state's code is one byte), because a row that grows splits its page. `open` is a column of its own so that taking a lease leaves the index alone.
const FIRST: &str = "
CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_request INTEGER NOT NULL, last_event INTEGER NOT NULL, last_delivery INTEGER NOT NULL,
    events INTEGER NOT NULL, unrouted INTEGER NOT NULL, unmatched INTEGER NOT NULL,
    failed INTEGER NOT NULL, duplicates INTEGER NOT NULL,
    pending INTEGER NOT NULL, leased INTEGER NOT NULL, retrying INTEGER NOT NULL,
    delivered INTEGER NOT NULL, accepted INTEGER NOT NULL, dead INTEGER NOT NULL
);
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE requests (
    seq INTEGER PRIMARY KEY,
    source TEXT NOT NULL, received_at INTEGER NOT NULL,
    method TEXT NOT NULL, target TEXT NOT NULL, headers TEXT NOT NULL, params TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL, request INTEGER NOT NULL, part INTEGER NOT NULL
);
CREATE TABLE unrouted (event_seq INTEGER PRIMARY KEY);
CREATE TABLE routings (
    event_seq INTEGER PRIMARY KEY,
    revision TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE outcomes (
    event_seq INTEGER NOT NULL, position INTEGER NOT NULL,
    route TEXT NOT NULL, result TEXT NOT NULL,
    identity TEXT, lane TEXT, problem TEXT,
    first_delivery INTEGER NOT NULL, deliveries INTEGER NOT NULL,
    PRIMARY KEY (event_seq, position)
) WITHOUT ROWID;
CREATE TABLE identities (
    key BLOB PRIMARY KEY,
    route TEXT NOT NULL, event_seq INTEGER NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY,
    connection TEXT NOT NULL, open INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
    due INTEGER NOT NULL, leased_until INTEGER NOT NULL, event_seq INTEGER NOT NULL, problem TEXT
);
-- The row's number follows the connection by itself.
CREATE INDEX deliveries_open ON deliveries (connection) WHERE open = 1;
CREATE TABLE contents (
    delivery_seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL, route TEXT NOT NULL, position INTEGER NOT NULL, operation TEXT NOT NULL, lane TEXT,
    created_at INTEGER NOT NULL, request TEXT NOT NULL
);
CREATE TABLE attempts (
    delivery_seq INTEGER NOT NULL, number INTEGER NOT NULL,
    started_at INTEGER NOT NULL, took_ms INTEGER NOT NULL,
    result TEXT NOT NULL, trouble TEXT, status INTEGER, answer BLOB NOT NULL,
    PRIMARY KEY (delivery_seq, number)
) WITHOUT ROWID;

CREATE TABLE paths (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), revision TEXT NOT NULL);
CREATE TABLE snapshot_files (position INTEGER PRIMARY KEY, path TEXT NOT NULL, content TEXT NOT NULL);
";

/// What waits has a table of its own, so that what does not wait costs nothing: `open` is 1 for what is ready or leased,
/// and only that is in the index; 2 for what is parked behind its lane (its `due` is null) and 3 for what is due later.
///
/// In `memory` a claim is a row without a value. Keys and identities are hashes.
const SECOND: &str = "
ALTER TABLE totals ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN later INTEGER NOT NULL DEFAULT 0;

ALTER TABLE unrouted ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE routings ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN owner INTEGER NOT NULL DEFAULT 2;
ALTER TABLE deliveries ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_kept ON deliveries (state) WHERE state IN (7, 8);

CREATE TABLE owners (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO owners VALUES (2, '');
CREATE TABLE waiting (
    delivery_seq INTEGER PRIMARY KEY,
    connection TEXT NOT NULL, lane TEXT, due INTEGER
);
CREATE INDEX waiting_lane ON waiting (connection, lane) WHERE lane IS NOT NULL;
CREATE INDEX waiting_due ON waiting (connection, due) WHERE due IS NOT NULL;
CREATE TABLE ledger (
    delivery_seq INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, saved TEXT NOT NULL,
    PRIMARY KEY (delivery_seq, step)
) WITHOUT ROWID;
CREATE TABLE memory (
    key BLOB PRIMARY KEY, value TEXT, owner TEXT, until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX memory_until ON memory (until);
CREATE INDEX memory_claims ON memory (owner) WHERE value IS NULL;
CREATE TABLE tokens (
    connection TEXT PRIMARY KEY,
    access TEXT NOT NULL, refresh TEXT, expires_at INTEGER, fingerprint TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE replays (
    old INTEGER NOT NULL, new INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (old, new)
) WITHOUT ROWID;
CREATE TABLE old_identities (
    until INTEGER NOT NULL, key BLOB NOT NULL,
    PRIMARY KEY (until, key)
) WITHOUT ROWID;

INSERT INTO waiting SELECT d.seq, d.connection, c.lane, d.due FROM deliveries d INDEXED BY deliveries_open
    CROSS JOIN contents c ON c.delivery_seq = d.seq WHERE d.open = 1 AND d.attempts > 0;
UPDATE totals SET later = (SELECT count(*) FROM waiting),
    leased = leased - (SELECT count(*) FROM waiting w CROSS JOIN deliveries d ON d.seq = w.delivery_seq WHERE d.state = 3),
    retrying = retrying
        + (SELECT count(*) FROM waiting w CROSS JOIN deliveries d ON d.seq = w.delivery_seq WHERE d.state = 3);
UPDATE deliveries SET open = 3, state = 4 WHERE seq IN (SELECT delivery_seq FROM waiting);
";

/// What is leased of a connection lies before the number in `leased_upto`, so that a start looks at little of what is ready.
/// A lease has no end of its own. In `limited_calls` is what counts against limits, from before a call until it counts no
/// more; `ended` is the latest end that there can be while nobody knows.
const THIRD: &str = "
ALTER TABLE deliveries DROP COLUMN leased_until;
CREATE TABLE leased_upto (connection TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO leased_upto SELECT connection, max(seq) FROM deliveries WHERE open = 1 AND state = 3 GROUP BY connection;
CREATE TABLE limited_calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    connection TEXT NOT NULL, operation TEXT NOT NULL, limit_keys TEXT NOT NULL,
    ended INTEGER NOT NULL, until INTEGER NOT NULL
);
CREATE INDEX limited_calls_until ON limited_calls (until);
";

/// What failed is found without a look at all that did not.
const FOURTH: &str = "CREATE INDEX outcomes_failed ON outcomes (event_seq) WHERE result = 'failed';";

/// `again` is 1 where nobody knows what the last call of a delivery has done, and 2 where its steps are made whatever is
/// remembered, or both. In `unsure_calls` is what was about to be called and is to be held when nobody knows how it ended. In
/// `memory` an owner without a name is of a claim that was given up so, and `held/` with a number of the delivery that is held.
const FIFTH: &str = "
ALTER TABLE deliveries ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
CREATE TABLE unsure_calls (
    delivery_seq INTEGER PRIMARY KEY,
    number INTEGER NOT NULL, step INTEGER NOT NULL, started_at INTEGER NOT NULL, key BLOB
);
";

/// That something was erased, when and how much, and nothing of what it was.
const SIXTH: &str = "
CREATE TABLE erasures (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL, events INTEGER NOT NULL, deliveries INTEGER NOT NULL, withdrawn INTEGER NOT NULL,
    remembered INTEGER NOT NULL
);
";

/// The files of the last revisions, each text once, so that what a route made can be told by the route that made it. With a
/// call are the headers of its answer, as JSON.
const SEVENTH: &str = "
ALTER TABLE attempts ADD COLUMN headers TEXT NOT NULL DEFAULT '[]';
CREATE TABLE revisions (number INTEGER PRIMARY KEY, revision TEXT NOT NULL UNIQUE);
CREATE TABLE revision_texts (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, content TEXT NOT NULL);
CREATE TABLE revision_files (
    revision INTEGER NOT NULL, path TEXT NOT NULL, text INTEGER NOT NULL,
    PRIMARY KEY (revision, path)
) WITHOUT ROWID;
";

/// The newest format that this version knows.
fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn found(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Refuses a file that a newer version has written. Changes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (found(connection)?, known());
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(()) }
}

/// Refuses a file of any other format than that of this version. Changes nothing.
pub(super) fn check_is_known(connection: &Connection) -> Result<(), StoreError> {
    check(connection)?;
    if found(connection)? < known() { Err(StoreError::Outdated) } else { Ok(()) }
}

/// Brings the file to the format of this version, all steps or none, and says which it had; 0 when it was new.
pub(super) fn migrate(connection: &mut Connection) -> Result<i64, StoreError> {
    check(connection)?;
    let before = found(connection)?;
    // A disk that is full must not keep what needs no change from being opened.
    if before == known() {
        return Ok(before);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(found(&transaction)?).map_err(|_| StoreError::Corrupt)?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known())?;
    transaction.commit()?;
    Ok(before)
}

//! How many files the process may have open: each connection needs one, and so do deliveries, the store and the routes.

use super::Most;

/// So many are left for what is no connection of a sender.
const OWN: usize = 400;

/// As much as was asked for, and no more connections than there are files for. A connection for which there is no file
/// could not even be told so.
pub(super) fn within(most: Most) -> Most {
    let Some(files) = raised(most.connections.saturating_add(OWN)) else { return most };
    let connections = most.connections.min(room(files));
    if connections < most.connections {
        let asked = most.connections;
        tracing::warn!(files, asked, "there are files for {connections} connections only; raise `ulimit -n`");
    }
    Most { connections, ..most }
}

/// The connections that so many files leave room for.
fn room(files: usize) -> usize {
    files.saturating_sub(OWN).max(files / 2).max(1)
}

/// How many files may be open, after asking for as many as are needed; nothing where nobody counts them.
#[cfg(unix)]
fn raised(needed: usize) -> Option<usize> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let wanted = u64::try_from(needed).unwrap_or(u64::MAX).min(limit.maximum.unwrap_or(u64::MAX));
    if wanted > current {
        let mut raised = limit;
        raised.current = Some(wanted);
        // Where it is not granted, what there is has to do.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    getrlimit(Resource::Nofile).current.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn raised(_needed: usize) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_what_is_no_connection() {
        let cases = [(1024, 624), (256, 128), (usize::MAX, usize::MAX - OWN), (1, 1), (0, 1)];
        for (files, connections) in cases {
            assert_eq!(room(files), connections, "{files}");
        }
    }
}

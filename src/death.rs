//! Named moments at which a debug build dies when it is told to, so that tests can prove what a crash leaves behind.
//! A release build has none of this.

/// Dies here by SIGKILL when the environment says `JACKFIELD_DIE_AT=name:pass` and this is that pass.
#[cfg(debug_assertions)]
pub fn moment(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ORDER: OnceLock<Option<(String, usize)>> = OnceLock::new();
    static PASSES: AtomicUsize = AtomicUsize::new(0);
    let order = ORDER.get_or_init(|| {
        let text = std::env::var("JACKFIELD_DIE_AT").ok()?;
        let (name, pass) = text.split_once(':')?;
        Some((name.to_owned(), pass.parse().ok()?))
    });
    let Some((wanted, pass)) = order else { return };
    if wanted == name && PASSES.fetch_add(1, Ordering::SeqCst) + 1 == *pass {
        let _ = std::process::Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        // This thread goes no further, however long the signal takes.
        loop {
            std::thread::park();
        }
    }
}

/// Nothing, outside debug builds.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn moment(_: &str) {}

//! The process itself, by the names that every program uses. Where the machine does not say, there is no such metric.

use super::seconds;
use super::text::Page;
use crate::clock::Timestamp;

pub(super) fn told(page: &mut Page, started_at: Timestamp) {
    page.gauge("process_start_time_seconds", "When the process started.");
    page.value(&[], seconds(started_at));
    if let Some(bytes) = resident() {
        page.gauge("process_resident_memory_bytes", "Memory that the process has in use.");
        page.value(&[], bytes);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", "Files and connections that are open.");
        page.value(&[], files.count());
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

//! What Linux says of the process, under the names that Prometheus' own libraries use. Elsewhere all but the start is absent.

use super::text::Text;
use foundation::Timestamp;

pub(super) fn write(text: &mut Text, since: Timestamp) {
    text.gauge("process_start_time_seconds", "When the process began to serve, in seconds since 1970.").plain(since.millis() / 1_000);
    text.gauge("process_resident_memory_bytes", "Memory of the process.");
    if let Some(bytes) = resident() {
        text.plain(bytes);
    }
    text.gauge("process_open_fds", "Open file descriptors.");
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.plain(open.count());
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1_024)
}

//! The process itself, under the names that Prometheus's own clients use. Only Linux tells.

use super::families::Families;

/// Adds what the system tells.
#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
pub(super) fn describe() -> Families {
    use procfs::{WithCurrentSystemInfo, process::Process};

    use super::families::labels;

    let mut families = Families::default();
    let Ok(process) = Process::myself() else { return families };
    let mut gauge = |name, help, value: Option<f64>| families.gauge(name, help, value.map(|value| (labels([]), value)));
    gauge("process_open_fds", "Open file descriptors", process.fd_count().ok().map(|count| count as f64));
    let Ok(stat) = process.stat() else { return families };
    let ticks = procfs::ticks_per_second() as f64;
    let started = procfs::boot_time_secs().ok().map(|boot| boot as f64 + stat.starttime as f64 / ticks);
    gauge("process_start_time_seconds", "When the process started, in seconds since 1970", started);
    let resident = stat.rss_bytes().get() as f64;
    gauge("process_resident_memory_bytes", "Memory that is there", Some(resident));
    gauge("process_virtual_memory_bytes", "Address space that is taken", Some(stat.vsize as f64));
    gauge("process_threads", "Threads", Some(stat.num_threads as f64));
    let cpu = (stat.utime + stat.stime) as f64 / ticks;
    families.seconds("process_cpu_seconds", "CPU time, in user and system mode", [(labels([]), cpu)]);
    families
}

/// Adds nothing.
#[cfg(not(target_os = "linux"))]
pub(super) fn describe() -> Families {
    Families::default()
}

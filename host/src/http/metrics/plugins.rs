//! What plugins do, by plugin, kind and entry.

use super::families::{Families, Labels, labels};
use crate::plugins::{EntryStatistics, Plugins};

/// Adds what was counted of all plugins.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
pub(super) fn describe(plugins: &Plugins, families: &mut Families) {
    let plugins = plugins.list();
    families.gauge(
        "weft_plugin_ready",
        "Whether a version of the plugin runs",
        plugins.iter().map(|plugin| {
            let ready = f64::from(u8::from(plugin.loaded.is_some()));
            (labels([("plugin", &plugin.name)]), ready)
        }),
    );
    let entries: Vec<_> = plugins
        .iter()
        .flat_map(|plugin| plugin.statistics.entries().into_iter().map(|entry| (of(&plugin.name, &entry), entry)))
        .collect();
    families.counter(
        "weft_plugin_calls",
        "Calls of plugins that have ended, by what came of them",
        entries.iter().flat_map(|(labels, entry)| {
            let ok = ("ok", entry.calls().saturating_sub(entry.failures()));
            [ok].into_iter().chain(entry.errors.iter().copied()).map(|(outcome, calls)| {
                let mut labels = labels.clone();
                labels.push(("outcome", outcome.to_owned()));
                (labels, calls)
            })
        }),
    );
    families.durations(
        "weft_plugin_call_duration_seconds",
        "How long calls ran",
        entries.iter().map(|(labels, entry)| (labels.clone(), entry.took.clone())),
    );
    families.durations(
        "weft_plugin_call_queue_seconds",
        "How long calls waited for their turn",
        entries.iter().map(|(labels, entry)| (labels.clone(), entry.queued.clone())),
    );
    families.seconds(
        "weft_plugin_cpu_seconds",
        "How long calls held a thread",
        entries.iter().map(|(labels, entry)| (labels.clone(), entry.cpu.as_secs_f64())),
    );
    families.gauge(
        "weft_plugin_memory_peak_bytes",
        "The most memory that a call had",
        entries.iter().map(|(labels, entry)| (labels.clone(), entry.memory as f64)),
    );
    families.counter(
        "weft_plugin_log_lines",
        "Lines that plugins logged",
        entries.iter().map(|(labels, entry)| (labels.clone(), entry.lines)),
    );
}

fn of(plugin: &str, entry: &EntryStatistics) -> Labels {
    labels([("plugin", plugin), ("kind", entry.kind.name()), ("entry", &entry.name)])
}

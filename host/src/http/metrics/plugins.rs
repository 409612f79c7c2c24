//! What plugins do, by plugin, kind and entry.

use std::{sync::Arc, time::Duration};

use super::families::{Families, Labels, labels};
use crate::{
    model::PluginState,
    plugins::{EntryStatistics, Plugin, Plugins},
};

/// Adds what was counted of all plugins.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
pub(super) fn describe(plugins: &Plugins, families: &mut Families) {
    let plugins = plugins.list();
    describe_states(&plugins, families);
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
        "How long calls waited for their turn, also in vain",
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
    describe_breakers(&plugins, families);
    let host_calls: Vec<_> = plugins
        .iter()
        .flat_map(|plugin| plugin.statistics.host_calls().into_iter().map(|calls| (&plugin.name, calls)))
        .map(|(plugin, calls)| (labels([("plugin", &**plugin), ("function", calls.function.name())]), calls))
        .collect();
    families.counter(
        "weft_plugin_host_calls",
        "What plugins asked of the host, by whether they got it",
        host_calls.iter().flat_map(|(labels, calls)| {
            let ok = calls.took.count().saturating_sub(calls.failures);
            [("ok", ok), ("failed", calls.failures)].map(|(outcome, count)| {
                let mut labels = labels.clone();
                labels.push(("outcome", outcome.to_owned()));
                (labels, count)
            })
        }),
    );
    families.seconds(
        "weft_plugin_host_call_seconds",
        "How long plugins waited for what they asked of the host",
        host_calls
            .iter()
            .map(|(labels, calls)| (labels.clone(), Duration::from_micros(calls.took.micros).as_secs_f64())),
    );
}

/// What becomes of calls of each, and of its file.
fn describe_states(plugins: &[Arc<Plugin>], families: &mut Families) {
    families.gauge(
        "weft_plugin_ready",
        "Whether a version of the plugin runs and is called",
        plugins.iter().map(|plugin| (labels([("plugin", &plugin.name)]), is(plugin, PluginState::Ready))),
    );
    families.gauge(
        "weft_plugin_disabled",
        "Whether the plugin is switched off",
        plugins.iter().map(|plugin| (labels([("plugin", &plugin.name)]), is(plugin, PluginState::Disabled))),
    );
    let refused = plugins.iter().filter_map(|plugin| Some((&plugin.name, plugin.error.as_ref()?.error.code())));
    families.gauge(
        "weft_plugin_file_refused",
        "Whether the file that lies there now does not run, and why; a version from before it may",
        refused.map(|(plugin, code)| (labels([("plugin", plugin), ("code", code)]), 1.0)),
    );
}

/// Breakers that have opened: those of the many apps for which all goes well are not in it.
fn describe_breakers(plugins: &[Arc<Plugin>], families: &mut Families) {
    let breakers: Vec<_> = plugins
        .iter()
        .flat_map(|plugin| plugin.breakers().into_iter().map(|breaker| (&plugin.name, breaker)))
        .map(|(plugin, breaker)| {
            let (kind, entry) = (breaker.kind.name(), &*breaker.entry);
            (labels([("plugin", plugin), ("app", &breaker.app), ("kind", kind), ("entry", entry)]), breaker)
        })
        .collect();
    families.gauge(
        "weft_plugin_breaker_open",
        "Whether calls of what kept failing for an app are refused; only where that ever was so",
        breakers.iter().map(|(labels, breaker)| (labels.clone(), f64::from(u8::from(breaker.is_open)))),
    );
    families.counter(
        "weft_plugin_breaker_opened",
        "How often a breaker opened after calls had run",
        breakers.iter().map(|(labels, breaker)| (labels.clone(), breaker.opened)),
    );
    families.counter(
        "weft_plugin_breaker_refused",
        "Calls that were refused because a breaker was open",
        breakers.iter().map(|(labels, breaker)| (labels.clone(), breaker.refused)),
    );
}

/// 1 or 0.
fn is(plugin: &Plugin, state: PluginState) -> f64 {
    f64::from(u8::from(plugin.state() == state))
}

fn of(plugin: &str, entry: &EntryStatistics) -> Labels {
    labels([("plugin", plugin), ("kind", entry.kind.name()), ("entry", &entry.name)])
}

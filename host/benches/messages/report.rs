//! Samples of what was measured, and the tables that people read.

use std::{fmt::Write, time::Duration};

/// What readers must know.
pub(crate) const NOTES: &str = "\
best: the smallest of the rounds; median: the one in the middle. Both depend on the machine.
ratio: to the first row; the median of the ratios within each round. This is what to compare.
prototype: what a throw-away prototype reached before Weft was written; * a rule's reply
without a plugin, the nearest to it.
";

/// One figure a round.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    fn best(&self) -> Option<Duration> {
        self.0.iter().copied().min()
    }

    fn median(&self) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// The median of how many times `base` each round is.
    fn ratio(&self, base: &Self) -> Option<f64> {
        let pairs = self.0.iter().zip(&base.0).filter(|(_, base)| !base.is_zero());
        let mut ratios: Vec<f64> = pairs.map(|(own, base)| own.div_duration_f64(*base)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }
}

/// One thing that was measured.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The time that one took.
    pub(crate) samples: Samples,
    /// The ratio that the prototype had.
    pub(crate) prototype: &'static str,
}

/// How times are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// Less is better.
    Microseconds,
    /// How many fit into a second; more is better.
    PerSecond,
}

/// A table of rows, compared with the first of them.
pub(crate) fn table(title: &str, unit: Unit, rows: &[Row]) -> String {
    let mut out = format!("{title:<44}{:>10}{:>10}{:>9}{:>11}\n", "best", "median", "ratio", "prototype");
    for row in rows {
        let base = rows.first().map_or(&row.samples, |first| &first.samples);
        let figure = |time: Option<Duration>| match (time, unit) {
            (None, _) => "-".to_owned(),
            (Some(time), Unit::Microseconds) => format!("{:.1} µs", time.as_secs_f64() * 1e6),
            (Some(time), Unit::PerSecond) => format!("{:.0}", 1.0 / time.as_secs_f64()),
        };
        let ratio = row.samples.ratio(base).map_or_else(
            || "-".to_owned(),
            |ratio| match unit {
                Unit::Microseconds => format!("{ratio:.2}"),
                Unit::PerSecond => format!("{:.2}", 1.0 / ratio),
            },
        );
        let (best, median) = (figure(row.samples.best()), figure(row.samples.median()));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {:<42}{best:>10}{median:>10}{ratio:>9}{:>11}", row.name, row.prototype);
    }
    if rows.iter().all(|row| row.samples.0.is_empty()) {
        out.push_str("  (not measured: the figures come from Linux's /proc)\n");
    }
    out
}

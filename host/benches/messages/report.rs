//! Samples of what was measured, and the tables that people read.

use std::{fmt::Write, time::Duration};

use anyhow::ensure;

/// How many times as long an app's messages may take beside another app's plugin, whatever that does, and a call in Weft
/// may take that takes one in wasmtime alone: as Weft promises.
const PROMISED: f64 = 1.20;

/// What readers must know.
pub(crate) const NOTES: &str = "\
best, median: of the rounds. Absolute figures say as much about the machine as about Weft, and
are not portable. ratio: to the first row of the table. Compare the ratios, and take them on a
machine that does nothing else. least: axum, the protocol and wasmtime alone, with nothing of what
makes a server of them. prototype: the ratio that such a one reached on another machine before Weft
was written. let in: every step from the file's bytes to a plugin that can be called, by a
server that does nothing else. neighbours: the wall clock of one app's messages, one every few milliseconds, while the
plugin of another app does what the row says, on cores that never sleep. ratio: to the same messages just
before, when nobody else wrote; that of p50 is the median of as many ratios as there were turns. promise: whether the ratio of p50 is within 1.20. \"nobody\" shows how far that ratio
errs by itself, \"behaves\" what a good plugin's messages cost, and \"other programs\" what the machine makes of two
threads outside the server that compute and write memory: beside a plugin that computes, no server can do better than
that.
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
    pub(crate) fn median_ratio(&self, base: &Self) -> Option<f64> {
        let ratios = self.0.iter().zip(&base.0).map(|(own, base)| times(Some(*own), Some(*base)));
        let mut ratios = ratios.collect::<Option<Vec<f64>>>()?;
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }
}

/// How many times `base` `own` is.
fn times(own: Option<Duration>, base: Option<Duration>) -> Option<f64> {
    let base = base.filter(|base| !base.is_zero())?;
    Some(own?.div_duration_f64(base))
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
    /// The same of what takes longer.
    Milliseconds,
    /// How many fit into a second; more is better.
    PerSecond,
}

/// A table of rows, compared with the first of them.
pub(crate) fn table(title: &str, unit: Unit, rows: &[Row]) -> String {
    let mut out =
        format!("{title:<38}{:>10}{:>10}{:>10}{:>10}{:>11}\n", "best", "ratio", "median", "ratio", "prototype");
    for row in rows {
        let base = rows.first().map_or(&row.samples, |first| &first.samples);
        let figure = |time: Option<Duration>| match (time, unit) {
            (None, _) => "-".to_owned(),
            (Some(time), Unit::Microseconds) => format!("{:.1} µs", time.as_secs_f64() * 1e6),
            (Some(time), Unit::Milliseconds) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
            (Some(time), Unit::PerSecond) => format!("{:.0}", 1.0 / time.as_secs_f64()),
        };
        let ratio = |ratio: Option<f64>| match (ratio, unit) {
            (None, _) => "-".to_owned(),
            (Some(ratio), Unit::Microseconds | Unit::Milliseconds) => format!("{ratio:.2}"),
            (Some(ratio), Unit::PerSecond) => format!("{:.2}", 1.0 / ratio),
        };
        let own = &row.samples;
        let (best, best_ratio) = (figure(own.best()), ratio(times(own.best(), base.best())));
        let (median, median_ratio) = (figure(own.median()), ratio(own.median_ratio(base)));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "  {:<36}{best:>10}{best_ratio:>10}{median:>10}{median_ratio:>10}{:>11}",
            row.name, row.prototype
        );
    }
    if rows.iter().all(|row| row.samples.0.is_empty()) {
        out.push_str("  (not measured: the figures come from Linux's /proc)\n");
    }
    out
}

/// How long somebody's messages took beside a neighbour, and before it.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) name: &'static str,
    /// Who wrote to the neighbour at once.
    pub(crate) connections: usize,
    /// Whether it is a plugin in the server: for others nothing is promised.
    pub(crate) is_plugins: bool,
    /// How often the neighbour was asked.
    pub(crate) calls: u64,
    /// Each message beside it.
    pub(crate) taken: Vec<Duration>,
    /// Each message just before, when there was nobody.
    pub(crate) alone: Vec<Duration>,
    /// How many times as long the median is beside it, of each while: what the machine does for others changes from one
    /// to the next.
    pub(crate) ratios: Vec<f64>,
}

impl Beside {
    /// Adds what messages took in a while, before the neighbour came and beside it.
    pub(crate) fn add(&mut self, alone: Vec<Duration>, taken: Vec<Duration>) {
        self.ratios.extend(times(percentile(&taken, 50), percentile(&alone, 50)));
        self.alone.extend(alone);
        self.taken.extend(taken);
    }

    /// How many times as long as alone the median message takes: the median of all whiles.
    fn ratio(&self) -> Option<f64> {
        let mut sorted = self.ratios.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    /// Whether the messages took no longer than is promised; none where nothing is.
    fn keeps_promise(&self) -> Option<bool> {
        self.is_plugins.then(|| self.ratio().is_some_and(|ratio| ratio <= PROMISED))
    }
}

/// What calls cost in Weft against wasmtime alone.
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    /// None where the system does not tell.
    pub(crate) ratio: Option<f64>,
}

/// Says which calls cost more than is promised, and beside which neighbours messages took longer.
///
/// # Errors
/// When there are such, or nothing was measured of which something is promised.
pub(crate) fn check(costs: &[Cost], rows: &[Beside]) -> anyhow::Result<()> {
    ensure!(!costs.is_empty() || !rows.is_empty(), "nothing was measured of which something is promised");
    let is_over = |cost: &&Cost| cost.ratio.is_none_or(|ratio| ratio > PROMISED);
    let costly = costs.iter().filter(is_over).map(|cost| format!("a call costs more than in wasmtime: {}", cost.name));
    let over = rows.iter().filter(|row| row.keeps_promise() == Some(false));
    let over = over.map(|row| format!("p50 is longer than alone beside: {}", row.name));
    let broken: Vec<String> = costly.chain(over).collect();
    ensure!(broken.is_empty(), "more than {PROMISED:.2} times: {}", broken.join("; "));
    Ok(())
}

/// A table of neighbours, after what was without any.
pub(crate) fn neighbours(rows: &[Beside]) -> String {
    let mut out = format!(
        "{:<24}{:>10}{:>8}{:>10}{:>8}{:>10}{:>10}{:>13}{:>9}{:>9}\n",
        "beside", "p50", "ratio", "p99", "ratio", "longest", "messages", "connections", "calls", "promise"
    );
    let mut line = |row: &Beside| {
        let Beside { name, connections, calls, .. } = row;
        let figure = |hundredths: usize| {
            let (own, base) = (percentile(&row.taken, hundredths), percentile(&row.alone, hundredths));
            let time = own.map_or_else(|| "-".to_owned(), |own| format!("{:.0} µs", own.as_secs_f64() * 1e6));
            (time, times(own, base).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")))
        };
        let ((p50, _), (p99, p99_ratio), (longest, _)) = (figure(50), figure(99), figure(100));
        let p50_ratio = row.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let messages = row.taken.len();
        let promise = row.keeps_promise().map_or("-", |kept| if kept { "kept" } else { "BROKEN" });
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "  {name:<22}{p50:>10}{p50_ratio:>8}{p99:>10}{p99_ratio:>8}{longest:>10}{messages:>10}{connections:>13}\
             {calls:>9}{promise:>9}"
        );
    };
    let alone: Vec<Duration> = rows.iter().flat_map(|row| row.alone.iter().copied()).collect();
    let nobody = Beside { name: "(alone)", taken: alone.clone(), alone, ..Beside::default() };
    line(&nobody);
    rows.iter().for_each(line);
    out
}

/// What so many of a hundred do not exceed.
fn percentile(times: &[Duration], hundredths: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get((times.len() * hundredths / 100).min(times.len().saturating_sub(1))).copied()
}

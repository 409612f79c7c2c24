//! Families of samples, and their text.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Registry,
};

use crate::histogram::{BOUNDS, Durations};

/// Names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// Labels from texts.
pub(super) fn labels<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// What was measured, at one moment.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<Family>);

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Labels, Value)>,
}

#[derive(Debug)]
enum Value {
    Counter(f64),
    Gauge(f64),
    Durations(Durations),
}

impl Families {
    /// Numbers that only grow; `_total` is added to the name.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        self.put(name, help, samples.into_iter().map(|(labels, value)| (labels, Value::Counter(value as f64))));
    }

    /// The same of what is measured in seconds.
    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        self.put(name, help, samples.into_iter().map(|(labels, value)| (labels, Value::Counter(value))));
    }

    /// Numbers that grow and shrink.
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        self.put(name, help, samples.into_iter().map(|(labels, value)| (labels, Value::Gauge(value))));
    }

    /// Durations; the name ends in `_seconds`.
    pub(super) fn durations(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, Durations)>,
    ) {
        self.put(name, help, samples.into_iter().map(|(labels, value)| (labels, Value::Durations(value))));
    }

    /// All of others, too.
    pub(super) fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// As Prometheus reads them.
    pub(super) fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        if let Err(error) = prometheus_text::encode(&mut text, &registry) {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }

    fn put(&mut self, name: &'static str, help: &'static str, samples: impl Iterator<Item = (Labels, Value)>) {
        self.0.push(Family { name, help, samples: samples.collect() });
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, samples } in &self.0 {
            // A family without samples would be a heading alone.
            let Some((_, first)) = samples.first() else { continue };
            let mut metric = encoder.encode_descriptor(name, help, None, first.metric_type())?;
            for (labels, value) in samples {
                if labels.is_empty() {
                    value.encode(&mut metric)?;
                } else {
                    value.encode(&mut metric.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Value {
    fn metric_type(&self) -> MetricType {
        match self {
            Self::Counter(_) => MetricType::Counter,
            Self::Gauge(_) => MetricType::Gauge,
            Self::Durations(_) => MetricType::Histogram,
        }
    }

    fn encode(&self, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter(value) => metric.encode_counter(value, None::<&Exemplar<NoLabelSet, f64>>),
            Self::Gauge(value) => metric.encode_gauge(value),
            Self::Durations(durations) => {
                // The last bucket, without a bound, follows from the count.
                let bounds = BOUNDS.iter().map(|bound| seconds(*bound));
                let buckets: Vec<_> = bounds.zip(durations.counts).collect();
                metric.encode_histogram::<NoLabelSet>(seconds(durations.micros), durations.count(), &buckets, None)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

//! Every limit that a plugin's calls have: one table, from which the settings, the admin API and the checks are made.
//!
//! A limit has a default for all plugins (`[plugins]`), which may be changed for one plugin and for one plugin in an
//! app, up to a ceiling (`[plugins.ceilings]`). Nothing is unlimited.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is known of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name in JSON.
    pub name: &'static str,
    /// The setting of its default.
    pub key: &'static str,
    /// The setting of its ceiling.
    pub ceiling_key: &'static str,
    /// The least that can be set.
    pub least: u64,
    /// The most that can be set in the configuration.
    pub most: u64,
}

/// How many calls at once an app may be given, over all plugins: by the operator for all, or for one.
pub const MOST_APP_CONCURRENCY: u32 = 432;

/// `name: default, ceiling, least..=most;`
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $default:literal, $ceiling:literal, $least:literal..=$most:literal;)*) => {
        /// All limits.
        pub const LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($name),
            key: concat!("plugins.", stringify!($name)),
            ceiling_key: concat!("plugins.ceilings.", stringify!($name)),
            least: $least,
            most: $most,
        },)*];

        /// A value for every limit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(default)]
        pub struct PluginLimits {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The limits that are set to something else than what holds for all.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct LimitChanges {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<u64>,)*
        }

        impl Default for PluginLimits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl PluginLimits {
            /// The ceilings where the operator sets none.
            pub const CEILINGS: Self = Self { $($name: $ceiling,)* };

            /// These limits with those of `changes` in their place, each of which is lowered to its ceiling.
            #[must_use]
            pub fn with_clamped(&self, changes: &LimitChanges, ceilings: &Self) -> Self {
                Self { $($name: changes.$name.map_or(self.$name, |value| value.min(ceilings.$name)),)* }
            }

            /// These limits with those of `changes` in their place, whatever they are.
            #[must_use]
            pub fn with(&self, changes: &LimitChanges) -> Self {
                Self { $($name: changes.$name.unwrap_or(self.$name),)* }
            }

            /// The larger value of each limit.
            #[must_use]
            pub fn max(&self, other: &Self) -> Self {
                Self { $($name: self.$name.max(other.$name),)* }
            }

            /// The smaller value of each limit.
            #[must_use]
            pub fn min(&self, other: &Self) -> Self {
                Self { $($name: self.$name.min(other.$name),)* }
            }

            /// Each value, in the order of [`LIMITS`].
            fn values(&self) -> [u64; LIMITS.len()] {
                [$(self.$name,)*]
            }
        }

        impl LimitChanges {
            /// Each value, in the order of [`LIMITS`].
            fn values(&self) -> [Option<u64>; LIMITS.len()] {
                [$(self.$name,)*]
            }
        }
    };
}

limits! {
    /// Wall clock of one call of a message handler, host calls included, in milliseconds.
    call_timeout_ms: 14_000, 60_000, 10..=60_000;
    /// Wall clock of one call of a message rule, host calls included, in milliseconds.
    rule_timeout_ms: 1000, 10_000, 10..=60_000;
    /// Wall clock of one call of an order-updated hook, host calls included, in milliseconds.
    hook_timeout_ms: 30_000, 600_000, 10..=600_000;
    /// Wall clock of one call of a message observer, host calls included, in milliseconds.
    observer_timeout_ms: 14_000, 60_000, 10..=60_000;
    /// Wall clock of one call of a page, host calls included, in milliseconds.
    page_timeout_ms: 14_000, 60_000, 10..=60_000;
    /// CPU time of one call, in milliseconds.
    cpu_ms: 1000, 10_000, 1..=60_000;
    /// Memory of one instance, in MiB. A Rust plugin does not start with less than about 1.1 MiB.
    memory_mib: 64, 256, 2..=4096;
    /// Elements of all tables of one instance together.
    table_elements: 20_000, 20_000, 100..=1_000_000;
    /// Core instances of one component: a Rust plugin has 3, one in JavaScript 13, one in Python 38.
    core_instances: 64, 64, 1..=64;
    /// KiB that a plugin may hand to the host at a time: in one host call, or as one answer.
    host_call_kib: 2048, 8192, 64..=65_536;
    /// KiB of the texts of one reply.
    reply_kib: 64, 1024, 1..=8192;
    /// KiB of the body of a request to a page.
    page_request_kib: 1024, 8192, 0..=32_768;
    /// KiB of the body of a page.
    page_kib: 1024, 8192, 1..=65_536;
    /// Lines that one call may log, those that it prints among them.
    log_lines: 64, 1000, 0..=10_000;
    /// Bytes of one line in the log.
    log_line_bytes: 4096, 65_536, 64..=65_536;
    /// Lines that a plugin may log in a second, over all its calls, or for one app where it is set for that; ten times as
    /// many at once after a pause. Half is kept for apps that log little. What it asks outside is a line each.
    log_lines_per_second: 200, 10_000, 1..=100_000;
    /// KiB kept of what one call prints to standard output and standard error together.
    output_kib: 16, 1024, 0..=1024;
    /// KiB of one value in the key-value store.
    kv_value_kib: 256, 1024, 1..=8192;
    /// Keys in the key-value store of one app.
    kv_keys: 100_000, 1_000_000, 0..=10_000_000;
    /// MiB of keys and values in the key-value store of one app.
    kv_total_mib: 64, 1024, 0..=65_536;
    /// Orders of one app, of the last week, that WeChat Pay has not been told of, whoever created them: where there are as
    /// many, plugins create no more.
    open_orders: 10_000, 100_000, 0..=100_000;
    /// How often one call may use the database, for the key-value store, users and orders.
    database_calls: 256, 4096, 0..=10_000;
    /// How often one call may ask other servers, WeChat and WeChat Pay.
    outbound_calls: 16, 256, 0..=1000;
    /// How long a request to another server may take, in milliseconds. A plugin may wait for less.
    http_timeout_ms: 3000, 60_000, 10..=60_000;
    /// How long a call of WeChat's API, or of WeChat Pay, may take, in milliseconds.
    wechat_timeout_ms: 10_000, 60_000, 10..=60_000;
    /// KiB of the body of one request, to another server or to WeChat.
    request_kib: 1024, 8192, 0..=65_536;
    /// KiB of the body of another server's answer.
    response_kib: 1024, 8192, 1..=65_536;
    /// KiB of an answer of WeChat's API.
    wechat_response_kib: 4096, 16_384, 1..=65_536;
    /// Calls at once: of the plugin over all apps, or of one app where it is set for that.
    max_concurrency: 64, 256, 1..=256;
    /// Calls of one app that may wait for their turn at the plugin.
    max_queue: 128, 1024, 0..=10_000;
    /// Failures in a row after which calls for that app are refused for a while.
    breaker_failures: 10, 1_000_000, 1..=1_000_000;
    /// MiB of the plugin's file, of which an interpreter of Python alone takes 18. It is the same for all apps, so an app has none of its own.
    max_file_mib: 32, 128, 1..=512;
}

/// A change that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// The limit.
    pub limit: &'static Limit,
    /// The most that may be set through the admin API.
    pub ceiling: u64,
}

impl LimitChanges {
    /// The changes that cannot be made where these ceilings hold.
    pub fn out_of_range(&self, ceilings: &PluginLimits) -> impl Iterator<Item = OutOfRange> {
        let values = LIMITS.iter().zip(self.values()).zip(ceilings.values());
        values.filter_map(|((limit, value), ceiling)| {
            let wrong = value.is_some_and(|value| value < limit.least || value > ceiling);
            wrong.then_some(OutOfRange { limit, ceiling })
        })
    }

    /// Whether a changed limit is greater than it is in `limits`.
    pub fn exceed(&self, limits: &PluginLimits) -> bool {
        self.values().into_iter().zip(limits.values()).any(|(value, limit)| value.is_some_and(|value| value > limit))
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_and_ceiling_can_be_set() {
        let ceilings = PluginLimits::CEILINGS.values();
        for ((limit, default), ceiling) in LIMITS.iter().zip(PluginLimits::default().values()).zip(ceilings) {
            assert!(limit.least <= default && default <= ceiling && ceiling <= limit.most, "{limit:?}");
        }
    }

    #[test]
    fn a_change_takes_the_place_of_what_holds_for_all_up_to_the_ceiling() {
        let changes = LimitChanges { cpu_ms: Some(50), memory_mib: Some(4096), ..LimitChanges::default() };
        let limits = PluginLimits::default().with_clamped(&changes, &PluginLimits::CEILINGS);
        assert_eq!((limits.cpu_ms, limits.memory_mib, limits.log_lines), (50, 256, 64));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_ceiling() {
        let changes = LimitChanges { cpu_ms: Some(0), memory_mib: Some(257), log_lines: Some(0), ..Default::default() };
        let wrong = changes.out_of_range(&PluginLimits::CEILINGS).map(|wrong| (wrong.limit.name, wrong.ceiling));
        assert_eq!(wrong.collect::<Vec<_>>(), [("cpu_ms", 10_000), ("memory_mib", 256)]);
    }

    #[test]
    fn to_exceed_is_to_be_greater_anywhere() {
        let limits = PluginLimits::default();
        assert!(!LimitChanges::default().exceed(&limits));
        assert!(!LimitChanges { cpu_ms: Some(1000), log_lines: Some(1), ..Default::default() }.exceed(&limits));
        assert!(LimitChanges { cpu_ms: Some(1001), log_lines: Some(1), ..Default::default() }.exceed(&limits));
    }
}

//! Linear memory: what one instance may have, and all together.
//!
//! A call that sleeps keeps its memory, and many can sleep at a time. What an instance has beyond its first
//! [`UNCOUNTED_MEMORY`] is therefore counted for its app and for all until the instance is gone; one with less touches
//! nothing that it shares with others.

use std::{
    collections::HashSet,
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::{
    guard::ByApp,
    limits::{UNCOUNTED_MEMORY, count, mib},
};
use crate::plugin_limits::PluginLimits;

/// A bound of memory that an instance came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryBound {
    /// The bound of the instance itself.
    Instance,
    /// The bound of all calls of its app together.
    App,
    /// The bound of all calls of all apps together.
    Total,
}

impl fmt::Display for MemoryBound {
    /// The setting that the operator could raise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "plugins.memory_mib",
            Self::App => "an app's half of plugins.total_memory_mib",
            Self::Total => "plugins.total_memory_mib",
        })
    }
}

/// The memory that all instances have together, and that those of each app have.
pub(super) struct TotalMemory {
    /// The most bytes that all instances may have together.
    most: usize,
    held: AtomicUsize,
    by_app: ByApp<AtomicUsize>,
}

impl TotalMemory {
    /// Memory of `most` bytes, of which an app has half at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, held: AtomicUsize::new(0), by_app: ByApp::default() }
    }

    /// Forgets all apps but `apps` that have no memory.
    pub(super) fn retain_apps(&self, apps: &HashSet<String>) {
        self.by_app.retain_apps(apps);
    }
}

/// The memory and table elements of one instance, over all its memories and tables.
pub(super) struct Memory {
    bytes: usize,
    /// The bytes before the last growth that was allowed.
    bytes_before: usize,
    most_bytes: usize,
    elements: usize,
    most_elements: usize,
    most_instances: usize,
    /// The memory beyond [`UNCOUNTED_MEMORY`]; none while the instance has less.
    counted: Option<Counted>,
    refused: Option<MemoryBound>,
}

impl Memory {
    pub(super) fn new(limits: &PluginLimits) -> Self {
        Self {
            bytes: 0,
            bytes_before: 0,
            most_bytes: mib(limits.memory_mib),
            elements: 0,
            most_elements: count(limits.table_elements),
            most_instances: count(limits.core_instances),
            counted: None,
            refused: None,
        }
    }

    /// Whether a linear memory may grow from `current` to `desired` bytes. Without an app only the instance's own bound
    /// holds: a plugin that describes itself is not refused because of what others have.
    pub(super) fn grow(&mut self, current: usize, desired: usize, app: Option<&str>, total: &Arc<TotalMemory>) -> bool {
        let after = after(self.bytes, current, desired);
        match self.allow(after, app, total) {
            Ok(()) => {
                self.bytes_before = mem::replace(&mut self.bytes, after);
                true
            }
            Err(bound) => {
                self.refused = Some(bound);
                false
            }
        }
    }

    /// Takes back the last growth that was allowed, where the instance did not get it: the memory's own maximum is
    /// less, or the system has no more.
    pub(super) fn undo_growth(&mut self) {
        self.bytes = self.bytes_before;
        if let Some(counted) = &mut self.counted {
            counted.shrink_to(self.bytes.saturating_sub(UNCOUNTED_MEMORY));
        }
    }

    fn allow(&mut self, bytes: usize, app: Option<&str>, total: &Arc<TotalMemory>) -> Result<(), MemoryBound> {
        if bytes > self.most_bytes {
            return Err(MemoryBound::Instance);
        }
        match app {
            Some(app) if bytes > UNCOUNTED_MEMORY => {
                let counted = self.counted.get_or_insert_with(|| Counted::new(app, total));
                counted.grow_to(bytes - UNCOUNTED_MEMORY)
            }
            _ => Ok(()),
        }
    }

    /// Whether a table may grow from `current` to `desired` elements.
    pub(super) fn grow_tables(&mut self, current: usize, desired: usize) -> bool {
        let after = after(self.elements, current, desired);
        let allowed = after <= self.most_elements;
        if allowed {
            self.elements = after;
        }
        allowed
    }

    pub(super) fn most_instances(&self) -> usize {
        self.most_instances
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bound beyond which the instance was refused memory, the last time.
    pub(super) fn refused(&self) -> Option<MemoryBound> {
        self.refused
    }
}

/// How much all have together once one of them has grown from `current` to `desired`.
fn after(held: usize, current: usize, desired: usize) -> usize {
    held.saturating_sub(current).saturating_add(desired)
}

/// Memory charged to the app and to the total; released on drop.
struct Counted {
    total: Arc<TotalMemory>,
    of_app: Arc<AtomicUsize>,
    bytes: usize,
}

impl Counted {
    fn new(app: &str, total: &Arc<TotalMemory>) -> Self {
        Self { total: Arc::clone(total), of_app: total.by_app.of(app, AtomicUsize::default), bytes: 0 }
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), MemoryBound> {
        let (more, most) = (bytes.saturating_sub(self.bytes), self.total.most);
        if !take(&self.of_app, more, most / 2) {
            return Err(MemoryBound::App);
        }
        if !take(&self.total.held, more, most) {
            self.of_app.fetch_sub(more, Relaxed);
            return Err(MemoryBound::Total);
        }
        self.bytes += more;
        Ok(())
    }

    fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.of_app.fetch_sub(less, Relaxed);
        self.total.held.fetch_sub(less, Relaxed);
        self.bytes -= less;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Adds `more` bytes to those that are held, unless there would be more than `most`; false where it does not.
fn take(held: &AtomicUsize, more: usize, most: usize) -> bool {
    let grown = |held: usize| held.checked_add(more).filter(|grown| *grown <= most);
    held.fetch_update(Relaxed, Relaxed, grown).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory of an instance of `app` that has grown to `to` MiB, or the bound that forbids it.
    fn grown(app: Option<&str>, to: usize, total: &Arc<TotalMemory>) -> Result<Memory, MemoryBound> {
        let mut memory = Memory::new(&PluginLimits::default());
        assert!(memory.grow(0, 1 << 20, app, total), "one begins with less than is counted");
        if memory.grow(1 << 20, to << 20, app, total) { Ok(memory) } else { Err(memory.refused().unwrap()) }
    }

    fn total(mib: usize) -> Arc<TotalMemory> {
        Arc::new(TotalMemory::new(mib << 20))
    }

    #[test]
    fn an_app_has_half_and_all_no_more_than_there_is() {
        let total = total(64);
        let of = |app: &'static str| grown(Some(app), 20, &total);
        let flood = [of("flood").unwrap(), of("flood").unwrap()];
        assert_eq!(of("flood").err(), Some(MemoryBound::App));
        let others = [of("quiet").unwrap(), of("third").unwrap()];
        assert_eq!(of("third").err(), Some(MemoryBound::Total));
        drop(flood);
        let again = [of("flood").unwrap(), of("third").unwrap()];
        assert_eq!(of("third").err(), Some(MemoryBound::App));
        drop((others, again));
        assert_eq!(total.held.load(Relaxed), 0);
        assert!(grown(Some("third"), 36, &total).is_ok(), "what was refused is not counted");
    }

    #[test]
    fn an_instance_that_was_refused_keeps_what_it_has_and_may_ask_for_less() {
        let total = total(16);
        let mut memory = grown(Some("app"), 10, &total).unwrap();
        assert!(!memory.grow(10 << 20, 13 << 20, Some("app"), &total));
        assert_eq!((memory.bytes(), memory.refused()), (10 << 20, Some(MemoryBound::App)));
        assert!(memory.grow(10 << 20, 12 << 20, Some("app"), &total));
        assert!(memory.grow(0, 0, Some("app"), &total), "a second memory");
        assert_eq!(total.held.load(Relaxed), 8 << 20);
    }

    #[test]
    fn what_was_allowed_and_not_had_is_given_back() {
        let total = total(64);
        let mut memory = grown(Some("app"), 10, &total).unwrap();
        assert!(memory.grow(10 << 20, 30 << 20, Some("app"), &total));
        memory.undo_growth();
        assert_eq!((memory.bytes(), total.held.load(Relaxed)), (10 << 20, 6 << 20));
        assert!(grown(Some("app"), 30, &total).is_ok(), "another of the app has room for it");
        assert!(memory.grow(10 << 20, 30 << 20, Some("app"), &total), "and so has it, later");
        drop(memory);
        assert_eq!(total.held.load(Relaxed), 0);
    }

    #[test]
    fn what_is_small_or_describes_itself_is_not_counted() {
        let total = total(16);
        let uncounted = [grown(Some("app"), 4, &total), grown(None, 64, &total), grown(None, 64, &total)];
        assert!(uncounted.iter().all(Result::is_ok));
        assert_eq!((total.held.load(Relaxed), Arc::strong_count(&total)), (0, 1));
        assert_eq!(grown(None, 65, &total).err(), Some(MemoryBound::Instance));
    }
}

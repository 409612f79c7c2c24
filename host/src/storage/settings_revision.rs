//! The counter of settings: every change of apps, their plugins and handlers moves it on, in the same transaction. Replicas poll
//! it and read the settings again when it has moved.

/// The first statement of every transaction that changes settings: it also makes such transactions wait for each other.
pub(super) const BUMP: &str = "UPDATE settings_revision SET revision = revision + 1";
/// The counter.
pub(super) const READ: &str = "SELECT revision FROM settings_revision";

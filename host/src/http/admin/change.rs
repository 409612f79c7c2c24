//! Fields of a patch.

use serde::{Deserialize, Deserializer};

/// Sets `field` when there is something to set: for what cannot be taken away.
pub(super) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// A field of a patch: absent, null, or a value.
#[derive(Clone, Default)]
pub(super) enum Change<T> {
    /// Absent: what was there stays.
    #[default]
    Keep,
    /// A value, or null.
    To(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::To)
    }
}

impl<T> Change<T> {
    /// The same change of another type.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::To(value) => Change::To(value.map(map)),
        }
    }

    /// Sets `field` when there is something else to set, and keeps what was there in `previous`.
    pub(super) fn apply_keeping(self, field: &mut Option<T>, previous: &mut Option<T>)
    where
        T: PartialEq,
    {
        if let Self::To(value) = self
            && value != *field
        {
            *previous = std::mem::replace(field, value);
        }
    }

    /// Sets `field` when there is something to set.
    pub(super) fn apply(self, field: &mut Option<T>) {
        if let Self::To(value) = self {
            *field = value;
        }
    }
}

//! Answers that clients have not taken yet: who asks often and reads nothing leaves them in memory.

use axum::body::Bytes;

use crate::shares::{Place, Room};

/// KiB of answers of one kind that are in memory at a time until they are taken, over all apps.
const ALL_KIB: usize = 128 << 10;

/// The same of one app. No page may be longer (`page_kib` in `plugin_limits`).
const APP_KIB: usize = ALL_KIB / 4;

/// From so many bytes on a webhook's answer is long; texts never are.
const LONG: usize = 4 << 10;

/// Room in memory for answers. Clones share it.
#[derive(Clone)]
pub struct Answers(Room);

impl Default for Answers {
    fn default() -> Self {
        Self(Room::new(ALL_KIB, APP_KIB))
    }
}

impl Answers {
    /// An answer of the app with the room that it takes, until the last bit of it has gone to the system or is given up.
    /// Whoever sends it cuts it into pieces and may keep these for longer than the body, so that all of them hold it. None
    /// when there is no room.
    pub(super) fn held(&self, app: &str, bytes: impl AsRef<[u8]> + Send + 'static) -> Option<Bytes> {
        let kib = u32::try_from(bytes.as_ref().len().div_ceil(1 << 10)).ok()?;
        let place = self.0.places(app, kib)?;
        Some(Bytes::from_owner(Held { bytes, _place: place }))
    }

    /// As [`held`](Self::held); short ones need no room.
    pub(super) fn held_if_long(&self, app: &str, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() < LONG { Some(bytes) } else { self.held(app, bytes) }
    }
}

/// Bytes with their room.
struct Held<B> {
    bytes: B,
    _place: Place,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_room_together_and_leave_it_with_their_last_piece() {
        let answers = Answers(Room::new(11, 8));
        let mut held = answers.held("shop", vec![b'x'; 8 << 10]).unwrap();
        assert_eq!(held.len(), 8 << 10);
        assert!(answers.held("shop", "x").is_none() && answers.held("blog", vec![b'x'; 3 << 10]).is_none());
        assert!(answers.held("blog", vec![b'x'; 2 << 10]).is_some());
        assert!(answers.held("shop", "").is_some());
        let long = Bytes::from(vec![b'x'; LONG]);
        assert!(answers.held_if_long("shop", long.clone()).is_none());
        assert_eq!(answers.held_if_long("shop", long.slice(1..)), Some(long.slice(1..)));
        let piece = held.split_to(1);
        drop(held);
        assert!(answers.held("shop", "x").is_none());
        drop(piece);
        assert_eq!(answers.held_if_long("shop", long.clone()), Some(long));
    }
}

//! Bodies of requests to pages. Anybody may send one, so each is bounded, and all of an app, and all together.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt;

use super::failure::Failure;
use crate::shares::{Place, Room};

/// KiB of bodies that are in memory at a time, over all pages.
const ALL_KIB: usize = 64 << 10;

/// The same over the pages of one app. No body may be longer (`page_request_kib` in `plugin_limits`).
const APP_KIB: usize = ALL_KIB / 2;

/// How long a visitor may take for the body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a body that is too long that are still taken: who is still sending when the connection is closed would not
/// get to read why.
const DISCARDED_BYTES: usize = 2 << 20;

/// How long a body that is too long is still taken.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Room in memory for bodies.
#[derive(Clone)]
pub(super) struct Budget(Room);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Room::new(ALL_KIB, APP_KIB))
    }

    /// A body of at most so many KiB for a page of the app, and the room that it takes for as long as it is there.
    ///
    /// # Errors
    /// When it is too long, does not come, or there is no room.
    pub(super) async fn read(
        &self,
        app: &str,
        headers: &HeaderMap,
        body: Body,
        most_kib: u64,
    ) -> Result<(Vec<u8>, Option<Place>), Failure> {
        let most = usize::try_from(most_kib.saturating_mul(1 << 10)).unwrap_or(usize::MAX);
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let mut stream = body.into_data_stream();
        let collected = if announced.is_some_and(|length: usize| length > most) {
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE))
        } else {
            let late = |_| Failure::new(StatusCode::REQUEST_TIMEOUT);
            tokio::time::timeout(TIMEOUT, self.collect(app, &mut stream, most)).await.map_err(late)?
        };
        if collected.as_ref().is_err_and(|failure| failure.status() == StatusCode::PAYLOAD_TOO_LARGE) {
            discard(stream).await;
        }
        collected
    }

    /// Takes room as the body arrives, and not before: who announces much and sends nothing keeps nobody out.
    async fn collect(
        &self,
        app: &str,
        stream: &mut BodyDataStream,
        most: usize,
    ) -> Result<(Vec<u8>, Option<Place>), Failure> {
        let (mut bytes, mut room) = (Vec::new(), None::<Place>);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| Failure::new(StatusCode::BAD_REQUEST))?;
            let length = bytes.len() + piece.len();
            if length > most {
                return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE));
            }
            let taken = room.as_ref().map_or(0, |[own, _]| own.num_permits());
            let wanted = u32::try_from(length.div_ceil(1 << 10) - taken).ok();
            let more = wanted.and_then(|kib| self.0.places(app, kib));
            let more = more.ok_or_else(|| Failure::busy(Duration::from_secs(1)))?;
            match &mut room {
                Some(room) => {
                    for (room, more) in room.iter_mut().zip(more) {
                        room.merge(more);
                    }
                }
                None => room = Some(more),
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes, room))
    }
}

/// Takes what still comes, and keeps none of it.
async fn discard(mut stream: BodyDataStream) {
    let taking = async {
        let mut taken = 0;
        while taken < DISCARDED_BYTES
            && let Some(Ok(piece)) = stream.next().await
        {
            taken += piece.len();
        }
    };
    // Whoever takes longer is cut off.
    drop(tokio::time::timeout(DISCARD_TIMEOUT, taking).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_have_room_together_and_leave_it() {
        let budget = Budget(Room::new(5, 3));
        let read =
            async |app: &str, bytes: usize| budget.read(app, &HeaderMap::new(), Body::from(vec![b'x'; bytes]), 2).await;
        let (body, room) = read("shop", 2 << 10).await.unwrap();
        assert_eq!(body.len(), 2 << 10);
        assert_eq!(read("shop", (2 << 10) + 1).await.unwrap_err().status(), 413);
        let (_, another) = read("shop", 1).await.unwrap();
        assert_eq!(read("shop", 1).await.unwrap_err().status(), 503);
        assert!(read("shop", 0).await.unwrap().1.is_none(), "without a body there is nothing to have room for");
        let (_, others) = read("other", 2 << 10).await.unwrap();
        assert_eq!(read("third", 1).await.unwrap_err().status(), 503);
        drop((room, another, others));
        assert!(read("shop", 2 << 10).await.is_ok());
    }
}

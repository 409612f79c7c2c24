//! Bodies of requests to pages: bounded each, and bounded together, as anybody may send one.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;

/// KiB of bodies that are in memory at a time, over all pages.
const ALL_KIB: usize = 64 << 10;

/// How long a visitor may take for the body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body that is too long is still taken, and for how long: who is still sending when the connection is
/// closed would not get to read why.
const DISCARDED: (usize, Duration) = (2 << 20, Duration::from_secs(1));

/// Room in memory for bodies.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ALL_KIB)))
    }

    /// A body of at most so many KiB, and the room that it takes for as long as it is there.
    ///
    /// # Errors
    /// When it is too long, does not come, or there is no room.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        most_kib: u64,
    ) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Failure> {
        let most = usize::try_from(most_kib.saturating_mul(1 << 10)).unwrap_or(usize::MAX);
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let mut stream = body.into_data_stream();
        let collected = if announced.is_some_and(|length: usize| length > most) {
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE))
        } else {
            let late = |_| Failure::new(StatusCode::REQUEST_TIMEOUT);
            tokio::time::timeout(TIMEOUT, self.collect(&mut stream, most)).await.map_err(late)?
        };
        if collected.as_ref().is_err_and(|failure| failure.status() == StatusCode::PAYLOAD_TOO_LARGE) {
            discard(stream).await;
        }
        collected
    }

    /// Takes room as the body arrives, and not before: who announces much and sends nothing keeps nobody out.
    async fn collect(
        &self,
        stream: &mut BodyDataStream,
        most: usize,
    ) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Failure> {
        let (mut bytes, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| Failure::new(StatusCode::BAD_REQUEST))?;
            let length = bytes.len() + piece.len();
            if length > most {
                return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE));
            }
            let wanted = length.div_ceil(1 << 10) - room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = u32::try_from(wanted).ok().and_then(|kib| Arc::clone(&self.0).try_acquire_many_owned(kib).ok());
            let more = more.ok_or_else(|| Failure::busy(Duration::from_secs(1)))?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes, room))
    }
}

/// Takes what still comes, and keeps none of it.
async fn discard(mut stream: BodyDataStream) {
    let (most, time) = DISCARDED;
    let taking = async {
        let mut taken = 0;
        while taken < most
            && let Some(Ok(piece)) = stream.next().await
        {
            taken += piece.len();
        }
    };
    // Whoever takes longer is cut off.
    drop(tokio::time::timeout(time, taking).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_have_room_together_and_leave_it() {
        let budget = Budget(Arc::new(Semaphore::new(3)));
        let read = async |bytes: usize| budget.read(&HeaderMap::new(), Body::from(vec![b'x'; bytes]), 2).await;
        let (body, room) = read(2 << 10).await.unwrap();
        assert_eq!(body.len(), 2 << 10);
        assert_eq!(read((2 << 10) + 1).await.unwrap_err().status(), 413);
        let (_, another) = read(1).await.unwrap();
        assert_eq!(read(1).await.unwrap_err().status(), 503);
        assert!(read(0).await.unwrap().1.is_none(), "without a body there is nothing to have room for");
        drop((room, another));
        assert!(read(2 << 10).await.is_ok());
    }
}

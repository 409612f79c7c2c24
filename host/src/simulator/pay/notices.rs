//! What the simulated WeChat Pay tells by itself: on WeChat's schedule in less time, several times at once, late, in
//! another order, or not at all.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use weft_wechat::pay::{Refund, Transaction, v2, v3::InvalidKey};

use super::{Posted, Shared, book::Account};

/// WeChat's pauses before each try, the first of which is made at once (protocol: 15 tries more within 24 h 4 m).
const PAUSES: [Duration; 15] = [
    Duration::from_secs(15),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_mins(3),
    Duration::from_mins(10),
    Duration::from_mins(20),
    Duration::from_mins(30),
    Duration::from_mins(30),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(3),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(6),
];

/// How WeChat tells of payments and refunds by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifying {
    /// Whether it does.
    pub by_itself: bool,
    /// How much faster than with WeChat time passes between the tries: 3600 makes a second of an hour.
    pub speed: u32,
    /// How many servers post the same at nearly the same moment.
    pub at_once: u32,
    /// How many tries of each are lost on their way before one gets through.
    pub lost: u32,
    /// Whether a probe with a wrong signature goes before each try (v3).
    pub probe: bool,
    /// Whether everything is kept back until it is [released](super::PayGateway::release).
    pub held: bool,
}

impl Default for Notifying {
    fn default() -> Self {
        Self { by_itself: false, speed: 1, at_once: 1, lost: 0, probe: false, held: false }
    }
}

/// In which order what was kept back is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// As it happened, one after the other.
    InOrder,
    /// The last one first.
    Reverse,
    /// All at once.
    AtOnce,
}

/// A try to tell something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeTry {
    /// `payment`, `refund` or `probe`.
    pub kind: &'static str,
    /// The order.
    pub out_trade_no: String,
    /// 1 for the first.
    pub attempt: usize,
    /// The status of the answer; none when the try was lost, or nobody was there.
    pub status: Option<u16>,
    /// Whether WeChat takes the answer as a yes.
    pub taken: bool,
}

/// Something to tell, as it was when it happened.
#[derive(Clone)]
pub(super) struct Notice {
    pub(super) mch_id: String,
    pub(super) url: String,
    pub(super) told: Told,
}

#[derive(Clone)]
pub(super) enum Told {
    Payment(Box<Transaction>),
    Refund(Box<Refund>),
}

impl Notice {
    /// As it is posted now; none when there is no such merchant.
    pub(super) fn posted(&self, shared: &Shared) -> Result<Option<Posted>, InvalidKey> {
        let now = shared.clock.now();
        let book = shared.book();
        let url = self.url.clone();
        match (book.accounts.get(&self.mch_id), &self.told) {
            (Some(Account::V2(merchant)), Told::Payment(told)) => {
                Ok(Some(super::v2::notification(merchant, url, told)))
            }
            (Some(Account::V2(merchant)), Told::Refund(told)) => {
                Ok(Some(super::v2::refund_notification(merchant, url, told)))
            }
            (Some(Account::V3 { apiv3_key, .. }), Told::Payment(told)) => {
                super::v3::notification(&shared.platform, apiv3_key, url, told, now).map(Some)
            }
            (Some(Account::V3 { apiv3_key, .. }), Told::Refund(told)) => {
                super::v3::refund_notification(&shared.platform, (apiv3_key, &self.mch_id), url, told, now).map(Some)
            }
            (None, _) => Ok(None),
        }
    }

    fn out_trade_no(&self) -> &str {
        match &self.told {
            Told::Payment(told) => &told.out_trade_no,
            Told::Refund(told) => told.out_trade_no.as_deref().unwrap_or_default(),
        }
    }

    fn kind(&self) -> &'static str {
        match self.told {
            Told::Payment(_) => "payment",
            Told::Refund(_) => "refund",
        }
    }

    /// Posts it until it is taken, as WeChat does; gives whether that was at the first try. It ends with the gateway.
    pub(super) fn tell(self, shared: &Arc<Shared>) -> oneshot::Receiver<bool> {
        let (first, came) = oneshot::channel();
        let shared = Arc::clone(shared);
        let stop = shared.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled_owned(self.until_taken(&shared, first)).await });
        came
    }

    async fn until_taken(self, shared: &Shared, first: oneshot::Sender<bool>) {
        let mut first = Some(first);
        for (before, pause) in std::iter::once(Duration::ZERO).chain(PAUSES).enumerate() {
            let Notifying { speed, at_once, lost, probe, .. } = shared.book().notifying;
            tokio::time::sleep(pause / speed.max(1)).await;
            let attempt = before + 1;
            let taken = if before < lost as usize {
                self.note(shared, self.kind(), attempt, None)
            } else {
                if probe {
                    self.probe(shared, attempt).await;
                }
                let copies = (0..at_once.max(1)).map(|_| self.once(shared, attempt));
                join_all(copies).await.into_iter().any(|taken| taken)
            };
            if let Some(first) = first.take() {
                // Perhaps nobody waits for it.
                let _ = first.send(taken);
            }
            if taken {
                return;
            }
        }
    }

    /// Posts it once; whether it was taken.
    pub(super) async fn once(&self, shared: &Shared, attempt: usize) -> bool {
        let Ok(Some(posted)) = self.posted(shared) else { return false };
        let answer = posted.send().await.ok();
        self.note(shared, self.kind(), attempt, answer)
    }

    /// Posts it with a false signature, to see that it is refused (v3).
    pub(super) async fn probe(&self, shared: &Shared, attempt: usize) {
        let Ok(Some(mut posted)) = self.posted(shared) else { return };
        let signature = posted.headers.iter_mut().find(|(name, _)| *name == "wechatpay-signature");
        let Some((_, signature)) = signature else { return };
        "WECHATPAY/SIGNTEST/c2ltdWxhdGVk".clone_into(signature);
        let answer = posted.send().await.ok();
        self.note(shared, "probe", attempt, answer);
    }

    fn note(&self, shared: &Shared, kind: &'static str, attempt: usize, answer: Option<(u16, String)>) -> bool {
        let mut book = shared.book();
        let is_v2 = matches!(book.accounts.get(&self.mch_id), Some(Account::V2(_)));
        let taken = answer.as_ref().is_some_and(|(status, body)| {
            if is_v2 { body.as_str() == v2::success() } else { matches!(status, 200 | 204) }
        });
        let status = answer.map(|(status, _)| status);
        let out_trade_no = self.out_trade_no().to_owned();
        book.tries.push(NoticeTry { kind, out_trade_no, attempt, status, taken });
        taken
    }
}

/// Tells of something as it is set: at once and on the schedule, which gives whether the first try was taken; later, or
/// not at all.
pub(super) fn tell(shared: &Arc<Shared>, notice: Notice) -> Option<oneshot::Receiver<bool>> {
    let mut book = shared.book();
    let Notifying { by_itself, held, .. } = book.notifying;
    if held {
        book.held.push(notice);
        return None;
    }
    drop(book);
    by_itself.then(|| notice.tell(shared))
}

/// Tells each thing that was kept back once; gives how many were taken.
pub(super) async fn release(shared: &Shared, order: Release) -> usize {
    let mut held = std::mem::take(&mut shared.book().held);
    let mut taken = Vec::new();
    match order {
        Release::AtOnce => taken = join_all(held.iter().map(|notice| notice.once(shared, 1))).await,
        Release::InOrder | Release::Reverse => {
            if order == Release::Reverse {
                held.reverse();
            }
            for notice in &held {
                taken.push(notice.once(shared, 1).await);
            }
        }
    }
    taken.into_iter().filter(|taken| *taken).count()
}

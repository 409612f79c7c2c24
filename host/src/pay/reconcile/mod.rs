//! The daily bills, compared with the orders and refunds here.
//!
//! A bill says what WeChat counted. It changes nothing by itself: of v2 nobody has signed it. Where it says more than
//! is known here, WeChat is asked, and its answer goes the way of all answers. What differs after that is kept for a
//! person to look at (`storage/bill_differences.rs`).
//!
//! A bill is read twice, from a file: once to see that it is whole, and then some hundred lines at a time, which are
//! compared together. What a later run of the same day does not find any more is resolved by it.

mod compare;
mod daily;
mod fund_flow;
mod missing;
mod work;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use weft_wechat::pay::Party;
use weft_wechat::pay::bill::{BillError, TradeRow};

use super::{Pay, PayActionError, Shop};
use crate::jobs::Running;
use crate::model::{BillDate, Figures, Found, JobError};
use crate::storage::StoreError;
use crate::upstream::{BillFile, BillKind, Fetched, PayError};

pub use work::{RECONCILE, ReconcileInput, ReconcileWork};

/// How many lines are compared at once.
const BATCH: usize = 500;

/// Why bills could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// They are not there yet.
    #[error("WeChat Pay has not made the bill of this day yet: it does so until 10:00 of the next day in China")]
    NotYet,
    /// WeChat Pay, or the database.
    #[error(transparent)]
    Pay(#[from] PayActionError),
    /// The job was told to stop.
    #[error(transparent)]
    Stopped(#[from] JobError),
}

impl From<StoreError> for ReconcileError {
    fn from(error: StoreError) -> Self {
        Self::Pay(error.into())
    }
}

impl From<PayError> for ReconcileError {
    fn from(error: PayError) -> Self {
        Self::Pay(error.into())
    }
}

impl From<BillError> for ReconcileError {
    fn from(error: BillError) -> Self {
        PayError::Unbelieved(error.to_string()).into()
    }
}

/// Where to go on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    run: u64,
    /// How many lines of the trade bill have been compared.
    compared: u64,
    figures: Figures,
    /// What the account should have got, and given, by the lines of the trade bill, in fen.
    settled: (u64, u64),
}

/// The comparison of one day of one merchant.
struct Day<'a> {
    pay: &'a Pay,
    shop: &'a Shop,
    party: Party,
    /// Merchants with the same number, whose lines stand in the same bill: app and name.
    siblings: Vec<(String, String)>,
    date: BillDate,
    place: Place,
    /// What stands in the bill, by [`fingerprint`].
    payments: HashSet<u128>,
    refunds: HashSet<u128>,
}

impl Pay {
    /// Compares the bills of a day with what is here, and keeps what differs. With a job it goes on where that was cut
    /// off.
    ///
    /// # Errors
    /// Why it came to nothing; that is also written down.
    pub async fn reconcile(
        &self,
        shop: &Shop,
        date: BillDate,
        job: Option<&Running>,
    ) -> Result<Figures, ReconcileError> {
        let (app, merchant) = (&shop.app.name, &shop.merchant.name);
        let reconciliations = self.0.store.reconciliations();
        let again_at = BillDate::next_ready(self.0.clock.now());
        let place = match job.and_then(Running::checkpoint) {
            Some(place) => place,
            None => Place { run: reconciliations.begin(app, merchant, date, again_at).await?, ..Place::default() },
        };
        let mut siblings = self.0.store.merchants().of_number(&shop.merchant.mch_id).await?;
        siblings.retain(|(own_app, own)| (own_app, own) != (app, merchant));
        let party = shop.merchant.party(&shop.app);
        let (payments, refunds) = (HashSet::new(), HashSet::new());
        let mut day = Day { pay: self, shop, party, siblings, date, place, payments, refunds };
        let compared = day.compare_all(job).await;
        match &compared {
            Ok(()) => {
                let Place { run, figures, .. } = &day.place;
                reconciliations.finish(app, merchant, date, *run, figures).await?;
            }
            Err(ReconcileError::Stopped(_)) => {}
            Err(error) => reconciliations.fail(app, merchant, date, &error.to_string()).await?,
        }
        compared.map(|()| day.place.figures)
    }
}

impl Day<'_> {
    async fn compare_all(&mut self, job: Option<&Running>) -> Result<(), ReconcileError> {
        let gateway = &self.pay.0.gateway;
        match gateway.bill(&self.shop.merchant, &self.party, BillKind::Trades, self.date).await? {
            Fetched::NotYet => return Err(ReconcileError::NotYet),
            // WeChat has no bill of a day without a trade.
            Fetched::Nothing => {}
            Fetched::Bill(file) => self.compare_trades(file, job).await?,
        }
        self.look_for_missing().await?;
        self.compare_fund_flow().await?;
        let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
        let differences = self.pay.0.store.bill_differences();
        Ok(differences.resolve_unfound(app, merchant, self.date, self.place.run).await?)
    }

    async fn compare_trades(&mut self, file: BillFile, job: Option<&Running>) -> Result<(), ReconcileError> {
        let rows = file.rows;
        let mut batches = batches(file);
        let mut read = 0;
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            read += batch.len() as u64;
            self.remember(&batch);
            // What was compared before a crash is in the checkpoint; batches are the same ones.
            if read <= self.place.compared {
                continue;
            }
            self.compare(&batch).await?;
            self.place.compared = read;
            if let Some(job) = job {
                job.save(&self.place, read, Some(rows)).await?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, batch: &[TradeRow]) {
        for row in batch {
            match &row.out_refund_no {
                Some(number) => self.refunds.insert(fingerprint(number)),
                None => self.payments.insert(fingerprint(&row.out_trade_no)),
            };
        }
    }

    async fn keep(&mut self, found: &[Found]) -> Result<(), ReconcileError> {
        let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
        let differences = self.pay.0.store.bill_differences();
        self.place.figures.left_out += differences.keep(app, merchant, self.date, self.place.run, found).await?;
        Ok(())
    }
}

/// Reads the lines of a trade bill, some at a time.
fn batches(mut file: BillFile) -> mpsc::Receiver<Result<Vec<TradeRow>, BillError>> {
    let (sender, receiver) = mpsc::channel(1);
    let read = move || {
        let mut send_all = || {
            let mut bill = file.read()?;
            let mut rows = bill.trades()?;
            loop {
                let batch = rows.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
                // Nobody takes it when the comparison was cut off.
                if batch.is_empty() || sender.blocking_send(Ok(batch)).is_err() {
                    return Ok(());
                }
            }
        };
        if let Err(error) = send_all() {
            drop(sender.blocking_send(Err(error)));
        }
    };
    tokio::task::spawn_blocking(read);
    receiver
}

/// Stands for a number: a million texts would take more memory than their bill has bytes for them.
fn fingerprint(number: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(number.as_bytes()).into();
    let (beginning, _) = digest.split_at(16);
    beginning.iter().fold(0, |print, byte| (print << 8) | u128::from(*byte))
}

//! Begins the comparisons by itself: for every merchant and day, once over all processes.
//!
//! That a day is done, or was begun, stands in the database, and of one day there is one job: whoever looks begins what
//! is not there. Days that were missed are caught up with, the earliest first, as far back as WeChat keeps bills.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::ReconcileInput;
use crate::jobs::Jobs;
use crate::model::BillDate;
use crate::pay::Pay;
use crate::storage::{StoreError, with_causes};

/// How often it is looked what is to be begun.
const LOOK: Duration = Duration::from_mins(1);

/// How many days of one app wait as jobs at a time: jobs that somebody asks for must find a place.
const WAITING: usize = 10;

/// Who may see the jobs, and in whose name they are begun.
const PERMISSION: &str = "pay_order";
const CREATED_BY: &str = "weft";

impl Pay {
    /// Begins what is due again and again, for as long as it is polled.
    pub async fn reconcile_daily(self, jobs: Jobs) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.begin_due_reconciliations(&jobs).await {
                tracing::warn!(error = %with_causes(&error), "the bills of a day are not compared");
            }
        }
    }

    /// Begins the comparisons that are due: of every day from the merchant's creation on whose bills WeChat has. Gives
    /// how many jobs there are for them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_due_reconciliations(&self, jobs: &Jobs) -> Result<usize, StoreError> {
        let now = self.0.clock.now();
        let (oldest, newest) = (BillDate::oldest(now), BillDate::newest(now));
        let settled = self.0.store.reconciliations().settled(oldest).await?;
        let settled: HashSet<_> = settled.into_iter().collect();
        let mut due: BTreeMap<String, Vec<(BillDate, String)>> = BTreeMap::new();
        for (app, merchant, created_at) in self.0.store.merchants().names().await? {
            let mut date = oldest.max(BillDate::of(created_at));
            while date <= newest {
                let day = (app.clone(), merchant.clone(), date);
                if !settled.contains(&day) {
                    due.entry(app.clone()).or_default().push((date, merchant.clone()));
                }
                date = date.plus(1);
            }
        }
        let mut begun = 0;
        for (app, mut days) in due {
            days.sort_unstable();
            for (date, merchant) in days.into_iter().take(WAITING) {
                match jobs.start(&ReconcileInput { merchant, date }.job(&app, PERMISSION, CREATED_BY)).await {
                    Ok(_) => begun += 1,
                    // The app's other jobs take all places, or the app is gone: the next round tries again.
                    Err(StoreError::LimitReached(_) | StoreError::NotFound { .. }) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(begun)
    }
}

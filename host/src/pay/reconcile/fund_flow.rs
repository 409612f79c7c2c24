//! What moved on the account beside what the trade bill sums up to.

use weft_wechat::pay::Fen;
use weft_wechat::pay::bill::BillError;

use super::{Day, ReconcileError};
use crate::model::{DifferenceKind, Found};
use crate::upstream::{BillFile, BillKind, Fetched};

impl Day<'_> {
    /// Compares the sums. That there is no fund-flow bill is no reason to compare nothing: it is written down why.
    pub(super) async fn compare_fund_flow(&mut self) -> Result<(), ReconcileError> {
        let gateway = &self.pay.0.gateway;
        let fetched = gateway.bill(&self.shop.merchant, &self.party, BillKind::FundFlow, self.date).await;
        let moved = match fetched {
            Ok(Fetched::Bill(file)) => sums(file).await,
            Ok(Fetched::Nothing) => Ok((0, 0)),
            Ok(Fetched::NotYet) => Err("WeChat Pay has not made it yet · 微信支付还没有生成".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let (paid, given) = match moved {
            Ok(moved) => moved,
            Err(error) => {
                self.place.figures.fund_flow_error = Some(error);
                return Ok(());
            }
        };
        let (should_be_paid, should_be_given) = self.place.settled;
        let sums = [
            (DifferenceKind::FundFlowPayments, should_be_paid, paid),
            (DifferenceKind::FundFlowRefunds, should_be_given, given),
        ];
        let found =
            sums.into_iter().filter(|(_, trades, account)| trades != account).map(|(kind, trades, account)| Found {
                kind,
                out_trade_no: String::new(),
                out_refund_no: String::new(),
                wechat_number: None,
                here: format!("{} fen by the trade bill", Fen(trades)),
                at_wechat: format!("{} fen on the account", Fen(account)),
            });
        self.keep(&found.collect::<Vec<_>>()).await
    }
}

/// What users paid and what they got back, in fen.
async fn sums(mut file: BillFile) -> Result<(u64, u64), String> {
    let sum = move || {
        let mut bill = file.read()?;
        let (mut paid, mut given) = (0_u64, 0_u64);
        for row in bill.fund_flow()? {
            let row = row?;
            if row.is_payment() {
                paid = paid.saturating_add(row.amount.0);
            } else if row.is_refund() {
                given = given.saturating_add(row.amount.0);
            }
        }
        Ok::<_, BillError>((paid, given))
    };
    let sums = tokio::task::spawn_blocking(sum).await.map_err(|error| error.to_string())?;
    sums.map_err(|error| error.to_string())
}

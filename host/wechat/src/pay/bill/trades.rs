//! The lines of a trade bill: payments and refunds.

use super::{Bill, BillError, number, text};
use crate::pay::Fen;

/// One line of a trade bill: a payment, or a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeRow {
    /// The account in which it was paid; empty in bills that do not tell it.
    pub appid: String,
    /// The merchant; the partner's in partner mode. Empty in bills that do not tell it.
    pub mch_id: String,
    /// In partner mode the sub-merchant.
    pub sub_mch_id: Option<String>,
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// `SUCCESS`, `REFUND` or `REVOKED`.
    pub state: String,
    /// What the order was about; in lines about refunds mostly zero.
    pub total: Fen,
    /// What of it the merchant gets: without coupons of WeChat's that are not paid for.
    pub settlement_total: Option<Fen>,
    /// The merchant's number of the refund, in lines about one.
    pub out_refund_no: Option<String>,
    /// WeChat's number of the refund.
    pub refund_id: Option<String>,
    /// What was given back.
    pub refund: Option<Fen>,
    /// What of it the merchant pays.
    pub settlement_refund: Option<Fen>,
    /// `SUCCESS`, `PROCESSING`, `CHANGE`, …
    pub refund_status: Option<String>,
}

/// Where what stands.
struct Columns {
    appid: Option<usize>,
    mch_id: Option<usize>,
    sub_mch_id: Option<usize>,
    transaction_id: usize,
    out_trade_no: usize,
    state: usize,
    total: usize,
    settlement_total: Option<usize>,
    refund_id: Option<usize>,
    out_refund_no: Option<usize>,
    refund_status: Option<usize>,
    refund: Option<usize>,
    settlement_refund: Option<usize>,
}

impl Bill<'_> {
    /// The lines that are still to be read, of a trade bill.
    ///
    /// # Errors
    /// When a column is missing, as in bills of another kind.
    pub fn trades(&mut self) -> Result<impl Iterator<Item = Result<TradeRow, BillError>>, BillError> {
        let columns = self.trade_columns()?;
        let mut next = move || self.next_row()?.map(|row| self.trade(&columns, &row)).transpose();
        Ok(std::iter::from_fn(move || next().transpose()))
    }

    fn trade_columns(&self) -> Result<Columns, BillError> {
        let any = |names: &[&'static str]| names.iter().find_map(|name| self.column(name).ok());
        Ok(Columns {
            appid: any(&["公众账号ID"]),
            mch_id: any(&["商户号"]),
            sub_mch_id: any(&["特约商户号", "子商户号"]),
            transaction_id: self.column("微信订单号")?,
            out_trade_no: self.column("商户订单号")?,
            state: self.column("交易状态")?,
            total: self.column("订单金额").or_else(|_| self.column("应结订单金额"))?,
            settlement_total: any(&["应结订单金额"]),
            // Bills of payments alone have nothing of refunds.
            refund_id: any(&["微信退款单号"]),
            out_refund_no: any(&["商户退款单号"]),
            refund_status: any(&["退款状态"]),
            refund: any(&["申请退款金额", "退款金额"]),
            settlement_refund: any(&["退款金额"]),
        })
    }

    fn trade(&self, columns: &Columns, row: &[String]) -> Result<TradeRow, BillError> {
        let out_refund_no = number(row, columns.out_refund_no);
        let of_refund = |column: Option<usize>| column.filter(|_| out_refund_no.is_some());
        let amount = |column: Option<usize>| column.map(|column| self.amount(row, column)).transpose();
        Ok(TradeRow {
            appid: columns.appid.map(|column| text(row, column)).unwrap_or_default(),
            mch_id: columns.mch_id.map(|column| text(row, column)).unwrap_or_default(),
            sub_mch_id: number(row, columns.sub_mch_id),
            transaction_id: text(row, columns.transaction_id),
            out_trade_no: text(row, columns.out_trade_no),
            state: text(row, columns.state),
            total: self.amount(row, columns.total)?,
            settlement_total: amount(columns.settlement_total)?,
            refund_id: number(row, columns.refund_id),
            refund: amount(of_refund(columns.refund))?,
            settlement_refund: amount(of_refund(columns.settlement_refund))?,
            refund_status: of_refund(columns.refund_status).map(|column| text(row, column)),
            out_refund_no,
        })
    }
}

//! The lines of a fund-flow bill: what moved on the merchant's account.

use super::{Bill, BillError, text};
use crate::pay::Fen;

/// One line of a fund-flow bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundFlowRow {
    /// WeChat's number of what moved the money: of the order, or of the refund.
    pub business_id: String,
    /// What moved the money, in WeChat's words: `交易`, `退款`, `扣除交易手续费`, …
    pub business_type: String,
    /// Whether money came (`收入`) or went (`支出`).
    pub is_income: bool,
    /// How much.
    pub amount: Fen,
}

impl FundFlowRow {
    /// Whether users paid.
    pub fn is_payment(&self) -> bool {
        self.is_income && self.business_type == "交易"
    }

    /// Whether users got money back.
    pub fn is_refund(&self) -> bool {
        !self.is_income && self.business_type == "退款"
    }
}

impl Bill<'_> {
    /// The lines that are still to be read, of a fund-flow bill.
    ///
    /// # Errors
    /// When a column is missing, as in bills of another kind.
    pub fn fund_flow(&mut self) -> Result<impl Iterator<Item = Result<FundFlowRow, BillError>>, BillError> {
        let (business_id, direction) = (self.column("微信支付业务单号")?, self.column("收支类型")?);
        let business_type = self.column("业务类型").or_else(|_| self.column("业务名称"))?;
        // Written with the parentheses of either alphabet.
        let amount = self.column("收支金额（元）").or_else(|_| self.column("收支金额(元)"))?;
        let mut next = move || {
            let Some(row) = self.next_row()? else { return Ok(None) };
            Ok(Some(FundFlowRow {
                business_id: text(&row, business_id),
                business_type: text(&row, business_type),
                is_income: text(&row, direction) == "收入",
                amount: self.amount(&row, amount)?,
            }))
        };
        Ok(std::iter::from_fn(move || next().transpose()))
    }
}

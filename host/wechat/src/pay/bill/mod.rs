//! Daily bills, the same for v2 and v3: text with a line of column names, a line for each entry, and totals.
//!
//! Values have a back-tick before them and no quotes, so a comma inside a value is told from one between two only by
//! the back-tick behind it. Amounts are in yuan.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::{Fen, InvalidFen};

/// The longest bill that is read, in bytes, unpacked.
pub const MAX_BILL: usize = 256 << 20;

/// How many columns a bill may have. WeChat's have up to 27.
const MAX_COLUMNS: usize = 64;

/// Why a bill cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// The gzip stream is broken.
    #[error("the bill cannot be unpacked: download it again")]
    Packed,
    /// More than [`MAX_BILL`] bytes.
    #[error("the bill is longer than {} MiB", MAX_BILL >> 20)]
    TooLarge,
    /// It is no UTF-8.
    #[error("the bill is no UTF-8")]
    Encoding,
    /// There is no line of totals at the end: it was cut off.
    #[error("the bill has no totals at its end: it was cut off, download it again")]
    Truncated,
    /// A line has not as many values as there are columns, or is something else.
    #[error("line {line} of the bill cannot be read")]
    Line {
        /// The first is 1.
        line: usize,
    },
    /// A column that is needed is missing.
    #[error("the bill has no column {0}")]
    NoColumn(&'static str),
}

/// A bill as it was written: texts by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// What the columns are called, such as `商户订单号`.
    pub columns: Vec<String>,
    /// The values of each line, as many as there are columns.
    pub rows: Vec<Vec<String>>,
    /// What the totals are called, and what they are.
    pub totals: Vec<(String, String)>,
}

/// One line of a trade bill: a payment, or a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeRow {
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// `SUCCESS`, `REFUND` or `REVOKED`.
    pub state: String,
    /// What the order was about.
    pub total: Fen,
    /// The merchant's number of the refund, in lines about one.
    pub out_refund_no: Option<String>,
    /// WeChat's number of the refund.
    pub refund_id: Option<String>,
    /// What was given back.
    pub refund: Option<Fen>,
    /// `SUCCESS`, `PROCESSING`, `CHANGE`, …
    pub refund_status: Option<String>,
}

impl Bill {
    /// Reads a bill, packed by gzip or not.
    ///
    /// # Errors
    /// When it is no bill, or not a whole one.
    pub fn read(bytes: &[u8]) -> Result<Self, BillError> {
        let unpacked;
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
            unpacked = unpack(bytes)?;
            &unpacked
        } else {
            bytes
        };
        if bytes.len() > MAX_BILL {
            return Err(BillError::TooLarge);
        }
        let text = str::from_utf8(bytes).map_err(|_| BillError::Encoding)?;
        parse(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The lines of a trade bill.
    ///
    /// # Errors
    /// When a column is missing, as in bills of another kind, or an amount is none.
    pub fn trades(&self) -> Result<Vec<TradeRow>, BillError> {
        let column =
            |name: &'static str| self.columns.iter().position(|column| column == name).ok_or(BillError::NoColumn(name));
        let (transaction_id, out_trade_no) = (column("微信订单号")?, column("商户订单号")?);
        let (state, total) = (column("交易状态")?, column("订单金额").or_else(|_| column("应结订单金额"))?);
        // Bills of payments alone have nothing of refunds.
        let [refund_id, out_refund_no, refund_status] =
            ["微信退款单号", "商户退款单号", "退款状态"].map(|name| column(name).ok());
        let refund = column("申请退款金额").or_else(|_| column("退款金额")).ok();
        let read = |(index, row): (usize, &Vec<String>)| {
            let text = |column: usize| row.get(column).cloned().unwrap_or_default();
            let amount = |column| {
                let amount: Result<Fen, InvalidFen> = Fen::from_yuan(&text(column));
                amount.map_err(|InvalidFen| BillError::Line { line: index + 2 })
            };
            // A zero stands where there is none.
            let number = |column: Option<usize>| {
                column.map(text).filter(|number| !number.is_empty() && number.bytes().any(|byte| byte != b'0'))
            };
            let out_refund_no = number(out_refund_no);
            Ok(TradeRow {
                transaction_id: text(transaction_id),
                out_trade_no: text(out_trade_no),
                state: text(state),
                total: amount(total)?,
                refund: refund.filter(|_| out_refund_no.is_some()).map(amount).transpose()?,
                out_refund_no,
                refund_id: number(refund_id),
                refund_status: refund_status.map(text).filter(|status| !status.is_empty()),
            })
        };
        self.rows.iter().enumerate().map(read).collect()
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, BillError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(MAX_BILL + 1).unwrap_or(u64::MAX);
    MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut unpacked).map_err(|_| BillError::Packed)?;
    Ok(unpacked)
}

fn parse(text: &str) -> Result<Bill, BillError> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let names = |(line, text): (usize, &str)| -> Result<Vec<String>, BillError> {
        let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if names.len() > MAX_COLUMNS || text.starts_with('`') { Err(BillError::Line { line }) } else { Ok(names) }
    };
    let columns = names(lines.next().ok_or(BillError::Truncated)?)?;
    let mut rows = Vec::new();
    for (line, text) in lines.by_ref() {
        let Some(values) = values_of(text) else {
            // What is no line of values names the totals, which follow as the last line.
            let names = names((line, text))?;
            let (line, text) = lines.next().ok_or(BillError::Truncated)?;
            let totals = values_of(text).filter(|totals| totals.len() == names.len());
            let totals = totals.ok_or(BillError::Line { line })?;
            return match lines.next() {
                None => Ok(Bill { columns, rows, totals: names.into_iter().zip(totals).collect() }),
                Some((line, _)) => Err(BillError::Line { line }),
            };
        };
        if values.len() != columns.len() {
            return Err(BillError::Line { line });
        }
        rows.push(values);
    }
    Err(BillError::Truncated)
}

/// The values of a line; none when it does not begin with a back-tick.
fn values_of(line: &str) -> Option<Vec<String>> {
    let line = line.trim_end_matches('\r').strip_prefix('`')?;
    Some(line.split(",`").map(str::to_owned).collect())
}

//! Bills: commas in names, packed or not, whole or cut off.

use std::io::{Read, Write};

use flate2::{Compression, write::GzEncoder};
use sha1::{Digest, Sha1};
use weft_wechat::pay::Fen;
use weft_wechat::pay::bill::{Bill, BillError, FundFlowRow, MAX_BILL, TradeRow};

const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
                    付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,\
                    退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";

const PAID: &str = "`2026-01-01 08:00:00,`wx1,`1900000109,`0,`,`42001,`T20260101000001,`oTEST,`JSAPI,`SUCCESS,`CMC,`CNY,\
                    `1.01,`0.00,`0,`0,`0.00,`0.00,`,`,`苹果,梨, \"桃\",`attach,`0.00606,`0.60%,`1.01,`0.00,`";

const REFUNDED: &str = "`2026-01-01 09:00:00,`wx1,`1900000109,`0,`,`42001,`T20260101000001,`oTEST,`JSAPI,`REFUND,`CMC,\
                        `CNY,`0.00,`0.00,`503,`R1,`0.5,`0.00,`ORIGINAL,`SUCCESS,`苹果,`,`0.00,`0.60%,`1.01,`0.50,`";

const TOTALS: &str = "总交易单数,应结订单总金额,退款总金额\r\n`2,`1.01,`0.50\r\n";

const FUND_FLOW: &str = "\u{feff}记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,\
     资金变更提交申请人,备注,业务凭证号\r\n\
     `2026-01-01 08:00:00,`42001,`1,`交易,`交易,`收入,`1.01,`1.01,`system,`,`T20260101000001\r\n\
     `2026-01-01 08:00:00,`42001,`2,`扣除交易手续费,`扣除交易手续费,`支出,`0.01,`1.00,`system,`,`T20260101000001\r\n\
     `2026-01-01 09:00:00,`503,`3,`退款,`退款,`支出,`0.50,`0.50,`1900000109API,`,`R1\r\n\
     资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`3,`1,`1.01,`2,`0.51\r\n";

fn bill() -> String {
    format!("\u{feff}{HEAD}\r\n{PAID}\r\n{REFUNDED}\r\n{TOTALS}")
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// The lines, when the bill is whole.
fn trades(bytes: &[u8]) -> Result<Vec<TradeRow>, BillError> {
    Bill::open(bytes)?.trades()?.collect()
}

#[test]
fn payments_and_refunds_are_read() {
    for bytes in [bill().as_bytes(), &bill().replace("\r\n", "\n").into_bytes(), &packed(&bill())] {
        let mut read = Bill::open(bytes).unwrap();
        assert_eq!(read.next_row().unwrap().unwrap()[20], "苹果,梨, \"桃\"");
        let [paid, refunded] = &trades(bytes).unwrap()[..] else { panic!() };
        assert_eq!((&*paid.out_trade_no, &*paid.transaction_id), ("T20260101000001", "42001"));
        assert_eq!((&*paid.appid, &*paid.mch_id, &paid.sub_mch_id), ("wx1", "1900000109", &None));
        assert_eq!((&*paid.state, paid.total, &paid.refund), ("SUCCESS", Fen(101), &None));
        assert_eq!((&paid.refund_id, &paid.refund_status), (&None, &None));
        assert_eq!((&*refunded.state, refunded.refund), ("REFUND", Some(Fen(50))));
        assert_eq!(refunded.out_refund_no.as_deref(), Some("R1"));
        assert_eq!(refunded.refund_status.as_deref(), Some("SUCCESS"));
        assert_eq!(refunded.settlement_refund, Some(Fen(50)));
        while read.next_row().unwrap().is_some() {}
        assert_eq!(read.totals()[0], ("总交易单数".into(), "2".into()));
    }
    // Of what was unpacked.
    let packed = packed(&bill());
    let mut read = Bill::open(&*packed).unwrap();
    read.trades().unwrap().for_each(drop);
    assert_eq!(read.sha1(), <[u8; 20]>::from(Sha1::digest(bill().as_bytes())));
}

#[test]
fn whatever_is_cut_off_is_no_bill() {
    let whole = bill();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        // Without its last line's end, it is whole; without the last digits, nobody can tell.
        if end < whole.len() - "0\r\n".len() - 3 {
            let cut = trades(&whole.as_bytes()[..end]);
            assert!(cut.is_err(), "{end}: {cut:?}");
        }
    }
    let packed = packed(&whole);
    for end in 2..packed.len() {
        let cut = trades(&packed[..end]);
        assert_eq!(cut, Err(BillError::Packed), "{end}");
    }
    assert_eq!(trades(b"\x1f\x8bxxx"), Err(BillError::Packed));
    assert_eq!(trades(b"\xff"), Err(BillError::Encoding));
    assert_eq!(trades(b""), Err(BillError::Truncated));
    let lines = format!("{HEAD}\n{PAID},`one more\n{TOTALS}");
    assert_eq!(trades(lines.as_bytes()), Err(BillError::Line { line: 2 }));
    let after = format!("{}{PAID}\n", bill());
    assert_eq!(trades(after.as_bytes()), Err(BillError::Line { line: 6 }));
    let long = format!("{HEAD}\n`{}", "x".repeat(100_000));
    assert_eq!(trades(long.as_bytes()), Err(BillError::Line { line: 2 }));
}

#[test]
fn amounts_that_are_none_and_columns_that_are_missing_are_told() {
    let odd = bill().replacen("`1.01,`0.00,`\r\n", "`1.0.1,`0.00,`\r\n", 1);
    assert_eq!(trades(odd.as_bytes()), Err(BillError::Line { line: 2 }));
    let other = bill().replace("商户订单号", "别的");
    assert_eq!(trades(other.as_bytes()), Err(BillError::NoColumn("商户订单号")));
    let mut bill = Bill::open(FUND_FLOW.as_bytes()).unwrap();
    assert_eq!(bill.trades().map(drop), Err(BillError::NoColumn("微信订单号")));
}

#[test]
fn what_moved_on_the_account_is_read() {
    let mut bill = Bill::open(FUND_FLOW.as_bytes()).unwrap();
    let rows: Vec<_> = bill.fund_flow().unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| row.amount).collect::<Vec<_>>(), [Fen(101), Fen(1), Fen(50)]);
    assert_eq!(rows.iter().map(FundFlowRow::is_payment).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(rows.iter().map(FundFlowRow::is_refund).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(rows[2].business_id, "503");
    assert_eq!(bill.totals()[4], ("支出金额".into(), "0.51".into()));
}

/// A bill that is made while it is read, so that no test needs its memory.
struct Endless {
    left: usize,
    row: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.row.len() && self.left > 0 {
            self.left -= 1;
            self.at = 0;
            self.row = format!("{PAID}\n").into_bytes();
        }
        let count = into.len().min(self.row.len() - self.at);
        into[..count].copy_from_slice(&self.row[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[test]
fn a_bill_of_any_length_is_read_line_by_line_up_to_a_limit() {
    let rows = |left| {
        let beginning = Endless { left, row: format!("{HEAD}\n").into_bytes(), at: 0 };
        let mut bill = Bill::open(beginning.chain(TOTALS.as_bytes()))?;
        bill.trades()?.try_fold(0, |count, row| row.map(|_| count + 1))
    };
    assert_eq!(rows(120_000), Ok(120_000));
    assert_eq!(rows(MAX_BILL / PAID.len() + 1), Err(BillError::TooLarge));
}

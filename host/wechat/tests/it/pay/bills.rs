//! Bills: commas in names, packed or not, whole or cut off.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use weft_wechat::pay::Fen;
use weft_wechat::pay::bill::{Bill, BillError};

const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
                    付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,\
                    退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";

const PAID: &str = "`2026-01-01 08:00:00,`wx1,`1900000109,`0,`,`42001,`T20260101000001,`oTEST,`JSAPI,`SUCCESS,`CMC,`CNY,\
                    `1.01,`0.00,`0,`0,`0.00,`0.00,`,`,`苹果,梨, \"桃\",`attach,`0.00606,`0.60%,`1.01,`0.00,`";

const REFUNDED: &str = "`2026-01-01 09:00:00,`wx1,`1900000109,`0,`,`42001,`T20260101000001,`oTEST,`JSAPI,`REFUND,`CMC,\
                        `CNY,`0.00,`0.00,`503,`R1,`0.5,`0.00,`ORIGINAL,`SUCCESS,`苹果,`,`0.00,`0.60%,`1.01,`0.50,`";

const TOTALS: &str = "总交易单数,应结订单总金额,退款总金额\r\n`2,`1.01,`0.50\r\n";

fn bill() -> String {
    format!("\u{feff}{HEAD}\r\n{PAID}\r\n{REFUNDED}\r\n{TOTALS}")
}

#[test]
fn payments_and_refunds_are_read() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bill().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    for bytes in [bill().as_bytes(), &bill().replace("\r\n", "\n").into_bytes(), &packed] {
        let bill = Bill::read(bytes).unwrap();
        assert_eq!(bill.totals[0], ("总交易单数".into(), "2".into()));
        assert_eq!(bill.rows[0][20], "苹果,梨, \"桃\"");
        let [paid, refunded] = &bill.trades().unwrap()[..] else { panic!() };
        assert_eq!((&*paid.out_trade_no, &*paid.transaction_id), ("T20260101000001", "42001"));
        assert_eq!((&*paid.state, paid.total, &paid.refund), ("SUCCESS", Fen(101), &None));
        assert_eq!((&*refunded.state, refunded.refund), ("REFUND", Some(Fen(50))));
        assert_eq!(refunded.out_refund_no.as_deref(), Some("R1"));
        assert_eq!(refunded.refund_status.as_deref(), Some("SUCCESS"));
    }
}

#[test]
fn whatever_is_cut_off_is_no_bill() {
    let whole = bill();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        // Without its last line's end, it is whole; without the last digits, nobody can tell.
        if end < whole.len() - "0\r\n".len() - 3 {
            let cut = Bill::read(&whole.as_bytes()[..end]);
            assert!(cut.is_err(), "{end}: {cut:?}");
        }
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(whole.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(Bill::read(&packed[..packed.len() - 1]), Err(BillError::Packed));
    assert_eq!(Bill::read(b"\x1f\x8bxxx"), Err(BillError::Packed));
    assert_eq!(Bill::read(b"\xff"), Err(BillError::Encoding));
    assert_eq!(Bill::read(b""), Err(BillError::Truncated));
    let lines = format!("{HEAD}\n{PAID},`one more\n{TOTALS}");
    assert_eq!(Bill::read(lines.as_bytes()), Err(BillError::Line { line: 2 }));
    let after = format!("{}{PAID}\n", bill());
    assert_eq!(Bill::read(after.as_bytes()), Err(BillError::Line { line: 6 }));
}

#[test]
fn amounts_that_are_none_and_columns_that_are_missing_are_told() {
    let odd = bill().replacen("`1.01,`0.00,`\r\n", "`1.0.1,`0.00,`\r\n", 1);
    assert_eq!(Bill::read(odd.as_bytes()).unwrap().trades(), Err(BillError::Line { line: 2 }));
    let other = bill().replace("商户订单号", "别的");
    assert_eq!(Bill::read(other.as_bytes()).unwrap().trades(), Err(BillError::NoColumn("商户订单号")));
}

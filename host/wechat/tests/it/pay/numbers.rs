//! Amounts, the numbers of orders and refunds, and times.

use weft_wechat::pay::{Fen, OutRefundNo, OutTradeNo, RefundStatus, TradeState, TradeType, time};

#[test]
fn an_amount_is_digits_and_nothing_else() {
    for (text, fen) in [("0", 0), ("1", 1), ("101", 101), ("1000000000000", 1_000_000_000_000)] {
        assert_eq!(text.parse(), Ok(Fen(fen)));
        assert_eq!(Fen(fen).to_string(), text);
    }
    for text in
        ["", "00", "01", "+1", "-1", " 1", "1 ", "1.0", "1e2", "0x1", "１", "1000000000001", "99999999999999999999"]
    {
        assert!(text.parse::<Fen>().is_err(), "{text:?}");
    }
    for (text, fen) in
        [("0.01", 1), ("1", 100), ("1.5", 150), ("1.05", 105), ("0.00", 0), ("10000000000.00", Fen::MAX.0)]
    {
        assert_eq!(Fen::from_yuan(text), Ok(Fen(fen)), "{text:?}");
    }
    for text in ["", ".5", "1.", "1.005", "-1", "1,000.00", "1e2", "10000000000.01", "999999999999999999999"] {
        assert!(Fen::from_yuan(text).is_err(), "{text:?}");
    }
}

#[test]
fn numbers_of_orders_and_refunds_have_their_letters() {
    for text in ["T20260101", "a_-|*@", &"1".repeat(32)] {
        assert_eq!(text.parse::<OutTradeNo>().unwrap().as_str(), text);
    }
    for text in ["", "short", &"1".repeat(33), "T2026 0101", "T2026/0101", "T2026'--", "订单号码一二三"] {
        assert!(text.parse::<OutTradeNo>().is_err(), "{text:?}");
    }
    assert!("R".parse::<OutRefundNo>().is_ok());
    assert!("R".repeat(65).parse::<OutRefundNo>().is_err());
}

#[test]
fn names_are_read_as_they_are_written() {
    for trade_type in TradeType::ALL {
        assert_eq!(trade_type.as_str().parse(), Ok(trade_type));
        assert_eq!(serde_json::to_value(trade_type).unwrap(), trade_type.as_str());
    }
    for state in TradeState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    assert_eq!("ACCEPT".parse(), Ok(TradeState::Userpaying));
    for status in RefundStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert!("jsapi".parse::<TradeType>().is_err() && "PAID".parse::<TradeState>().is_err());
}

#[test]
fn times_are_china_s() {
    const AT: u64 = 1_767_225_600;
    assert_eq!(time::to_compact(AT), "20260101080000");
    assert_eq!(time::from_compact("20260101080000"), Ok(AT));
    assert_eq!(time::to_spaced(AT), "2026-01-01 08:00:00");
    assert_eq!(time::from_spaced("2026-01-01 08:00:00"), Ok(AT));
    assert_eq!(time::to_rfc3339(AT), "2026-01-01T08:00:00+08:00");
    for text in ["2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"] {
        assert_eq!(time::from_rfc3339(text), Ok(AT), "{text}");
    }
    // Midnight in China is four in the afternoon of the day before.
    assert_eq!(time::from_compact("20260102000000"), Ok(AT + 16 * 3600));
    for text in ["", "2026010108000", "202601010800000", "20261301080000", "2026-01-01 0:0", "19600101080000"] {
        assert!(time::from_compact(text).is_err(), "{text}");
    }
    assert!(time::from_spaced("2026-01-01T08:00:00").is_err());
    assert!(time::from_rfc3339("2026-01-01 08:00").is_err());
}

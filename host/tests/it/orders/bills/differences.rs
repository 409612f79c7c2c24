//! What is put right by a bill, and what is listed as a difference.

use reqwest::Method;
use serde_json::{Value, json};
use weft_wechat::pay::{Fen, RefundStatus};

use super::{DAY, Shop, TEN, is, party};
use crate::support::till::MCH_ID;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_put_right_and_what_differs_is_listed() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        shop.paid("T1-told", true).await;
        shop.paid("T2-missed", false).await;
        shop.order("T3-unpaid").await;
        shop.paid("T4-refunded", true).await;
        shop.refund("T4-refunded", "R4").await;
        shop.paid("T5-console", true).await;
        shop.till.pay.refund_elsewhere(MCH_ID, "T5-console", "R5-console", Fen(1)).unwrap();
        shop.till.pay.pay_elsewhere(party("wx1"), "T6-elsewhere", Fen(7));
        shop.till.pay.pay_elsewhere(party("wx2"), "T7-other", Fen(8));

        let (status, problem) = shop.call(Method::POST, "/reconcile", Some(json!({"date": DAY}))).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("date")), "it is not over: {problem}");
        shop.advance_to(TEN - 1);
        assert_eq!(shop.call(Method::POST, "/reconcile", Some(json!({"date": DAY}))).await.0, 422);
        shop.advance_to(TEN);
        for wrong in ["2026-1-1", "2025-06-01", "2026-01-02", ""] {
            assert_eq!(shop.call(Method::POST, "/reconcile", Some(json!({"date": wrong}))).await.0, 422, "{wrong}");
        }
        let figures = shop.reconcile().await;
        assert_eq!((&figures["payments"], &figures["payments_total"]), (&json!(5), &json!(4 * 101 + 7)), "{figures}");
        assert_eq!((&figures["refunds"], &figures["refunds_total"]), (&json!(2), &json!(61)), "{figures}");
        assert_eq!((&figures["others"], &figures["fund_flow_error"]), (&json!(1), &Value::Null), "{figures}");
        // The refund of which nobody told, of v2 also how far the other one is, and the payment, unless the server has
        // found out by itself meanwhile.
        let (asked, least) = (figures["asked"].as_u64().unwrap(), if version == "v2" { 2 } else { 1 });
        assert!((least..=least + 1).contains(&asked), "{version} {figures}");
        assert_eq!(figures["mended"], asked, "{version} {figures}");
        assert_eq!(shop.state("T2-missed").await, "SUCCESS");
        assert_eq!(shop.state("T3-unpaid").await, "NOTPAY");
        assert_eq!(shop.state("T5-console").await, "REFUND");
        assert_eq!(shop.get("/orders/T4-refunded/refunds").await["items"][0]["state"], "SUCCESS");
        let open = [is("unknown_order", "T6-elsewhere"), is("unknown_refund", "R5-console")];
        assert_eq!(shop.open_differences().await, open, "{version}");

        let first = shop.get("/differences?limit=1").await;
        let second = shop.get(&format!("/differences?limit=1&cursor={}", first["next_cursor"].as_str().unwrap())).await;
        assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
        assert_eq!(second["next_cursor"], Value::Null);
        let unknown = &shop.differences("?kind=unknown_order&date=2026-01-01").await[0];
        assert_eq!((&unknown["at_wechat"], &unknown["date"]), (&json!("SUCCESS, 7 fen"), &json!(DAY)));
        assert!(unknown["wechat_number"].as_str().unwrap().starts_with("42") && unknown["what_to_do"].is_string());
        assert_eq!(shop.differences("?date=2026-01-02").await, [Value::Null; 0]);

        let path = format!("/differences/{}/resolve", unknown["id"].as_str().unwrap());
        let (status, resolved) = shop.call(Method::POST, &path, Some(json!({"note": "an old program's"}))).await;
        assert_eq!((status, &resolved["resolved"]["note"]), (200, &json!("an old program's")));
        assert_eq!(resolved["resolved"]["by"], "test");
        let (_, log) = shop.till.app.api(Method::GET, "/audit-log?action=resolve_difference", None).await;
        let entry = &log["items"][0];
        assert_eq!((&entry["before"]["resolved"], &entry["after"]["resolved"]["by"]), (&Value::Null, &json!("test")));
        let gone = "/differences/nothing/resolve";
        assert_eq!(shop.call(Method::POST, gone, Some(json!({}))).await.0, 404);

        // What somebody has resolved stays so; nothing is counted twice.
        shop.reconcile().await;
        assert_eq!(shop.open_differences().await, [is("unknown_refund", "R5-console")]);
        assert_eq!(shop.differences("?kind=unknown_refund").await[0]["times"], 2);
        let day = &shop.get("/reconciliations").await["items"][0];
        assert_eq!((&day["date"], &day["runs"], &day["error"]), (&json!(DAY), &json!(2), &Value::Null));
        assert_eq!(day["figures"]["payments"], 5);
        assert_eq!(shop.get("/orders/T2-missed/events").await["items"].as_array().unwrap().len(), 2, "paid once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_alone_pays_nothing_and_what_it_lacks_is_told() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        for number in ["T1-paid", "T2-paid", "T3-paid", "T4-paid"] {
            shop.paid(number, true).await;
        }
        shop.paid("T5-told", true).await;
        shop.refund("T5-told", "R5").await;
        shop.order("T6-unpaid").await;
        shop.advance_to(TEN);
        // WeChat counts what it does not say when it is asked.
        shop.till.pay.change_bills(|text| {
            let paid = |number: &str| text.lines().find(|line| line.contains(number)).unwrap_or_default().to_owned();
            let without: Vec<_> =
                text.lines().filter(|line| !line.contains("T1-paid") && !line.contains("R5")).collect();
            let mut text = format!("\u{feff}{}\n", without.join("\n"));
            text = text.replacen(&paid("T2-paid"), &paid("T2-paid").replace("1.01", "1.02"), 1);
            text = text.replacen(&paid("T3-paid"), &paid("T3-paid").replace("`42", "`43"), 1);
            text = text.replacen(&paid("T4-paid"), &paid("T4-paid").replace("`wx1,", "`wx2,"), 1);
            let (head, rest) = text.split_once('\n').unwrap();
            format!("{head}\n{}\n{rest}", paid("T4-paid").replace("T4-paid", "T6-unpaid"))
        });
        shop.reconcile().await;
        let expected = [
            is("missing_order", "T1-paid"),
            is("missing_refund", "R5"),
            is("order_amount", "T2-paid"),
            is("order_state", "T6-unpaid"),
            is("other_party", "T4-paid"),
            is("transaction_id", "T3-paid"),
        ];
        assert_eq!(shop.open_differences().await, expected, "{version}");
        assert_eq!(shop.state("T6-unpaid").await, "NOTPAY", "nothing is paid by a bill");
        for number in ["T1-paid", "T2-paid", "T3-paid", "T4-paid"] {
            let order = shop.get(&format!("/orders/{number}")).await;
            assert_eq!((&order["state"], &order["version"]), (&json!("SUCCESS"), &json!(2)), "{order}");
        }

        // What the account got is another sum than the trades have.
        shop.till.pay.change_bills(|text| {
            if text.contains("资金流水单号") {
                text.replacen("1.01", "1.00", 1).replacen("0.60", "0.61", 1)
            } else {
                text
            }
        });
        shop.reconcile().await;
        assert_eq!(shop.open_differences().await, [is("fund_flow_payments", ""), is("fund_flow_refunds", "")]);

        // With the right bills everything is as it should be, and nobody had to do it by hand.
        shop.till.pay.change_bills(|text| text);
        shop.reconcile().await;
        assert_eq!(shop.open_differences().await, []);
        let resolved = shop.differences("?resolved=true&limit=200").await;
        assert_eq!(resolved.len(), expected.len() + 2);
        assert!(resolved.iter().all(|found| found["resolved"]["by"].is_null()), "{resolved:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_came_to_nothing_is_not_missed() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        shop.paid("ORDER1", true).await;
        shop.till.pay.hold_refunds(true);
        shop.refund("ORDER1", "REFUND1").await;
        shop.advance_to(TEN);
        assert!(shop.till.pay.settle_refund(MCH_ID, "REFUND1", RefundStatus::Closed));
        shop.reconcile().await;
        assert_eq!(shop.get("/orders/ORDER1/refunds").await["items"][0]["state"], "CLOSED", "{version}");
        assert_eq!(shop.open_differences().await, [], "{version}");
    }
}

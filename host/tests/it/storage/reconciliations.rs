//! Tables `reconciliations` and `bill_differences`, and what of orders and refunds bills are compared with.

use std::collections::HashSet;
use std::time::Duration;

use weft::model::{BillDate, DifferenceKind, Figures, Found, Observation, ObservationSource, Order, Refund};
use weft::storage::{DifferenceFilter, Store, StoreError};
use weft_wechat::pay::{Fen, TradeState, TradeType, Transaction};

use super::orders::open;
use crate::orders::{order, told};
use crate::support::database::{START, on_every_database, on_postgres};

fn day(text: &str) -> BillDate {
    text.parse().unwrap()
}

fn found(kind: DifferenceKind, number: &str) -> Found {
    Found {
        kind,
        out_trade_no: number.to_owned(),
        out_refund_no: String::new(),
        wechat_number: Some("42001".to_owned()),
        here: "NOTPAY".to_owned(),
        at_wechat: "SUCCESS\0".to_owned(),
    }
}

async fn numbers(store: &Store, is_resolved: bool) -> Vec<String> {
    let filter = DifferenceFilter { is_resolved: Some(is_resolved), ..DifferenceFilter::default() };
    let found = store.bill_differences().list("shop", "default", &filter, None, 2000).await.unwrap();
    let mut numbers: Vec<_> = found.into_iter().map(|found| found.found.out_trade_no).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_day_is_begun_ended_and_listed() {
    on_every_database(async |database| {
        let store = database.open().await;
        let days = store.reconciliations();
        let nobody = days.begin("shop", "default", day("2026-01-01"), 0).await;
        assert!(matches!(nobody, Err(StoreError::NotFound { kind: "merchant", .. })), "{nobody:?}");
        open(&store).await;
        assert_eq!(days.begin("shop", "default", day("2026-01-01"), START + 60).await.unwrap(), 1);
        days.begin("shop", "default", day("2026-01-02"), START + 60).await.unwrap();
        days.begin("shop", "default", day("2026-01-03"), START + 60).await.unwrap();
        days.fail("shop", "default", day("2026-01-02"), "WeChat Pay is away").await.unwrap();
        let figures = Figures { payments: 3, payments_total: Fen(303), ..Figures::default() };
        days.finish("shop", "default", day("2026-01-01"), 2, &figures).await.unwrap();
        assert_eq!(days.list("shop", "default", None, 9).await.unwrap()[2].done_at, None, "it is another run's");
        days.finish("shop", "default", day("2026-01-01"), 1, &figures).await.unwrap();
        let listed = days.list("shop", "default", None, 2).await.unwrap();
        assert_eq!(listed.iter().map(|listed| listed.date).collect::<Vec<_>>(), [day("2026-01-03"), day("2026-01-02")]);
        assert_eq!(listed[1].error.as_deref(), Some("WeChat Pay is away"));
        let rest = days.list("shop", "default", Some(day("2026-01-02")), 2).await.unwrap();
        assert_eq!((rest.len(), &rest[0].figures, rest[0].done_at), (1, &figures, Some(START)));

        let settled = async |from: &str| days.settled(day(from)).await.unwrap().len();
        assert_eq!((settled("2026-01-01").await, settled("2026-01-03").await), (3, 1));
        database.clock.advance(Duration::from_secs(61));
        assert_eq!(settled("2026-01-01").await, 1, "what came to nothing is due again");
        assert_eq!(days.begin("shop", "default", day("2026-01-02"), START + 900).await.unwrap(), 2);
        assert_eq!(store.merchants().names().await.unwrap(), [("shop".to_owned(), "default".to_owned(), START)]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_difference_is_one_however_often_it_is_found() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        let differences = store.bill_differences();
        let date = day("2026-01-01");
        let keep =
            async |run: u64, found: &[Found]| differences.keep("shop", "default", date, run, found).await.unwrap();
        let (first, second) = (found(DifferenceKind::OrderState, "T1"), found(DifferenceKind::UnknownOrder, "T2"));
        assert_eq!(keep(1, &[first.clone(), second.clone()]).await, 0);
        keep(1, std::slice::from_ref(&first)).await;
        differences.resolve_unfound("shop", "default", date, 1).await.unwrap();
        assert_eq!(numbers(&store, false).await, ["T1", "T2"]);

        // The next run does not find the second, the one after it does.
        database.clock.advance(Duration::from_secs(5));
        keep(2, std::slice::from_ref(&first)).await;
        differences.resolve_unfound("shop", "default", date, 2).await.unwrap();
        assert_eq!((numbers(&store, false).await, numbers(&store, true).await), (vec!["T1".into()], vec!["T2".into()]));
        keep(3, &[first.clone(), second.clone()]).await;
        // An older run that ends late does not know better.
        differences.resolve_unfound("shop", "default", date, 2).await.unwrap();
        assert_eq!(numbers(&store, false).await, ["T1", "T2"]);
        let filter = DifferenceFilter { kind: Some(DifferenceKind::OrderState), ..DifferenceFilter::default() };
        let kept = differences.list("shop", "default", &filter, None, 9).await.unwrap().remove(0);
        assert_eq!((kept.times, kept.first_found_at, kept.last_found_at), (3, START, START + 5));
        assert_eq!(kept.found, Found { at_wechat: "SUCCESS".into(), ..first.clone() });

        let resolved = differences.resolve("shop", "default", &kept.id, "me", "seen to").await.unwrap().unwrap();
        assert_eq!(resolved.resolved.unwrap().by.as_deref(), Some("me"));
        keep(4, &[first]).await;
        assert_eq!(numbers(&store, true).await, ["T1"], "somebody is done with it");
        assert_eq!(differences.resolve("shop", "other", &kept.id, "me", "").await.unwrap(), None);

        // What is missing on one day may stand in another's bill.
        keep(4, &[found(DifferenceKind::MissingOrder, "T3"), found(DifferenceKind::MissingOrder, "T4")]).await;
        let there: HashSet<_> = ["T2".to_owned(), "T3".to_owned()].into();
        let resolve = async |date: BillDate, there: &HashSet<String>| {
            differences.resolve_missing("shop", "default", date, DifferenceKind::MissingOrder, there).await.unwrap();
        };
        resolve(day("2026-01-02"), &there).await;
        assert_eq!(numbers(&store, false).await, ["T2", "T4"]);
        // The day's own bill lacks it in the next run, too, and what it has at one time it may lack at another.
        keep(5, &[found(DifferenceKind::MissingOrder, "T3")]).await;
        assert_eq!(numbers(&store, false).await, ["T2", "T4"]);
        resolve(date, &["T4".to_owned()].into()).await;
        assert_eq!(numbers(&store, false).await, ["T2"]);
        keep(5, &[found(DifferenceKind::MissingOrder, "T4")]).await;
        assert_eq!(numbers(&store, false).await, ["T2", "T4"]);

        let many: Vec<_> = (0..1100).map(|number| found(DifferenceKind::UnknownOrder, &format!("X{number}"))).collect();
        assert_eq!(keep(5, &many).await, 1100 - (1000 - 4));
        assert_eq!(keep(6, &many).await, 1100 - (1000 - 4), "those that are kept are found again");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn orders_and_refunds_are_found_by_numbers_and_by_time() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        for number in 0..5_u64 {
            let new = Order { out_trade_no: format!("T{number}"), ..order(TradeType::Native) };
            store.orders().insert(&new).await.unwrap();
            let paid = Transaction {
                out_trade_no: new.out_trade_no.clone(),
                paid_at: Some(START + number / 2),
                ..told(TradeState::Success)
            };
            let seen = Observation::told(ObservationSource::Query, paid, 1, "query");
            let order = store.orders().apply("shop", "default", &new.out_trade_no, &seen).await.unwrap().unwrap().order;
            let refund = Refund::new(&format!("R{number}"), &order.out_trade_no, Fen(1), None);
            store.refunds().insert(&order, &refund).await.unwrap();
            database.clock.advance(Duration::from_secs(1));
        }
        let orders = store.orders().find_all("shop", "default", &["T1", "T3", "T9", "T\0"]).await.unwrap();
        let mut numbers: Vec<_> = orders.iter().map(|order| &*order.out_trade_no).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, ["T1", "T3"]);
        let refunds = store.refunds().find_all("shop", "default", &["R1", "R9", "R\0"]).await.unwrap();
        assert_eq!((refunds.len(), &*refunds[0].out_refund_no), (1, "R1"));
        assert_eq!(store.orders().find_all("shop", "default", &[]).await.unwrap(), []);

        let paid = async |after: Option<(u64, &str)>| {
            let paid = store.orders().paid_between("shop", "default", (START, START + 2), after, 2).await.unwrap();
            paid.into_iter().map(|order| order.out_trade_no).collect::<Vec<_>>()
        };
        assert_eq!(paid(None).await, ["T0", "T1"]);
        assert_eq!(paid(Some((START, "T1"))).await, ["T2", "T3"]);
        assert_eq!(paid(Some((START + 1, "T3"))).await, [""; 0], "the last was paid later");
        let day = (START + 1, START + 3);
        let created = store.refunds().created_between("shop", "default", day, None, 9).await.unwrap();
        assert_eq!(created.iter().map(|refund| &*refund.out_refund_no).collect::<Vec<_>>(), ["R1", "R2"]);
        let rest = store.refunds().created_between("shop", "default", day, Some((START + 1, "R1")), 9).await.unwrap();
        assert_eq!(rest, created[1..]);
        assert_eq!(store.merchants().of_number("1900000109").await.unwrap().len(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn columns_that_a_later_version_adds_are_nothing_to_who_has_read_before() {
    on_postgres(async |database| {
        let store = database.open().await;
        open(&store).await;
        let read = async || {
            let (orders, refunds, day) = (store.orders(), store.refunds(), (START, START + 1));
            orders.find_all("shop", "default", &["T1"]).await.unwrap();
            orders.paid_between("shop", "default", day, None, 1).await.unwrap();
            refunds.find_all("shop", "default", &["R1"]).await.unwrap();
            refunds.created_between("shop", "default", day, None, 1).await.unwrap();
        };
        read().await;
        let mut later = database.postgres().await;
        for sql in ["ALTER TABLE orders ADD COLUMN later TEXT", "ALTER TABLE refunds ADD COLUMN later TEXT"] {
            sqlx::query(sql).execute(&mut later).await.unwrap();
        }
        read().await;
        store.close().await;
    })
    .await;
}

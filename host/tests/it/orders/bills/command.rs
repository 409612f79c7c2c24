//! `weft pay reconcile`

use std::process::Command;

use serde_json::Value;
use weft::{clock::Clock, model::BillDate};

use super::{HOUR, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_compares_a_day_and_prints_what_differs() {
    let clock = Clock::system();
    let date = BillDate::newest(clock.now());
    let noon = Clock::manual(date.start() + 12 * HOUR);
    let shop = Shop::open_with("v2", noon, |_| ()).await;
    shop.paid("T1-missed", false).await;
    shop.advance_to(clock.now());
    let day = date.to_string();
    let config = &shop.till.app.state.config;
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(["pay", "reconcile"])
            .args(arguments)
            .current_dir(&config.data_dir)
            .env_clear()
            .env("WEFT_DATA_DIR", &config.data_dir)
            .env("WEFT_SECRET_KEY", config.secret_key.as_ref().unwrap().expose())
            .env("WEFT_PAY__API_BASE", &config.pay.api_base)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&["--date", &day]);
    assert_eq!(code, Some(0), "{out} {err}");
    assert!(out.contains("shop/default: 1 payments (101 fen)"), "{out}");
    assert_eq!(shop.state("T1-missed").await, "SUCCESS");

    shop.till.pay.change_bills(|text| text.replace("T1-missed", "T2-unknown"));
    let (code, out, err) = run(&["--date", &day, "--app", "shop", "--merchant", "default"]);
    assert_eq!(code, Some(1), "{out} {err}");
    for part in ["DIFFERENCE", "unknown_order  T2-unknown", "missing_order  T1-missed", "not in the bill"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, out, _) = run(&["--date", &day, "--json"]);
    let outcomes: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!(outcomes[0]["differences"].as_array().unwrap().len(), 2);
    assert_eq!(outcomes[0]["date"], day);
    let (code, _, err) = run(&["--date", &day, "--merchant", "nobody"]);
    assert!(code == Some(1) && err.contains("no such merchant"), "{err}");
    let (code, _, err) = run(&["--date", "yesterday"]);
    assert!(code == Some(2) && err.contains("2026-01-31"), "{err}");
}

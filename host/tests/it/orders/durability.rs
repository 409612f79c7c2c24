//! A notification is answered when the disk has it, as the system's calls show.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::json;
use weft::{clock::Clock, simulator::pay::PayGateway};

use super::merchants::MERCHANTS;
use crate::support::{
    TestApp,
    process::Process,
    till::{self, MCH_ID},
    tool, until,
};

const NOTIFICATIONS: usize = 40;

/// A process with orders that are paid, of which it has not heard.
async fn paid(folder: &Path, pay: &PayGateway) -> (Process, Vec<String>) {
    let (data, plugins) = (folder.join("data"), folder.join("plugins"));
    let app = TestApp::start_with(|config| {
        config.data_dir.clone_from(&data);
        config.plugins_dir.clone_from(&plugins);
        config.pay.api_base.clone_from(&pay.base);
    })
    .await;
    till::create(&app, till::merchant("v3")).await;
    let numbers: Vec<_> = (0..NOTIFICATIONS).map(|number| format!("T{number:06}")).collect();
    for number in &numbers {
        let order = json!({"out_trade_no": number, "body": "a pear", "total_fee": 101, "openid": "oTEST"});
        let orders = format!("{MERCHANTS}/default/orders");
        assert_eq!(app.api(Method::POST, &orders, Some(order)).await.0, 201);
        assert_eq!(app.api(Method::POST, &format!("{orders}/{number}/prepay"), Some(json!({}))).await.0, 200);
        pay.pay(MCH_ID, number).unwrap();
    }
    app.stop().await;
    (Process::serve_with(&data, &plugins, &[("WEFT_PAY__API_BASE", &pay.base)]), numbers)
}

/// Has WeChat tell of an order; the status of the answer.
async fn notify(process: &Process, pay: &PayGateway, number: &str) -> u16 {
    let mut posted = pay.notification(MCH_ID, number).unwrap().unwrap();
    posted.url = format!("{}/wechat/shop/pay/default/notify/", process.base);
    posted.send().await.unwrap().0
}

/// strace on a process that runs. It lets go when it is dropped.
struct Strace(Child);

impl Strace {
    fn attach(process: &Process, output: &Path, options: &[&str]) -> Self {
        let mut child = Command::new("strace")
            .args(["-f", "-s", "256", "-p", &process.id().to_string(), "-o"])
            .arg(output)
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        assert!(first.contains("attached"), "{first}");
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // SIGTERM, so that it detaches first.
        Command::new("kill").arg(self.0.id().to_string()).status().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_notification_leaves_after_the_disk_has_it() {
    if !tool::is_there("strace") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    let (process, numbers) = paid(folder.path(), &pay).await;
    let trace = folder.path().join("trace");
    let strace = Strace::attach(&process, &trace, &["-e", "trace=fdatasync,fsync,sendto,write,writev,recvfrom,read"]);
    for number in &numbers {
        assert_eq!(notify(&process, &pay, number).await, 200);
    }
    drop(strace);
    let trace = std::fs::read_to_string(&trace).unwrap();
    // One notification at a time: what is synced between its arrival and its answer is its commit.
    let (mut synced, mut answers) = (false, 0);
    for line in trace.lines() {
        if line.contains("POST /wechat/shop/pay/") {
            synced = false;
        } else if line.contains("sync") && line.trim_end().ends_with("= 0") {
            synced = true;
        } else if line.contains("HTTP/1.1 200") {
            answers += 1;
            assert!(synced, "answer {answers} left before anything was synced:\n{trace}");
        }
    }
    assert_eq!(answers, numbers.len(), "{trace}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_the_disk_does_not_take_is_told_again_by_wechat() {
    if !tool::is_there("strace") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    let (process, numbers) = paid(folder.path(), &pay).await;
    assert_eq!(notify(&process, &pay, &numbers[0]).await, 200);
    let trace = folder.path().join("trace");
    let fails = ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"];
    let strace = Strace::attach(&process, &trace, &fails);
    for number in &numbers[1..6] {
        assert_eq!(notify(&process, &pay, number).await, 500, "what is not on the disk is not taken");
    }
    drop(strace);
    assert!(std::fs::read_to_string(&trace).unwrap().contains("EIO"));
    // WeChat tells again, and the disk works again.
    for number in &numbers {
        until("it is taken", async || (notify(&process, &pay, number).await == 200).then_some(())).await;
    }
}

//! The example `office-hours`: a rule of a plugin decides which handler answers.

use serde_json::json;
use weft::simulator::Incoming;

use super::grant;
use crate::support::{FAN, Inbox, guests};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_answers_while_nobody_is_there() {
    let inbox = Inbox::start().await;
    inbox.app.drop_plugin("office_hours", guests::office_hours().await).await;
    let account = inbox.account("shop", json!({})).await;
    let closed = json!({
        "rules": [{"type": "custom", "handler": "office_hours/closed"}],
        "replies": [{"type": "text", "content": "我们明天回复您"}],
    });
    inbox.handler("shop", "closed", closed).await;

    for (days, answer) in [(vec![], Some("我们明天回复您")), ((1..=7).collect(), None)] {
        let config = json!({"days": days, "opens": "00:00", "closes": "24:00"});
        grant(&inbox, "office_hours", json!({"config": config})).await;
        let exchange = account.send(&Incoming::text(FAN, "hi")).await.unwrap();
        assert_eq!(exchange.text().as_deref(), answer, "{days:?}");
    }
}

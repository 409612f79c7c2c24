//! The example `keyword-menu`: a dialogue over several messages, each of which is a call of its own.

use serde_json::json;
use weft::simulator::Incoming;

use super::grant;
use crate::support::{FAN, Inbox, guests};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_lead_each_user_through_the_menu() {
    let inbox = Inbox::start().await;
    inbox.app.drop_plugin("menu", guests::keyword_menu().await).await;
    let account = inbox.account("shop", json!({"message_handler": "menu"})).await;
    let shops = json!({"label": "门店", "text": "哪个城市？", "items": [{"label": "杭州", "text": "西湖路 1 号"}]});
    let menu = json!({"keyword": "菜单", "text": "想了解什么？", "items": [shops]});
    grant(&inbox, "menu", json!({"kv": true, "config": menu})).await;

    let says = async |openid: &str, words: &str| account.send(&Incoming::text(openid, words)).await.unwrap().text();
    assert_eq!(says(FAN, "1").await, None);
    assert_eq!(says(FAN, "菜单").await.as_deref(), Some("想了解什么？\n1. 门店"));
    assert_eq!(says("oOther", "1").await, None, "everybody is somewhere else");
    assert_eq!(says(FAN, "1").await.as_deref(), Some("哪个城市？\n1. 杭州\n0. 返回"));
    assert_eq!(says(FAN, "1").await.as_deref(), Some("西湖路 1 号"));
    assert_eq!(says(FAN, "1").await, None);
}

//! Subscribe messages, and who agreed to them.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::{Incoming, wechat::Fault};

use super::{APPID, Shop, TEMPLATES};
use crate::support::{FAN, until, with};

const NOTICE: &str = "商品：{{thing1.DATA}}";

/// A template of subscribe messages that is taken over.
async fn notice(shop: &Shop) -> String {
    let id = shop.inbox.wechat.add_subscribe_template(APPID, "发货", NOTICE, false);
    shop.sync().await;
    id
}

fn to_fan(more: Value) -> Value {
    with(json!({"openid": FAN, "data": {"thing1": "咖啡"}}), more)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_goes_to_who_agreed_once_for_each_consent() {
    let shop = Shop::open().await;
    let id = notice(&shop).await;
    let send = format!("{TEMPLATES}/{id}/send");
    let (status, problem) = shop.post(&send, to_fan(json!({}))).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(43101)), "{problem}");

    shop.inbox.wechat.consent(APPID, FAN, &id, 1);
    shop.sender.send(&Incoming::subscribe_answer(FAN, &id, "accept")).await.unwrap();
    let (status, sent) = shop.post(&send, to_fan(json!({"url": "https://shop.example/"}))).await;
    assert_eq!((status, &sent["outcome"], &sent["msgid"]), (200, &json!("sent"), &json!(null)), "{sent}");
    let message = &shop.sent()[0];
    assert_eq!((&message["page"], &message["url"]), (&json!("https://shop.example/"), &json!(null)));

    // WeChat told no id: the event is matched by user and template.
    let msgid = message["msgid"].as_u64().unwrap();
    shop.sender.send(&Incoming::subscribe_finished(FAN, &id, msgid, 0, "success")).await.unwrap();
    let recipient = &shop.recipients_until(sent["send"].as_str().unwrap(), "delivered").await[0];
    assert_eq!(recipient["msgid"], msgid.to_string());

    let (status, problem) = shop.post(&send, to_fan(json!({}))).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(43101)), "the consent is used up: {problem}");
    let told = shop.get(&format!("/apps/shop/users/{FAN}/subscriptions")).await;
    let told = &told["items"][0];
    assert_eq!((&told["template_id"], &told["status"]), (&json!(id), &json!("accept")));
    assert_eq!((&told["accepted"], &told["rejected"], &told["sent"]), (&json!(1), &json!(0), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_users_say_is_counted_once_however_often_wechat_tells_it() {
    let shop = Shop::open().await;
    let event = |status: &str| {
        format!(
            "<SubscribeMsgPopupEvent><List><TemplateId>T1</TemplateId><SubscribeStatusString>{status}\
             </SubscribeStatusString></List><List><TemplateId>T2</TemplateId><SubscribeStatusString>reject\
             </SubscribeStatusString></List></SubscribeMsgPopupEvent>"
        )
    };
    let path = format!("/apps/shop/users/{FAN}/subscriptions");
    assert_eq!(shop.call(Method::GET, &path, None).await.0, 404, "nobody has seen the user");
    let popup = Incoming::event(FAN, "subscribe_msg_popup_event", &event("accept"));
    let now = shop.inbox.app.state.clock.now();
    for at in [now - 20, now - 20, now - 10] {
        let xml = popup.xml(crate::support::ORIGINAL_ID, at, 1);
        let signed = shop.sender.sign(&xml);
        assert_eq!(shop.sender.deliver(xml, &signed).await.unwrap().status, 200);
        shop.inbox.app.state.outcomes.flush().await;
    }
    let told = shop.get(&path).await;
    let counts = |told: &Value| told["items"].as_array().unwrap().iter().map(|one| one["accepted"].as_u64()).collect();
    let accepted: Vec<_> = counts(&told);
    assert_eq!(accepted, [Some(2), Some(0)], "{told}");
    assert_eq!((&told["items"][1]["status"], &told["items"][1]["rejected"]), (&json!("reject"), &json!(2)));
    let change = "<SubscribeMsgChangeEvent><List><TemplateId>T1</TemplateId><SubscribeStatusString>reject\
                  </SubscribeStatusString></List></SubscribeMsgChangeEvent>";
    shop.sender.send(&Incoming::event(FAN, "subscribe_msg_change_event", change)).await.unwrap();
    let told = until("the user has refused", async || {
        let told = shop.get(&path).await["items"][0].clone();
        (told["status"] == "reject").then_some(told)
    })
    .await;
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(2), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mini_program_names_page_state_and_language() {
    let shop = Shop::of(json!({"type": "miniprogram"})).await;
    let id = notice(&shop).await;
    shop.inbox.wechat.consent(APPID, FAN, &id, 5);
    let send = format!("{TEMPLATES}/{id}/send");
    let more = json!({"page": "order?id=1", "miniprogram_state": "trial", "lang": "en_US"});
    let (status, sent) = shop.post(&send, to_fan(more)).await;
    assert_eq!(status, 200, "{sent}");
    let message = &shop.sent()[0];
    assert_eq!((&message["page"], &message["miniprogram_state"]), (&json!("order?id=1"), &json!("trial")));
    let msgid = message["msgid"].as_u64().unwrap();
    assert_eq!(sent["msgid"], msgid.to_string());
    shop.sender.send(&Incoming::subscribe_finished(FAN, &id, msgid, 20004, "user refused")).await.unwrap();
    let recipient = &shop.recipients_until(sent["send"].as_str().unwrap(), "failed").await[0];
    assert_eq!((&recipient["errcode"], &recipient["reason"]), (&json!(20004), &json!("user refused")));

    let (status, problem) = shop.post(&send, to_fan(json!({"data": {"thing1": "字".repeat(21)}}))).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(47003)), "{problem}");
    shop.inbox.wechat.fault("/cgi-bin/message/subscribe/send", Fault::Disconnect, 1);
    let once = to_fan(json!({"client_msg_id": "c1"}));
    assert_eq!(shop.post(&send, once.clone()).await.0, 502);
    let (status, problem) = shop.post(&send, once).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "WeChat would not know it again: {problem}");
    assert_eq!(shop.sent().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_time_subscription_has_a_page_and_one_message() {
    let shop = Shop::open().await;
    let base = "/apps/shop/one-time-subscriptions/T-1";
    let page = shop.get(&format!("{base}/page?scene=7&redirect_url=https%3A%2F%2Fa.example%2F&reserved=r1")).await;
    let url = page["url"].as_str().unwrap();
    assert!(url.contains("appid=wxshop&scene=7&template_id=T-1&redirect_url=https%3A%2F%2Fa.example%2F"), "{url}");
    for wrong in [
        "scene=10001&redirect_url=https://a/",
        "scene=1&redirect_url=x",
        "scene=1&redirect_url=https://a/&reserved=%2F",
    ] {
        assert_eq!(shop.call(Method::GET, &format!("{base}/page?{wrong}"), None).await.0, 422, "{wrong}");
    }
    let send = format!("{base}/send");
    let body =
        json!({"openid": FAN, "scene": 7, "title": "开奖", "data": {"content": {"value": "中奖了", "color": "red"}}});
    assert_eq!(shop.post(&send, body.clone()).await.1["errcode"], 43101);
    shop.inbox.wechat.consent(APPID, FAN, "T-1", 1);
    let (status, sent) = shop.post(&send, body.clone()).await;
    assert_eq!((status, &sent["outcome"]), (200, &json!("sent")), "{sent}");
    assert_eq!((&shop.sent()[0]["scene"], &shop.sent()[0]["title"]), (&json!("7"), &json!("开奖")));
    assert_eq!(shop.post(&send, body).await.1["errcode"], 43101);
    let long = json!({"openid": FAN, "scene": 7, "title": "题".repeat(16), "data": {"content": "x"}});
    assert_eq!(shop.post(&send, long).await.1["errors"][0]["field"], "title");
}

//! Messages that plugins send beside their answers.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::{Incoming, wechat::Fault};

use super::Asking;
use crate::support::{FAN, said};

fn say(openid: &str) -> Value {
    json!({"ask": "say", "openid": openid, "text": "您好"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_service_message_goes_to_a_user_of_the_app() {
    let asking = Asking::start().await;
    let refused = asking.ask(say(FAN)).await;
    assert!(refused.contains("not granted `wechat_apis: /cgi-bin/message/custom/send`"), "{refused}");
    asking.grant(json!({"wechat_apis": ["/cgi-bin/message/custom"]})).await;
    assert_eq!(asking.ask(say(FAN)).await, "sent");
    let sent = asking.inbox.sent("shop");
    assert_eq!((sent.len(), said(&sent[0]), &sent[0]["touser"]), (1, "您好", &json!(FAN)));

    // Somebody who follows another account only.
    asking.inbox.account("other", json!({})).await;
    asking.inbox.wechat.follow("wxother", "oOther");
    let refused = asking.ask(say("oOther")).await;
    assert!(refused.starts_with("wechat refused with 40003"), "{refused}");
    for openid in ["", "o\u{0}", "o o"] {
        assert!(asking.ask(say(openid)).await.starts_with("invalid: "), "{openid:?}");
    }
    assert!(asking.ask(json!({"ask": "hand_over", "openid": FAN})).await.starts_with("invalid: "));
    assert!(asking.ask(json!({"ask": "say", "openid": FAN, "text": " "})).await.starts_with("invalid: "));
    assert_eq!(asking.inbox.sent("shop").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_service_message_stands_in_the_message_log_as_other_replies_do() {
    let asking = Asking::start().await;
    asking.grant(json!({"wechat_apis": ["/cgi-bin/message/custom/send"]})).await;
    let logs = async |wanted: bool| {
        let settings = json!({"log_replies": wanted});
        assert_eq!(asking.inbox.app.api(Method::PATCH, "/apps/shop", Some(settings)).await.0, 200);
    };
    logs(false).await;
    assert_eq!(asking.ask(say(FAN)).await, "sent");
    logs(true).await;
    assert_eq!(asking.ask(say(FAN)).await, "sent");
    assert!(asking.ask(say("oStranger")).await.starts_with("wechat refused with 40003"));
    let logged = asking.inbox.logged("shop", FAN, 3).await;
    let ways: Vec<_> =
        logged.iter().map(|(via, outcome, text)| (via.as_str(), outcome.as_str(), text.as_str())).collect();
    assert_eq!(ways[..2], [("customer_service", "sent", "您好"), ("passive", "sent", "sent")]);
    let refused = asking.inbox.logged("shop", "oStranger", 1).await;
    assert_eq!((refused[0].0.as_str(), refused[0].1.as_str()), ("customer_service", "failed"));

    let path = format!("/apps/shop/message-logs?openid={FAN}&direction=out");
    let (_, page) = asking.inbox.app.api(Method::GET, &path, None).await;
    let items = page["items"].as_array().unwrap();
    let [answer, message] = [&items[1], &items[2]];
    assert_eq!((&message["handler"]["name"], &message["delivery_id"]), (&json!("asker"), &answer["delivery_id"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_outcome_is_unknown_is_not_sent_again() {
    let asking = Asking::start().await;
    asking.grant(json!({"wechat_apis": ["/cgi-bin/message/custom/send"]})).await;
    asking.inbox.wechat.fault("/cgi-bin/message/custom/send", Fault::Disconnect, 1);
    let failed = asking.ask(say(FAN)).await;
    assert!(failed.starts_with("unavailable: "), "{failed}");
    assert_eq!(asking.inbox.wechat.count("/cgi-bin/message/custom/send"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_message_goes_out_once_for_its_id() {
    let asking = Asking::start().await;
    let template_id = asking.inbox.wechat.add_template("wxshop", "订单", "{{thing1.DATA}}");
    let ask = |id: &str| json!({"ask": "template", "openid": FAN, "template_id": template_id, "client_msg_id": id});
    let refused = asking.ask(ask("a")).await;
    assert!(refused.contains("not granted `wechat_apis: /cgi-bin/message/template/send`"), "{refused}");
    asking.grant(json!({"wechat_apis": ["/cgi-bin/message/template/send"]})).await;
    let first = asking.ask(ask("a")).await;
    assert!(first.starts_with("sent ") && first != "sent 0", "{first}");
    assert_eq!(asking.ask(ask("a")).await, first);
    let sent = asking.inbox.wechat.template_messages("wxshop");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["data"]["thing1"]["value"], "茶");
    assert_eq!(sent[0]["miniprogram"]["appid"], "wxmini");
    assert!(asking.ask(ask(&"a".repeat(33))).await.starts_with("invalid: "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_message_takes_the_path_of_its_account() {
    let asking = Asking::start().await;
    let template_id = asking.inbox.wechat.add_subscribe_template("wxshop", "提醒", "{{thing1.DATA}}", false);
    let ask = json!({"ask": "subscribe", "openid": FAN, "template_id": template_id});
    asking.grant(json!({"wechat_apis": ["/cgi-bin/message/subscribe/send"]})).await;
    let refused = asking.ask(ask.clone()).await;
    assert!(refused.contains("not granted `wechat_apis: /cgi-bin/message/subscribe/bizsend`"), "{refused}");
    asking.grant(json!({"wechat_apis": ["/cgi-bin/message/subscribe"]})).await;
    let refused = asking.ask(ask.clone()).await;
    assert!(refused.starts_with("wechat refused with 43101"), "{refused}");
    asking.inbox.wechat.consent("wxshop", FAN, &template_id, 1);
    assert_eq!(asking.ask(ask).await, "sent");

    let mini = asking.inbox.account("mini", json!({"type": "miniprogram", "message_handler": "asker"})).await;
    let template_id = asking.inbox.wechat.add_subscribe_template("wxmini", "提醒", "{{thing1.DATA}}", false);
    asking.inbox.wechat.consent("wxmini", FAN, &template_id, 1);
    asking.grant_to("mini", json!({"wechat_apis": ["/cgi-bin/message/subscribe/send"]})).await;
    let ask = json!({"ask": "subscribe", "openid": FAN, "template_id": template_id});
    let answer = mini.send(&Incoming::text(FAN, &ask.to_string())).await.unwrap().text();
    assert_eq!(answer.as_deref(), Some("sent"));
    assert_eq!(asking.inbox.wechat.count("/cgi-bin/message/subscribe/send"), 1);
}

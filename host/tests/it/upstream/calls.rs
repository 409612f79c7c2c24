//! What is called, and what is not.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use weft::{
    model::{App, AppType, Inability},
    simulator::wechat::{Action, Fault},
    upstream::CallError,
};
use weft_wechat::api::{
    current_autoreply_info::{AutoreplyContent, AutoreplyInfo, CurrentAutoreplyInfo},
    errcode::Class,
    message::custom_send::{CustomMessage, CustomSend, INVALID_MESSAGE_TYPE},
    user::{
        info::{UserInfo, UserProfile},
        info_batchget::UserInfoBatchget,
    },
};
use weft_wechat::reply::{Article, Reply};

use super::{APPID, CUSTOM_SEND, STABLE_TOKEN, USER_INFO, in_a_house};

#[tokio::test]
async fn a_user_is_asked_for_with_the_apps_token() {
    in_a_house(async |house| {
        let user =
            UserProfile { openid: "oV".into(), subscribe: 1, remark: "老客户".into(), ..UserProfile::default() };
        house.simulated.add_user(APPID, user.clone());
        assert_eq!(house.wechat.call(&house.app, &UserInfo { openid: "oV" }).await.unwrap(), user);
        let several = UserInfoBatchget { openids: vec!["oV", "oU"] };
        let several = house.wechat.call(&house.app, &several).await.unwrap().user_info_list;
        assert_eq!(several.iter().map(|user| &*user.openid).collect::<Vec<_>>(), ["oV", "oU"]);
        let one_unknown = UserInfoBatchget { openids: vec!["oV", "oX"] };
        assert_eq!(house.wechat.call(&house.app, &one_unknown).await.unwrap_err().errcode(), Some(40003));
        let unknown = house.wechat.call(&house.app, &UserInfo { openid: "oX" }).await.unwrap_err();
        assert_eq!((unknown.errcode(), unknown.class()), (Some(40003), Some(Class::Caller)));
        assert!(unknown.to_string().contains("belongs to this account"), "{unknown}");
        let calls = house.simulated.calls();
        let paths: Vec<_> = calls.iter().map(|call| (&*call.path, call.appid.as_deref())).collect();
        assert_eq!(paths[..2], [(STABLE_TOKEN, Some(APPID)), (USER_INFO, Some(APPID))]);
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1, "one token for all calls");
    })
    .await;
}

#[tokio::test]
async fn an_app_has_so_many_calls_on_their_way_and_the_others_wait() {
    in_a_house(async |house| {
        house.info().await.unwrap();
        house.simulated.fault(USER_INFO, Fault::Delay(Duration::from_secs(3)), 64);
        let on_their_way = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            house.simulated.count(USER_INFO) - 1
        };
        let (answers, on_their_way) = tokio::join!(join_all((0..100).map(|_| house.info())), on_their_way);
        assert!(on_their_way <= 64, "{on_their_way}");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(house.simulated.count(USER_INFO), 101);
    })
    .await;
}

#[tokio::test]
async fn a_customer_service_message_arrives_as_it_was_written() {
    in_a_house(async |house| {
        house.send().await.unwrap();
        let expected = json!({"touser": "oU", "msgtype": "text", "text": {"content": "你好"}});
        assert_eq!(house.simulated.sent(APPID), [expected]);
    })
    .await;
}

#[tokio::test]
async fn several_articles_are_refused_and_the_first_alone_goes_through() {
    in_a_house(async |house| {
        let article = |title: &str| Article {
            title: title.into(),
            description: String::new(),
            pic_url: String::new(),
            url: "https://u.example/".into(),
        };
        let reply = Reply::News(vec![article("1"), article("2")]);
        let several = CustomSend::new("oU", CustomMessage::from_reply(&reply).unwrap());
        let refused = house.wechat.call(&house.app, &several).await.unwrap_err();
        assert_eq!(refused.errcode(), Some(INVALID_MESSAGE_TYPE));
        house.wechat.call(&house.app, &several.with_one_article().unwrap()).await.unwrap();
        assert_eq!(house.simulated.sent(APPID)[0]["news"]["articles"][0]["title"], "1");
    })
    .await;
}

#[tokio::test]
async fn the_state_of_a_user_and_the_rights_of_the_account_are_told_apart() {
    in_a_house(async |house| {
        house.simulated.set_windows(APPID, true);
        let over = house.send().await.unwrap_err();
        assert_eq!((over.errcode(), over.class()), (Some(45015), Some(Class::User)));
        assert!(over.to_string().contains("48 hours") && over.meaning().unwrap().zh.contains("48 小时"), "{over}");
        house.simulated.acted(APPID, "oU", Action::Taps);
        for _ in 0..3 {
            house.send().await.unwrap();
        }
        let enough = house.send().await.unwrap_err();
        assert_eq!((enough.errcode(), enough.class()), (Some(45047), Some(Class::Slow)));
        assert!(enough.may_succeed_later() && !over.may_succeed_later());
        house.simulated.unfollow(APPID, "oU");
        assert_eq!(house.send().await.unwrap_err().errcode(), Some(43004));
        house.simulated.set_customer_service(APPID, false);
        let right = house.send().await.unwrap_err();
        assert_eq!((right.errcode(), right.class()), (Some(48001), Some(Class::Configuration)));
        assert!(!right.outcome_is_unknown());
        assert_eq!(house.simulated.count(CUSTOM_SEND), 7, "none was repeated");
    })
    .await;
}

#[tokio::test]
async fn a_tap_allows_messages_beside_those_for_what_the_user_wrote() {
    in_a_house(async |house| {
        house.simulated.set_windows(APPID, true);
        house.simulated.acted(APPID, "oU", Action::Writes);
        house.simulated.acted(APPID, "oU", Action::Taps);
        for _ in 0..8 {
            house.send().await.unwrap();
        }
        assert_eq!(house.send().await.unwrap_err().errcode(), Some(45047));
    })
    .await;
}

#[tokio::test]
async fn what_an_app_may_not_do_is_refused_before_the_network() {
    in_a_house(async |house| {
        let message = CustomSend::new("oU", CustomMessage::text("x"));
        let no_secret = App { appsecret: None, ..house.app.clone() };
        let unverified = App { verified: false, ..house.app.clone() };
        let other = App { app_type: AppType::Other, ..house.app.clone() };
        for (app, expected) in [(no_secret, "appsecret"), (unverified, "verified"), (other, "type other")] {
            let error = house.wechat.call(&app, &message).await.unwrap_err();
            assert!(matches!(error, CallError::Unable(_)) && error.to_string().contains(expected), "{error}");
            assert!(!error.may_succeed_later() && !error.outcome_is_unknown());
        }
        assert!(matches!(
            house.wechat.call(&App { appsecret: None, ..house.app.clone() }, &CurrentAutoreplyInfo).await,
            Err(CallError::Unable(Inability::NoSecret))
        ));
        assert_eq!(house.simulated.calls(), []);
    })
    .await;
}

#[tokio::test]
async fn the_consoles_auto_replies_come_as_they_were_set() {
    in_a_house(async |house| {
        let welcome = AutoreplyContent { r#type: "text".into(), content: "欢迎".into(), news_info: None };
        let info = AutoreplyInfo {
            is_add_friend_reply_open: true,
            add_friend_autoreply_info: Some(welcome),
            ..AutoreplyInfo::default()
        };
        house.simulated.set_autoreply(APPID, info.clone());
        assert_eq!(house.wechat.call(&house.app, &CurrentAutoreplyInfo).await.unwrap(), info);
    })
    .await;
}

#[tokio::test]
async fn a_name_with_control_characters_is_no_error() {
    in_a_house(async |house| {
        let body = "{\"subscribe\":1,\"openid\":\"oU\",\"nickname\":\"a\u{8}b\nc\"}";
        house.simulated.fault(USER_INFO, Fault::Text(body.to_owned()), 1);
        assert_eq!(house.info().await.unwrap().nickname, "a\u{8}b\nc");
    })
    .await;
}

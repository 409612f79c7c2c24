//! Events by which users change what an account may know of them.

use weft::model::{Profile, User, UserChange};

use super::{FIRST, NOTHING, WeChat, event, has_profile, message, shop};
use crate::support::database::{START, on_every_database};

fn about(openid: &str, appid: &str, name: &str) -> weft_wechat::message::Message {
    let content = format!(
        "<MsgType>event</MsgType><Event>{name}</Event><OpenID>{openid}</OpenID><AppID>{appid}</AppID>\
         <RevokeInfo>1</RevokeInfo>"
    );
    message("gh_system", START, &content)
}

#[tokio::test]
async fn who_has_changed_something_is_asked_about_again() {
    on_every_database(async |database| {
        let (store, users, app) = shop(&database).await;
        let wechat = WeChat::default();
        assert_eq!(users.note(&app, &event("o1", START, "subscribe")).await, FIRST);
        assert_eq!(wechat.round(&users).await, 1);
        assert!(has_profile(&store, "o1").await);
        assert_eq!(wechat.round(&users).await, 0);
        for (openid, appid) in [("o1", "wxother"), ("oNobody", "wx1"), ("not an openid", "wx1")] {
            assert_eq!(users.note(&app, &about(openid, appid, "user_info_modified")).await, NOTHING);
        }
        assert_eq!(wechat.round(&users).await, 0);
        users.note(&app, &about("o1", "wx1", "user_info_modified")).await;
        assert_eq!(wechat.round(&users).await, 1);
        assert_eq!(store.users().find("shop", "oNobody").await.unwrap(), None);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn who_revokes_is_forgotten_but_for_the_openid_and_the_subscription() {
    on_every_database(async |database| {
        for name in ["user_authorization_revoke", "user_authorization_cancellation"] {
            let (store, users, app) = shop(&database).await;
            users.note(&app, &event("o1", START, "subscribe")).await;
            users.note(&app, &event("o2", START, "subscribe")).await;
            let some = |text: &str| Some(text.to_owned());
            let known = |openid: &str| Profile {
                openid: openid.to_owned(),
                unionid: some("u1"),
                subscribed: true,
                subscribed_at: Some(START),
                nickname: some("小明"),
                avatar_url: some("https://wx.qlogo.cn/1"),
                language: some("zh_CN"),
                remark: some("vip"),
                tag_ids: Some(vec![100]),
                ..Profile::default()
            };
            store.users().apply_profiles("shop", START, &[known("o1"), known("o2")]).await.unwrap();
            let noted = UserChange { remark: None, alias: some("Boss"), comment: some("likes tea") };
            store.users().change("shop", "o1", &noted).await.unwrap();

            assert_eq!(users.note(&app, &about("o1", "", name)).await, NOTHING);
            let found = store.users().find("shop", "o1").await.unwrap().unwrap();
            let expected = User {
                unionid: None,
                nickname: None,
                avatar_url: None,
                language: None,
                remark: String::new(),
                tag_ids: Vec::new(),
                alias: String::new(),
                comment: String::new(),
                profile_fetched_at: None,
                ..found.clone()
            };
            assert_eq!(found, expected);
            assert!(found.subscribed && found.subscribed_at == Some(START));
            assert!(has_profile(&store, "o2").await, "nobody else is");
            store.apps().delete("shop").await.unwrap();
            store.close().await;
        }
    })
    .await;
}

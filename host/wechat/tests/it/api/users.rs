//! Users, tokens and the auto-replies of WeChat's console.

use serde_json::json as value;
use weft_wechat::api::current_autoreply_info::AutoreplyInfo;
use weft_wechat::api::stable_token::StableToken;
use weft_wechat::api::token::{Token, TokenAnswer};
use weft_wechat::api::user::OpenidPage;
use weft_wechat::api::user::get::GetUsers;
use weft_wechat::api::user::info::{UserInfo, UserProfile};
use weft_wechat::api::user::info_batchget::{UserInfoBatchget, UserProfiles};
use weft_wechat::api::user::info_updateremark::UpdateRemark;
use weft_wechat::api::user::tag_get::GetTagUsers;
use weft_wechat::api::{Endpoint, read_answer};

use super::json;

#[test]
fn a_follower_and_a_stranger_are_read() {
    let follower = r#"{"subscribe":1,"openid":"oU","language":"zh_CN","subscribe_time":1767225600,"unionid":"u1",
        "remark":"老客户","groupid":0,"tagid_list":[1,134],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":98765,
        "qr_scene_str":""}"#;
    let profile: UserProfile = read_answer(follower.as_bytes()).unwrap();
    assert_eq!((profile.subscribe, profile.subscribe_time, &*profile.remark), (1, 1_767_225_600, "老客户"));
    assert_eq!((profile.unionid.as_deref(), &*profile.tagid_list), (Some("u1"), &[1, 134][..]));
    let stranger: UserProfile = read_answer(br#"{"subscribe":0,"openid":"oX"}"#).unwrap();
    assert_eq!(stranger, UserProfile { openid: "oX".into(), ..UserProfile::default() });
    let query = UserInfo { openid: "oU" }.query();
    assert_eq!(query, [("openid", "oU".to_owned()), ("lang", "zh_CN".to_owned())]);
}

#[test]
fn several_users_are_asked_for_at_once() {
    let asked = json(&UserInfoBatchget { openids: vec!["o1", "o2"] });
    assert_eq!(asked, value!({"user_list": [{"openid": "o1", "lang": "zh_CN"}, {"openid": "o2", "lang": "zh_CN"}]}));
    let read: UserProfiles = read_answer(br#"{"user_info_list":[{"subscribe":1,"openid":"o1"}]}"#).unwrap();
    assert_eq!(read.user_info_list[0].openid, "o1");
}

#[test]
fn a_list_of_users_is_read_to_its_empty_end() {
    let page = r#"{"total":23000,"count":2,"data":{"openid":["o1","o2"]},"next_openid":"o2"}"#;
    let page: OpenidPage = read_answer(page.as_bytes()).unwrap();
    assert_eq!((page.total, &*page.data.openid, &*page.next_openid), (23000, &["o1".into(), "o2".into()][..], "o2"));
    let end: OpenidPage = read_answer(br#"{"total":23000,"count":0,"next_openid":""}"#).unwrap();
    assert_eq!(end, OpenidPage { total: 23000, ..OpenidPage::default() });
    let of_a_tag: OpenidPage = read_answer(br#"{"count":1,"data":{"openid":["o1"]},"next_openid":"o1"}"#).unwrap();
    assert_eq!(of_a_tag.data.openid, ["o1"]);
    assert_eq!(GetUsers { next_openid: "o2" }.query(), [("next_openid", "o2".to_owned())]);
    assert_eq!(json(&GetTagUsers { tagid: 134, next_openid: "" }), value!({"tagid": 134, "next_openid": ""}));
    assert_eq!(json(&UpdateRemark { openid: "o1", remark: "老客户" }), value!({"openid": "o1", "remark": "老客户"}));
}

#[test]
fn tokens_are_asked_for_and_neither_they_nor_the_secret_print() {
    let stable = StableToken::new("wx1", "hunter2");
    let mut expected = value!({"grant_type": "client_credential", "appid": "wx1", "secret": "hunter2",
        "force_refresh": false});
    assert_eq!(json(&stable), expected);
    expected["force_refresh"] = true.into();
    assert_eq!(json(&stable.forced()), expected);
    let classic = Token { appid: "wx1", secret: "hunter2" };
    assert!(classic.query().contains(&("secret", "hunter2".to_owned())));
    let answer: TokenAnswer = read_answer(br#"{"access_token":"hunter2","expires_in":7200}"#).unwrap();
    assert_eq!((&*answer.access_token, answer.expires_in), ("hunter2", 7200));
    assert!(!format!("{stable:?} {classic:?} {answer:?}").contains("hunter2"));
}

#[test]
fn the_consoles_auto_replies_are_read() {
    let body = r#"{"is_add_friend_reply_open":1,"is_autoreply_open":0,
        "add_friend_autoreply_info":{"type":"text","content":"欢迎"},
        "keyword_autoreply_info":{"list":[{"rule_name":"新闻","create_time":1423028166,"reply_mode":"reply_all",
          "keyword_list_info":[{"type":"text","match_mode":"contain","content":"news"}],
          "reply_list_info":[{"type":"news","news_info":{"list":[{"title":"t","author":"a","digest":"d","show_cover":1,
            "cover_url":"https://c/","content_url":"https://u/","source_url":""}]},"content":"M"},
            {"type":"img","content":"M2"}]}]}}"#;
    let info: AutoreplyInfo = read_answer(body.as_bytes()).unwrap();
    assert!(info.is_add_friend_reply_open && !info.is_autoreply_open);
    assert_eq!(info.add_friend_autoreply_info.unwrap().content, "欢迎");
    assert_eq!(info.message_default_autoreply_info, None);
    let rule = &info.keyword_autoreply_info.unwrap().list[0];
    assert_eq!((&*rule.reply_mode, &*rule.keyword_list_info[0].match_mode), ("reply_all", "contain"));
    let news = rule.reply_list_info[0].news_info.as_ref().unwrap();
    assert!(news.list[0].show_cover);
    assert_eq!(rule.reply_list_info[1].r#type, "img");
}

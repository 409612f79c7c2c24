//! `/apps/{app}/mass-messages`, through the real listener and against a simulated WeChat.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    simulator::{
        Incoming, Sender,
        wechat::{Fault, Wechat},
    },
};

use crate::support::{FAN, Inbox, database::START, until, with};

const MASS: &str = "/apps/shop/mass-messages";
const APPID: &str = "wxshop";
const SENDALL: &str = "/cgi-bin/message/mass/sendall";

struct Shop {
    inbox: Inbox,
    sender: Sender,
}

impl Shop {
    async fn open() -> Self {
        Self::open_at(Clock::system()).await
    }

    /// With a clock that the test moves, for the server and for WeChat.
    async fn open_at(clock: Clock) -> Self {
        let inbox = Inbox::start_at(clock, |_| ()).await;
        let sender = inbox.account("shop", json!({})).await;
        Self { inbox, sender }
    }

    fn wechat(&self) -> &Wechat {
        &self.inbox.wechat
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.inbox.app.api(method, &format!("{MASS}{path}"), body).await
    }

    async fn post(&self, body: Value) -> (u16, Value) {
        self.call(Method::POST, "", Some(body)).await
    }

    async fn read(&self, id: &str) -> Value {
        let (status, body) = self.call(Method::GET, &format!("/{id}"), None).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

/// A text to all, with what `more` says.
fn text(more: Value) -> Value {
    with(json!({"to_all": true, "message": {"type": "text", "content": "大家好"}}), more)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_without_a_confirmation_and_the_answer_says_to_how_many_it_would_go() {
    let shop = Shop::open().await;
    shop.wechat().follow(APPID, "oB");
    let tag = shop.wechat().add_tag(APPID, "vip", ["oB".to_owned()]);
    let (status, dry) = shop.post(text(json!({}))).await;
    assert_eq!((status, &dry["dry_run"], &dry["users"]), (200, &json!(true), &json!(2)), "{dry}");
    assert_eq!(dry["message"], json!({"msgtype": "text", "text": {"content": "大家好"}}));
    let to_tag = json!({"tag_id": tag, "message": {"type": "text", "content": "x"}, "dry_run": true});
    let (status, dry) = shop.post(to_tag).await;
    assert_eq!((status, &dry["users"], &dry["to"]["tag_id"]), (200, &json!(1), &json!(tag)), "{dry}");
    let some = json!({"openids": ["oA", "oB", "oA"], "message": {"type": "text", "content": "x"}});
    assert_eq!(shop.post(some).await.1["users"], 2);
    for (body, field) in [
        (text(json!({"confirm": true, "dry_run": true})), "confirm"),
        (text(json!({"tag_id": tag})), "to_all"),
        (json!({"message": {"type": "text", "content": "x"}}), "to_all"),
        (json!({"tag_id": 99, "message": {"type": "text", "content": "x"}}), "tag_id"),
        (json!({"openids": ["oA"], "message": {"type": "text", "content": "x"}}), "openids"),
        (text(json!({"message": {"type": "text", "content": " "}})), "message.content"),
        (text(json!({"message": {"type": "image", "media_ids": []}})), "message.media_ids"),
        (text(json!({"clientmsgid": "x".repeat(65)})), "clientmsgid"),
        (text(json!({"confrim": true})), ""),
    ] {
        let (status, problem) = shop.post(body.clone()).await;
        assert_eq!((status, &problem["type"]), (422, &json!("invalid")), "{body}: {problem}");
        assert!(field.is_empty() || problem["errors"][0]["field"] == field, "{body}: {problem}");
    }
    assert_eq!(shop.wechat().mass_messages(APPID), [] as [Value; 0]);
    assert_eq!(shop.call(Method::GET, "", None).await.1["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent_once_and_its_outcome_comes_back() {
    let shop = Shop::open().await;
    let body = text(json!({"confirm": true, "clientmsgid": "spring"}));
    let (status, sent) = shop.post(body.clone()).await;
    assert_eq!((status, &sent["state"], &sent["outcome"]), (201, &json!("taken"), &json!(null)), "{sent}");
    let at_wechat = &shop.wechat().mass_messages(APPID)[0];
    assert_eq!((&at_wechat["filter"], &at_wechat["clientmsgid"]), (&json!({"is_to_all": true}), &json!("spring")));
    let msg_id = at_wechat["msg_id"].as_u64().unwrap();
    assert_eq!(sent["msg_id"], msg_id.to_string());

    let (status, again) = shop.post(body).await;
    assert_eq!((status, &again["id"]), (200, &sent["id"]), "{again}");
    let (status, problem) = shop
        .post(text(json!({"confirm": true, "clientmsgid": "spring", "message": {"type": "text", "content": "other"}})))
        .await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
    assert_eq!((shop.wechat().mass_messages(APPID).len(), shop.wechat().count(SENDALL)), (1, 1));

    let id = sent["id"].as_str().unwrap();
    let extra = "<Status>send success</Status><TotalCount>2</TotalCount><FilterCount>2</FilterCount><SentCount>1</SentCount>\
         <ErrorCount>1</ErrorCount><CopyrightCheckResult><ResultList><item><ArticleIdx>1</ArticleIdx><AuditState>2</AuditState>\
         </item></ResultList><CheckState>2</CheckState></CopyrightCheckResult><ArticleUrlResult><ResultList><item>\
         <ArticleIdx>1</ArticleIdx><ArticleUrl>https://mp.weixin.qq.com/s/1</ArticleUrl></item></ResultList></ArticleUrlResult>";
    let event = Incoming::event("oWeChat", "MASSSENDJOBFINISH", &format!("<MsgID>{msg_id}</MsgID>{extra}"));
    shop.sender.send(&event).await.unwrap();
    let done = until("WeChat has told", async || {
        let read = shop.read(id).await;
        (read["state"] == "sent").then_some(read)
    })
    .await;
    let outcome = &done["outcome"];
    assert_eq!(
        (&outcome["total_count"], &outcome["sent_count"], &outcome["error_count"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(outcome["articles"], json!([{"index": 1, "url": "https://mp.weixin.qq.com/s/1"}]));
    assert_eq!(
        (&outcome["copyright"]["state"], &outcome["copyright"]["articles"][0]["audited"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_refuses_or_leaves_open_can_be_asked_for_again_with_the_same_id() {
    let shop = Shop::open().await;
    let body = text(json!({"confirm": true, "clientmsgid": "c1"}));
    shop.wechat().fault(SENDALL, Fault::Errcode(45028), 1);
    let (status, problem) = shop.post(body.clone()).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(45028)), "{problem}");
    let listed = shop.call(Method::GET, "", None).await.1;
    assert_eq!((&listed["items"][0]["state"], &listed["items"][0]["errcode"]), (&json!("refused"), &json!(45028)));

    // WeChat does it, and the answer is lost: it is not asked again by itself.
    shop.wechat().fault(SENDALL, Fault::Disconnect, 1);
    let (status, problem) = shop.post(body.clone()).await;
    assert_eq!((status, &problem["type"]), (502, &json!("wechat-unreachable")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("clientmsgid c1"), "{problem}");
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert_eq!(shop.read(id).await["state"], "unknown");
    assert_eq!((shop.wechat().mass_messages(APPID).len(), shop.wechat().count(SENDALL)), (1, 2));

    // Asked again, WeChat knows it.
    let (status, sent) = shop.post(body).await;
    assert_eq!((status, &sent["state"], &sent["errcode"]), (201, &json!("taken"), &json!(45065)), "{sent}");
    assert_eq!(shop.wechat().mass_messages(APPID).len(), 1);
    assert_eq!(shop.call(Method::POST, &format!("/{id}/sync"), None).await.0, 409, "it has no id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_may_have_sent_is_not_sent_again_once_it_has_forgotten_the_id() {
    let clock = Clock::manual(START);
    let shop = Shop::open_at(clock.clone()).await;
    let body = text(json!({"confirm": true, "clientmsgid": "c1"}));
    shop.wechat().fault(SENDALL, Fault::Disconnect, 1);
    assert_eq!(shop.post(body.clone()).await.0, 502);
    clock.advance(Duration::from_hours(24));
    let (status, problem) = shop.post(body).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
    assert_eq!(shop.wechat().mass_messages(APPID).len(), 1, "all would have got it twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openids_previews_status_deletion_and_speed() {
    let shop = Shop::open().await;
    let media = |media_type| {
        let file = weft_wechat::api::media::MediaFile {
            content_type: "image/png".into(),
            filename: Some("a.png".into()),
            bytes: b"png"[..].into(),
        };
        shop.wechat().add_media(APPID, media_type, file)
    };
    let picture = media(weft_wechat::api::media::MediaType::Image);
    let video = media(weft_wechat::api::media::MediaType::Video);
    let message = json!({"type": "image", "media_ids": [picture], "recommend": "春天"});
    for to in [json!({"openid": FAN}), json!({"towxname": "anna"})] {
        let mut body = to.clone();
        body["message"] = message.clone();
        assert_eq!(shop.call(Method::POST, "/preview", Some(body)).await.0, 204, "{to}");
    }
    assert_eq!(shop.wechat().mass_previews(APPID)[0]["image"]["media_id"], json!(picture));
    let nobody = json!({"message": message});
    assert_eq!(shop.call(Method::POST, "/preview", Some(nobody)).await.0, 422);

    let clip = json!({"type": "mpvideo", "media_id": video, "title": "新品"});
    let (status, sent) = shop.post(json!({"openids": [FAN, "oB"], "message": clip, "confirm": true})).await;
    assert_eq!(status, 201, "{sent}");
    let at_wechat = &shop.wechat().mass_messages(APPID)[0];
    assert_eq!(at_wechat["touser"], json!(["oB", FAN]));
    assert!(at_wechat["mpvideo"]["media_id"].as_str().unwrap().starts_with("mass-"), "{at_wechat}");
    let id = sent["id"].as_str().unwrap();
    let (status, synced) = shop.call(Method::POST, &format!("/{id}/sync"), None).await;
    assert_eq!(
        (status, &synced["state"], &synced["msg_status"]),
        (200, &json!("sent"), &json!("SEND_SUCCESS")),
        "{synced}"
    );
    assert_eq!(shop.call(Method::DELETE, &format!("/{id}"), None).await.0, 204);
    assert_eq!(shop.read(id).await["state"], "deleted");
    assert_eq!(shop.call(Method::DELETE, "/nothing", None).await.0, 404);

    let speed = shop.call(Method::GET, "/speed", None).await;
    assert_eq!(speed, (200, json!({"speed": 3, "messages_a_minute": 300_000})));
    let speed = shop.call(Method::PUT, "/speed", Some(json!({"speed": 0}))).await;
    assert_eq!(speed, (200, json!({"speed": 0, "messages_a_minute": 800_000})));
    assert_eq!(shop.call(Method::PUT, "/speed", Some(json!({"speed": 5}))).await.0, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_taken_away_while_wechat_is_asked_about_it_stays_so() {
    let shop = Shop::open().await;
    let (_, sent) = shop.post(text(json!({"confirm": true}))).await;
    let id = sent["id"].as_str().unwrap();
    let state = &shop.inbox.app.state;
    let msg_id = sent["msg_id"].as_str().unwrap().parse().unwrap();
    shop.sender.send(&Incoming::mass_finished(msg_id, "send success", 2, 2)).await.unwrap();
    state.outcomes.flush().await;
    let account = state.store.apps().find("shop").await.unwrap().unwrap();
    let read_before = state.store.mass_messages().find("shop", id).await.unwrap().unwrap();
    assert_eq!(shop.call(Method::DELETE, &format!("/{id}"), None).await.0, 204);
    state.mass_messages.refresh(&account, read_before).await.unwrap();
    assert_eq!(shop.read(id).await["state"], "deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_comes_before_the_id_is_not_lost_and_failures_are_told() {
    let shop = Shop::open().await;
    // The simulated WeChat counts its ids up from here.
    shop.sender.send(&Incoming::mass_finished(3_000_000_000, "err(20001)", 10, 0)).await.unwrap();
    shop.inbox.app.state.outcomes.flush().await;
    let (status, sent) = shop.post(text(json!({"confirm": true}))).await;
    assert_eq!((status, &sent["state"]), (201, &json!("failed")), "{sent}");
    assert_eq!((&sent["outcome"]["status"], &sent["outcome"]["error_count"]), (&json!("err(20001)"), &json!(10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_accounts_that_have_mass_messages_and_tokens_that_may_send_them_do() {
    let shop = Shop::open().await;
    shop.inbox.account("mini", json!({"type": "miniprogram"})).await;
    let path = "/apps/mini/mass-messages";
    let (status, problem) = shop.inbox.app.api(Method::POST, path, Some(text(json!({"confirm": true})))).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    let app = &shop.inbox.app;
    let token = app.token_for(&["shop|template"]).await;
    let (status, _) = app.api_as(&token, Method::POST, MASS, Some(text(json!({"confirm": true})))).await;
    assert_eq!(status, 403);
    let token = app.token_for(&["shop|mass"]).await;
    assert_eq!(app.api_as(&token, Method::GET, MASS, None).await.0, 200);
}

//! What handlers answer, from the rule that matches to what the user sees and WeChat is sent.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, Uri},
    routing::post,
};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::{Exchange, Incoming, Sender, wechat::Fault};
use weft_wechat::{api::material::NewsItem, message::fields};

use crate::support::{FAN, Inbox, guests, said};

const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";
const GET_MATERIAL: &str = "/cgi-bin/material/get_material";

async fn inbox() -> Inbox {
    Inbox::start().await
}

async fn ask(account: &Sender, text: &str) -> Exchange {
    account.send(&Incoming::text(FAN, text)).await.unwrap()
}

fn text(content: &str, weight: i32) -> Value {
    json!({"type": "text", "content": content, "weight": weight})
}

fn texts(inbox: &Inbox, name: &str) -> Vec<String> {
    inbox.sent(name).iter().map(|message| said(message).to_owned()).collect()
}

/// An answer that says nothing, to which WeChat shows nothing.
fn assert_silent(exchange: &Exchange) {
    assert_eq!((exchange.status, exchange.body.as_str()), (200, ""), "{}", exchange.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_fails_keeps_the_others_only_when_the_handler_says_so() {
    let inbox = inbox().await;
    inbox.app.drop_plugin("guest", guests::misbehave().await).await;
    let broken = json!({"type": "custom", "handler": "guest/nothing", "weight": 3});
    for (name, errcode, first) in
        [("window", Some(45015), text("1", 3)), ("count", Some(45047), text("1", 3)), ("plugin", None, broken)]
    {
        let account = inbox.account(name, json!({})).await;
        let replies = json!([first, text("2", 2), text("3", 1)]);
        let fields = |stop: bool| json!({"replies": replies, "stop_on_exception": stop});
        inbox.handler(name, "go on", fields(false)).await;
        inbox.handler(name, "stop", fields(true)).await;
        let fail = || errcode.map(|errcode| inbox.wechat.fault(CUSTOM_SEND, Fault::Errcode(errcode), 1));
        fail();
        assert_eq!(ask(&account, "go on").await.text().as_deref(), Some("3"), "{name}");
        assert_eq!(texts(&inbox, name), ["2"]);
        fail();
        assert_silent(&ask(&account, "stop").await);
        assert_eq!(texts(&inbox, name), ["2"], "nothing after it");
        let Some(errcode) = errcode else { continue };
        inbox.logged(name, FAN, 4).await;
        let path = format!("/apps/{name}/message-logs?direction=out");
        let (_, page) = inbox.app.api(Method::GET, &path, None).await;
        let failed: Vec<_> =
            page["items"].as_array().unwrap().iter().filter(|one| one["outcome"] == "failed").collect();
        assert_eq!(failed.len(), 2, "{page}");
        assert!(failed.iter().all(|one| one["reason"].as_str().unwrap().contains(&errcode.to_string())), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_articles_are_tried_by_customer_service_and_then_one() {
    let inbox = inbox().await;
    let account = inbox.account("shop", json!({})).await;
    let article = |number: u32| json!({"title": format!("{number} <]]>"), "url": "https://a.example/"});
    let articles = json!({"type": "news", "articles": [article(1), article(2), article(3)], "weight": 2});
    inbox.handler("shop", "news first", json!({"replies": [articles, text("rest", 1)]})).await;
    inbox.handler("shop", "news", json!({"replies": [articles]})).await;
    let click =
        json!({"name": "c", "rules": [{"type": "eventkey", "event": "CLICK", "key": "n"}], "replies": [articles]});
    assert_eq!(inbox.app.api(Method::POST, "/apps/shop/handlers", Some(click)).await.0, 201);

    assert_eq!(ask(&account, "news first").await.text().as_deref(), Some("rest"));
    assert_eq!(inbox.wechat.count(CUSTOM_SEND), 2, "three articles, then one");
    let sent = inbox.sent("shop");
    let titles: Vec<_> = sent[0]["news"]["articles"].as_array().unwrap().iter().map(|one| &one["title"]).collect();
    assert_eq!((sent.len(), titles), (1, vec![&json!("1 <]]>")]));

    let titles = |exchange: &Exchange| -> Vec<String> {
        let fields = fields(&exchange.reply).unwrap().into_iter();
        fields.filter(|field| field.path == "Articles/item/Title").map(|field| field.value).collect()
    };
    assert_eq!(titles(&ask(&account, "news").await), ["1 <]]>"], "WeChat shows one in answer to a text");
    let clicked = account.send(&Incoming::click(FAN, "n")).await.unwrap();
    assert_eq!(titles(&clicked), ["1 <]]>", "2 <]]>", "3 <]]>"]);
    assert_eq!(clicked.element("ArticleCount").as_deref(), Some("3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_at_random_is_each_of_them_sometimes_and_none_is_silence() {
    let inbox = inbox().await;
    let account = inbox.account("shop", json!({})).await;
    let replies = json!([text("a", 0), text("b", 0), text("c", 7)]);
    inbox.handler("shop", "one", json!({"strategy": "random_one", "replies": replies})).await;
    inbox.handler("shop", "none", json!({"strategy": "none", "replies": replies})).await;
    inbox.handler("shop", "empty", json!({"replies": []})).await;
    let asked = join_all((0..80).map(|_| ask(&account, "one"))).await;
    let seen: BTreeSet<_> = asked.iter().map(|exchange| exchange.text().unwrap()).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    for silent in ["none", "empty", "no handler's"] {
        assert_silent(&ask(&account, silent).await);
    }
    assert_eq!(inbox.wechat.count(CUSTOM_SEND), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_answers_for_a_handler_and_says_nothing_when_it_cannot() {
    let inbox = inbox().await;
    inbox.app.drop_plugin("guest", guests::misbehave().await).await;
    let account = inbox.account("shop", json!({})).await;
    for (keyword, target) in [
        ("ok", "guest"),
        ("panic", "guest"),
        ("exit", "guest"),
        ("error", "guest"),
        ("huge-reply", "guest"),
        ("unknown entry", "guest/nothing"),
        ("unknown plugin", "nobody"),
    ] {
        inbox.handler("shop", keyword, json!({"replies": [{"type": "custom", "handler": target}]})).await;
    }
    for silent in ["panic", "exit", "error", "huge-reply", "unknown entry", "unknown plugin"] {
        assert_silent(&ask(&account, silent).await);
    }
    assert_eq!(ask(&account, "ok").await.text().as_deref(), Some("ok"));
}

/// An operator's server, and what arrived there: path, query and body.
async fn operator() -> (String, Arc<Mutex<Vec<(String, String)>>>) {
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let record = Arc::clone(&seen);
    let reply = "<xml><ToUserName>oVictim</ToUserName><FromUserName>gh_other</FromUserName><CreateTime>1</CreateTime>\
                 <MsgType>text</MsgType><Content><![CDATA[from afar 😀]]></Content></xml>";
    let routes = Router::new()
        .route(
            "/reply",
            post(async move |uri: Uri, body: String| {
                record.lock().unwrap().push((uri.query().unwrap_or_default().to_owned(), body));
                reply
            }),
        )
        .route("/broken", post(async move || (StatusCode::INTERNAL_SERVER_ERROR, reply)))
        .route("/success", post(async || "success"))
        .route("/json", post(async || "{\"MsgType\":\"text\",\"Content\":\"x\"}"))
        .route("/cut", post(async || "<xml><MsgType>text</MsgType><Content>x</Con"))
        .route("/binary", post(async || vec![0xff_u8, 0xfe, 0x00]))
        .route("/hollow", post(async || "<xml><MsgType>text</MsgType><Content></Content></xml>"))
        .route("/slow", post(async || tokio::time::sleep(Duration::from_mins(1)).await));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_answers_where_the_operator_lists_it() {
    let inbox = inbox().await;
    let (address, seen) = operator().await;
    let account = inbox.account("shop", json!({"encoding_mode": "safe"})).await;
    let forward = |path: &str, pass: bool| json!({"replies": [{"type": "forward", "url": format!("http://{address}{path}"), "pass_query": pass}]});
    inbox.handler("shop", "/reply?shop=1", forward("/reply?shop=1", false)).await;
    inbox.handler("shop", "/reply", forward("/reply", true)).await;
    assert_silent(&ask(&account, "/reply").await);
    assert_eq!(*seen.lock().unwrap(), [], "an address of this machine is not listed");

    let listed = json!({"forward_hosts": [address]});
    assert_eq!(inbox.app.api(Method::PATCH, "/apps/shop", Some(listed)).await.0, 200);
    for path in ["/reply?shop=1", "/reply"] {
        // What WeChat accepts goes to who asked, whatever the server says.
        let exchange = ask(&account, path).await;
        assert_eq!(exchange.text().as_deref(), Some("from afar 😀"));
        let (query, body) = seen.lock().unwrap().pop().unwrap();
        assert_eq!(body, exchange.sent, "decrypted and whole");
        if path == "/reply" {
            let starts = query.starts_with("signature=") && query.contains("&timestamp=") && query.contains("&nonce=");
            assert!(starts && query.ends_with(&format!("&openid={FAN}")), "{query}");
        } else {
            assert_eq!(query, "shop=1");
        }
    }
    let logged = inbox.logged("shop", FAN, 2).await;
    assert!(logged.iter().all(|(via, outcome, _)| via == "forward" && outcome == "sent"), "{logged:?}");

    let silent = ["/broken", "/success", "/json", "/cut", "/binary", "/hollow", "/nowhere", "/slow"];
    for path in silent {
        inbox.handler("shop", path, forward(path, false)).await;
    }
    join_all(silent.map(|path| async { assert_silent(&ask(&account, path).await) })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_articles_of_a_material_are_asked_for_once() {
    let inbox = inbox().await;
    let account = inbox.account("shop", json!({})).await;
    let item = |title: &str| NewsItem {
        title: title.into(),
        digest: "短 ]]> 文".into(),
        thumb_url: "http://p.example/1".into(),
        url: "http://a.example/1".into(),
        ..NewsItem::default()
    };
    let media_id = inbox.wechat.add_news("wxshop", vec![item("一"), item("二")]);
    inbox.handler("shop", "news", json!({"replies": [{"type": "news", "media_id": media_id}]})).await;
    inbox.handler("shop", "gone", json!({"replies": [{"type": "news", "media_id": "gone"}]})).await;
    for _ in 0..2 {
        let exchange = ask(&account, "news").await;
        let parts = ["Title", "Description", "PicUrl", "Url"];
        let parts = parts.map(|part| exchange.element(&format!("Articles/item/{part}")).unwrap());
        assert_eq!(parts, ["一", "短 ]]> 文", "http://p.example/1", "http://a.example/1"]);
        assert_eq!(inbox.wechat.count(GET_MATERIAL), 1);
    }
    assert_silent(&ask(&account, "gone").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_created_anew_answers_with_no_articles_of_the_account_before() {
    let inbox = inbox().await;
    let item = NewsItem { title: "一".into(), url: "http://a.example/1".into(), ..NewsItem::default() };
    inbox.wechat.add_account("wxanother", "thesecret");
    let mut of_the_first = None;
    for (appid, title) in [("wxshop", Some("一")), ("wxanother", None)] {
        let fields = if title.is_some() { json!({}) } else { json!({"appid": appid, "appsecret": "thesecret"}) };
        let account = inbox.account("shop", fields).await;
        let media_id = of_the_first.get_or_insert_with(|| inbox.wechat.add_news("wxshop", vec![item.clone()]));
        inbox.handler("shop", "news", json!({"replies": [{"type": "news", "media_id": media_id}]})).await;
        assert_eq!(ask(&account, "news").await.element("Articles/item/Title").as_deref(), title);
        assert_eq!(inbox.app.api(Method::DELETE, "/apps/shop", None).await.0, 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_handed_over_by_the_answer_alone() {
    let inbox = inbox().await;
    let account = inbox.account("shop", json!({})).await;
    let transfer = |account: Value, weight: i32| {
        let mut reply = json!({"type": "transfer_customer_service", "weight": weight});
        if account != Value::Null {
            reply["account"] = account;
        }
        reply
    };
    inbox.handler("shop", "anybody", json!({"replies": [text("one moment", 1), transfer(Value::Null, 0)]})).await;
    inbox.handler("shop", "anna", json!({"replies": [transfer(json!("anna@shop"), 0)]})).await;
    inbox.handler("shop", "too early", json!({"replies": [transfer(Value::Null, 1), text("hello", 0)]})).await;
    let exchange = ask(&account, "anybody").await;
    assert_eq!(exchange.element("MsgType").as_deref(), Some("transfer_customer_service"));
    assert_eq!((exchange.element("TransInfo/KfAccount"), texts(&inbox, "shop")), (None, vec!["one moment".to_owned()]));
    let exchange = ask(&account, "anna").await;
    assert_eq!(exchange.element("TransInfo/KfAccount").as_deref(), Some("anna@shop"));
    assert_eq!(ask(&account, "too early").await.text().as_deref(), Some("hello"));
    assert_eq!(inbox.sent("shop").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_text_says_arrives_as_it_is_by_either_way() {
    let inbox = inbox().await;
    let said = "a ]]> b & <c> ]]]]>]]> 👨‍👩‍👧‍👦 \"q\" 'q' \\ 𠀀\n<a href=\"https://a.example/?b=1&c=2\">链接</a>";
    for mode in ["plain", "compatible", "safe"] {
        let account = inbox.account(mode, json!({"encoding_mode": mode})).await;
        inbox.handler(mode, "hi", json!({"replies": [text(said, 1), text(said, 0)]})).await;
        assert_eq!(ask(&account, "hi").await.text().as_deref(), Some(said), "{mode}");
        assert_eq!(texts(&inbox, mode), [said], "{mode}");
    }
}

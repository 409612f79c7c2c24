//! The example `qr-attribution`, from the scan to the tag at WeChat.

use reqwest::Method;
use serde_json::json;
use weft::simulator::Incoming;

use crate::support::{FAN, Inbox, guests};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_through_a_qr_code_has_its_tag_at_wechat() {
    let inbox = Inbox::start().await;
    inbox.app.drop_plugin("qr", guests::qr_attribution().await).await;
    let account = inbox.account("shop", json!({"message_handler": "qr"})).await;
    let scene = json!({"tag": "一号店", "welcome": "欢迎光临一号店"});
    let settings = json!({"users": true, "config": {"scenes": {"shop-1": scene}}});
    let (status, set) = inbox.app.api(Method::PUT, "/apps/shop/plugins/qr", Some(settings)).await;
    assert_eq!((status, &set["missing"]["users"]), (200, &json!(false)));

    let welcome = account.send(&Incoming::subscribe(FAN, Some("shop-1"))).await.unwrap().text();
    assert_eq!(welcome.as_deref(), Some("欢迎光临一号店"));
    let (id, _) = inbox.wechat.tags("wxshop").into_iter().find(|(_, name)| name == "一号店").unwrap();
    assert_eq!(inbox.wechat.user("wxshop", FAN).unwrap().tagid_list, [id]);

    inbox.wechat.follow("wxshop", "oSecond");
    assert_eq!(account.send(&Incoming::subscribe("oSecond", Some("shop-2"))).await.unwrap().text(), None);
    let scan = Incoming::event("oSecond", "SCAN", "<EventKey>shop-1</EventKey><Ticket>t</Ticket>");
    assert_eq!(account.send(&scan).await.unwrap().text(), welcome);
    assert_eq!(inbox.wechat.user("wxshop", "oSecond").unwrap().tagid_list, [id]);
}

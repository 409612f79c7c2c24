//! The example `coupon-page`: a page with a form, which visitors open in their browsers.

use reqwest::{Method, redirect::Policy};
use serde_json::json;

use super::grant;
use crate::support::{Inbox, guests};

/// What stands between two texts.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map_or("", |(found, _)| found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_take_coupons_while_there_are_some() {
    let inbox = Inbox::start().await;
    inbox.app.drop_plugin("coupon_page", guests::coupon_page().await).await;
    inbox.account("shop", json!({})).await;
    let config = json!({"title": "满 100 减 20", "coupons": 2});
    grant(&inbox, "coupon_page", json!({"pages": true, "kv": true, "config": config})).await;
    let browser = reqwest::Client::builder().no_proxy().redirect(Policy::limited(1)).build().unwrap();
    let url = format!("{}/wechat/shop/pages/coupon_page/", inbox.app.base);
    let open = async || browser.get(&url).send().await.unwrap().text().await.unwrap();
    let send = async |form: &str| {
        let form = format!("form={form}&name=%E5%BC%A0%E4%B8%89%3Cscript%3E");
        let request = browser.request(Method::POST, &url).body(form);
        let shown = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert_eq!(shown.status(), 200);
        shown.text().await.unwrap()
    };

    let page = open().await;
    assert!(page.contains("满 100 减 20") && page.contains("还剩 2 张"), "{page}");
    let form = between(&page, "name=form value=", ">");
    // A form that is sent twice at once is one.
    let [one, other] = futures::future::join_all([send(form), send(form)]).await.try_into().unwrap();
    let codes: Vec<_> =
        [&one, &other].into_iter().filter(|page| page.contains("张三&lt;script&gt;，您的优惠码")).collect();
    assert_eq!(codes.len(), 1, "{one} {other}");
    assert!(open().await.contains("还剩 1 张"));
    assert!(send("anothers").await.contains("还剩 1 张"), "a form that was not shown here takes none");
    let last = open().await;
    send(between(&last, "name=form value=", ">")).await;
    assert!(open().await.contains("已领完"));

    // Receipts hide nothing of a visit, so that each can be made again.
    let plugin = inbox.app.state.plugins.find("coupon_page").unwrap();
    let visits = plugin.receipts.list();
    assert!(visits.iter().any(|visit| visit.input["method"] == "POST"), "{visits:?}");
    for visit in visits {
        let again = inbox.app.state.plugins.replay(plugin.loaded.as_ref().unwrap(), &visit).await.unwrap();
        assert_eq!((again.outcome, again.answer), (visit.outcome, visit.answer), "{}", visit.input);
    }
}

//! What a plugin asks for, beside what it is granted.

use reqwest::Method;
use serde_json::json;

use super::Asking;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_and_not_granted_is_shown() {
    let asking = Asking::start().await;
    let asked = json!({
        "kv": true, "http_hosts": ["https://*.example.com"], "wechat_apis": ["/cgi-bin/message/"], "users": true,
        "orders": [], "pay_apis": ["/v3/profitsharing/"], "pages": false,
    });
    let (_, plugin) = asking.inbox.app.api(Method::GET, "/plugins/asker", None).await;
    assert_eq!(plugin["asks"], asked);

    let nothing = asking.grant(json!({})).await;
    assert_eq!((&nothing["asked"], &nothing["missing"]), (&asked, &asked));
    let some = asking.grant(json!({
        "kv": true, "http_hosts": ["https://*.com"], "wechat_apis": ["/cgi-bin/message/custom/send"],
    }));
    let missing = json!({"kv": false, "http_hosts": [], "wechat_apis": ["/cgi-bin/message/"], "users": true, "orders": [],
            "pay_apis": ["/v3/profitsharing/"], "pages": false});
    assert_eq!(some.await["missing"], missing);
    asking.grant(asked.clone()).await;
    let (_, all) = asking.inbox.app.api(Method::GET, "/apps/shop/plugins/asker", None).await;
    let missing = json!({
        "kv": false, "http_hosts": [], "wechat_apis": [], "users": false, "orders": [], "pay_apis": [],
        "pages": false,
    });
    assert_eq!((&all["missing"], &all["http_hosts"]), (&missing, &asked["http_hosts"]));
}

//! What the log tells of requests to the admin API that fail elsewhere.

use reqwest::Method;
use serde_json::{Value, json};
use weft_wechat::account::EncodingMode;

use crate::support::{Folders, client, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_does_not_do_stands_in_the_log_with_the_reason_and_does_not_fill_it() {
    let folders = Folders::new();
    let app = folders.server().await;
    for name in ["shop", "blog"] {
        app.account(name, EncodingMode::Plain, "nobody").await;
        let secret = json!({"appsecret": "0c79e1fa963cd80cc0be99b20a18faeb"});
        assert_eq!(app.api(Method::PATCH, &format!("/apps/{name}"), Some(secret)).await.0, 200);
    }
    let token = app.token.clone();
    app.stop().await;

    // Nobody listens there.
    let process = folders.process(&[("WEFT_WECHAT__API_BASE", "http://127.0.0.1:1")]);
    let client = client();
    let ask = async |name: &str| {
        let url = format!("{}/api/v1/apps/{name}/access-token", process.base);
        let answer = client.get(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 502);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "wechat-unreachable", "{problem}");
    };
    let told = |name: &str| {
        let path = format!("/api/v1/apps/{name}/access-token");
        process.lines_with(&["a request failed: ", "502", "wechat-unreachable", &path]).len()
    };
    // At once: they wait for the same token.
    futures::future::join_all((0..40).map(|_| ask("shop"))).await;
    let cut = ["more such lines come too fast", "app=\"shop\"", "GET /api/v1/apps/{app}/access-token"];
    until("it is told that lines are left out", async || process.lines_with(&cut).pop().map(drop)).await;
    until("the first ones are told whole", async || (told("shop") >= 20).then_some(())).await;
    assert!(told("shop") < 40, "{}", told("shop"));
    ask("blog").await;
    until("another app's are told", async || (told("blog") == 1).then_some(())).await;
}

//! Menus in the file that handlers are exported to.

use serde_json::{Value, json};

use super::{MENUS, Shop, menu};
use crate::support::client;

const IMPORT: &str = "/apps/shop/handlers/import";

async fn export(shop: &Shop, token: &str, format: &str) -> String {
    let url = format!("{}/api/v1/apps/shop/handlers/export?format={format}", shop.app.base);
    let client = client();
    client.get(url).bearer_auth(token).send().await.unwrap().text().await.unwrap()
}

async fn import(shop: &Shop, token: &str, query: &str, format: &str, file: &str) -> (u16, Value) {
    let url = format!("{}/api/v1{IMPORT}?{query}", shop.app.base);
    let client = client();
    let request = client.post(url).bearer_auth(token).header("content-type", format!("application/{format}"));
    let response = request.body(file.to_owned()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_draft_goes_out_and_comes_in_with_the_handlers() {
    let shop = Shop::open().await;
    let token = shop.app.token.clone();
    let without = export(&shop, &token, "json").await;
    assert_eq!(serde_json::from_str::<Value>(&without).unwrap().get("menus"), None);
    shop.put(&menu("one", &[2])).await;
    for format in ["json", "yaml"] {
        let file = export(&shop, &token, format).await;
        let (status, view) = import(&shop, &token, "", format, &file).await;
        assert_eq!((status, &view["menus"]), (200, &json!([])), "{view}");

        shop.put(&menu("two", &[])).await;
        let expected = json!([
            {"field": "buttons[0].name", "before": "two", "after": "one"},
            {"field": "conditional[0]", "before": null, "after": menu("one", &[2])["conditional"][0]},
        ]);
        for (query, name) in [("dry_run=true", "two"), ("", "one")] {
            let (status, view) = import(&shop, &token, query, format, &file).await;
            assert_eq!((status, &view["menus"]), (200, &expected), "{view}");
            assert_eq!(shop.get(MENUS).await["buttons"][0]["name"], name);
        }
    }
    // A file without menus leaves them, even when it replaces everything else.
    let (status, view) = import(&shop, &token, "replace=true", "json", &without).await;
    assert_eq!((status, &view["menus"]), (200, &json!([])), "{view}");
    assert_eq!(shop.get(MENUS).await["buttons"][0]["name"], "one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_menu_keeps_the_handlers_out_too() {
    let shop = Shop::open().await;
    let token = shop.app.token.clone();
    let before = shop.put(&menu("one", &[])).await;
    let mut wrong = menu("two", &[2]);
    wrong["conditional"][0]["buttons"][0]["key"] = json!("");
    for (menus, field) in [
        (wrong, "menus.conditional[0].buttons[0].key"),
        (json!([]), "menus"),
        (json!({"buttons": [{"name": 1}]}), "menus.buttons[0].name"),
    ] {
        let file = json!({"handlers": [{"name": "a"}], "menus": menus}).to_string();
        for query in ["dry_run=true", ""] {
            let (status, problem) = import(&shop, &token, query, "json", &file).await;
            assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
        }
    }
    assert_eq!(shop.get(MENUS).await, before);
    assert_eq!(shop.get("/apps/shop/handlers").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_menus_gets_none_and_brings_none() {
    let shop = Shop::open().await;
    shop.put(&menu("one", &[])).await;
    let token = shop.app.token_for(&["shop|messagehandler"]).await;
    let file: Value = serde_json::from_str(&export(&shop, &token, "json").await).unwrap();
    assert_eq!(file.get("menus"), None);
    let file = json!({"handlers": [], "menus": menu("two", &[])}).to_string();
    assert_eq!(import(&shop, &token, "", "json", &file).await.0, 403);
    assert_eq!(import(&shop, &token, "", "json", "{\"handlers\": []}").await.0, 200);
    assert_eq!(shop.get(MENUS).await["buttons"][0]["name"], "one");
}

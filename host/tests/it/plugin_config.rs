//! The schema that a plugin gives for its configuration.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{HandMade, TestApp};

/// A plugin that gives this schema. It stands at 2048, before the zeros at 4096.
fn plugin(schema: &Value) -> Vec<u8> {
    let text = schema.to_string();
    assert!(text.len() <= 2048, "{}", text.len());
    let length: String = u32::try_from(text.len()).unwrap().to_le_bytes().map(|byte| format!("\\{byte:02x}")).concat();
    let text = text.replace('"', "\\\"");
    // The option of the record: that there is one, its address and its length.
    let more =
        format!(r#"(data (i32.const 1116) "\01\00\00\00\00\08\00\00{length}") (data (i32.const 2048) "{text}")"#);
    HandMade { more: more.leak(), ..HandMade::PLAIN }.bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_is_shown_and_what_does_not_fit_it_is_for_the_plugin_to_say() {
    let app = TestApp::start().await;
    app.create_app("shop", json!({})).await;
    // One that refers to itself without end, and one that nothing fits.
    for schema in [json!({"required": ["title"], "allOf": [{"$ref": "#"}, {"$ref": "#"}]}), json!(false)] {
        app.drop_plugin("hand", &plugin(&schema)).await;
        let (_, shown) = app.api(Method::GET, "/plugins/hand", None).await;
        assert_eq!((&shown["state"], &shown["config_schema"]), (&json!("ready"), &schema), "{shown}");
        let config = json!({"titel": 5});
        let (status, set) =
            app.api(Method::PUT, "/apps/shop/plugins/hand", Some(json!({"config": config.clone()}))).await;
        assert_eq!((status, &set["config"]), (200, &config), "{set}");
        assert!(set.get("warnings").is_none(), "{set}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_short_and_takes_much_memory_is_refused() {
    let app = TestApp::start().await;
    app.create_app("shop", json!({})).await;
    let of = "/apps/shop/plugins/hand";
    let nested = |many: usize| json!({"config": {"many": vec![json!({"": 0}); many]}});
    for method in [Method::PUT, Method::PATCH] {
        let (status, problem) = app.api(method.clone(), of, Some(nested(5000))).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("config")), "{problem}");
        let (status, problem) = app.api(method, of, Some(nested(50_000))).await;
        assert_eq!((status, &problem["type"]), (413, &json!("too-large")), "{problem}");
    }
    assert_eq!(app.api(Method::GET, of, None).await.0, 404, "nothing is set");
    let (status, set) = app.api(Method::PUT, of, Some(nested(2000))).await;
    assert_eq!((status, &set["config"]), (200, &nested(2000)["config"]));
    for config in [json!([1]), json!("{}"), json!(null)] {
        let (status, problem) = app.api(Method::PUT, of, Some(json!({"config": config}))).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("config")), "{problem}");
    }
    let (_, still) = app.api(Method::PATCH, of, Some(json!({"config": {"many": null, "title": "新"}}))).await;
    assert_eq!(still["config"], json!({"title": "新"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_none_is_refused() {
    let app = TestApp::start().await;
    for (schema, why) in [(json!(5), "neither an object nor a boolean"), (json!(["title"]), "neither an object")] {
        let (status, problem) = app.upload("hand", plugin(&schema)).await;
        assert_eq!((status, &problem["type"]), (422, &json!("bad_description")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    }
}

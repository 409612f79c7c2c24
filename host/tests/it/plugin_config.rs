//! What a plugin wants of its configuration, and what is said to who sets another one.

use std::time::{Duration, Instant};

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

async fn server(schema: &Value) -> TestApp {
    let app = TestApp::start().await;
    app.drop_plugin("hand", &plugin(schema)).await;
    let shop = json!({"name": "shop", "type": "service", "appid": "wxshop"});
    assert_eq!(app.api(Method::POST, "/apps", Some(shop)).await.0, 201);
    app
}

async fn put(app: &TestApp, config: Value) -> (u16, Value) {
    app.api(Method::PUT, "/apps/shop/plugins/hand", Some(json!({"config": config}))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_by_its_place_and_changes_nothing() {
    let app = server(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "required": ["title"], "additionalProperties": false,
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 3, "description": "of the page"},
            "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
            "list": {"minItems": 1, "maxItems": 2, "items": {"enum": ["a", "b", 3]}},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "one": {"oneOf": [{"type": "integer"}, {"minimum": 2}]},
            "other": {"not": {"const": {"a": [1]}}},
            "tree": {"$ref": "#/$defs/tree"},
            "name": {"type": "string", "pattern": "^x", "format": "email"},
            "map": {"maxProperties": 2, "additionalProperties": {"type": ["boolean", "null"]}},
        },
        "$defs": {"tree": {"properties": {"leaf": {"type": "boolean"}, "next": {"$ref": "#/$defs/tree"}}}},
    }))
    .await;
    for (more, field, why) in [
        (json!({"title": ""}), "config.title", "at least 1 characters"),
        (json!({"title": "sk-0123"}), "config.title", "at most 3 characters"),
        (json!({"title": 7}), "config.title", "of the type string"),
        (json!({"titel": "a"}), "config.titel", "may not be there"),
        (json!({"count": 0}), "config.count", "at least 1"),
        (json!({"count": 10}), "config.count", "less than 10"),
        (json!({"count": 1.5}), "config.count", "of the type integer"),
        (json!({"list": []}), "config.list", "at least 1 entries"),
        (json!({"list": ["a", "sk-0123"]}), "config.list[1]", r#"one of ["a","b",3]"#),
        (json!({"either": 5}), "config.either", "none of the 2 schemas of anyOf"),
        (json!({"one": 2}), "config.one", "more than one"),
        (json!({"one": 1.5}), "config.one", "none of the 2 schemas of oneOf"),
        (json!({"other": {"a": [1.0]}}), "config.other", "what may not be"),
        (json!({"tree": {"next": {"next": {"leaf": "sk-0123"}}}}), "config.tree.next.next.leaf", "boolean"),
        (json!({"name": 5}), "config.name", "of the type string"),
        (json!({"map": {"a": true, "b": 1}}), "config.map.b", "boolean or null"),
        (json!({"map": {"a": true, "b": true, "c": true}}), "config.map", "at most 2 fields"),
    ] {
        let mut config = json!({"title": "好"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, problem) = put(&app, config.clone()).await;
        assert_eq!((status, &problem["type"]), (422, &json!("invalid")), "{config} {problem}");
        let [error] = problem["errors"].as_array().unwrap().as_slice() else { panic!("{config} {problem}") };
        assert_eq!(error["field"], field, "{problem}");
        assert!(error["detail"].as_str().unwrap().contains(why), "{problem}");
        assert!(!problem.to_string().contains("sk-0123"), "{problem}");
    }
    let (status, problem) = put(&app, json!({"count": 0})).await;
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!((status, fields.len()), (422, 2), "{problem}");
    assert!(fields.contains(&&json!("config.title")) && fields.contains(&&json!("config.count")), "{problem}");
    let (_, before) = app.api(Method::GET, "/apps/shop/plugins/hand", None).await;
    assert_eq!(before["config"], json!({}));

    let config = json!({
        "title": "三个字", "count": 2.0, "list": [3.0, "b"], "either": null, "one": 1, "other": {"a": [2]},
        "tree": {"next": {"next": {"leaf": true}}, "more": 1}, "name": "whatever", "map": {"a": null},
    });
    let (status, set) = put(&app, config.clone()).await;
    assert_eq!((status, &set["config"]), (200, &config), "{set}");
    assert!(set.get("warnings").is_none(), "{set}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_without_an_end_holds_nobody_up_and_decides_nothing() {
    let twice = |name: &str| json!({"allOf": [{"$ref": name}, {"$ref": name}]});
    let app = server(&json!({
        "properties": {
            "itself": {"$ref": "#/properties/itself"},
            "branches": twice("#/properties/branches"),
            "elsewhere": {"$ref": "https://example.com/schema.json"},
            "every": {"items": twice("#/properties/branches")},
        },
    }))
    .await;
    let began = Instant::now();
    let many = vec![1; 10_000];
    for config in [json!({"itself": 1}), json!({"branches": 1}), json!({"elsewhere": 1}), json!({"every": many})] {
        assert_eq!(put(&app, config).await.0, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_tells_whose_configuration_it_does_not_take() {
    let app = server(&json!(true)).await;
    let config = json!({"titel": "a"});
    assert_eq!(put(&app, config.clone()).await.0, 200);
    let (_, fits) = app.api(Method::GET, "/apps/shop/plugins/hand", None).await;
    assert!(fits.get("warnings").is_none(), "{fits}");

    let schema = json!({"type": "object", "required": ["title"]});
    app.drop_plugin("hand", &plugin(&schema)).await;
    let (_, plugin) = app.api(Method::GET, "/plugins/hand", None).await;
    assert_eq!((&plugin["state"], &plugin["config_schema"]), (&json!("ready"), &schema), "{plugin}");
    let steps = plugin["admission"]["steps"].as_array().unwrap();
    let describe = steps.iter().find(|step| step["name"] == "describe").unwrap();
    let remark = describe["detail"].as_str().unwrap();
    for part in
        ["does not fit config_schema in shop (config.title: is missing)", "its version `` is not a semantic one"]
    {
        assert!(remark.contains(part), "no {part} in {remark}");
    }
    let (_, set) = app.api(Method::GET, "/apps/shop/plugins/hand", None).await;
    assert_eq!(set["config"], config, "what is set stays");
    assert!(set["warnings"][0].as_str().unwrap().starts_with("config.title: is missing"), "{set}");

    let patch = async |change: Value| app.api(Method::PATCH, "/apps/shop/plugins/hand", Some(change)).await;
    let (status, set) = patch(json!({"kv": true})).await;
    assert_eq!((status, &set["kv"], &set["config"]), (200, &json!(true), &config), "the rest may change: {set}");
    let (status, problem) = patch(json!({"config": {"count": 1}})).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("config.title")), "{problem}");
    assert_eq!(patch(json!({"config": {"title": "a"}})).await.0, 200);
}

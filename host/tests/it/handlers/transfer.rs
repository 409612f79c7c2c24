//! `…/handlers/export` and `…/import`.

use std::fmt::Write;

use reqwest::Method;
use serde_json::{Value, json};

use super::{HANDLERS, add, fields, keyword, list, shop};
use crate::support::{TestApp, client};

const IMPORT: &str = "/apps/shop/handlers/import";
const DRY_RUN: &str = "/apps/shop/handlers/import?dry_run=true";

/// Texts that are something else in YAML when they are written carelessly.
const AWKWARD: [&str; 19] = [
    "yes",
    "null",
    "~",
    "0x1F",
    "1e3",
    "2026-01-01",
    "- a",
    "a: b",
    "# a",
    " a ",
    "a\n\n  b\n",
    "\ttab",
    "\"",
    "'",
    "%a",
    "*a &b !c",
    "{a: [b",
    "\u{85}",
    "\u{feff}😀\u{2028}é",
];

async fn upload(app: &TestApp, path: &str, content_type: &str, file: &str) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", app.base);
    let client = client();
    let request = client.post(url).bearer_auth(&app.token).header("content-type", content_type);
    let response = request.body(file.to_owned()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn download(app: &TestApp, name: &str, format: &str) -> String {
    let url = format!("{}/api/v1/apps/{name}/handlers/export?format={format}", app.base);
    let client = client();
    let response = client.get(url).bearer_auth(&app.token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], format!("application/{format}"));
    let disposition = format!("attachment; filename=\"{name}-handlers.{format}\"");
    assert_eq!(response.headers()["content-disposition"], disposition);
    response.text().await.unwrap()
}

/// The app's handlers without what is another in each app.
async fn portable(app: &TestApp, name: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(&download(app, name, "json").await).unwrap();
    let handlers = file["handlers"].as_array_mut().unwrap();
    for handler in handlers.iter_mut() {
        handler.as_object_mut().unwrap().remove("id").unwrap();
    }
    handlers.clone()
}

fn names(view: &Value) -> Vec<&str> {
    view.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_app_exports_another_imports_whole_and_in_its_order() {
    let app = shop().await;
    for (number, text) in AWKWARD.into_iter().enumerate() {
        let mut handler = keyword(&format!("handler {number}"), "a");
        handler["rules"] = json!([{"type": "equal", "pattern": format!("{text}.")}, {"type": "equal", "pattern": "7"}]);
        handler["replies"] =
            json!([{"type": "text", "content": format!("{text}|")}, {"type": "text", "content": "x: 1"}]);
        let (status, problem) = app.api(Method::POST, HANDLERS, Some(handler)).await;
        assert_eq!(status, if text.contains('\u{85}') { 422 } else { 201 }, "{problem}");
    }
    let mut rest = json!({"name": "rest", "weight": -1, "starts": "2026-01-01T00:00:00Z", "source": "mp"});
    rest["replies"] = json!([{"type": "news", "articles": [{"title": "T", "url": "https://a.example/"}]}]);
    add(&app, rest).await;
    let expected = portable(&app, "shop").await;
    assert_eq!(expected.len(), AWKWARD.len());

    for format in ["json", "yaml"] {
        let file = download(&app, "shop", format).await;
        app.create_app(format, json!({})).await;
        let path = format!("/apps/{format}/handlers/import");
        let (status, view) = upload(&app, &path, &format!("application/{format}; charset=utf-8"), &file).await;
        assert_eq!((status, names(&view["added"]).len()), (200, expected.len()), "{view}");
        assert_eq!(portable(&app, format).await, expected, "{file}");
        // Again, to the app that it went to and to the one that it comes from.
        for path in [path.as_str(), IMPORT] {
            let (_, view) = upload(&app, path, &format!("application/{format}"), &file).await;
            assert_eq!((&view["added"], &view["changed"], &view["removed"]), (&json!([]), &json!([]), &json!([])));
            assert_eq!(view["unchanged"], expected.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_would_change_and_an_import_changes_it() {
    let app = shop().await;
    let (same, other) = (add(&app, keyword("same", "s")).await, add(&app, keyword("other", "o")).await);
    let renamed = add(&app, keyword("before", "r")).await;
    let mut after = keyword("after", "r");
    after["id"] = renamed["id"].clone();
    let mut heavier = keyword("other", "o");
    heavier["weight"] = json!(3);
    let file =
        json!({"version": 1, "handlers": [keyword("new 1", "n"), after, heavier, keyword("new 2", "n")]}).to_string();
    let replace =
        [("", json!([]), 1), ("replace=true", json!([{"id": same["id"], "name": "same", "source": "self"}]), 0)];
    for (query, removed, unchanged) in replace {
        let (status, view) = upload(&app, &format!("{DRY_RUN}&{query}"), "application/json", &file).await;
        assert_eq!(status, 200, "{view}");
        let new = |name: &str| json!({"id": null, "name": name, "source": "self"});
        assert_eq!(view["added"], json!([new("new 1"), new("new 2")]));
        assert_eq!(
            view["changed"],
            json!([
                {"id": renamed["id"], "name": "after", "source": "self", "fields": [{"field": "name", "before": "before", "after": "after"}]},
                {"id": other["id"], "name": "other", "source": "self", "fields": [{"field": "weight", "before": 0, "after": 3}]},
            ])
        );
        assert_eq!(
            (&view["removed"], &view["unchanged"], &view["dry_run"]),
            (&removed, &json!(unchanged), &json!(true))
        );
    }
    assert_eq!(list(&app).await, [renamed, other.clone(), same.clone()]);

    let (status, view) = upload(&app, &format!("{IMPORT}?replace=true"), "application/json", &file).await;
    assert_eq!((status, &view["dry_run"], names(&view["removed"])), (200, &json!(false), vec!["same"]), "{view}");
    let after = list(&app).await;
    assert_eq!(names(&json!(after)), ["other", "new 1", "new 2", "after"]);
    assert_eq!(view["added"][0]["id"], after[1]["id"]);
    assert_eq!(after[0]["id"], other["id"]);
    let trial = json!({"message": {"type": "text", "content": "n"}});
    let (_, answer) = app.api(Method::POST, "/apps/shop/handlers/test", Some(trial)).await;
    assert_eq!(answer["matched"]["handler"]["name"], "new 1", "it is in force at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_of_one_name_are_told_apart_by_their_source_and_order() {
    let app = shop().await;
    let mut twins = vec![keyword("twin", "a"), keyword("twin", "b"), keyword("twin", "c")];
    twins[2]["source"] = json!("mp");
    let file = json!({"handlers": twins}).to_string();
    let (_, view) = upload(&app, IMPORT, "application/json", &file).await;
    assert_eq!(names(&view["added"]).len(), 3, "{view}");
    let (_, view) = upload(&app, IMPORT, "application/json", &file).await;
    assert_eq!((&view["unchanged"], &view["changed"]), (&json!(3), &json!([])), "{view}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_anything_wrong_in_it_changes_nothing() {
    let app = shop().await;
    let created = add(&app, keyword("a", "a")).await;
    let good = || keyword("good", "g");
    let bad = |change: Value| {
        let mut bad = good();
        for (field, value) in change.as_object().unwrap() {
            bad[field] = value.clone();
        }
        json!({"handlers": [good(), bad]})
    };
    let mut twice = bad(json!({"id": "x"}));
    twice["handlers"][0]["id"] = json!("x");
    for (file, wrong) in [
        (json!([]), vec!["handlers"]),
        (json!({}), vec!["handlers"]),
        (json!({"handlers": {}}), vec!["handlers"]),
        (json!({"handlers": [], "version": 2}), vec!["version"]),
        (json!({"handlers": [], "menus": []}), vec!["menus"]),
        (json!({"handlers": [1]}), vec!["handlers[0]"]),
        (json!({"handlers": [{}]}), vec!["handlers[0].name"]),
        (bad(json!({"colour": 1})), vec!["handlers[1].colour"]),
        (bad(json!({"id": 7})), vec!["handlers[1].id"]),
        (bad(json!({"created_at": "x"})), vec!["handlers[1].created_at"]),
        (bad(json!({"weight": "x"})), vec!["handlers[1].weight"]),
        (
            bad(json!({"rules": [{"type": "regex", "pattern": "("}], "replies": [{"type": "text", "content": ""}]})),
            vec!["handlers[1].rules[0].pattern", "handlers[1].replies[0].content"],
        ),
        (
            bad(json!({"rules": [{"type": "all"}, {"type": "equal", "pattern": 1}]})),
            vec!["handlers[1].rules[1].pattern"],
        ),
        (twice, vec!["handlers[1].id"]),
    ] {
        for path in [IMPORT, DRY_RUN] {
            let (status, problem) = upload(&app, path, "application/json", &file.to_string()).await;
            assert_eq!((status, fields(&problem)), (422, wrong.clone()), "{file}: {problem}");
        }
    }
    let many = json!({"handlers": vec![json!({"name": "a"}); 5001]}).to_string();
    for path in [IMPORT, DRY_RUN] {
        let (status, problem) = upload(&app, path, "application/json", &many).await;
        assert_eq!((status, &problem["type"]), (422, &json!("limit-reached")), "{problem}");
        assert_eq!(upload(&app, path, "application/json", "{\"handlers\":").await.0, 400);
        assert_eq!(upload(&app, path, "application/yaml", "handlers: [").await.0, 400);
        assert_eq!(upload(&app, path, "text/plain", "{}").await.0, 415);
        assert_eq!(upload(&app, path, "application/json", &" ".repeat((8 << 20) + 1)).await.0, 413);
        assert_eq!(upload(&app, &path.replace("shop", "nobody"), "application/json", "{}").await.0, 404);
    }
    assert_eq!(app.api(Method::GET, "/apps/shop/handlers/export?format=xml", None).await.0, 400);
    assert_eq!(list(&app).await, [created]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yaml_is_read_as_people_write_it_and_cannot_grow_without_bound() {
    let app = shop().await;
    let by_hand = "# ours\nhandlers:\n- name: 价格\n  weight: 5\n  rules: &price\n  - {type: contain, pattern: 价格}\n  \
                   replies:\n  - type: text\n    content: |\n      第一行\n      第二行\n- name: again\n  rules: *price\n";
    let (status, view) = upload(&app, IMPORT, "text/yaml", by_hand).await;
    assert_eq!((status, names(&view["added"])), (200, vec!["价格", "again"]), "{view}");
    let handlers = list(&app).await;
    assert_eq!(handlers[0]["replies"][0]["content"], "第一行\n第二行\n");
    assert_eq!(handlers[1]["rules"], handlers[0]["rules"]);

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = vec![format!("*a{}", n - 1); 10].join(", ");
        writeln!(bomb, "a{n}: &a{n} [{before}]").unwrap();
    }
    let long = format!("a: &a {}\nhandlers: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(500));
    let deep = format!("handlers: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let documents = "--- {handlers: []}\n".repeat(2);
    let duplicate = "handlers: []\nhandlers: []\n";
    let files = [
        bomb.as_str(),
        &long,
        &deep,
        &documents,
        duplicate,
        "handlers: !!binary x",
        "{a: b}: c",
        "\u{0}",
        "handlers: [.nan]",
    ];
    for file in files {
        let (status, problem) = upload(&app, IMPORT, "application/yaml", file).await;
        assert!(matches!(status, 400 | 422), "{status} {problem}");
        assert!(problem.to_string().len() < 2000, "{problem}");
    }
    assert_eq!(list(&app).await, handlers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_read_no_further_than_an_app_has_room_for() {
    let app = shop().await;
    let mut handlers = vec![json!({"name": "one of many"}); 5001];
    handlers.push(json!({"name": "wrong", "rules": [{"type": "regex", "pattern": "("}]}));
    let file = json!({"handlers": handlers}).to_string();
    for path in [IMPORT, DRY_RUN] {
        let (status, problem) = upload(&app, path, "application/json", &file).await;
        assert_eq!((status, &problem["type"]), (422, &json!("limit-reached")), "{problem}");
    }
    assert!(list(&app).await.is_empty());
}

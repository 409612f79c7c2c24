//! Handlers are created, read, changed, listed and deleted.

use reqwest::Method;
use serde_json::{Value, json};

use super::{HANDLERS, add, fields, keyword, list, shop};
use crate::support::guests;

/// Every type of rule and reply.
fn everything() -> Value {
    json!({
        "name": "一切", "source": "migrate", "strategy": "random_one", "enabled": false, "weight": -3,
        "starts": "2026-01-01T00:00:00Z", "ends": "2026-12-31T16:00:00Z", "log_message": true,
        "stop_on_exception": true,
        "rules": [
            {"type": "all"},
            {"type": "msg_type", "msg_type": "image"},
            {"type": "event", "event": "subscribe"},
            {"type": "eventkey", "event": "CLICK", "key": "k", "weight": 5},
            {"type": "contain", "pattern": "好"},
            {"type": "equal", "pattern": "hi"},
            {"type": "regex", "pattern": "^\\d+$"},
            {"type": "custom", "handler": "greeter/vip"},
        ],
        "replies": [
            {"type": "text", "content": "line 1\nline 2"},
            {"type": "image", "media_id": "M"},
            {"type": "voice", "media_id": "M"},
            {"type": "video", "media_id": "M", "title": "T", "description": "D"},
            {"type": "music", "title": "T", "music_url": "https://m.example/", "thumb_media_id": "M"},
            {"type": "news", "articles": [{"title": "T", "description": "D", "picurl": "http://p.example/", "url": "https://a.example/"}]},
            {"type": "news", "media_id": "M"},
            {"type": "transfer_customer_service"},
            {"type": "transfer_customer_service", "account": "a@gh"},
            {"type": "custom", "handler": "greeter", "weight": -1},
            {"type": "forward", "url": "https://f.example/answer?x=1"},
            {"type": "forward", "url": "http://f.example:8080/", "pass_query": true},
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_reads_back_as_it_was_written() {
    let app = shop().await;
    let created = add(&app, everything()).await;
    for (field, value) in everything().as_object().unwrap() {
        assert_eq!(&created[field], value, "{field}");
    }
    let path = format!("{HANDLERS}/{}", created["id"].as_str().unwrap());
    assert_eq!(app.api(Method::GET, &path, None).await, (200, created.clone()));
    assert_eq!(list(&app).await, std::slice::from_ref(&created));
    assert!(created["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(app.api(Method::DELETE, &path, None).await.0, 204);
    for method in [Method::GET, Method::DELETE, Method::PATCH] {
        assert_eq!(app.api(method, &path, Some(json!({}))).await.0, 404);
    }
    assert_eq!(app.api(Method::PUT, &path, Some(keyword("a", "b"))).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_has_its_default_in_a_new_handler_and_stays_in_a_patch() {
    let app = shop().await;
    let created = add(&app, json!({"name": "a"})).await;
    let defaults = json!({
        "source": "self", "strategy": "reply_all", "enabled": true, "weight": 0, "starts": null, "ends": null,
        "log_message": false, "stop_on_exception": false, "rules": [], "replies": [],
    });
    for (field, value) in defaults.as_object().unwrap() {
        assert_eq!(&created[field], value, "{field}");
    }
    assert!(created["warnings"][0].as_str().unwrap().starts_with("rules: "), "{created}");

    let path = format!("{HANDLERS}/{}", created["id"].as_str().unwrap());
    let set = |body: Value| app.api(Method::PATCH, &path, Some(body));
    assert_eq!(set(everything()).await.0, 200);
    let (_, changed) = set(json!({"enabled": true, "starts": null})).await;
    let mut expected = everything();
    (expected["enabled"], expected["starts"]) = (json!(true), Value::Null);
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    let (status, replaced) = app.api(Method::PUT, &path, Some(json!({"name": "b"}))).await;
    assert_eq!(status, 200, "{replaced}");
    assert_eq!((&replaced["name"], &replaced["rules"], &replaced["enabled"]), (&json!("b"), &json!([]), &json!(true)));
    assert_eq!((&replaced["id"], &replaced["created_at"]), (&created["id"], &created["created_at"]));
    assert_eq!(replaced["source"], "migrate", "who made it does not change by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_with_its_path_and_changes_nothing() {
    let app = shop().await;
    let created = add(&app, keyword("a", "b")).await;
    let path = format!("{HANDLERS}/{}", created["id"].as_str().unwrap());
    let long = "x".repeat(2049);
    let rule = |rule: Value| json!({"rules": [{"type": "all"}, rule]});
    let reply = |reply: Value| json!({"replies": [reply]});
    let article = |article: Value| json!({"replies": [{"type": "news", "articles": [{"title": "T", "url": "https://a.example"}, article]}]});
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "名".repeat(61)}), "name"),
        (json!({"starts": "2026-01-02T00:00:00Z", "ends": "2026-01-02T00:00:00Z"}), "ends"),
        (json!({"starts": "1969-01-02T00:00:00Z"}), "starts"),
        (json!({"starts": "tomorrow"}), "starts"),
        (json!({"weight": "heavy"}), "weight"),
        (json!({"weight": 3_000_000_000_u64}), "weight"),
        (json!({"strategy": "all"}), "strategy"),
        (json!({"surprise": 1}), "surprise"),
        (json!({"rules": vec![json!({"type": "all"}); 101]}), "rules"),
        (json!({"rules": vec![json!({"type": "regex", "pattern": "\\w{1,80}"}); 3]}), "rules"),
        (json!({"replies": vec![json!({"type": "text", "content": "a"}); 21]}), "replies"),
        (rule(json!({"type": "some"})), "rules[1].type"),
        (rule(json!({"type": "all", "weight": 0.5})), "rules[1].weight"),
        (rule(json!({"type": "all", "colour": 1})), "rules[1].colour"),
        (rule(json!({"type": "all", "pattern": "a"})), "rules[1].pattern"),
        (rule(json!({"type": "contain"})), "rules[1].pattern"),
        (rule(json!({"type": "contain", "pattern": ""})), "rules[1].pattern"),
        (rule(json!({"type": "equal", "pattern": "a\u{0}"})), "rules[1].pattern"),
        (rule(json!({"type": "regex", "pattern": "("})), "rules[1].pattern"),
        (rule(json!({"type": "regex", "pattern": "(a{1000}){1000}"})), "rules[1].pattern"),
        (rule(json!({"type": "regex", "pattern": "x".repeat(1001)})), "rules[1].pattern"),
        (rule(json!({"type": "msg_type", "msg_type": "telegram"})), "rules[1].msg_type"),
        (rule(json!({"type": "event", "event": "a b"})), "rules[1].event"),
        (rule(json!({"type": "eventkey", "event": "CLICK"})), "rules[1].key"),
        (rule(json!({"type": "eventkey", "event": "CLICK", "key": ""})), "rules[1].key"),
        (rule(json!({"type": "custom"})), "rules[1].handler"),
        (rule(json!({"type": "custom", "handler": "a/b/c"})), "rules[1].handler"),
        (reply(json!({"type": "text"})), "replies[0].content"),
        (reply(json!({"type": "text", "content": " \n"})), "replies[0].content"),
        (reply(json!({"type": "text", "content": long})), "replies[0].content"),
        (reply(json!({"type": "image", "media_id": ""})), "replies[0].media_id"),
        (reply(json!({"type": "voice", "media_id": "a b"})), "replies[0].media_id"),
        (reply(json!({"type": "video", "media_id": "M", "title": "t".repeat(201)})), "replies[0].title"),
        (reply(json!({"type": "music", "music_url": "m.example", "thumb_media_id": "M"})), "replies[0].music_url"),
        (reply(json!({"type": "music", "music_url": "https://m.example"})), "replies[0].thumb_media_id"),
        (reply(json!({"type": "news"})), "replies[0].articles"),
        (reply(json!({"type": "news", "articles": []})), "replies[0].articles"),
        (reply(json!({"type": "news", "articles": [], "media_id": "M"})), "replies[0].media_id"),
        (
            reply(json!({"type": "news", "articles": vec![json!({"title": "T", "url": "https://a.example"}); 9]})),
            "replies[0].articles",
        ),
        (article(json!({"title": "", "url": "https://a.example"})), "replies[0].articles[1].title"),
        (article(json!({"title": "T", "url": "javascript:alert(1)"})), "replies[0].articles[1].url"),
        (article(json!({"title": "T", "url": "https://a.example", "picurl": "p"})), "replies[0].articles[1].picurl"),
        (article(json!({"title": "T"})), "replies[0].articles[1]"),
        (reply(json!({"type": "transfer_customer_service", "account": ""})), "replies[0].account"),
        (reply(json!({"type": "custom", "handler": "../x"})), "replies[0].handler"),
        (reply(json!({"type": "forward", "url": "file:///etc/passwd"})), "replies[0].url"),
        (reply(json!({"type": "forward", "url": "https://user:secret@f.example/"})), "replies[0].url"),
        (reply(json!({"type": "forward", "url": "https://f.example/", "content": "a"})), "replies[0].content"),
    ] {
        let mut new = keyword("a", "b");
        for (name, value) in body.as_object().unwrap() {
            new[name] = value.clone();
        }
        for (method, path, body) in
            [(Method::PATCH, path.as_str(), &body), (Method::POST, HANDLERS, &new), (Method::PUT, &path, &new)]
        {
            let (status, problem) = app.api(method, path, Some(body.clone())).await;
            assert_eq!((status, &problem["type"]), (422, &json!("invalid")), "{body}: {problem}");
            assert_eq!(fields(&problem), [field], "{body}: {problem}");
            assert!(!problem.to_string().contains("secret"), "{problem}");
        }
    }
    assert_eq!(app.api(Method::POST, HANDLERS, Some(json!({"weight": 1}))).await.0, 422, "a new one needs a name");
    assert_eq!(list(&app).await, [created]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_are_listed_in_the_order_in_which_they_are_tried() {
    let app = shop().await;
    for (name, weight) in [("a", 0), ("b", 7), ("c", -7), ("d", 0), ("e", 7)] {
        add(&app, json!({"name": name, "weight": weight})).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = app.api(Method::GET, &format!("{HANDLERS}?limit=2{cursor}"), None).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["e", "b", "d", "a", "c"]);
    for cursor in ["x", "1.2", "1.x.y", ""] {
        let (status, _) = app.api(Method::GET, &format!("{HANDLERS}?cursor={cursor}"), None).await;
        assert_eq!(status, 400, "{cursor}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_need_their_app_and_the_permission_for_it() {
    let app = shop().await;
    for (method, path) in [(Method::GET, "/apps/nobody/handlers"), (Method::POST, "/apps/nobody/handlers")] {
        assert_eq!(app.api(method, path, Some(keyword("a", "b"))).await.0, 404, "{path}");
    }
    let created = add(&app, keyword("a", "b")).await;
    let path = format!("{HANDLERS}/{}", created["id"].as_str().unwrap());
    let may = app.token_for(&["shop|messagehandler"]).await;
    let may_not = app.token_for(&["shop|menu", "blog"]).await;
    for (method, path) in [
        (Method::GET, HANDLERS),
        (Method::POST, HANDLERS),
        (Method::GET, &path),
        (Method::PUT, &path),
        (Method::PATCH, &path),
        (Method::POST, "/apps/shop/handlers/test"),
        (Method::DELETE, &path),
    ] {
        let mut body = keyword("a", "b");
        if path.ends_with("test") {
            body = json!({"message": {"type": "text", "content": "b"}});
        }
        assert_eq!(app.api_as(&may_not, method.clone(), path, Some(body.clone())).await.0, 403, "{method} {path}");
        let (status, answer) = app.api_as(&may, method.clone(), path, Some(body)).await;
        assert!((200..300).contains(&status), "{method} {path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_not_there_yet_is_warned_of() {
    let app = shop().await;
    let custom = json!({
        "name": "a", "rules": [{"type": "all"}, {"type": "custom", "handler": "greeter/nothing"}],
        "replies": [{"type": "custom", "handler": "greeter/vip"}, {"type": "custom", "handler": "greeter/nothing"}],
    });
    let created = add(&app, custom).await;
    let warnings = |handler: &Value| handler["warnings"].as_array().cloned().unwrap_or_default();
    assert_eq!(warnings(&created).len(), 3, "{created}");
    assert!(warnings(&created)[0].as_str().unwrap().starts_with("rules[1].handler: plugin `greeter` is not loaded"));
    app.drop_plugin("greeter", guests::greeter().await).await;
    let after = warnings(&list(&app).await[0]);
    assert_eq!(
        after,
        [
            "rules[1].handler: plugin `greeter` has no rule `nothing` · rules[1].handler：插件 `greeter` 没有规则 `nothing`",
            "replies[1].handler: plugin `greeter` has no handler `nothing`; it has: greet, vip · replies[1].handler：插件 `greeter` 没有处理函数 `nothing`，已有：greet, vip"
        ]
    );
}

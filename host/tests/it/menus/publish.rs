//! Publishing, and going back.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;

use super::{APPID, LIVE, MENUS, Shop, click, menu};

const CREATE: &str = "/cgi-bin/menu/create";
const ADD: &str = "/cgi-bin/menu/addconditional";
const DELETE: &str = "/cgi-bin/menu/delconditional";

/// The names of the first buttons at WeChat: of the default menu, and of the conditional ones, newest first.
fn at_wechat(shop: &Shop) -> (Value, Vec<String>) {
    let menus = shop.wechat.menus(APPID);
    let conditional = menus["conditionalmenu"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |menu: &Value| menu["button"][0]["name"].as_str().unwrap().to_owned();
    (menus["menu"]["button"][0]["name"].clone(), conditional.iter().map(name).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_live_and_one_can_go_back() {
    let shop = Shop::open().await;
    assert_eq!(shop.get(LIVE).await, json!({"live": null, "differences": []}));
    shop.put(&menu("one", &[2, 3])).await;
    assert!(!shop.differences().await.is_empty());

    let first = shop.publish().await;
    assert_eq!(first["warnings"], json!([]));
    assert_eq!(first["version"]["menuids"].as_array().unwrap().len(), 2);
    // The first that fits is seen, so it must be the newest.
    assert_eq!(at_wechat(&shop), (json!("one"), vec!["one-2".to_owned(), "one-3".to_owned()]));
    assert_eq!(shop.wechat.menus(APPID)["conditionalmenu"][0]["matchrule"], json!({"tag_id": "2"}));
    assert_eq!(shop.differences().await, []);
    let draft = shop.get(MENUS).await;
    assert_eq!((&draft["changed"], &draft["published"]["id"]), (&json!(false), &first["version"]["id"]));

    // Another name, one tag less, another order, a new platform.
    let mut second = menu("one", &[3, 2]);
    second["buttons"][0]["name"] = json!("two");
    second["conditional"][0]["matchrule"] = json!({"client_platform_type": 1});
    shop.put(&second).await;
    let ios = second["conditional"][0].clone();
    assert_eq!(
        shop.differences().await,
        [
            ("buttons[0].name".to_owned(), json!("one"), json!("two")),
            ("conditional[0]".to_owned(), json!(null), ios),
            ("conditional".to_owned(), menu("one", &[3])["conditional"][0].clone(), json!(null)),
        ]
    );
    let second = shop.publish().await;
    assert_eq!(at_wechat(&shop), (json!("two"), vec!["one-3".to_owned(), "one-2".to_owned()]));
    assert_eq!(shop.differences().await, []);

    let versions = shop.get(&format!("{MENUS}/versions?limit=1")).await;
    assert_eq!(versions["items"], json!([second["version"]]));
    let cursor = versions["next_cursor"].as_str().unwrap();
    let versions = shop.get(&format!("{MENUS}/versions?cursor={cursor}")).await;
    assert_eq!(versions, json!({"items": [first["version"]], "next_cursor": null}));

    let id = first["version"]["id"].as_str().unwrap();
    let (status, restored) = shop.post(&format!("versions/{id}/restore")).await;
    assert_eq!((status, &restored["buttons"], &restored["changed"]), (200, &menu("one", &[])["buttons"], &json!(true)));
    assert_eq!(at_wechat(&shop).0, "two", "not before it is published");
    shop.publish().await;
    assert_eq!(at_wechat(&shop), (json!("one"), vec!["one-2".to_owned(), "one-3".to_owned()]));
    assert_eq!(shop.post("versions/nothing/restore").await.0, 404);

    assert_eq!(shop.app.api(Method::DELETE, LIVE, None).await.0, 204);
    assert_eq!(shop.app.api(Method::DELETE, LIVE, None).await.0, 204);
    assert_eq!(shop.wechat.menus(APPID), json!(null));
    assert_eq!(shop.get(MENUS).await["buttons"], menu("one", &[])["buttons"], "the draft stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_conditional_menus_is_a_difference() {
    let shop = Shop::open().await;
    shop.put(&menu("one", &[2, 3])).await;
    shop.publish().await;
    shop.put(&menu("one", &[3, 2])).await;
    let rules = |tags: [u32; 2]| json!([{"tag_id": tags[0]}, {"tag_id": tags[1]}]);
    assert_eq!(shop.differences().await, [("conditional".to_owned(), rules([2, 3]), rules([3, 2]))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_leaves_users_with_what_they_saw_and_says_what_to_do() {
    let shop = Shop::open().await;
    shop.put(&menu("one", &[2])).await;
    shop.publish().await;
    let before = shop.wechat.menus(APPID);
    shop.put(&menu("two", &[2, 3])).await;
    for (path, errcode, part, what_to_do) in [
        (CREATE, 40055, "buttons was not", "domain"),
        (ADD, 65305, "conditional[1] was not", "too many conditional menus"),
        (ADD, 48001, "conditional[1] was not", "Users see what they saw before"),
    ] {
        shop.wechat.fault(path, Fault::Errcode(errcode), 1);
        let (status, problem) = shop.post("publish").await;
        assert_eq!((status, &problem["type"], &problem["errcode"]), (502, &json!("wechat-refused"), &json!(errcode)));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part) && detail.contains(what_to_do) && !detail.is_ascii(), "{detail}");
        assert_eq!(shop.wechat.menus(APPID), before);
    }
    assert_eq!(shop.get(&format!("{MENUS}/versions")).await["items"].as_array().unwrap().len(), 1);

    // The second of two is refused: the first is taken back.
    shop.put(&json!({"buttons": menu("two", &[])["buttons"], "conditional": [
        {"buttons": [{"type": "media_id", "name": "m", "media_id": "unknown"}], "matchrule": {"tag_id": 1}},
        {"buttons": [click("a", "k")], "matchrule": {"tag_id": 2}},
    ]}))
    .await;
    let (status, problem) = shop.post("publish").await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(40007)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("conditional[0] was not"), "{problem}");
    assert_eq!(shop.wechat.menus(APPID)["conditionalmenu"], before["conditionalmenu"]);

    // An old one that cannot be taken away is told, and goes with the next time.
    shop.put(&menu("two", &[2])).await;
    shop.wechat.fault(DELETE, Fault::Errcode(40035), 1);
    let published = shop.publish().await;
    assert!(published["warnings"][0].as_str().unwrap().contains("publish again"), "{published}");
    assert_eq!(at_wechat(&shop).1, ["two-2", "one-2"]);
    shop.wechat.fault(DELETE, Fault::Errcode(65301), 1);
    assert_eq!(shop.publish().await["warnings"], json!([]), "what is gone already needs no warning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_menu_before_the_default_one_stays_when_a_conditional_one_is_refused() {
    let shop = Shop::open().await;
    shop.put(&menu("one", &[2, 3])).await;
    shop.wechat.fault(ADD, Fault::Disconnect, 1);
    let (status, problem) = shop.post("publish").await;
    assert_eq!((status, &problem["type"]), (502, &json!("wechat-unreachable")), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("All users see the new default menu") && detail.contains("look at what is live"),
        "{detail}"
    );
    assert_eq!(at_wechat(&shop), (json!("one"), vec!["one-3".to_owned()]), "WeChat did it without saying so");
    // The next time puts it right.
    shop.publish().await;
    assert_eq!(at_wechat(&shop).1, ["one-2", "one-3"]);
    assert_eq!(shop.differences().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_published_is_told_before_wechat_is_asked() {
    let shop = Shop::open().await;
    let (status, problem) = shop.post("publish").await;
    assert_eq!((status, &problem["type"]), (422, &json!("no-menu")), "{problem}");
    let (status, problem) = shop.post("sync").await;
    assert_eq!((status, &problem["type"]), (422, &json!("no-menu")), "{problem}");

    shop.app.create_app("mini", json!({"type": "miniprogram", "appsecret": "s"})).await;
    assert_eq!(shop.app.api(Method::PUT, "/apps/mini/menus", Some(menu("a", &[]))).await.0, 200);
    let asked = shop.wechat.calls().len();
    for (method, path) in
        [(Method::POST, "publish"), (Method::POST, "sync"), (Method::GET, "live"), (Method::DELETE, "live")]
    {
        let (status, problem) = shop.app.api(method, &format!("/apps/mini/menus/{path}"), None).await;
        assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("custom menus"), "{problem}");
    }
    assert_eq!(shop.wechat.calls().len(), asked);
    for path in ["publish", "sync"] {
        assert_eq!(shop.app.api(Method::POST, &format!("/apps/nobody/menus/{path}"), None).await.0, 404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn menus_are_published_once_at_a_time_and_to_the_end() {
    let shop = Shop::open().await;
    shop.put(&menu("one", &[2])).await;
    shop.wechat.fault(CREATE, Fault::Delay(Duration::from_secs(3)), 1);
    let publishing = shop.post("publish");
    let under_way = async {
        while shop.wechat.count(CREATE) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Nobody waits for its answer any more.
    tokio::select! {
        answer = publishing => panic!("{answer:?}"),
        () = under_way => {}
    }
    let (status, problem) = shop.post("publish").await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
    assert_eq!(shop.app.api(Method::DELETE, LIVE, None).await.0, 409);
    let versions = format!("{MENUS}/versions");
    while shop.get(&versions).await["items"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(at_wechat(&shop), (json!("one"), vec!["one-2".to_owned()]));
}

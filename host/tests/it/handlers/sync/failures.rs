//! What of auto-replies cannot be taken over, and how that is told.

use serde_json::json;
use weft::simulator::wechat::Fault;
use weft_wechat::api::media::MediaType;

use super::{ADD, GET, House, INFO, count, list, named, rule, rules, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_had_costs_its_reply_alone() {
    let house = House::new().await;
    let good = house.media(MediaType::Image, "image/png", b"png");
    let page = house.media(MediaType::Image, "text/html", b"<html>");
    let image = |media_id: &str| json!({"type": "img", "content": media_id});
    let mut both = rule("both", 3, image("gone"));
    both["reply_list_info"].as_array_mut().unwrap().push(text("words"));
    house.set(rules(&[both, rule("good", 2, image(&good)), rule("page", 1, image(&page))]));
    let report = house.sync().await;
    assert_eq!((count(&report, "created"), &report["uploaded"]), (2, &json!(1)), "{report}");
    let handlers = list(&house.app).await;
    assert_eq!(named(&handlers, "both")["replies"], json!([text("words")]));
    let reason = |handler: &str, part: &str| {
        let mut skipped = report["skipped"].as_array().unwrap().iter();
        let found = skipped.find(|skipped| skipped["handler"] == handler && skipped["part"] == part);
        found.unwrap_or_else(|| panic!("{report}"))["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("both", "reply_list_info[0]").contains("40007"));
    assert!(reason("page", "reply_list_info[0]").contains("no such file"));
    assert!(reason("page", "").contains("left out"));

    // What was there stays until the new file can be had.
    let new = house.media(MediaType::Image, "image/png", b"new");
    house.set(rules(&[rule("good", 2, image(&new))]));
    house.wechat.fault(GET, Fault::Status(500), 3);
    let report = house.sync().await;
    assert_eq!(report["kept"][0]["reason"], "incomplete", "{report}");
    assert_eq!(named(&list(&house.app).await, "good"), named(&handlers, "good"));
    assert_eq!(count(&house.sync().await, "replaced"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_and_keywords_that_no_handler_may_have_are_left_out_and_named() {
    let house = House::new().await;
    let keyword =
        |match_mode: &str, content: &str| json!({"type": "text", "match_mode": match_mode, "content": content});
    let article = |url: &str| json!({"title": "t", "content_url": url});
    let news = |url: &str| json!({"type": "news", "news_info": {"list": [article(url)]}});
    let mut odd = rule("odd\nname\u{0}", 1, text(&"长".repeat(1000)));
    odd["keyword_list_info"] = json!([keyword("contain", ""), keyword("fuzzy", "x"), keyword("equal", "ok")]);
    let replies = odd["reply_list_info"].as_array_mut().unwrap();
    replies.extend([
        news("javascript:alert(1)"),
        json!({"type": "video", "content": "vid"}),
        json!({"type": "img"}),
        json!({"type": "card"}),
        text("good"),
    ]);
    let mut deaf = rule("deaf", 1, text("a"));
    deaf["keyword_list_info"] = json!([]);
    house.set(rules(&[odd, deaf]));
    let report = house.sync().await;
    let parts = report["skipped"].as_array().unwrap().iter().map(|skipped| skipped["part"].as_str().unwrap());
    let expected = [
        "keyword_list_info",
        "keyword_list_info[1]",
        "keyword_list_info[0]",
        "reply_list_info[4]",
        "reply_list_info[3]",
        "reply_list_info[2]",
        "reply_list_info[1]",
        "reply_list_info[0]",
    ];
    assert_eq!(parts.collect::<Vec<_>>(), expected, "{report}");
    let handlers = list(&house.app).await;
    assert_eq!((handlers.len(), &handlers[0]["name"]), (1, &json!("oddname")));
    assert_eq!(handlers[0]["rules"], json!([{"type": "equal", "pattern": "ok"}]));
    assert_eq!(handlers[0]["replies"], json!([text("good")]));
    assert_eq!(house.wechat.count(GET), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_wechat_does_not_tell_nothing_changes_and_the_answer_says_why() {
    let house = House::new().await;
    house.set(rules(&[rule("a", 1, text("a"))]));
    house.sync().await;
    let before = list(&house.app).await;
    house.set(rules(&[]));
    house.wechat.fault(INFO, Fault::Errcode(48001), 1);
    let (status, problem) = house.post().await;
    assert_eq!((status, &problem["type"], &problem["errcode"]), (502, &json!("wechat-refused"), &json!(48001)));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("48001") && detail.chars().any(|c| c > '\u{4e00}'), "in both languages: {detail}");
    house.wechat.fault(INFO, Fault::Html, 3);
    let (status, problem) = house.post().await;
    assert_eq!((status, &problem["type"]), (502, &json!("wechat-unreachable")), "{problem}");
    assert_eq!(list(&house.app).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_upload_is_told_so_once_and_keeps_its_texts() {
    let house = House::new().await;
    let list_of = ["a", "b", "c"].map(|name| {
        let mut rule = rule(
            name,
            1,
            json!({"type": "img", "content": house.media(MediaType::Image, "image/png", name.as_bytes())}),
        );
        rule["reply_list_info"].as_array_mut().unwrap().push(text("words"));
        rule
    });
    house.set(rules(&list_of));
    house.wechat.fault(ADD, Fault::Errcode(48001), 9);
    let report = house.sync().await;
    assert_eq!((count(&report, "created"), count(&report, "skipped")), (3, 3), "{report}");
    assert_eq!((house.wechat.count(ADD), house.wechat.count(GET)), (1, 1), "what is refused is not asked for again");
}

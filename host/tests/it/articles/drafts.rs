//! Writing drafts.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::material::NewsItem;

use super::{DRAFTS, article, id};
use crate::support::Shop;

const ADD: &str = "/cgi-bin/draft/add";
const UPDATE: &str = "/cgi-bin/draft/update";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_written_read_changed_and_deleted() {
    let shop = Shop::open().await;
    let cover = shop.cover().await;
    let mut first = article("头条 News", &cover);
    first["content_source_url"] = json!("https://shop.example/1");
    first["need_open_comment"] = json!(true);
    let body = json!({"articles": [first, article("次条", &cover)]});
    let (status, made) = shop.call(Method::POST, "/drafts", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("{DRAFTS}/{}", id(&made));
    let read = shop.get(&path).await;
    assert_eq!(read, made);
    let article_read = &read["articles"][0];
    assert_eq!((&article_read["index"], &article_read["content"]), (&json!(0), &json!("<p>头条 News</p>")));
    assert_eq!(
        (&article_read["need_open_comment"], &article_read["only_fans_can_comment"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(article_read["digest"], "<p>头条 News</p>", "as WeChat makes it");
    assert!(article_read["thumb_url"].as_str().unwrap().starts_with("http"), "{read}");
    let listed = shop.get(DRAFTS).await;
    assert_eq!(listed["items"][0]["articles"][1]["title"], "次条");
    assert_eq!(listed["items"][0]["articles"][0].get("content"), None, "lists leave the texts out");
    for (search, found) in [("news", 1), ("%E7%BC%96%E8%BE%91", 1), ("%E6%AC%A1", 1), ("nothing", 0)] {
        assert_eq!(shop.titles(&format!("{DRAFTS}?search={search}")).await.len(), found, "{search}");
    }

    // Only what is another article is sent.
    let put = async |articles: Value| shop.call(Method::PUT, &format!("/drafts/{}", id(&made)), Some(articles)).await;
    let mut same = article("头条 News", &cover);
    same["content_source_url"] = json!("https://shop.example/1");
    same["need_open_comment"] = json!(true);
    same["digest"] = article_read["digest"].clone();
    let (status, changed) = put(json!({"articles": [same, article("新次条", &cover)]})).await;
    assert_eq!((status, &changed["articles"][1]["title"]), (200, &json!("新次条")), "{changed}");
    assert_eq!(changed["articles"][0]["title"], "头条 News");
    let sent = shop.wechat.calls().into_iter().filter(|call| call.path == UPDATE).collect::<Vec<_>>();
    assert_eq!(sent.iter().map(|call| &call.body["index"]).collect::<Vec<_>>(), [1]);
    let (status, body) = put(json!({"articles": [article("一", &cover)]})).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("articles")), "{body}");

    assert_eq!(shop.app.api(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(shop.app.api(Method::GET, &path, None).await.0, 404);
    assert_eq!(shop.app.api(Method::DELETE, &path, None).await.0, 404);
    assert_eq!(put(json!({"articles": [article("一", &cover)]})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_would_not_take_is_refused_before_anything_is_sent() {
    let shop = Shop::open().await;
    let cover = shop.cover().await;
    let calls = shop.wechat.calls().len();
    let fields = async |change: &dyn Fn(&mut Value)| {
        let mut wrong = article("题", &cover);
        change(&mut wrong);
        let (status, body) = shop.call(Method::POST, "/drafts", Some(json!({"articles": [wrong]}))).await;
        assert_eq!(status, 422, "{body}");
        let errors = body["errors"].as_array().unwrap().iter();
        errors.map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let set = |field: &'static str, value: String| move |article: &mut Value| article[field] = json!(value);
    assert_eq!(fields(&set("title", "题".repeat(65))).await, ["articles[0].title"]);
    assert_eq!(fields(&set("title", String::new())).await, ["articles[0].title"]);
    assert_eq!(fields(&set("author", "人".repeat(17))).await, ["articles[0].author"]);
    assert_eq!(fields(&set("digest", "摘".repeat(129))).await, ["articles[0].digest"]);
    assert_eq!(fields(&set("content", "文".repeat(20_000))).await, ["articles[0].content"]);
    assert_eq!(fields(&set("content_source_url", "ftp://a".into())).await, ["articles[0].content_source_url"]);
    assert_eq!(fields(&set("thumb_media_id", String::new())).await, ["articles[0].thumb_media_id"]);
    assert_eq!(fields(&set("colour", "red".into())).await, ["articles[0].colour"]);
    let many = json!({"articles": vec![article("题", &cover); 9]});
    assert_eq!(shop.call(Method::POST, "/drafts", Some(many)).await.1["errors"][0]["field"], "articles");
    assert_eq!(shop.call(Method::POST, "/drafts", Some(json!({"articles": []}))).await.0, 422);
    assert_eq!(shop.wechat.calls().len(), calls);

    // What only WeChat knows it says.
    let body = json!({"articles": [article("题", "no-such-picture")]});
    let (status, refused) = shop.call(Method::POST, "/drafts", Some(body)).await;
    assert_eq!((status, &refused["errcode"]), (502, &json!(40007)), "{refused}");
    assert_eq!(shop.titles(DRAFTS).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_fails_on_its_way_says_how_far_it_came() {
    let shop = Shop::open().await;
    let cover = shop.cover().await;
    let draft = shop.draft(&["一", "二", "三"]).await;
    let wanted = json!({"articles": [article("甲", &cover), article("乙", &cover), article("丙", &cover)]});
    shop.wechat.fault(UPDATE, Fault::Delay(std::time::Duration::ZERO), 1);
    shop.wechat.fault(UPDATE, Fault::Errcode(45166), 1);
    let (status, body) = shop.call(Method::PUT, &format!("/drafts/{draft}"), Some(wanted)).await;
    assert_eq!((status, &body["errcode"]), (502, &json!(45166)), "{body}");
    assert!(body["detail"].as_str().unwrap().starts_with("articles[1] was not changed"), "{body}");
    let read = shop.get(&format!("{DRAFTS}/{draft}")).await;
    let titles: Vec<_> = read["articles"].as_array().unwrap().iter().map(|article| &article["title"]).collect();
    assert_eq!(titles, ["甲", "二", "三"], "as WeChat has it now");

    shop.wechat.fault(ADD, Fault::Disconnect, 1);
    let adds = shop.wechat.count(ADD);
    let (status, _) = shop.call(Method::POST, "/drafts", Some(json!({"articles": [article("丁", &cover)]}))).await;
    assert_eq!((status, shop.wechat.count(ADD)), (502, adds + 1), "what may have been made is not made again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_are_taken_over_and_protect_their_covers() {
    let shop = Shop::open().await;
    let (cover, own) = (shop.cover().await, shop.draft(&["自己"]).await);
    let item = NewsItem { title: "后台".into(), content: "<p/>".into(), ..NewsItem::default() };
    let theirs = (0..25).map(|_| shop.wechat.add_draft(Shop::APPID, vec![item.clone()])).collect::<Vec<_>>();
    let job = shop.job("/drafts/sync", None).await;
    assert_eq!(job["result"]["lists"], json!([{"list": "draft", "total": 26, "removed": 0, "moved": false}]), "{job}");
    assert_eq!(shop.titles(&format!("{DRAFTS}?limit=200")).await.len(), 26);
    let (status, refused) = shop.call(Method::DELETE, &format!("/materials/{cover}"), None).await;
    assert_eq!((status, &refused["type"]), (409, &json!("in-use")));
    assert!(refused["detail"].as_str().unwrap().contains("the draft `自己`"), "{refused}");

    // A handler answers with it.
    let reply = json!({"type": "news", "media_id": own});
    let handler = json!({"name": "h", "rules": [{"type": "all"}], "replies": [reply]});
    assert_eq!(shop.call(Method::POST, "/handlers", Some(handler)).await.0, 201);
    assert_eq!(shop.call(Method::DELETE, &format!("/drafts/{own}"), None).await.0, 409);
    assert_eq!(shop.call(Method::DELETE, &format!("/drafts/{own}?force=true"), None).await.0, 204);
    assert_eq!(shop.call(Method::DELETE, &format!("/materials/{cover}"), None).await.0, 204);
    assert_eq!(shop.call(Method::DELETE, &format!("/drafts/{}", theirs[0]), None).await.0, 204);
    let job = shop.job("/drafts/sync", None).await;
    assert_eq!(job["result"]["lists"][0]["total"], 24, "{job}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_texts_are_uploaded_without_becoming_materials() {
    let shop = Shop::open().await;
    let picture = b"\xff\xd8\xff\xe0 a picture".as_slice();
    let (status, body) = shop.send_file("/articles/images", &[], "a.jpg", picture).await;
    assert_eq!(status, 201, "{body}");
    assert!(body["url"].as_str().unwrap().starts_with("http"), "{body}");
    assert_eq!(shop.wechat.materials(Shop::APPID), [""; 0]);
    let large = [picture, &vec![0; 1 << 20]].concat();
    for wrong in [large.as_slice(), b"GIF89a ...", b"<svg/>", b""] {
        let (status, body) = shop.send_file("/articles/images", &[], "a.jpg", wrong).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("media")), "{body}");
    }
    assert_eq!(shop.wechat.count("/cgi-bin/media/uploadimg"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn material_implies_article_and_not_the_other_way_round() {
    let shop = Shop::open().await;
    let status = async |permission: &str, method: Method, path: &str| {
        let token = shop.app.token_for(&[permission]).await;
        shop.app.api_as(&token, method, path, None).await.0
    };
    assert_eq!(status("shop|material", Method::GET, DRAFTS).await, 200);
    assert_eq!(status("shop|article", Method::GET, DRAFTS).await, 200);
    assert_eq!(status("shop|article", Method::GET, "/apps/shop/materials").await, 403);
    assert_eq!(status("shop|article", Method::POST, "/apps/shop/drafts/sync").await, 403);
    assert_eq!(status("shop|article_sync", Method::POST, "/apps/shop/drafts/sync").await, 202);
    assert_eq!(status("other|article", Method::GET, DRAFTS).await, 403);
}

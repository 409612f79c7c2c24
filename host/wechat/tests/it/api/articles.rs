//! Drafts and published articles.

use serde_json::json;
use weft_wechat::api::draft::{DraftArticle, add::AddDraft, batchget::BatchgetDrafts, update::UpdateDraft};
use weft_wechat::api::freepublish::{
    batchget::PublishedPage, delete::DeletePublished, get::PublishStatus, submit::SubmittedPublish,
};
use weft_wechat::api::material::{NewsItem, batchget_material::NewsContent};
use weft_wechat::api::{Endpoint, read_answer};

use super::json as body;

fn item() -> NewsItem {
    NewsItem {
        title: "标题".into(),
        author: "作者".into(),
        content: "<p>文</p>".into(),
        thumb_media_id: "T".into(),
        need_open_comment: 1,
        url: "https://mp.weixin.qq.com/s/1".into(),
        thumb_url: "https://mmbiz.example/1".into(),
        show_cover_pic: 1,
        ..NewsItem::default()
    }
}

#[test]
fn a_draft_is_written_with_what_its_author_says_and_nothing_else() {
    let item = item();
    let article = json!({
        "title": "标题", "author": "作者", "digest": "", "content": "<p>文</p>", "content_source_url": "",
        "thumb_media_id": "T", "need_open_comment": 1, "only_fans_can_comment": 0,
    });
    let articles = [DraftArticle::from(&item)];
    assert_eq!(body(&AddDraft { articles: &articles }), json!({"articles": [article]}));
    let update = UpdateDraft { media_id: "M", index: 1, articles: articles[0] };
    assert_eq!(body(&update), json!({"media_id": "M", "index": 1, "articles": article}));
    const { assert!(!<AddDraft<'_> as Endpoint>::IDEMPOTENT && <UpdateDraft<'_> as Endpoint>::IDEMPOTENT) };
    let page = BatchgetDrafts { offset: 20, count: 20, no_content: 1 };
    assert_eq!(body(&page), json!({"offset": 20, "count": 20, "no_content": 1}));
}

#[test]
fn a_publication_is_named_by_a_text_or_a_number() {
    for id in ["\"100000001\"", "100000001"] {
        let submitted: SubmittedPublish = read_answer(format!("{{\"publish_id\":{id}}}").as_bytes()).unwrap();
        assert_eq!(submitted.publish_id, "100000001");
    }
    let answer = r#"{"publish_id":100,"publish_status":0,"article_id":"A",
        "article_detail":{"count":1,"item":[{"idx":1,"article_url":"https://a/"}]},"fail_idx":[]}"#;
    let status: PublishStatus = read_answer(answer.as_bytes()).unwrap();
    assert_eq!((&*status.publish_id, status.publish_status, &*status.article_id), ("100", 0, "A"));
    assert_eq!((status.article_detail.item[0].idx, &*status.article_detail.item[0].article_url), (1, "https://a/"));
    let failed: PublishStatus = read_answer(br#"{"publish_id":"1","publish_status":2,"fail_idx":[1,2]}"#).unwrap();
    assert_eq!((failed.publish_status, failed.fail_idx), (2, vec![1, 2]));
    assert_eq!(body(&DeletePublished { article_id: "A", index: 0 }), json!({"article_id": "A", "index": 0}));
}

#[test]
fn published_articles_say_whether_they_are_gone() {
    let page = r#"{"total_count":1,"item_count":1,"item":[{"article_id":"A","update_time":7,
        "content":{"news_item":[{"title":"一","is_deleted":false},{"title":"二","is_deleted":true}],"create_time":1}}]}"#;
    let page: PublishedPage = read_answer(page.as_bytes()).unwrap();
    let NewsContent { news_item } = &page.item[0].content;
    let gone: Vec<_> = news_item.iter().map(|item| (&*item.title, item.is_deleted)).collect();
    assert_eq!((&*page.item[0].article_id, gone), ("A", vec![("一", false), ("二", true)]));
}

//! Tags and the blacklist.

use serde_json::json as value;
use weft_wechat::api::read_answer;
use weft_wechat::api::tags::Tag;
use weft_wechat::api::tags::create::{CreateTag, CreatedTag};
use weft_wechat::api::tags::delete::DeleteTag;
use weft_wechat::api::tags::get::Tags;
use weft_wechat::api::tags::members::batchblacklist::BatchBlacklist;
use weft_wechat::api::tags::members::batchtagging::BatchTagging;
use weft_wechat::api::tags::members::batchunblacklist::BatchUnblacklist;
use weft_wechat::api::tags::members::batchuntagging::BatchUntagging;
use weft_wechat::api::tags::members::getblacklist::GetBlacklist;
use weft_wechat::api::tags::update::UpdateTag;

use super::json;

#[test]
fn tags_are_made_renamed_and_deleted() {
    assert_eq!(json(&CreateTag { name: "vip" }), value!({"tag": {"name": "vip"}}));
    let created: CreatedTag = read_answer(br#"{"tag":{"id":134,"name":"vip"}}"#).unwrap();
    assert_eq!(created.tag, Tag { id: 134, name: "vip".into(), count: 0 });
    assert_eq!(json(&UpdateTag { id: 134, name: "老客户" }), value!({"tag": {"id": 134, "name": "老客户"}}));
    assert_eq!(json(&DeleteTag { id: 134 }), value!({"tag": {"id": 134}}));
    let body = r#"{"tags":[{"id":2,"name":"星标组","count":0},{"id":134,"name":"vip","count":7}]}"#;
    let tags: Tags = read_answer(body.as_bytes()).unwrap();
    assert_eq!((tags.tags.len(), &tags.tags[1]), (2, &Tag { id: 134, name: "vip".into(), count: 7 }));
    let none: Tags = read_answer(b"{}").unwrap();
    assert_eq!(none.tags, []);
}

#[test]
fn users_get_tags_and_go_on_the_blacklist_several_at_a_time() {
    let openid_list = &["o1".to_owned(), "o2".to_owned()][..];
    let tagged = value!({"openid_list": ["o1", "o2"], "tagid": 134});
    assert_eq!(json(&BatchTagging { openid_list, tagid: 134 }), tagged);
    assert_eq!(json(&BatchUntagging { openid_list, tagid: 134 }), tagged);
    let listed = value!({"openid_list": ["o1", "o2"]});
    assert_eq!(json(&BatchBlacklist { openid_list }), listed);
    assert_eq!(json(&BatchUnblacklist { openid_list }), listed);
    assert_eq!(json(&GetBlacklist { begin_openid: "o2" }), value!({"begin_openid": "o2"}));
}

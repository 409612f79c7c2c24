//! Menus.

use serde_json::json as value;
use weft_wechat::api::menu::addconditional::{AddConditionalMenu, AddedMenu};
use weft_wechat::api::menu::create::CreateMenu;
use weft_wechat::api::menu::current_selfmenu_info::SelfmenuInfo;
use weft_wechat::api::menu::delconditional::DelConditionalMenu;
use weft_wechat::api::menu::get::ApiMenus;
use weft_wechat::api::menu::{Button, MatchRule};
use weft_wechat::api::read_answer;

use super::json;

#[test]
fn a_menu_goes_out_with_the_fields_that_its_buttons_have() {
    let sub =
        Button { r#type: "view".into(), name: "官网".into(), url: "https://a.example/".into(), ..Button::default() };
    let button = [
        Button { r#type: "click".into(), name: "今日歌曲".into(), key: "SONG".into(), ..Button::default() },
        Button { name: "更多".into(), sub_button: vec![sub], ..Button::default() },
    ];
    let expected = value!([
        {"type": "click", "name": "今日歌曲", "key": "SONG"},
        {"name": "更多", "sub_button": [{"type": "view", "name": "官网", "url": "https://a.example/"}]},
    ]);
    assert_eq!(json(&CreateMenu { button: &button }), value!({"button": expected}));
    let matchrule = MatchRule { tag_id: "2".into(), ..MatchRule::default() };
    let conditional = AddConditionalMenu { button: &button, matchrule: &matchrule };
    assert_eq!(json(&conditional), value!({"button": expected, "matchrule": {"tag_id": "2"}}));
    assert_eq!(json(&DelConditionalMenu { menuid: "7" }), value!({"menuid": "7"}));
}

#[test]
fn ids_are_read_as_texts_and_as_numbers() {
    let body = r#"{"menu":{"button":[{"type":"click","name":"a","key":"k","sub_button":[]}],"menuid":208396938},
        "conditionalmenu":[{"button":[{"type":"view","name":"b","url":"http://b/"}],
          "matchrule":{"group_id":2,"sex":1,"client_platform_type":"3"},"menuid":"208396993"}]}"#;
    let menus: ApiMenus = read_answer(body.as_bytes()).unwrap();
    assert_eq!(menus.menu.menuid, "208396938");
    let conditional = &menus.conditionalmenu[0];
    assert_eq!((&*conditional.menuid, &*conditional.matchrule.tag_id), ("208396993", "2"));
    assert_eq!((&*conditional.matchrule.sex, &*conditional.matchrule.client_platform_type), ("1", "3"));
    let alone: ApiMenus = read_answer(br#"{"menu":{"button":[]}}"#).unwrap();
    assert_eq!(alone, ApiMenus::default());
    let added: AddedMenu = read_answer(br#"{"menuid":208379533}"#).unwrap();
    assert_eq!(added.menuid, "208379533");
}

#[test]
fn the_consoles_menu_is_read() {
    let body = r#"{"is_menu_open":1,"selfmenu_info":{"button":[{"name":"b","sub_button":{"list":[
        {"type":"view","name":"v","url":"http://www.qq.com"},
        {"type":"news","name":"n","value":"KQb_w","news_info":{"list":[{"title":"T","author":"A","digest":"D",
          "show_cover":0,"cover_url":"http://c/","content_url":"http://u/","source_url":""}]}},
        {"type":"video","name":"m","value":"http://61.182.130.30/v.mp4"}]}},
        {"type":"text","name":"t","value":"This is text!"}]}}"#;
    let info: SelfmenuInfo = read_answer(body.as_bytes()).unwrap();
    assert_eq!(info.is_menu_open, 1);
    let [first, second] = &info.selfmenu_info.button[..] else { panic!("{info:?}") };
    assert_eq!((&*second.r#type, &*second.value), ("text", "This is text!"));
    let below = &first.sub_button.as_ref().unwrap().list;
    assert_eq!(below[1].news_info.as_ref().unwrap().list[0].content_url, "http://u/");
    assert_eq!(below[2].value, "http://61.182.130.30/v.mp4");
    let closed: SelfmenuInfo = read_answer(br#"{"is_menu_open":0}"#).unwrap();
    assert_eq!(closed, SelfmenuInfo::default());
}

//! Templates, and the messages made of them.

use serde_json::json as value;
use weft_wechat::api::message::subscribe_bizsend::SubscribeBizsend;
use weft_wechat::api::message::subscribe_send::SubscribeSend;
use weft_wechat::api::message::template_send::TemplateSend;
use weft_wechat::api::message::template_subscribe::{TemplateSubscribe, page_url};
use weft_wechat::api::message::{LinkedMiniProgram, SentMessage, TemplateData, TemplateValue};
use weft_wechat::api::newtmpl::addtemplate::{AddSubscribeTemplate, AddedSubscribeTemplate};
use weft_wechat::api::newtmpl::deltemplate::DelSubscribeTemplate;
use weft_wechat::api::newtmpl::gettemplate::SubscribeTemplates;
use weft_wechat::api::read_answer;
use weft_wechat::api::template::api_add_template::AddTemplate;
use weft_wechat::api::template::get_all_private_template::PrivateTemplates;
use weft_wechat::api::template::get_industry::Industries;

use super::json;

fn data() -> TemplateData {
    TemplateData::from([("thing1".to_owned(), TemplateValue { value: "咖啡".to_owned(), color: String::new() })])
}

#[test]
fn each_message_goes_out_with_the_fields_that_its_call_knows() {
    let data = data();
    let page = LinkedMiniProgram { appid: "wxmini".into(), pagepath: "p?a=1".into() };
    let message = TemplateSend {
        touser: "oU",
        template_id: "T",
        url: "https://a.example/",
        miniprogram: Some(&page),
        client_msg_id: "c1",
        data: &data,
    };
    assert_eq!(
        json(&message),
        value!({"touser": "oU", "template_id": "T", "url": "https://a.example/", "client_msg_id": "c1",
            "miniprogram": {"appid": "wxmini", "pagepath": "p?a=1"}, "data": {"thing1": {"value": "咖啡"}}})
    );
    let bare = TemplateSend { url: "", miniprogram: None, client_msg_id: "", ..message };
    let least = value!({"touser": "oU", "template_id": "T", "data": {"thing1": {"value": "咖啡"}}});
    assert_eq!(json(&bare), least);
    let notice = SubscribeBizsend { touser: "oU", template_id: "T", page: "", miniprogram: None, data: &data };
    assert_eq!(json(&notice), least);
    let subscribe =
        SubscribeSend { touser: "oU", template_id: "T", page: "", miniprogram_state: "", lang: "", data: &data };
    assert_eq!(json(&subscribe), least);
    let trial = json(&SubscribeSend { page: "index", miniprogram_state: "trial", lang: "en_US", ..subscribe });
    assert_eq!(
        (&trial["page"], &trial["miniprogram_state"], &trial["lang"]),
        (&"index".into(), &"trial".into(), &"en_US".into())
    );
    let once = TemplateSubscribe {
        touser: "oU",
        template_id: "T",
        url: "",
        miniprogram: None,
        scene: 1000,
        title: "标题",
        data: &data,
    };
    assert_eq!(json(&once)["scene"], "1000", "WeChat wants a text");
}

#[test]
fn the_id_of_a_message_is_read_where_there_is_one() {
    let read = |body: &str| read_answer::<SentMessage>(body.as_bytes()).unwrap().msgid;
    assert_eq!(read(r#"{"errcode":0,"errmsg":"ok","msgid":200228332}"#), Some(200_228_332));
    assert_eq!(read(r#"{"errcode":0,"errmsg":"ok"}"#), None);
}

#[test]
fn the_page_of_a_one_time_subscription_keeps_to_wechats_order_and_escapes_values() {
    assert_eq!(
        page_url("wx1", "T-1_a", 7, "https://a.example/back?x=1&y=好", "r/1"),
        "https://mp.weixin.qq.com/mp/subscribemsg?action=get_confirm&appid=wx1&scene=7&template_id=T-1_a\
         &redirect_url=https%3A%2F%2Fa.example%2Fback%3Fx%3D1%26y%3D%E5%A5%BD&reserved=r%2F1#wechat_redirect"
    );
}

#[test]
fn templates_are_read_and_changed() {
    let body = r#"{"template_list":[{"template_id":"iPk5","title":"领取奖金提醒","primary_industry":"IT科技",
        "deputy_industry":"互联网|电子商务","content":"{ {result.DATA} }","example":"您已提交"}]}"#;
    let templates: PrivateTemplates = read_answer(body.as_bytes()).unwrap();
    assert_eq!((&*templates.template_list[0].template_id, &*templates.template_list[0].example), ("iPk5", "您已提交"));
    let body = r#"{"errmsg":"ok","errcode":0,"data":[{"priTmplId":"9Aw5","title":"报名结果通知",
        "content":"会议时间:{{date2.DATA}}\n","example":"会议时间:2016年8月8日\n","type":2,"keywordEnumValueList":[]}]}"#;
    let templates: SubscribeTemplates = read_answer(body.as_bytes()).unwrap();
    assert_eq!((&*templates.data[0].template_id, templates.data[0].r#type), ("9Aw5", 2));
    let none: SubscribeTemplates = read_answer(br#"{"errcode":0}"#).unwrap();
    assert_eq!(none.data, []);
    let add = AddSubscribeTemplate { tid: "401", kid_list: &[1, 2], scene_desc: "测试" };
    assert_eq!(json(&add), value!({"tid": "401", "kidList": [1, 2], "sceneDesc": "测试"}));
    let added: AddedSubscribeTemplate = read_answer(br#"{"errcode":0,"priTmplId":"9Aw5"}"#).unwrap();
    assert_eq!(added.template_id, "9Aw5");
    assert_eq!(json(&DelSubscribeTemplate { template_id: "9Aw5" }), value!({"priTmplId": "9Aw5"}));
    let add = AddTemplate { template_id_short: "TM00015", keyword_name_list: &["时间".to_owned()] };
    assert_eq!(json(&add), value!({"template_id_short": "TM00015", "keyword_name_list": ["时间"]}));
    let body = r#"{"primary_industry":{"first_class":"运输与仓储","second_class":"快递"},
        "secondary_industry":{"first_class":"IT科技","second_class":"互联网|电子商务"}}"#;
    let industries: Industries = read_answer(body.as_bytes()).unwrap();
    assert_eq!(industries.secondary_industry.first_class, "IT科技");
}

//! What comes as JSON is what would have come as XML, for every message and event.

use serde_json::{Map, Value, json};
use weft_wechat::message::{Content, Event, Message, fields};

/// Each type that has a case of its own, with what it has besides what every message has.
fn messages() -> Vec<(&'static str, Value)> {
    vec![
        ("text", json!({"Content": "a ]]> & <b> \"你\" 😀", "bizmsgmenuid": "101"})),
        ("image", json!({"PicUrl": "http://pic.example/1?a=1&b=2", "MediaId": "m"})),
        ("voice", json!({"MediaId": "m", "Format": "amr", "Recognition": "明天见", "MediaId16K": "n"})),
        ("video", json!({"MediaId": "m", "ThumbMediaId": "t"})),
        ("shortvideo", json!({"MediaId": "m", "ThumbMediaId": "t"})),
        ("location", json!({"Location_X": 23.134_521, "Location_Y": -113, "Scale": 20, "Label": "广州"})),
        ("link", json!({"Title": "T", "Description": null, "Url": "https://a.example/"})),
        ("file", json!({"Title": "T", "Description": "", "FileKey": "k", "FileMd5": "0f", "FileTotalLen": u64::MAX})),
        (
            "miniprogrampage",
            json!({"Title": "T", "AppId": "wx1", "PagePath": "p?x=1", "ThumbUrl": "u", "ThumbMediaId": "t"}),
        ),
    ]
}

/// Each event that has a case of its own, in the same way.
fn events() -> Vec<(&'static str, Value)> {
    let pictures = json!({"EventKey": "k", "SendPicsInfo": {"Count": 2, "PicList": {"item": [{"PicMd5Sum": "AA"}, {"PicMd5Sum": "bb"}]}}});
    let scancode = json!({"EventKey": "k", "ScanCodeInfo": {"ScanType": "qrcode", "ScanResult": "2"}});
    let authorization = json!({"OpenID": "oU", "AppID": "wx1", "RevokeInfo": 2});
    let subscription = json!({"TemplateId": "t", "SubscribeStatusString": "accept", "PopupScene": 0});
    let sent =
        json!({"TemplateId": "t", "MsgID": 1_700_827_132_819_554_304_u64, "ErrorCode": -20, "ErrorStatus": "refused"});
    let expires = json!({"ExpiredTime": 1_442_401_156});
    let fails = json!({"FailTime": 1_442_401_122, "FailReason": "by time"});
    vec![
        ("subscribe", json!({"EventKey": "qrscene_42", "Ticket": "T"})),
        ("unsubscribe", json!({"EventKey": ""})),
        ("SCAN", json!({"EventKey": 42, "Ticket": "T"})),
        ("LOCATION", json!({"Latitude": 23.137_466, "Longitude": 113.352_425, "Precision": 119})),
        ("CLICK", json!({"EventKey": "k"})),
        ("VIEW", json!({"EventKey": "https://a.example/?a=1&b=2", "MenuId": 9_007_199_254_740_993_u64})),
        ("view_miniprogram", json!({"EventKey": "pages/index", "MenuId": "9"})),
        ("scancode_push", scancode.clone()),
        ("scancode_waitmsg", scancode),
        ("pic_sysphoto", pictures.clone()),
        ("pic_photo_or_album", pictures.clone()),
        ("pic_weixin", pictures),
        (
            "location_select",
            json!({"EventKey": "k", "SendLocationInfo":
                {"Location_X": 23, "Location_Y": 113.5, "Scale": 15, "Label": "L", "Poiname": ""}}),
        ),
        ("TEMPLATESENDJOBFINISH", json!({"MsgID": u64::MAX, "Status": "success"})),
        ("subscribe_msg_popup_event", json!({"SubscribeMsgPopupEvent": {"List": [subscription, subscription]}})),
        ("subscribe_msg_popup_event", json!({"List": [subscription, subscription]})),
        ("subscribe_msg_change_event", json!({"SubscribeMsgChangeEvent": {"List": subscription}})),
        ("subscribe_msg_change_event", json!({"List": subscription})),
        ("subscribe_msg_sent_event", json!({"SubscribeMsgSentEvent": {"List": [sent]}})),
        ("subscribe_msg_sent_event", json!({"List": [sent, sent]})),
        (
            "MASSSENDJOBFINISH",
            json!({"MsgID": 1, "Status": "err(30003)", "TotalCount": 4, "FilterCount": 3, "SentCount": 2, "ErrorCount": 1,
                "CopyrightCheckResult": {"Count": 1, "ResultList": {"item": {"ArticleIdx": 7}}, "CheckState": 2},
                "ArticleUrlResult": {"Count": 2, "ResultList": {"item":
                    [{"ArticleIdx": 1, "ArticleUrl": "u"}, {"ArticleIdx": 2, "ArticleUrl": "v"}]}}}),
        ),
        (
            "PUBLISHJOBFINISH",
            json!({"PublishEventInfo": {"publish_id": 2_247_503_051_u64, "publish_status": 2, "article_id": "A",
                "article_detail": {"count": 1, "item": [{"idx": 1, "article_url": "u"}]}, "fail_idx": [1, 2]}}),
        ),
        ("kf_create_session", json!({"KfAccount": "a@gh"})),
        ("kf_close_session", json!({"KfAccount": "a@gh", "CloseType": "KF"})),
        ("kf_switch_session", json!({"FromKfAccount": "a@gh", "ToKfAccount": "b@gh"})),
        ("user_info_modified", authorization.clone()),
        ("user_authorization_revoke", authorization.clone()),
        ("user_authorization_cancellation", authorization),
        ("qualification_verify_success", expires.clone()),
        ("naming_verify_success", expires.clone()),
        ("annual_renew", expires.clone()),
        ("verify_expired", expires),
        ("qualification_verify_fail", fails.clone()),
        ("naming_verify_fail", fails),
    ]
}

/// Events that WeChat sends and that have no case of their own, and names that only resemble others.
const OTHERS: [&str; 64] = [
    "card_pass_check",
    "card_not_pass_check",
    "card_sku_remind",
    "card_pay_order",
    "user_get_card",
    "user_gifting_card",
    "user_del_card",
    "user_consume_card",
    "user_pay_from_pay_cell",
    "user_view_card",
    "user_enter_session_from_card",
    "update_member_card",
    "submit_membercard_user_info",
    "merchant_order",
    "poi_check_notify",
    "WifiConnected",
    "ShakearoundUserShake",
    "user_scan_product",
    "user_scan_product_enter_session",
    "user_scan_product_async",
    "user_scan_product_verify_action",
    "user_authorize_invoice",
    "update_invoice_status",
    "submit_invoice_title",
    "user_enter_tempsession",
    "wxa_media_check",
    "weapp_audit_success",
    "weapp_audit_fail",
    "weapp_audit_delay",
    "wxa_nickname_audit",
    "wxa_illegal_record",
    "wxa_appeal_record",
    "wxa_privacy_apply",
    "wxa_category_audit",
    "guide_qrcode_scan_event",
    "guide_invite_result_event",
    "trade_manage_remind_shipping",
    "trade_manage_remind_access_api",
    "trade_manage_order_settlement",
    "xpay_goods_deliver_notify",
    "xpay_coin_pay_notify",
    "open_product_order_pay",
    "open_product_order_confirm",
    "bind",
    "unbind",
    "device_subscribe_status",
    "device_unsubscribe_status",
    "subscribe_status",
    "unsubscribe_status",
    "subscribed",
    "unsubscribed",
    "scan_",
    "",
    "事件",
    "CLICK ",
    "view_",
    "location_",
    "pic",
    "kf",
    "masssend",
    "publish",
    "event",
    "text",
    "verify",
];

/// The whole message of that type as a JSON object.
fn whole(msg_type: &str, members: &Value) -> Value {
    let mut all = json!({"ToUserName": "gh_24c0ffee", "FromUserName": "oWeft0001", "CreateTime": 1_767_225_600_u64,
        "MsgType": msg_type, "MsgId": 24_086_087_575_195_331_u64});
    let (all_members, members) = (all.as_object_mut().unwrap(), members.as_object().unwrap());
    all_members.extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

fn whole_event(name: &str, members: &Value) -> Value {
    let mut members = members.clone();
    members["Event"] = name.into();
    whole("event", &members)
}

/// The same as XML: a member becomes an element, an array one that repeats.
pub(crate) fn to_xml(name: &str, value: &Value) -> String {
    let inside = match value {
        Value::Array(values) => return values.iter().map(|value| to_xml(name, value)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| to_xml(name, value)).collect(),
        Value::String(text) => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    format!("<{name}>{inside}</{name}>")
}

/// The same with every number as a string.
fn quoted(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::Array(values) => values.iter().map(quoted).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), quoted(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// What all ways to write the same come to.
fn parsed(whole: &Value) -> Message {
    let message = Message::parse(&to_xml("xml", whole)).unwrap();
    for body in [whole.to_string(), format!("{whole:#}"), quoted(whole).to_string(), to_xml("xml", &quoted(whole))] {
        assert_eq!(Message::parse(&body).unwrap(), message, "{body}");
        assert_eq!(fields(&body), fields(&whole.to_string()));
    }
    message
}

#[test]
fn every_message_is_the_same_in_xml_and_json() {
    for (msg_type, members) in messages() {
        let message = parsed(&whole(msg_type, &members));
        assert_eq!(message.msg_type(), msg_type);
        assert_eq!(message.id, Some(24_086_087_575_195_331));
        assert!(!matches!(message.content, Content::Other(_) | Content::Event(_)), "{message:?}");
    }
}

#[test]
fn every_event_is_the_same_in_xml_and_json() {
    for (name, members) in events() {
        let message = parsed(&whole_event(name, &members));
        assert_eq!(message.event_name(), Some(name));
        let Content::Event(event) = message.content else { panic!("{name}") };
        assert!(!matches!(event, Event::Other(_)), "{event:?}");
    }
}

#[test]
fn names_compare_without_regard_to_case_in_types_too() {
    for (msg_type, members) in messages() {
        let usual = parsed(&whole(msg_type, &members));
        assert_eq!(parsed(&whole(&msg_type.to_uppercase(), &members)), usual);
    }
    for (name, members) in events() {
        let usual = parsed(&whole_event(name, &members));
        for name in [name.to_uppercase(), name.to_lowercase()] {
            assert_eq!(parsed(&whole_event(&name, &members)), usual);
        }
        let mut shouted = whole_event(name, &members);
        shouted["MsgType"] = "EVENT".into();
        assert_eq!(parsed(&shouted), usual);
    }
}

#[test]
fn what_has_no_case_of_its_own_is_kept_whole() {
    let members = json!({"EventKey": "k", "CardId": "c", "Fee": 10_000_000_000_000_000_019_u64, "isrisky": 0,
        "detail": [{"strategy": "content_model", "label": 100}, {"strategy": "keyword", "hit": true}],
        "ChosenBeacon": {"Uuid": "u", "Distance": 0.057}, "AroundBeacons": {"AroundBeacon": [{"Minor": 1}, {"Minor": 2}]}});
    let all = |whole: &Value| fields(&whole.to_string()).unwrap();
    for name in OTHERS {
        let whole = whole_event(name, &members);
        let Content::Event(Event::Other(other)) = parsed(&whole).content else { panic!("{name}") };
        assert_eq!((&*other.name, other.key.as_deref()), (name, Some("k")));
        assert_eq!(other.fields, all(&whole));
        assert!(other.fields.iter().any(|field| field.path == "Fee" && field.value == "10000000000000000019"));
        assert_eq!(other.fields.len(), 6 + 4 + 4 + 2 + 2);
    }
    for msg_type in ["hologram", "device_text", "device_event", "news", "", "Events"] {
        let whole = whole(msg_type, &members);
        let Content::Other(other) = parsed(&whole).content else { panic!("{msg_type}") };
        assert_eq!(other.kind, msg_type);
        assert_eq!(other.fields, all(&whole));
    }
}

//! Whatever a message says comes out of XML and JSON alike.

use proptest::collection::vec;
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, ZERO};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};
use weft_wechat::message::{
    Click, Content, Event, File, Link, Location, MassSendJobFinish, Message, MiniProgramPage, Pictures, Subscribe,
    Subscription, Text, Voice,
};

use crate::formats::to_xml;

/// Any text but NUL, which no body has.
fn text() -> impl Strategy<Value = String> {
    crate::properties::text().prop_map(|text| text.replace('\0', ""))
}

/// A text that is there.
fn some_text() -> impl Strategy<Value = String> {
    text().prop_map(|text| text + "x")
}

/// A content, and the members that say it.
fn content() -> impl Strategy<Value = (Content, Value)> {
    prop_oneof![media(), place(), menu(), lists()]
}

fn media() -> impl Strategy<Value = (Content, Value)> {
    prop_oneof![
        (text(), option::of(some_text())).prop_map(|(content, menu_id)| {
            let members = json!({"MsgType": "text", "Content": content, "bizmsgmenuid": menu_id});
            (Content::Text(Text { content, menu_id }), members)
        }),
        (text(), text(), option::of(some_text())).prop_map(|(media_id, format, recognition)| {
            let members =
                json!({"MsgType": "voice", "MediaId": media_id, "Format": format, "Recognition": recognition});
            (Content::Voice(Voice { media_id, format, recognition }), members)
        }),
        (text(), text(), text()).prop_map(|(title, description, url)| {
            let members = json!({"MsgType": "link", "Title": title, "Description": description, "Url": url});
            (Content::Link(Link { title, description, url }), members)
        }),
        (text(), any::<u64>()).prop_map(|(title, size)| {
            let members = json!({"MsgType": "file", "Title": title, "FileTotalLen": size});
            let [description, key, md5] = Default::default();
            (Content::File(File { title, description, key, md5, size }), members)
        }),
        (text(), text()).prop_map(|(appid, path)| {
            let members = json!({"MsgType": "miniprogrampage", "AppId": appid, "PagePath": path});
            let [title, thumb_url, thumb_media_id] = Default::default();
            (Content::MiniProgramPage(MiniProgramPage { title, appid, path, thumb_url, thumb_media_id }), members)
        }),
    ]
}

fn place() -> impl Strategy<Value = (Content, Value)> {
    let degrees = || POSITIVE | NEGATIVE | NORMAL | ZERO;
    (degrees(), degrees(), any::<i32>(), text()).prop_map(|(latitude, longitude, scale, label)| {
        let members =
            json!({"MsgType": "location", "Location_X": latitude, "Location_Y": longitude, "Scale": scale, "Label": label});
        (Content::Location(Location { latitude, longitude, scale, label }), members)
    })
}

fn menu() -> impl Strategy<Value = (Content, Value)> {
    prop_oneof![
        Just((Content::Event(Event::Unsubscribe), json!({"MsgType": "event", "Event": "unsubscribe"}))),
        text().prop_map(|key| {
            let members = json!({"MsgType": "event", "Event": "CLICK", "EventKey": key});
            (Content::Event(Event::Click(Click { key })), members)
        }),
        (some_text(), option::of(some_text())).prop_map(|(scene, ticket)| {
            let key = format!("qrscene_{scene}");
            let members = json!({"MsgType": "event", "Event": "subscribe", "EventKey": key, "Ticket": ticket});
            (Content::Event(Event::Subscribe(Subscribe { key, scene: Some(scene), ticket })), members)
        }),
    ]
}

fn lists() -> impl Strategy<Value = (Content, Value)> {
    prop_oneof![
        (any::<u32>(), vec("[0-9a-f]{32}", 0..9)).prop_map(|(count, md5_sums)| {
            let items: Vec<_> = md5_sums.iter().map(|sum| json!({"PicMd5Sum": sum})).collect();
            let members = json!({"MsgType": "event", "Event": "pic_weixin",
                "SendPicsInfo": {"Count": count, "PicList": {"item": items}}});
            (Content::Event(Event::PicWeixin(Pictures { key: String::new(), count, md5_sums })), members)
        }),
        vec((text(), text(), option::of(any::<u32>())), 0..9).prop_map(|entries| {
            let list: Vec<_> = entries
                .iter()
                .map(|(id, status, scene)| json!({"TemplateId": id, "SubscribeStatusString": status, "PopupScene": scene}))
                .collect();
            let subscription =
                |(template_id, status, popup_scene)| Subscription { template_id, status, popup_scene };
            let members = json!({"MsgType": "event", "Event": "subscribe_msg_popup_event", "List": list});
            (Content::Event(Event::SubscribeMsgPopup(entries.into_iter().map(subscription).collect())), members)
        }),
        (any::<[u64; 5]>(), text()).prop_map(|([msg_id, total_count, filter_count, sent_count, error_count], status)| {
            let members = json!({"MsgType": "event", "Event": "MASSSENDJOBFINISH", "MsgID": msg_id, "Status": status,
                "TotalCount": total_count, "FilterCount": filter_count, "SentCount": sent_count, "ErrorCount": error_count});
            let (articles, copyright) = (Vec::new(), None);
            let finish = MassSendJobFinish {
                msg_id, status, total_count, filter_count, sent_count, error_count, articles, copyright,
            };
            (Content::Event(Event::MassSendJobFinish(finish)), members)
        }),
    ]
}

proptest! {
    #[test]
    fn any_message_is_read_as_it_was_written(
        (content, mut members) in content(),
        (sender, receiver) in (text(), text()),
        (created_at, id) in (any::<u64>(), option::of(any::<u64>())),
    ) {
        members["FromUserName"] = sender.clone().into();
        members["ToUserName"] = receiver.clone().into();
        members["CreateTime"] = created_at.into();
        members["MsgId"] = id.into();
        let id = id.filter(|_| !matches!(content, Content::Event(_)));
        let expected = Message { sender, receiver, created_at, id, content };
        prop_assert_eq!(Message::parse(&members.to_string()).unwrap(), expected.clone());
        prop_assert_eq!(Message::parse(&to_xml("xml", &members)).unwrap(), expected);
    }
}

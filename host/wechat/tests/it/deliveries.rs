//! What tells one delivery from another.

use weft_wechat::account::{Delivery, EncodingMode};
use weft_wechat::envelope::seal;

use crate::accounts::{APPID, KEY, account, envelope, plain_query, signed_query};
use crate::{event_xml, xml};

/// A delivery that came as it is.
fn plain(body: &str) -> Delivery {
    account(EncodingMode::Plain).open(&plain_query(), body.as_bytes()).expect(body)
}

fn key(body: &str) -> String {
    plain(body).key()
}

/// One try of WeChat at the same message: everything around it is new.
fn sealed(body: &str, attempt: u8) -> Delivery {
    let encrypted = seal(&KEY.parse().unwrap(), APPID, [attempt; 16], body);
    let query = signed_query(&format!("17672256{attempt:02}"), &attempt.to_string(), Some(&encrypted));
    account(EncodingMode::Safe).open(&query, envelope(&encrypted).as_bytes()).unwrap()
}

#[test]
fn a_message_is_known_by_its_sender_and_id() {
    let hello = xml("text", "<Content>hello</Content><MsgId>24086087575195331</MsgId>");
    assert_eq!(key(&hello), "oWeft0001/24086087575195331");
    assert_eq!(key(&hello.replace("hello", "changed")), key(&hello));
    assert_ne!(key(&hello.replace("195331", "195332")), key(&hello));
    assert_ne!(key(&hello.replace("oWeft0001", "oWeft0002")), key(&hello));
}

#[test]
fn every_try_has_the_same_key() {
    let event = event_xml("CLICK", "<EventKey>k</EventKey>");
    let text = xml("text", "<Content>x</Content><MsgId>1</MsgId>");
    for body in [event, text] {
        let first = sealed(&body, 1);
        assert_eq!(first.key(), sealed(&body, 2).key());
        assert_eq!(first.key(), plain(&body).key());
        assert_eq!(first.key(), first.clone().key());
    }
}

#[test]
fn a_changing_envelope_beside_a_plain_event_makes_no_other_delivery() {
    let both = |encrypted: &str| event_xml("CLICK", &format!("<EventKey>k</EventKey><Encrypt>{encrypted}</Encrypt>"));
    assert_eq!(key(&both("first")), key(&both("second")));
}

#[test]
fn events_of_one_second_are_told_apart_by_all_that_they_say() {
    let sent = |msg_id: u8| {
        let list = format!("<List><TemplateId>t</TemplateId><MsgID>{msg_id}</MsgID><ErrorCode>0</ErrorCode></List>");
        event_xml("subscribe_msg_sent_event", &format!("<SubscribeMsgSentEvent>{list}</SubscribeMsgSentEvent>"))
    };
    let bodies = [
        event_xml("CLICK", "<EventKey>a</EventKey>"),
        event_xml("CLICK", "<EventKey>b</EventKey>"),
        event_xml("VIEW", "<EventKey>a</EventKey>"),
        event_xml("SCAN", "<EventKey>a</EventKey><Ticket>1</Ticket>"),
        event_xml("SCAN", "<EventKey>a</EventKey><Ticket>2</Ticket>"),
        event_xml("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID>"),
        event_xml("TEMPLATESENDJOBFINISH", "<MsgID>2</MsgID>"),
        sent(1),
        sent(2),
        event_xml("user_get_card", "<CardId>c</CardId><UserCardCode>1</UserCardCode>"),
        event_xml("user_get_card", "<CardId>c</CardId><UserCardCode>2</UserCardCode>"),
        event_xml("kf_create_session", "<KfAccount>a@gh</KfAccount>"),
        event_xml("kf_create_session", "<KfAccount>b@gh</KfAccount>"),
        xml("hologram", "<Content>1</Content>"),
        xml("hologram", "<Content>2</Content>"),
        xml("hologram", "<A>1</A><B>2</B>"),
        xml("hologram", "<A>1<B>2</B></A>"),
        xml("hologram", "<A>1<C>2</C></A>"),
    ];
    let mut keys: Vec<_> = bodies.iter().map(|body| key(body)).collect();
    for (body, key) in bodies.iter().zip(&keys) {
        assert!(key.starts_with("oWeft0001/1767225600/"), "{key}");
        assert_eq!(*key, self::key(body));
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), bodies.len());
}

#[test]
fn how_an_event_is_written_does_not_matter() {
    let event = event_xml("CLICK", "<EventKey><![CDATA[a&b]]></EventKey>");
    let spaced = event_xml("CLICK", "\n  <EventKey>\n a&amp;b </EventKey>\n<!-- x -->\n");
    let json = r#"{"ToUserName":"gh_24c0ffee","FromUserName":"oWeft0001","CreateTime":1767225600,
        "MsgType":"event","Event":"CLICK","EventKey":"a\u0026b"}"#;
    assert_eq!(key(&spaced), key(&event));
    assert_eq!(key(json), key(&event));
}

#[test]
fn a_key_is_short_whoever_sends() {
    let from = |sender: &str| xml("text", "<MsgId>18446744073709551615</MsgId>").replace("oWeft0001", sender);
    let long = "o".repeat(10_000);
    assert!(key(&from(&long)).len() < 128);
    assert_ne!(key(&from(&long)), key(&from(&format!("{long}o"))));
    assert_eq!(key(&from(&"o".repeat(64))), format!("{}/18446744073709551615", "o".repeat(64)));
    let event = event_xml("CLICK", "").replace("1767225600", "18446744073709551615").replace("oWeft0001", &long);
    assert!(key(&event).len() < 128);
}

//! The protocol, seen from outside: bytes in, values out.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod accounts;
mod any_message;
mod any_reply;
mod api;
mod deliveries;
mod envelopes;
mod events;
mod formats;
mod hostile;
mod json;
mod messages;
mod pay;
mod properties;
mod replies;
mod sent;
mod signatures;
mod texts;
mod vectors;

use weft_wechat::message::{Content, Event, Message};

/// An XML message of that type with these elements besides the ones that every message has.
fn xml(msg_type: &str, elements: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_24c0ffee]]></ToUserName>\
         <FromUserName><![CDATA[oWeft0001]]></FromUserName>\
         <CreateTime>1767225600</CreateTime>\
         <MsgType><![CDATA[{msg_type}]]></MsgType>{elements}</xml>"
    )
}

/// An XML event of that name.
fn event_xml(name: &str, elements: &str) -> String {
    xml("event", &format!("<Event><![CDATA[{name}]]></Event>{elements}"))
}

/// What a good message says.
fn content(body: &str) -> Content {
    Message::parse(body).expect(body).content
}

/// What a good event says.
fn event(name: &str, elements: &str) -> Event {
    match content(&event_xml(name, elements)) {
        Content::Event(event) => event,
        other => panic!("{name} became {other:?}"),
    }
}

//! A first plugin: it greets whoever writes.

use weft_plugin::prelude::*;

/// Chinese and English greetings. The feature `formal` shows a changed plugin taking over.
const GREETING: (&str, &str) = if cfg!(feature = "formal") { ("您好", "Good day") } else { ("你好", "Hello") };

/// Answers texts, pictures and new followers.
#[message_handler]
fn greet(message: Message, context: Context) -> Option<String> {
    let (chinese, english) = GREETING;
    match message.content {
        Content::Text(text) => Some(format!("{english} / {chinese}：{}", text.content)),
        Content::Image(_) => Some("A nice picture! / 图片真好看！".to_owned()),
        Content::Event(Event::Subscribe(_)) => Some(format!("Welcome to {0}! / 欢迎关注 {0}！", context.app().title)),
        _ => None,
    }
}

/// Greets important people by their openid.
#[message_handler]
fn vip(message: Message) -> String {
    log::info!(openid = message.sender; "a vip wrote");
    format!("At your service / 为您服务：{}", message.sender)
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::{TestHost, event, image, subscribe, text};

    use super::*;

    #[test]
    fn a_text_is_greeted() {
        let expected = if cfg!(feature = "formal") { "Good day / 您好：hi" } else { "Hello / 你好：hi" };
        assert_eq!(greet(text("o1", "hi"), Context::test()).as_deref(), Some(expected));
    }

    #[test]
    fn a_picture_is_praised() {
        let reply = greet(image("o1", "media-1"), Context::test()).unwrap();
        assert!(reply.contains("picture"), "{reply}");
    }

    #[test]
    fn a_new_follower_is_welcome() {
        let reply = greet(subscribe("o1"), Context::test()).unwrap();
        assert!(reply.starts_with("Welcome to Demo!"), "{reply}");
    }

    #[test]
    fn other_events_are_left_alone() {
        assert_eq!(greet(event("o1", Event::Unsubscribe), Context::test()), None);
    }

    #[test]
    fn a_vip_is_greeted_and_logged() {
        let host = TestHost::new();
        assert!(vip(text("o1", "hi")).ends_with("o1"));
        assert_eq!(host.logs()[0].message, "a vip wrote");
    }
}

//! By which QR code somebody came: who follows through one gets its tag, and its welcome.
//!
//! The operator says which there are, and grants `users`:
//! `{"config": {"scenes": {"shop-1": {"tag": "一号店", "welcome": "欢迎光临一号店"}}}, "users": true}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use weft_plugin::prelude::*;

asks! {
    users: true,
    config_schema: r#"{"type": "object", "properties": {"scenes": {"type": "object", "additionalProperties": {
        "type": "object", "required": ["tag", "welcome"],
        "properties": {"tag": {"type": "string", "maxLength": 30}, "welcome": {"type": "string"}}}}}}"#,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    scenes: BTreeMap<String, Scene>,
}

#[derive(Deserialize)]
struct Scene {
    tag: String,
    welcome: String,
}

/// Tags and welcomes who comes through a QR code.
#[message_handler]
fn attribute(message: Message, context: Context) -> Result<Option<String>> {
    let scene = match &message.content {
        Content::Event(Event::Subscribe(subscribe)) => subscribe.scene.as_deref(),
        Content::Event(Event::Scan(scan)) => Some(scan.scene.as_str()),
        _ => None,
    };
    let mut config: Config = context.config()?;
    let Some(Scene { tag, welcome }) = scene.and_then(|scene| config.scenes.remove(scene)) else { return Ok(None) };
    // The welcome does not depend on it.
    if let Err(error) = users::add_tag(&message.sender, &tag) {
        log::warn!(openid = message.sender, tag = tag; "the user has no tag: {error}");
    }
    Ok(Some(welcome))
}

#[cfg(test)]
mod tests {
    use weft_plugin::{
        message::Subscribe,
        testing::{TestHost, event, scan, text, user},
    };

    use super::*;

    fn host() -> TestHost {
        let shop = serde_json::json!({"tag": "一号店", "welcome": "欢迎光临一号店"});
        TestHost::new().config(&serde_json::json!({"scenes": {"shop-1": shop}})).user(user("o1"))
    }

    fn follows(scene: Option<&str>) -> Message {
        let key = scene.map(|scene| format!("qrscene_{scene}")).unwrap_or_default();
        event("o1", Event::Subscribe(Subscribe { key, scene: scene.map(Into::into), ticket: None }))
    }

    #[test]
    fn who_follows_or_scans_is_tagged_and_welcome() {
        for message in [follows(Some("shop-1")), scan("o1", "shop-1")] {
            let host = host().grant_asked();
            assert_eq!(attribute(message, host.context()), Ok(Some("欢迎光临一号店".into())));
            assert_eq!(users::find("o1").unwrap().unwrap().tags[0].name, "一号店");
        }
    }

    #[test]
    fn others_are_left_alone() {
        for message in [follows(None), follows(Some("shop-2")), scan("o1", "shop-2"), text("o1", "shop-1")] {
            assert_eq!(attribute(message, host().context()), Ok(None));
        }
    }

    #[test]
    fn without_the_grant_the_welcome_stays_and_the_log_says_why() {
        let host = host();
        assert!(attribute(scan("o1", "shop-1"), host.context()).unwrap().is_some());
        assert!(host.logs()[0].message.contains("denied"), "{:?}", host.logs());
    }
}

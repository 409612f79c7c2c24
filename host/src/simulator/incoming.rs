//! What a user does, as the XML that WeChat makes of it.

/// Something that a user does.
#[derive(Debug, Clone)]
pub struct Incoming {
    openid: String,
    /// `MsgType` and what follows it.
    elements: String,
    /// Events have no `MsgId`.
    has_id: bool,
}

impl Incoming {
    /// Writes a text.
    pub fn text(openid: &str, content: &str) -> Self {
        Self::message(openid, "text", &element("Content", content))
    }

    /// Sends a picture.
    pub fn image(openid: &str, media_id: &str) -> Self {
        let url = element("PicUrl", &format!("http://mmbiz.qpic.cn/{media_id}"));
        Self::message(openid, "image", &format!("{url}{}", element("MediaId", media_id)))
    }

    /// Follows the account; `scene` is what the QR code that they scanned stands for.
    pub fn subscribe(openid: &str, scene: Option<&str>) -> Self {
        let key = scene.map(|scene| format!("qrscene_{scene}")).unwrap_or_default();
        let ticket = scene.map(|scene| element("Ticket", &format!("ticket-of-{scene}"))).unwrap_or_default();
        Self::event(openid, "subscribe", &format!("{}{ticket}", element("EventKey", &key)))
    }

    /// No longer follows it.
    pub fn unsubscribe(openid: &str) -> Self {
        Self::event(openid, "unsubscribe", &element("EventKey", ""))
    }

    /// Taps a menu button.
    pub fn click(openid: &str, key: &str) -> Self {
        Self::event(openid, "CLICK", &element("EventKey", key))
    }

    /// A message of any type; `elements` is XML.
    pub fn message(openid: &str, msg_type: &str, elements: &str) -> Self {
        let elements = format!("{}{elements}", element("MsgType", msg_type));
        Self { openid: openid.to_owned(), elements, has_id: true }
    }

    /// An event of any name; `elements` is XML.
    pub fn event(openid: &str, event: &str, elements: &str) -> Self {
        let elements = format!("{}{}{elements}", element("MsgType", "event"), element("Event", event));
        Self { openid: openid.to_owned(), elements, has_id: false }
    }

    /// Who does it.
    pub fn openid(&self) -> &str {
        &self.openid
    }

    /// The whole message to the account `original_id`, at `now` in seconds.
    pub fn xml(&self, original_id: &str, now: u64, id: u64) -> String {
        let to = element("ToUserName", original_id);
        let from = element("FromUserName", &self.openid);
        let id = if self.has_id { format!("<MsgId>{id}</MsgId>") } else { String::new() };
        format!("<xml>{to}{from}<CreateTime>{now}</CreateTime>{}{id}</xml>", self.elements)
    }
}

/// An element with a text, as WeChat writes it.
fn element(name: &str, text: &str) -> String {
    format!("<{name}><![CDATA[{}]]></{name}>", text.replace("]]>", "]]]]><![CDATA[>"))
}

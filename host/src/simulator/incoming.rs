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

    /// A template message to the user came to its end: `success`, `failed:user block` or `failed: system failed`.
    pub fn template_finished(openid: &str, msgid: u64, status: &str) -> Self {
        let elements = format!("<MsgID>{msgid}</MsgID>{}", element("Status", status));
        Self::event(openid, "TEMPLATESENDJOBFINISH", &elements)
    }

    /// The user answers a request for subscribe messages of a template: `accept` or `reject`.
    pub fn subscribe_answer(openid: &str, template_id: &str, status: &str) -> Self {
        let (template, status) = (element("TemplateId", template_id), element("SubscribeStatusString", status));
        let list = format!("<List>{template}{status}<PopupScene>1</PopupScene></List>");
        let elements = format!("<SubscribeMsgPopupEvent>{list}</SubscribeMsgPopupEvent>");
        Self::event(openid, "subscribe_msg_popup_event", &elements)
    }

    /// A subscribe message to the user came to its end; 0 is success.
    pub fn subscribe_finished(openid: &str, template_id: &str, msgid: u64, errcode: i64, status: &str) -> Self {
        let (template, status) = (element("TemplateId", template_id), element("ErrorStatus", status));
        let list = format!("{template}<MsgID>{msgid}</MsgID><ErrorCode>{errcode}</ErrorCode>{status}");
        let elements = format!("<SubscribeMsgSentEvent><List>{list}</List></SubscribeMsgSentEvent>");
        Self::event(openid, "subscribe_msg_sent_event", &elements)
    }

    /// A mass message came to its end: `send success`, `send fail` or `err(…)`, with how many followers it was for and
    /// how many it reached. WeChat tells it in the name of no user.
    pub fn mass_finished(msg_id: u64, status: &str, total: u64, sent: u64) -> Self {
        let counts = format!(
            "<TotalCount>{total}</TotalCount><FilterCount>{total}</FilterCount><SentCount>{sent}</SentCount>\
             <ErrorCount>{}</ErrorCount>",
            total.saturating_sub(sent)
        );
        let elements = format!("<MsgID>{msg_id}</MsgID>{}{counts}", element("Status", status));
        Self::event("oWeChat", "MASSSENDJOBFINISH", &elements)
    }

    /// An event of any name with an `EventKey`, which may be empty.
    pub fn keyed_event(openid: &str, event: &str, key: &str) -> Self {
        Self::event(openid, event, &element("EventKey", key))
    }

    /// Any message or event; `elements` is XML from `MsgType` on.
    pub fn elements(openid: &str, elements: &str) -> Self {
        let has_id = !elements.contains("<Event>");
        Self { openid: openid.to_owned(), elements: elements.to_owned(), has_id }
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

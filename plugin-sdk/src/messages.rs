//! Messages outside the answer to one. Needs the grant `wechat_apis` for the path that each function
//! names.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{Sent, TestHost}};
//!
//! fn remind(openid: &str) -> Result<()> {
//!     messages::send_customer_service(openid, "您的订单已发货")?;
//!     Ok(())
//! }
//!
//! let host = TestHost::new().grant_messages();
//! remind("o1").unwrap();
//! assert_eq!(host.sent(), [Sent::CustomerService { openid: "o1".into(), content: "您的订单已发货".into() }]);
//! ```

pub use crate::bindings::imported::messages::{MiniProgram, SubscribeMessage, TemplateMessage};
use crate::{context::Field, error::Error, imports, reply::Reply};

impl TemplateMessage {
    /// A message of that template; the fields say where a tap on it leads.
    pub fn new(openid: impl Into<String>, template_id: impl Into<String>) -> Self {
        Self {
            openid: openid.into(),
            template_id: template_id.into(),
            url: None,
            mini_program: None,
            data: Vec::new(),
            client_msg_id: None,
        }
    }

    /// Says what stands in the template's place of that name, such as `thing1`.
    #[must_use]
    pub fn data(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.push(Field { path: name.into(), value: value.into() });
        self
    }
}

impl SubscribeMessage {
    /// A message of that template; the fields say where a tap on it leads.
    pub fn new(openid: impl Into<String>, template_id: impl Into<String>) -> Self {
        Self {
            openid: openid.into(),
            template_id: template_id.into(),
            page: None,
            mini_program: None,
            data: Vec::new(),
        }
    }

    /// Says what stands in the template's place of that name, such as `thing1`.
    #[must_use]
    pub fn data(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.push(Field { path: name.into(), value: value.into() });
        self
    }
}

/// Sends a customer-service message: `/cgi-bin/message/custom/send`. WeChat takes it for 48 hours after
/// the user wrote, and for a minute after the user followed, scanned a QR code or tapped a menu.
///
/// What cannot be sent, such as an empty text or [`Reply::transfer`], is [`Error::Invalid`], and what
/// WeChat refuses [`Error::Wechat`]: 45015 when that time is over. After [`Error::TimedOut`] the user may
/// have it.
pub fn send_customer_service(openid: &str, content: impl Into<Reply>) -> Result<(), Error> {
    imports::messages::send_customer_service(openid, &content.into())
}

/// Sends a template message: `/cgi-bin/message/template/send`. Returns the msgid that the event of
/// its end names.
///
/// ```
/// use weft_plugin::{messages::TemplateMessage, prelude::*, testing::TestHost};
///
/// fn shipped(openid: &str, number: &str) -> Result<u64> {
///     let message = TemplateMessage {
///         url: Some(format!("https://shop.example.com/orders/{number}")),
///         // After a failure it is sent again, and comes once.
///         client_msg_id: Some(format!("shipped-{number}")),
///         ..TemplateMessage::new(openid, "TEMPLATE_ID").data("character_string1", number).data("thing2", "一壶龙井")
///     };
///     Ok(messages::send_template(&message)?)
/// }
///
/// TestHost::new().grant_messages();
/// shipped("o1", "T20260001").unwrap();
/// ```
pub fn send_template(message: &TemplateMessage) -> Result<u64, Error> {
    imports::messages::send_template(message)
}

/// Sends a subscription message: `/cgi-bin/message/subscribe/bizsend`, and
/// `/cgi-bin/message/subscribe/send` for mini programs. The user has agreed to it before, each time
/// once; [`Event::SubscribeMsgPopup`](crate::Event::SubscribeMsgPopup) tells of it.
///
/// ```
/// use weft_plugin::{messages::SubscribeMessage, prelude::*, testing::{Sent, TestHost}};
///
/// fn arrived(openid: &str) -> Result<()> {
///     let message = SubscribeMessage::new(openid, "TEMPLATE_ID").data("thing1", "一壶龙井");
///     messages::send_subscribe(&SubscribeMessage { page: Some("pages/orders".into()), ..message })?;
///     Ok(())
/// }
///
/// let host = TestHost::new().grant_messages();
/// arrived("o1").unwrap();
/// assert!(matches!(&host.sent()[..], [Sent::Subscribe(message)] if message.data[0].value == "一壶龙井"));
/// ```
pub fn send_subscribe(message: &SubscribeMessage) -> Result<(), Error> {
    imports::messages::send_subscribe(message)
}
